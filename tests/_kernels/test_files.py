"""Files that the compiled code reads, and their states, are what plain Python finds."""

import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_batch._kernels import files as files_of_kernels
from mnist_batch._kernels.files import MAX_BYTES, file_states, read_files
from mnist_batch.inputs.image_files import ImageFileShard
from mnist_batch.inputs.shards import BATCH_BYTES
from mnist_batch.inputs.texts import Texts
from mnist_batch.schema import ImageBatch

pytestmark = pytest.mark.usefixtures("each_library")


def test_files_are_read_as_they_are(tmp_path: Path) -> None:
    """Small, empty, large and missing files, a folder, a pipe, a name that is not UTF-8."""
    sizes = {"a.png": 1, "b.png": 300, "c.png": 0, "d.png": MAX_BYTES - 1, "e.png": MAX_BYTES,
             "f.png": 3 * MAX_BYTES, os.fsdecode(b"\xff.png"): 700}  # fmt: skip
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(os.urandom(size))
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    names = [*sizes, "missing.png", "folder.png", "pipe.png", "null\0.png"]
    paths = [str(tmp_path / name) for name in names]
    for batch_size in (1, 3, 100):
        batches = list(read(paths, names, batch_size))
        contents = [content for batch in batches for content in contents_of(batch)]
        errors = [error for batch in batches for error in batch.error.to_pylist()]
        whole = [(tmp_path / name).read_bytes() for name in sizes]
        assert contents == [*whole, None, None, None, None]
        assert errors == [None] * len(sizes) + [
            "missing file",
            "unreadable file: Is a directory",
            "unreadable file: not a regular file",
            "unreadable file: a null character in the path",
        ]
        assert max(map(len, batches)) <= batch_size


def read(paths: list[str], names: list[str], batch_size: int) -> list[ImageBatch]:
    """Return the batches of some image files."""
    shard = ImageFileShard(paths, names, pa.nulls(len(paths), pa.int8()))
    return list(shard.read(batch_size))


def contents_of(batch: ImageBatch) -> list[bytes | None]:
    """Return the files' bytes."""
    assert isinstance(batch.images, pa.Array)
    contents: list[bytes | None] = batch.images.to_pylist()
    return contents


def test_a_batch_of_files_takes_a_bounded_amount_of_memory(tmp_path: Path) -> None:
    """However many files a batch may hold, its bytes stay near `BATCH_BYTES`; none is lost."""
    paths = [str(tmp_path / f"{i}.png") for i in range(200)]
    for path in paths:
        Path(path).write_bytes(os.urandom(60_000))
    batches = read(paths, paths, 1000)
    assert sum(map(len, batches)) == 200
    assert max(batch.images.nbytes for batch in batches) < BATCH_BYTES + 2 * MAX_BYTES
    joined = b"".join(content for batch in batches for content in contents_of(batch) if content)
    assert joined == b"".join(Path(path).read_bytes() for path in paths)


@pytest.mark.parametrize("size", [MAX_BYTES, 600_000])
def test_a_batch_of_large_files_is_cut(tmp_path: Path, size: int) -> None:
    """Files that are not read at once count too: links to one file, each read anew."""
    content = os.urandom(size)
    (tmp_path / "a.png").write_bytes(content)
    paths = [str(tmp_path / f"{i}.png") for i in range(100)]
    for path in paths:
        Path(path).symlink_to(tmp_path / "a.png")
    batches = read(paths, paths, 1000)
    assert all(batch.images.nbytes < BATCH_BYTES + 2 * size for batch in batches)
    assert [name for batch in batches for name in batch.source.to_pylist()] == paths
    assert all(contents_of(batch) == [content] * len(batch) for batch in batches)


def read_by_kernel(paths: list[str]) -> list[bytes]:
    """Return the bytes of files, as the compiled code alone reads them."""
    data, bounds = np.zeros((len(paths) + 1) * MAX_BYTES, np.uint8), np.zeros(len(paths) + 1, "i4")
    assert read_files(*Texts(paths).joined_bytes(), os.O_RDONLY, data, bounds) == len(paths)
    return [data[bounds[i] : bounds[i + 1]].tobytes() for i in range(len(paths))]


def test_both_sides_leave_the_same_files_to_the_caller() -> None:
    """The number stands in C too."""
    code = Path(files_of_kernels.__file__).with_suffix(".c").read_text()
    assert re.findall(r"MAX_BYTES = (\d+)", code) == [str(MAX_BYTES)]


NAMES = ["a", "b", "a/x", "a/y", "a/zz", "ab/x", "ab/c/x", "ab/c/y", "gone/x", "gone/y", "b/x"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with folders of files, each of other bytes, whose names begin alike."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("a/x", "a/y", "a/zz", "ab/x", "ab/c/x", "ab/c/y", "b"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


@settings(deadline=None)
@given(st.lists(st.sampled_from(NAMES), max_size=8), st.booleans())
def test_each_file_is_found_in_its_own_folder(
    files: Path, names: list[str], are_relative: bool
) -> None:
    """In any order, whichever folder is open from the file before, named from any folder."""
    root = os.path.relpath(files) if are_relative else str(files)
    paths = [f"{root}/{name}" for name in names]
    expected = [name.encode() if (files / name).is_file() else b"" for name in names]
    assert read_by_kernel(paths) == expected
    states: NDArray[np.int64] = np.zeros((len(paths), 4), np.int64)
    file_states(*Texts(paths).joined_bytes(), states)
    for path, found in zip(paths, states.tolist(), strict=True):
        if Path(path).exists():
            status = Path(path).stat()
            time = divmod(status.st_mtime_ns, 10**9)
            assert found == [status.st_size, *time, status.st_ino]
        else:
            assert found == [-1] * 4


def test_names_without_a_folder_are_found_where_the_process_is(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And names in the root of the file system there."""
    monkeypatch.chdir(files / "a")
    assert read_by_kernel(["x", "y", "/x-is-not-there", "/y-is-not-there"]) == [
        b"a/x",
        b"a/y",
        b"",
        b"",
    ]


def test_paths_that_none_can_be_are_not_found(files: Path) -> None:
    """With a null character, which would end it early; too long; empty; and that of a folder."""
    odd = [f"{files}/b\0c", f"{files}/" + "a/" * 3000 + "x", "", f"{files}/a/", f"{files}/b"]
    assert read_by_kernel(odd) == [b"", b"", b"", b"", b"b"]


@pytest.mark.parametrize(
    "bounds", [[-1, 2], [0, 4, 2], [0, 9], [0, 2**63 - 1, -(2**63) + 200, -5, 4]]
)
def test_bounds_beyond_the_paths_are_refused(bounds: list[int]) -> None:
    """Or nothing would keep the compiled code within its memory."""
    paths, states = np.zeros(4, np.uint8), np.zeros((4, 4), np.int64)
    with pytest.raises(ValueError, match="expected"):
        file_states(paths, np.array(bounds), states)


def test_descriptors_are_closed(files: Path) -> None:
    """Neither files nor folders stay open, whether or not they could be read."""
    before = list(Path("/proc/self/fd").iterdir())
    read_by_kernel(
        [f"{files}/{name}" for name in ("a/x", "a/y", "gone/x", "gone/y", "ab/c/x", "b")]
    )
    file_states(*Texts([f"{files}/a/x", f"{files}/a/y"]).joined_bytes(), np.zeros((2, 4), np.int64))
    assert list(Path("/proc/self/fd").iterdir()) == before
