"""What a night is held against: `--against passed`, `previous`, `best`, a night or a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import is_dataset
from mnist_batch.nights.baseline.changes import Setting
from mnist_batch.nights.baseline.contents import Contents, read_contents
from mnist_batch.nights.new_night import WORDS
from mnist_batch.nights.night import Night
from mnist_batch.nights.runs import Runs
from mnist_batch.outputs.reader import FORMATS, PredictionsFile
from mnist_batch.remote.addresses import is_remote

PASSED, PREVIOUS, BEST = WORDS

_MOST_READ = 30
"""Sets of images that are looked at, the newest first, for one that is tonight's: reading the
contents of 60,000 images takes 20 ms. As many nights are tried where those before are damaged."""


@dataclass(frozen=True)
class HeldAgainst:
    """What a night is held against.

    Attributes:
        name: of the night or the file; empty where there is none.
        night: the night; None for a file.
        predictions: what tonight's predictions are compared with; None where there are none to
            compare with: `why` says so in a sentence, and `night` may be there all the same.
        why: empty where there are predictions.
    """

    name: str
    night: Night | None
    predictions: Path | None
    why: str


def check_against(runs: Runs, nights: Sequence[Night], against: str) -> None:
    """Refuse what is none of what `--against` takes, before anything is predicted.

    Raises:
        PredictionsError: it is no night of the folder, and no predictions file either; or its
            predictions were removed, are damaged or are none.
        MachineError: the machine lacks memory or open files to read it.
    """
    is_night = any(night.name == against for night in nights)
    if against in WORDS and not is_night:
        return
    if not is_night and is_remote(against):
        raise PredictionsError(
            f"--against {against}: a file is read on this machine; download it, or name a night"
        )
    if not is_night and not _is_file(against):
        raise PredictionsError(
            f"--against {against}: is no earlier night of {runs} and no predictions file; name "
            f"one, or give {', '.join(WORDS)}"
        )
    try:
        with PredictionsFile(runs.predictions(against) if is_night else Path(against)) as file:
            file.check()
    except PredictionsError as error:
        raise PredictionsError(f"--against {against}: {error}") from error


def hold_against(
    runs: Runs, nights: Sequence[Night], against: str, tonight: Contents
) -> Iterator[HeldAgainst]:
    """Yield what a night is held against, the first choice first, at least one.

    A word stands for several: the next counts where the predictions of those before are damaged.

    Args:
        runs: the folder of the nights.
        nights: those before it, in their order.
        against: a word, the name of a night, or a file.
        tonight: the images of the night.
    """
    by_name = {night.name: night for night in nights}
    if against in by_name:
        yield _one(runs, by_name[against], tonight)
    elif against not in WORDS:
        yield HeldAgainst(against, None, Path(against), "")
    elif not nights:
        yield HeldAgainst("", None, None, "it is the first night")
    elif against == PREVIOUS:
        yield _one(runs, nights[-1], tonight)
    else:
        yield from _several(runs, list(_in_order(nights, against)), against, tonight)


def _in_order(nights: Sequence[Night], against: str) -> Iterator[Night]:
    """Yield the nights that come into question, the best to hold against first."""
    if against == PASSED:
        yield from (night for night in reversed(nights) if night.is_base)
        return
    scored = [night for night in reversed(nights) if night.accuracy is not None]
    yield from sorted(scored, key=lambda night: -night.sure_accuracy)


def _one(runs: Runs, night: Night, tonight: Contents) -> HeldAgainst:
    """Return a night to be held against, whether it can be compared or not."""
    if not runs.has_predictions(night):
        return HeldAgainst(night.name, night, None, f"the predictions of {night.name} were removed")
    if not _Likeness(runs, tonight).has(night):
        return HeldAgainst(night.name, night, None, f"{night.name} is over other images")
    return HeldAgainst(night.name, night, runs.predictions(night.name), "")


def _several(
    runs: Runs, nights: Sequence[Night], against: str, tonight: Contents
) -> Iterator[HeldAgainst]:
    """Yield the nights that have tonight's images and predictions of them, then that none has."""
    which = "has passed its gates" if against == PASSED else "has an accuracy"
    if not nights:
        yield HeldAgainst("", None, None, f"no earlier night {which}")
        return
    likeness = _Likeness(runs, tonight)
    alike = (night for night in nights if runs.has_predictions(night) and likeness.has(night))
    for night in islice(alike, _MOST_READ):
        yield HeldAgainst(night.name, night, runs.predictions(night.name), "")
    removed = [night for night in nights if not runs.has_predictions(night)]
    same = next((night for night in removed if night.data == tonight.digest), None)
    if same:
        yield HeldAgainst(same.name, same, None, f"the predictions of {same.name} were removed")
        return
    why = f"no night that {which} is over the same images"
    if removed:
        why += " and still has its predictions"
    yield HeldAgainst(nights[0].name, nights[0], None, why)


class _Likeness:
    """Tells which nights are over tonight's images; equal sets of images are read once."""

    def __init__(self, runs: Runs, tonight: Contents) -> None:
        self._runs, self._tonight = runs, tonight
        self._known = {tonight.digest: True}

    def has(self, night: Night) -> bool:
        """Tell whether a night that has predictions is mostly over tonight's images.

        It may be where they are damaged: who compares them is told.
        """
        if night.data not in self._known:
            if len(self._known) > _MOST_READ:
                return False
            try:
                contents = read_contents(self._runs.predictions(night.name))
            except PredictionsError:
                return True
            self._known[night.data] = self._tonight.is_mostly(contents)
        return self._known[night.data]


def setting_of_night(night: Night) -> Setting:
    """Return what the predictions of a night depend on."""
    return Setting(night.version, night.model, night.options, night.data)


def _is_file(name: str) -> bool:
    path = Path(name)
    return (path.suffix.lower() in FORMATS and path.is_file()) or is_dataset(path)
