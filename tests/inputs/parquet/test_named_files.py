"""Images of which a Parquet file holds the path alone."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.errors import InputError
from mnist_batch.inputs.parquet import named_files
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

OUT = "unreadable file: its path leads out of the folder of --image-root"


def written(path: Path, rows: list[Any], kind: pa.DataType = IMAGE) -> Path:
    """Write a column of images."""
    column = pa.array(rows, kind)
    pq.write_table(pa.table({"image": column, "label": pa.array([7] * len(rows))}), path)
    return path


def named(*paths: str | None) -> list[dict[str, Any]]:
    """Return images that have a path and no bytes."""
    return [{"bytes": None, "path": path} for path in paths]


def read(
    path: Path, root: Path | None = None, batch_size: int = 7
) -> list[tuple[int, bytes | None, str | None]]:
    """Return the number, bytes and error of each row; all have their label."""
    rows: list[tuple[int, bytes | None, str | None]] = []
    options = ReadOptions.of(image_root=root) if root else None
    for shard in open_inputs([path], options).shards:
        for batch in shard.read(batch_size):
            assert isinstance(batch.images, pa.Array)
            columns = (batch.row, batch.images, batch.error)
            rows += zip(*(column.to_pylist() for column in columns), strict=True)
            assert batch.label.to_pylist() == [7] * len(batch)
    return rows


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of files, and one outside of it."""
    (tmp_path / "root" / "deep").mkdir(parents=True)
    (tmp_path / "root" / "a.png").write_bytes(b"a")
    (tmp_path / "root" / "deep" / "b.png").write_bytes(b"b")
    (tmp_path / "secret.png").write_bytes(b"secret")
    return tmp_path / "root"


def test_a_path_without_bytes_is_said(tmp_path: Path) -> None:
    """With the path, and with what reads it; where there is none either, there are no bytes."""
    rows = [*named("deep/b.png", None, ""), None, {"bytes": b"own", "path": "x.png"}]
    found = read(written(tmp_path / "a.parquet", rows))
    told = "no bytes: only the path 'deep/b.png'; --image-root DIR reads such files"
    assert [row[2] for row in found] == [told, "no bytes", "no bytes", "no bytes", None]
    assert found[4][1] == b"own"


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_files_are_read_within_the_folder(tmp_path: Path, root: Path, batch_size: int) -> None:
    """By relative paths, absolute ones within it, and as Windows writes them."""
    rows = [
        *named("a.png", str(root / "deep" / "b.png"), "deep\\b.png", "gone.png"),
        {"bytes": b"own", "path": "a.png"},
        *named("./deep/b.png", None),
    ]
    found = read(written(tmp_path / "a.parquet", rows), root, batch_size)
    assert found == [
        (0, b"a", None), (1, b"b", None), (2, b"b", None), (3, None, "missing file"),
        (4, b"own", None), (5, b"b", None), (6, None, "no bytes"),
    ]  # fmt: skip


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path, root: Path) -> None:
    """Neither by `..`, nor by an absolute path, nor by a link to a file or a folder."""
    (root / "link.png").symlink_to(tmp_path / "secret.png")
    (root / "folder").symlink_to(tmp_path)
    (root / "inside.png").symlink_to(root / "a.png")
    paths = [
        "../secret.png", "deep/../../secret.png", "deep/../a.png", str(tmp_path / "secret.png"),
        "link.png", "folder/secret.png", "/etc/passwd", str(root) + "x/a.png", "..",
    ]  # fmt: skip
    found = read(written(tmp_path / "a.parquet", named(*paths, "inside.png")), root)
    assert [row[1:] for row in found] == [(None, OUT)] * len(paths) + [(b"a", None)]


def test_what_is_no_file_is_a_row(tmp_path: Path, root: Path) -> None:
    """A folder, a pipe and a path that none can be."""
    os.mkfifo(root / "pipe")
    found = read(written(tmp_path / "a.parquet", named("deep", "pipe", "a\0b", "n" * 300)), root)
    assert all(row[1] is None for row in found)
    assert all(str(row[2]).startswith("unreadable file") for row in found)


def test_a_link_that_comes_meanwhile_is_not_followed(root: Path, tmp_path: Path) -> None:
    """The path was found to lie within; then a folder of it becomes a link."""
    (root / "new").symlink_to(tmp_path)
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        named_files._open_within(str(root), "new/secret.png")
    (root / "new.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(OSError, match="symbolic links"):
        named_files._open_within(str(root), "new.png")


def test_large_files_come_in_small_batches(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is there once all the same."""
    monkeypatch.setattr(named_files, "BATCH_BYTES", 1000)
    for number in range(10):
        (root / f"{number}.png").write_bytes(bytes([number]) * 400)
    path = written(tmp_path / "a.parquet", named(*(f"{number}.png" for number in range(10))))
    (shard,) = open_inputs([path], ReadOptions.of(image_root=root)).shards
    batches = [*shard.read(100)]
    assert max(len(batch) for batch in batches) == 3
    found = [one for batch in batches for one in batch.images.to_pylist()]  # type: ignore[union-attr]
    assert found == [bytes([number]) * 400 for number in range(10)]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_column_of_paths_is_read_so_too(tmp_path: Path, root: Path, kind: pa.DataType) -> None:
    """Without a folder a line says what to do."""
    path = written(tmp_path / "a.parquet", ["a.png", "deep/b.png", None], kind)
    assert read(path, root) == [(0, b"a", None), (1, b"b", None), (2, None, "no bytes")]
    with pytest.raises(InputError, match="column 'image' may hold their paths: pass image_root"):
        open_inputs([path])


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """Before anything is read."""
    path = written(tmp_path / "a.parquet", named("a.png"))
    with pytest.raises(InputError, match="gone: no such folder; expected that of the images"):
        open_inputs([path], ReadOptions.of(image_root=tmp_path / "gone"))
