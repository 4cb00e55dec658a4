"""Shards in another process: the same rows, and no more is sent than these need."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.inputs.shards import Shard
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions

ROWS = 20_000


def _write(kind: str, folder: Path) -> Path:
    """Write as many rows, of which the pixels say their numbers, as a file of a kind."""
    pixels = np.zeros((ROWS, 784), np.uint8)
    pixels[:, 0], pixels[:, 1] = np.arange(ROWS) % 256, np.arange(ROWS) // 256
    path = folder / f"digits.{kind}"
    if kind == "parquet":
        column = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(784), ROWS, [None, pa.py_buffer(pixels)]
        )
        pq.write_table(pa.table({"image": column}), path, row_group_size=1000)
    elif kind == "npy":
        np.save(path, pixels.reshape(-1, 28, 28))
    else:
        names = ",".join(f"pixel{number}" for number in range(784))
        zeros = ",0" * 782
        rows = (f"{number % 256},{number // 256}{zeros}" for number in range(ROWS))
        path.write_text("\n".join([names, *rows, ""]))
    return path


def _labels(folder: Path, source: str) -> Path:
    """Write labels of every row but each seventh, the last row first."""
    path = folder / "labels.csv"
    lines = (f"{source},{row},{row % 10}" for row in reversed(range(ROWS)) if row % 7)
    path.write_text("\n".join(["source,row,label", *lines]))
    return path


def _rows(shard: Shard) -> tuple[list[object], ...]:
    batches = [*shard.read(1000)]
    columns = ("source", "row", "label", "error")
    return tuple(
        [value for batch in batches for value in getattr(batch, name).to_pylist()]
        for name in columns
    )


@pytest.mark.parametrize("kind", ["parquet", "npy", "csv"])
def test_labels_of_a_file_are_sent_with_the_rows_that_they_label(tmp_path: Path, kind: str) -> None:
    """Not those of all other rows; the file knows that they were asked for."""
    source = _write(kind, tmp_path)
    labels = str(_labels(tmp_path, source.name))
    opened = open_inputs([source], ReadOptions(labels=labels))
    shards = opened.shards
    assert len(shards) > 1
    sent = [pickle.dumps(shard) for shard in shards]
    assert max(map(len, sent)) < 2 * ROWS
    assert opened.labels is not None
    assert "lines for none of the images" not in opened.labels.note(0, ROWS)
    for shard, content in zip(shards, sent, strict=True):
        again = pickle.loads(content)
        expected = _rows(shard)
        assert _rows(again) == expected
        assert _rows(pickle.loads(pickle.dumps(again))) == expected
        assert expected[2] == [row % 10 if row % 7 else None for row in expected[1]]  # type: ignore[operator]
