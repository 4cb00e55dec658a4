"""Rows of a CSV file are counted as they are read later; what is blank is none."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.inputs.arrays.stored_bytes import GZIP, Checkpoints, StoredBytes
from mnist_batch.inputs.parquet.footers import identity_of
from mnist_batch.inputs.tables import csv_lines
from mnist_batch.inputs.tables.csv_lines import LineTooLongError, index_lines


def checkpoints(path: Path, content: bytes, coding: int | None = None) -> Checkpoints:
    """Write a file, and return what opens it."""
    path.write_bytes(content)
    return Checkpoints(StoredBytes(str(path), identity_of(str(path)), 0, len(content), coding))


@settings(deadline=None, max_examples=60)
@given(
    lines=st.lists(st.sampled_from([b"1,2", b"345", b"", b" \t", b" 7", b"x" * 11]), max_size=40),
    end=st.sampled_from([b"\n", b"\r\n"]),
    last=st.booleans(),
)
def test_rows_start_where_their_lines_do(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], end: bytes, last: bool
) -> None:
    """Wherever pieces are cut; the last line needs no end."""
    content = end.join([*lines, b""] if last else lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_lines, "_PIECE", 7)
        patch.setattr(csv_lines, "SHARD_ROWS", 3)
        found = index_lines(checkpoints(tmp_path_factory.mktemp("c") / "c", content), 0)
    rows = [line for line in lines if line.strip()]
    assert found.rows == len(rows)
    assert found.damage == ""
    assert [content[start:].split(end)[0] for start in found.starts] == rows[::3]


def test_the_row_of_a_truncation_counts(tmp_path: Path) -> None:
    """With the reason that nothing follows."""
    content = gzip.compress(b"".join(b"%d,2,3\n" % number for number in range(9999)))
    found = index_lines(checkpoints(tmp_path / "c", content[: len(content) // 2], GZIP), 0)
    assert 2000 < found.rows < 9000
    assert "too soon" in found.damage


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """A packed one could take any memory."""
    with pytest.raises(LineTooLongError):
        index_lines(checkpoints(tmp_path / "c", gzip.compress(bytes(5 * 2**20)), GZIP), 0)
