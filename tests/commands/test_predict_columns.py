"""Columns of the input in the predictions, through parts, resuming and both formats."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import ColumnError, OutputError
from mnist_batch.inference.workers import Progress
from mnist_batch.outputs.reader import PredictionsFile
from mnist_batch.schema import CONTENT, PATH, PREDICTIONS, PROBABILITIES

_HOSTILE = [
    "<script>alert(1)</script>",
    "\"quotes\" and 'more'",
    "=cmd|'/c calc'!A1",
    "line\nbreak",
]
_LONG = "ten thousand bytes " * 527


@pytest.fixture
def lots(tmp_path: Path, digits_parquet: Path) -> Path:
    """Generated digits with columns of hostile names and values."""
    table = pq.read_table(digits_parquet)
    for number, name in enumerate(_HOSTILE):
        values = [None, *_HOSTILE, _LONG]
        column = [values[(row + number) % 6] for row in range(len(table))]
        table = table.append_column(name, pa.array(column))
    table = table.append_column("id", pa.array(range(len(table)), pa.int32()))
    path = tmp_path / "lots.parquet"
    pq.write_table(table, path, row_group_size=100)
    return path


def _cells(path: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(2**20)
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def test_they_stand_after_the_schemas_own(tmp_path: Path, lots: Path, model: Path) -> None:
    """In the order asked for, each once, as pyarrow reads them of the input."""
    out = tmp_path / "out.parquet"
    keep = [_HOSTILE[1], *_HOSTILE, "id"]
    summary = mnist_batch.predict(
        lots, out, model=model, keep_columns=keep, slices=["id"], content_hash=True,
        probabilities=True, batch_size=70, report=False,
    )  # fmt: skip
    table, names = pq.read_table(out), [_HOSTILE[1], _HOSTILE[0], *_HOSTILE[2:], "id"]
    own = [*PREDICTIONS.names, PROBABILITIES.name, CONTENT.name]
    assert [name for name in table.column_names if name != PATH.name] == [*own, *names]
    given = pq.read_table(lots)
    assert table.select(names).to_pydict() == given.select(names).to_pydict()
    images = given["image"].to_pylist()
    hashes = [hashlib.sha256(_bytes(image)).hexdigest()[:32] for image in images]
    assert table["content"].to_pylist() == hashes
    assert summary.run is not None
    assert summary.run["options"]["keep_columns"] == names
    assert summary.run["options"]["slices"] == ["id"]


def _bytes(image: Any) -> bytes:  # noqa: ANN401 - of Hugging Face, or raw
    content = image["bytes"] if isinstance(image, dict) else image
    assert isinstance(content, bytes)
    return content


def test_csv_has_them_as_text_that_no_spreadsheet_runs(
    tmp_path: Path, lots: Path, model: Path
) -> None:
    """Names of columns too; reading takes the guard away, in both formats alike."""
    outs = [tmp_path / "out.csv", tmp_path / "out.parquet"]
    for out in outs:
        mnist_batch.predict(lots, out, model=model, keep_columns=[*_HOSTILE, "id"], report=False)
    for cell in (text for row in _cells(outs[0]) for text in [*row, *row.values()]):
        assert not cell.startswith(("=", "+", "@"))
    given = pq.read_table(lots)
    for out in outs:
        with PredictionsFile(out) as file:
            assert {*_HOSTILE, "id"} <= {*file.further}
            read = pa.Table.from_batches(file.batches([_HOSTILE[2], "id"]))
        assert read.column_names == [*PREDICTIONS.names, _HOSTILE[2], "id"]
        assert read[_HOSTILE[2]].to_pylist() == given[_HOSTILE[2]].to_pylist()
        assert read["id"].to_pylist() == [str(number) for number in range(len(given))]


def test_a_resumed_run_has_them_in_all_rows(
    tmp_path: Path, lots: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit as one that was not interrupted; with other columns it does not go on."""
    monkeypatch.setattr("mnist_batch.inputs.parquet.files.SHARD_ROWS", 200)
    monkeypatch.setattr("mnist_batch.inputs.parquet.shard.SHARD_ROWS", 200)
    monkeypatch.setattr("mnist_batch.inputs.joined.SHARD_ROWS", 200)
    monkeypatch.setattr("mnist_batch.inputs.parquet.shard.PART_SHARDS", 1)
    monkeypatch.setattr("mnist_batch.inputs.shards.SHARD_ROWS", 200)
    monkeypatch.setattr("mnist_batch.outputs.parts.parts.BLOCKS", 0)
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    options: dict[str, Any] = {
        "model": model, "keep_columns": ["id"], "slices": [_HOSTILE[0]], "content_hash": True,
        "report": False, "batch_size": 50,
    }  # fmt: skip
    mnist_batch.predict(lots, whole, **options)

    def interrupt(progress: Progress) -> None:
        if progress.done > 500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mnist_batch.predict(lots, out, progress=interrupt, **options)
    with pytest.raises(OutputError, match=r"keep-columns was \['id'.* is \['id'\] now"):
        mnist_batch.predict(lots, out, resume=True, **{**options, "slices": ()})
    summary = mnist_batch.predict(lots, out, resume=True, **options)
    assert summary.run is not None
    assert summary.run["resumed_rows"] > 0
    assert pq.read_table(out).equals(pq.read_table(whole))


def test_without_them_nothing_is_written(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """The columns are those of the schema, and the record is that of earlier releases."""
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(digits_folder, out, model=model, report=False)
    assert pq.read_schema(out).names == PREDICTIONS.names
    assert summary.run is not None
    assert not {"keep_columns", "slices", "content_hash"} & {*summary.run["options"]}


def test_a_name_that_cannot_be_kept_is_refused_before_the_model_runs(
    tmp_path: Path, lots: Path, model: Path
) -> None:
    """In one line, and nothing is written."""
    for name in ("prediction", "nix", "image"):
        with pytest.raises(ColumnError, match=f"column '{name}'.* cannot be kept") as error:
            mnist_batch.predict(lots, tmp_path / "out.csv", model=model, slices=[name])
        assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["lots.parquet"]


def test_slices_are_counted_by_the_values(tmp_path: Path, lots: Path, model: Path) -> None:
    """In predict as in evaluate, whose rows come from the file as text."""
    table = pq.read_table(lots).append_column("half", pa.array([n < 400 for n in range(1050)]))
    pq.write_table(table, lots)
    out = tmp_path / "out.parquet"
    mnist_batch.predict(lots, out, model=model, slices=["half"])
    page = (tmp_path / "out.report" / "index.html").read_text(encoding="utf-8")
    mnist_batch.evaluate(out, report=tmp_path / "again")
    again = (tmp_path / "again" / "index.html").read_text(encoding="utf-8")
    for text in (page, again):
        assert "half" in text
        assert "650" in text


def test_wrong_rows_have_them_too(tmp_path: Path, lots: Path, model: Path) -> None:
    """As the predictions in CSV have them, in predict as in evaluate of Parquet or CSV."""
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"out.{suffix}"
        mnist_batch.predict(
            lots,
            out,
            model=model,
            keep_columns=[*_HOSTILE, "id"],
            content_hash=True,
            report=tmp_path / f"predicted-{suffix}",
        )
        mnist_batch.evaluate(out, report=tmp_path / suffix)
    cells = [
        {name: value for name, value in row.items() if name != "error"}
        for row in _cells(tmp_path / "out.csv")
        if row["prediction"] not in ("", row["label"])
    ]
    assert cells
    for report in ("predicted-csv", "predicted-parquet", "csv", "parquet"):
        assert list(_cells(tmp_path / report / "mistakes.csv")) == cells


def test_wrong_rows_of_several_files_have_the_columns_of_all(
    tmp_path: Path, lots: Path, model: Path
) -> None:
    """Empty where a file lacks one."""
    for name, keep in {"a": ["id"], "b": [], "c": [_HOSTILE[0], "id"]}.items():
        out = tmp_path / f"{name}.parquet"
        mnist_batch.predict(lots, out, model=model, keep_columns=keep, report=False)
    files = [tmp_path / f"{name}.parquet" for name in "abc"]
    summary = mnist_batch.evaluate(files, report=tmp_path / "all")
    cells = list(_cells(tmp_path / "all" / "mistakes.csv"))
    wrong = (summary.metrics.scored - summary.metrics.correct) // 3
    assert [bool(row["id"]) for row in cells] == [True] * wrong + [False] * wrong + [True] * wrong
    assert {*_HOSTILE[:1], "id"} < {*cells[0]}
