"""A quick look prints a line for each image."""

from pathlib import Path
from typing import Any

import pytest

from mnist_batch.cli.printing.look import Row, RunnerUp, as_typed, look_page
from mnist_batch.schema import DIGITS, Classes
from tests.support.class_predictions import HOSTILE
from tests.support.command import printed

NUMBERS = [0.01, 0.02, 0.1, 0.7, 0.1, 0.03, 0.01, 0.01, 0.01, 0.01]


def row(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - of any column
    """Return a row of `stream`."""
    found = {
        "source": "a/3.png",
        "row": 0,
        "label": None,
        "prediction": 3,
        "confidence": 0.7,
        "prepared": True,
        "error": None,
        "probabilities": NUMBERS,
    }
    return found | changes


def test_the_runner_up_is_the_most_probable_of_the_others() -> None:
    """Of equal ones the smaller digit, as for the prediction."""
    assert Row.of(row()).runner_up == RunnerUp(2, 0.1)
    even = Row.of(row(prediction=0, probabilities=[0.1] * 10))
    assert even.runner_up == RunnerUp(1, 0.1)
    record = Row.of(row()).record(DIGITS)
    assert record["runner_up"] == {"digit": 2, "probability": 0.1}
    assert (record["source"], record["prediction"], record["error"]) == ("a/3.png", 3, None)


def test_each_image_has_a_line_and_a_reason_where_it_has_no_digit() -> None:
    """The name is whole, without what would rewrite the screen."""
    failed = {"prediction": None, "confidence": None, "probabilities": None}
    rows = [
        Row.of(row()),
        Row.of(row(source="t.parquet", row=1234)),
        Row.of(row(source="x" * 100 + "\x1b[2J", error="no digit found", **failed)),
    ]
    assert printed(look_page(rows, ["in"], DIGITS)) == [
        "digit  confidence  runner-up  file",
        "    3      0.7000   2 0.1000  a/3.png",
        "    3      0.7000   2 0.1000  t.parquet, row 1,234",
        f"    -           -          -  {'x' * 100}?[2J: no digit found",
    ]


def test_files_are_named_as_they_were_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the INPUT that they came from, be it a file, a folder, a glob or a list of them."""
    monkeypatch.chdir(tmp_path)
    Path("in/3").mkdir(parents=True)
    Path("in/3/7.png").touch()
    assert as_typed("7.png", ["other.png", "in/3/7.png"]) == "in/3/7.png"
    assert as_typed("3/7.png", ["in/"]) == "in/3/7.png"
    assert as_typed("7.png", [f"{tmp_path}/in/3"]) == f"{tmp_path}/in/3/7.png"
    assert as_typed("3/7.png", ["in/*/*.png"]) == "in/3/7.png"
    assert as_typed("in/3/7.png", ["-"]) == "in/3/7.png"
    assert as_typed("packed/from.png", ["in"]) == "packed/from.png"


CLOTHES = Classes(3, ("Coat", "Ankle boot", "T-shirt/top"))


def test_classes_are_called_by_their_names() -> None:
    """The image, and what came next; in JSON beside the numbers."""
    found = [
        Row.of(row(prediction=2, label=1, probabilities=[0.2, 0.1, 0.7])),
        Row.of(row(prediction=None, confidence=None, probabilities=None, error="truncated")),
    ]
    assert printed(look_page(found, ["in"], CLOTHES)) == [
        "class        confidence  runner-up    file",
        "T-shirt/top      0.7000  Coat 0.2000  a/3.png",
        "-                     -  -            a/3.png: truncated",
    ]
    record = found[0].record(CLOTHES)
    assert (record["label_name"], record["prediction_name"]) == ("Ankle boot", "T-shirt/top")
    assert record["runner_up"] == {"class": 0, "probability": 0.2, "name": "Coat"}
    assert found[1].record(CLOTHES)["prediction_name"] is None
    unnamed = found[0].record(Classes(3))
    assert unnamed["runner_up"] == {"class": 0, "probability": 0.2}
    assert "prediction_name" not in unnamed


def test_a_name_of_a_class_rewrites_no_screen() -> None:
    """It is one line of printable characters, and a column however many it takes."""
    classes = Classes(len(HOSTILE), HOSTILE)
    numbers = [0.05] * len(HOSTILE)
    rows = [Row.of(row(prediction=one, probabilities=numbers)) for one in range(len(HOSTILE))]
    lines = printed(look_page(rows, ["in"], classes))
    assert len(lines) == 1 + len(HOSTILE)
    assert all(line.isprintable() and line.endswith("a/3.png") for line in lines[1:])
