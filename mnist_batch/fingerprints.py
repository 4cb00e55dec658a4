"""What shards are read from, as text that is another one where the predictions may be others."""

import hashlib
import os
from pathlib import Path

from mnist_batch.image_files import ImageFileShard
from mnist_batch.parquet_files import ParquetShard
from mnist_batch.shards import Shard, UnreadableSource


def fingerprint(shard: Shard) -> str:
    """Return a SHA-256, in hexadecimal, of what the rows of a shard are read from.

    Names, sizes and times of files go into it, which columns are read, and labels that are known
    before the files are.

    Args:
        shard: one of `sources.open_inputs`.
    """
    found = hashlib.sha256()
    for text in _texts(shard):
        content = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        found.update(b"%d " % len(content) + content)  # no other texts are the same bytes
    return found.hexdigest()


def first_source(shard: Shard) -> str:
    """Return what the first row of a shard is read from, as `sources.open_inputs` names it."""
    if isinstance(shard, ImageFileShard):
        return shard.sources[0]
    if isinstance(shard, UnreadableSource):
        return shard.source
    assert isinstance(shard, ParquetShard), "there are no shards of other kinds"
    return shard.file.source


def _texts(shard: Shard) -> list[str | bytes]:
    if isinstance(shard, ImageFileShard):
        labels = shard.labels.fill_null(-1).to_numpy(zero_copy_only=False)
        states = map(file_state, shard.paths)
        return ["\0".join(shard.sources), "\0".join(states), labels.tobytes()]
    if isinstance(shard, UnreadableSource):
        return [shard.source, shard.error]
    assert isinstance(shard, ParquetShard), "there are no shards of other kinds"
    file = shard.file
    return [
        file.source,
        file_state(file.path),
        f"{shard.first_row} {shard.rows}",
        file.image_path,
        file.label or "",
        file_state(file.label_file.path) if file.label_file else "",
    ]


def file_state(path: str | Path) -> str:
    """Return size and time of a file as text; empty where there is none to be had."""
    try:
        status = os.stat(path)  # noqa: PTH116 - of 60,000 files Path objects would take a second
    except (OSError, ValueError):  # a null character in the path
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def file_size(path: str | Path) -> int:
    """Return the bytes of a file; 0 where there is none to be had."""
    return int(file_state(path).partition(" ")[0] or 0)
