"""Measure how often chance alone raises an alarm, and how often a true drop is found.

`python -m benchmarks.alarms` simulates nights, and prints a table. Two models that are equally good
misread mostly the same images, those that are hard to read, and take them for the digits that they
look like; so do the models simulated here. It ends with status 1 where more than one night in 100
raises a false alarm, or less than 99 in 100 true drops are found of 2 points at 10,000 rows, or of
15 points behind a row that is put in.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.random import Generator
from numpy.typing import NDArray

from mnist_batch.evaluation.comparison.comparing import compare_rows
from mnist_batch.evaluation.comparison.predicted_rows import SOURCE_AND_ROW, PredictedRows
from mnist_batch.evaluation.comparison.verdict import (
    PairCounts,
    is_regressed,
    paired_scores,
    regressed_digits,
)
from mnist_batch.evaluation.drift.distance import input_drift
from mnist_batch.evaluation.drift.suspicion import Earlier, suspicions
from mnist_batch.evaluation.input_profile import ImageCounts, InputProfile, ProfileCounts
from mnist_batch.evaluation.metrics import Metrics, PredictionCounts
from mnist_batch.evaluation.outcomes import Outcomes
from mnist_batch.mnist import CLASSES
from mnist_batch.schema import CONTENT, PREDICTIONS

MAX_DROP = 0.001
"""The least effect, as by default."""

MISREAD = np.array([0.01, 0.008, 0.02, 0.022, 0.02, 0.024, 0.015, 0.022, 0.027, 0.032])
"""Share of each digit that a model misreads, 2 % in all, the more of those that are hard."""

LOOKS_LIKE = np.array([6, 7, 7, 5, 9, 3, 0, 2, 3, 4])
"""What each digit is taken for in half of the cases."""

UNREADABLE, PREPARED = 0.005, 0.3
"""Shares of the images that cannot be read, and that are not in MNIST form."""


@dataclass(frozen=True)
class DrawnImages:
    """Images of a night.

    Attributes:
        labels: the true digits, int64 (n,).
        hardness: the probability that a model misreads each, 0 to 1, float64 (n,); of half of all
            misread images any other model misreads them too.
        likeness: what each is taken for where it is misread, int64 (n,).
    """

    labels: NDArray[np.int64]
    hardness: NDArray[np.float64]
    likeness: NDArray[np.int64]


def drawn_images(random: Generator, rows: int, worse: float = 0.0) -> DrawnImages:
    """Draw the images of a night, of which a share `worse` more, 0 to 1, are misread."""
    labels = random.integers(0, CLASSES, rows)
    share = MISREAD[labels] + worse
    anything = (labels + random.integers(1, CLASSES, rows)) % CLASSES
    likeness = np.where(random.random(rows) < 0.5, LOOKS_LIKE[labels], anything)
    return DrawnImages(labels, random.beta(share, 1 - share), likeness)


def read(random: Generator, images: DrawnImages, drop: float = 0.0) -> NDArray[np.int64]:
    """Return how a model reads images, int64 (n,).

    A `drop` of accuracy, 0 to 1, comes from as many images more, hard or not.
    """
    extra = drop / (1 - MISREAD.mean())
    misread = random.random(len(images.labels)) < images.hardness
    misread |= random.random(len(images.labels)) < extra
    return np.where(misread, images.likeness, images.labels)


def pair_counts(random: Generator, rows: int, drop: float = 0.0) -> PairCounts:
    """Return the pairs of two models over the same images, the second worse by `drop`."""
    images = drawn_images(random, rows)
    before, now = read(random, images), read(random, images, drop)
    cells = 4 * images.labels + 2 * (before == images.labels) + (now == images.labels)
    return np.bincount(cells, minlength=4 * CLASSES).reshape(CLASSES, 2, 2)


def is_called_worse(random: Generator, rows: int, drop: float = 0.0) -> bool:
    """Tell whether a comparison says that a model is worse, in all or on a digit."""
    overall, digits = paired_scores(pair_counts(random, rows, drop))
    return is_regressed(overall, MAX_DROP) or bool(regressed_digits(digits, MAX_DROP))


def is_called_worse_with_repeats(random: Generator) -> bool:
    """Tell whether an equally good model is called worse over 1,000 rows: ten images fill 100."""
    images, rows = drawn_images(random, 910), np.append(np.arange(910), np.repeat(np.arange(10), 9))
    before, now = read(random, images), read(random, images)
    labels = images.labels[rows]
    base, new = _rows(labels, before[rows], rows), _rows(labels, now[rows], rows)
    return compare_rows(base, new).comparison.is_worse


def is_found_behind_an_inserted_row(random: Generator) -> bool:
    """Tell whether a model is called worse that misreads 15 % of what comes after a new row.

    The new file has 1,001 rows, and its row 550 is the new one.
    """
    images = drawn_images(random, 1001)
    before, now, worse = read(random, images), read(random, images), read(random, images, 0.15)
    now[551:] = worse[551:]
    contents, labels = np.arange(1001), images.labels
    base = _rows(*(np.delete(column, 550) for column in (labels, before, contents)))
    return compare_rows(base, _rows(labels, now, contents)).comparison.is_worse


def _rows(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], contents: NDArray[np.int64]
) -> PredictedRows:
    """Return the rows of a file of images in order, as they are read for a comparison."""
    rows = np.arange(len(labels))
    columns = {
        "source": pa.array(["a"] * len(rows)),
        "row": rows,
        "label": labels,
        "prediction": predictions,
        "confidence": np.ones(len(rows)),
        "prepared": np.zeros(len(rows), np.bool_),
        "error": pa.nulls(len(rows)),
    }
    table = pa.table(columns).cast(PREDICTIONS)
    return PredictedRows(Path("a"), None, table, {SOURCE_AND_ROW: rows, CONTENT.name: contents})


def is_called_suspicious(random: Generator, rows: int, worse: float = 0.0) -> bool:
    """Tell whether a night looks suspicious beside another: one model, images drawn anew.

    Both have labels, and `worse` is the share of images, 0 to 1, that are misread for being worse.
    """
    (base, before), (profile, metrics) = _night(random, rows), _night(random, rows, worse)
    counts = before.errors, before.scored, before.correct
    earlier = Earlier("the base", base, *counts, input_drift(profile, base))
    return bool(suspicions(metrics, profile, earlier))


def _night(random: Generator, rows: int, worse: float = 0.0) -> tuple[InputProfile, Metrics]:
    images = drawn_images(random, rows, worse)
    missing = random.random(rows) < UNREADABLE
    # The network is less sure of what is hard to read, and where images are worse it knows so.
    confidences = 1 - random.beta(0.1 + (2 + 300 * worse) * images.hardness, 8)
    columns = (
        ["a"] * rows,
        np.arange(rows),
        images.labels,
        pa.array(read(random, images), mask=missing),
        pa.array(confidences, mask=missing),
        random.random(rows) < PREPARED,
        pa.array(np.where(missing, "truncated", ""), mask=~missing),
    )
    arrays = [
        pa.array(column).cast(field.type)
        for column, field in zip(columns, PREDICTIONS, strict=True)
    ]
    batch = pa.record_batch(arrays, schema=PREDICTIONS)
    profile, counts = ProfileCounts(), PredictionCounts()
    ink = random.gamma(9, 3.7, rows).astype(np.float32)
    sizes = random.choice(np.array([28, 64, 200], np.int32), rows)
    outcomes = Outcomes.of(batch)
    profile.add(outcomes)
    profile.add_images(ImageCounts.of(outcomes.predicted, ink, sizes))
    counts.add(batch)
    return profile.profile(), counts.metrics()


def raised_on(raises: Callable[[Generator], bool], nights: int, seed: int = 0) -> int:
    """Return on how many of some nights an alarm is raised."""
    random = np.random.default_rng(seed)
    return sum(raises(random) for _ in range(nights))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=1000)
    nights = parser.parse_args().nights
    print(f"False alarms, {nights:,} nights of 1,000 rows")
    false: dict[str, Callable[[Generator], bool]] = {
        "worse, of an equally good model over the same images": partial(is_called_worse, rows=1000),
        "the same, where ten of the images fill 100 rows": is_called_worse_with_repeats,
        "suspicious, of the same model over images drawn anew": partial(
            is_called_suspicious, rows=1000
        ),
    }
    raised = [raised_on(raises, nights) for raises in false.values()]
    for name, number in zip(false, raised, strict=True):
        print(f"  {name:54} {number:5,}")
    alarms = max(raised[:2]) + raised[2]
    print(f"True drops that are found, of {nights:,}")
    for points in (0.5, 1.0, 2.0):
        for rows in (1000, 10_000):
            found = raised_on(partial(is_called_worse, rows=rows, drop=points / 100), nights)
            print(f"  {points:.1f} points at {rows:6,} rows {found:33,}")
    for points in (2, 5):
        raises = partial(is_called_suspicious, rows=1000, worse=points / 100)
        print(f"  {points:2} points of worse images drawn anew {raised_on(raises, nights):22,}")
    behind = raised_on(is_found_behind_an_inserted_row, nights)
    print(f"  {'15.0 points of 450 rows behind one that is put in':54} {behind:5,}")
    if 100 * alarms >= nights or 100 * min(found, behind) < 99 * nights:
        sys.exit("error: more than 1 false alarm in 100 nights, or a drop is missed")


if __name__ == "__main__":
    main()
