"""What a run finds in its rows beside the predictions, part by part."""

from mnist_batch.engines.part_rows import PartRows
from mnist_batch.evaluation.evaluator import Evaluator
from mnist_batch.inference.scale_search import KeptImages
from mnist_batch.options import OutputOptions
from mnist_batch.outputs.mistakes import Mistakes
from mnist_batch.schema import Classes


class Findings:
    """What a run gathers over its rows.

    Attributes:
        evaluator: of all rows.
        kept: images to try with other scales of pixels, and with rows and columns changed over.
        predicted: the number of rows that this run predicted itself.
    """

    def __init__(
        self,
        options: OutputOptions,
        classes: Classes,
        mistakes: Mistakes | None = None,
        *,
        with_gallery: bool,
    ) -> None:
        """Begin; the arguments are those of `Evaluator`."""
        self.evaluator = Evaluator(
            options.sample_seed,
            options.slices,
            mistakes=mistakes,
            with_gallery=with_gallery,
            classes=classes,
        )
        self.kept = KeptImages()
        self.predicted = 0

    def add(self, rows: PartRows) -> None:
        """Add the next rows."""
        self.evaluator.add(*rows)
        if rows.batch:
            self.predicted += len(rows.batch.images)
            self.kept.add(rows.predictions, rows.batch.images)
