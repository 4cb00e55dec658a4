"""Evaluate predictions while they are made, or from their file: all that pages show of a run."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.evaluation.found_images import FoundImage, Place
from mnist_batch.evaluation.gallery import GalleryCell, GalleryChooser, GalleryImage
from mnist_batch.evaluation.input_profile import ImageCounts, InputProfile, ProfileCounts
from mnist_batch.evaluation.metrics import NO_REASON, Metrics, PredictionCounts
from mnist_batch.evaluation.outcomes import Outcomes
from mnist_batch.evaluation.samples import PICTURE, SampleChooser, Samples
from mnist_batch.evaluation.slices import Slice, SliceCounts
from mnist_batch.outputs.mistakes import Mistakes, WrongRows
from mnist_batch.schema import DIGIT, DIGITS, Classes, first_rows, reason

if TYPE_CHECKING:
    from mnist_batch.inference.pipeline import PredictedBatch

EXAMPLES = 5
"""Rows without a prediction that are named per reason, the first ones."""

MOST_REASONS = 100
"""Reasons with such rows, the first ones: a file of another program may have one a row."""

_COUNTED_BYTES = 2**20
"""Bytes of the rows that are counted at once, some 20,000: for a batch of 2,048 the calls of NumPy
and Arrow take longer than the counting."""


@dataclass(frozen=True)
class Unreadable:
    """A row without a prediction."""

    source: str
    row: int
    error: str


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What there is to say of the predictions of a run.

    Attributes:
        metrics: counts and scores.
        samples: ten rows chosen at random.
        gallery: rows to look at; cells that have rows, by true and predicted class, and those
            without a label last.
        slices: accuracy of parts of the rows.
        profile: what the input looks like.
        unreadable: the first rows without a prediction per reason, in the order of
            `Metrics.errors_by_reason`.
        pictures: how many rows the input has, of which each may be several here.
        is_split: whether pictures were split into their digits.
        split_pictures: of how many pictures several digits were read.
    """

    metrics: Metrics
    samples: Samples
    gallery: Sequence[GalleryCell]
    slices: Sequence[Slice]
    profile: InputProfile
    unreadable: Mapping[str, Sequence[Unreadable]]
    pictures: int = 0
    is_split: bool = False
    split_pictures: int = 0

    @property
    def has_images(self) -> bool:
        """Whether samples and gallery have their images, or no rows."""
        chosen = [image.image for cell in self.gallery for image in cell.images]
        return len(self.samples.index) == 0 or (
            self.samples.images is not None and all(image is not None for image in chosen)
        )

    def with_images(
        self, find: Callable[[Sequence[Place]], Mapping[int, FoundImage]]
    ) -> "Evaluation":
        """Return it with the images of samples and gallery; those that are there stay.

        Args:
            find: returns the images of rows, by index, which are in ascending order; see
                `found_images.find_images`.
        """
        samples = self.samples
        places = {}
        if samples.images is None:
            places = {place.index: place for place in samples.places()}
        for cell in self.gallery:
            places |= {one.index: one.place() for one in cell.images if one.image is None}
        found = find([places[index] for index in sorted(places)])
        if samples.images is None:
            samples = samples.with_images([found[index].image for index in samples.index])
        gallery = [
            replace(cell, images=[_with_image(one, found) for one in cell.images])
            for cell in self.gallery
        ]
        return replace(self, samples=samples, gallery=gallery)

    def without_images(self) -> "Evaluation":
        """Return it without images, where some are at hand and others cannot be found."""
        samples = replace(self.samples, images=None)
        gallery = [
            replace(cell, images=[*map(_without_image, cell.images)]) for cell in self.gallery
        ]
        return replace(self, samples=samples, gallery=gallery)


def _without_image(row: GalleryImage) -> GalleryImage:
    return replace(row, image=None, original=None)


def _with_image(row: GalleryImage, found: Mapping[int, FoundImage]) -> GalleryImage:
    if row.image is not None:
        return row
    return replace(row, image=found[row.index].image, original=found[row.index].original)


def counts_of_images(batch: "PredictedBatch") -> ImageCounts | None:
    """Return what the images of a batch tell; None unless it was predicted for a report."""
    if batch.report is None:
        return None
    predicted = batch.predictions.column("prediction").is_valid().to_numpy(zero_copy_only=False)
    return ImageCounts.of(predicted, batch.report.ink, batch.report.decoded.sizes)


class Evaluator:
    """Evaluates rows batch by batch, in order, wherever batches are cut; memory stays flat.

    Attributes:
        rows: rows so far.
        errors: rows without a prediction so far.
        pictures: rows of the input so far, of which each may be several of the predictions.
    """

    def __init__(
        self,
        sample_seed: int = 0,
        slices: Sequence[str] = (),
        mistakes: Mistakes | WrongRows | None = None,
        *,
        with_gallery: bool = True,
        classes: Classes = DIGITS,
        part_start: int | None = None,
    ) -> None:
        """Begin.

        Args:
            sample_seed: chooses the samples.
            slices: columns of the batches, beside those of the schema, whose values are slices.
            mistakes: takes all wrong rows.
            with_gallery: whether to choose rows to look at; where nobody does, the gallery stays
                empty.
            classes: those of labels and predictions.
            part_start: for the rows of a part, which are to be merged with those before: the place
                of its first picture among those of the input.
        """
        self._start = part_start or 0
        self._classes = classes
        self._mistakes = mistakes
        self._counts = PredictionCounts(classes)
        self._samples = SampleChooser(sample_seed, first=self._start)
        self._gallery = GalleryChooser(classes) if with_gallery else None
        self._slices = SliceCounts(slices, all_values=part_start is not None)
        self._profile = ProfileCounts(classes)
        self._unreadable: dict[str, list[Unreadable]] = {}
        self._uncounted: list[pa.RecordBatch] = []
        self._uncounted_bytes = 0
        self.rows = self.errors = self.pictures = 0
        self._is_split = False
        self._split_pictures = 0

    def add(
        self,
        predictions: pa.RecordBatch,
        batch: "PredictedBatch | None" = None,
        counts: ImageCounts | None = None,
    ) -> None:
        """Add the next rows.

        Args:
            predictions: columns of `schema.PREDICTIONS`, those to slice by, and any others.
            batch: the same rows with their images, where they are at hand.
            counts: of their images, as `counts_of_images` returns them; None where not known.
        """
        written = predictions
        if DIGIT.name in predictions.schema.names:
            predictions = self._with_pictures(predictions)
        else:
            self.pictures += len(predictions)
        images, report = (batch.images, batch.report) if batch else (None, None)
        self._samples.add(self.rows, predictions, images)
        if self._gallery or self._mistakes:
            outcomes = Outcomes.of(predictions, self._classes)
            if self._gallery:
                decoded = report.decoded if report else None
                self._gallery.add(self.rows, outcomes, images, decoded)
            if self._mistakes:
                self._mistakes.add(written, outcomes.scored & ~outcomes.right)
        if counts:
            self._profile.add_images(counts)
        predicted = predictions.column("prediction")
        if predicted.null_count:
            self._add_unreadable(predictions.filter(predicted.is_null()))
        self.rows += len(predictions)
        self.errors += predicted.null_count
        self._count(predictions)

    def _count(self, predictions: pa.RecordBatch) -> None:
        """Count rows later, together with the next ones."""
        if self._uncounted and self._uncounted[0].schema != predictions.schema:
            self._count_all()  # rows of another file, with columns of other types
        self._uncounted.append(predictions)
        self._uncounted_bytes += predictions.nbytes
        if self._uncounted_bytes > _COUNTED_BYTES:
            self._count_all()

    def _count_all(self) -> None:
        if self._uncounted:
            outcomes = Outcomes.of(pa.concat_batches(self._uncounted), self._classes)
            self._slices.add(outcomes)
            self._profile.add(outcomes)
            self._counts.add_outcomes(outcomes)
            self._uncounted, self._uncounted_bytes = [], 0

    def _with_pictures(self, predictions: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows with the places of their pictures, and count these."""
        places = self._start + self.pictures - 1 + np.cumsum(first_rows(predictions))
        self._is_split = True
        # Each such picture has one second digit.
        self._split_pictures += pc.sum(pc.equal(predictions[DIGIT.name], 1)).as_py() or 0
        if len(places):
            self.pictures = int(places[-1]) + 1 - self._start
        return predictions.append_column(PICTURE, pa.array(places, pa.int64()))

    @property
    def next_picture(self) -> int:
        """The place of the picture that follows among those of the input."""
        return self._start + self.pictures

    def settle(self, share: float) -> None:
        """Let go of all rows that are not chosen, and of images as `GalleryChooser.settle` does."""
        self._count_all()
        if self._gallery:
            self._gallery.settle(share)

    def merge(self, part: "Evaluator") -> None:
        """Add the rows that follow, of a part that was evaluated on its own.

        It is then as if they had been added here, bit for bit. The wrong rows are the caller's.

        Raises:
            ValueError: the rows that follow are others.
        """
        if part._start != self.next_picture:
            raise ValueError(f"a part begins at {part._start}, not at {self.next_picture}")
        self._count_all()
        part._count_all()
        self._samples.merge(self.rows, part._samples)
        if self._gallery and part._gallery:
            self._gallery.merge(self.rows, part._gallery)
        self._slices.merge(part._slices)
        self._profile.merge(part._profile)
        self._counts.merge(part._counts)
        for why, examples in part._unreadable.items():
            for one in examples:
                self._add_example(why, one)
        self.rows += part.rows
        self.errors += part.errors
        self.pictures += part.pictures
        self._is_split |= part._is_split
        self._split_pictures += part._split_pictures

    @property
    def first_unreadable(self) -> Unreadable | None:
        """The first row without a prediction."""
        return next((examples[0] for examples in self._unreadable.values()), None)

    def evaluation(self) -> Evaluation:
        """Return what there is to say of the rows so far."""
        self._count_all()
        metrics = self._counts.metrics()
        return Evaluation(
            metrics=metrics,
            samples=self._samples.samples(),
            gallery=self._gallery.cells() if self._gallery else [],
            slices=self._slices.slices(),
            profile=self._profile.profile(),
            unreadable={
                one: self._unreadable[one]
                for one in metrics.errors_by_reason
                if one in self._unreadable
            },
            pictures=self.pictures,
            is_split=self._is_split,
            split_pictures=self._split_pictures,
        )

    def _add_unreadable(self, rows: pa.RecordBatch) -> None:
        rows = rows.select(["source", "row", "error"])
        for known, examples in self._unreadable.items():
            if len(examples) == EXAMPLES:  # as soon, where most rows have no prediction
                errors = rows.column("error").fill_null(NO_REASON)
                same = pc.or_(pc.equal(errors, known), pc.starts_with(errors, f"{known}: "))
                rows = rows.filter(pc.invert(same))
        for row in rows.to_pylist():
            row["error"] = row["error"] or NO_REASON
            self._add_example(reason(row["error"]), Unreadable(**row))

    def _add_example(self, why: str, row: Unreadable) -> None:
        if why not in self._unreadable and len(self._unreadable) < MOST_REASONS:
            self._unreadable[why] = []
        if len(self._unreadable.get(why, range(EXAMPLES))) < EXAMPLES:
            self._unreadable[why].append(row)
