"""What a Parquet file says of its columns and pages: as pyarrow reads it, and not beyond."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from mnist_batch import _kernels
from mnist_batch.inputs.files import open_native
from mnist_batch.inputs.parquet import structure
from mnist_batch.inputs.parquet.pages import Columns, Pages, read_columns
from mnist_batch.inputs.parquet.structure import DAMAGED, PADDING, RIGHT, ROOM, STATE, VALUE_BYTES
from tests.support.damaged_files import damaged_variants
from tests.support.encrypted_parquet import encrypted

TABLE = pa.table(
    {
        "image": [bytes([i % 251]) * (i % 90 + 300) for i in range(600)],
        "label": [i % 10 if i % 7 else None for i in range(600)],
        "struct": [{"bytes": b"x" * i, "path": str(i)} for i in range(600)],
        "list": [[i] * (i % 5) for i in range(600)],
        "same": ["abc"] * 600,
    }
)
CODECS = ("none", "snappy", "gzip", "brotli", "lz4", "zstd")


def write(path: Path, **options: Any) -> Path:  # noqa: ANN401
    """Write the table."""
    pq.write_table(TABLE, path, **options)
    return path


def columns_of(
    path: Path, places: tuple[int, ...] | None = None
) -> tuple[Columns, pq.FileMetaData]:
    """Return what is read of a file's footer here, and by pyarrow."""
    metadata = pq.read_metadata(path)
    places = places or tuple(range(metadata.num_columns))
    read_columns.cache_clear()
    return read_columns(path, (path.stat().st_size,), metadata.num_row_groups, places), metadata


def look(path: Path, groups: range | None = None) -> Pages:
    """Look over all columns of a file."""
    columns, metadata = columns_of(path)
    groups = groups or range(metadata.num_row_groups)
    rows = np.array([metadata.row_group(group).num_rows for group in groups])
    leaves = [metadata.schema.column(index) for index in range(metadata.num_columns)]
    flat = np.array([leaf.max_repetition_level == 0 for leaf in leaves])
    with open_native(path) as file:
        return columns.look(file, groups, rows, flat)


@pytest.mark.usefixtures("both_codes")
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
@pytest.mark.parametrize("checksum", [True, False])
def test_all_pages_of_a_sound_file_are_right(
    tmp_path: Path, codec: str, version: str, dictionary: bool, checksum: bool
) -> None:
    """Of every codec and kind of page, many to a column; each column is where pyarrow says."""
    path = write(
        tmp_path / "a.parquet", compression=codec, data_page_version=version,
        use_dictionary=dictionary, write_page_checksum=checksum, row_group_size=250,
        data_page_size=1000, write_page_index=checksum,
    )  # fmt: skip
    pages = look(path)
    assert pages.errors == {}
    assert pages.rows.tolist() == [[250] * 6, [250] * 6, [100] * 6]
    columns, metadata = columns_of(path)
    for group in range(3):
        for index in range(6):
            chunk = metadata.row_group(group).column(index)
            assert columns.chunks[group, index, 1:].tolist() == [
                chunk.num_values,
                chunk.total_compressed_size,
                chunk.data_page_offset,
                chunk.dictionary_page_offset or 0,
                chunk.statistics.null_count if chunk.statistics else 0,
            ]


@pytest.mark.usefixtures("both_codes")
def test_some_columns_of_some_row_groups_are_told(tmp_path: Path) -> None:
    """In the places that are asked for; of the others nothing is kept."""
    path = write(tmp_path / "a.parquet", row_group_size=100)
    whole, _ = columns_of(path)
    some, _ = columns_of(path, (-1, 1, -1, 0, -1, -1))
    np.testing.assert_array_equal(some.chunks, whole.chunks[:, [3, 1]])
    assert look(path, range(2, 4)).rows.tolist() == [[100] * 6] * 2


def test_a_dictionary_says_how_large_a_value_may_be(tmp_path: Path) -> None:
    """As large as all of it; values that are stored one by one are as large as on average."""
    images = [b"x" * 10_000, *[bytes([i]) for i in range(99)]]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": images}), path)
    assert 10_000 < look(path).value_bytes < 12_000
    pq.write_table(pa.table({"image": images}), path, use_dictionary=False)
    assert 100 < look(path).value_bytes < 120


def test_values_that_share_their_beginnings_may_each_be_as_long_as_all(tmp_path: Path) -> None:
    """Of 100 bytes that are stored once, each value may have all."""
    images = [b"x" * 10_000] * 100
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"image": images}),
        path,
        use_dictionary=False,
        column_encoding={"image": "DELTA_BYTE_ARRAY"},
    )
    assert path.stat().st_size < 5_000
    assert 10_000 <= look(path).value_bytes < 12_000


KIND, SIZE, STORED = b"\x15\x00", b"\x15\xc8\x01", b"\x15\x14"
"""Fields 1 to 3 of PageHeader, each an i32: a data page, of 100 bytes, stored in 10."""


def details(encoding: int) -> bytes:
    """Return field 5: a DataPageHeader of 10 values."""
    return b"\x2c\x15\x14" + bytes([0x15, 2 * encoding]) + b"\x15\x06\x15\x06\x00"


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("header", "state", "value_bytes"),
    [
        (KIND + SIZE + STORED + details(0), RIGHT, 10),
        (KIND + SIZE + STORED + details(7), RIGHT, 100),
        (KIND + b"\x16\xc8\x01" + STORED + details(0), DAMAGED, 1),  # i64
        (KIND + SIZE + b"\x06\x04\x02" + b"\x15\x14" + details(0), DAMAGED, 1),  # field 2 again
        (KIND + SIZE + STORED + b"\x05\x02\x00" + details(0), DAMAGED, 1),  # and field 1
        (KIND + SIZE + STORED + b"\x2c\x16\x14\x00", DAMAGED, 1),  # values as i64
        (KIND + SIZE + STORED + b"\x2c\x15\x14\x05\x02\x02\x00", DAMAGED, 1),  # and twice
    ],
)
def test_a_page_whose_fields_arrow_would_read_otherwise_is_damaged(
    tmp_path: Path, header: bytes, state: int, value_bytes: int, compiled: bool
) -> None:
    """Thrift passes over a field of another type, and takes the last of several."""
    reader: Any = structure
    if compiled:
        _kernels.load()
        from mnist_batch._kernels import parquet as reader
    (tmp_path / "page").write_bytes(b"PAR1" + header + b"\x00" + bytes(10))
    chunks = np.array([[0, 10, len(header) + 11, 4, 0, 0]], np.int64)
    found: NDArray[np.int64] = np.zeros((1, 4), np.int64)
    room = np.zeros(ROOM, np.uint8)
    with (tmp_path / "page").open("rb") as file:
        reader.look_at_pages(file.fileno(), chunks, 10**6, room if compiled else room.data, found)
    assert found[0, [VALUE_BYTES, STATE]].tolist() == [value_bytes, state]


def test_encrypted_pages_are_none(tmp_path: Path) -> None:
    """Those of other columns are."""
    path = encrypted(tmp_path / "a.parquet", {"key": ["image"]}, plaintext_footer=True)
    pages = look(path)
    assert pages.errors == {(0, 0): "the page at byte 4 is damaged"}
    assert pages.rows.tolist() == [[0, 10]]


@pytest.mark.usefixtures("both_codes")
def test_a_column_of_which_the_footer_does_not_tell(tmp_path: Path) -> None:
    """For pyarrow 26 that would be the end of the process; of the other columns it may tell."""
    path = write(tmp_path / "a.parquet")
    content = path.read_bytes()
    assert columns_of(path)
    # ColumnChunk: meta_data, field 3 after 2, a struct, with its type, BYTE_ARRAY; now field 4.
    path.write_bytes(content.replace(b"\x1c\x15\x0c", b"\x2c\x15\x0c", 1))
    with pytest.raises(OSError, match="its footer is damaged, or encrypted"):
        columns_of(path)
    assert columns_of(path, (-1, 0, -1, -1, -1, -1))


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Files of several kinds."""
    path = tmp_path_factory.mktemp("parquet") / "a.parquet"
    return [
        write(path, compression=codec, data_page_version=version, row_group_size=size,
              data_page_size=500).read_bytes()
        for codec in ("none", "zstd") for version in ("1.0", "2.0") for size in (100, 600)
    ]  # fmt: skip


def found_by(reader: Any, path: Path, groups: int, columns: int) -> Iterator[Any]:  # noqa: ANN401
    """Yield what is found of a file's columns and of their pages, where its end says they are."""
    compiled, content = reader is not structure, path.read_bytes()
    length = min(int.from_bytes(content[-8:-4], "little"), len(content))
    chunks: NDArray[np.int64] = np.zeros((groups, columns, 6), np.int64)
    footer = content[-8 - length : -8] + PADDING
    footer_data = np.frombuffer(footer, np.uint8) if compiled else footer
    yield reader.find_chunks(footer_data, np.arange(columns), chunks)
    yield chunks.tolist()
    room = np.zeros(ROOM, np.uint8)
    found: NDArray[np.int64] = np.zeros((groups * columns, 4), np.int64)
    with path.open("rb") as file:
        reader.look_at_pages(
            file.fileno(), chunks.reshape(-1, 6), 10**6,
            room if compiled else room.data, found,
        )  # fmt: skip
    yield found.tolist()


@pytest.mark.fuzz
def test_compiled_code_finds_what_plain_code_does(tmp_path: Path, contents: list[bytes]) -> None:
    """On whole files and on damaged ones; plain code is what cannot read beyond them."""
    _kernels.load()
    from mnist_batch._kernels import parquet

    for content in (*contents, *damaged_variants(contents, 300)):
        groups = 6 if content[:4] == b"PAR1" else 1
        (path := tmp_path / "a.parquet").write_bytes(content)
        plain = list(found_by(structure, path, groups, 6))
        assert list(found_by(parquet, path, groups, 6)) == plain


def test_every_cut_of_a_footer_ends(contents: list[bytes]) -> None:
    """Nothing but the padding is read behind what is there, and nothing raises."""
    content = contents[0]
    length = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - length : -8]
    whole = 0
    for size in range(0, length, 7):
        chunks = np.zeros((6, 6, 6), np.int64)
        part = footer[:size] + PADDING
        whole += structure.find_chunks(part, np.arange(6), chunks)
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
    assert not structure.find_chunks(content + PADDING, places, chunks)
