"""What a node sees and has is held against what this machine sees and has."""

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.ray_cluster import on_node
from mnist_batch.engines.ray_cluster.looks import Looks
from mnist_batch.options import PredictOptions
from mnist_batch.outputs.parts.probe import probe_in

_SHARED: Any = SimpleNamespace()


@pytest.mark.parametrize(
    ("differing", "message"),
    [
        ({}, ""),
        ({"versions": {"numpy": "1.0"}}, "has numpy 1.0, and this machine has "),
        ({"staging": "Permission denied"}, "does not see STAGING as this machine does (Permission"),
        ({"row": "missing file"}, "as this machine does (missing file there, no error here)"),
    ],
)
def test_a_node_has_to_see_and_to_have_what_this_machine_has(
    tmp_path: Path, digits_folder: Path, differing: dict[str, Any], message: str
) -> None:
    """Each difference is one line."""
    pytest.importorskip("ray")
    run = Run([digits_folder], None, PredictOptions())
    job = run.part_job(tmp_path / "out.parquet", tmp_path, for_report=False)
    looks = Looks(job, _SHARED, run.parts[0])
    with probe_in(job.staging, job.out) as probe:
        seen = on_node.look(job, pickle.dumps((probe, run.parts[0])))
    why_not = looks._why_not(seen._replace(**differing))
    assert message.replace("STAGING", str(tmp_path)) in why_not
    assert bool(why_not) == bool(message)
    assert [*tmp_path.iterdir()] == []


def test_a_node_with_another_version_of_this_package_answers_with_that_alone(
    tmp_path: Path, digits_folder: Path
) -> None:
    """Nothing else of it is asked."""
    pytest.importorskip("ray")
    run = Run([digits_folder], None, PredictOptions())
    job = run.part_job(tmp_path / "out.parquet", tmp_path, for_report=False)
    why_not = Looks(job, _SHARED, run.parts[0])._why_not("0.0.1")
    assert why_not.startswith("has mnist-batch 0.0.1, and this machine has ")
