"""The way of rows into the outputs of a run: from threads here, or from parts made elsewhere."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mnist_batch.commands.runs.outputs import RunOutputs
from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.findings import Findings
from mnist_batch.engines.part_rows import PartRows
from mnist_batch.outputs.parts.staging import Staging
from mnist_batch.outputs.writer import Sink

if TYPE_CHECKING:
    from mnist_batch.engines.part_job import Engine
    from mnist_batch.outputs.dataset.dataset_sink import DatasetSink
    from mnist_batch.outputs.stored.stored_dataset import StoredDataset


@dataclass(frozen=True, eq=False)
class Flow:
    """Brings all rows of a run into its outputs, in order.

    Attributes:
        run: what to predict.
        outputs: those of the run.
        staging: the parts; those that an earlier run left are not predicted again.
        sink: takes the predictions.
        found: takes what there is to find in the rows.
    """

    run: Run
    outputs: RunOutputs
    staging: Staging
    sink: "Sink | DatasetSink | StoredDataset"
    found: Findings

    def rows(self, engine: "Engine | None") -> Iterator[None]:
        """Bring the rows there, and yield after some; an engine predicts them, or threads here."""
        return self._of_threads() if engine is None else self._of_engine(engine)

    def _of_threads(self) -> Iterator[None]:
        with_pictures, for_report = self.outputs.pictures is not None, bool(self.outputs.report)
        for rows in self.run.rows(self.staging, with_pictures=with_pictures, for_report=for_report):
            if self.outputs.pictures and rows.batch:
                self.outputs.pictures.write(self.found.evaluator.rows, rows.batch)
            self._add(rows)
            yield

    def _of_engine(self, engine: "Engine") -> Iterator[None]:
        from mnist_batch.engines.window import in_order  # which few runs need

        run, staging = self.run, self.staging
        kept = run.kept(staging, with_pictures=False)
        missing = [part for part in run.parts if part.number not in kept]
        job = run.part_job(
            self.outputs.out, staging.place, for_report=self.outputs.report is not None
        )
        with closing(engine.run(job, missing)) as attempts:
            done = in_order(attempts, missing)
            for part in run.parts:
                if part.number in kept:
                    for rows in run.kept_rows(staging, part):
                        self._add(rows)
                        yield
                    continue
                one = next(done)
                staging.accept(part, one.name, one.content)
                if self.sink.takes_rows or run.opened.labels:
                    for predictions, _ in staging.read(part):
                        self.sink.write(predictions)
                        run.look_up(predictions)
                self.found.merge(one.findings)
                yield

    def _add(self, rows: PartRows) -> None:
        self.sink.write(rows.predictions)
        self.found.add(rows)
