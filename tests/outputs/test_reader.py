"""Predictions files are read as they were written, and a bad one is refused in one line."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.errors import PredictionsError
from mnist_batch.mnist import CLASSES
from mnist_batch.outputs.reader import PredictionsFile
from mnist_batch.schema import METADATA_KEY, PREDICTIONS, predictions_schema

COLUMNS: dict[str, list[Any]] = {
    "source": ["3/a.png", "NA", "=1.png", "3/line\nbreak.png"],
    "row": [0, 1, 2, 3],
    "label": [3, None, 0, 9],
    "prediction": [3, 5, None, 4],
    "confidence": [0.5, 1.0, None, 0.25],
    "prepared": [False, True, False, False],
    "error": [None, None, "-not an image: cut off", None],
}
PROBABILITIES = [[0.1] * 10, [0.0] * 5 + [1.0] + [0.0] * 4, None, [0.25] * 4 + [0.0] * 6]

CSV = """\
source,row,label,prediction,confidence,prepared,error
3/a.png,0,3,3,0.5,false,
NA,1,,5,1,true,
'=1.png,2,0,,,false,'-not an image: cut off
"3/line\nbreak.png",3,9,4,0.25,false,
"""


def table(**changes: list[Any]) -> pa.Table:
    """Return the predictions above with some columns changed."""
    return pa.Table.from_pydict(COLUMNS | changes, schema=PREDICTIONS)


def written(folder: Path, predictions: pa.Table) -> Path:
    """Return the path of a Parquet file of `predictions`."""
    path = folder / "predictions.parquet"
    pq.write_table(predictions, path)
    return path


def csv_file(folder: Path, text: str) -> Path:
    """Return the path of a CSV file of `text`."""
    path = folder / "predictions.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def rows(path: Path) -> pa.Table:
    """Return all rows of a predictions file."""
    return pa.Table.from_batches(PredictionsFile(path).batches())


def test_parquet_comes_back_as_written(tmp_path: Path) -> None:
    """Every column and every null."""
    assert rows(written(tmp_path, table())).equals(table())


def test_probabilities_come_back_from_parquet(tmp_path: Path) -> None:
    """As lists of ten, null for an unreadable row."""
    schema = predictions_schema(with_probabilities=True)
    predictions = pa.Table.from_pydict(COLUMNS | {"probabilities": PROBABILITIES}, schema=schema)
    assert rows(written(tmp_path, predictions)).equals(predictions)


def test_csv_comes_back_as_written(tmp_path: Path) -> None:
    """Empty cells are null, NA is a name, guards are gone, and a name may have two lines."""
    assert rows(csv_file(tmp_path, CSV)).equals(table())


def test_probabilities_come_back_from_csv(tmp_path: Path) -> None:
    """The columns p0 to p9 become lists of ten, null for an unreadable row."""
    frame = pd.DataFrame(COLUMNS)
    for digit in range(CLASSES):
        frame[f"p{digit}"] = [row[digit] if row else None for row in PROBABILITIES]
    path = tmp_path / "predictions.csv"
    frame.to_csv(path, index=False)
    expected = pa.array(PROBABILITIES, pa.list_(pa.float32(), CLASSES))
    assert rows(path)["probabilities"].combine_chunks().equals(expected)


def test_a_csv_that_pandas_wrote_again_can_be_read(tmp_path: Path) -> None:
    """Pandas makes 3.0 of 3 in a column with gaps, and True of true."""
    pd.DataFrame(COLUMNS).to_csv(tmp_path / "predictions.csv", index=False)
    assert ",3.0,3.0," in (tmp_path / "predictions.csv").read_text()
    assert rows(tmp_path / "predictions.csv")["label"].to_pylist() == COLUMNS["label"]


def test_a_parquet_file_that_pandas_wrote_again_can_be_read(tmp_path: Path) -> None:
    """With its wider types and a column of its own."""
    path = tmp_path / "predictions.parquet"
    pd.DataFrame(COLUMNS).assign(note="mine").to_parquet(path)
    assert rows(path).equals(table())


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    """Spreadsheets write one."""
    assert rows(csv_file(tmp_path, "\ufeff" + CSV)).equals(table())


def test_only_a_guard_is_stripped(tmp_path: Path) -> None:
    """An apostrophe before anything but a formula belongs to the name."""
    changed = CSV.replace("3/a.png", "'a.png").replace("'=1", "'@1")
    assert rows(csv_file(tmp_path, changed))["source"].to_pylist()[:3] == ["'a.png", "NA", "@1.png"]


def test_a_file_without_rows_is_no_error(tmp_path: Path) -> None:
    """It has no batches with rows."""
    header = CSV.splitlines()[0] + "\n"
    assert (
        sum(batch.num_rows for batch in PredictionsFile(csv_file(tmp_path, header)).batches()) == 0
    )
    path = written(tmp_path, table().slice(0, 0))
    assert sum(batch.num_rows for batch in PredictionsFile(path).batches()) == 0


def test_the_run_is_in_the_parquet_metadata(tmp_path: Path) -> None:
    """As JSON under the key of the schema; a CSV file has none."""
    run = {"options": {"sample_seed": 3}, "elapsed_s": 0.5, "images_per_s": 8, "model": "any"}
    metadata = {METADATA_KEY: json.dumps(run).encode()}
    path = written(tmp_path, table().replace_schema_metadata(metadata))
    assert PredictionsFile(path).run == run
    assert PredictionsFile(csv_file(tmp_path, CSV)).run is None


@pytest.mark.parametrize("foreign", ["1", "[1]", "{}", '{"options": null}', '{"elapsed_s": "x"}'])
def test_metadata_of_another_kind_is_passed_over(tmp_path: Path, foreign: str) -> None:
    """Whoever wrote it under our key: the rows are what counts."""
    metadata = {METADATA_KEY: foreign.encode()}
    path = written(tmp_path, table().replace_schema_metadata(metadata))
    assert PredictionsFile(path).run is None


def test_batches_can_be_read_twice(tmp_path: Path) -> None:
    """Each call starts anew."""
    file = PredictionsFile(written(tmp_path, table()))
    assert list(file.batches()) == list(file.batches())


def refusal(path: Path) -> str:
    """Return the one line with which a file is refused."""
    with pytest.raises(PredictionsError) as caught:
        list(PredictionsFile(path).batches())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """So is a folder of that name."""
    assert "does not exist" in refusal(tmp_path / "none.parquet")
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder.csv")


def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """Whether or not the file exists."""
    message = refusal(tmp_path / "predictions.xlsx")
    assert ".xlsx" in message
    assert ".parquet or .csv" in message


def test_missing_columns_are_named(tmp_path: Path) -> None:
    """All of them at once, for both formats, and among the probabilities."""
    path = written(tmp_path, table().drop_columns(["label", "error"]))
    assert "label, error" in refusal(path)
    assert "confidence" in refusal(csv_file(tmp_path, CSV.replace("confidence", "sureness")))
    assert "p1, p2" in refusal(csv_file(tmp_path, CSV.replace(",error\n", ",error,p0\n", 1)))


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b"\xff\xfe\x00" * 9])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_damaged_file_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    """With its name."""
    path = tmp_path / f"predictions{suffix}"
    path.write_bytes(content)
    assert str(path) in refusal(path)


def test_damage_inside_a_file_is_refused(tmp_path: Path) -> None:
    """While iterating: a line cut off, text in place of a number, a page overwritten."""
    assert "damaged" in refusal(csv_file(tmp_path, CSV + "5.png,0,1"))
    assert "damaged" in refusal(csv_file(tmp_path, CSV.replace("0.5", "half")))
    path = written(tmp_path, table())
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 200 + content[204:])
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("text", [b"{", b"9" * 5000, b"[" * 10**5, b"\xff"])
def test_metadata_that_is_no_json_is_refused(tmp_path: Path, text: bytes) -> None:
    """It is not what mnist-batch wrote; some that is JSON has a number or a depth without end."""
    path = written(tmp_path, table().replace_schema_metadata({METADATA_KEY: text}))
    assert "damaged" in refusal(path)


@pytest.mark.parametrize("column", ["label", "prediction"])
@pytest.mark.parametrize("value", [10, -1])
def test_a_digit_outside_0_to_9_is_refused_with_its_row(
    tmp_path: Path, column: str, value: int
) -> None:
    """Counted from 0 over the whole file, not the batch."""
    many = pa.concat_tables([table()] * 40_000 + [table(**{column: [1, 1, value, 1]})])
    message = refusal(written(tmp_path, many))
    assert f"row 160002: {column} is {value}; expected a digit from 0 to 9" in message


@pytest.mark.parametrize("value", ["12", "seven", "7.5", "-1", '"7\n8"'])
def test_a_label_in_csv_that_is_no_digit_is_refused_with_its_row(
    tmp_path: Path, value: str
) -> None:
    """As text, also where it is no number; a line break in it does not break the message."""
    text = CSV.replace('line\nbreak.png",3,9', f'line\nbreak.png",3,{value}')
    found = value.strip('"')
    assert f"row 3: label is {found!r}; expected" in refusal(csv_file(tmp_path, text))


def test_an_empty_cell_where_a_value_belongs_is_refused(tmp_path: Path) -> None:
    """Source, row and prepared are never null."""
    text = CSV.replace("NA,1", "NA,")
    assert "row 1: row is None; expected a value" in refusal(csv_file(tmp_path, text))


@pytest.mark.parametrize("value", [-0.5, 1.5, np.nan])
def test_a_confidence_outside_0_to_1_is_refused_with_its_row(tmp_path: Path, value: float) -> None:
    """An error of calibration computed with it would mean nothing."""
    path = written(tmp_path, table(confidence=[None, value, None, 1]))
    assert f"row 1: confidence is {value}; expected a number from 0 to 1" in refusal(path)


@pytest.mark.parametrize("value", [-0.5, 1.5, np.nan])
def test_a_probability_outside_0_to_1_is_refused_with_its_row(tmp_path: Path, value: float) -> None:
    """A log loss of it would be nonsense."""
    changed = [*PROBABILITIES[:3], [0.25] * 9 + [value]]
    schema = predictions_schema(with_probabilities=True)
    predictions = pa.Table.from_pydict(COLUMNS | {"probabilities": changed}, schema=schema)
    assert "row 3: probabilities is" in refusal(written(tmp_path, predictions))


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_file_that_is_replaced_meanwhile_is_read_as_it_was(tmp_path: Path, suffix: str) -> None:
    """Columns, record and rows are of one file: it is opened once."""
    tables = [written(tmp_path, table()), csv_file(tmp_path, CSV)]
    path = next(path for path in tables if path.suffix == f".{suffix}")
    whole = rows(path)
    with PredictionsFile(path) as file:
        (tmp_path / "other").write_bytes(b"something else")
        (tmp_path / "other").replace(path)
        assert pa.Table.from_batches(file.batches()).equals(whole)
        assert pa.Table.from_batches(file.batches()).equals(whole)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_file_that_is_changed_in_place_is_refused(tmp_path: Path, suffix: str) -> None:
    """Else the record would be of one run and the rows of another."""
    paths = [written(tmp_path, table()), csv_file(tmp_path, CSV)]
    path = next(path for path in paths if path.suffix == f".{suffix}")
    os.utime(path, ns=(0, 0))  # since the clock of files ticks every few milliseconds only
    with PredictionsFile(path) as file:
        path.write_bytes(path.read_bytes())
        with pytest.raises(PredictionsError, match="was changed while it was read; try again"):
            list(file.batches())


def test_further_columns_are_read_as_text_when_asked_for(tmp_path: Path) -> None:
    """Numbers and times too, and names that CSV guards; nested ones are as if not there."""
    further = {"id": pa.array([1, None, 3, 4]), "=sum": ["a", "", "'=x", None], "nested": [[1]] * 4}
    with_further = table()
    for name, values in further.items():
        with_further = with_further.append_column(name, pa.array(values))
    with PredictionsFile(written(tmp_path, with_further)) as file:
        assert file.further == ["id", "=sum"]
        assert next(file.batches()).schema.names == PREDICTIONS.names
        read = pa.Table.from_batches(file.batches(["=sum", "id"]))
        assert read.column_names == [*PREDICTIONS.names, "=sum", "id"]
        assert read["id"].to_pylist() == ["1", None, "3", "4"]
        assert read["=sum"].to_pylist() == ["a", "", "'=x", None]
        for name in ("nested", "nix", "label"):
            with pytest.raises(PredictionsError, match=f"has no column '{name}'"):
                next(file.batches([name]))
    path = tmp_path / "predictions.csv"
    path.write_text(
        "source,row,label,prediction,confidence,prepared,error,'=sum,twice,twice\n"
        'a,0,1,1,0.5,false,,\'=x,1,2\na,1,1,1,0.5,false,,"b\nc",1,2\na,2,1,1,0.5,false,,,1,2\n'
    )
    with PredictionsFile(path) as file:
        read = pa.Table.from_batches(file.batches(["=sum"]))
        assert read["=sum"].to_pylist() == ["=x", "b\nc", None]
        with pytest.raises(PredictionsError, match="has 2 columns 'twice'"):
            next(file.batches(["twice"]))
