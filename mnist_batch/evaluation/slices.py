"""Slices: accuracy of parts of the rows, by what they have in common."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mnist_batch.evaluation.outcomes import THRESHOLDS, Outcomes, among
from mnist_batch.evaluation.proportions import interval, ratio
from mnist_batch.schema import HOLDS_ROWS, holds_rows

FOLDER, FILE, PREPARED, CONFIDENCE = "folder", "file", "prepared", "confidence"
"""The kinds of slices that every run has."""

MOST_VALUES = 10_000
"""Values of a kind that are counted apart; the rows of all others are one slice."""

LONGEST_VALUE = 200
"""Characters of a value; what is longer is cut, and counted with what begins alike."""

_BANDS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
"""The least confidences of the bands."""


@dataclass(frozen=True)
class Slice:
    """The rows that have one value in common.

    Attributes:
        kind: what they have in common: `folder`, `file`, `prepared`, `confidence`, or the name of a
            column, after `column ` if it is one of these four.
        value: the value, as text; None where a column is null.
        rows: how many rows there are.
        scored: rows with a label and a prediction.
        correct: scored rows whose prediction is the label.
        errors: rows without a prediction.
        is_rest: whether these are the rows of all values after the first `MOST_VALUES`.
    """

    kind: str
    value: str | None
    rows: int
    scored: int
    correct: int
    errors: int
    is_rest: bool = False

    @property
    def accuracy(self) -> float | None:
        """Share of the scored rows that are correct, 0 to 1; None without scored rows."""
        return ratio(self.correct, self.scored)

    @property
    def accuracy_interval(self) -> tuple[float, float] | None:
        """95 % confidence interval of the accuracy (Wilson 1927); None without scored rows."""
        return interval(self.correct, self.scored)


class SliceCounts:
    """Counts rows by what they have in common, wherever batches are cut.

    The kinds are: the folder of image files, the Parquet file, whether the image was prepared, the
    band of confidence of rows that have one, and the values of named columns. A source with the
    suffix `.parquet` is a file; the folder of any other source is all before its last `/`.
    """

    def __init__(self, columns: Sequence[str] = (), *, all_values: bool = False) -> None:
        """Count by some columns of the batches too.

        `all_values` counts more than `MOST_VALUES` apart, for a part that is to be merged: a value
        that comes late there may be among the first of the whole.
        """
        self._kinds = {name: _kind(name) for name in columns}
        kinds = (FILE, FOLDER, *self._kinds.values())
        self._by_text = {kind: _Counts(math.inf if all_values else MOST_VALUES) for kind in kinds}
        self._prepared = np.zeros((2, _STATES), np.int64)
        self._bands = np.zeros((len(_BANDS), _STATES), np.int64)

    def add(self, outcomes: Outcomes) -> None:
        """Count the rows of a batch, which come in input order."""
        states = _states(outcomes)
        self._prepared += _by_state(outcomes.prepared.astype(np.int64), states, 2)
        sure = outcomes.sure
        bands = _BAND_OF_LEVEL[among(outcomes.levels, sure)]
        self._bands += _by_state(bands, among(states, sure), len(_BANDS))
        self._add_sources(outcomes.batch.column("source"), states)
        for name, kind in self._kinds.items():
            self._by_text[kind].add(outcomes.batch.column(name), states)

    def merge(self, later: "SliceCounts") -> None:
        """Add counts of the rows that follow, with all their values, by the same kinds."""
        for kind, counts in later._by_text.items():
            self._by_text[kind].merge(counts)
        self._prepared += later._prepared
        self._bands += later._bands

    def slices(self) -> list[Slice]:
        """Return those that have rows, kind by kind, in order of appearance."""
        slices = [one for kind, counts in self._by_text.items() for one in counts.slices(kind)]
        for value, counts in zip(("no", "yes"), self._prepared.tolist(), strict=True):
            slices.append(_slice(PREPARED, value, counts))
        for value, counts in zip(_BAND_NAMES, self._bands.tolist(), strict=True):
            slices.append(_slice(CONFIDENCE, value, counts))
        return [one for one in slices if one.rows]

    def _add_sources(self, sources: pa.Array, states: NDArray[np.int64]) -> None:
        if not len(sources):
            return
        if pc.all(pc.equal(sources, sources[0])).as_py():  # the usual case of a Parquet file
            first = sources[0].as_py()
            is_file = holds_rows(first)
            kind, value = (FILE, first) if is_file else (FOLDER, first.rpartition("/")[0])
            self._by_text[kind].add_value(value, states)
            return
        files = pc.match_substring_regex(sources, HOLDS_ROWS)
        in_files = files.true_count
        if in_files:
            where = slice(None) if in_files == len(files) else _numpy(files)
            self._by_text[FILE].add(sources.filter(files), states[where])
        if in_files < len(files):
            where = slice(None) if not in_files else ~_numpy(files)
            # Up to the last slash; nothing for a file in the INPUT itself.
            folders = pc.replace_substring_regex(
                sources.filter(pc.invert(files)), pattern="/?[^/]*$", replacement=""
            )
            self._by_text[FOLDER].add(folders, states[where])


_BAND_OF_LEVEL = np.searchsorted(_BANDS, THRESHOLDS, side="right") - 1
"""The band of each of `Outcomes.levels`: its bounds are among the thresholds."""

_BAND_NAMES = [f"{low:g} to {high:g}" for low, high in zip(_BANDS, (*_BANDS[1:], 1.0), strict=True)]


def _kind(column: str) -> str:
    own = (FOLDER, FILE, PREPARED, CONFIDENCE)
    return f"column {column}" if column in own else column


_ERROR, _UNSCORED, _WRONG, _RIGHT = range(4)
_STATES = 4


class _Counts:
    """Counts rows by a text."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._places: dict[str | None, int] = {}
        self._counts = np.zeros((1, _STATES), np.int64)  # the first is the rest

    def add(self, values: pa.Array, states: NDArray[np.int64]) -> None:
        """Count rows of some values, of any type that can be text."""
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()  # its dictionary may hold more than the values
        values = values.dictionary_encode(null_encoding="encode")
        texts = pc.utf8_slice_codeunits(values.dictionary.cast(pa.string()), 0, LONGEST_VALUE)
        places = np.array([self._place(text) for text in texts.to_pylist()], np.int64)
        rows = places[_numpy(values.indices)]
        self._counts += _by_state(rows, states, len(self._counts))

    def add_value(self, value: str, states: NDArray[np.int64]) -> None:
        """Count rows of one value."""
        place = self._place(value[:LONGEST_VALUE])
        self._counts[place] += np.bincount(states, minlength=_STATES)

    def merge(self, later: "_Counts") -> None:
        """Add the counts of rows that follow; none of their values is the rest."""
        places = np.array([self._place(text) for text in later._places], np.int64)
        # Several values may be the rest by now.
        np.add.at(self._counts, places, later._counts[1 : len(places) + 1])

    def slices(self, kind: str) -> list[Slice]:
        """Return the values in order of appearance, the rest last."""
        counts = self._counts.tolist()
        slices = [_slice(kind, value, counts[place]) for value, place in self._places.items()]
        return [*slices, _slice(kind, None, counts[0], is_rest=True)]

    def _place(self, text: str | None) -> int:
        place = self._places.get(text)
        if place is None:
            if len(self._places) >= self._most:
                return 0
            place = self._places[text] = len(self._places) + 1
            if len(self._counts) <= place:
                self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        return place


def _states(outcomes: Outcomes) -> NDArray[np.int64]:
    """Return `_ERROR`, `_UNSCORED`, `_WRONG` or `_RIGHT` of each row: int64 (n,)."""
    return outcomes.predicted.astype(np.int64) + outcomes.scored + outcomes.right


def _by_state(
    places: NDArray[np.int64], states: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Count rows by place, 0 to `count` - 1, and by state: int64 (count, `_STATES`)."""
    counts = np.bincount(places * _STATES + states, minlength=count * _STATES)
    return counts.reshape(count, _STATES)


def _slice(kind: str, value: str | None, counts: Sequence[int], *, is_rest: bool = False) -> Slice:
    wrong, right = counts[_WRONG], counts[_RIGHT]
    return Slice(kind, value, sum(counts), wrong + right, right, counts[_ERROR], is_rest)


def _numpy(values: pa.Array) -> NDArray[Any]:
    array: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return array
