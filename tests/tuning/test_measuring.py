"""Timing a model on an input: every part has a speed, and the recommendation is one of them."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import InputError, ModelError
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.workers import available_workers
from mnist_batch.options import Device, PredictorChoice
from mnist_batch.tuning.measuring import worker_counts
from mnist_batch.tuning.recommendation import BenchmarkResult, Stage


@pytest.fixture(scope="module")
def result(digits_parquet: Path, model: Path) -> BenchmarkResult:
    """The hand-made model on 1,050 digits."""
    return mnist_batch.benchmark(digits_parquet, model=model, batch_sizes=[512, 256], seconds=0.01)


def parts(result: BenchmarkResult) -> list[tuple[Stage, int, int]]:
    """Return what was measured, in order."""
    return [(one.stage, one.batch_size, one.workers) for one in result.measurements]


def test_every_part_is_measured(result: BenchmarkResult) -> None:
    """Network and whole per batch size; decoding, and the whole at its best, per workers."""
    all_workers = available_workers()
    best = result.measurements[-1].batch_size
    assert parts(result) == [
        (Stage.READ, 2048, all_workers),
        *((Stage.DECODE, 2048, workers) for workers in sorted({1, all_workers})),
        (Stage.NETWORK, 256, all_workers),
        (Stage.NETWORK, 512, all_workers),
        (Stage.WHOLE, 256, all_workers),
        (Stage.WHOLE, 512, all_workers),
        *((Stage.WHOLE, best, workers) for workers in worker_counts(all_workers)[:-1]),
    ]
    for one in result.measurements:
        assert one.images_per_s > 0
        assert len(one.seconds) >= 3
        network = one.stage in (Stage.NETWORK, Stage.WHOLE)
        assert one.predictor == (PredictorChoice.NUMPY if network else None)
        assert one.device == (Device.CPU if network else None)


def test_the_recommendation_was_measured(result: BenchmarkResult, digits_parquet: Path) -> None:
    """As a command that can be copied."""
    best = result.recommended
    assert best in result.measurements
    assert best.stage is Stage.WHOLE
    assert result.command.startswith(f"mnist-batch predict {digits_parquet} --out ")
    assert result.command.endswith(f"--batch-size {best.batch_size} --workers {best.workers}")
    assert "--device" not in result.command


def test_a_device_that_is_absent_is_not_run(result: BenchmarkResult) -> None:
    """It has no speed, not even 0."""
    assert [one.what for one in result.not_run] == ["network on gpu"]


def test_the_accuracy_is_predicts(
    result: BenchmarkResult, tmp_path: Path, digits_parquet: Path, model: Path
) -> None:
    """Of the same images."""
    summary = mnist_batch.predict(digits_parquet, tmp_path / "out.parquet", model=model)
    assert result.accuracy == summary.metrics.accuracy
    assert (result.labelled, result.rows, result.rows_used) == (1050, 1050, 1050)


def test_the_record_is_json(result: BenchmarkResult, digits_parquet: Path) -> None:
    """With the keys that a program reads."""
    record = json.loads(json.dumps(result.record()))
    assert set(record) == {
        *("machine", "model", "inputs", "generated", "rows", "rows_used", "labelled", "accuracy"),
        *("measurements", "not_run", "recommended", "binds", "notes", "saved", "comparison"),
    }
    assert record["inputs"] == [str(digits_parquet)]
    assert record["generated"] is False
    assert record["saved"] is record["comparison"] is None
    assert record["machine"]["cores"] == available_workers()
    assert record["machine"]["versions"]["numpy"] == np.__version__
    assert len(record["model"]["sha256"]) == 64
    assert record["recommended"]["command"] == result.command
    assert set(record["binds"]["images_per_s"]) == {"read", "decode", "network"}


def test_raw_pixels_have_nothing_to_decode(tmp_path: Path, model: Path) -> None:
    """Ten images are enough; they have no labels, and so no accuracy."""
    image = pa.array([bytes(784)] * 10, pa.binary(784))
    pq.write_table(pa.table({"image": image}), tmp_path / "raw.parquet")
    result = mnist_batch.benchmark(
        tmp_path / "raw.parquet", model=model, batch_sizes=[256], seconds=0
    )
    assert Stage.DECODE not in {one.stage for one in result.measurements}
    assert "decode" in {one.what for one in result.not_run}
    assert Stage.DECODE not in result.binding.images_per_s
    assert (result.accuracy, result.rows_used) == (None, 10)


def test_an_image_that_cannot_be_read_is_passed_by(tmp_path: Path, model: Path) -> None:
    """Its row has no prediction in any round."""
    pq.write_table(pa.table({"image": [b"not an image", b""]}), tmp_path / "bad.parquet")
    result = mnist_batch.benchmark(
        tmp_path / "bad.parquet", model=model, batch_sizes=[256], seconds=0
    )
    assert result.rows_used == 2


def test_no_images_are_an_error(tmp_path: Path, model: Path) -> None:
    """Nothing could be timed."""
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "none.parquet")
    with pytest.raises(InputError, match="no images"):
        mnist_batch.benchmark(tmp_path / "none.parquet", model=model)


@pytest.mark.parametrize("batch_sizes", [[], [256, 0]])
def test_batch_sizes_are_numbers_from_1(batch_sizes: list[int]) -> None:
    """At least one."""
    with pytest.raises(ValueError, match="expected numbers from 1"):
        mnist_batch.benchmark(batch_sizes=batch_sizes)


def test_predictions_that_change_are_an_error(
    digits_parquet: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that gives other answers later is not recommended, however fast it is."""
    probabilities = Predictor.probabilities
    calls = 0

    def drifting(self: Predictor, images: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        values = probabilities(self, images)
        return np.roll(values, 1, axis=1) if calls > 20 else values

    monkeypatch.setattr(Predictor, "probabilities", drifting)
    with pytest.raises(ModelError, match="numpy on cpu in batches of 256 reads an image as"):
        mnist_batch.benchmark(digits_parquet, model=model, batch_sizes=[256], seconds=0)


def test_a_model_on_keras_is_loaded_for_each_batch_size(digits_folder: Path) -> None:
    """And on each device that there is; NumPy is not measured where Keras was asked for."""
    said: list[str] = []
    result = mnist_batch.benchmark(
        digits_folder,
        predictor="keras",
        device="cpu",
        batch_sizes=[64, 256],
        seconds=0,
        progress=said.append,
    )
    networks = [one for one in result.measurements if one.stage is Stage.NETWORK]
    assert [(one.batch_size, one.predictor, one.device) for one in networks] == [
        (64, "keras", "cpu"),
        (256, "keras", "cpu"),
    ]
    assert "keras" in result.machine["versions"]
    assert "--predictor keras --device cpu" in result.command
    assert "network on cpu, batches of 256" in said


def test_workers_are_measured_in_powers_of_two() -> None:
    """And one a core."""
    assert worker_counts(1) == [1]
    assert worker_counts(2) == [1, 2]
    assert worker_counts(6) == [1, 2, 4, 6]
    assert worker_counts(64) == [1, 2, 4, 8, 16, 32, 64]
