"""What a row of the whole input is called, in each kind of input."""

from pathlib import Path

import pytest

import mnist_batch
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.synthetic.generator import write_folder, write_parquet


def test_rows_are_called_as_in_the_predictions(tmp_path: Path) -> None:
    """Of image files, of Parquet in several shards, and of a packed file joined to the last."""
    write_folder(tmp_path / "digits", 20)
    write_parquet(tmp_path / "many.parquet", 9000)
    mnist_batch.pack([tmp_path / "digits"], tmp_path / "packed.parquet")
    inputs = [tmp_path / "digits", tmp_path / "many.parquet", tmp_path / "packed.parquet"]
    opened = open_inputs(inputs)
    batches = [batch for shard in opened.shards for batch in shard.read(2048)]
    expected = [
        (source, row)
        for batch in batches
        for source, row in zip(batch.source.to_pylist(), batch.row.to_pylist(), strict=True)
    ]
    assert (len(expected), len(opened.shards)) == (9040, 3)
    for row in [0, 19, 20, 21, 8211, 8212, 8300, 9019, 9020, 9039]:
        assert opened.place(row) == expected[row]


def test_a_row_that_is_not_there_has_no_name(digits_folder: Path) -> None:
    """Beyond the last one."""
    opened = open_inputs([digits_folder])
    with pytest.raises(IndexError):
        opened.place(30)


def test_images_are_not_read_for_their_names(tmp_path: Path) -> None:
    """The files may even have gone."""
    write_folder(tmp_path / "digits", 20)
    opened = open_inputs([tmp_path / "digits"])
    for file in (tmp_path / "digits").glob("*/*.png"):
        file.unlink()
    source, row = opened.place(3)
    assert (source.split("/")[0], row) == ("1", 0)
