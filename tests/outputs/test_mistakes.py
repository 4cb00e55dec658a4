"""Wrong rows go through memory and disk to `mistakes.csv`, and cost the run nothing else."""

import csv
import shutil
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from mnist_batch.outputs import mistakes
from mnist_batch.outputs.mistakes import Mistakes
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
        collected.add(rows_of(["a.png"] * 3, start))
    assert list(tmp_path.iterdir()) == []
    collected.write_to(tmp_path / "mistakes.csv")
    expected = [["a.png", str(row), "3", "5", "0.25", "true"] for row in range(30)]
    assert read(tmp_path / "mistakes.csv") == [HEADER, *expected]
    assert [path.name for path in tmp_path.iterdir()] == ["mistakes.csv"]


def test_without_rows_there_is_a_header(tmp_path: Path) -> None:
    """So that who reads the file every night needs no case for a perfect one."""
    Mistakes(tmp_path).write_to(tmp_path / "mistakes.csv")
    assert read(tmp_path / "mistakes.csv") == [HEADER]


def test_names_are_text_in_a_spreadsheet(tmp_path: Path) -> None:
    """Formulas are guarded as in predictions; quotes, commas and line breaks stay."""
    collected = Mistakes(tmp_path)
    collected.add(rows_of(["=1+1", 'a,"b"\nc', "plain"]))
    collected.write_to(tmp_path / "mistakes.csv")
    names = [row[0] for row in read(tmp_path / "mistakes.csv")[1:]]
    assert names == ["'=1+1", 'a,"b"\nc', "plain"]


def test_a_failure_comes_when_the_file_is_made(tmp_path: Path) -> None:
    """Until then the run goes on without it."""
    collected = Mistakes(tmp_path / "missing")
    for _ in range(3):
        collected.add(rows_of(["a" * 2000] * 3000))
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
    collected.add(rows_of(["a"] * 3000))
    with pytest.raises(OSError, match="No space left"):
        collected.write_to(tmp_path / "mistakes.csv")
