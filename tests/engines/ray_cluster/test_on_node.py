"""A node tells what it sees, as this machine would."""

import pickle
import shutil
from pathlib import Path

import pytest

from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.crashes import Attempt
from mnist_batch.engines.ray_cluster import on_node
from mnist_batch.machine import memory
from mnist_batch.options import EngineChoice, EngineOptions, PredictOptions


def _seen(run: Run, folder: Path, probe: Path) -> on_node.Seen:
    job = run.part_job(folder / "out.parquet", folder, for_report=False)
    return on_node.look(job, pickle.dumps((probe, run.parts[0])))


def test_a_node_that_shares_the_folders_sees_what_the_driver_wrote(
    tmp_path: Path, digits_folder: Path
) -> None:
    """And it can write there; it leaves nothing."""
    run = Run([digits_folder], None, PredictOptions())
    probe = tmp_path / "part.abcdefgh.tmp"
    probe.write_text(probe.name)
    seen = _seen(run, tmp_path, probe)
    assert (seen.staging, seen.row) == ("", "")
    assert seen.kernels == run.predictor.kernels()
    assert [*tmp_path.iterdir()] == [probe]


def test_a_node_says_what_it_does_not_see(tmp_path: Path, digits_folder: Path) -> None:
    """A folder that is another one there, and an image that is missing."""
    run = Run([digits_folder], None, PredictOptions())
    probe = tmp_path / "part.abcdefgh.tmp"
    assert _seen(run, tmp_path, probe).staging == "No such file or directory"
    probe.write_text("part.hgfedcba.tmp")
    assert _seen(run, tmp_path, probe).staging == "another file is there"
    for image in digits_folder.rglob("*.png"):
        image.rename(image.with_suffix(".gone"))
    try:
        assert _seen(run, tmp_path, probe).row == "missing file"
    finally:
        for image in digits_folder.rglob("*.gone"):
            image.rename(image.with_suffix(".png"))


def test_a_node_tells_rows_with_errors_of_files_that_it_does_not_see(
    tmp_path: Path, digits_folder: Path
) -> None:
    """A picture that is no picture for the driver either is a row with an error like any other."""
    digits, moved = tmp_path / "digits", tmp_path / "moved"
    shutil.copytree(digits_folder, digits)
    (digits / "0" / "no-image.png").write_bytes(b"no image")
    run = Run([digits], None, PredictOptions(engine=EngineOptions(EngineChoice.RAY)))
    job = run.part_job(tmp_path / "out.parquet", tmp_path, for_report=False)
    attempt = pickle.dumps(Attempt(run.parts[0]))
    here = on_node.make(job, attempt)
    digits.rename(moved)
    there = on_node.make(job, attempt)
    assert here.done is not None
    assert there.done is not None
    assert (here.done.findings.evaluator.errors, here.sees_others) == (1, False)
    assert (there.done.findings.evaluator.errors, there.sees_others) == (31, True)
    assert not on_node.sees_what_was_listed(run.parts[0])
    moved.rename(digits)
    assert on_node.sees_what_was_listed(run.parts[0])


def test_the_workers_of_a_node_share_its_memory(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is one of as many as there are cores, and pictures have less than its share."""
    whole, sizes = 2**36, list[int]()

    def make_attempt(*_: object) -> None:
        sizes.append(memory._pictures._size())

    run = Run([digits_folder], None, PredictOptions(memory=whole))
    job = run.part_job(tmp_path / "out.parquet", tmp_path, for_report=False)
    monkeypatch.setattr(on_node, "make_attempt", make_attempt)
    for cores in (1, 8):
        monkeypatch.setattr(on_node, "available_workers", lambda cores=cores: cores)
        on_node.make(job, pickle.dumps(Attempt(run.parts[0])))
    assert whole / 2 < sizes[0] < whole
    assert whole / 16 < sizes[1] < whole / 8
