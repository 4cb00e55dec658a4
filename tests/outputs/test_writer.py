"""Predictions on disk: formats, metadata, and what a full disk leaves behind."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.errors import OutputError
from mnist_batch.outputs.reader import PredictionsFile
from mnist_batch.outputs.writer import Sink
from mnist_batch.schema import PREDICTIONS, predictions_schema

ROWS = {
    "source": ["a.png", "=cmd()", "-1.png", "'=quoted.png", 'comma, "quote"\nline.png'],
    "row": [0, 1, 2, 3, 2**40],
    "label": [7, None, 0, 9, None],
    "prediction": [7, None, 0, 1, 2],
    "confidence": [0.5, None, 1.0, 0.125, 0.25],
    "prepared": [False, True, False, False, True],
    "error": [None, "not an image", None, None, None],
}


def _batch() -> pa.RecordBatch:
    return pa.record_batch(ROWS, schema=PREDICTIONS)


def _write(path: Path, batches: list[pa.RecordBatch], *, with_probabilities: bool = False) -> None:
    schema = predictions_schema(with_probabilities=with_probabilities)
    with Sink(path, schema, overwrite=False) as sink:
        for batch in batches:
            sink.write(batch)
        sink.finish({"rows": 5})
        sink.commit()


def test_parquet_has_the_schema_and_the_rows(tmp_path: Path) -> None:
    """Every column of its declared type, every value as it was."""
    _write(tmp_path / "out.parquet", [_batch()])
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.equals(PREDICTIONS)
    assert table.to_pydict() == ROWS


def test_parquet_carries_how_it_was_made(tmp_path: Path) -> None:
    """As JSON under the key mnist_batch of its metadata."""
    _write(tmp_path / "out.parquet", [_batch()])
    metadata = pq.read_metadata(tmp_path / "out.parquet").metadata
    assert json.loads(metadata[b"mnist_batch"]) == {"rows": 5}


def test_parquet_is_compressed_and_dictionary_coded(tmp_path: Path) -> None:
    """Text by dictionary, all of it by zstd."""
    _write(tmp_path / "out.parquet", [_batch()])
    group = pq.read_metadata(tmp_path / "out.parquet").row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert "RLE_DICTIONARY" in columns["source"].encodings
    assert "RLE_DICTIONARY" not in columns["confidence"].encodings


def test_no_rows_are_a_file_with_the_columns(tmp_path: Path) -> None:
    """An empty input gives an empty output, not none."""
    for name in ("out.parquet", "out.csv"):
        _write(tmp_path / name, [])
        assert list(PredictionsFile(tmp_path / name).batches()) == []


def test_csv_defuses_formulas(tmp_path: Path) -> None:
    """A cell that a spreadsheet would run begins with a quote; all else is as it was."""
    _write(tmp_path / "out.csv", [_batch()])
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(ROWS)
    assert [row[0] for row in rows[1:]] == [
        "a.png",
        "'=cmd()",
        "'-1.png",
        "''=quoted.png",
        'comma, "quote"\nline.png',
    ]
    assert rows[1] == ["a.png", "0", "7", "7", "0.5", "false", ""]
    assert rows[2] == ["'=cmd()", "1", "", "", "", "true", "not an image"]


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".CSV"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    """Both formats hold the same rows, probabilities included."""
    probabilities = [[i / 45 for i in range(10)], None, [0.1] * 10, [0.1] * 10, [0.1] * 10]
    schema = predictions_schema(with_probabilities=True)
    batch = pa.record_batch({**ROWS, "probabilities": probabilities}, schema=schema)
    path = tmp_path / f"out{suffix}"
    _write(path, [batch], with_probabilities=True)
    (read,) = PredictionsFile(path).batches()
    assert read.to_pydict() == batch.to_pydict()


def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    """Before anything is done."""
    with pytest.raises(OutputError, match=r"\.xlsx.*\.parquet or \.csv"):
        Sink(tmp_path / "out.xlsx", PREDICTIONS, overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_leaving_without_commit_leaves_nothing(tmp_path: Path) -> None:
    """An error half-way is an output that never was."""
    path = tmp_path / "out.parquet"
    with (
        pytest.raises(ValueError, match="half-way"),
        Sink(path, PREDICTIONS, overwrite=False) as sink,
    ):
        sink.write(_batch())
        raise ValueError("half-way")
    assert list(tmp_path.iterdir()) == []


_WRITE_WITHIN_4096_BYTES = """
import resource, sys
from pathlib import Path
import pyarrow as pa
from mnist_batch.errors import OutputError
from mnist_batch.schema import PREDICTIONS
from mnist_batch.outputs.writer import Sink
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
count = 40_000
rows = {
    "source": [f"{i * 7919 % count}.png" for i in range(count)], "row": range(count),
    "label": [None] * count, "prediction": [None] * count, "confidence": [None] * count,
    "prepared": [False] * count, "error": ["not an image"] * count,
}
try:
    with Sink(Path(sys.argv[1]), PREDICTIONS, overwrite=True) as sink:
        sink.write(pa.record_batch(rows, schema=PREDICTIONS))
        sink.finish({})
        sink.commit()
except OutputError as error:
    print(error)
    sys.exit(1)
"""


@pytest.mark.parametrize("name", ["out.parquet", "out.csv"])
def test_a_full_disk_leaves_the_old_output(tmp_path: Path, name: str) -> None:
    """The system refuses to write past 4 KiB: one line, no stray file, the old file as it was."""
    (tmp_path / name).write_text("old")
    ended = subprocess.run(
        [sys.executable, "-c", _WRITE_WITHIN_4096_BYTES, tmp_path / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "could not be written: File too large" in ended.stdout
    assert ended.stdout.count("\n") == 1
    assert ended.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


def test_long_texts_are_written_before_they_fill_memory(tmp_path: Path) -> None:
    """A row group of as many rows as usual would be all of a small input."""
    path, text = tmp_path / "out.parquet", "x" * 100_000
    schema = predictions_schema(with_probabilities=False, further=[pa.field("text", pa.string())])
    batch = _batch().append_column("text", pa.array([text] * 5))
    with Sink(path, schema, overwrite=False) as sink:
        for _ in range(100):
            sink.write(batch.cast(schema))
        sink.finish({})
        sink.commit()
    metadata = pq.read_metadata(path)
    assert metadata.num_rows == 500
    assert metadata.num_row_groups == 2
