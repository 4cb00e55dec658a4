"""Compare two predictions files, row by row: counts, statistics, and the rows that changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.changes import OF_CLASSES, Change, changes_schema
from mnist_batch.evaluation.comparison.common_classes import common_classes
from mnist_batch.evaluation.comparison.pairing import Pairing, has_repeated, pair_rows
from mnist_batch.evaluation.comparison.predicted_rows import (
    KNOWN_BY,
    SOURCE_AND_ROW,
    UNKNOWN,
    Numbers,
    PredictedRows,
    read_rows,
)
from mnist_batch.evaluation.comparison.result import Comparison
from mnist_batch.evaluation.comparison.verdict import (
    paired_scores,
    regressed_digits,
    reservations,
    verdict_of,
)
from mnist_batch.schema import CONTENT, PATH, Classes, renumbered

MAX_DROP = 0.001
"""The drop of accuracy, 0 to 1, that is let pass unless another is named."""


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison, and what it was made of.

    Attributes:
        comparison: what was found.
        base, new: the predictions files.
        base_run, new_run: how they were made; None where the file does not say.
        changes: the rows that changed, `changes_schema`: by the kind of change, and within it the
            most confident of the new run first.
        pictures: how many pictures the new run split into their digits; None if it split none.
        base_numbers: the number in the new run of each class of the base, int64 (classes,); None
            where the base has them in the same order.
    """

    comparison: Comparison
    base: Path
    new: Path
    base_run: Mapping[str, Any] | None
    new_run: Mapping[str, Any] | None
    changes: pa.Table
    pictures: int | None = None
    base_numbers: NDArray[np.int64] | None = None


def compare_predictions(
    base: Path, new: Path, *, on: str | None = None, max_drop: float = MAX_DROP
) -> Compared:
    """Compare two predictions files, or those of reports or nights.

    Args:
        base: what the new run is held against.
        new: the new run.
        on: the column that tells that two rows are one image, see `pairing.pair_rows`.
        max_drop: the drop of accuracy, 0 to 1, that is let pass, however sure it is.

    Raises:
        PredictionsError: a file cannot be read, or these are not runs over the same images.
    """
    known_by = KNOWN_BY if on is None else tuple({on, CONTENT.name})
    return compare_rows(read_rows(base, known_by), read_rows(new, known_by), on, max_drop)


def compare_rows(
    base: PredictedRows, new: PredictedRows, on: str | None = None, max_drop: float = MAX_DROP
) -> Compared:
    """Compare two predictions files that are read, as `compare_predictions` does.

    Raises:
        PredictionsError: these are not runs over the same images.
        OtherClassesError: they do not tell the same classes apart.
    """
    classes, numbers = common_classes(base, new)
    if numbers is not None:
        batches = [renumbered(batch, numbers) for batch in base.table.to_batches()]
        table = pa.Table.from_batches(batches, base.table.schema)
        base = replace(base, table=table, classes=classes)
    pairing = pair_rows(base, new, on)
    pairs = _Pairs.of(base, new, pairing, classes)
    pairs.check_same_images()
    overall, per_digit = paired_scores(pairs.counts())
    changes = pairs.changes()
    comparison = Comparison(
        verdict=verdict_of(overall, max_drop),
        joined_on=pairing.joined_on,
        base_rows=len(base),
        new_rows=len(new),
        pairs=len(pairing),
        overall=overall,
        repeats=int(pairs.is_repeat.sum()),
        per_digit=per_digit,
        regressed_digits=regressed_digits(per_digit, max_drop),
        newly_wrong=pairs.number(Change.NEWLY_WRONG),
        newly_right=pairs.number(Change.NEWLY_RIGHT),
        otherwise_wrong=pairs.number(Change.OTHERWISE_WRONG),
        changed_unlabelled=pairs.number(Change.UNLABELLED),
        lost=pairs.number(Change.LOST),
        gained=pairs.number(Change.GAINED),
        changed_labels=int(pairs.other_label.sum()),
        newly_confused=pairs.newly_confused(),
        max_drop=max_drop,
        notes=(*_notes(base, new, pairing, pairs), *reservations(overall, max_drop)),
        classes=classes,
    )
    pictures = None if new.digits is None else int((new.digits.fill_null(0).to_numpy() == 0).sum())
    return Compared(comparison, base.path, new.path, base.run, new.run, changes, pictures, numbers)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The pairs of two files: classes as `Numbers` (pairs,), -1 where there is none."""

    rows: tuple[PredictedRows, PredictedRows]
    pairing: Pairing
    classes: Classes
    label: Numbers
    base: Numbers
    new: Numbers
    other_label: NDArray[np.bool_]
    kinds: dict[Change, NDArray[np.bool_]]

    @classmethod
    def of(
        cls, base: PredictedRows, new: PredictedRows, pairing: Pairing, classes: Classes
    ) -> "_Pairs":
        base_label, new_label = base.labels[pairing.base], new.labels[pairing.new]
        label = np.where(new_label < 0, base_label, new_label)
        before, after = base.predictions[pairing.base], new.predictions[pairing.new]
        labelled, both = label >= 0, (before >= 0) & (after >= 0)
        was_right, is_right, other = before == label, after == label, before != after
        kinds = {
            Change.NEWLY_WRONG: both & labelled & was_right & ~is_right,
            Change.NEWLY_RIGHT: both & labelled & ~was_right & is_right,
            Change.OTHERWISE_WRONG: both & labelled & ~was_right & ~is_right & other,
            Change.UNLABELLED: both & ~labelled & other,
            Change.LOST: (before >= 0) & (after < 0),
            Change.GAINED: (before < 0) & (after >= 0),
        }
        other_label = (base_label >= 0) & (new_label >= 0) & (base_label != new_label)
        return cls((base, new), pairing, classes, label, before, after, other_label, kinds)

    def check_same_images(self) -> None:
        """Refuse pairs of which most have another label: a name was given to other images.

        Pairs of one content are the same images, whatever their labels.
        """
        base, new = self.rows
        known = (base.labels[self.pairing.base] >= 0) & (new.labels[self.pairing.new] >= 0)
        known &= ~self.pairing.is_verified
        other = known & self.other_label
        if 2 * other.sum() > known.sum():
            raise PredictionsError(
                f"{new.path} and {base.path}: joined by {self.pairing.joined_on}, "
                f"{other.sum():,} of {known.sum():,} rows have another label, so they "
                "are other images; compare runs over the same images, or name a column that tells "
                "images apart with --on"
            )

    def counts(self) -> NDArray[np.int64]:
        """Return the images that are scored, see `verdict.PairCounts`."""
        scored = self.is_scored & ~self.is_repeat
        label = self.label[scored].astype(np.int64)
        cells = 4 * label + 2 * (self.base[scored] == label) + (self.new[scored] == label)
        count = self.classes.count
        return np.bincount(cells, minlength=4 * count).reshape(count, 2, 2)

    @cached_property
    def is_scored(self) -> NDArray[np.bool_]:
        """Which pairs have a label and both predictions."""
        return (self.label >= 0) & (self.base >= 0) & (self.new >= 0)

    @cached_property
    def is_repeat(self) -> NDArray[np.bool_]:
        """Which of those have the content of one before: they are no further evidence."""
        repeats = np.zeros(len(self.pairing), np.bool_)
        places = np.flatnonzero(self.is_scored & self.pairing.is_verified)
        if len(places):
            contents = self.rows[1].contents(self.pairing.new[places])
            if has_repeated(contents):
                repeats[places] = True
                repeats[places[np.unique(contents, return_index=True)[1]]] = False
        return repeats

    def number(self, change: Change) -> int:
        """Return how many pairs changed in a way."""
        return int(self.kinds[change].sum())

    def newly_confused(self) -> tuple[tuple[int, int, int], ...]:
        """Return what the newly wrong pairs are read as, see `Comparison.newly_confused`."""
        wrong, of = self.kinds[Change.NEWLY_WRONG], self.classes.count
        cells = self.label[wrong].astype(np.int64) * of + self.new[wrong]
        counts = np.bincount(cells).tolist()
        found = [(*divmod(cell, of), count) for cell, count in enumerate(counts) if count]
        return tuple(sorted(found, key=lambda cell: (-cell[2], cell)))

    def changes(self) -> pa.Table:
        """Return the rows that changed, `changes_schema`."""
        base, new = (rows.table for rows in self.rows)
        digits, pictures = self.rows[1].digits, self.rows[1].pictures
        schema = changes_schema(self.classes, split=digits is not None)
        tables, dtype = [schema.empty_table()], self.classes.dtype
        for change, changed in self.kinds.items():
            places = np.flatnonzero(changed)
            confidence = new["confidence"].take(pa.array(self.pairing.new[places])).to_numpy()
            places = places[np.argsort(-confidence, kind="stable")]
            before = base.take(pa.array(self.pairing.base[places]))
            after = new.take(pa.array(self.pairing.new[places]))
            label = self.label[places]
            contents = self.rows[1].contents(self.pairing.new[places])
            columns = {
                "change": pa.array([str(change)] * len(places), pa.string()),
                "source": after["source"],
                "row": after["row"],
                "label": pa.array(label, mask=label < 0).cast(dtype),
                "base_prediction": before["prediction"].cast(dtype),
                "new_prediction": after["prediction"].cast(dtype),
                "base_confidence": before["confidence"],
                "new_confidence": after["confidence"],
                "prepared": after["prepared"],
                "error": (before if change is Change.GAINED else after)["error"],
                "base_source": before["source"],
                "base_row": before["row"],
                "index": pa.array(self.pairing.new[places]),
                "content_key": pa.array(contents, mask=contents == UNKNOWN),
            }
            if self.classes.names:
                names = pa.array(self.classes.names)
                for name in OF_CLASSES:
                    columns[f"{name}_name"] = pc.take(names, columns[name])
            if digits is not None and pictures is not None:
                columns["digit"] = digits.take(columns["index"])
                columns["picture"] = pa.array(pictures[self.pairing.new[places]])
            tables.append(pa.table(columns, schema=schema))
        return pa.concat_tables(tables)


def _notes(
    base: PredictedRows, new: PredictedRows, pairing: Pairing, pairs: _Pairs
) -> Iterator[str]:
    """Yield what the user should know of how the rows were joined, and what else changed."""
    if pairing.joined_on != SOURCE_AND_ROW:
        yield f"rows are joined on {pairing.joined_on}"
    by_name = pairing.joined_on in (SOURCE_AND_ROW, PATH.name) and not pairing.is_verified.any()
    data = {_data_of(base), _data_of(new)}
    if by_name and len(data) == 2 and None not in data:
        yield (
            "the inputs were not the same files, by name, size and rows, and nothing tells that "
            f"images of one {pairing.joined_on} are the same; predict both with --content-hash"
        )
    if pairing.replaced:
        yield (
            f"rows that hold another image than in the base, left out: {pairing.replaced:,} "
            "(their content differs)"
        )
    if pairing.ambiguous:
        yield (
            f"rows of which several have the same {pairing.joined_on}, left out: "
            f"{pairing.ambiguous:,}"
        )
    if len(pairing) < max(len(base), len(new)):
        yield (
            f"images that both have, and that are compared: {len(pairing):,}; rows in the base "
            f"alone: {len(base) - len(pairing):,}, in the new run alone: "
            f"{len(new) - len(pairing):,}"
        )
    if repeats := int(pairs.is_repeat.sum()):
        yield (
            f"rows that hold an image again: {repeats:,}; accuracy and p count each image once, "
            "by its content"
        )
    if changed := int(pairs.other_label.sum()):
        yield f"rows whose label changed: {changed:,}; the labels of the new run count"


def _data_of(rows: PredictedRows) -> str | None:
    """Return what names the input that was predicted; None where the file does not say."""
    named = (rows.run or {}).get("data_fingerprint")
    return named if isinstance(named, str) else None
