"""Two predictions files, compared row by row."""

import json
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnist_batch
from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.changes import CHANGES, Change
from mnist_batch.evaluation.comparison.comparing import compare_predictions
from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.schema import METADATA_KEY
from tests.support.paired_statistics import interval, mid_p
from tests.support.predictions_files import write_predictions


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Eight rows, each of which another thing happens to."""
    base = write_predictions(
        tmp_path / "base.parquet",
        [1, 1, 2, 3, None, 4, 5, 6],
        [1, 7, 7, 3, 8, 4, None, 6],
        confidences=[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, None, 0.3],
    )
    new = write_predictions(
        tmp_path / "new.csv",
        [1, 1, 2, 3, None, 4, 5, 6],
        [7, 1, 3, 3, 9, None, 5, 9],
        confidences=[0.55, 0.8, 0.7, 0.6, 0.5, None, 0.4, 0.95],
    )
    return base, new


def test_each_change_is_counted(files: tuple[Path, Path]) -> None:
    """Of eight pairs five are scored: a label and two predictions."""
    found = compare_predictions(*files).comparison
    assert (found.base_rows, found.new_rows, found.pairs) == (8, 8, 8)
    assert (found.newly_wrong, found.newly_right, found.otherwise_wrong) == (2, 1, 1)
    assert (found.changed_unlabelled, found.lost, found.gained) == (1, 1, 1)
    assert found.overall.pairs == 5
    assert found.overall.difference == pytest.approx(-1 / 5)
    assert found.per_digit[1].pairs == 2
    assert found.newly_confused == ((1, 7, 1), (6, 9, 1))
    assert found.verdict is Verdict.TOO_FEW


def test_each_change_is_listed(files: tuple[Path, Path]) -> None:
    """By its kind, the newly wrong first, and of these the most confident."""
    changes = compare_predictions(*files).changes
    assert changes.schema == CHANGES
    shown = changes.select(["change", "row", "label", "base_prediction", "new_prediction"])
    assert [tuple(row.values()) for row in shown.to_pylist()] == [
        (Change.NEWLY_WRONG, 7, 6, 6, 9),
        (Change.NEWLY_WRONG, 0, 1, 1, 7),
        (Change.NEWLY_RIGHT, 1, 1, 7, 1),
        (Change.OTHERWISE_WRONG, 2, 2, 7, 3),
        (Change.UNLABELLED, 4, None, 8, 9),
        (Change.LOST, 5, 4, 4, None),
        (Change.GAINED, 6, 5, None, 5),
    ]
    assert changes["error"].to_pylist() == [None] * 5 + ["truncated"] * 2


def test_a_run_against_itself_is_no_difference(tmp_path: Path) -> None:
    """1,000 rows, p = 1, a difference of 0, and nothing to say."""
    labels, predictions = [*range(10)] * 100, [*range(9), 0] * 100
    path = write_predictions(tmp_path / "out.parquet", labels, predictions)
    found = compare_predictions(path, path)
    assert found.comparison.verdict is Verdict.NO_DIFFERENCE
    assert found.comparison.overall.p_value == 1
    assert found.comparison.overall.difference == 0
    assert found.comparison.notes == ()
    assert not found.comparison.is_worse
    assert found.changes.num_rows == 0


def test_the_labels_of_the_new_run_count(tmp_path: Path) -> None:
    """Where both have one; a label that only one has counts as it is."""
    base = write_predictions(tmp_path / "base.parquet", [1, 2, None, 4], [1, 2, 3, 4])
    new = write_predictions(tmp_path / "new.parquet", [1, 5, 3, None], [1, 5, 3, 9])
    found = compare_predictions(base, new).comparison
    assert (found.newly_right, found.newly_wrong, found.overall.pairs) == (1, 1, 4)
    assert found.changed_labels == 1
    assert "rows whose label changed: 1; the labels of the new run count" in found.notes


def test_other_images_of_the_same_names_are_refused(tmp_path: Path) -> None:
    """More than half of the labels differ, as of a test set that was drawn anew."""
    base = write_predictions(tmp_path / "base.parquet", [1, 2, 3, 4], [1, 2, 3, 4])
    new = write_predictions(tmp_path / "new.parquet", [7, 8, 9, 4], [7, 8, 9, 4])
    with pytest.raises(PredictionsError, match="3 of 4 rows have another label"):
        compare_predictions(base, new)


def test_other_labels_of_the_same_content_are_no_other_images(tmp_path: Path) -> None:
    """Labels that moved by one: both runs are scored by the new ones, and the number is said."""
    digits = [0, 1, 2, 3] * 100
    further = {"content": [f"{place:03}" for place in range(400)]}
    base = write_predictions(tmp_path / "base.parquet", digits, digits, further=further)
    moved = [(digit + 1) % 10 for digit in digits]
    new = write_predictions(tmp_path / "new.parquet", moved, digits, further=further)
    found = compare_predictions(base, new).comparison
    assert (found.changed_labels, found.overall.both_wrong, found.overall.pairs) == (400, 400, 400)
    assert "rows whose label changed: 400; the labels of the new run count" in found.notes
    with pytest.raises(PredictionsError, match="400 of 400 rows have another label"):
        compare_predictions(base, write_predictions(tmp_path / "bare.parquet", moved, digits))


def test_an_inserted_image_hides_no_mistakes_behind_it(tmp_path: Path) -> None:
    """1,000 rows, one put in at row 550; of the later ones 60 are misread now."""
    digits, contents = [1] * 1000, [f"{place:04}" for place in range(1000)]
    read = [7 if 700 <= place < 760 else 1 for place in range(1001)]
    base = write_predictions(
        tmp_path / "base.parquet", digits, digits, further={"content": contents}
    )
    contents.insert(550, "new")
    new = write_predictions(
        tmp_path / "new.parquet", [1, *digits], read, further={"content": contents}
    )
    found = compare_predictions(base, new).comparison
    assert (found.verdict, found.newly_wrong, found.pairs) == (Verdict.REGRESSED, 60, 1000)
    assert found.notes[1:] == (
        "images that both have, and that are compared: 1,000; rows in the base alone: 0, in the "
        "new run alone: 1",
    )


def test_an_image_that_is_there_ten_times_is_one(tmp_path: Path) -> None:
    """It flips, and of 991 images one has changed; all ten rows are listed."""
    contents = [*(f"{place:03}" for place in range(990)), *["again"] * 10]
    digits, read = [1] * 1000, [*[1] * 990, *[7] * 10]
    base, new = (
        write_predictions(tmp_path / name, digits, predictions, further={"content": contents})
        for name, predictions in (("base.parquet", digits), ("new.parquet", read))
    )
    for on in (None, "content"):
        found = compare_predictions(base, new, on=on)
        comparison = found.comparison
        assert comparison.verdict is Verdict.NO_DIFFERENCE
        assert not comparison.is_worse
        assert (comparison.overall.pairs, comparison.overall.newly_wrong) == (991, 1)
        assert (comparison.newly_wrong, comparison.repeats) == (10, 9)
        assert found.changes.num_rows == 10
        assert comparison.notes[-1].startswith("rows that hold an image again: 9; ")


def test_other_inputs_of_the_same_names_are_noted(tmp_path: Path) -> None:
    """Unless the content or a column that was named tells that the images are the same."""
    columns = {"content": ["a", "b", "c"], "scan": ["1", "2", "3"]}

    def noted(data: str, columns: dict[str, list[str]], on: str | None = None) -> bool:
        files = [tmp_path / "base.parquet", tmp_path / "new.parquet"]
        for path, fingerprint in zip(files, ("aa", data), strict=True):
            write_predictions(path, [1, 2, 3], [1, 2, 3], further=columns)
            run = {"options": {"sample_seed": 0}, "elapsed_s": 1, "images_per_s": 3}
            record = json.dumps({**run, "data_fingerprint": fingerprint}).encode()
            pq.write_table(
                pq.read_table(path).replace_schema_metadata({METADATA_KEY: record}), path
            )
        notes = compare_predictions(*files, on=on).comparison.notes
        return any(note.startswith("the inputs were not the same files") for note in notes)

    assert noted("bb", {})
    assert not noted("aa", {})
    assert not noted("bb", columns)
    assert not noted("bb", {"scan": columns["scan"]}, "scan")


def test_runs_without_labels_have_no_verdict(tmp_path: Path) -> None:
    """What they read otherwise is counted."""
    base = write_predictions(tmp_path / "base.parquet", [None] * 3, [1, 2, 3])
    new = write_predictions(tmp_path / "new.parquet", [None] * 3, [1, 2, 4])
    found = compare_predictions(base, new).comparison
    assert (found.verdict, found.changed_unlabelled) == (Verdict.UNLABELLED, 1)
    assert (found.overall.p_value, found.overall.difference) == (None, None)


def test_what_was_not_compared_is_said(tmp_path: Path) -> None:
    """A data set that grew."""
    base = write_predictions(tmp_path / "base.parquet", [1, 2], [1, 2])
    new = write_predictions(tmp_path / "new.parquet", [1, 2, 3], [1, 2, 3])
    assert compare_predictions(base, new).comparison.notes[:1] == (
        "images that both have, and that are compared: 2; rows in the base alone: 0, in the new "
        "run alone: 1",
    )


_DIGIT = st.none() | st.integers(0, 3)
_ROWS = st.dictionaries(st.integers(0, 9), st.tuples(_DIGIT, _DIGIT), min_size=1)


@given(_ROWS, _ROWS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_a_plain_loop(
    base: dict[int, tuple[int | None, int | None]],
    new: dict[int, tuple[int | None, int | None]],
    random: Random,
) -> None:
    """Over any rows, in any order, with and without labels and predictions."""
    expected: Counter[str] = Counter()
    both = base.keys() & new.keys()
    for row in both:
        (old_label, before), (label, after) = base[row], new[row]
        expected["labels"] += None not in (old_label, label) and old_label != label
        expected["known"] += None not in (old_label, label)
        label = old_label if label is None else label
        expected["lost"] += before is not None and after is None
        expected["gained"] += before is None and after is not None
        if None in (before, after):
            continue
        expected["unlabelled"] += label is None and before != after
        if label is not None:
            expected["wrong"] += before == label != after
            expected["right"] += before != label == after
            expected["other"] += label not in (before, after) and before != after
            expected["pairs"] += 1
    with TemporaryDirectory() as folder:
        files = []
        for name, rows in (("base", base), ("new", new)):
            keys = random.sample([*rows], len(rows))
            labels, predictions = ([rows[key][place] for key in keys] for place in (0, 1))
            path = Path(folder, f"{name}.parquet")
            files.append(write_predictions(path, labels, predictions, rows=keys))
        if 2 * len(both) < min(len(base), len(new)) or 2 * expected["labels"] > expected["known"]:
            with pytest.raises(PredictionsError):
                compare_predictions(files[0], files[1])
            return
        found = compare_predictions(files[0], files[1])
    comparison = found.comparison
    counted = {
        "labels": comparison.changed_labels,
        "lost": comparison.lost,
        "gained": comparison.gained,
        "unlabelled": comparison.changed_unlabelled,
        "wrong": comparison.newly_wrong,
        "right": comparison.newly_right,
        "other": comparison.otherwise_wrong,
        "pairs": comparison.overall.pairs,
    }
    assert counted == {name: expected[name] for name in counted}
    changes = ("lost", "gained", "unlabelled", "wrong", "right", "other")
    assert found.changes.num_rows == sum(expected[name] for name in changes)


def test_the_better_model_is_found_on_mnist(mnist: Path, seed_model: Path, tmp_path: Path) -> None:
    """10,000 pairs; counted by NumPy and tested by SciPy here. The other way round it regressed."""
    test = mnist / "test-00000-of-00001.parquet"
    seed, default = tmp_path / "seed.parquet", tmp_path / "default.parquet"
    mnist_batch.predict(test, seed, model=seed_model, report=False)
    mnist_batch.predict(test, default, report=False)
    labels, before, after = (
        pq.read_table(path)[column].to_numpy()
        for path, column in ((seed, "label"), (seed, "prediction"), (default, "prediction"))
    )
    wrong = int(((before == labels) & (after != labels)).sum())
    right = int(((before != labels) & (after == labels)).sum())

    better = compare_predictions(seed, default).comparison
    worse = compare_predictions(default, seed).comparison
    assert (better.verdict, worse.verdict) == (Verdict.IMPROVED, Verdict.REGRESSED)
    assert (better.pairs, better.newly_wrong, better.newly_right) == (10_000, wrong, right)
    assert better.overall.p_value == pytest.approx(mid_p(wrong, right))
    assert better.overall.interval == pytest.approx(interval(wrong, right, 10_000), abs=1e-9)
    assert worse.overall.p_value == better.overall.p_value
    assert worse.overall.difference == pytest.approx((wrong - right) / 10_000)
    assert not better.is_worse
