"""Nodes get the job, and the functions that run there first, from the run."""

import pickle
from pathlib import Path

import pytest

from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.ray_cluster import sent
from mnist_batch.engines.ray_cluster.shared_job import shared
from mnist_batch.options import PredictOptions


def test_the_first_functions_on_a_node_go_by_value_meanwhile(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Afterwards a program's own tasks are pickled as before, also where the job finds no room."""
    ray = pytest.importorskip("ray")
    by_value = ray.cloudpickle.list_registry_pickle_by_value
    job = Run([digits_folder], None, PredictOptions()).part_job(
        tmp_path, tmp_path, for_report=False
    )
    monkeypatch.setattr(ray, "put", lambda content: content)
    with shared(job) as one:
        assert by_value() == {sent.__name__}
        (content,) = one.job
        assert pickle.loads(content).run == job.run
    assert by_value() == set()
    monkeypatch.setattr(ray, "put", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError), shared(job):
        pass
    assert by_value() == set()
