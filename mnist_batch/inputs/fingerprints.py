"""What shards are read from, as text that is another one where the predictions may be others."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_batch.inputs.image_files import ImageFileShard
from mnist_batch.inputs.parquet.files import ParquetShard
from mnist_batch.inputs.shards import Shard, UnreadableSource

FileStates = npt.NDArray[np.int64]
"""Bytes, time of the last change in nanoseconds, and inode of n files: (n, 3), -1 where there is
none. By the inode a file is known from another that was unpacked with the same size and time."""


_LARGEST = 2**63 - 1


def fingerprint(shard: Shard, states: FileStates | None = None) -> str:
    """Return a SHA-256, in hexadecimal, of what the rows of a shard are read from.

    Names, sizes, times and inodes of files go into it, which columns are read, and labels that are
    known before the files are.

    Args:
        shard: one of `sources.open_inputs`.
        states: of its image files, where they are known; None to ask for them.
    """
    found = hashlib.sha256()
    for text in _texts(shard, states):
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


def file_states(paths: Sequence[str | Path]) -> FileStates:
    """Return size, time and inode of files."""
    states = np.full((len(paths), 3), -1, np.int64)
    for place, path in enumerate(paths):
        try:
            # Of 60,000 files Path objects would take a second.
            status = os.stat(path)  # noqa: PTH116
        except (OSError, ValueError):  # a null character in the path
            continue
        # An inode may have all 64 bits.
        states[place] = status.st_size, status.st_mtime_ns, status.st_ino & _LARGEST
    return states


def _texts(shard: Shard, states: FileStates | None) -> list[str | bytes]:
    if isinstance(shard, ImageFileShard):
        labels = shard.labels.fill_null(-1).to_numpy(zero_copy_only=False)
        states = file_states(shard.paths) if states is None else states
        return ["\0".join(shard.sources), states.tobytes(), labels.tobytes()]
    if isinstance(shard, UnreadableSource):
        return [shard.source, shard.error]
    assert isinstance(shard, ParquetShard), "there are no shards of other kinds"
    file = shard.file
    label_files = [file.label_file.path] if file.label_file else []
    return [
        file.source,
        file_states([file.path, *label_files]).tobytes(),
        f"{shard.first_row} {shard.rows}",
        file.image_path,
        file.label or "",
    ]
