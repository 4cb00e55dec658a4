"""Time a model and an input on this machine, to choose batch size, workers and device.

Each stage of the work is timed by the functions that `predict` runs. Files are read from the page
cache, since they were read before. The predictions of every round have to equal those of the first.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mnist_batch.errors import InputError
from mnist_batch.evaluation.metrics import PredictionCounts
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.workers import available_workers, map_batches
from mnist_batch.inputs.shards import SHARD_ROWS
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.mnist import SIDE
from mnist_batch.models.model_file import AnyModelFile
from mnist_batch.options import (
    BATCH_ROWS,
    Device,
    PredictorChoice,
)
from mnist_batch.preprocessing.mnist_form import prepare_batch
from mnist_batch.schema import Classes
from mnist_batch.tuning import agreement, samples
from mnist_batch.tuning.recommendation import (
    BenchmarkResult,
    Measurement,
    NotRun,
    Stage,
    best,
    binding,
    noise_notes,
    predict_command,
)
from mnist_batch.tuning.rounds import Round, time_in_turn, timed
from mnist_batch.tuning.surroundings import machine

SAMPLE_ROWS = 20_000
"""The benchmark uses the first images, up to so many rows; see `SAMPLE_BYTES` too."""

_LONGEST_BATCH_S = 3.0
"""A batch size whose batches would take longer is not measured."""

_PROBES, _PROBE_S = 10, 0.1
"""How often, and for how long, the network is tried first to learn its speed, about."""


class Bench:
    """The first images of an input, a model, and the parts of the work on them."""

    def __init__(
        self,
        opened: OpenInputs,
        load: Callable[..., Predictor],
        first: Predictor,
        device: Device,
        batch_sizes: Sequence[int],
        seconds: float,
        say: Callable[[str], None],
    ) -> None:
        """Predict the first images with `first`, the model for the smallest batch size.

        `load` loads it for another `device` and `batch_size`; the batch sizes are ascending, and
        `say` is called with what is measured next.
        """
        self._load, self._first, self._batch_sizes = load, first, batch_sizes
        self._input_rows, self._seconds, self._say = opened.rows, seconds, say
        self._workers = available_workers()
        self._not_run: list[NotRun] = []
        self._devices = self._found_devices(device)
        self._predictors = {(self._devices[0], batch_sizes[0]): first}
        say("starting")
        if not opened.rows:
            raise InputError("the INPUT holds no images; name one that does")
        # Of a network that takes seconds for 20,000 images, use as many as it predicts in one.
        limit = min(SAMPLE_ROWS, max(int(_images_per_s(first)), batch_sizes[0]))
        predicted = samples.sample(samples.repeated(opened.shards, min(limit, opened.rows)), first)
        self._rows = sum(len(one.images) for one in predicted)
        shards = list(samples.first_rows(opened.shards, self._rows))
        # Few images are repeated, unless they are large or slow to decode.
        batch = predicted[0].originals
        assert batch
        affordable = int(len(batch) / timed(lambda: prepare_batch(batch))[0] * seconds / 4)
        by_size = len(batch) * samples.SAMPLE_BYTES // (batch.images.nbytes + 1)
        self._round_rows = max(self._rows, min(limit, SHARD_ROWS, by_size, affordable))
        self._files = partial(samples.repeated, shards)
        self._reference = agreement.probabilities_of(one.predictions for one in predicted)
        self._pixels = samples.pixels(predicted)
        self.images = samples.images_hash(opened)
        self._counts = PredictionCounts()
        for one in predicted:
            self._counts.add(one.predictions)

    @property
    def model(self) -> AnyModelFile:
        """The model file."""
        return self._first.model

    @property
    def classes(self) -> Classes:
        """What the model tells apart."""
        return self._first.classes

    def measures(self, batch_size: int, workers: int) -> bool:
        """Tell whether a batch size and a number of workers are among those to choose from."""
        return batch_size in self._batch_sizes and workers <= self._workers

    def _found_devices(self, device: Device) -> list[Device]:
        """Return the devices to measure."""
        if device is not Device.AUTO:
            return [device]
        reason = "NumPy runs this model; --device gpu measures Keras"
        if self._first.name is PredictorChoice.ONNX:
            reason = "pass --device gpu to measure ONNX Runtime there"
        if self._first.name is PredictorChoice.KERAS:
            from mnist_batch.inference.keras.network import sees_gpu

            if sees_gpu():
                return [Device.CPU, Device.GPU]
            reason = "Keras sees no GPU here"
        self._not_run.append(NotRun("network on gpu", reason))
        return [Device.CPU]

    def _predictor(self, device: Device, batch_size: int) -> Predictor:
        """Return the model as `predict` would load it."""
        if self._first.in_workers and device is self._devices[0]:
            return self._first  # the workers alone cut batches
        key = (device, batch_size)
        if key not in self._predictors:
            self._predictors[key] = self._load(device=device, batch_size=batch_size)
        return self._predictors[key]

    def result(self, inputs: Sequence[str | Path], chosen: Mapping[str, Any]) -> BenchmarkResult:
        """Measure all that can be measured, and return it with what follows.

        `chosen` is what the user chose, by the parameter of `predict`.
        """
        measurements = self._measurements()
        metrics, first, whole = self._counts.metrics(), self._first, best(measurements, Stage.WHOLE)
        model = {"name": first.model.file_name, "sha256": first.model.sha256}
        found: dict[str, Any] = {"batch_size": whole.batch_size, "workers": whole.workers}
        if len(self._devices) > 1:
            found["device"] = whole.device
        notes = [note for one in self._predictors.values() for note in one.notes]
        return BenchmarkResult(
            machine=machine(first.versions()),
            model={**model, "scale": str(first.scale)},
            inputs=list(map(str, inputs)),
            rows=self._input_rows,
            rows_used=self._rows,
            labelled=metrics.scored,
            accuracy=metrics.accuracy,
            measurements=measurements,
            not_run=self._not_run,
            recommended=whole,
            binding=binding(measurements),
            command=predict_command(inputs, {**chosen, **found}),
            notes=[
                *(f"model {model['name']}: {note}" for note in dict.fromkeys(notes)),
                *noise_notes(measurements),
            ],
        )

    def _measurements(self) -> list[Measurement]:
        """Time each stage: the network and the whole at each batch size, the rest at one."""
        files, all_workers = self._files(self._round_rows), self._workers
        self._say("reading")
        read = partial(map_batches, files.shards, lambda shard: shard.read(BATCH_ROWS), len)
        done = self._through_workers(Stage.READ, files.rows, read, [all_workers])
        self._say("decoding")
        batches = [batch for shard in files.shards for batch in shard.read(BATCH_ROWS)]
        encoded = [batch for batch in batches if isinstance(batch.images, pa.Array)]
        if encoded:
            decode = partial(
                map_batches, [encoded], iter, lambda one: len(prepare_batch(one).images)
            )
            rows = sum(map(len, encoded))
            done += self._through_workers(Stage.DECODE, rows, decode, sorted({1, all_workers}))
        else:
            self._not_run.append(NotRun("decode", "the images are raw pixels"))
        done += self._network()
        device = best(done, Stage.NETWORK).device
        sizes = [one.batch_size for one in done if device and one.device is device]
        self._slowest = min(one.images_per_s for one in done if one.workers == all_workers)
        self._say("the whole")
        wholes = self._whole(device, [(size, all_workers) for size in sizes])
        size = best(wholes, Stage.WHOLE).batch_size
        fewer = [(size, workers) for workers in worker_counts(all_workers)[:-1]]
        return done + wholes + self._whole(device, fewer)

    def _through_workers(
        self, stage: Stage, rows: int, work: Callable[..., Iterator[int]], counts: Sequence[int]
    ) -> list[Measurement]:
        """Time a function of `workers` that does the work batch by batch, for each number."""

        def round_of(workers: int) -> Round:
            setting = Measurement(stage, workers, BATCH_ROWS, rows)
            return Round(setting, lambda: sum(work(workers=workers)))

        return time_in_turn(list(map(round_of, counts)), self._seconds)

    def _network(self) -> list[Measurement]:
        """Time the network, from pixels in memory, for each device and batch size."""
        rounds: list[Round] = []
        for device in self._devices:
            rate = math.inf
            for batch_size in self._batch_sizes:
                self._say(f"network on {device}, batches of {batch_size:,}")
                if batch_size / rate > _LONGEST_BATCH_S:
                    reason = f"a batch would take about {batch_size / rate:,.0f} s"
                    what = f"network on {device} in batches of {batch_size}"
                    self._not_run.append(NotRun(what, reason))
                    continue
                rate = _images_per_s(self._predictor(device, batch_size))
                rounds.append(self._network_round(device, batch_size, rate))
        self._say("network")
        return time_in_turn(rounds, self._seconds)

    def _network_round(self, device: Device, size: int, rate: float) -> Round:
        """Return a round of full batches in memory: a short one would tell of another size."""
        count, times = max(1, 2 * SHARD_ROWS // size), 1
        if self._first.in_workers:
            times = self._workers  # each runs a batch: as many batches for each
        else:
            # A fifth of a second is enough to time.
            count = min(count, max(1, int(rate * self._seconds / 5) // size))
        # As many places in memory as a run has, else small batches would stay in the caches.
        places = np.arange(count * size) % self._rows
        batches = [self._pixels.take(row) for row in places.reshape(count, size)]
        source = samples.inputs_of([samples.shard_of(batch) for batch in batches] * times)
        return self._round(Stage.NETWORK, source, device, size, self._workers, count * size)

    def _whole(
        self, device: Device | None, settings: Sequence[tuple[int, int]]
    ) -> list[Measurement]:
        """Time files to predictions, for batch sizes with numbers of workers."""
        assert device
        rounds = [self.whole_round(device, size, workers) for size, workers in settings]
        return time_in_turn(rounds, self._seconds)

    def whole_round(
        self, device: Device, size: int, workers: int, other: Predictor | None = None
    ) -> Round:
        """Return a round from files to predictions; `result` was called before.

        Args:
            device: where the network runs.
            size: rows of a batch.
            workers: threads.
            other: what predicts in the place of the model; its first predictions are its reference.
        """
        # So many batches that it matters little which worker waits at the end, if that does not
        # take too long; full ones, because Keras pads the last.
        enough, affordable = 4 * size * workers, int(self._slowest * self._seconds / 2)
        rows = max(self._round_rows, min(enough, affordable))
        source = self._files(max(rows // size * size, min(rows, size)))
        return self._round(Stage.WHOLE, source, device, size, workers, self._rows, other)

    def _round(
        self,
        stage: Stage,
        source: OpenInputs,
        device: Device,
        size: int,
        workers: int,
        period: int,
        other: Predictor | None = None,
    ) -> Round:
        """Return a round that predicts a source, whose images repeat after `period` rows."""
        predictor = other or self._predictor(device, size)
        reference = None if other else self._reference

        def work() -> list[pa.RecordBatch]:
            batches = predict_batches(source, predictor, batch_size=size, workers=workers)
            return [batch.predictions for batch in batches]

        def check(batches: list[pa.RecordBatch]) -> None:
            nonlocal reference
            found = agreement.probabilities_of(batches)
            if reference is None:
                reference = found[: self._rows]
            agreement.check_same(
                found,
                reference[np.arange(len(found)) % period % self._rows],
                tolerance=agreement.tolerance(device),
                made=f"{predictor.name} on {device} in batches of {size}",
            )

        setting = Measurement(stage, workers, size, source.rows, (), predictor.name, device)
        return Round(setting, work, check)


def worker_counts(cores: int) -> list[int]:
    """Return the numbers of workers to measure: powers of two, and one a core."""
    return [*(2**i for i in range(cores.bit_length()) if 2**i < cores), cores]


def _images_per_s(predictor: Predictor) -> float:
    """Return how many images the network predicts in a second, by its fastest block of several."""
    images = np.zeros((predictor.block_rows, SIDE, SIDE), np.uint8)
    taken: list[float] = []
    # A block of NumPy's takes less time than another program may hold the processor.
    while not taken or (sum(taken) < _PROBE_S and len(taken) < _PROBES):
        taken.append(timed(lambda: predictor.probabilities(images))[0])
    return len(images) / min(taken)
