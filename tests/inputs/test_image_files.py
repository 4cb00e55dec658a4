"""Image files: what reading each one gives, in batches and shards."""

import os
import pickle
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mnist_batch.inputs import image_files
from mnist_batch.inputs.image_files import ImageFileShard, open_image_files
from mnist_batch.inputs.shards import NamedFiles, ReadSettings
from mnist_batch.inputs.texts import Texts
from mnist_batch.schema import ImageBatch
from tests.support.small_files import touch


def shard_of(paths: list[str]) -> ImageFileShard:
    """Return a shard of files that are called as their paths."""
    return ImageFileShard(paths, paths, pa.nulls(len(paths), pa.int8()))


Row = tuple[str, int, int | None, bytes | None, str | None]


def rows(batches: Iterable[ImageBatch]) -> list[Row]:
    """Return all rows of batches as tuples: source, row, label, bytes, error."""
    found: list[Row] = []
    for batch in batches:
        assert isinstance(batch.images, pa.Array)
        columns = (batch.source, batch.row, batch.label, batch.images, batch.error)
        found += zip(*(column.to_pylist() for column in columns), strict=True)
    return found


def error_of(path: Path | str) -> str | None:
    """Return the error of reading one file."""
    ((*_, content, error),) = rows(shard_of([str(path)]).read(1))
    assert (content is None) == (error is not None)
    return error


@pytest.mark.usefixtures("both_codes")
@pytest.mark.parametrize("batch_size", [1, 7, 20, 100])
def test_rows_do_not_depend_on_batches(tmp_path: Path, batch_size: int) -> None:
    """Batches of any size give all files in order, each with its own bytes, label and error."""
    names = [f"{i}.png" for i in range(20)]
    for i, name in enumerate(names):
        (tmp_path / name).write_bytes(bytes([i]) * (i * 1000))
    (tmp_path / "13.png").unlink()
    labels = pa.array([i % 10 if i % 3 else None for i in range(-1, 20)], pa.int8()).slice(1)
    shard = ImageFileShard([str(tmp_path / name) for name in names], names, labels)
    assert shard.rows == 20
    batches = list(shard.read(batch_size))
    assert max(map(len, batches)) <= batch_size
    assert rows(batches) == [
        (
            f"{i}.png",
            0,
            i % 10 if i % 3 else None,
            None if i == 13 else bytes([i]) * (i * 1000),
            "missing file" if i == 13 else None,
        )
        for i in range(20)
    ]


@pytest.mark.usefixtures("both_codes")
@settings(deadline=None)
@given(st.lists(st.integers(0, 20), max_size=12), st.integers(1, 13), st.integers(1, 30))
@example([0, 20], 2, 20)  # what comes behind an empty file fills the batch
@example([5, 0, 20, 3], 4, 24)
def test_any_cut_gives_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], batch_size: int, batch_bytes: int
) -> None:
    """Whatever limits rows and bytes of a batch, all rows come once and in order."""
    folder = tmp_path_factory.mktemp("cuts")
    folder.mkdir(exist_ok=True)
    paths = [str(folder / f"{i}.png") for i in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        Path(path).write_bytes(b"x" * size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_files, "BATCH_BYTES", batch_bytes)
        batches = list(shard_of(paths).read(batch_size))
    assert all(0 < len(batch) <= batch_size for batch in batches)
    for batch in batches:  # it ends with the file that fills it
        assert sum(len(row[3] or b"") for row in rows([batch])[:-1]) < batch_bytes
    found = rows(batches)
    assert [row[0] for row in found] == paths
    assert [len(row[3] or b"") for row in found] == sizes


@pytest.mark.usefixtures("both_codes")
@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 2**20, 2**20 + 65536, 3 * 2**20 + 1])
def test_files_of_any_size_are_read_whole(tmp_path: Path, size: int) -> None:
    """Sizes about those of the system calls lose no byte."""
    content = os.urandom(size)
    (tmp_path / "a.png").write_bytes(content)
    ((*_, found, error),) = rows(shard_of([str(tmp_path / "a.png")]).read(1))
    assert (found, error) == (content, None)


def test_enormous_file_is_a_row_with_its_reason(tmp_path: Path) -> None:
    """A file over 128 MiB, here one that is nearly all a hole, is not kept."""
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(128 * 2**20 + 1)
    assert error_of(tmp_path / "a.png") == "too large: a file over 134217728 bytes"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("gone.png", "missing file"),
        ("", "missing file"),
        ("a.png/b.png", "unreadable file: Not a directory"),
        ("n" * 300 + ".png", "unreadable file: File name too long"),
        ("a\0b.png", "unreadable file: a null character in the path"),
    ],
)
def test_path_that_cannot_be_opened_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, error: str
) -> None:
    """Whatever is wrong with a path, it is one row with its reason."""
    touch(tmp_path, "a.png")
    monkeypatch.chdir(tmp_path)
    assert error_of(path) == error


@pytest.mark.parametrize("count", [0, 1, 8192, 8193, 20000])
def test_shards_are_consecutive(count: int) -> None:
    """Shards of at most 8,192 files hold all files in order, each with its label."""
    paths = [f"{i % 12}/{i}" for i in range(count)]
    names = [str(i) for i in range(count)]
    shards = open_image_files([NamedFiles(names, paths, names)], ReadSettings())
    assert all(0 < shard.rows <= 8192 for shard in shards)
    assert [path for shard in shards for path in shard.paths] == paths
    assert [source for shard in shards for source in shard.sources] == [*map(str, range(count))]
    found = [label for shard in shards for label in shard.labels.to_pylist()]
    assert found == [i % 12 if i % 12 < 10 else None for i in range(count)]


def test_a_slice_is_pickled_with_its_own_files(tmp_path: Path) -> None:
    """A part is sent to another process without the names and labels of all others."""
    names = [f"{number}.png" for number in range(20_000)]
    for name in names[7:10]:
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "metadata.csv").write_text(
        "\n".join(["file_name,label,kind", *(f"{name},3,k{name}" for name in names)])
    )
    files = NamedFiles(
        Texts(names),
        Texts(f"{tmp_path}/{name}" for name in names),
        Texts(names),
        {"": tmp_path / "metadata.csv"},
    )
    whole, *_ = open_image_files([files], ReadSettings(keep=("kind",)))
    part = whole.slice(7, 10)
    pickled = pickle.dumps(part)
    again = pickle.loads(pickled)
    assert len(pickled) < 3000 + 10 * len(str(tmp_path))
    assert again.read_from() == part.read_from()
    (here,), (there,) = part.read(100), again.read(100)
    assert rows([there]) == rows([here])
    assert there.kept.equals(here.kept)
    assert again.hint == part.hint
