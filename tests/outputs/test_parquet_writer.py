"""Parquet files: row groups, what their bytes depend on, and the record of the run."""

import hashlib
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.outputs import parquet_writer
from mnist_batch.outputs.parquet_writer import ParquetWriter
from mnist_batch.schema import predictions_schema

SCHEMA = predictions_schema(
    with_probabilities=True, further=[pa.field("note", pa.string()), pa.field("none", pa.null())]
)


def _rows(count: int, note: str = "") -> pa.RecordBatch:
    """Return rows of which no two have the same source and the same note."""
    columns = {
        "source": [f"{place * 7919 % 100_003}.png" for place in range(count)],
        "row": range(count),
        "label": [place % 11 if place % 11 < 10 else None for place in range(count)],
        "prediction": [place % 10 for place in range(count)],
        "confidence": [place / count for place in range(count)],
        "prepared": [False] * count,
        "error": [None] * count,
        "probabilities": [[place / count] * 10 for place in range(count)],
        "note": [f"{note}{place}" for place in range(count)],
        "none": [None] * count,
    }
    return pa.record_batch(columns, schema=SCHEMA)


def _write(path: Path, rows: pa.RecordBatch, ends: Sequence[int]) -> list[int]:
    """Write rows in batches that end so; return the rows of each row group."""
    writer = ParquetWriter(path, rows.schema)
    for start, end in pairwise([0, *ends, len(rows)]):
        writer.write(rows.slice(start, end - start))
    writer.close({"rows": len(rows)})
    metadata = pq.read_metadata(path)
    return [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)]


def test_row_groups_have_32_768_rows(tmp_path: Path) -> None:
    """All but the last, however small or large the batches are that come in."""
    rows = _rows(70_000)
    assert _write(tmp_path / "a.parquet", rows, range(3000, 70_000, 3000)) == [32_768, 32_768, 4464]
    assert _write(tmp_path / "b.parquet", rows, []) == [32_768, 32_768, 4464]


def test_the_file_is_the_same_wherever_batches_end(tmp_path: Path) -> None:
    """Byte for byte, also where a column takes several pages and gives up its dictionary."""
    rows = _rows(40_000, note="long " * 20)
    contents = set()
    for number, ends in enumerate(([], [1, 999, 2000, 33_000], range(2048, 40_000, 2048))):
        _write(tmp_path / f"{number}.parquet", rows, ends)
        contents.add(hashlib.sha256((tmp_path / f"{number}.parquet").read_bytes()).hexdigest())
    assert len(contents) == 1


@given(lengths=st.lists(st.integers(0, 60), min_size=1, max_size=60), data=st.data())
def test_a_row_group_of_long_texts_ends_with_the_row_that_fills_it(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], data: st.DataObject
) -> None:
    """The sums are added by hand here; where batches end does not matter."""
    most = 200
    expected, size, count = [], 0, 0
    for length in lengths:
        size, count = size + 8 + length, count + 1
        if size > most or count == 16:
            expected.append(count)
            size = count = 0
    expected += [count] if count else []
    ends = data.draw(st.lists(st.integers(0, len(lengths)), max_size=9).map(sorted))
    rows = pa.record_batch({"row": range(len(lengths)), "note": ["x" * n for n in lengths]})
    path = tmp_path_factory.mktemp("groups") / "out.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_writer, "ROW_GROUP_BYTES", most)
        writer = ParquetWriter(path, rows.schema, group_rows=16)
        for start, end in pairwise([0, *ends, len(rows)]):
            writer.write(rows.slice(start, end - start))
        writer.close({})
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == expected
    assert pq.read_table(path).to_pydict() == rows.to_pydict()


def test_the_record_is_in_the_metadata_of_file_and_schema(tmp_path: Path) -> None:
    """Where users of pyarrow, of Polars and of pandas, which keeps it in no frame, look for it."""
    path = tmp_path / "out.parquet"
    _write(path, _rows(5), [])
    assert json.loads(pq.read_metadata(path).metadata[b"mnist_batch"]) == {"rows": 5}
    assert json.loads(pq.read_schema(path).metadata[b"mnist_batch"]) == {"rows": 5}
    assert json.loads(pq.read_table(path).schema.metadata[b"mnist_batch"]) == {"rows": 5}
    assert json.loads(pl.read_parquet_metadata(path)["mnist_batch"]) == {"rows": 5}


def test_types_are_read_as_they_were_written(tmp_path: Path) -> None:
    """By Arrow to the letter; pandas and Polars find numbers, texts and gaps."""
    path, rows = tmp_path / "out.parquet", _rows(50)
    _write(path, rows, [])
    assert pq.read_table(path).schema.equals(SCHEMA)
    assert pq.read_table(path).to_pydict() == rows.to_pydict()
    assert pd.read_parquet(path)["label"].isna().sum() == 4
    assert pl.read_parquet(path).schema["probabilities"] == pl.Array(pl.Float32, 10)
