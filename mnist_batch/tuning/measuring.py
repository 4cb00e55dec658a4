"""Time a model and an input on this machine, to choose batch size, workers and device.

Each part of the work is timed by the functions that `predict` runs. Files are read from the page
cache, since they were read before. The predictions of every round have to equal those of the first.
"""

import logging
import math
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch import __version__, _kernels
from mnist_batch.errors import InputError, ModelError
from mnist_batch.evaluation.metrics import PredictionCounts
from mnist_batch.inference.pipeline import PredictedBatch, predict_batches
from mnist_batch.inference.predictors import Predictor, load_model
from mnist_batch.inference.workers import available_workers, map_batches
from mnist_batch.inputs.shards import BATCH_BYTES, SHARD_ROWS, Shard
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.mnist import CLASSES, SIDE
from mnist_batch.options import (
    BATCH_ROWS,
    BATCH_SIZES,
    Device,
    Inputs,
    PredictorChoice,
    ReadOptions,
    Scale,
    input_list,
)
from mnist_batch.preprocessing.preparation import prepare_batch
from mnist_batch.schema import PROBABILITIES, ImageBatch
from mnist_batch.synthetic import generator
from mnist_batch.tuning.recommendation import (
    BenchmarkResult,
    Measurement,
    NotRun,
    Part,
    best_network,
    best_whole,
    binding,
    noise_notes,
    predict_command,
)

ResultT = TypeVar("ResultT")

SAMPLE_ROWS = 20_000
_SAMPLE_BYTES = 32 * 2**20
"""The benchmark uses the first images, up to so many rows and so many bytes of encoded images."""

CPU_TOLERANCE = 1e-4
"""How far probabilities may differ; sums in another order differ by 1e-6."""

GPU_TOLERANCE = 1e-2
"""The same on a GPU: TensorFlow lets NVIDIA's multiply with the ten bits of TF32,
https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_tensor_float_32_execution."""

_GENERATED_ROWS = 2000
"""Digits that are drawn where there is no input."""

_LEAST_ROUNDS = 3
_LONGEST_BATCH_S = 3.0
"""A batch size whose batches would take longer is not measured."""

_PROBES, _PROBE_S = 10, 0.1
"""How often, and for how long, the network is tried first to learn its speed, about."""


def benchmark(
    inputs: Inputs = (),
    *,
    model: str | Path | None = None,
    predictor: PredictorChoice | str = PredictorChoice.AUTO,
    scale: Scale | str | None = None,
    device: Device | str = Device.AUTO,
    image_column: str | None = None,
    label_column: str | None = None,
    labels: str | Path | None = None,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    seconds: float = 1.0,
    progress: Callable[[str], None] | None = None,
) -> BenchmarkResult:
    """Time reading, decoding, the network and the whole of it, and recommend a setting.

    Reading, decoding and the network are timed alone, the network for each batch size on each
    device. The whole is timed for each batch size on the best device, and at the best of these for
    each number of workers. At most the first 20,000 images are used; fewer images are repeated.

    Args:
        inputs: as for `predict`; none for generated digits.
        model: as for `predict`, a file.
        predictor: what runs the model, see `load_model`.
        scale: how the model wants its pixels, see `load_model`.
        device: the only device to measure; `auto` for the CPU and, where the model runs on Keras,
            the GPU if there is one.
        image_column: as for `predict`.
        label_column: as for `predict`.
        labels: as for `predict`.
        batch_sizes: the values of `predict`'s `batch_size` to measure, at least one.
        seconds: how long to measure each setting, about; three rounds at least.
        progress: called with what is measured next, in the calling thread.

    Raises:
        InputError: an input cannot be read, or holds no images.
        LabelError: a label is not a digit.
        ModelError: the model cannot be loaded or run, or its predictions differ between settings.
        ValueError: there is no batch size, or one below 1.
    """
    networks = _Networks(
        partial(load_model, model, predictor=predictor, scale=scale), Device(device), batch_sizes
    )
    chosen = {
        "--model": model,
        "--predictor": None if predictor == PredictorChoice.AUTO else predictor,
        "--scale": scale,
        "--device": None if device == Device.AUTO else device,
        "--image-column": image_column,
        "--label-column": label_column,
        "--labels": labels,
    }
    columns = ReadOptions.of(image_column, label_column, labels)
    with _without_retracing_warnings(), _opened(inputs, columns) as opened:
        return _Bench(opened, networks, seconds, progress).result(inputs, chosen)


@dataclass(frozen=True)
class Round:
    """A part of the work at one setting, to be timed.

    Attributes:
        part: which part it is.
        batch_size: rows of a batch.
        workers: threads.
        rows: the images of a round.
        work: does the part once, and is timed.
        check: called with the result of `work` after the clock has stopped; raises an error where
            the result is wrong.
        predictor: what runs the network; None where no network runs.
        device: where the network runs.
    """

    part: Part
    batch_size: int
    workers: int
    rows: int
    work: Callable[[], Any]
    check: Callable[[Any], None] = lambda _: None
    predictor: PredictorChoice | None = None
    device: Device | None = None

    def time(self) -> float:
        """Do the work once, check its result, and return the seconds that the work took."""
        seconds, result = _timed(self.work)
        self.check(result)
        return seconds


def time_in_turn(rounds: Sequence[Round], seconds: float) -> list[Measurement]:
    """Run each round once to warm up, then all rounds in turn, and return their measurements.

    They take turns because other programs slow a machine down for seconds at a time: all that is
    compared is slowed down alike. Each runs three times at least.

    Args:
        rounds: what to compare.
        seconds: how long to go on for each, on average.
    """
    for one in rounds:
        one.time()
    taken: list[list[float]] = []
    while len(taken) < _LEAST_ROUNDS or sum(map(sum, taken)) < seconds * len(rounds):
        taken.append([one.time() for one in rounds])
    return [
        Measurement(
            one.part, one.workers, one.batch_size, one.rows, times, one.predictor, one.device
        )
        for one, times in zip(rounds, zip(*taken, strict=True), strict=True)
    ]


class _Networks:
    """The model, loaded for each device and batch size that can be measured.

    Attributes:
        first: the model for the smallest batch size, on the CPU unless another device was named.
        devices: where the model is measured.
        batch_sizes: the batch sizes to measure, ascending.
        not_run: what cannot be measured, and why.
    """

    def __init__(
        self, load: Callable[..., Predictor], device: Device, batch_sizes: Sequence[int]
    ) -> None:
        """Load the model, by a function of `device` and `batch_size`.

        Raises:
            ModelError: it cannot be loaded.
            ValueError: there is no batch size, or one below 1.
        """
        self.batch_sizes = sorted(set(batch_sizes))
        if not self.batch_sizes or self.batch_sizes[0] < 1:
            raise ValueError(f"batch_sizes {self.batch_sizes}: expected numbers from 1")
        self._load = load
        self._loaded: dict[tuple[Device, int], Predictor] = {}
        self.devices = [Device.CPU if device is Device.AUTO else device]
        self.first = load(device=self.devices[0], batch_size=self.batch_sizes[0])
        self._loaded[self.devices[0], self.batch_sizes[0]] = self.first
        self.not_run: list[NotRun] = []
        if device is Device.AUTO:
            self._add_gpu()

    def load(self, device: Device, batch_size: int) -> Predictor:
        """Return the model as `predict` would load it."""
        if self.first.name is PredictorChoice.NUMPY:
            return self.first  # the workers alone cut batches for NumPy
        key = (device, batch_size)
        if key not in self._loaded:
            self._loaded[key] = self._load(device=device, batch_size=batch_size)
        return self._loaded[key]

    def notes(self) -> list[str]:
        """Return what the user should know of the model, each sentence once."""
        notes = (note for one in self._loaded.values() for note in one.notes)
        return [f"model {self.first.model.path.name}: {note}" for note in dict.fromkeys(notes)]

    def _add_gpu(self) -> None:
        if self.first.name is PredictorChoice.NUMPY:
            reason = "NumPy runs this model, on the CPU"
            self.not_run.append(NotRun("network on gpu", reason))
            return
        from mnist_batch.inference.keras_network import sees_gpu

        if sees_gpu():
            self.devices.append(Device.GPU)
        else:
            self.not_run.append(NotRun("network on gpu", "Keras sees no GPU here"))


class _Bench:
    """The first images of an input, and the parts of the work on them."""

    def __init__(
        self,
        opened: OpenInputs,
        networks: _Networks,
        seconds: float,
        progress: Callable[[str], None] | None,
    ) -> None:
        self._input_rows, self._networks, self._seconds = opened.rows, networks, seconds
        self._say = progress or (lambda _: None)
        self._workers = available_workers()
        self._not_run: list[NotRun] = []
        self._say("starting")
        _kernels.load()  # the time that it takes to load the compiled code does not count
        first = networks.first
        # Of a network that takes seconds for 20,000 images, use as many as it predicts in one.
        limit = min(SAMPLE_ROWS, max(int(_images_per_s(first)), networks.batch_sizes[0]))
        batches = first_batches(opened, limit)
        self._rows = sum(map(len, batches))
        if not self._rows:
            raise InputError("the INPUT holds no images; name one that does")
        self._files = repeated(opened.shards, self._rows).shards
        self._encoded = [one for one in map(ResidentShard, batches) if one.encoded]
        # Few images are repeated, unless they are large or slow to decode.
        batch = batches[0]
        affordable = int(len(batch) / _timed(lambda: prepare_batch(batch))[0] * seconds / 4)
        by_size = len(batch) * _SAMPLE_BYTES // (batch.images.nbytes + 1)
        self._round_rows = max(self._rows, min(limit, SHARD_ROWS, by_size, affordable))
        predicted = list(predict_batches(repeated(self._files, self._rows), first))
        self._reference = probabilities_of(one.predictions for one in predicted)
        self._pixels = _pixels(predicted)
        self._counts = PredictionCounts()
        for one in predicted:
            self._counts.add(one.predictions)

    def result(self, inputs: Inputs, chosen: Mapping[str, Any]) -> BenchmarkResult:
        """Measure all that can be measured, and return it with what follows.

        Args:
            inputs: the INPUTs as given.
            chosen: what the user chose, by the option of `mnist-batch predict`.
        """
        measurements = self._measurements()
        networks, metrics, best = self._networks, self._counts.metrics(), best_whole(measurements)
        first = networks.first
        found: dict[str, Any] = {"--batch-size": best.batch_size, "--workers": best.workers}
        if len(networks.devices) > 1:
            found["--device"] = best.device
        return BenchmarkResult(
            machine=_machine(keras=first.name is PredictorChoice.KERAS),
            model={
                "name": first.model.path.name,
                "sha256": first.model.sha256,
                "scale": str(first.scale),
            },
            inputs=[str(item) for item in input_list(inputs)],
            rows=self._input_rows,
            rows_used=self._rows,
            labelled=metrics.scored,
            accuracy=metrics.accuracy,
            measurements=measurements,
            not_run=[*networks.not_run, *self._not_run],
            recommended=best,
            binding=binding(measurements),
            command=predict_command(input_list(inputs), {**chosen, **found}),
            notes=[*networks.notes(), *noise_notes(measurements)],
        )

    def _measurements(self) -> list[Measurement]:
        self._say("reading")
        source = repeated(self._files, self._round_rows)
        done = self._through_workers(Part.READ, source, len, [self._workers])
        self._say("decoding")
        done += self._decode()
        done += self._network()
        best = best_network(done)
        networks = [one for one in done if one.part is Part.NETWORK and one.device == best.device]
        slowest = min(one.images_per_s for one in done if one.workers == self._workers)
        self._say("the whole")
        settings = [(one.batch_size, self._workers) for one in networks]
        wholes = self._whole(networks[0].device, settings, slowest)
        batch_size = best_whole(wholes).batch_size
        settings = [(batch_size, n) for n in worker_counts(self._workers)[:-1]]
        return done + wholes + self._whole(networks[0].device, settings, slowest)

    def _decode(self) -> list[Measurement]:
        if not self._encoded:
            self._not_run.append(NotRun("decode", "the images are raw pixels"))
            return []
        # Small batches are joined before the clock starts.
        joined = repeated(self._encoded, self._round_rows).shards
        batches = [batch for shard in joined for batch in shard.read(BATCH_ROWS)]
        return self._through_workers(
            Part.DECODE,
            repeated(list(map(ResidentShard, batches)), self._round_rows),
            lambda batch: len(prepare_batch(batch).images),
            sorted({1, self._workers}),
        )

    def _through_workers(
        self,
        part: Part,
        source: OpenInputs,
        work: Callable[[ImageBatch], int],
        worker_counts: Sequence[int],
    ) -> list[Measurement]:
        """Time a function of a batch on all batches of a source, for each number of workers."""

        def run(workers: int) -> int:
            read = partial(map_batches, source.shards, lambda shard: shard.read(BATCH_ROWS))
            return sum(read(work, workers=workers))

        rounds = [
            Round(part, BATCH_ROWS, workers, source.rows, partial(run, workers))
            for workers in worker_counts
        ]
        return time_in_turn(rounds, self._seconds)

    def _network(self) -> list[Measurement]:
        """Time the network, from pixels in memory, for each device and batch size."""
        rounds: list[Round] = []
        for device in self._networks.devices:
            rate = math.inf
            for batch_size in self._networks.batch_sizes:
                self._say(f"network on {device}, batches of {batch_size:,}")
                if batch_size / rate > _LONGEST_BATCH_S:
                    reason = f"a batch would take about {batch_size / rate:,.0f} s"
                    what = f"network on {device} in batches of {batch_size}"
                    self._not_run.append(NotRun(what, reason))
                    continue
                predictor = self._networks.load(device, batch_size)
                rate = _images_per_s(predictor)
                rounds.append(self._network_round(predictor, device, batch_size, rate))
        self._say("network")
        return time_in_turn(rounds, self._seconds)

    def _network_round(self, predictor: Predictor, device: Device, size: int, rate: float) -> Round:
        """Return a round of full batches in memory: a short one would tell of another size."""
        count = max(1, 2 * SHARD_ROWS // size)
        if predictor.name is PredictorChoice.KERAS:
            # A fifth of a second is enough to time.
            count = min(count, max(1, int(rate * self._seconds / 5) // size))
        # As many places in memory as a run has, else small batches would stay in the caches.
        places = np.arange(count * size).reshape(count, size) % self._rows
        batches = [ResidentShard(self._pixels.take(row)) for row in places]
        # NumPy runs a batch on each worker: as many batches for each.
        times = self._workers if predictor.name is PredictorChoice.NUMPY else 1
        source = repeated(batches, count * size * times)
        return self._round(Part.NETWORK, source, device, size, self._workers, count * size)

    def _whole(
        self, device: Device | None, settings: Sequence[tuple[int, int]], rate: float
    ) -> list[Measurement]:
        """Time files to predictions.

        Args:
            device: where the network runs.
            settings: batch sizes and numbers of workers.
            rate: images per second of the slowest part.
        """
        assert device
        rounds: list[Round] = []
        for size, workers in settings:
            # So many batches that it matters little which worker waits at the end, if that does not
            # take too long; full ones, because Keras pads the last.
            enough, affordable = 4 * size * workers, int(rate * self._seconds / 2)
            rows = max(self._round_rows, min(enough, affordable))
            rows = max(rows // size * size, min(rows, size))
            source = repeated(self._files, rows)
            rounds.append(self._round(Part.WHOLE, source, device, size, workers, self._rows))
        return time_in_turn(rounds, self._seconds)

    def _round(
        self,
        part: Part,
        source: OpenInputs,
        device: Device,
        batch_size: int,
        workers: int,
        period: int,
    ) -> Round:
        """Return a round that predicts a source, whose images repeat after `period` rows."""
        predictor = self._networks.load(device, batch_size)

        def work() -> list[pa.RecordBatch]:
            batches = predict_batches(source, predictor, batch_size=batch_size, workers=workers)
            return [batch.predictions for batch in batches]

        def check(batches: list[pa.RecordBatch]) -> None:
            found = probabilities_of(batches)
            check_same(
                found,
                self._reference[np.arange(len(found)) % period % self._rows],
                tolerance=GPU_TOLERANCE if device is Device.GPU else CPU_TOLERANCE,
                made=f"{predictor.name} on {device} in batches of {batch_size}",
            )

        return Round(part, batch_size, workers, source.rows, work, check, predictor.name, device)


def probabilities_of(batches: Iterable[pa.RecordBatch]) -> npt.NDArray[np.float32]:
    """Return the probabilities of predictions, float32 (n, 10): NaN where there is none."""
    column = pa.Table.from_batches(batches)[PROBABILITIES.name].combine_chunks()
    values = column.values.to_numpy().reshape(-1, CLASSES)
    return np.where(column.is_valid().to_numpy(zero_copy_only=False)[:, None], values, np.nan)


def check_same(
    found: npt.NDArray[np.float32],
    expected: npt.NDArray[np.float32],
    *,
    tolerance: float,
    made: str,
) -> None:
    """Check that predictions are the same however they were made: a fast wrong answer is none.

    Args:
        found: probabilities (n, 10), NaN where an image has no prediction.
        expected: those of the first round.
        tolerance: how far probabilities may differ.
        made: how `found` was predicted, for the message.

    Raises:
        ModelError: they differ.
    """
    same = np.isclose(found, expected, rtol=0, atol=tolerance, equal_nan=True).all(axis=1)
    if not same.all():
        row = int(np.flatnonzero(~same)[0])
        raise ModelError(
            f"predictions differ: {made} reads an image as {_digit(found[row])}, before it was "
            f"{_digit(expected[row])}; no speed of such a run counts, please report it"
        )


def _digit(probabilities: npt.NDArray[np.float32]) -> str:
    if np.isnan(probabilities[0]):
        return "no digit"
    return f"{probabilities.argmax()} ({probabilities.max():.4f})"


def worker_counts(cores: int) -> list[int]:
    """Return the numbers of workers to measure: powers of two, and one a core."""
    return [*(2**i for i in range(cores.bit_length()) if 2**i < cores), cores]


@dataclass(frozen=True)
class ResidentShard(Shard):
    """A batch in memory, of at most as many rows as are read at once."""

    batch: ImageBatch

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.batch)

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return isinstance(self.batch.images, pa.Array)

    @property
    def source(self) -> str:
        """The source of the first row."""
        return str(self.batch.source[0])

    def read_from(self) -> Sequence[str | bytes]:
        """Return nothing: no file is read."""
        return ()

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the batch."""
        assert len(self.batch) <= batch_size
        yield self.batch


@dataclass(frozen=True)
class JoinedShards(Shard):
    """The first rows of some shards, in batches as full as those of one large shard.

    Ten images that are read again and again in batches of ten would tell how long a batch takes,
    and not how long an image takes.
    """

    shards: Sequence[Shard]
    rows: int

    @property
    def encoded(self) -> bool:
        """Whether images have to be decoded."""
        return any(shard.encoded for shard in self.shards)

    @property
    def source(self) -> str:
        """The source of the first row."""
        return self.shards[0].source

    def read_from(self) -> Sequence[str | bytes]:
        """Return what the shards are read from."""
        return [text for shard in self.shards for text in shard.read_from()]

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`."""
        waiting: list[ImageBatch] = []
        for batch in self._batches(batch_size):
            together = [*waiting, batch]
            if waiting and (
                sum(map(len, together)) > batch_size
                or sum(one.images.nbytes for one in together) > BATCH_BYTES
                or len(set(map(_kind, together))) > 1
            ):
                yield _joined(waiting)
                waiting = []
            waiting.append(batch)
        if waiting:
            yield _joined(waiting)

    def _batches(self, batch_size: int) -> Iterator[ImageBatch]:
        missing = self.rows
        for shard in self.shards:
            for batch in shard.read(batch_size):
                yield batch if len(batch) <= missing else batch.take(np.arange(missing))
                missing -= len(batch)
                if missing <= 0:
                    return


def first_batches(
    opened: OpenInputs, rows: int, size_bytes: int = _SAMPLE_BYTES
) -> list[ImageBatch]:
    """Read the first rows of an input, up to the batch that goes beyond a size of the images."""
    batches: list[ImageBatch] = []
    for batch in JoinedShards(opened.shards, rows).read(BATCH_ROWS):
        batches.append(batch)
        size_bytes -= batch.images.nbytes
        if size_bytes <= 0:
            break
    return batches


def repeated(shards: Sequence[Shard], rows: int) -> OpenInputs:
    """Return an input of so many rows: those of some shards, and again from the first.

    Small shards are joined to shards of the size that a large input has.

    Raises:
        ValueError: the shards have no rows.
    """
    available = sum(shard.rows for shard in shards)
    if not available:
        raise ValueError("shards without rows cannot be repeated")
    least = SHARD_ROWS if available < SHARD_ROWS else 1
    parts: list[Shard] = []
    group: list[Shard] = []
    missing = rows
    for shard in cycle(shards):
        group.append(shard)
        size = min(missing, sum(one.rows for one in group))
        if size >= min(least, missing):
            whole = len(group) == 1 and shard.rows == size
            parts.append(shard if whole else JoinedShards(group, size))
            group, missing = [], missing - size
        if not missing:
            break
    return OpenInputs(shards=parts, files=[], rows=rows, passed_over=Counter())


def _joined(batches: Sequence[ImageBatch]) -> ImageBatch:
    """Return batches of one kind as one batch."""
    if len(batches) == 1:
        return batches[0]

    def column(name: str) -> Any:  # noqa: ANN401 - of Arrow or of NumPy
        parts = [getattr(batch, name) for batch in batches]
        if parts[0] is None:
            return None
        return pa.concat_arrays(parts) if isinstance(parts[0], pa.Array) else np.concatenate(parts)

    names = [field.name for field in fields(ImageBatch) if field.name != "formed"]
    return (
        replace(batches[0], **{name: column(name) for name in names})
        if len(batches) > 1
        else batches[0]
    )


def _kind(batch: ImageBatch) -> tuple[object, bool, bool]:
    """Return what batches that can be joined have in common."""
    images = batch.images
    kind = images.type if isinstance(images, pa.Array) else None
    return kind, batch.prepared is None, batch.formed


def _pixels(predicted: Sequence[PredictedBatch]) -> ImageBatch:
    """Return the images of predictions as a batch of raw pixels."""
    images = np.concatenate([one.images for one in predicted])
    n = len(images)
    return ImageBatch(
        source=pa.repeat("image", n),
        row=pa.array(np.arange(n)),
        label=pa.nulls(n, pa.int8()),
        images=images,
        error=pa.concat_arrays([one.predictions.column("error") for one in predicted]),
    )


def _images_per_s(predictor: Predictor) -> float:
    """Return how many images the network predicts in a second, by its fastest block of several."""
    images = np.zeros((predictor.block_rows, SIDE, SIDE), np.uint8)
    taken: list[float] = []
    # A block of NumPy's takes less time than another program may hold the processor.
    while not taken or (sum(taken) < _PROBE_S and len(taken) < _PROBES):
        taken.append(_timed(lambda: predictor.probabilities(images))[0])
    return len(images) / min(taken)


def _timed(work: Callable[[], ResultT]) -> tuple[float, ResultT]:
    """Return the seconds that some work takes, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


@contextmanager
def _without_retracing_warnings() -> Iterator[None]:
    """Silence TensorFlow's warning that it traces a graph for each model, as it has to here."""
    logger = logging.getLogger("tensorflow")

    def is_other(record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


@contextmanager
def _opened(inputs: Inputs, options: ReadOptions) -> Iterator[OpenInputs]:
    """Open the inputs, or where there are none a file of generated digits."""
    if listed := input_list(inputs):
        yield open_inputs(listed, options)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "generated.parquet")
        generator.write_parquet(path, _GENERATED_ROWS)
        yield open_inputs([path], options)


def _machine(*, keras: bool) -> dict[str, Any]:
    """Return what the speeds depend on, as far as it is known."""
    versions = {"mnist_batch": __version__, "python": platform.python_version()}
    versions |= {package: version(package) for package in ("numpy", "numba", "pyarrow", "pillow")}
    if keras:
        from mnist_batch.inference import keras_network

        versions |= keras_network.versions()
    return {
        "cores": available_workers(),
        "cpu": _cpu_model(),
        "platform": platform.platform(),
        "versions": versions,
    }


def _cpu_model() -> str | None:
    """Return the processor's name, which Linux keeps in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), None)
