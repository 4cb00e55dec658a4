"""`mnist_batch.benchmark`: measure, save what was measured, and judge it by what was saved."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Unpack

from mnist_batch.errors import ModelError, OutputError
from mnist_batch.inference.predictors import Predictor, load_model
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.models.model_file import MAX_FILE_BYTES
from mnist_batch.options import (
    BATCH_SIZES,
    Device,
    Inputs,
    PredictorChoice,
    ReadArguments,
    ReadOptions,
    Scale,
    input_list,
)
from mnist_batch.tuning import samples, saved_runs
from mnist_batch.tuning.calibration import calibrate, signature
from mnist_batch.tuning.comparison import (
    Comparison,
    Way,
    changes,
    obstacle,
    over_time,
    same_code,
)
from mnist_batch.tuning.measuring import Bench
from mnist_batch.tuning.ratios import RatioInterval, ratio_interval
from mnist_batch.tuning.recommendation import BenchmarkResult
from mnist_batch.tuning.rounds import timed, times_in_turn
from mnist_batch.tuning.saved_runs import LEAST_ROUNDS, SavedRun, Setting
from mnist_batch.tuning.surroundings import code_hash


def benchmark(
    inputs: Inputs = (),
    *,
    model: str | Path | None = None,
    predictor: PredictorChoice | str = PredictorChoice.AUTO,
    scale: Scale | str | None = None,
    device: Device | str = Device.AUTO,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    seconds: float = 1.0,
    save: str | None = None,
    against: str | None = None,
    progress: Callable[[str], None] | None = None,
    **reading: Unpack[ReadArguments],
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
        batch_sizes: the values of `predict`'s `batch_size` to measure, at least one.
        seconds: how long to measure each setting, about; three rounds at least.
        save: the name under which the recommended setting's rounds are saved, in
            `.mnist-batch/benchmarks` of the working folder, to hold later runs against them.
        against: the name of a saved run that this one is held against; see `Comparison`.
        progress: called with what is measured next, in the calling thread.
        **reading: how inputs are read, see `options.ReadArguments`.

    Raises:
        InputError: an input cannot be read, or holds no images; or no run of the name was saved.
        LabelError: a label is of no class.
        ModelError: the model cannot be loaded or run, or its predictions differ between settings.
        OutputError: a run of the name was saved already, or it cannot be written; `NotSavedError`
            with the result, once it is measured.
        ValueError: there is no batch size, or one below 1; or a name is none, see `path_of`.
    """
    device, sizes = Device(device), sorted(set(batch_sizes))
    if not sizes or sizes[0] < 1:
        raise ValueError(f"batch_sizes {sizes}: expected numbers from 1")
    path, saved = _runs(save, against)
    load = partial(load_model, model, predictor=predictor, scale=scale)
    first = load(device=Device.CPU if device is Device.AUTO else device, batch_size=sizes[0])
    columns = ReadOptions.of(**reading)
    chosen = {
        "model": model,
        "predictor": None if predictor == PredictorChoice.AUTO else predictor,
        "scale": scale,
        "device": None if device is Device.AUTO else device,
        **columns.record(),
    }
    with _without_retracing_warnings(), samples.opened(inputs, columns, first.classes) as opened:
        say = progress or (lambda _: None)
        bench = Bench(opened, load, first, device, sizes, seconds, say)
        result = bench.result(input_list(inputs), chosen)
        later = _Later(bench, result, seconds, say)
        if saved is not None:
            result = replace(result, comparison=later.held_against(str(against), saved))
        if path is not None:
            named = replace(result, saved=str(path))
            try:
                saved_runs.write(path, later.run(), named.record())
            except OutputError as error:
                raise NotSavedError(error.args[0], result) from error
            result = named
        return result


class NotSavedError(OutputError):
    """A run was measured and could not be saved.

    Attributes:
        result: what was measured.
    """

    def __init__(self, message: str, result: BenchmarkResult) -> None:
        """Take why, and what was measured."""
        super().__init__(message)
        self.result = result


def _runs(save: str | None, against: str | None) -> tuple[Path | None, SavedRun | None]:
    """Return where to save this run, and the one to judge it by: before anything is measured."""
    path = None if save is None else saved_runs.path_of(save)
    if path is not None:
        saved_runs.check_new(path)
    return path, None if against is None else saved_runs.read(saved_runs.path_of(against))


class _Later:
    """A benchmark and its result, as runs of other times are held against it."""

    def __init__(
        self, bench: Bench, result: BenchmarkResult, seconds: float, say: Callable[[str], None]
    ) -> None:
        """Take what was measured, how long to measure a setting, and what to tell progress."""
        self._bench, self._seconds, self._say = bench, seconds, say
        whole, model = result.recommended, bench.model
        path = model.path
        assert whole.predictor
        assert whole.device
        self._device = whole.device
        self._now = SavedRun(
            saved_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            setting=Setting(
                model=str(path.resolve() if isinstance(path, Path) else path),
                sha256=model.sha256,
                scale=Scale(result.model["scale"]),
                predictor=whole.predictor,
                device=whole.device,
                batch_size=whole.batch_size,
                workers=whole.workers,
            ),
            images=bench.images,
            cpu=result.machine["cpu"],
            cores=result.machine["cores"],
            versions=result.machine["versions"],
            code=code_hash(),
            calibration=signature(),
            seconds=(),
            calibration_s=(),
        )

    def run(self) -> SavedRun:
        """Return the run to be saved, at the recommended setting."""
        return self._at(self._now.setting.batch_size, self._now.setting.workers)

    def _at(self, batch_size: int, workers: int) -> SavedRun:
        """Time the whole at a setting, with a calibration after each round."""
        self._say("the whole, with a calibration")
        whole = self._bench.whole_round(self._device, batch_size, workers)
        calibration = partial(timed, partial(calibrate, workers))
        works = [whole.time, lambda: calibration()[0]]
        taken, calibration_s = times_in_turn(works, self._seconds, LEAST_ROUNDS)
        setting = replace(self._now.setting, batch_size=batch_size, workers=workers)
        seconds = tuple(one / whole.setting.rows for one in taken)
        return replace(self._now, setting=setting, seconds=seconds, calibration_s=calibration_s)

    def held_against(self, name: str, saved: SavedRun) -> Comparison:
        """Compare with a saved run: in turns where that can run again, else over time.

        Over time at the saved batch size and workers. In turns at these where they could have been
        recommended now too: which of several settings that are as fast is recommended, chance
        decides.
        """
        before = saved.setting
        same = replace(self._now.setting, batch_size=before.batch_size, workers=before.workers)
        alike = replace(self._now, setting=same)
        now = alike if self._bench.measures(before.batch_size, before.workers) else self._now
        told = partial(Comparison, name, saved.saved_utc)
        other = self._again(saved, now)
        if isinstance(other, Predictor):
            interval = self._in_turns(before, other, now.setting)
            return told(Way.IN_TURNS, changes(saved, now), interval)
        if why := obstacle(saved, now):
            return told(Way.NOT_COMPARED, changes(saved, now), reason=why)
        interval, machine = over_time(saved, self._at(before.batch_size, before.workers))
        return told(Way.OVER_TIME, changes(saved, alike), interval, machine, reason=other)

    def _in_turns(self, saved: Setting, other: Predictor, mine: Setting) -> RatioInterval:
        """Time the saved setting, which `other` predicts at, and that of now, in turns."""
        self._say("the saved model and this one, in turns")
        rounds = [
            self._bench.whole_round(saved.device, saved.batch_size, saved.workers, other),
            self._bench.whole_round(mine.device, mine.batch_size, mine.workers),
        ]
        works = [one.time for one in rounds]
        times = times_in_turn(works, self._seconds, LEAST_ROUNDS)
        before, now = (
            [one / each.setting.rows for one in taken]
            for each, taken in zip(rounds, times, strict=True)
        )
        return ratio_interval(before, now, in_turns=True)

    def _again(self, saved: SavedRun, now: SavedRun) -> Predictor | str:
        """Return the saved predictor, or why it and that of now do not take turns."""
        setting = saved.setting
        if not same_code(saved, now):
            return "the code of then is not here"
        if replace(setting, model="") == replace(now.setting, model=""):
            return "the model and the setting are the same"
        try:
            path = Path(setting.model)
            if _file_hash(path) != setting.sha256:
                return f"the saved model is no longer at {path}"
            found = load_model(
                path,
                predictor=setting.predictor,
                scale=setting.scale,
                device=setting.device,
                batch_size=setting.batch_size,
            )
        except (OSError, ValueError, ModelError) as error:
            raise_if_of_machine(error, setting.model)
            return f"the saved model cannot run: {error}"
        if found.classes != self._bench.classes:
            return "the saved model tells other classes apart"
        return found


def _file_hash(path: Path) -> str | None:
    """Return the SHA-256 of a file that may be a model; None where it is none, as a device."""
    # Files of /proc have no size, and some of them no end.
    if not path.is_file() or not 0 < path.stat().st_size <= MAX_FILE_BYTES:
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
