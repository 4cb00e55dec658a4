"""Remove the predictions of old nights: they take nearly all the room, and a history needs none."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mnist_batch.errors import PredictionsError
from mnist_batch.nights.baseline.choice import BEST, PASSED, hold_against
from mnist_batch.nights.baseline.contents import Contents, read_contents
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_folder import PREDICTIONS, has_predictions
from mnist_batch.outputs.reader import PredictionsFile


def remove_old_predictions(runs: Path, nights: Sequence[Night], keep: int, also: str) -> list[str]:
    """Remove the predictions of all but the last `keep` nights; return the names of these nights.

    Metrics, reports, comparisons and records stay; so do the predictions that a later night may be
    held against: the last night, the last that passed its gates and the most accurate one, over the
    images of the last night and over each set of images that came again; and `also`, the night that
    `--against` names. What cannot be removed stays.

    Args:
        runs: the folder of the nights.
        nights: all of them, in their order.
        keep: at least 1.
        also: what `--against` says.
    """
    kept = {night.name for night in nights[-keep:]} | _needed(runs, nights)
    kept.add(also)
    removed = []
    for night in nights:
        if night.name not in kept and has_predictions(runs, night):
            with contextlib.suppress(OSError):
                (runs / night.name / PREDICTIONS).unlink()
                removed.append(night.name)
    return removed


def _needed(runs: Path, nights: Sequence[Night]) -> set[str]:
    """Return the nights that later ones may be held against."""
    there = [night for night in nights if has_predictions(runs, night)]
    if not there:
        return set()
    with contextlib.suppress(PredictionsError):
        contents = read_contents(runs / there[-1].name / PREDICTIONS)
        needed = {_held(runs, nights, word, contents) for word in (PASSED, BEST)}
        return needed | _of_other_sets(there)
    return {night.name for night in there}  # nobody knows


def _held(runs: Path, nights: Sequence[Night], word: str, contents: Contents) -> str:
    """Return the night whose predictions can be read that a word of `--against` stands for."""
    for held in hold_against(runs, nights, word, contents):
        if held.predictions:
            with contextlib.suppress(PredictionsError), PredictionsFile(held.predictions):
                return held.name
    return ""


def _of_other_sets(nights: Sequence[Night]) -> set[str]:
    """Return the last that passed and the most accurate one of each set that came again."""
    again = {data for data, times in Counter(night.data for night in nights).items() if times > 1}
    passed: dict[str, Night] = {}
    best: dict[str, Night] = {}
    for night in nights:
        if night.data in again and night.is_base:
            passed[night.data] = night
        if night.data in again and night.accuracy is not None:
            known = best.get(night.data, night)
            best[night.data] = night if night.sure_accuracy >= known.sure_accuracy else known
    return {night.name for night in (*passed.values(), *best.values())}
