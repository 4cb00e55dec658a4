"""A part that is predicted on its own is the part of the whole run."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.part_job import PartJob, predict_part
from mnist_batch.inputs import image_files
from mnist_batch.options import PredictOptions
from mnist_batch.outputs.parts import parts
from mnist_batch.outputs.parts.part_file import PartIdentity, read_part


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)


def _job(run: Run, folder: Path) -> PartJob:
    return run.part_job(folder / "out.parquet", folder, for_report=True)


def test_a_part_has_the_rows_of_the_whole_run(tmp_path: Path, digits_folder: Path) -> None:
    """In its file, as in what it counts."""
    run = Run([digits_folder], None, PredictOptions())
    whole = [batch.predictions for batch in run.predict(run.parts)]
    expected = [row for batch in whole for row in batch.select(run.schema.names).to_pylist()]
    found = list[object]()
    for part in reversed(run.parts):
        done = predict_part(_job(run, tmp_path), part)
        identity = PartIdentity(run.manifest().run(), part.number, part.rows)
        checksum = int(done.name.removesuffix(".arrow").rpartition("-")[2], 16)
        kept = [*read_part(pa.py_buffer((tmp_path / done.name).read_bytes()), identity, checksum)]
        found = [row for one in kept for row in one.predictions.to_pylist()] + found
        assert done.findings.evaluator.rows == part.rows
    assert found == expected
    assert len(run.parts) == 4


def test_a_part_is_the_same_in_another_process(tmp_path: Path, digits_folder: Path) -> None:
    """What a worker gets is pickled, and so is what comes back: with images for the report."""
    run = Run([digits_folder], None, PredictOptions())
    job, part = _job(run, tmp_path), run.parts[1]
    here = predict_part(job, part)
    there = pickle.loads(pickle.dumps((job, part)))
    back = pickle.loads(pickle.dumps(predict_part(*there)))
    assert back.name == here.name
    assert [path.name for path in tmp_path.iterdir()] == [here.name]
    samples, others = (one.findings.evaluator.evaluation().samples for one in (here, back))
    assert samples.images is not None
    assert others.images is not None
    np.testing.assert_array_equal(samples.images, others.images)
