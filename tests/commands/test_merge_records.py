"""What is known of a run once its shards are joined: classes, and how it predicted."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.schema import Classes
from tests.support.parquet_files import encoded
from tests.support.spotted import spotted_images, write_spotted_model


@pytest.mark.parametrize("end", [".parquet", "/", ".csv"])
@pytest.mark.parametrize("names", [None, tuple("abcdefghijklmnopqrstuvwxyz")])
def test_shards_of_other_classes_are_evaluated(
    tmp_path: Path, end: str, names: tuple[str, ...] | None
) -> None:
    """Right after they are joined and later, as the predictions of one machine are."""
    labels = list(range(26))
    images = [{"bytes": encoded(image), "path": None} for image in spotted_images(labels)]
    file = tmp_path / "letters.parquet"
    pq.write_table(pa.table({"image": images, "label": labels}), file)
    model = write_spotted_model(tmp_path / "model.h5", 26, names)
    folders = [tmp_path / f"shard-{number}" for number in (1, 2)]
    for number, folder in enumerate(folders, 1):
        mnist_batch.predict(
            file, f"{folder}/", model=model, prepare="never", shard=f"{number}/2", report=False
        )
    out = f"{tmp_path}/all{end}"
    merged = mnist_batch.merge(folders, out)
    again = mnist_batch.evaluate(out, report=False)
    for summary in (merged, again):
        assert summary.metrics.accuracy == 1.0
        assert summary.metrics.confusion_matrix.shape == (26, 26)
        assert np.trace(summary.metrics.confusion_matrix) == 26
        if names:
            assert summary.metrics.classes == Classes(26, names)


def test_shards_of_several_seeds_keep_the_record_of_their_run(
    tmp_path: Path, digits_folder: Path
) -> None:
    """No prediction depends on the seed; that of the first shard chooses the samples."""
    folders = [tmp_path / f"shard-{number}" for number in (1, 2)]
    for number, folder in enumerate(folders, 1):
        shard = f"{number}/2"
        mnist_batch.predict(
            digits_folder, f"{folder}/", shard=shard, sample_seed=number + 4, report=False
        )
    mnist_batch.merge(folders, tmp_path / "all.parquet", report=False)
    run = mnist_batch.evaluate(tmp_path / "all.parquet", report=False).run
    assert run is not None
    assert run["options"]["sample_seed"] == 5
