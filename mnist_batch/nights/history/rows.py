"""What is told of each night in the history."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from mnist_batch.evaluation.drift.distance import Drift
from mnist_batch.evaluation.proportions import interval
from mnist_batch.nights.gates import DRIFT, is_of_a_class
from mnist_batch.nights.night import GateResult, Night
from mnist_batch.nights.night_folder import COMPARISON, INDEX, REPORT, SUMMARY
from mnist_batch.nights.verdict import state
from mnist_batch.schema import shortened

_MARKS = {
    "too many errors": ("!", "bad", "errors"),
    "labels are missing": ("!", "bad", "labels missing"),
    "accuracy too low": ("✕", "bad", "too inaccurate"),
    "regressed": ("✕", "bad", "regressed"),
    "suspicious": ("?", "bad", "suspicious"),
    "too few rows to tell": ("○", "plain", "too few to tell"),
    "no labels": ("○", "plain", "unlabelled"),
    "scored later": ("◐", "plain", "scored later"),
    "improved": ("✓", "good", "improved"),
}
_PASSED = ("✓", "good", "passed")
_MISSED = ("!", "plain", "missed a gate")
"""With `--patience`: it does not fail yet."""


_LONGEST_REMARKS, _LONGEST_FEATURE = 1_000, 40
"""Characters of all remarks on a night, and of what drifted: ten digits that are worse have 800."""


@dataclass(frozen=True)
class NightRow:
    """What the page prints of a night.

    Attributes:
        night: the night.
        mark, kind, word: its state as a character, as `good`, `bad` or `plain`, and as a word.
        links: the addresses of its pages by what they are: `report`, `comparison`, `summary`.
        accuracy, low, high: 0 to 1; None without labels.
        errors: the share of rows without a prediction, 0 to 1; None without rows.
        feature: the feature that is farthest from the run it is held against; empty without one.
        drift: how far it is; None without one.
        is_alarm: whether the drift is far, and the night did not pass its gate.
        changed: which of `model`, `version`, `options`, `data` are not as in the night before.
        remarks: what is to be said of it, a sentence each.
    """

    night: Night
    mark: str
    kind: str
    word: str
    links: Mapping[str, str]
    accuracy: float | None
    low: float
    high: float
    errors: float | None
    feature: str
    drift: Drift | None
    is_alarm: bool
    changed: Sequence[str]
    remarks: Sequence[str]


def history_rows(runs: Path, nights: Sequence[Night]) -> list[NightRow]:
    """Return what is printed of nights, in their order."""
    changed = _changes(nights)
    return [_row(runs, night, what) for night, what in zip(nights, changed, strict=True)]


def _row(runs: Path, night: Night, changed: Sequence[str]) -> NightRow:
    mark, kind, word = _MARKS.get(state(night), _PASSED)
    if kind != "bad" and not night.passed:
        mark, kind, word = _MISSED
    low, high = interval(night.correct, night.scored) or (0.0, 0.0)
    feature, drift = _farthest(night)
    missed = [_told(gate) for gate in night.gates if gate.passed is False]
    suspicions = [one for one in night.suspicions if not any(one in text for text in missed)]
    is_far = drift is not None and drift.is_far
    calm = [gate.message for gate in night.gates if is_far and gate.name == DRIFT and gate.passed]
    calm = [f"the drift of the {feature} is no alarm: {why}" for why in calm]
    return NightRow(
        night=night,
        mark=mark,
        kind=kind,
        word=word,
        links=_links(runs, night),
        accuracy=night.accuracy,
        low=low,
        high=high,
        errors=night.errors / night.rows if night.rows else None,
        feature=shortened(feature, _LONGEST_FEATURE),
        drift=drift,
        is_alarm=is_far and not calm,
        changed=changed,
        remarks=in_short([*missed, *suspicions, *calm]),
    )


def in_short(remarks: Sequence[str]) -> list[str]:
    """Return the first of some remarks, of which a page of thousands of nights has room."""
    told, room = [], _LONGEST_REMARKS
    for remark in remarks:
        if room > 0:
            told.append(shortened(remark, room))
        room -= len(remark)
    return told


def _options(night: Night) -> dict[str, object]:
    """Return what the predictions depend on, without the names of the inputs: `data` tells more."""
    return {name: value for name, value in night.options.items() if name != "inputs"}


def _told(gate: GateResult) -> str:
    """Return what a gate says, with the class that it is about."""
    return f"{gate.name}: {gate.message}" if is_of_a_class(gate) else gate.message


def _links(runs: Path, night: Night) -> dict[str, str]:
    """Return the addresses of the pages of a night that are there."""
    pages = {
        "report": f"{REPORT}/{INDEX}",
        "comparison": f"{COMPARISON}/{INDEX}",
        "summary": SUMMARY,
    }
    address = quote(os.fsencode(night.name))
    folder = os.path.join(runs, night.name)  # noqa: PTH118 - thousands of them: a third of the time
    return {
        name: f"{address}/{page}"
        for name, page in pages.items()
        if os.path.exists(f"{folder}/{page}")  # noqa: PTH110 - as above
    }


def _farthest(night: Night) -> tuple[str, Drift | None]:
    """Return the feature that is farthest from the run it is held against, and how far it is.

    One that is far, beyond chance, comes before all that are not.
    """
    drifts = {name: Drift(*values) for name, values in night.drift.items()}
    if not drifts:
        return "", None
    name = max(drifts, key=lambda one: (drifts[one].is_far, drifts[one].distance))
    return name, drifts[name]


def _changes(nights: Sequence[Night]) -> list[list[str]]:
    """Return what is not as in the night before, for each night.

    Where most nights have images of their own, `data` is no change.
    """
    changed: list[list[str]] = [[] for _ in nights]
    for place, (before, night) in enumerate(pairwise(nights), start=1):
        if before.model.get("sha256") != night.model.get("sha256"):
            changed[place].append("model")
        if before.version != night.version:
            changed[place].append("version")
        if _options(before) != _options(night):
            changed[place].append("options")
        if before.data != night.data:
            changed[place].append("data")
    if sum("data" in what for what in changed) > len(nights) / 2:
        changed = [[one for one in what if one != "data"] for what in changed]
    return changed
