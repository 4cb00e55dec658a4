"""Images of an input to predictions: batch by batch, in order, on all cores."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch import _kernels
from mnist_batch.decoding.decode import DecodedBatch
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.workers import available_workers, map_batches
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.mnist import CLASSES, SIDE
from mnist_batch.options import BATCH_ROWS, PredictorChoice, Prepare
from mnist_batch.preprocessing.preparation import prepare_batch
from mnist_batch.schema import PREDICTIONS, PROBABILITIES, ImageBatch, Images, Reason

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PredictedBatch:
    """Consecutive rows of the predictions, with the images as the network saw them.

    Attributes:
        predictions: columns of the schema, the probabilities always among them.
        images: uint8 (n, 28, 28); black where a row has an error.
        originals: the rows as they were read; None where nobody asked for them.
    """

    predictions: pa.RecordBatch
    images: Images
    originals: ImageBatch | None = None


def predict_batches(
    inputs: OpenInputs,
    predictor: Predictor,
    *,
    prepare: Prepare = Prepare.AUTO,
    batch_size: int = BATCH_ROWS,
    workers: int | None = None,
    block_ends: Collection[int] = (),
    with_originals: bool = False,
) -> Generator[PredictedBatch, None, None]:
    """Yield the predictions of all rows, in input order.

    Args:
        inputs: what to read.
        predictor: the model.
        prepare: which images are brought to MNIST form.
        batch_size: rows in a batch at most, at least 1. The predictions do not depend on it. Keras
            runs the predictor's `block_rows` at once, across the bounds of batches.
        workers: threads, at least 1; None for one a core. The predictions do not depend on it.
        block_ends: the last shards of parts, by the rows up to their ends: no block of Keras's
            reaches over these, so that no part depends on others.
        with_originals: keep with each batch what was read for it.

    Raises:
        InputError: while iterating, where a source as a whole cannot be read.
        LabelError: while iterating, where a label is not a digit.
        ModelError: while iterating, where Keras cannot run the model.
        ValueError: while iterating, where `batch_size` or `workers` is below 1.
    """
    if batch_size < 1 or (workers is not None and workers < 1):
        raise ValueError(f"batch_size {batch_size}, workers {workers}: expected at least 1")
    _kernels.load_where_it_pays(inputs.encoded_rows)
    workers = workers or available_workers()
    if predictor.name is PredictorChoice.KERAS:
        yield from _predict_on_keras(
            inputs,
            predictor,
            prepare,
            batch_size,
            workers,
            block_ends,
            with_originals=with_originals,
        )
    else:
        yield from map_batches(
            inputs.shards,
            lambda shard: shard.read(batch_size),
            lambda batch: _predict_batch(batch, predictor, prepare, with_originals=with_originals),
            workers=workers,
        )


def _predict_on_keras(
    inputs: OpenInputs,
    predictor: Predictor,
    prepare: Prepare,
    batch_size: int,
    workers: int,
    block_ends: Collection[int],
    *,
    with_originals: bool,
) -> Iterator[PredictedBatch]:
    """Decode on the workers, and run the network on one thread of its own, in full blocks.

    Keras takes one batch at a time and shares it out over the cores or a GPU itself. Meanwhile the
    workers decode what comes next, and the taker of the results writes.
    """

    def predicted(_: None) -> Iterator[tuple[tuple[ImageBatch, DecodedBatch], Probabilities]]:
        with closing(
            map_batches(
                inputs.shards,
                lambda shard: shard.read(batch_size),
                lambda batch: _decoded(batch, prepare),
                workers=workers,
            )
        ) as decoded:
            yield from map_blocks(
                decoded,
                lambda item: item[1].images,
                predictor.probabilities,
                rows=predictor.block_rows,
                ends=block_ends,
            )

    with closing(map_batches([None], predicted, lambda item: item, workers=1)) as results:
        for (batch, decoded), probabilities in results:
            yield _predictions(batch, decoded, probabilities, with_originals=with_originals)


def _decoded(batch: ImageBatch, prepare: Prepare) -> tuple[ImageBatch, DecodedBatch]:
    with _one_blas_thread:
        return batch, prepare_batch(batch, prepare)


class _OneBlasThread:
    """While any thread is within this context, matrix products run on one thread each.

    The workers are the parallelism; products on several threads each would only queue. The setting
    is one of the whole process, so the first to enter makes it and the last to leave takes it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                _let_any_thread_set_it()
                self._limit = _blas().limit(limits=1, user_api="blas")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _let_any_thread_set_it()
                self._limit.restore_original_limits()
                _let_any_thread_set_it()


def _let_any_thread_set_it() -> None:
    """Let threadpoolctl do what the next thread asks for: else it obeys the first one alone.

    Others it would pass over in silence, and their products would queue and round otherwise.
    """
    from threadpoolctl import OpenBLASController

    OpenBLASController.clear_controlling_thread(force=True)


@cache
def _blas() -> Any:  # noqa: ANN401 - threadpoolctl has no types
    from threadpoolctl import ThreadpoolController  # it takes 20 ms to import

    return ThreadpoolController()


_one_blas_thread = _OneBlasThread()


def _predict_batch(
    batch: ImageBatch, predictor: Predictor, prepare: Prepare, *, with_originals: bool
) -> PredictedBatch:
    with _one_blas_thread:
        decoded = prepare_batch(batch, prepare)
        probabilities = predictor.probabilities(decoded.images)
    return _predictions(batch, decoded, probabilities, with_originals=with_originals)


def _predictions(
    batch: ImageBatch, decoded: DecodedBatch, probabilities: Probabilities, *, with_originals: bool
) -> PredictedBatch:
    predictions = probabilities.argmax(axis=1)
    unreadable = decoded.error.is_valid().to_numpy(zero_copy_only=False)
    failed, error = unreadable, decoded.error
    if not np.isfinite(probabilities).all():  # the network's own numbers overflowed
        failed = unreadable | ~np.isfinite(probabilities).all(axis=1)
        error = pc.if_else(pa.array(failed & ~unreadable), str(Reason.NO_PROBABILITIES), error)
    confidences = probabilities[np.arange(len(batch)), predictions]
    columns = [
        batch.source,
        batch.row,
        batch.label,
        pa.array(predictions.astype(np.int8), mask=failed),
        pa.array(confidences, mask=failed),
        pa.array(decoded.prepared),
        error,
        pa.FixedSizeListArray.from_arrays(
            pa.array(probabilities.reshape(-1)), type=PROBABILITIES.type, mask=pa.array(failed)
        ),
    ]
    schema = PREDICTIONS.append(PROBABILITIES)
    return PredictedBatch(
        predictions=pa.record_batch(columns, schema=schema),
        images=decoded.images,
        originals=batch if with_originals else None,
    )


ItemT = TypeVar("ItemT")
Array = npt.NDArray[np.float32]


def map_blocks(
    items: Iterable[ItemT],
    images_of: Callable[[ItemT], Images],
    work: Callable[[Images], Array],
    *,
    rows: int,
    ends: Collection[int] = (),
) -> Iterator[tuple[ItemT, Array]]:
    """Yield each item with the results of its images, in order.

    An item comes once the block that its last image is in was worked on; so as many items wait as
    it takes to fill a block.

    Args:
        items: what holds images; any number of them each, none included.
        images_of: returns an item's images, uint8 (n, 28, 28).
        work: maps images uint8 (m, 28, 28) to results float32 (m, 10); the images are overwritten
            afterwards.
        rows: how many images `work` gets at once, across the bounds of items; the last time what
            is left.
        ends: after so many images in all, each the end of an item, a block ends too, full or not.
    """
    waiting: deque[tuple[ItemT, Array]] = deque()
    block = np.empty((rows, SIDE, SIDE), np.uint8)
    pieces: list[Array] = []  # where the results of what the block holds go
    filled = done = 0
    for item in items:
        images = images_of(item)
        done += len(images)
        results = np.empty((len(images), CLASSES), np.float32)
        waiting.append((item, results))
        first_cut = rows - filled
        for start, stop in pairwise([0, *range(first_cut, len(images), rows), len(images)]):
            block[filled : filled + stop - start] = images[start:stop]
            pieces.append(results[start:stop])
            filled += stop - start
            if filled == rows:
                _share_out(work(block), pieces)
                pieces, filled = [], 0
        if filled and done in ends:
            _share_out(work(block[:filled]), pieces)
            pieces, filled = [], 0
        # Of each item that is not done yet the open block holds one piece, if an empty one.
        while len(waiting) > len(pieces):
            yield waiting.popleft()
    if pieces:
        _share_out(work(block[:filled]), pieces)
    yield from waiting


def _share_out(results: Array, pieces: list[Array]) -> None:
    start = 0
    for piece in pieces:
        piece[:] = results[start : start + len(piece)]
        start += len(piece)
