"""Slices are those that a dictionary of counts gives, wherever batches are cut."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from mnist_batch.evaluation import slices
from mnist_batch.evaluation.outcomes import Outcomes
from mnist_batch.evaluation.slices import Slice, SliceCounts
from tests.support.prediction_batches import cut, predictions_batch, random_predictions


def slices_of(*batches: pa.RecordBatch, columns: tuple[str, ...] = ()) -> list[Slice]:
    """Return the slices of some batches."""
    counts = SliceCounts(columns)
    for batch in batches:
        counts.add(Outcomes.of(batch))
    return counts.slices()


def named(batch: pa.RecordBatch, sources: list[str]) -> pa.RecordBatch:
    """Return a batch with other sources."""
    return batch.set_column(0, batch.schema.field("source"), pa.array(sources))


def by_hand(batch: pa.RecordBatch, values: list[object]) -> dict[object, tuple[int, ...]]:
    """Return rows, scored, correct and errors per value, counted one row at a time."""
    counts: dict[object, Counter[str]] = {}
    for value, row in zip(values, batch.to_pylist(), strict=True):
        one = counts.setdefault(value, Counter())
        one["rows"] += 1
        scored = row["label"] is not None and row["prediction"] is not None
        one["scored"] += scored
        one["correct"] += scored and row["label"] == row["prediction"]
        one["errors"] += row["prediction"] is None
    return {
        value: (one["rows"], one["scored"], one["correct"], one["errors"])
        for value, one in counts.items()
    }


def counted(found: list[Slice], kind: str) -> dict[object, tuple[int, ...]]:
    """Return the same of slices of one kind."""
    return {
        one.value: (one.rows, one.scored, one.correct, one.errors)
        for one in found
        if one.kind == kind
    }


def test_every_kind_is_counted_as_by_hand() -> None:
    """Folders, files, prepared or not, bands of confidence, and a column."""
    batch = random_predictions(600, 1)
    random = np.random.default_rng(2)
    names = ["a.png", "in/b.png", "in/deep/c.png", "x.parquet", "in/Y.PARQUET", "in/d.png"]
    sources = random.choice(names, 600).tolist()
    cities = [None if one == "" else one for one in random.choice(["Ulm", "", "Bonn"], 600)]
    batch = named(batch, sources).append_column("city", pa.array(cities, pa.string()))
    found = slices_of(batch, columns=("city",))
    assert counted(found, "city") == by_hand(batch, cities)
    values = [one.as_py() for one in batch.column("prepared")]
    assert counted(found, "prepared") == by_hand(batch, ["yes" if one else "no" for one in values])
    is_file = [one.lower().endswith(".parquet") for one in sources]
    files = by_hand(batch, [one if file else 0 for one, file in zip(sources, is_file, strict=True)])
    del files[0]
    assert counted(found, "file") == files
    folders = by_hand(
        batch,
        [0 if file else one.rpartition("/")[0] for one, file in zip(sources, is_file, strict=True)],
    )
    del folders[0]
    assert counted(found, "folder") == folders


def test_bands_of_confidence_hold_their_lower_bound() -> None:
    """And the highest one holds 1; rows without a confidence are in none."""
    bounds = [0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 1.0]
    rows = [(1, 1)] * len(bounds) + [(1, None)]
    found = counted(slices_of(predictions_batch(rows, confidences=[*bounds, None])), "confidence")
    names = [f"{low:g} to {high:g}" for low, high in pairwise(bounds)]
    assert {name: one[0] for name, one in found.items()} == dict.fromkeys(names, 1) | {
        "0.99 to 1": 2
    }


@settings(deadline=None, max_examples=25)
@given(cuts=st.sets(st.integers(0, 200)), seed=st.integers(0, 9))
def test_the_cuts_between_batches_change_nothing(cuts: set[int], seed: int) -> None:
    """Nor the order in which values are listed."""
    random = np.random.default_rng(seed)
    sources = [f"{one}/a.png" for one in random.integers(0, 50, 200)]
    batch = named(random_predictions(200, seed), sources)
    assert slices_of(*cut(batch, cuts)) == slices_of(batch)


def test_values_beyond_the_first_are_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """So memory stays flat where every row has a value of its own; it is marked."""
    monkeypatch.setattr(slices, "MOST_VALUES", 3)
    batch = predictions_batch([(1, 1)] * 6).append_column("id", pa.array([1, 2, 3, 4, 1, 5]))
    found = [one for one in slices_of(*cut(batch, {2, 5}), columns=("id",)) if one.kind == "id"]
    assert [(one.value, one.rows, one.is_rest) for one in found] == [
        ("1", 2, False),
        ("2", 1, False),
        ("3", 1, False),
        (None, 2, True),
    ]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([1.5, 2.0, None]), ["1.5", "2", None]),
        (pa.array([True, False, True]), ["true", "false"]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None]),
        (pa.array(["x" * 300, "x" * 250, "y"]), ["x" * 200, "y"]),
        (pa.nulls(3), [None]),
    ],
)
def test_any_column_that_can_be_text_can_be_sliced_by(
    values: pa.Array, expected: list[str | None]
) -> None:
    """Numbers, truth values, dictionaries; long texts are cut."""
    batch = predictions_batch([(1, 1)] * 3).append_column("it", values)
    found = slices_of(batch, batch, columns=("it",))
    assert [one.value for one in found if one.kind == "it"] == expected


@pytest.mark.parametrize("name", ["folder", "file"])
def test_a_column_may_have_the_name_of_a_kind(name: str) -> None:
    """Its values are counted apart from folders and files."""
    batch = predictions_batch([(1, 1)] * 2).append_column(name, pa.array(["a", "b"]))
    found = slices_of(batch, columns=(name,))
    assert [one.value for one in found if one.kind == f"column {name}"] == ["a", "b"]
    assert counted(found, "file") == {"digits.parquet": (2, 2, 2, 0)}
    assert counted(found, "folder") == {}


def test_the_interval_is_scipys() -> None:
    """Of the scored rows; nothing is known of none."""
    one = Slice("folder", "a", rows=30, scored=20, correct=17, errors=5)
    interval = binomtest(17, 20).proportion_ci(method="wilson")
    assert one.accuracy == 0.85
    assert one.accuracy_interval == pytest.approx(tuple(interval))
    none = Slice("folder", "a", rows=1, scored=0, correct=0, errors=1)
    assert (none.accuracy, none.accuracy_interval) == (None, None)
