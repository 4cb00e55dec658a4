"""What is timed: the real MNIST where `MNIST_DATA` names it, else digits of our own generator."""

import os
from pathlib import Path

import pytest

from mnist_batch import synthetic

ROWS = 10_000


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Parquet file of 10,000 PNG images in row groups of 100, as Hugging Face has them."""
    if folder := os.environ.get("MNIST_DATA"):
        return Path(folder) / "test-00000-of-00001.parquet"
    path = tmp_path_factory.mktemp("digits") / "generated.parquet"
    synthetic.write_parquet(path, ROWS)
    return path
