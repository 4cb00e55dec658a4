"""Pages and column chunks of Parquet files: found where pyarrow says, and checked."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.inputs.files.opening import open_native
from mnist_batch.inputs.parquet.footers import identity_of, read_chunks, read_footer
from mnist_batch.inputs.parquet.pages import CheckedPages, check_chunks
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
) -> tuple[npt.NDArray[np.int64], pq.FileMetaData]:
    """Return what is read of a file's footer here, and by pyarrow."""
    read_footer.cache_clear()
    footer = read_footer(str(path), identity_of(str(path)))
    places = places or tuple(range(footer.metadata.num_columns))
    return read_chunks(footer, places), footer.metadata


def check(path: Path, groups: range | None = None) -> CheckedPages:
    """Check the pages of all columns of a file."""
    columns, metadata = columns_of(path)
    groups = groups or range(metadata.num_row_groups)
    rows = np.array([metadata.row_group(group).num_rows for group in groups])
    leaves = [metadata.schema.column(index) for index in range(metadata.num_columns)]
    flat = np.array([leaf.max_repetition_level == 0 for leaf in leaves])
    with open_native(path) as file:
        return check_chunks(file, columns[groups.start : groups.stop], rows, flat)


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
    pages = check(path)
    assert pages.errors == {}
    assert pages.rows.tolist() == [[250] * 6, [250] * 6, [100] * 6]
    columns, metadata = columns_of(path)
    for group in range(3):
        for index in range(6):
            chunk = metadata.row_group(group).column(index)
            assert columns[group, index, 1:].tolist() == [
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
    np.testing.assert_array_equal(some, whole[:, [3, 1]])
    assert check(path, range(2, 4)).rows.tolist() == [[100] * 6] * 2


def test_a_dictionary_says_how_large_a_value_may_be(tmp_path: Path) -> None:
    """As large as all of it; values that are stored one by one are as large as on average."""
    images = [b"x" * 10_000, *[bytes([i]) for i in range(99)]]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": images}), path)
    assert 10_000 < check(path).value_bytes < 12_000
    pq.write_table(pa.table({"image": images}), path, use_dictionary=False)
    assert 100 < check(path).value_bytes < 120


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
    assert 10_000 <= check(path).value_bytes < 12_000


def test_encrypted_pages_are_none(tmp_path: Path) -> None:
    """Those of other columns are."""
    path = encrypted(tmp_path / "a.parquet", {"key": ["image"]}, plaintext_footer=True)
    pages = check(path)
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
