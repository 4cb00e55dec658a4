"""A small convolutional network on Keras: what the command takes beside the network, in turns.

The network alone is that of the command, on pixels that are decoded already.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.data import FORMS, Digits, Source
from benchmarks.recording import Measure
from benchmarks.results import Row
from benchmarks.workers import PROJECT
from mnist_batch.commands import predict
from mnist_batch.inference.predictors import Predictor, load_model
from mnist_batch.inference.workers import available_workers
from mnist_batch.options import BATCH_ROWS

ALONE = "the network alone"
TIMED = (
    "a warm process, in turns: the network from pixels in memory to probabilities; the command "
    "from the file to predictions on disk"
)
REPORTS = {"the whole command": True, "the whole command, --no-report": False}


@pytest.fixture(scope="module")
def cnn(folder: Path, digits: Digits) -> Predictor:
    """The model, as the command loads it."""
    data, path = folder / "digits.npz", folder / "cnn.keras"
    np.savez(data, images=digits.images, labels=digits.labels)
    command = [sys.executable, "-m", "benchmarks.small_cnn", str(data), str(path)]
    subprocess.run(command, cwd=PROJECT, check=True)
    return load_model(path)


@pytest.fixture(scope="module")
def source(digits: Digits, cnn: Predictor) -> Source:
    """The digits as Parquet, with what Keras itself takes them for."""
    import keras

    network = keras.models.load_model(cnn.model.path, compile=False)
    inputs = digits.images[..., None] * np.float32(1 / 255)
    expected = network.predict(inputs, batch_size=1024, verbose=0).argmax(axis=1)
    path = digits.source("parquet-100").path
    return Source(path, "parquet-100", digits.labels, expected.astype(np.int8))


@pytest.mark.parametrize("way", [ALONE, *REPORTS])
def test_the_network_and_the_command_agree_with_keras(
    measure: Measure,
    digits: Digits,
    cnn: Predictor,
    source: Source,
    tmp_path: Path,
    turn: int,
    way: str,
) -> None:
    """Each of the digits that `model.predict` gives."""
    group = f"A small CNN on Keras, {FORMS[source.form]}, {source.rows:,} images"
    row = Row(group, way, source.rows, BATCH_ROWS, available_workers(), ratio_to=ALONE, timed=TIMED)
    if way == ALONE:
        probabilities = measure.turn(turn, lambda: cnn.probabilities(digits.images), row)
        assert np.mean(probabilities.argmax(axis=1) == source.expected) > 0.999
    else:
        out = tmp_path / "out.parquet"
        report = REPORTS[way]
        measure.turn(
            turn,
            lambda: predict.predict(source.path, out, model=cnn, report=report, overwrite=True),
            row,
        )
        source.check(pq.read_table(out))
