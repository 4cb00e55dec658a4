"""Timing a model and an input on this machine: which batch size, workers and device to take.

Each part is timed by the functions that `predict` runs, so that what is measured is what a run
gets; reading comes from the page cache, where what was read before still is. The predictions of all
rounds are held to those of the first.
"""

import logging
import math
import platform
import shlex
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch import __version__, _kernels
from mnist_batch.errors import InputError, ModelError
from mnist_batch.evaluation.metrics import PredictionCounts
from mnist_batch.inference.pipeline import PredictedBatch, predict_batches
from mnist_batch.inference.predictors import Predictor, load_model
from mnist_batch.inference.workers import available_workers, map_batches
from mnist_batch.inputs.shards import BATCH_BYTES, SHARD_ROWS, Shard, ShardDefaults
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
from mnist_batch.schema import ImageBatch
from mnist_batch.synthetic import generator
from mnist_batch.tuning.recommendation import (
    Binding,
    Measurement,
    NotRun,
    Part,
    Timing,
    best_network,
    best_whole,
    binding,
)

ResultT = TypeVar("ResultT")

SAMPLE_ROWS = 20_000
_SAMPLE_BYTES = 32 * 2**20
"""The images that are used: so many, or so much of encoded ones; the first of them."""

_GENERATED_ROWS = 2000
_LONGEST_BATCH_S = 3.0
_NOISY = 0.1
_PROBES, _PROBE_S = 10, 0.1
_LEAST_ROUNDS = 3


@dataclass(frozen=True)
class BenchmarkResult:
    """What `benchmark` found.

    Attributes:
        machine: cores, processor, versions.
        model: its name, SHA-256 and scale.
        inputs: as given; empty where digits were generated.
        rows: images in the inputs.
        rows_used: how many of them were used, the first.
        labelled: how many of these have a label and a prediction.
        accuracy: the share of them that is right; None where there are none.
        measurements: all that was timed.
        not_run: what was not, and why.
        recommended: the measurement of the whole work whose setting to take.
        binding: the slowest part on all of the machine.
        command: the command line with that setting.
        notes: what the user should know, one sentence each.
    """

    machine: Mapping[str, Any]
    model: Mapping[str, str]
    inputs: Sequence[str]
    rows: int
    rows_used: int
    labelled: int
    accuracy: float | None
    measurements: Sequence[Measurement]
    not_run: Sequence[NotRun]
    recommended: Measurement
    binding: Binding
    command: str
    notes: Sequence[str]

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {
            "machine": dict(self.machine),
            "model": dict(self.model),
            "inputs": list(self.inputs),
            "generated": not self.inputs,
            "rows": self.rows,
            "rows_used": self.rows_used,
            "labelled": self.labelled,
            "accuracy": self.accuracy,
            "measurements": [one.record() for one in self.measurements],
            "not_run": [{"what": one.what, "reason": one.reason} for one in self.not_run],
            "recommended": {**self.recommended.record(), "command": self.command},
            "binds": self.binding.record(),
            "notes": list(self.notes),
        }


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

    Reading, decoding and the network are timed apart, the network for each batch size on each
    device; then the whole for each batch size on the best device, and with the best of these for
    each number of workers. At most the first 20,000 images are used; with fewer, rounds repeat
    them.

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
        batch_sizes: what to measure for `predict`'s `batch_size`, at least one.
        seconds: how long to measure each setting, about; three rounds at least.
        progress: called with what is measured next, in the calling thread.

    Raises:
        InputError: an input cannot be read, or holds no images.
        LabelError: a label is not a digit.
        ModelError: the model cannot be loaded or run, or its predictions differ between settings.
        ValueError: there is no batch size, or one below 1.
    """
    batch_sizes = sorted(set(batch_sizes))
    if not batch_sizes or batch_sizes[0] < 1:
        raise ValueError(f"batch_sizes {batch_sizes}: expected numbers from 1")
    say = progress or (lambda _: None)
    say("starting")
    _kernels.load()  # what it takes to load is not timed
    networks = _Networks(model, predictor, scale, Device(device), batch_sizes)
    options = ReadOptions.of(image_column, label_column, labels)
    with _without_retracing_warnings(), _opened(input_list(inputs), options) as opened:
        bench = _Bench(opened, networks, seconds, say)
        measurements = bench.measurements()
    best = best_whole(measurements)
    metrics = bench.counts.metrics()
    first = networks.first
    chosen = {
        "--model": model,
        "--predictor": None if predictor == PredictorChoice.AUTO else predictor,
        "--scale": scale,
        "--device": None if device == Device.AUTO and not networks.has_choice else best.device,
        "--image-column": image_column,
        "--label-column": label_column,
        "--labels": labels,
        "--batch-size": best.batch_size,
        "--workers": best.workers,
    }
    return BenchmarkResult(
        machine=_machine(keras=first.name is PredictorChoice.KERAS),
        model={
            "name": first.model.path.name,
            "sha256": first.model.sha256,
            "scale": str(first.scale),
        },
        inputs=[str(item) for item in input_list(inputs)],
        rows=opened.rows,
        rows_used=bench.rows,
        labelled=metrics.scored,
        accuracy=metrics.accuracy,
        measurements=measurements,
        not_run=[*networks.not_run, *bench.not_run],
        recommended=best,
        binding=binding(measurements),
        command=_command(input_list(inputs), chosen),
        notes=[*networks.notes(), *_noise_notes(measurements)],
    )


@dataclass(frozen=True)
class Round(Generic[ResultT]):
    """Work that is timed.

    Attributes:
        rows: the images of a round.
        work: what is timed.
        check: called with what the work returned, when the clock has stopped; raises where that is
            wrong.
    """

    rows: int
    work: Callable[[], ResultT]
    check: Callable[[ResultT], None]

    def seconds(self) -> float:
        """Run it once; return how long it took."""
        started = time.perf_counter()
        result = self.work()
        elapsed_s = time.perf_counter() - started
        self.check(result)
        return elapsed_s


def time_in_turn(rounds: Sequence[Round[ResultT]], seconds: float) -> list[Timing]:
    """Run each once to warm up, and then all in turn; return their timings.

    In turn, because other programs slow a machine down for seconds at a time: all that is compared
    is slowed down alike. Three rounds of each at least.

    Args:
        rounds: what to compare.
        seconds: how long to go on for each, on average.
    """
    for one in rounds:
        one.seconds()
    taken: list[list[float]] = []
    while len(taken) < _LEAST_ROUNDS or sum(map(sum, taken)) < seconds * len(rounds):
        taken.append([one.seconds() for one in rounds])
    return [
        Timing(one.rows, times) for one, times in zip(rounds, zip(*taken, strict=True), strict=True)
    ]


class _Networks:
    """The model, loaded for each device and each batch size that can be measured.

    Attributes:
        first: the one of the smallest batch size, on the CPU unless another device was named.
        devices: where the model is measured.
        batch_sizes: for what, in ascending order.
        not_run: what cannot be measured, and why.
    """

    def __init__(
        self,
        model: str | Path | None,
        predictor: PredictorChoice | str,
        scale: Scale | str | None,
        device: Device,
        batch_sizes: Sequence[int],
    ) -> None:
        self._arguments: dict[str, Any] = {"predictor": predictor, "scale": scale}
        self._model = model
        self._loaded: dict[tuple[Device, int], Predictor] = {}
        self.batch_sizes = batch_sizes
        self.devices = [Device.CPU if device is Device.AUTO else device]
        self.first = self.load(self.devices[0], batch_sizes[0])
        self.not_run: list[NotRun] = []
        if device is Device.AUTO:
            self._look_for_gpu()

    @property
    def has_choice(self) -> bool:
        """Whether there is more than one device."""
        return len(self.devices) > 1

    def load(self, device: Device, batch_size: int) -> Predictor:
        """Return the model as `predict` would load it."""
        key = (device, batch_size)
        if key not in self._loaded:
            loaded = self._loaded.values()
            if any(one.name is PredictorChoice.NUMPY for one in loaded):
                # On NumPy the batch size is a matter of the workers.
                self._loaded[key] = self.first
            else:
                self._loaded[key] = load_model(
                    self._model, device=device, batch_size=batch_size, **self._arguments
                )
        return self._loaded[key]

    def notes(self) -> list[str]:
        """Return what the user should know of the model, each sentence once."""
        notes = (note for one in self._loaded.values() for note in one.notes)
        return [f"model {self.first.model.path.name}: {note}" for note in dict.fromkeys(notes)]

    def _look_for_gpu(self) -> None:
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
    """The first images of an input, and the parts of the work on them.

    Attributes:
        rows: how many images are used.
        counts: what was predicted for them.
        not_run: what was not measured, and why.
    """

    def __init__(
        self,
        opened: OpenInputs,
        networks: _Networks,
        seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self._networks, self._seconds, self._say = networks, seconds, say
        self._workers = available_workers()
        self.not_run: list[NotRun] = []
        self.counts = PredictionCounts()
        # A network that takes seconds for 20,000 images gets as many as it does in one.
        first, batch_size = networks.first, networks.batch_sizes[0]
        rate = first.block_rows / _seconds_of_a_block(first)
        limit = min(SAMPLE_ROWS, max(int(rate), batch_size))
        self._files, self._resident = first_rows(opened, limit, _SAMPLE_BYTES)
        self.rows = sum(shard.rows for shard in self._files)
        if not self.rows:
            raise InputError("the INPUT holds no images; name one that does")
        # Few images are repeated, unless they are large or slow to decode.
        batch = next(self._resident[0].read(self.rows))
        affordable = int(len(batch) / _seconds_to_decode(batch) * seconds / 4)
        by_size = len(batch) * _SAMPLE_BYTES // (batch.images.nbytes + 1)
        self._rows_of_a_round = max(self.rows, min(limit, SHARD_ROWS, by_size, affordable))
        predicted = list(predict_batches(repeated(self._files, self.rows), first))
        self._reference = Reference(one.predictions for one in predicted)
        for one in predicted:
            self.counts.add(one.predictions)
        self._pixels = _pixels(predicted)

    def measurements(self) -> list[Measurement]:
        """Return all that could be measured."""
        self._say("reading")
        done = self._read()
        self._say("decoding")
        done += self._decode()
        done += self._network()
        best = best_network(done)
        networks = [one for one in done if one.part is Part.NETWORK and one.device == best.device]
        slowest = min(one.images_per_s for one in done if one.workers == self._workers)
        self._say("the whole")
        return done + self._whole(networks, slowest)

    def _read(self) -> list[Measurement]:
        source = repeated(self._files, self._rows_of_a_round)
        return self._through_workers(Part.READ, source, lambda batch: len(batch), [self._workers])

    def _decode(self) -> list[Measurement]:
        encoded = [shard for shard in self._resident if shard.encoded]
        if not encoded:
            self.not_run.append(NotRun("decode", "the images are raw pixels"))
            return []
        source = repeated(encoded, self._rows_of_a_round)
        # Read out, so that small shards are joined before the clock starts.
        batches = [batch for shard in source.shards for batch in shard.read(shard.rows)]
        source = repeated([ResidentShard(batch) for batch in batches], self._rows_of_a_round)
        counts = sorted({1, self._workers})
        return self._through_workers(
            Part.DECODE, source, lambda batch: len(prepare_batch(batch).images), counts
        )

    def _through_workers(
        self,
        part: Part,
        source: OpenInputs,
        work: Callable[[ImageBatch], int],
        worker_counts: Sequence[int],
    ) -> list[Measurement]:
        """Time work that ends in the number of rows of a batch."""

        def passed(workers: int) -> int:
            return sum(
                map_batches(
                    source.shards, lambda shard: shard.read(BATCH_ROWS), work, workers=workers
                )
            )

        rounds = [
            Round(source.rows, partial(passed, workers), lambda _: None)
            for workers in worker_counts
        ]
        return [
            Measurement(part, workers, BATCH_ROWS, timing)
            for workers, timing in zip(
                worker_counts, time_in_turn(rounds, self._seconds), strict=True
            )
        ]

    def _network(self) -> list[Measurement]:
        """Time the network, from pixels in memory, for each device and batch size."""
        settings: list[tuple[Device, int]] = []
        rounds: list[Round[list[pa.RecordBatch]]] = []
        for device in self._networks.devices:
            rate = math.inf
            for batch_size in self._networks.batch_sizes:
                self._say(f"network on {device}, batches of {batch_size:,}")
                if batch_size / rate > _LONGEST_BATCH_S:
                    reason = f"a batch would take about {batch_size / rate:,.0f} s"
                    what = f"network on {device} in batches of {batch_size}"
                    self.not_run.append(NotRun(what, reason))
                    continue
                predictor = self._networks.load(device, batch_size)
                rate = predictor.block_rows / _seconds_of_a_block(predictor)
                settings.append((device, batch_size))
                rounds.append(self._network_round(predictor, device, batch_size, rate))
        self._say("network")
        timings = time_in_turn(rounds, self._seconds)
        return [
            Measurement(
                Part.NETWORK, self._workers, batch_size, timing, self._networks.first.name, device
            )
            for (device, batch_size), timing in zip(settings, timings, strict=True)
        ]

    def _network_round(
        self, predictor: Predictor, device: Device, batch_size: int, rate: float
    ) -> Round[list[pa.RecordBatch]]:
        """Return a round of full batches: a short one would tell of another batch size."""
        rows = max(batch_size, 2 * SHARD_ROWS // batch_size * batch_size)
        if predictor.name is PredictorChoice.KERAS:
            # A fifth of a second is enough to time.
            rows = batch_size * max(1, min(rows, int(rate * self._seconds / 5)) // batch_size)
        shard = ResidentShard(tiled(self._pixels, rows))
        if predictor.name is PredictorChoice.NUMPY:
            rows *= self._workers  # as many batches for each
        return self._prediction_round(
            repeated([shard], rows), predictor, device, batch_size, self._workers, shard.rows
        )

    def _whole(self, networks: Sequence[Measurement], rate: float) -> list[Measurement]:
        """Time files to predictions: for each batch size on all workers, then for fewer of them.

        Args:
            networks: what was measured of the network on its best device.
            rate: images per second of the slowest part.
        """
        all_workers = [(one.batch_size, self._workers) for one in networks]
        done = self._whole_at(all_workers, networks[0].device or Device.CPU, rate)
        best = best_whole(done)
        fewer = [(best.batch_size, n) for n in worker_counts(self._workers) if n < self._workers]
        return done + self._whole_at(fewer, best.device or Device.CPU, rate)

    def _whole_at(
        self, settings: Sequence[tuple[int, int]], device: Device, rate: float
    ) -> list[Measurement]:
        """Time files to predictions for batch sizes and numbers of workers."""
        rounds = []
        for batch_size, workers in settings:
            # Enough batches for each that it matters little who waits at the end, if that does not
            # take too long; full ones, because Keras fills up the last.
            enough, affordable = 4 * batch_size * workers, int(rate * self._seconds / 2)
            rows = max(self._rows_of_a_round, min(enough, affordable))
            rows = max(rows // batch_size * batch_size, min(rows, batch_size))
            source = repeated(self._files, rows)
            predictor = self._networks.load(device, batch_size)
            rounds.append(
                self._prediction_round(source, predictor, device, batch_size, workers, self.rows)
            )
        timings = time_in_turn(rounds, self._seconds)
        name = self._networks.first.name
        return [
            Measurement(Part.WHOLE, workers, batch_size, timing, name, device)
            for (batch_size, workers), timing in zip(settings, timings, strict=True)
        ]

    def _prediction_round(
        self,
        source: OpenInputs,
        predictor: Predictor,
        device: Device,
        batch_size: int,
        workers: int,
        period: int,
    ) -> Round[list[pa.RecordBatch]]:
        """Return a round that predicts, and holds what it predicted to the reference."""

        def work() -> list[pa.RecordBatch]:
            batches = predict_batches(source, predictor, batch_size=batch_size, workers=workers)
            return [batch.predictions for batch in batches]

        def check(batches: list[pa.RecordBatch]) -> None:
            self._reference.check(
                batches,
                period=period,
                tolerance=GPU_TOLERANCE if device is Device.GPU else CPU_TOLERANCE,
                made=f"{predictor.name} on {device} in batches of {batch_size}",
            )

        return Round(source.rows, work, check)


def worker_counts(cores: int) -> list[int]:
    """Return the numbers of workers to measure: powers of two, and one a core."""
    return [*(2**i for i in range(cores.bit_length()) if 2**i < cores), cores]


@contextmanager
def _without_retracing_warnings() -> Iterator[None]:
    """Let TensorFlow not warn that it traces a graph for each of the models, as it has to."""
    logger = logging.getLogger("tensorflow")

    def is_other(record: logging.LogRecord) -> bool:
        return "retracing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


@contextmanager
def _opened(inputs: Sequence[str | Path], options: ReadOptions) -> Iterator[OpenInputs]:
    """Yield the inputs, or where there are none a file of generated digits."""
    if inputs:
        yield open_inputs(inputs, options)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "generated.parquet")
        generator.write_parquet(path, _GENERATED_ROWS)
        yield open_inputs([path], options)


def _pixels(predicted: Sequence[PredictedBatch]) -> ImageBatch:
    """Return the images of predictions as a batch of raw ones."""
    images = np.concatenate([one.images for one in predicted])
    n = len(images)
    return ImageBatch(
        source=pa.array(["image"]).take(pa.array(np.zeros(n, np.int64))),
        row=pa.array(np.arange(n)),
        label=pa.nulls(n, pa.int8()),
        images=images,
        error=pa.concat_arrays([one.predictions.column("error") for one in predicted]),
    )


def _seconds_of_a_block(predictor: Predictor) -> float:
    """Return how long the network takes for one block of black images: the least of several."""
    images = np.zeros((predictor.block_rows, SIDE, SIDE), np.uint8)
    taken: list[float] = []
    # A block of NumPy's takes less than another program may hold the processor.
    while not taken or (sum(taken) < _PROBE_S and len(taken) < _PROBES):
        started = time.perf_counter()
        predictor.probabilities(images)
        taken.append(time.perf_counter() - started)
    return min(taken)


def _seconds_to_decode(batch: ImageBatch) -> float:
    started = time.perf_counter()
    prepare_batch(batch)
    return time.perf_counter() - started


def _noise_notes(measurements: Sequence[Measurement]) -> list[str]:
    worst = max(one.timing.spread for one in measurements)
    if worst <= _NOISY:
        return []
    return [
        f"the rounds of a setting differ by up to {worst:.0%} (spread: the middle half of them, of "
        "the median); small differences say nothing, and --seconds 5 measures longer"
    ]


def _command(inputs: Sequence[str | Path], options: Mapping[str, Any]) -> str:
    words = ["mnist-batch", "predict", *(map(str, inputs) if inputs else ["INPUT"])]
    words += ["--out", "predictions.parquet"]
    for name, value in options.items():
        if value is not None:
            words += [name, str(value)]
    return shlex.join(words)


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


@dataclass(frozen=True)
class JoinedShards(ShardDefaults):
    """Small shards read as one.

    Batches are full as those of a large file are: otherwise ten images, read over and over again,
    would time what a batch takes and not what an image takes.
    """

    shards: Sequence[Shard]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(shard.rows for shard in self.shards)

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return any(shard.encoded for shard in self.shards)

    @property
    def source(self) -> str:
        """The first source."""
        return self.shards[0].source

    def read_from(self) -> Sequence[str | bytes]:
        """Return what the shards are read from."""
        return [text for shard in self.shards for text in shard.read_from()]

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`."""
        waiting: list[ImageBatch] = []
        for shard in self.shards:
            for batch in shard.read(batch_size):
                together = [*waiting, batch]
                full = (
                    sum(map(len, together)) > batch_size
                    or sum(map(_size, together)) > BATCH_BYTES
                    or len(set(map(_kind, together))) > 1
                )
                if full and waiting:
                    yield _joined(waiting)
                    waiting = []
                waiting.append(batch)
        if waiting:
            yield _joined(waiting)


@dataclass(frozen=True)
class ResidentShard(ShardDefaults):
    """A shard that is in memory."""

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
        """The first source."""
        return str(self.batch.source[0])

    def read_from(self) -> Sequence[str | bytes]:
        """Return nothing: memory is read."""
        return []

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`."""
        for start in range(0, self.rows, batch_size):
            yield _rows(self.batch, start, start + batch_size)


def first_rows(opened: OpenInputs, rows: int, size_bytes: int) -> tuple[list[Shard], list[Shard]]:
    """Read the first rows of an input.

    Args:
        opened: the input.
        rows: how many rows at most.
        size_bytes: reading ends at the batch that goes beyond so many bytes of images.

    Returns:
        The rows as shards of the input's files, and batch by batch in memory.
    """
    shards: list[Shard] = []
    resident: list[Shard] = []
    for shard in opened.shards:
        read = 0
        for batch in _first(shard, rows).read(SHARD_ROWS):
            resident.append(ResidentShard(batch))
            read += len(batch)
            size_bytes -= _size(batch)
            if size_bytes <= 0:
                break
        rows -= read
        if read:
            shards.append(shard if read == shard.rows else _first(shard, read))
        if rows <= 0 or size_bytes <= 0:
            break
    return shards, resident


def _first(shard: Shard, rows: int) -> Shard:
    """Return the first rows of a shard, or all of them."""
    return shard.take(np.arange(min(rows, shard.rows)))


def repeated(shards: Sequence[Shard], rows: int) -> OpenInputs:
    """Return what reads so many rows of some shards, from the first row again after the last.

    Raises:
        ValueError: the shards have no rows.
    """
    if not any(shard.rows for shard in shards):
        raise ValueError("shards without rows cannot be repeated")
    parts: list[Shard] = []
    missing = rows
    for shard in cycle(shards):
        parts.append(shard if shard.rows <= missing else _first(shard, missing))
        missing -= parts[-1].rows
        if missing == 0:
            break
    if sum(shard.rows for shard in shards) < SHARD_ROWS:
        parts = list(_gathered(parts))
    return OpenInputs(shards=parts, files=[], rows=rows, passed_over=Counter())


def _gathered(shards: Sequence[Shard]) -> Iterator[Shard]:
    """Yield small shards joined to the size that those of a large input have."""
    waiting: list[Shard] = []
    for shard in shards:
        waiting.append(shard)
        if sum(one.rows for one in waiting) >= SHARD_ROWS:
            yield JoinedShards(waiting)
            waiting = []
    if waiting:
        yield JoinedShards(waiting)


def tiled(batch: ImageBatch, rows: int) -> ImageBatch:
    """Return the rows of a batch, and again from its first, so many in all."""
    times = -(-rows // len(batch))
    return _rows(_joined([batch] * times), 0, rows)


def _rows(batch: ImageBatch, start: int, stop: int) -> ImageBatch:
    return _each_column([batch], lambda columns: columns[0][start:stop])


def _joined(batches: Sequence[ImageBatch]) -> ImageBatch:
    """Return batches of one kind as one."""
    return batches[0] if len(batches) == 1 else _each_column(batches, _joined_columns)


def _joined_columns(columns: Sequence[Any]) -> Any:  # noqa: ANN401 - of Arrow or of NumPy
    if isinstance(columns[0], pa.Array):
        return pa.concat_arrays(columns)
    return np.concatenate(columns)


def _each_column(
    batches: Sequence[ImageBatch], change: Callable[[Sequence[Any]], Any]
) -> ImageBatch:
    """Return a batch of what `change` makes of each column of some batches."""
    names = [field.name for field in fields(ImageBatch) if field.name != "formed"]
    columns = {name: [getattr(batch, name) for batch in batches] for name in names}
    changed = {name: None if parts[0] is None else change(parts) for name, parts in columns.items()}
    return ImageBatch(**changed, formed=batches[0].formed)


def _kind(batch: ImageBatch) -> tuple[object, bool, bool]:
    """Return what batches that can be joined have in common."""
    images = batch.images
    kind = images.type if isinstance(images, pa.Array) else None
    return kind, batch.prepared is None, batch.formed


def _size(batch: ImageBatch) -> int:
    size: int = batch.images.nbytes
    return size


CPU_TOLERANCE = 1e-4
"""How far confidences may be apart; sums of another order differ by 1e-6."""

GPU_TOLERANCE = 1e-2
"""The same where a GPU computed one of them: TensorFlow lets NVIDIA's multiply with the ten bits
of TF32, https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_tensor_float_32_execution."""


class Reference:
    """Predictions to which all others are held."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take predictions with their probabilities, at least one row."""
        table = pa.Table.from_batches(batches).combine_chunks()
        self._digits, self._confidences = _digits(table), _confidences(table)
        # Not flattened, which leaves out the rows without a prediction.
        values = table["probabilities"].combine_chunks().values
        self._probabilities = values.to_numpy().reshape(-1, CLASSES)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._digits)

    def check(
        self, batches: Iterable[pa.RecordBatch], *, period: int, tolerance: float, made: str
    ) -> None:
        """Hold predictions to these.

        Confidences are to agree to a tolerance, and digits unless two were as likely.

        Args:
            batches: predictions of the same images, again from the first after the last, and again
                from the first after each `period` rows.
            period: see there.
            tolerance: how far confidences may be apart.
            made: how the predictions were made, for the message.

        Raises:
            ModelError: they differ.
        """
        table = pa.Table.from_batches(batches)
        digits, confidences = _digits(table), _confidences(table)
        places = np.arange(len(digits)) % period % len(self)
        expected = self._confidences[places]
        rival = self._probabilities[places, digits]
        tie = (digits >= 0) & (rival >= expected - 2 * tolerance)
        unread = (digits < 0) & (self._digits[places] < 0)
        near = np.abs(confidences - expected) <= tolerance
        wrong = ~(unread | (near & ((digits == self._digits[places]) | tie)))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            place = places[row]
            raise ModelError(
                f"predictions differ: {made} reads image {place} as {digits[row]} "
                f"({confidences[row]:.4f}), before it was {self._digits[place]} "
                f"({expected[row]:.4f}); no speed of such a run counts, please report it"
            )


def _digits(table: pa.Table) -> npt.NDArray[np.int8]:
    """Return the predictions, -1 where there is none."""
    digits: npt.NDArray[np.int8] = table["prediction"].fill_null(-1).to_numpy()
    return digits


def _confidences(table: pa.Table) -> npt.NDArray[np.float32]:
    """Return the confidences, NaN where there is none."""
    confidences: npt.NDArray[np.float32] = table["confidence"].to_numpy()
    return confidences
