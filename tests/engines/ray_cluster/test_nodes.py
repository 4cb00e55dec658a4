"""The nodes of a cluster are checked before they predict."""

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.ray_cluster import nodes, on_node
from mnist_batch.engines.ray_cluster.nodes import Node, all_kernels, check_nodes, kernel_notes
from mnist_batch.errors import MachineError
from mnist_batch.options import PredictOptions


def _check(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, **differing: Any) -> Any:  # noqa: ANN401
    """Check a node that sees what this machine sees but for some fields of `Seen`."""

    def looks(_: object, __: object, probe: Path, part: Any) -> Any:  # noqa: ANN401
        job = run.part_job(folder / "out.parquet", folder, for_report=False)
        seen = on_node.look(job, pickle.dumps((probe, part)))
        return {Node("a1", "10.0.0.2", 4): seen._replace(**differing)}

    monkeypatch.setattr(nodes, "_looks", looks)
    job = run.part_job(folder / "out.parquet", folder, for_report=False)
    shared: Any = SimpleNamespace()
    return check_nodes([], job, shared, run.parts[0])


def test_a_node_has_to_see_and_to_have_what_this_machine_has(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each difference is one line that names the node."""
    run = Run([digits_folder], None, PredictOptions())
    (seen,) = _check(run, tmp_path, monkeypatch).values()
    assert seen == run.predictor.kernels()
    for differing, message in (
        ({"versions": {"numpy": "1.0"}}, "node 10.0.0.2 has numpy 1.0, and this machine has"),
        ({"staging": "Permission denied"}, rf"does not see {tmp_path} .*\(Permission denied\)"),
        ({"row": "missing file"}, r"does not read 0/\S+ .*\(missing file there, no error here\)"),
    ):
        with pytest.raises(MachineError, match=message):
            _check(run, tmp_path, monkeypatch, **differing)
    assert [*tmp_path.iterdir()] == []


def test_other_kernels_are_a_note() -> None:
    """Last bits differ, and no digit; the record names the kernels of all nodes."""
    here = {"blas": "OpenBLAS Haswell"}
    nodes_ = {Node("a1", "10.0.0.2", 4): here, Node("b2", "10.0.0.3", 4): {"blas": "OpenBLAS Zen"}}
    (note,) = kernel_notes(nodes_, here)
    assert "(OpenBLAS Haswell): 10.0.0.3 (OpenBLAS Zen)" in note
    assert all_kernels(nodes_) == {"blas": "OpenBLAS Haswell or OpenBLAS Zen"}
    alike = dict.fromkeys(nodes_, here)
    assert kernel_notes(alike, here) == []
    assert all_kernels(alike) == here
