"""A night that is predicted, held against an earlier one, and judged."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.evaluation.evaluator import Evaluator
from mnist_batch.nights.gates import GateLimits
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_folder import PREDICTIONS
from mnist_batch.nights.runs import Runs
from mnist_batch.nights.tonight import Predicted, Tonight
from mnist_batch.options import ErrorBudget
from mnist_batch.outputs.reader import PredictionsFile
from mnist_batch.schema import METADATA_KEY, Classes
from tests.support.nights import night, write_night
from tests.support.predictions_files import write_predictions

ROWS = 200
RUN = {
    "version": "0.5.0",
    "model": {"name": "MNIST.h5", "sha256": "a" * 64},
    "options": {"inputs": ["digits"], "prepare": "auto"},
    "elapsed_s": 0.5,
    "images_per_s": 400,
}
LIMITS = GateLimits(ErrorBudget.parse("0"))


def _predicted(
    path: Path, wrong: int, relabelled: int = 0, confidence: float = 0.75, first: int = 0
) -> Predicted:
    """Write predictions of which the first are wrong, and return what a run found.

    The labels of the first `relabelled` rows are others, and so are the digits. `first` is the
    number of the first image.
    """
    labels = [(row + (row < relabelled)) % 10 for row in range(ROWS)]
    digits = [(label + 1) % 10 if row < wrong else label for row, label in enumerate(labels)]
    content = {"content": [f"{row:032x}" for row in range(first, first + ROWS)]}
    write_predictions(path, labels, digits, confidences=[confidence] * ROWS, further=content)
    evaluator = Evaluator()
    with PredictionsFile(path) as file:
        for batch in file.batches():
            evaluator.add(batch)
    found = evaluator.evaluation()
    return Predicted(path, found.metrics, found.profile, RUN, 0)


@pytest.fixture
def earlier(tmp_path: Path) -> Night:
    """The night before, all right, over the same images."""
    predicted = _predicted(tmp_path / "p.parquet", wrong=0)
    alone = Tonight(Runs(tmp_path / "nights"), [], predicted, "passed", 0.001)
    made = alone.night("before", datetime(2024, 11, 1, tzinfo=UTC), LIMITS)
    (tmp_path / "p.parquet").rename(write_night(tmp_path / "nights", made) / PREDICTIONS)
    return made


def test_the_first_night_is_held_against_nothing(earlier: Night) -> None:
    """It passes, and its record says what it is made of."""
    assert (earlier.against, earlier.drift, earlier.changes, earlier.status) == (None, {}, (), 0)
    assert earlier.created_utc == "2024-11-01T00:00:00.000+00:00"
    assert earlier.per_digit == ((20, 20),) * 10
    assert earlier.options == {"inputs": ["digits"], "prepare": "auto"}
    assert (earlier.elapsed_s, earlier.images_per_s) == (0.5, 400)


def test_a_worse_night_is_told_by_its_comparison(tmp_path: Path, earlier: Night) -> None:
    """50 of 200 newly wrong are 25 points; the rows are named, those of most confidence first."""
    predicted = _predicted(tmp_path / "p.parquet", wrong=50)
    tonight = Tonight(Runs(tmp_path / "nights"), [earlier], predicted, "passed", 0.001)
    made = tonight.night("n", datetime(2024, 11, 2, tzinfo=UTC), LIMITS)
    assert made.against is not None
    assert (made.against.verdict, made.against.difference) == (Verdict.REGRESSED, -0.25)
    assert made.status == 5
    assert made.data == earlier.data
    assert [*tonight.newly_wrong(2)] == [
        ("test.parquet", row, f"{row} read as {row + 1}, confidence 0.7500") for row in (0, 1)
    ]


def test_a_few_new_images_are_counted_and_are_no_news(tmp_path: Path, earlier: Night) -> None:
    """20 of 200 are a minor change, 120 are not."""
    for new, minor in ((20, True), (120, False)):
        predicted = _predicted(tmp_path / "p.parquet", wrong=0, first=new)
        made = Tonight(Runs(tmp_path / "nights"), [earlier], predicted, "previous", 0.001).night(
            "n", datetime(2026, 11, 2, tzinfo=UTC), LIMITS
        )
        told = f"{new} of 200 images are new since before"
        assert (made.changes, made.minor) == ((told,), (told,) if minor else ())


def test_other_labels_of_the_same_images_are_suspicious(tmp_path: Path, earlier: Night) -> None:
    """Who reads these labels well may read the images badly; so the night is no base."""
    predicted = _predicted(tmp_path / "p.parquet", wrong=0, relabelled=60)
    for against in ("passed", str(tmp_path / "nights" / "before" / PREDICTIONS)):
        tonight = Tonight(Runs(tmp_path / "nights"), [earlier], predicted, against, 0.001)
        made = tonight.night("n", datetime(2024, 11, 2, tzinfo=UTC), LIMITS)
        assert (made.status, made.passed) == (5, False)
        assert made.suspicions[-1] == (
            f"60 of 200 images have another label than in {tonight.held.name}; check the labels"
        )


def test_a_less_sure_model_that_is_as_good_passes(tmp_path: Path, earlier: Night) -> None:
    """The gate says that the confidence is another."""
    predicted = _predicted(tmp_path / "p.parquet", wrong=0, confidence=0.5)
    tonight = Tonight(Runs(tmp_path / "nights"), [earlier], predicted, "passed", 0.001)
    made = tonight.night("n", datetime(2024, 11, 2, tzinfo=UTC), LIMITS)
    assert (made.status, made.suspicions) == (0, ())
    (drift,) = (gate for gate in made.gates if gate.name == "drift")
    assert drift.message.startswith("nothing looks suspicious; the confidence is far from that of")


def test_a_comparison_that_is_refused_names_the_place_of_the_night(
    tmp_path: Path, earlier: Night
) -> None:
    """Where the file is now, nobody finds it later."""
    predicted = _predicted(tmp_path / "hidden.parquet", wrong=0)
    twice = [1, 1]
    write_predictions(predicted.file, twice, twice, rows=[0, 0], further={"content": ["a", "a"]})
    against = str(tmp_path / "nights" / "before" / PREDICTIONS)
    tonight = Tonight(Runs(tmp_path / "nights"), [earlier], predicted, against, 0.001)
    assert "this night" in tonight.why_not_compared
    assert "hidden" not in tonight.why_not_compared


def _named(path: Path, names: str) -> Predicted:
    """Write right predictions of ten classes with one letter each, in an order; half are `a`."""
    shown = ["a" if row % 2 else "abcdefghij"[row // 2 % 10] for row in range(ROWS)]
    numbers = [names.find(letter) % 10 for letter in shown]
    content = {"content": [f"{row:032x}" for row in range(ROWS)]}
    write_predictions(path, numbers, numbers, further=content)
    options = {"inputs": ["letters"], "prepare": "never", "sample_seed": 0}
    record = {**RUN, "options": options, "classes": {"count": 10, "names": [*names]}}
    table = pq.read_table(path).replace_schema_metadata({METADATA_KEY: json.dumps(record)})
    pq.write_table(table, path)
    evaluator = Evaluator(classes=Classes(10, tuple(names)))
    with PredictionsFile(path) as file:
        for batch in file.batches():
            evaluator.add(batch)
    found = evaluator.evaluation()
    return Predicted(path, found.metrics, found.profile, record, 0)


def test_classes_are_compared_by_name_and_other_ones_miss_the_gate(tmp_path: Path) -> None:
    """In another order they are the same; the night of others is no base for those to come."""
    nights, when = tmp_path / "nights", datetime(2024, 11, 2, tzinfo=UTC)
    first = _named(tmp_path / "p.parquet", "abcdefghij")
    base = Tonight(Runs(nights), [], first, "passed", 0.001).night("before", when, LIMITS)
    first.file.rename(write_night(nights, base) / PREDICTIONS)
    turned = _named(tmp_path / "p.parquet", "jihgfedcba")
    made = Tonight(Runs(nights), [base], turned, "passed", 0.001).night("n", when, LIMITS)
    assert made.against is not None
    assert (made.against.verdict, made.against.pairs) == (Verdict.NO_DIFFERENCE, ROWS)
    assert (made.status, made.suspicions, made.is_base) == (0, (), True)
    others = _named(tmp_path / "p.parquet", "abcdefghiz")
    for against in ("passed", "previous", "before"):
        tonight = Tonight(Runs(nights), [base], others, against, 0.001)
        made = tonight.night("n", when, LIMITS)
        (gate,) = (gate for gate in made.gates if gate.name == "regression")
        assert gate.message.startswith("this night has a class 'z', and ")
        assert gate.message.endswith("; keep nights of other classes in a folder of their own")
        assert (made.status, made.is_base, made.suspicions, made.against) == (5, False, (), None)


def test_a_drop_that_is_let_pass_is_no_regression(tmp_path: Path, earlier: Night) -> None:
    """However sure it is."""
    predicted = _predicted(tmp_path / "p.parquet", wrong=50)
    tonight = Tonight(Runs(tmp_path / "nights"), [earlier], predicted, "passed", 0.9)
    assert tonight.night("n", datetime(2024, 11, 2, tzinfo=UTC), LIMITS).status == 0


def test_changes_are_said_since_the_night_before_and_since_the_base(
    tmp_path: Path, earlier: Night
) -> None:
    """Of the same change one sentence each; none twice where the two are one night."""
    other = night(2, data=earlier.data, model={"name": "other.h5", "sha256": "b" * 64})
    predicted = _predicted(tmp_path / "p.parquet", wrong=0)
    tonight = Tonight(Runs(tmp_path / "nights"), [earlier, other], predicted, "before", 0.001)
    assert tonight.changes == (
        "the model is MNIST.h5 (aaaaaaaaaaaa), in 2024-11-02 it was other.h5 (bbbbbbbbbbbb)",
    )
    assert tonight.changes_since_base == ()


def test_a_base_that_cannot_be_read_is_no_error(tmp_path: Path, earlier: Night) -> None:
    """The night says why nothing is compared, and warns, for it was asked for."""
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1")
    predicted = _predicted(tmp_path / "p.parquet", wrong=0)
    tonight = Tonight(Runs(tmp_path / "nights"), [earlier], predicted, str(damaged), 0.001)
    assert tonight.compared is None
    assert tonight.why_not_compared.startswith(f"{damaged} cannot be read")
    (warning,) = tonight.warnings
    assert warning == f"--against {damaged}: not compared, {tonight.why_not_compared}"
    assert [*tonight.newly_wrong(9)] == []


def test_a_night_that_is_named_and_is_over_other_images_is_warned_of(
    tmp_path: Path, earlier: Night
) -> None:
    """Of one that a word stands for nobody is: each night may have other images."""
    path = tmp_path / "nights" / "before" / PREDICTIONS
    write_predictions(path, [1], [1], further={"content": ["a"]})
    predicted, other = _predicted(tmp_path / "p.parquet", wrong=0), replace(earlier, data="b" * 64)
    named = Tonight(Runs(tmp_path / "nights"), [other], predicted, "before", 0.001)
    assert named.warnings == ("--against before: not compared, before is over other images",)
    for word in ("passed", "previous", "best"):
        assert Tonight(Runs(tmp_path / "nights"), [other], predicted, word, 0.001).warnings == ()


@pytest.mark.parametrize("left", [4, 2000])
def test_a_damaged_night_is_warned_of_and_an_earlier_one_takes_its_place(
    tmp_path: Path, earlier: Night, left: int
) -> None:
    """The gate is asked all the same, so a worse model is found."""
    later = replace(earlier, name="later", created_utc="2024-11-01T12:00:00.000+00:00")
    path = write_night(tmp_path / "nights", later) / PREDICTIONS
    whole = (tmp_path / "nights" / "before" / PREDICTIONS).read_bytes()
    path.write_bytes(whole[:left])
    predicted = _predicted(tmp_path / "p.parquet", wrong=50)
    tonight = Tonight(Runs(tmp_path / "nights"), [earlier, later], predicted, "passed", 0.001)
    assert tonight.held.name == "before"
    (warning,) = tonight.warnings
    assert warning.startswith(f"not compared with later: {path} ")
    assert tonight.night("n", datetime(2024, 11, 2, tzinfo=UTC), LIMITS).status == 5
