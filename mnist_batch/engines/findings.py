"""What a run finds in its rows beside the predictions, part by part."""

from typing import Self

from mnist_batch.engines.part_rows import PartRows
from mnist_batch.evaluation.evaluator import Evaluator
from mnist_batch.inference.trials.kept_images import KeptImages
from mnist_batch.options import OutputOptions
from mnist_batch.outputs.mistakes import Mistakes, WrongRows
from mnist_batch.schema import Classes


class Findings:
    """What a run gathers over its rows, or over those of a part, which can be pickled.

    Attributes:
        evaluator: of all rows.
        kept: images to try with other scales of pixels, and with rows and columns changed over.
        predicted: the number of rows that this run predicted itself.
        mistakes: takes the wrong rows; None where there is no report.
    """

    def __init__(
        self,
        options: OutputOptions,
        classes: Classes,
        mistakes: Mistakes | WrongRows | None = None,
        *,
        with_gallery: bool,
        part_start: int | None = None,
    ) -> None:
        """Begin; the arguments after `mistakes` are those of `Evaluator`."""
        self.mistakes = mistakes
        self.evaluator = Evaluator(
            options.sample_seed,
            options.slices,
            mistakes=mistakes,
            with_gallery=with_gallery,
            classes=classes,
            part_start=part_start,
        )
        self.kept = KeptImages()
        self.predicted = 0

    @classmethod
    def of_part(
        cls, options: OutputOptions, classes: Classes, start: int, *, for_report: bool
    ) -> Self:
        """Begin with a part, of which `start` is the place of its first picture in the input."""
        wrong = WrongRows() if for_report else None
        return cls(options, classes, wrong, with_gallery=for_report, part_start=start)

    def add(self, rows: PartRows) -> None:
        """Add the next rows."""
        if rows.batch:
            self.predicted += len(rows.batch.images)
            places = self.evaluator.next_picture + rows.batch.parents
            self.kept.add(places, rows.predictions, rows.batch.images)
        self.evaluator.add(*rows)

    def settle(self, share: float) -> None:
        """Let go of all rows that are not chosen, and of images that hardly will be.

        `share` is that of the part in the whole, 0 to 1.
        """
        self.evaluator.settle(share)
        self.kept.pack(share)
        if isinstance(self.mistakes, WrongRows):
            self.mistakes.settle()

    def merge(self, part: "Findings") -> None:
        """Add those of the next part, as if its rows had been added here.

        Raises:
            ValueError: another part is the next one.
        """
        self.evaluator.merge(part.evaluator)
        if isinstance(self.mistakes, Mistakes) and isinstance(part.mistakes, WrongRows):
            self.mistakes.merge(part.mistakes)
        self.kept.merge(part.kept)
        self.predicted += part.predicted
