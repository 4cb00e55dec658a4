"""Tonight: a night that is predicted, held against an earlier one, and judged by the gates."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from mnist_batch.errors import OtherClassesError, PredictionsError
from mnist_batch.evaluation.comparison.changes import Change
from mnist_batch.evaluation.comparison.comparing import Compared, compare_predictions
from mnist_batch.evaluation.comparison.result import Comparison
from mnist_batch.evaluation.drift.distance import Drift, input_drift
from mnist_batch.evaluation.drift.suspicion import Earlier, excused, other_labels, suspicions
from mnist_batch.evaluation.input_profile import InputProfile
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.nights.baseline.changes import NewImages, changes, setting_of
from mnist_batch.nights.baseline.choice import HeldAgainst, hold_against, setting_of_night
from mnist_batch.nights.baseline.contents import read_contents
from mnist_batch.nights.gates import Evidence, GateLimits, ask_gates, status_of
from mnist_batch.nights.new_night import WORDS
from mnist_batch.nights.night import ComparedWith, Night
from mnist_batch.nights.runs import Runs

_OTHER_CLASSES = "; keep nights of other classes in a folder of their own"

_NAME = 40
"""Characters of the name of a class."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a run of `predict` found.

    Attributes:
        file: the predictions.
        metrics: of them.
        profile: what the input looks like.
        run: how they were made, as in the file's metadata.
        uncounted: sources that cannot be read at all, one row each.
    """

    file: Path
    metrics: Metrics
    profile: InputProfile
    run: Mapping[str, Any]
    uncounted: int


class Tonight:
    """A night that is predicted, and what it is held against.

    Attributes:
        held: what it is held against.
        compared: the comparison with it; None where there is none, `why_not_compared` says why.
        why_not_compared: a sentence, or empty.
        warnings: what the user asked for and did not get, a sentence each: a night or a file that
            was named was not compared, or one that came first is damaged.
        changes: what is not as in the night before, nor as in the one it is held against.
        changes_since_base: what is not as in the one it is held against.
    """

    def __init__(
        self,
        runs: Runs,
        earlier: Sequence[Night],
        predicted: Predicted,
        against: str,
        max_drop: float,
    ) -> None:
        """Compare it.

        Args:
            runs: the folder of the nights.
            earlier: those before it, in their order.
            predicted: what was predicted.
            against: of `baseline.choice.hold_against`.
            max_drop: the drop of accuracy, 0 to 1, that is let pass.
        """
        self._runs, self._earlier, self._predicted = runs, earlier, predicted
        self._contents = contents = read_contents(predicted.file)
        self._setting = setting_of(predicted.run, contents.digest)
        self._minor: list[str] = []
        self.compared: Compared | None = None
        self.warnings: tuple[str, ...] = ()
        bases = hold_against(runs, earlier, against, contents)
        self._has_other_classes = False
        self._compare(bases, predicted.file, max_drop)
        self._base = self._base_night()
        if self.compared is None and against not in WORDS:
            self.warnings = (f"--against {against}: not compared, {self.why_not_compared}",)
        self.changes_since_base = self._changes_since_base()
        before = self._changes(earlier[-1] if earlier else None)
        self.changes = tuple(dict.fromkeys((*before, *self.changes_since_base)))
        self._drift = self._input_drift()

    def _compare(self, bases: Iterable[HeldAgainst], file: Path, max_drop: float) -> None:
        """Compare it with the first of several that can be read."""
        for self.held in bases:
            self.why_not_compared = self.held.why
            if self.held.predictions is None:
                break
            try:
                self.compared = compare_predictions(self.held.predictions, file, max_drop=max_drop)
                break
            except PredictionsError as error:  # damaged, or of other images or classes
                self.why_not_compared = str(error).replace(str(file), "this night")
                self._has_other_classes = isinstance(error, OtherClassesError)
                if self._has_other_classes:
                    self.why_not_compared += _OTHER_CLASSES
                    break
                self.warnings += (f"not compared with {self.held.name}: {self.why_not_compared}",)

    def night(self, name: str, began: datetime, limits: GateLimits) -> Night:
        """Return what `run.json` holds."""
        metrics, run, base = self._predicted.metrics, self._predicted.run, self._base
        profile, comparison = self._predicted.profile, self._comparison
        before = _earlier(base, self._drift, comparison) if base else None
        suspicious = suspicions(metrics, profile, before)
        if comparison:
            suspicious = (*suspicious, *other_labels(comparison, self.held.name))
        evidence = Evidence(
            metrics=metrics,
            uncounted=self._predicted.uncounted,
            base=self.held.name,
            comparison=comparison,
            why_not_compared=self.why_not_compared,
            has_other_classes=self._has_other_classes,
            suspicions=suspicious,
            excused=excused(metrics, profile, before) if before else (),
        )
        gates = ask_gates(evidence, limits, self._earlier)
        setting = self._setting
        return Night(
            name=name,
            created_utc=began.isoformat(timespec="milliseconds"),
            version=setting.version,
            model=setting.model,
            data=setting.data or "",
            options=setting.options,
            rows=metrics.rows,
            scored=metrics.scored,
            correct=metrics.correct,
            errors=metrics.errors,
            errors_by_reason=metrics.errors_by_reason,
            per_digit=tuple(
                (int(row.sum()), int(row[number]))
                for number, row in enumerate(metrics.confusion_matrix)
            ),
            profile=profile,
            elapsed_s=run["elapsed_s"],
            images_per_s=run["images_per_s"],
            against=_in_short(self.held.name, self.compared),
            drift={name: (one.distance, one.band) for name, one in self._drift.items()},
            gates=gates,
            changes=self.changes,
            suspicions=suspicious,
            status=status_of(gates),
            min_accuracy=limits.min_accuracy,
            patience=limits.patience,
            minor=tuple(dict.fromkeys(self._minor)),
        )

    @property
    def notes(self) -> list[str]:
        """What the user should know of the comparison, a sentence each."""
        found = self.compared.comparison.notes if self.compared else ()
        return [f"against {self.held.name}: {note}" for note in found]

    def newly_wrong(self, most: int) -> Iterator[tuple[str, int, str]]:
        """Yield source, row and what is wrong of the newly wrong rows, the most confident first."""
        if self.compared is None:
            return
        table = self.compared.changes
        rows = table.filter(pc.equal(table["change"], str(Change.NEWLY_WRONG))).slice(0, most)
        names = self.compared.comparison.classes.short_names(_NAME)
        for row in rows.to_pylist():
            sure = f"confidence {row['new_confidence'] or 0.0:.4f}"
            what = f"{names[row['label']]} read as {names[row['new_prediction']]}, {sure}"
            yield row["source"], row["row"], what

    @property
    def _comparison(self) -> Comparison | None:
        return self.compared.comparison if self.compared else None

    def _input_drift(self) -> dict[str, Drift]:
        """Return how far the input is from that of the night it is held against, by feature."""
        base, profile = self._base, self._predicted.profile
        return input_drift(profile, base.profile) if base else {}

    def _base_night(self) -> Night | None:
        """Return the night whose numbers tonight's are held against, its classes in their order.

        None where there is none, and where it has other classes, whose numbers tell nothing.
        """
        night, numbers = self.held.night, self.compared.base_numbers if self.compared else None
        if night is None or self._has_other_classes:
            return None
        if numbers is None or len(numbers) != len(night.profile.predictions):
            return night
        counts = tuple(night.profile.predictions[place] for place in np.argsort(numbers))
        return replace(night, profile=replace(night.profile, predictions=counts))

    def _changes(self, before: Night | None) -> tuple[str, ...]:
        """Return what is not as on a night."""
        if before is None:
            return ()
        new = self._new_images(before)
        if new and new.are_few:
            self._minor.append(new.told(before.name))
        return tuple(changes(before.name, setting_of_night(before), self._setting, new_images=new))

    def _new_images(self, before: Night) -> NewImages | None:
        """Return the images that a night had not; None where its predictions are not there."""
        if before.data == self._setting.data or not self._runs.has_predictions(before):
            return None
        try:
            there = read_contents(self._runs.predictions(before.name))
        except PredictionsError:  # damaged
            return None
        return NewImages(self._contents.new_since(there), len(self._contents.hashes))

    def _changes_since_base(self) -> tuple[str, ...]:
        """Return what is not as in the night or the file that it is held against."""
        run = self.compared.base_run if self.compared else None
        if self.held.night or run is None:
            return self._changes(self.held.night)
        return tuple(changes(self.held.name, setting_of(run, None), self._setting))


def _earlier(base: Night, drift: Mapping[str, Drift], comparison: Comparison | None) -> Earlier:
    counts = base.errors, base.scored, base.correct
    return Earlier(base.name, base.profile, *counts, drift, comparison)


def _in_short(name: str, compared: Compared | None) -> ComparedWith | None:
    if compared is None:
        return None
    found = compared.comparison
    return ComparedWith(
        name=name,
        verdict=str(found.verdict),
        pairs=found.pairs,
        newly_wrong=found.newly_wrong,
        newly_right=found.newly_right,
        difference=found.overall.difference,
        interval=found.overall.interval,
        p_value=found.overall.p_value,
    )
