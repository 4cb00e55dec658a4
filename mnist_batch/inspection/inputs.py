"""Inspect INPUTs: formats and sizes of their images, labels, unreadable images, duplicates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from mnist_batch import _kernels
from mnist_batch.inference.workers import Progress, available_workers, map_batches
from mnist_batch.inputs.formats import IMAGES, PARQUET
from mnist_batch.inputs.read_ahead import fetched_ahead
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.inspection.images import (
    FEW,
    NO_LABEL,
    BatchFindings,
    ImageCounts,
    Place,
    Rows,
    find_duplicates,
    inspect_batch,
)
from mnist_batch.options import BATCH_ROWS, Inputs, ReadArguments, ReadOptions, input_list
from mnist_batch.reports.notebook import image_bar
from mnist_batch.schema import DIGITS, Classes


@dataclass(frozen=True)
class Pairs:
    """The number of rows of one kind, and the first few of them, each with another row."""

    count: int
    first: Sequence[tuple[Place, Place]]


@dataclass(frozen=True)
class Size:
    """A size in pixels, and the number of images that have it."""

    width: int
    height: int
    images: int


@dataclass(frozen=True)
class Sizes:
    """The sizes of images, by their headers."""

    distinct: int
    commonest: Sequence[Size]  # the first few, most images first
    least: Size | None  # in pixels, as the next; None without images
    largest: Size | None


@dataclass(frozen=True)
class InputInspection:
    """What INPUTs hold. All counts of images are of those that can be read.

    Attributes:
        unreadable: the rows whose image cannot be read, per reason, most frequent reason first.
        formats: images per format, by Pillow's names, or `raw pixels` or `packed`; most frequent
            first.
        colours: images per kind of colours, such as `grey` or `palette`; most frequent first.
        in_mnist_form: images in MNIST's form: 28x28, light on dark, in a box of at most 20x20,
            centred. Such an image is light on dark and holds one digit.
        no_digit: rows whose image shows no digit; these have no polarity.
        several_digits: rows whose image shows several separate digits.
        labels: rows per label, a count for each class.
        classes: what labels are: digits, or the classes that the data names or numbers.
        repeats: rows with the image of an earlier row, each with the first row of that image.
        conflicts: images with several labels, each with two rows that differ so.
        passed_over: files in folders that are no input, by suffix.
        notes: what the user should know, one sentence each.
        other_files: files of other formats, by the names of these, as `CSV`.
    """

    rows: int
    image_files: int
    parquet_files: int
    unreadable: Mapping[str, Rows]
    formats: Mapping[str, int]
    colours: Mapping[str, int]
    sizes: Sizes
    in_mnist_form: int
    light_on_dark: int
    dark_on_light: int
    no_digit: Rows
    several_digits: Rows
    labels: Sequence[int]
    unlabelled: int
    repeats: Pairs
    conflicts: Pairs
    passed_over: Mapping[str, int]
    notes: Sequence[str]
    other_files: Mapping[str, int] = field(default_factory=dict)
    classes: Classes = DIGITS

    @property
    def readable(self) -> int:
        """Rows whose image can be read."""
        return self.rows - sum(rows.count for rows in self.unreadable.values())

    def __repr__(self) -> str:
        """Return how many rows there are, in one line."""
        return f"<InputInspection: {self.rows:,} rows, {self.readable:,} readable>"

    def record(self) -> dict[str, Any]:
        """Return all attributes as JSON takes them, `readable` after `rows`."""
        labels = {self.classes.name(number): count for number, count in enumerate(self.labels)}
        told = {name: value for name, value in asdict(self).items() if name != "classes"}
        return {"rows": self.rows, "readable": self.readable, **told, "labels": labels}


def inspect_input(
    inputs: Inputs,
    *,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    **reading: Unpack[ReadArguments],
) -> InputInspection:
    """Read all images of the inputs and return what they are.

    It takes 17 bytes of memory a row, and as much again to find duplicates.

    The arguments are those of `predict`; inputs may be packed files too.

    Raises:
        InputError: an input cannot be read.
        LabelError: a label is of no class.
        ValueError: `workers` is below 1.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers {workers}: expected at least 1")
    opened = open_inputs(input_list(inputs), ReadOptions.of(**reading), None)
    totals = _Totals(opened.rows, opened.classes or DIGITS)
    workers, progress = workers or available_workers(), progress or image_bar()
    for findings in map_batches(
        fetched_ahead(opened.shards),
        lambda shard: shard.read(BATCH_ROWS),
        inspect_batch,
        workers=workers,
    ):
        totals.add(findings)
        if progress:
            progress(Progress(totals.rows, opened.rows, totals.counts.errors))
    return totals.inspection(opened)


class _Totals:
    """The findings of all rows, gathered batch by batch in their order."""

    def __init__(self, rows: int, classes: Classes) -> None:
        self.rows = 0
        self._classes = classes
        self.counts = ImageCounts()
        self._labels = np.empty(rows, classes.dtype.to_pandas_dtype())
        self._sizes = np.empty(rows, np.uint64)
        self._fingerprints = np.empty(rows, np.uint64)

    def add(self, findings: BatchFindings) -> None:
        """Add the next rows."""
        rows = slice(self.rows, self.rows + len(findings.labels))
        self._labels[rows] = findings.labels
        self._sizes[rows] = findings.sizes
        self._fingerprints[rows] = findings.fingerprints
        self.counts.add(findings.counts)
        self.rows = rows.stop

    def inspection(self, opened: OpenInputs) -> InputInspection:
        """Return the inspection, once all rows are added."""
        counts, sizes = self.counts, _sizes(self._sizes)
        duplicates = find_duplicates(self._fingerprints, self._sizes > 0, self._labels, FEW)
        numbers = self._labels.astype(np.int64) - NO_LABEL
        unlabelled, *labels = np.bincount(numbers, minlength=1 + self._classes.count).tolist()
        note = opened.label_note() if self.rows and unlabelled == self.rows else None
        unreadable = sorted(counts.unreadable.items(), key=lambda item: -item[1].count)
        return InputInspection(
            rows=self.rows,
            image_files=opened.formats.get(IMAGES.name, 0),
            parquet_files=opened.formats.get(PARQUET.name, 0),
            other_files={
                name.removesuffix(" files"): count
                for name, count in opened.formats.items()
                if name not in (IMAGES.name, PARQUET.name)
            },
            unreadable=dict(unreadable),
            formats=dict(counts.formats.most_common()),
            colours=dict(counts.colours.most_common()),
            sizes=sizes,
            in_mnist_form=counts.in_mnist_form,
            light_on_dark=counts.light_on_dark,
            dark_on_light=counts.dark_on_light,
            no_digit=counts.no_digit,
            several_digits=counts.several_digits,
            labels=labels,
            unlabelled=unlabelled,
            repeats=_pairs(opened, duplicates.repeats, duplicates.first_repeats),
            conflicts=_pairs(opened, duplicates.conflicts, duplicates.first_conflicts),
            passed_over=dict(opened.passed_over.most_common()),
            notes=[*_kernels.notes(), *opened.notes, *([note] if note else [])],
            classes=self._classes,
        )


def _sizes(packed: npt.NDArray[np.uint64]) -> Sizes:
    """Return the sizes of images from those of `BatchFindings`."""
    values, counts = np.unique(packed[packed > 0], return_counts=True)
    sizes = [
        Size(value >> 32, value & 0xFFFFFFFF, count)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True)
    ]
    by_pixels = sorted(sizes, key=lambda size: size.width * size.height)
    return Sizes(
        distinct=len(sizes),
        commonest=sorted(sizes, key=lambda size: -size.images)[:FEW],
        least=by_pixels[0] if sizes else None,
        largest=by_pixels[-1] if sizes else None,
    )


def _pairs(opened: OpenInputs, count: int, first: Sequence[tuple[int, int]]) -> Pairs:
    named = [(Place(*opened.place(row)), Place(*opened.place(other))) for row, other in first]
    return Pairs(count, named)
