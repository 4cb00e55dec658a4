"""A saved model is tested on what its INPUTs hold then."""

from pathlib import Path

import numpy as np
import pytest

from mnist_batch.inference.predictors import load_model
from mnist_batch.models.model_file import DEFAULT_MODEL
from mnist_batch.options import ReadOptions
from mnist_batch.synthetic.generator import draw_digits, write_parquet
from mnist_batch.training.data import read_images
from mnist_batch.training.digits import Digits, read_digits
from mnist_batch.training.testing import UNTESTED, evaluate_saved

pytestmark = pytest.mark.usefixtures("models_read_here")


def digits_of(folder: Path) -> Digits:
    """Write and read digits to train on and to test on."""
    write_parquet(folder / "train.parquet", 30, seed=1)
    write_parquet(folder / "test.parquet", 200, seed=2)
    return read_digits(str(folder), ReadOptions(), None)


def test_accuracy_is_that_of_the_saved_model(tmp_path: Path) -> None:
    """And the hash is that of the digits that were tested, which others were read before."""
    digits = digits_of(tmp_path)
    (tmp_path / "test.parquet").unlink()
    write_parquet(tmp_path / "test.parquet", 100, seed=3)
    tested = evaluate_saved(DEFAULT_MODEL, digits, 0, None)
    images, labels = draw_digits(100, seed=3)
    read = load_model(DEFAULT_MODEL).probabilities(images).argmax(axis=1)
    assert tested.evaluation.metrics.accuracy == pytest.approx(np.mean(read == labels))
    assert tested.data_sha256 == read_images([str(tmp_path / "test.parquet")]).sha256


def test_without_inputs_nothing_is_tested(tmp_path: Path) -> None:
    """Then there is no accuracy, and no hash."""
    write_parquet(tmp_path / "train.parquet", 30, seed=1)
    digits = read_digits(str(tmp_path), ReadOptions(), None)
    assert evaluate_saved(DEFAULT_MODEL, digits, 0, None) is UNTESTED
    assert (UNTESTED.evaluation.metrics.accuracy, UNTESTED.data_sha256) == (None, None)
