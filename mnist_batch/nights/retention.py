"""Remove the predictions of old nights: they take nearly all the room, and a history needs none."""

import contextlib
from collections import Counter
from collections.abc import Sequence

from mnist_batch.errors import PredictionsError
from mnist_batch.nights.baseline.choice import BEST, PASSED, hold_against
from mnist_batch.nights.baseline.contents import Contents, read_contents
from mnist_batch.nights.night import Night
from mnist_batch.nights.runs import Runs
from mnist_batch.outputs.reader import PredictionsFile

_MOST_SETS = 30
"""Sets of images, the newest, whose nights are looked for: as many as `hold_against` looks at."""


def remove_old_predictions(runs: Runs, nights: Sequence[Night], keep: int, also: str) -> list[str]:
    """Remove the predictions of all but the last `keep` nights; return the names of these nights.

    Metrics, reports, comparisons and records stay; so do the predictions that a later night may be
    held against: the last that passed its gates and the most accurate one, over the images of the
    last night and over each set of images that came again; and `also`, the night or the file that
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
        if night.name in kept or not runs.has_predictions(night) or runs.is_of(night.name, also):
            continue
        with contextlib.suppress(OSError):
            runs.remove_predictions(night.name)
            removed.append(night.name)
    return removed


def _needed(runs: Runs, nights: Sequence[Night]) -> set[str]:
    """Return the nights that later ones may be held against."""
    there = [night for night in nights if runs.has_predictions(night)]
    needed: set[str] = set()
    for newest in _newest_of_sets(there, {night.name for night in nights}):
        try:
            contents = read_contents(runs.predictions(newest.name))
        except PredictionsError:  # damaged, so that nothing is held against it
            if newest is there[-1]:
                return {night.name for night in there}  # nobody knows what the next one needs
            continue
        needed |= {_held(runs, nights, word, contents) for word in (PASSED, BEST)}
    return needed


def _held(runs: Runs, nights: Sequence[Night], word: str, contents: Contents) -> str:
    """Return the night whose predictions can be read that a word of `--against` stands for."""
    for held in hold_against(runs, nights, word, contents):
        if held.predictions:
            with contextlib.suppress(PredictionsError), PredictionsFile(held.predictions):
                return held.name
    return ""


def _newest_of_sets(there: Sequence[Night], names: set[str]) -> list[Night]:
    """Return the last of some nights, and the newest over each set of images that came again.

    A night that was compared with another one is over mostly the same images, as where they grow.
    """
    compared = {night.against.name for night in there if night.against}
    times = Counter(night.data for night in there)
    newest = {night.data: night for night in there}.values()
    again = [
        night
        for night in newest
        if night.name not in compared
        and (times[night.data] > 1 or (night.against and night.against.name in names))
    ]
    return [*again[-_MOST_SETS:], *there[-1:]]
