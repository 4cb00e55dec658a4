"""Predict the images of an input, batch by batch, in order, on all cores."""

import threading
from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.decoding.decode import DecodedBatch, Split
from mnist_batch.inference.blocks import map_blocks
from mnist_batch.inference.content import content_hashes
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.workers import available_workers, map_batches
from mnist_batch.inputs.kept import columns_as, further_columns
from mnist_batch.inputs.read_ahead import fetched_ahead
from mnist_batch.inputs.shards import Shard
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.options import BATCH_ROWS, Prepare, Several
from mnist_batch.preprocessing.mnist_form import mean_pixels, prepare_batch
from mnist_batch.schema import (
    CONTENT,
    PROBABILITIES,
    Classes,
    ImageBatch,
    Images,
    Reason,
    predictions_schema,
)

Array = npt.NDArray[np.float32]
ItemT = TypeVar("ItemT")
Decoded = tuple[ImageBatch, DecodedBatch]


@dataclass(frozen=True)
class ForReport:
    """What a report shows of the images of a batch."""

    ink: Array  # (n,), the mean pixel of each image as the network saw it, 0 to 255
    decoded: DecodedBatch  # with sizes and originals


@dataclass(frozen=True)
class PredictedBatch:
    """Consecutive rows of the predictions, with the images as the network saw them."""

    predictions: pa.RecordBatch  # columns of the schema, the probabilities always among them
    images: Images  # uint8 (n, 28, 28); black where a row has an error
    originals: ImageBatch | None = None  # the rows as they were read, if they were asked for
    report: ForReport | None = None  # if it was asked for
    split: Split | None = None  # if pictures were split into rows; `originals` are not

    @property
    def pictures(self) -> int:
        """The number of rows of the input."""
        return len(self.images) if self.split is None else len(self.split.alone)

    @property
    def parents(self) -> npt.NDArray[np.int64]:
        """The place of each row's picture among these, from 0: int64 (n,)."""
        return np.arange(len(self.images)) if self.split is None else self.split.parents


def predict_batches(
    inputs: OpenInputs,
    predictor: Predictor,
    *,
    prepare: Prepare = Prepare.AUTO,
    several: Several = Several.ERROR,
    batch_size: int = BATCH_ROWS,
    workers: int | None = None,
    block_ends: Collection[int] = (),
    with_originals: bool = False,
    content_hash: bool = False,
    for_report: bool = False,
) -> Generator[PredictedBatch, None, None]:
    """Yield the predictions of all rows, in input order.

    Args:
        inputs: what to read.
        predictor: what predicts.
        prepare: which images are brought to MNIST form.
        several: what becomes of a picture of several digits.
        batch_size: rows in a batch at most, at least 1. The predictions do not depend on it. Keras
            runs the predictor's `block_rows` at once, across the bounds of batches.
        workers: threads, at least 1; None for one a core. The predictions do not depend on it.
        block_ends: numbers of rows after which a part of the output ends. No block of Keras's goes
            on over these, so that no part depends on others.
        with_originals: keep with each batch the rows as they were read.
        content_hash: add the column `content`.
        for_report: gather what a report shows of the images.

    Raises:
        InputError: while iterating, where a source as a whole cannot be read.
        LabelError: while iterating, where a label is of no class.
        ModelError: while iterating, where Keras cannot run the network.
        ValueError: while iterating, where `batch_size` or `workers` is below 1.
    """
    workers = _number_of_workers(batch_size, workers)
    classes = inputs.classes or predictor.classes
    schema = _schema(inputs, classes, several, content_hash=content_hash)
    shown = {"with_originals": with_originals, "for_report": for_report}

    def predicted(batch: Decoded, probabilities: Array) -> PredictedBatch:
        return _predicted(batch, probabilities, classes, schema, **shown)

    prepared = partial(prepare_batch, choice=prepare, several=several, with_thumbnails=for_report)

    def read(shard: Shard) -> Iterator[ImageBatch]:
        return shard.read(batch_size)

    shards = fetched_ahead(inputs.shards)
    if not predictor.in_workers:
        decode = partial(_decoded, prepare=prepared)
        decoded = partial(map_batches, shards, read, decode, workers=workers)
        with closing(_run_on_keras(decoded, predictor, block_ends)) as results:
            for batch, probabilities in results:
                yield predicted(batch, probabilities)
    else:
        run = partial(_run_in_workers, predictor=predictor, prepare=prepared)
        yield from map_batches(shards, read, lambda one: predicted(*run(one)), workers=workers)


def _schema(
    inputs: OpenInputs, classes: Classes, several: Several, *, content_hash: bool
) -> pa.Schema:
    """Return all columns that predictions may have."""
    further = further_columns(inputs.kept, content_hash=content_hash)
    split = several is Several.SPLIT
    return predictions_schema(
        with_probabilities=True, further=further, classes=classes, split=split
    )


def _number_of_workers(batch_size: int, workers: int | None) -> int:
    if batch_size < 1 or (workers is not None and workers < 1):
        raise ValueError(f"batch_size {batch_size}, workers {workers}: expected at least 1")
    return workers or available_workers()


def _decoded(batch: ImageBatch, prepare: Callable[[ImageBatch], DecodedBatch]) -> Decoded:
    with _one_blas_thread:
        return batch, prepare(batch)


def _run_in_workers(
    batch: ImageBatch, predictor: Predictor, prepare: Callable[[ImageBatch], DecodedBatch]
) -> tuple[Decoded, Array]:
    with _one_blas_thread:
        decoded = prepare(batch)
        return (batch, decoded), predictor.probabilities(decoded.images)


def _run_on_keras(
    decoded: Callable[[], Generator[Decoded, None, None]],
    predictor: Predictor,
    block_ends: Collection[int],
) -> Generator[tuple[Decoded, Array], None, None]:
    """Run the network in full blocks on threads of its own, while the workers decode.

    Keras takes one batch at a time, and shares it out over the cores or a GPU itself. Meanwhile the
    workers decode the next batches, and the caller's thread writes the results.
    """
    return map_blocks(
        lambda: closing(decoded()),
        lambda batch: batch[1].images,
        predictor.probabilities,
        lambda batch: len(batch[0]),
        rows=predictor.block_rows,
        columns=predictor.classes.count,
        ends=block_ends,
        threads=predictor.threads,
    )


def _predicted(
    batch: Decoded,
    probabilities: Array,
    classes: Classes,
    schema: pa.Schema,
    *,
    with_originals: bool,
    for_report: bool,
) -> PredictedBatch:
    """Return the columns of predictions; a row whose probabilities overflowed gets an error."""
    read, decoded = batch
    rows, content = read, content_hashes(read) if CONTENT in schema else None
    if decoded.split is not None:
        rows = _split_rows(read, decoded.split)
        content = content and content.take(pa.array(decoded.split.parents))
    predictions = probabilities.argmax(axis=1)
    unreadable = decoded.error.is_valid().to_numpy(zero_copy_only=False)
    failed, error = unreadable, decoded.error
    if not np.isfinite(probabilities).all():
        failed = unreadable | ~np.isfinite(probabilities).all(axis=1)
        error = pc.if_else(pa.array(failed & ~unreadable), str(Reason.NO_PROBABILITIES), error)
    confidences = probabilities[np.arange(len(rows)), predictions]
    mask = failed if failed.any() else None  # without one Arrow copies nothing
    columns = [
        rows.source,
        rows.row,
        rows.label.cast(classes.dtype),
        pa.array(predictions.astype(classes.dtype.to_pandas_dtype()), mask=mask),
        pa.array(confidences, mask=mask),
        pa.array(decoded.prepared),
        error,
        pa.FixedSizeListArray.from_arrays(
            pa.array(probabilities.reshape(-1)),
            type=schema.field(PROBABILITIES.name).type,
            mask=None if mask is None else pa.array(mask),
        ),
    ]
    if classes.names:
        names = pa.array(classes.names)
        columns += [names.take(columns[2]), names.take(columns[3])]
    if decoded.split is not None:
        columns += [decoded.split.number, decoded.split.box]
    if content is not None:
        columns.append(content)
    columns += columns_as(rows.kept, [*schema][len(columns) :], len(rows))
    table = pa.record_batch(columns, schema=schema)
    report = ForReport(mean_pixels(decoded.images), decoded) if for_report else None
    originals = read if with_originals else None
    return PredictedBatch(table, decoded.images, originals, report, decoded.split)


def _split_rows(read: ImageBatch, split: Split) -> ImageBatch:
    """Return rows as they are split, without their images.

    A label counts only where the picture has one digit.
    """
    label = pc.if_else(pa.array(split.alone), read.label, pa.scalar(None, read.label.type))
    nothing = np.empty((len(read), 0, 0), np.uint8)
    return replace(read, label=label, images=nothing).take(split.parents)


class _OneBlasThread:
    """A context for any number of threads in which each matrix product runs on one thread.

    The workers use all cores already; products on several threads each would only queue. The
    setting belongs to the whole process, so the first thread to enter makes it and the last one to
    leave takes it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit: Any = None  # what takes the setting back; None where nothing was to be set

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0 and _has_several_blas_threads():
                _let_any_thread_set_it()
                self._limit = _blas().limit(limits=1, user_api="blas")
            self._inside += 1  # only now: whoever fails to enter does not leave

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._limit:
                _let_any_thread_set_it()
                self._limit.restore_original_limits()
                self._limit = None
                _let_any_thread_set_it()


def _has_several_blas_threads() -> bool:
    """Tell whether a product would run on several threads; not in the command's own process."""
    return any(one.num_threads != 1 for one in _blas().lib_controllers if one.user_api == "blas")


def _let_any_thread_set_it() -> None:
    """Let threadpoolctl obey the next thread that sets it; it obeys only the first one otherwise.

    It would ignore the others without a word; their products would queue, and round differently.
    """
    from threadpoolctl import OpenBLASController

    OpenBLASController.clear_controlling_thread(force=True)


@cache
def _blas() -> Any:  # noqa: ANN401 - threadpoolctl has no types
    from threadpoolctl import ThreadpoolController  # it takes 20 ms to import

    return ThreadpoolController()


_one_blas_thread = _OneBlasThread()
