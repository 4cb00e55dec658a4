"""What `mnist-batch compare` prints: the verdict first, within 80 columns."""

from dataclasses import replace
from pathlib import Path

import pytest

from mnist_batch import ComparisonResult
from mnist_batch.cli.printing.comparison import comparison_page, why_worse
from mnist_batch.evaluation.comparison.result import Comparison, Verdict
from mnist_batch.schema import Classes
from tests.support.class_comparison import class_comparison
from tests.support.class_predictions import CHARACTERS, GARMENTS, HOSTILE
from tests.support.command import printed
from tests.support.example_comparison import COMPARISON

RESULT = ComparisonResult(
    comparison=COMPARISON,
    base=Path("base.parquet"),
    new=Path("new.parquet"),
    base_run={"images_per_s": 61_000},
    new_run={"images_per_s": 59_500},
    changed=["the model is another"],
    files=[Path("out/index.html")],
    notes=[],
    _record={},
)


def shown(comparison: Comparison = COMPARISON, width: int = 80) -> list[str]:
    """Return the lines as they come out of a pipe."""
    return printed(comparison_page(replace(RESULT, comparison=comparison)), width)


def test_the_verdict_comes_first() -> None:
    """With both accuracies, and the difference with its interval and its p value."""
    lines = shown()
    assert lines[0] == "regressed: accuracy 0.9833, was 0.9862"  # 9,209 and 9,236 of 9,365
    assert lines[1].startswith("difference -0.29 points (95 % interval -0.44 to -0.16), p < 0.0001")


def test_one_image_is_no_images() -> None:
    """Nor are none one."""
    for pairs, title in ((1, "Of 1 image"), (0, "Of 0 images"), (9400, "Of 9,400 images")):
        assert title in shown(replace(COMPARISON, pairs=pairs))


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_into_the_terminal(width: int) -> None:
    """Also with counts of six digits."""
    scores = replace(COMPARISON.per_digit[4], both_right=900_000, newly_wrong=100_000)
    digits = (*COMPARISON.per_digit[:4], scores, *COMPARISON.per_digit[5:])
    for lines in (shown(width=width), shown(replace(COMPARISON, per_digit=digits), width)):
        assert max(map(len, lines)) <= width
        assert "\n".join(lines).isascii()


def test_it_says_how_many_images_the_accuracy_is_of() -> None:
    """Where some have no label, or no prediction in one of the runs."""
    line = "9,365 of 9,400 images have a label and both predictions"
    assert line in shown()
    assert line not in shown(replace(COMPARISON, pairs=9_365))


def test_changes_are_counted() -> None:
    """Those that there are."""
    lines = [" ".join(line.split()) for line in shown()]
    assert "Of 9,400 images" in lines
    for line in ("36 newly wrong", "9 newly right", "17 wrong in another way"):
        assert line in lines
    none = replace(COMPARISON, lost=0)
    assert "2 without a prediction now" in lines
    assert not any("without a prediction now" in line for line in shown(none))


def test_only_digits_that_changed_have_a_line() -> None:
    """The worse one is marked."""
    rows = [line.split() for line in shown()]
    digits = [row for row in rows if len(row) >= 8 and row[0].isdecimal()]
    assert [row[0] for row in digits] == ["3", "4", "9"]
    assert digits[1][:6] == ["4", "963", "0.9875", "0.9553", "31", "0"]
    assert [row[-1] == "worse" for row in digits] == [False, True, False]
    assert "worse is: p below 0.005, and a drop by more than 0.1 points" in shown()


def test_what_is_newly_confused_is_named() -> None:
    """The most often confused first."""
    lines = shown()
    start = lines.index("Most often newly wrong")
    assert lines[start + 1 : start + 4] == [
        "4 read as 9: 30 times",
        "9 read as 4: 5 times",
        "4 read as 1: once",
    ]


def test_what_else_is_not_as_in_the_base_is_said() -> None:
    """And the speed, which decides nothing."""
    lines = shown()
    assert "the model is another" in lines
    assert lines[-4:] == [
        "base         base.parquet",
        "new          new.parquet",
        "speed        59,500 images/s, was 61,000",
        "page         out/index.html",
    ]


def test_a_speed_that_is_not_known_is_no_line() -> None:
    """Nothing can be held against it."""
    lines = printed(comparison_page(replace(RESULT, new_run=None)), 80)
    assert not any(line.startswith("speed") for line in lines)


def test_runs_without_labels_have_no_accuracy() -> None:
    """The verdict says so."""
    none = replace(
        COMPARISON.overall,
        both_right=0,
        newly_wrong=0,
        newly_right=0,
        both_wrong=0,
        p_value=None,
        difference=None,
        interval=None,
    )
    unlabelled = replace(COMPARISON, verdict=Verdict.UNLABELLED, overall=none, per_digit=())
    assert shown(unlabelled)[:2] == ["no labels to tell by", ""]


def test_why_a_run_is_worse_is_said() -> None:
    """In all, on some digits, or both."""
    start = "worse than the base beyond chance and --max-drop 0.1: "
    assert why_worse(COMPARISON) == f"{start}in all, and on digit 4"
    assert why_worse(replace(COMPARISON, regressed_digits=())) == f"{start}in all"
    improved = replace(COMPARISON, verdict=Verdict.IMPROVED, regressed_digits=(1, 4))
    assert why_worse(improved) == f"{start}on digits 1, 4"


@pytest.mark.parametrize(
    "classes", [GARMENTS, CHARACTERS, Classes(200), Classes(len(HOSTILE), HOSTILE)]
)
def test_any_number_of_classes_fits_a_terminal(classes: Classes) -> None:
    """The worst of many are listed, and the sentence of the exit status names a few."""
    found = class_comparison(classes, 20_000).comparison
    lines = shown(found)
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 45
    assert not any("digit" in line for line in [*lines, why_worse(found)])
    assert len(why_worse(found)) < 200


def test_classes_are_named_in_the_table_and_in_the_sentence() -> None:
    """In place of their numbers."""
    found = class_comparison(GARMENTS, 4000).comparison
    lines = shown(found)
    start = lines.index("Per class that changed; p is corrected for there being 4")
    head, *rows = lines[start + 1 : start + 6]
    assert head.split()[:2] == ["class", "images"]
    assert [row.split("  ")[0] for row in rows] == list(GARMENTS.names or ())
    assert why_worse(found).endswith("in all, and on classes T-shirt/top, Coat, Shirt, Ankle boot")
    assert "on classes 0, 1, 2, 3, 4 and " in why_worse(
        class_comparison(Classes(20), 8000).comparison
    )
