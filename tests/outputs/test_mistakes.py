"""Wrong rows go through memory and disk to `mistakes.csv`, and cost the run nothing else."""

import csv
import pickle
import shutil
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.outputs import mistakes
from mnist_batch.outputs.mistakes import Mistakes, WrongRows
from mnist_batch.schema import PREDICTIONS

HEADER = ["source", "row", "label", "prediction", "confidence", "prepared"]


def rows_of(sources: list[str], start: int = 0) -> pa.RecordBatch:
    """Return a wrong row of each source."""
    n = len(sources)
    columns = [sources, range(start, start + n), [3] * n, [5] * n, [0.25] * n, [True] * n]
    arrays = [pa.array(list(one)) for one in columns]
    arrays.append(pa.nulls(n))
    table = pa.Table.from_arrays(arrays, names=PREDICTIONS.names).cast(PREDICTIONS)
    return table.combine_chunks().to_batches()[0]


def add(collected: Mistakes, rows: pa.RecordBatch) -> None:
    """Add rows of which all are wrong."""
    collected.add(rows, np.ones(len(rows), np.bool_))


def read(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("in_memory", [0, 100, 10**6])
def test_all_rows_are_there_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    """Whether they fit into memory, or go to the disk at once or later; nothing is left there."""
    monkeypatch.setattr(mistakes, "_IN_MEMORY", in_memory)
    monkeypatch.setattr(mistakes, "_ROWS_AT_ONCE", 4)
    collected = Mistakes(tmp_path)
    for start in range(0, 30, 3):
        add(collected, rows_of(["a.png"] * 3, start))
    assert list(tmp_path.iterdir()) == []
    collected.write_to(tmp_path / "mistakes.csv")
    expected = [["a.png", str(row), "3", "5", "0.25", "true"] for row in range(30)]
    assert read(tmp_path / "mistakes.csv") == [HEADER, *expected]
    assert [path.name for path in tmp_path.iterdir()] == ["mistakes.csv"]


@pytest.mark.parametrize("in_memory", [0, 10**6])
def test_rows_of_parts_follow_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    """Parts that others predicted, one without wrong rows, and rows that were added here."""
    monkeypatch.setattr(mistakes, "_IN_MEMORY", in_memory)
    collected = Mistakes(tmp_path)
    add(collected, rows_of(["a.png"] * 2))
    for start, count in ((2, 3), (5, 0), (5, 2)):
        wrong = WrongRows()
        rows = rows_of(["=b.png"] * 3, start)
        wrong.add(rows, np.arange(3) < count)
        wrong.settle()
        collected.merge(pickle.loads(pickle.dumps(wrong)))
    add(collected, rows_of(["c.png"], 7))
    collected.write_to(tmp_path / "mistakes.csv")
    names = ["a.png"] * 2 + ["'=b.png"] * 5 + ["c.png"]
    expected = [[name, str(row), "3", "5", "0.25", "true"] for row, name in enumerate(names)]
    assert read(tmp_path / "mistakes.csv") == [HEADER, *expected]


def test_what_fails_elsewhere_fails_when_the_rows_are_written(tmp_path: Path) -> None:
    """As where a kept column cannot be CSV: the run goes on, and names the columns' failure."""
    wrong, collected = WrongRows(), Mistakes(tmp_path)
    rows = rows_of(["a.png"]).append_column("points", pa.array([[1, 2]]))
    wrong.add(rows, np.array([True]))
    wrong.settle()
    collected.merge(pickle.loads(pickle.dumps(wrong)))
    add(collected, rows_of(["b.png"]))
    with pytest.raises(pa.ArrowInvalid):
        collected.write_to(tmp_path / "mistakes.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_part_without_wrong_rows_tells_its_columns(tmp_path: Path) -> None:
    """Kept ones too: the file has their names, whatever its rows."""
    wrong, collected = WrongRows(), Mistakes(tmp_path)
    rows = rows_of(["a.png"]).append_column("camera", pa.array(["north"]))
    wrong.add(rows, np.array([False]))
    wrong.settle()
    collected.merge(wrong)
    collected.write_to(tmp_path / "mistakes.csv")
    assert read(tmp_path / "mistakes.csv") == [[*HEADER, "camera"]]


def test_without_rows_there_is_a_header(tmp_path: Path) -> None:
    """So that who reads the file every night needs no case for a perfect one."""
    Mistakes(tmp_path).write_to(tmp_path / "mistakes.csv")
    assert read(tmp_path / "mistakes.csv") == [HEADER]


def test_names_are_text_in_a_spreadsheet(tmp_path: Path) -> None:
    """Formulas are guarded as in predictions; quotes, commas and line breaks stay."""
    collected = Mistakes(tmp_path)
    add(collected, rows_of(["=1+1", 'a,"b"\nc', "plain"]))
    collected.write_to(tmp_path / "mistakes.csv")
    names = [row[0] for row in read(tmp_path / "mistakes.csv")[1:]]
    assert names == ["'=1+1", 'a,"b"\nc', "plain"]


def test_further_columns_follow(tmp_path: Path) -> None:
    """Kept ones as in a CSV file of predictions; probabilities are left out, right rows too."""
    rows = rows_of(["a", "b", "c"]).append_column(
        "probabilities", pa.array([[0.1] * 10] * 3, pa.list_(pa.float32(), 10))
    )
    rows = rows.append_column("=day", pa.array([date(2026, 1, n) for n in (1, 2, 3)]))
    rows = rows.append_column("b,c", pa.array(["@x", None, 'say "it"']))
    collected = Mistakes(tmp_path)
    collected.add(rows, np.array([True, False, True]))
    collected.write_to(tmp_path / "mistakes.csv")
    header, first, last = read(tmp_path / "mistakes.csv")
    assert header == [*HEADER, "'=day", "b,c"]
    assert [first[6:], last[6:]] == [["2026-01-01", "'@x"], ["2026-01-03", 'say "it"']]
    perfect = Mistakes(tmp_path)
    perfect.add(rows, np.zeros(3, np.bool_))
    perfect.write_to(tmp_path / "perfect.csv")
    assert read(tmp_path / "perfect.csv") == [header]


def test_long_texts_do_not_wait_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows go to the disk by their bytes too."""
    monkeypatch.setattr(mistakes, "_IN_MEMORY", 10_000)
    collected = Mistakes(tmp_path)
    before = pa.total_allocated_bytes()
    for _ in range(20):
        add(collected, rows_of(["a" * 6000] * 2))
    assert pa.total_allocated_bytes() - before < 60_000
    collected.write_to(tmp_path / "mistakes.csv")
    assert len(read(tmp_path / "mistakes.csv")) == 41


def test_a_failure_comes_when_the_file_is_made(tmp_path: Path) -> None:
    """Until then the run goes on without it."""
    collected = Mistakes(tmp_path / "missing")
    for _ in range(3):
        add(collected, rows_of(["a" * 2000] * 3000))
    with pytest.raises(FileNotFoundError):
        collected.write_to(tmp_path / "mistakes.csv")


def test_a_disk_that_is_nearly_full_is_left_to_the_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wrong rows stop before the disk is full."""
    usage = SimpleNamespace(total=10**9, used=10**9 - 1000, free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(mistakes, "_IN_MEMORY", 100)
    collected = Mistakes(tmp_path)
    add(collected, rows_of(["a"] * 3000))
    with pytest.raises(OSError, match="No space left"):
        collected.write_to(tmp_path / "mistakes.csv")
