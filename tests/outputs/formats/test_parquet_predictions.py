"""What is known of a Parquet file of predictions before its rows are read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch.outputs.formats.parquet_predictions import ParquetPredictions
from tests.support.predictions_files import write_predictions


def test_columns_that_cannot_be_text_are_left_out(tmp_path: Path) -> None:
    """Lists and structs of other tools."""
    further: dict[str, list[object]] = {"size": [1, 2], "boxes": [[1], [2]]}
    path = write_predictions(tmp_path / "a.parquet", [1, 2], [1, 2], further=further)
    opened = ParquetPredictions(path)
    assert (opened.columns[-2:], opened.rows) == (["error", "size"], 2)
    assert (opened.probabilities, opened.run) == (0, None)
    opened.close()


def test_probabilities_are_counted_by_the_type_of_their_column(tmp_path: Path) -> None:
    """Lists of any length, as other tools write them, hold ten."""
    for kind, count in ((pa.list_(pa.float32(), 3), 3), (pa.list_(pa.float64()), 10)):
        column = pa.array([[0.5, 0.25, 0.25]], kind)
        pq.write_table(pa.table({"probabilities": column}), tmp_path / "a.parquet")
        opened = ParquetPredictions(tmp_path / "a.parquet")
        assert opened.probabilities == count
        opened.close()
