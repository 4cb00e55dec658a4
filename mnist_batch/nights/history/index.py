"""The history: what the folders of the nights tell, and the page of it, made again from them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_batch.errors import InputError
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.nights.gates import ask_late
from mnist_batch.nights.history.page import history_page
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_folder import INDEX, RECORD, REPORT, Nights, read_json, read_nights
from mnist_batch.outputs.atomic import StagedFile

METRICS = "metrics.json"


def read_history(runs: Path) -> Nights:
    """Read the nights of a folder as `read_nights` does, with the labels that came late.

    A night has the scores of its report, where `evaluate` has made it again with labels that came,
    or with better ones. Its gate of the accuracy is asked again then; what the others said stays.

    Raises:
        MachineError: the machine lacks memory or open files to read them.
        OSError: the folder itself cannot be read.
    """
    found, notes = read_nights(runs)
    nights: list[Night] = []
    for night in found:
        nights.append(_with_late_labels(runs, night, nights))
    return Nights(nights, notes)


def write_index(runs: Path) -> Nights:
    """Make the page of all nights again from their folders, and return what it shows.

    No lock is needed for two runs that do so at once: each looks again when its page is in place,
    and makes it once more where a night has come or gone. So the last page has all nights. A run
    that is killed leaves the earlier page or the new one.

    Raises:
        InputError: there is no night.
        OutputError: the page cannot be written.
        MachineError: the machine lacks memory or open files to read the nights.
        OSError: the folder itself cannot be read.
    """
    while True:
        state = list(_state(runs))
        history = read_history(runs)
        if not history.nights:
            raise InputError(
                f"{'; '.join([f'{runs}: holds no night', *history.notes[:1]])}; name the folder "
                "that --runs of nightly named"
            )
        page = history_page(runs, history)
        with StagedFile(runs / INDEX, overwrite=True) as staged:
            staged.path.write_text(page, encoding="utf-8")
            staged.commit()
        if state == list(_state(runs)):
            return history


def _state(runs: Path) -> Iterator[tuple[str, int, int]]:
    """Yield what changes where a night comes, goes, or gets its labels."""
    for name in sorted(entry.name for entry in os.scandir(runs) if entry.is_dir()):
        if not name.startswith("."):
            yield name, _changed(runs / name / RECORD), _changed(runs / name / REPORT / METRICS)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _with_late_labels(runs: Path, night: Night, earlier: Sequence[Night]) -> Night:
    """Return a night with the scores of its report where its record has others, or none."""
    matrix = _confusion_matrix(runs / night.name / REPORT / METRICS, night)
    if matrix is None or not matrix.any():
        return night
    per_digit = tuple(zip(matrix.sum(axis=1).tolist(), matrix.diagonal().tolist(), strict=True))
    if per_digit == night.per_digit:
        return night
    scored = replace(
        night,
        scored=int(matrix.sum()),
        correct=int(matrix.trace()),
        per_digit=per_digit,
        scored_later=True,
    )
    return replace(scored, gates=ask_late(scored, earlier))


def _confusion_matrix(path: Path, night: Night) -> NDArray[np.int64] | None:
    """Return the confusion matrix of a report; None without one of the rows of a night."""
    rows, count = night.rows, len(night.profile.predictions)
    try:
        record = read_json(path)
        if record["rows"] != rows:
            return None
        matrix = np.array(record["confusion_matrix"])
    except OSError as error:
        raise_if_of_machine(error, str(path))
        return None
    except (ValueError, TypeError, KeyError, RecursionError):  # it is no report, or damaged
        return None
    is_whole = matrix.shape == (count, count) and matrix.dtype == np.int64
    # Each count too, for the sum of forged ones may wrap around.
    fits = is_whole and ((matrix >= 0) & (matrix <= rows)).all() and matrix.sum() <= rows
    return matrix if fits else None
