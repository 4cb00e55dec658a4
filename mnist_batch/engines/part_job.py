"""Predict one part of a run on its own, wherever that is: in another process, on another machine.

An engine runs `predict_part` for each part that is missing, in any order and as often as it has to:
the file of a part has the same bytes each time. The caller's thread takes what comes back, and
publishes the parts in order.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

import pyarrow as pa

from mnist_batch.engines.findings import Findings
from mnist_batch.engines.part_rows import write_rows
from mnist_batch.inference.pipeline import PredictedBatch, predict_batches
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inputs.shards import Shard
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.options import PredictOptions, Prepare
from mnist_batch.outputs.kinds import part_written
from mnist_batch.outputs.parts.part_file import PartContent, PartIdentity, PartKind
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.remote.addresses import Place


@dataclass(frozen=True, eq=False)
class PartJob:
    """What a worker has to know to predict any part of a run; it can be pickled.

    Attributes:
        out: the output, which errors name.
        staging: where the files of parts go, `Staging.place`.
        run: what names the run in them, as `Manifest.run` returns it.
        inputs: the INPUTs, without their shards: a part has its own.
        predictor: what predicts.
        options: those of the run.
        prepare: which images are brought to MNIST form; what `Prepare.AUTO` of the options means.
        schema: of the predictions that are written.
        for_report: whether to gather what a report shows of images.
        kind: of the files of parts.
        threads: how many predict a part.
    """

    out: Place
    staging: Place
    run: str
    inputs: OpenInputs
    predictor: Predictor
    options: PredictOptions
    prepare: Prepare
    schema: pa.Schema
    for_report: bool
    kind: PartKind = PartKind.ARROW
    threads: int = 1


@dataclass(frozen=True, eq=False)
class PartDone:
    """A part that one attempt has predicted; it can be pickled.

    Attributes:
        number: of the part.
        name: of its file in the folder of the staging.
        findings: what the run finds in the rows, to be merged with those of the parts before.
        content: of the file; None for one that is Arrow.
    """

    number: int
    name: str
    findings: Findings
    content: PartContent | None = None


class Engine(Protocol):
    """Predicts parts somewhere."""

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of how it went, one sentence each; asked at the end."""

    @property
    def kernels(self) -> Mapping[str, str]:
        """What computed, as of `Predictor.kernels`; empty for what computes in this process."""

    def run(self, job: PartJob, parts: Sequence[Part]) -> Generator[PartDone, None, None]:
        """Yield each part once it is done, in any order; `window.Window` bounds what waits.

        To close it ends what is under way.

        Raises:
            MnistBatchError: while iterating, a part cannot be predicted.
        """


def predict_part(job: PartJob, part: Part) -> PartDone:
    """Predict a part, and write its file.

    Raises:
        MnistBatchError: as `predict_batches` raises it, or the file cannot be written.
    """
    options = job.options
    classes = job.inputs.classes or job.predictor.classes
    findings = Findings.of_part(options.output, classes, part.start, for_report=job.for_report)
    batches = predicted_batches(job, part.shards, part.rows)
    identity = PartIdentity(job.run, part.number, part.rows, job.kind)
    with closing(batches), part_written(job.staging, job.out, identity, job.schema) as writer:
        for rows in write_rows(part, batches, writer, job.schema):
            findings.add(rows)
    findings.settle(part.rows / job.inputs.rows)
    name = identity.file_name(writer.checksum)
    return PartDone(part.number, name, findings, writer.content)


def predicted_batches(
    job: PartJob, shards: Sequence[Shard], rows: int
) -> Generator[PredictedBatch, None, None]:
    """Yield the predictions of shards, `rows` in all, in order, as `predict_batches` does."""
    options = job.options
    return predict_batches(
        replace(job.inputs, shards=shards),
        job.predictor,
        prepare=job.prepare,
        several=options.several,
        batch_size=options.model.batch_size,
        workers=job.threads,
        block_ends=frozenset([rows]),
        content_hash=options.content_hash,
        # What images tell is in a file that stays, report or not: its bytes are the same.
        for_report=job.for_report or job.kind is PartKind.PARQUET,
    )
