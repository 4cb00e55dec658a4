"""Column chunks and pages of Parquet files, found by plain and by compiled code."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from mnist_batch._kernels.parquet import (
    AT,
    CODEC,
    DAMAGED,
    DATA_PAGE,
    DICTIONARY_PAGE,
    MISCOUNTED,
    NULLS,
    SEEN_VALUES,
    SOUND,
    STATE,
    STORED_BYTES,
    TOO_LARGE,
    VALUE_BYTES,
    VALUES,
    check_pages,
    find_chunks,
)
from tests.support.parquet_pages import COLUMNS, footer_of, leaf_files

pytestmark = pytest.mark.usefixtures("both_codes")

Numbers = NDArray[np.int64]

KIND, SIZE, STORED = b"\x15\x00", b"\x15\xc8\x01", b"\x15\x14"
"""Fields 1 to 3 of PageHeader, each an i32: a data page, of 100 bytes, stored in 10."""


def details(encoding: int) -> bytes:
    """Return field 5: a DataPageHeader of 10 values."""
    return b"\x2c\x15\x14" + bytes([0x15, 2 * encoding]) + b"\x15\x06\x15\x06\x00"


@pytest.mark.parametrize(
    ("header", "state", "value_bytes"),
    [
        (KIND + SIZE + STORED + details(0), SOUND, 10),
        (KIND + SIZE + STORED + details(7), SOUND, 100),
        (KIND + b"\x16\xc8\x01" + STORED + details(0), DAMAGED, 1),  # i64
        (KIND + SIZE + b"\x06\x04\x02" + b"\x15\x14" + details(0), DAMAGED, 1),  # field 2 again
        (KIND + SIZE + STORED + b"\x05\x02\x00" + details(0), DAMAGED, 1),  # and field 1
        (KIND + SIZE + STORED + b"\x2c\x16\x14\x00", DAMAGED, 1),  # values as i64
        (KIND + SIZE + STORED + b"\x2c\x15\x14\x05\x02\x02\x00", DAMAGED, 1),  # and twice
    ],
)
def test_a_page_whose_fields_arrow_would_read_otherwise_is_damaged(
    tmp_path: Path, header: bytes, state: int, value_bytes: int
) -> None:
    """Thrift skips a field of another type, and takes the last of several."""
    (tmp_path / "page").write_bytes(b"PAR1" + header + b"\x00" + bytes(10))
    chunks = np.array([[0, 10, len(header) + 11, 4, 0, 0]], np.int64)
    assert checked(tmp_path / "page", chunks)[0, [VALUE_BYTES, STATE]].tolist() == [
        value_bytes,
        state,
    ]


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Files of several kinds."""
    return leaf_files(tmp_path_factory.mktemp("parquet"))


def checked(path: Path, chunks: Numbers, most: int = 10**6) -> Numbers:
    """Return what the headers of the pages say."""
    found: Numbers = np.zeros((len(chunks), 4), np.int64)
    with path.open("rb") as file:
        check_pages(file.fileno(), chunks, most, found)
    return found


def test_the_footer_says_what_pyarrow_reads_there(tmp_path: Path, contents: list[bytes]) -> None:
    """For each column of each row group; and the pages hold all values."""
    codecs = {"UNCOMPRESSED": 0, "ZSTD": 6}  # of parquet.thrift
    for content in contents:
        (path := tmp_path / "a.parquet").write_bytes(content)
        footer = pq.read_metadata(path)
        chunks: Numbers = np.zeros((footer.num_row_groups, COLUMNS, 6), np.int64)
        assert find_chunks(footer_of(content), np.arange(COLUMNS), chunks)
        for group, column in np.ndindex(chunks.shape[:2]):
            found = chunks[group, column]
            expected = footer.row_group(group).column(column)
            assert found[CODEC] == codecs[expected.compression]
            assert found[VALUES] == expected.num_values
            assert found[STORED_BYTES] == expected.total_compressed_size
            assert found[DATA_PAGE] == expected.data_page_offset
            assert found[DICTIONARY_PAGE] == (expected.dictionary_page_offset or 0)
            assert found[NULLS] == expected.statistics.null_count
        pages = checked(path, chunks.reshape(-1, 6))
        assert (pages[:, STATE] == SOUND).all()
        np.testing.assert_array_equal(pages[:, SEEN_VALUES], chunks[:, :, VALUES].ravel())


def test_columns_that_are_not_wanted_are_left_out(contents: list[bytes]) -> None:
    """Each of the others has its place, in any order."""
    footer = footer_of(contents[0])
    everything: Numbers = np.zeros((6, COLUMNS, 6), np.int64)
    some: Numbers = np.zeros((6, 2, 6), np.int64)
    assert find_chunks(footer, np.arange(COLUMNS), everything)
    assert find_chunks(footer, np.array([-1, 1, -1, 0, -1, -1]), some)
    np.testing.assert_array_equal(some, everything[:, [3, 1]])


@pytest.mark.parametrize(
    ("groups", "columns"), [(5, 6), (7, 6), (6, 5), (6, 7), (0, 6)], ids=lambda number: str(number)
)
def test_other_numbers_of_row_groups_and_columns_are_no_match(
    contents: list[bytes], groups: int, columns: int
) -> None:
    """The schema may say another number than there are."""
    chunks: Numbers = np.zeros((groups, columns, 6), np.int64)
    assert not find_chunks(footer_of(contents[0]), np.arange(columns), chunks)


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({VALUES: 11}, MISCOUNTED),
        ({VALUES: 9}, MISCOUNTED),
        ({VALUES: -1}, MISCOUNTED),
        ({STORED_BYTES: 20}, DAMAGED),  # the page lies beyond
        ({STORED_BYTES: -1}, DAMAGED),
        ({DATA_PAGE: -1}, DAMAGED),
        ({DATA_PAGE: 2**59, STORED_BYTES: 2**59}, DAMAGED),  # beyond the file
    ],
)
def test_what_the_footer_says_of_pages_that_are_not_so(
    tmp_path: Path, changed: dict[int, int], state: int
) -> None:
    """Of one page of 10 values, which is sound."""
    header = KIND + SIZE + STORED + details(0) + b"\x00"
    (tmp_path / "page").write_bytes(b"PAR1" + header + bytes(10))
    chunks = np.array([[0, 10, len(header) + 10, 4, 0, 0]], np.int64)
    assert checked(tmp_path / "page", chunks)[0].tolist() == [14 + len(header), 10, 10, SOUND]
    assert checked(tmp_path / "page", chunks, 99)[0, STATE] == TOO_LARGE
    for place, number in changed.items():
        chunks[0, place] = number
    assert checked(tmp_path / "page", chunks)[0, STATE] == state


@pytest.mark.parametrize("size", [0, 4000, 4090, 5000, 10**6])
def test_headers_may_be_long(tmp_path: Path, size: int) -> None:
    """They hold the least and the greatest value: two pages, the second right behind the first."""
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])
    statistics = b"\x1c" + b"\x18" + length + b"x" * size + b"\x00"  # in field 5 of the details
    header = KIND + SIZE + STORED + details(0)[:-1] + statistics + b"\x00\x00"
    (tmp_path / "pages").write_bytes(b"PAR1" + (header + bytes(10)) * 2)
    chunks = np.array([[0, 20, 2 * len(header) + 20, 4, 0, 0]], np.int64)
    found = checked(tmp_path / "pages", chunks)[0]
    assert found[[AT, SEEN_VALUES, STATE]].tolist() == [24 + 2 * len(header), 20, SOUND]


def test_a_header_of_over_a_megabyte_is_damaged(tmp_path: Path) -> None:
    """So much is read of it, no more."""
    length = 2**20
    header = KIND + SIZE + STORED + details(0) + b"\x98\x80\x80\x40" + b"x" * length
    (tmp_path / "page").write_bytes(b"PAR1" + header + bytes(11))
    chunks = np.array([[0, 10, len(header) + 11, 4, 0, 0]], np.int64)
    assert checked(tmp_path / "page", chunks)[0, STATE] == DAMAGED


def test_every_cut_of_a_footer_is_seen(contents: list[bytes]) -> None:
    """A footer ends with a 0, before which it is not whole."""
    footer = footer_of(contents[0])
    chunks: Numbers = np.zeros((6, COLUMNS, 6), np.int64)
    assert find_chunks(footer, np.arange(COLUMNS), chunks)
    assert not any(
        find_chunks(footer[:size], np.arange(COLUMNS), chunks) for size in range(0, len(footer), 7)
    )


@pytest.mark.parametrize(
    "content",
    [
        b"\x1c" * 10**5,  # structs
        b"\x19\xfc" + b"\xff" * 8,  # a list that counts to 2**60
        b"\x19\xf9" * 10**5,  # lists
        b"\x16" + b"\xff" * 10**5,  # a number
        b"\x18" + b"\xff" * 9 + b"\x01",  # a text
        b"\x1b\x01",  # a map
        b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a text of 2**63 - 1 bytes
    ],
)
def test_what_has_no_end_is_no_footer(content: bytes) -> None:
    """Lists and structs in one another, and what counts further than there is anything."""
    chunks, places = np.zeros((1, 1, 6), np.int64), np.zeros(1, np.int64)
    assert not find_chunks(content, places, chunks)
