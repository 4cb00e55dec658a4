"""What shards are read from, told apart."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions


def _prints(source: Path, options: ReadOptions | None = None) -> list[str]:
    return [shard.fingerprint() for shard in open_inputs([source], options).shards]


def _grow(path: Path) -> None:
    status = path.stat()
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _touch(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def _rename(path: Path) -> None:
    path.rename(path.with_name("x.png"))


def _relabel(path: Path) -> None:
    path.rename(path.parent.parent / "3" / path.name)


@pytest.mark.parametrize("change", [_grow, _touch, _rename, _relabel, Path.unlink])
def test_a_changed_image_changes_the_fingerprint(
    tmp_path: Path, digits_folder: Path, change: Callable[[Path], object]
) -> None:
    """Its size, its time, its name, its label, or that it is there."""
    folder = tmp_path / "digits"
    shutil.copytree(digits_folder, folder)
    before = _prints(folder)
    assert _prints(folder) == before
    change(sorted((folder / "7").iterdir())[0])
    assert _prints(folder) != before


def test_labels_of_a_file_change_the_fingerprint(tmp_path: Path, digits_folder: Path) -> None:
    """They are known before the images are read."""
    images = sorted(path.relative_to(digits_folder) for path in digits_folder.rglob("*.png"))
    labels = tmp_path / "labels.csv"
    found = []
    for last in (1, 2):
        rows = [f"{path},{last if path == images[-1] else 0}" for path in images]
        labels.write_text("\n".join(["file_name,label", *rows]))
        found.append(_prints(digits_folder, ReadOptions(labels=str(labels))))
    assert found[0] != found[1] != _prints(digits_folder)


def test_parquet_changes_with_its_file_and_columns(tmp_path: Path, digits_parquet: Path) -> None:
    """The file itself, its time and size, and which column is the label; not with its folder."""
    (tmp_path / "moved").mkdir()
    path = tmp_path / "digits.parquet"
    shutil.copy2(digits_parquet, path)
    assert _prints(path) != _prints(digits_parquet)  # which may hold anything
    before = _prints(path)
    path = path.rename(tmp_path / "moved" / path.name)  # as a whole folder is
    assert _prints(path) == before
    assert _prints(path, ReadOptions(labels="none")) != before
    _touch(path)
    assert _prints(path) != before


def test_labels_of_parquet_count_as_they_were_read(tmp_path: Path, digits_parquet: Path) -> None:
    """A file of labels that is written again later is another, also right after it was read."""
    labels = tmp_path / "labels.csv"
    for later in ("source,row,label\nx,0,2\n", None):
        labels.write_text("source,row,label\nx,0,1\n")
        opened = open_inputs([digits_parquet], ReadOptions(labels=str(labels)))
        labels.write_text(later) if later else labels.unlink()
        found = [shard.fingerprint() for shard in opened.shards]
        labels.write_text("source,row,label\nx,0,1\n")
        assert found == _prints(digits_parquet, ReadOptions(labels=str(labels)))


def test_the_shards_of_one_file_differ(tmp_path: Path) -> None:
    """Their rows are others."""
    path = tmp_path / "digits.parquet"
    pq.write_table(pa.table({"image": [b""] * 17_000}), path, row_group_size=100)
    prints = _prints(path)
    assert len(set(prints)) == len(prints) > 1


def test_the_first_source_is_that_of_the_first_row(
    digits_folder: Path, digits_parquet: Path
) -> None:
    """As the predictions name it."""
    for source, expected in ((digits_folder, "0/00000.png"), (digits_parquet, "digits.parquet")):
        (shard,) = open_inputs([source]).shards
        assert shard.source == expected == next(shard.read(1)).source[0].as_py()


def test_what_cannot_be_read_at_all_has_one_too(tmp_path: Path, digits_parquet: Path) -> None:
    """Another one than where it can."""
    shutil.copy2(digits_parquet, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"no Parquet")
    before = _prints(tmp_path)
    shutil.copy2(digits_parquet, tmp_path / "b.parquet")
    assert set(before).isdisjoint(_prints(tmp_path))


@pytest.mark.parametrize("kind", ["images", "parquet", "csv", "npy", "npz", "idx"])
def test_a_portable_fingerprint_is_that_of_a_copy_with_its_times(
    tmp_path: Path, digits_folder: Path, digits_parquet: Path, kind: str
) -> None:
    """Other machines see the file with another inode; one of another time is another file."""
    there, copy = tmp_path / "there", tmp_path / "copy"
    _write(kind, there, digits_folder, digits_parquet)
    shutil.copytree(there, copy)
    original, copied = (_portable(folder) for folder in (there, copy))
    assert original == copied
    assert _prints(there) != _prints(copy)
    for file in sorted(copy.rglob("*.*")):
        before = _portable(copy)
        _touch(file)
        assert _portable(copy) != before


def _portable(source: Path) -> list[str]:
    return [shard.fingerprint() for shard in open_inputs([source], portable=True).shards]


def _write(kind: str, folder: Path, images: Path, parquet: Path) -> None:
    """Write digits as files of a kind into a new folder; those of IDX with their labels."""
    if kind == "images":
        shutil.copytree(images, folder)
        return
    folder.mkdir()
    pixels, labels = (
        np.arange(3 * 784, dtype=np.uint8).reshape(3, 28, 28),
        np.array([1, 2, 3], np.uint8),
    )
    if kind == "parquet":
        shutil.copy2(parquet, folder / "a.parquet")
    elif kind == "csv":
        rows = np.column_stack([labels, pixels.reshape(3, 784)])
        np.savetxt(folder / "a.csv", rows, "%d", delimiter=",")
    elif kind == "npy":
        np.save(folder / "a.npy", pixels)
    elif kind == "npz":
        np.savez(folder / "a.npz", x=pixels, y=labels)
    else:
        (folder / "a-images-idx3-ubyte").write_bytes(
            bytes([0, 0, 8, 3, *(0, 0, 0, 3), *(0, 0, 0, 28), *(0, 0, 0, 28)]) + pixels.tobytes()
        )
        (folder / "a-labels-idx1-ubyte").write_bytes(
            bytes([0, 0, 8, 1, *(0, 0, 0, 3)]) + labels.tobytes()
        )
