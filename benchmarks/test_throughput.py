"""Images per second of each layer and of the whole command; a fast wrong answer fails.

Each benchmark handles 10,000 images a round; the columns are seconds a round.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mnist_batch import synthetic
from mnist_batch.decode import decode_batch
from mnist_batch.pipeline import predict_batches
from mnist_batch.predictors import load_model
from mnist_batch.shards import ImageBatch, Images
from mnist_batch.sources import open_inputs

ROWS = 10_000
# Accuracy that the default model reaches on either data; a wrong decoder or network does not.
LEAST_ACCURACY = 0.95


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PNG images in row groups of 100: the real MNIST where `MNIST_DATA` names it, else our own."""
    if folder := os.environ.get("MNIST_DATA"):
        return Path(folder) / "test-00000-of-00001.parquet"
    path = tmp_path_factory.mktemp("digits") / "generated.parquet"
    synthetic.write_parquet(path, ROWS)
    return path


@pytest.fixture(scope="module")
def batches(digits: Path) -> list[ImageBatch]:
    """All images, read but not decoded."""
    return [batch for shard in open_inputs([digits]).shards for batch in shard.read(2048)]


@pytest.fixture(scope="module")
def images(batches: list[ImageBatch]) -> Images:
    """All images, decoded: uint8 (10000, 28, 28)."""
    return np.concatenate([decode_batch(batch).images for batch in batches])


@pytest.fixture(scope="module")
def labels(batches: list[ImageBatch]) -> pa.Array:
    """The truth about each."""
    return pa.concat_arrays([batch.label for batch in batches])


def _time(benchmark: BenchmarkFixture, work: Callable[[], object], rounds: int = 7) -> object:
    result: object = benchmark.pedantic(  # type: ignore[no-untyped-call] # it has no types
        work, rounds=rounds, warmup_rounds=1, iterations=1
    )
    assert benchmark.stats is not None
    benchmark.extra_info["images_per_s"] = round(ROWS / benchmark.stats.stats.median)
    return result


def test_decode(benchmark: BenchmarkFixture, batches: list[ImageBatch]) -> None:
    """Encoded bytes to pixels, on one thread."""
    decoded = _time(benchmark, lambda: [decode_batch(batch) for batch in batches])
    assert isinstance(decoded, list)
    assert sum(batch.error.null_count for batch in decoded) == ROWS


def test_network(benchmark: BenchmarkFixture, images: Images, labels: pa.Array) -> None:
    """Pixels to probabilities, by the default model."""
    predictor = load_model()
    probabilities = _time(benchmark, lambda: predictor.probabilities(images))
    assert isinstance(probabilities, np.ndarray)
    assert np.mean(probabilities.argmax(axis=1) == labels.to_numpy()) > LEAST_ACCURACY


def test_read_decode_and_predict(benchmark: BenchmarkFixture, digits: Path) -> None:
    """Parquet to prediction batches, on all cores."""
    predictor = load_model()

    def predict() -> list[pa.RecordBatch]:
        opened = open_inputs([digits])
        return [batch.predictions for batch in predict_batches(opened, predictor)]

    table = pa.Table.from_batches(_time(benchmark, predict))
    correct = np.equal(table["prediction"].to_numpy(), table["label"].to_numpy())
    assert len(correct) == ROWS
    assert correct.mean() > LEAST_ACCURACY


def test_whole_command(benchmark: BenchmarkFixture, digits: Path, tmp_path: Path) -> None:
    """The process from its start to the written predictions and report."""
    out = tmp_path / "predictions.parquet"
    command = [sys.executable, "-m", "mnist_batch", "predict", str(digits), "--overwrite"]

    def run() -> None:
        subprocess.run([*command, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)

    _time(benchmark, run, rounds=5)
    table = pq.read_table(out)
    correct = np.equal(table["prediction"].to_numpy(), table["label"].to_numpy())
    assert len(correct) == ROWS
    assert correct.mean() > LEAST_ACCURACY
