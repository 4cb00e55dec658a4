"""Files that are not as their footers say are refused."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.parquet_files import PNGS, opened, refused, write


@pytest.mark.parametrize("empty", ["no row groups", "no rows"])
def test_empty_files_have_no_shards(tmp_path: Path, empty: str) -> None:
    """A Parquet file without rows or row groups is read, and holds nothing."""
    path = tmp_path / "a.parquet"
    schema = pa.schema([("image", pa.binary())])
    with pq.ParquetWriter(path, schema) as writer:
        if empty == "no rows":
            writer.write_table(schema.empty_table())
    assert opened(path) == []


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"text", b"\x89PNG\r\n", bytes(999)]
)
def test_what_is_not_parquet_is_an_error(tmp_path: Path, content: bytes) -> None:
    """Zero bytes, text and pictures with the suffix are errors that name the file."""
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert refused(path).startswith("not a readable Parquet file: ")


def test_missing_file_folder_and_pipe_are_errors(tmp_path: Path) -> None:
    """A file that went away, a folder, a pipe and a name too long are errors that name it."""
    assert refused(tmp_path / "gone.parquet").startswith("not a readable Parquet file: ")
    assert refused(tmp_path).startswith("not a regular file")
    os.mkfifo(tmp_path / "pipe.parquet")
    assert refused(tmp_path / "pipe.parquet").startswith("not a regular file")
    assert refused(tmp_path / ("n" * 300)).startswith("not a readable Parquet file: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_closed_file_is_an_error(tmp_path: Path) -> None:
    """A file without read permission is an error that names it."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_file_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    """A Parquet file that lacks its end is no Parquet file, wherever it was cut."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    content = path.read_bytes()
    for size in (*range(0, len(content), 97), len(content) - 1, len(content) - 8):
        path.write_bytes(content[:size])
        assert refused(path).startswith("not a readable Parquet file: ")


def test_counts_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """The footer's own count is that of all row groups."""
    path = write(tmp_path / "a.parquet", {"image": PNGS[:1] * 40})
    before, _, after = path.read_bytes().rpartition(b"\x16\x50")
    path.write_bytes(before + b"\x16\x52" + after)
    assert "its row groups do not have the 40 rows that its footer counts" in refused(path)


def test_damaged_name_of_a_column_is_an_error(tmp_path: Path) -> None:
    """A footer with a column name that is not UTF-8 is an error that names the file."""
    path = write(tmp_path / "a.parquet", {"imagery": PNGS}, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"imagery", b"im\xffgery"))
    assert refused(path).startswith("not a readable Parquet file: ")
