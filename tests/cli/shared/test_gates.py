"""What follows from options: the argument `report`, and statuses for errors and accuracy."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer

from mnist_batch.cli.shared.gates import check_errors, error_budget, reaches, report_argument
from mnist_batch.evaluation.evaluator import Unreadable
from tests.support.command import run
from tests.support.example_metrics import METRICS


def test_a_report_is_in_its_default_folder_another_or_none() -> None:
    """As the library takes it; both options at once are a usage error."""
    assert report_argument(None, no_report=False) is True
    assert report_argument(None, no_report=True) is False
    assert report_argument("r", no_report=False) == "r"
    with pytest.raises(typer.BadParameter, match="exclude each other"):
        report_argument("r", no_report=True)


@pytest.mark.parametrize("max_errors", ["-1", "0.5", "101%", "x%", ""])
def test_a_wrong_budget_is_a_usage_error(max_errors: str) -> None:
    """With what was expected."""
    with pytest.raises(typer.BadParameter, match="expected a number of rows"):
        error_budget(max_errors)


def test_more_errors_than_allowed_are_status_3(capsys: pytest.CaptureFixture[str]) -> None:
    """With both numbers; as many as allowed are fine."""
    check_errors(error_budget("2"), 2, 10, 0, lacking="a prediction")
    check_errors(error_budget("20%"), 2, 10, 0, lacking="a prediction")
    with pytest.raises(typer.Exit) as end:
        check_errors(error_budget("1"), 2, 10, 0, lacking="a prediction")
    assert end.value.exit_code == 3
    expected = "error: rows without a prediction: 2 of 10, more than --max-errors 1\n"
    assert capsys.readouterr() == ("", expected)


def test_the_first_rows_with_an_error_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """With their reason, how many there are beside them, and where everything is."""
    rows = [
        Unreadable("a/1.png", 0, "truncated"),
        Unreadable("b.parquet", 0, "no bytes"),
        Unreadable("x" * 100 + "\x1b.tif", 7, "corrupt: marker"),
        Unreadable("c", 0, "no bytes"),
    ]
    for errors in (4, 3):
        with pytest.raises(typer.Exit):
            check_errors(
                *(error_budget("0"), errors, 1000, 0),
                lacking="a prediction",
                examples=rows[:errors],
                out=Path("preds.parquet"),
            )
    named = f"a/1.png: truncated; b.parquet, row 0: no bytes; ...{'x' * 75}?.tif, row 7: corrupt"
    begin = "error: rows without a prediction:"
    assert capsys.readouterr().err.splitlines() == [
        f"{begin} 4 of 1,000, more than --max-errors 0 ({named}: marker; 1 more); everything is "
        "in preds.parquet",
        f"{begin} 3 of 1,000, more than --max-errors 0 ({named}: marker); everything is in "
        "preds.parquet",
    ]


def test_no_share_allows_a_source_of_unknown_length(capsys: pytest.CaptureFixture[str]) -> None:
    """It is one row with an error, but nobody knows how many rows it holds."""
    check_errors(error_budget("2"), 2, 10, 1, lacking="an image")
    with pytest.raises(typer.Exit):
        check_errors(error_budget("20%"), 2, 10, 1, lacking="an image")
    assert "sources that cannot be read at all: 1," in capsys.readouterr().err


def test_an_accuracy_below_the_gate_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """One that was never measured is below every gate."""
    three_of_four = np.zeros((10, 10), np.int64)
    three_of_four[0, :2] = 3, 1
    metrics = replace(METRICS, confusion_matrix=three_of_four)
    assert reaches(None, metrics)
    assert reaches(0.75, metrics)
    assert capsys.readouterr().err == ""
    assert not reaches(0.76, metrics)
    assert not reaches(0.0, replace(METRICS, confusion_matrix=0 * three_of_four))
    assert capsys.readouterr().err == (
        "error: accuracy 0.7500 is below --min-accuracy 0.76\n"
        "error: --min-accuracy: no row has both a label and a prediction\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--scale", "255", "'--scale': '255' is not one of '0-1', "),
        ("--min-accuracy", "99", "'--min-accuracy': 99: expected a share from 0 to 1, as 0.95"),
        ("--min-accuracy", "-1", "'--min-accuracy': -1: expected a share from 0 to 1, as 0.95"),
    ],
)
def test_a_wrong_value_is_said_in_our_words(option: str, value: str, expected: str) -> None:
    """Without those of the library that parses it."""
    ended = run("predict", "x", option, value)
    assert ended.returncode == 2
    said = " ".join(ended.stderr.replace("\u2502", " ").split())
    assert f"Invalid value for {expected}" in said


def test_help_asks_for_no_value_of_a_flag() -> None:
    """Nor breaks a word that stands for a value."""
    page = run("nightly", "--help").stdout
    assert "<bool>" not in page
    assert "NIGHT|FILE " in page
