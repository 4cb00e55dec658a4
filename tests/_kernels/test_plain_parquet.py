"""Plain code finds in Parquet files what compiled code finds, whatever is in them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_batch import _kernels
from mnist_batch._kernels import parquet, plain_parquet
from tests.support.damaged_files import damaged_variants
from tests.support.parquet_pages import COLUMNS, footer_of, leaf_files

pytestmark = pytest.mark.usefixtures("each_library")

Numbers = NDArray[np.int64]


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Files of several kinds."""
    return leaf_files(tmp_path_factory.mktemp("parquet"))


def chunks_in(footer: bytes, groups: int, columns: int = COLUMNS) -> Numbers | None:
    """Return what a footer says of its columns, by either code; None if it is damaged."""
    shape = groups, columns, 6
    plain, compiled = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    places = np.arange(columns)
    is_whole = plain_parquet.find_chunks(footer, places, plain)
    assert _kernels.ready()
    assert parquet.find_chunks(footer, places, compiled) == is_whole
    if not is_whole:
        return None
    np.testing.assert_array_equal(compiled, plain)
    return plain.reshape(-1, 6)


def pages_in(path: Path, chunks: Numbers) -> Numbers:
    """Return what the headers of pages say, by either code."""
    shape = len(chunks), 4
    plain, compiled = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    with path.open("rb") as file:
        plain_parquet.check_pages(file.fileno(), chunks, 10**6, plain)
        parquet.check_pages(file.fileno(), chunks, 10**6, compiled)
    np.testing.assert_array_equal(compiled, plain)
    return plain


@pytest.mark.fuzz
def test_both_find_the_same_in_damaged_files(tmp_path: Path, contents: list[bytes]) -> None:
    """The damage may be in the footer, in the headers of pages, or in both."""
    path = tmp_path / "a.parquet"
    states = set()
    for content in (*contents, *damaged_variants(contents, 300)):
        path.write_bytes(content)
        for groups in (1, 6):
            chunks = chunks_in(footer_of(content), groups)
            if chunks is not None:
                states |= {*pages_in(path, chunks)[:, parquet.STATE].tolist()}
    assert states >= {parquet.SOUND, parquet.DAMAGED}


@settings(deadline=None, max_examples=300)
@given(footer=st.binary(max_size=200), groups=st.integers(0, 3), columns=st.integers(1, 3))
def test_both_find_the_same_in_any_footer(footer: bytes, groups: int, columns: int) -> None:
    """Of random bytes few are a footer; this is about how each ends."""
    chunks_in(footer, groups, columns)
    # The same within the one row group of a footer, and within its one column.
    chunks_in(b"\x49\x1c" + footer, 1, 1)
    chunks_in(b"\x49\x1c\x19\x1c\x3c" + footer, 1, 1)


FIELDS = st.sampled_from(
    b"\x15\x00 \x15\x04 \x15\x06 \x15\x14 \x25\x14 \x2c \x4c \x5c \x00 \x10 \x05\x02\x00 \x1c "
    b"\x19\xf5 \x11 \x18\x02ab".split(b" ")
)
"""Of headers, and the ends of structs."""


@settings(deadline=None, max_examples=300)
@given(
    header=st.binary(max_size=60) | st.lists(FIELDS, max_size=20).map(b"".join),
    chunk=st.tuples(
        st.just(0),
        *(st.integers(-1, 40) | st.just(2**59) for _ in range(4)),
        st.just(0),
    ),
)
@pytest.mark.parametrize("front", [b"", b"\x15\x00\x15\xc8\x01\x15\x02\x2c\x15\x02\x15\x00"])
def test_both_find_the_same_in_any_pages(
    tmp_path_factory: pytest.TempPathFactory, front: bytes, header: bytes, chunk: tuple[int, ...]
) -> None:
    """Random bytes and random fields, alone and as the rest of a header that begins well."""
    path = tmp_path_factory.mktemp("pages") / "page"
    path.write_bytes(front + header)
    pages_in(path, np.array([chunk, (0, 1, len(front + header), 0, 0, 0)]))


def test_both_find_the_same_where_the_file_cannot_be_read(tmp_path: Path) -> None:
    """The error of the system says nothing of the pages."""
    found: Numbers = np.zeros((1, 4), np.int64)
    with (tmp_path / "page").open("wb") as file:  # to write alone
        for code in (parquet, plain_parquet):
            with pytest.raises(OSError, match="Bad file descriptor"):
                code.check_pages(file.fileno(), np.array([[0, 1, 9, 0, 0, 0]]), 10**6, found)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux's memory as a file")
def test_both_tell_an_error_of_input_and_output() -> None:
    """Where no memory of a process lies, its file gives EIO, as a disk does that fails."""
    found: Numbers = np.zeros((1, 4), np.int64)
    with Path("/proc/self/mem").open("rb") as file:
        for code in (parquet, plain_parquet):
            with pytest.raises(OSError, match="Input/output error"):
                code.check_pages(file.fileno(), np.array([[0, 1, 9, 4, 0, 0]]), 10**6, found)


def test_both_find_the_same_in_what_fuzzing_found(tmp_path: Path) -> None:
    """Each of these takes its own way through the code in C; see `fuzzing/parquet.c`."""
    corpus = [*Path(__file__).parent.joinpath("fuzzing/corpus/parquet").iterdir()]
    assert corpus
    for each in corpus:
        content = each.read_bytes()
        groups, columns = 1 + (content[0] & 3), 1 + (content[0] >> 2 & 3)
        (path := tmp_path / "pages").write_bytes(content[1:])
        chunks = chunks_in(content[1:], groups, columns)
        if chunks is not None:
            pages_in(path, chunks)
        pages_in(path, np.array([[0, 100, len(content) - 1, 0, 0, 0]]))
