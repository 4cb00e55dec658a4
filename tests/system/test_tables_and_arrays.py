"""Tables of pixels and arrays go through the whole command, as Parquet does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import mnist_batch
from tests.support.forms.arrays import npz, write_idx
from tests.support.forms.form import IMAGES, LABELS
from tests.support.forms.tables import KAGGLE, PIXELS, csv, parquet

MAKES: dict[str, Callable[[Path], Path]] = {
    "csv": csv(LABELS, PIXELS, header=["label", *KAGGLE], name="digits.csv.gz"),
    "parquet": parquet(KAGGLE, label=LABELS),
    "npz": npz(compressed=True, x_test=IMAGES, y_test=LABELS),
    "idx": write_idx,
}


@pytest.mark.parametrize("kind", MAKES)
def test_every_command_takes_them(tmp_path: Path, kind: str) -> None:
    """All digits are right; packed and predicted again they are the same, and images are found."""
    (tmp_path / "in").mkdir()
    given = MAKES[kind](tmp_path / "in")
    out = tmp_path / "out.parquet"
    mnist_batch.predict(given, out, report=False)
    table = pq.read_table(out)
    assert table["source"].to_pylist() == [given.name] * 100
    assert table["row"].to_pylist() == [*range(100)]
    assert table["label"].to_pylist() == LABELS.tolist()
    assert table["prediction"].to_pylist() == LABELS.tolist()
    assert not any(table["prepared"].to_pylist())

    mnist_batch.pack(given, tmp_path / "packed.parquet")
    mnist_batch.predict(tmp_path / "packed.parquet", tmp_path / "again.parquet", report=False)
    assert pq.read_table(tmp_path / "again.parquet").equals(table)

    mnist_batch.evaluate(out, images=given, report=tmp_path / "report")
    assert (tmp_path / "report" / "index.html").is_file()


def test_transposed_arrays_are_turned_upright(tmp_path: Path) -> None:
    """As EMNIST's IDX files are distributed."""
    given = write_idx(tmp_path, np.ascontiguousarray(IMAGES.transpose(0, 2, 1)))
    out = tmp_path / "out.parquet"
    mnist_batch.predict(given, out, report=False, orientation="transposed")
    assert pq.read_table(out)["prediction"].to_pylist() == LABELS.tolist()
