"""A model file says how it was trained, and on what."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.options import Prepare, ReadOptions
from mnist_batch.schema import Classes
from mnist_batch.synthetic.generator import write_parquet
from mnist_batch.training.digits import Digits, read_digits
from mnist_batch.training.fitting import Fitted
from mnist_batch.training.record import model_record
from mnist_batch.training.testing import UNTESTED

FITTED = Fitted(weights=[], history={}, epoch=3, recipe={"epochs": 3})


@pytest.fixture
def digits(tmp_path: Path) -> Digits:
    """Return 30 digits to train on."""
    write_parquet(tmp_path / "train.parquet", 30, seed=1)
    return read_digits(str(tmp_path), ReadOptions(), None)


def test_the_record_tells_recipe_and_data(digits: Digits) -> None:
    """And names the digits, but not how they were prepared: that is what a model expects."""
    record = model_record(FITTED, digits, UNTESTED, "1.2.3")
    assert (record["version"], record["scale"], record["test_accuracy"]) == ("1.2.3", "0-1", None)
    assert record["training"]["epochs"] == 3
    assert record["data"] == {
        "name": digits.name,
        "rows": 30,
        "sha256": digits.training.sha256,
        "test_rows": 0,
        "test_sha256": None,
    }
    assert record["class_names"] == [*"0123456789"]
    assert "prepare" not in record


def test_the_record_tells_how_images_of_other_classes_were_prepared(digits: Digits) -> None:
    """`predict` follows it."""
    training = replace(
        digits.training,
        classes=Classes.of(3, ("cat", "dog", "owl")),
        labels=np.zeros(30, np.int8),
        prepare=Prepare.NEVER,
    )
    record = model_record(FITTED, replace(digits, training=training), UNTESTED, "1.2.3")
    assert (record["class_names"], record["prepare"]) == (["cat", "dog", "owl"], "never")
