"""Column chunks and pages of Parquet files: plain and compiled code find the same, and no more."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from mnist_batch._kernels.parquet import (
    DAMAGED,
    PADDING,
    SOUND,
    STATE,
    VALUE_BYTES,
    check_pages,
    find_chunks,
)

Numbers = NDArray[np.int64]

TABLE = pa.table(
    {
        "image": [bytes([i % 251]) * (i % 90 + 300) for i in range(600)],
        "label": [i % 10 if i % 7 else None for i in range(600)],
        "struct": [{"bytes": b"x" * i, "path": str(i)} for i in range(600)],
        "list": [[i] * (i % 5) for i in range(600)],
        "same": ["abc"] * 600,
    }
)
COLUMNS = 6
"""Of which the struct is two."""

KIND, SIZE, STORED = b"\x15\x00", b"\x15\xc8\x01", b"\x15\x14"
"""Fields 1 to 3 of PageHeader, each an i32: a data page, of 100 bytes, stored in 10."""


def details(encoding: int) -> bytes:
    """Return field 5: a DataPageHeader of 10 values."""
    return b"\x2c\x15\x14" + bytes([0x15, 2 * encoding]) + b"\x15\x06\x15\x06\x00"


@pytest.mark.usefixtures("both_codes")
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
    found: Numbers = np.zeros((1, 4), np.int64)
    with (tmp_path / "page").open("rb") as file:
        check_pages(file.fileno(), chunks, 10**6, found)
    assert found[0, [VALUE_BYTES, STATE]].tolist() == [value_bytes, state]


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Files of several kinds."""
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    found = []
    for codec, version, size in product(("none", "zstd"), ("1.0", "2.0"), (100, 600)):
        pq.write_table(
            TABLE, path, compression=codec, data_page_version=version, row_group_size=size,
            data_page_size=500,
        )  # fmt: skip
        found.append(path.read_bytes())
    return found


def found_in(path: Path, groups: int) -> list[Any]:
    """Return what is found of a file's columns and of their pages, where its end says they are."""
    content = path.read_bytes()
    length = min(int.from_bytes(content[-8:-4], "little"), len(content))
    chunks: Numbers = np.zeros((groups, COLUMNS, 6), np.int64)
    is_whole = find_chunks(content[-8 - length : -8] + PADDING, np.arange(COLUMNS), chunks)
    found: Numbers = np.zeros((groups * COLUMNS, 4), np.int64)
    with path.open("rb") as file:
        check_pages(file.fileno(), chunks.reshape(-1, 6), 10**6, found)
    return [is_whole, chunks.tolist(), found.tolist()]


def test_every_cut_of_a_footer_ends(contents: list[bytes]) -> None:
    """Nothing but the padding is read behind what is there, and nothing raises."""
    content = contents[0]
    length = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - length : -8]
    whole = 0
    for size in range(0, length, 7):
        chunks = np.zeros((6, 6, 6), np.int64)
        part = footer[:size] + PADDING
        whole += find_chunks(part, np.arange(6), chunks)
    assert whole < 0.3 * length / 7  # behind the row groups stand other things


@pytest.mark.parametrize(
    "content",
    [
        b"\x1c" * 10**5,  # structs
        b"\x19\xfc" + b"\xff" * 8,  # a list that counts to 2**60
        b"\x19\xf9" * 10**5,  # lists
        b"\x16" + b"\xff" * 10**5,  # a number
        b"\x18" + b"\xff" * 9 + b"\x01",  # a text
        b"\x1b\x01",  # a map
    ],
)
def test_what_has_no_end_is_no_footer(content: bytes) -> None:
    """Lists and structs in one another, and what counts further than there is anything."""
    chunks, places = np.zeros((1, 1, 6), np.int64), np.zeros(1, np.int64)
    assert not find_chunks(content + PADDING, places, chunks)
