"""The nodes of a cluster are checked before they predict."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.ray_cluster import nodes, on_node
from mnist_batch.engines.ray_cluster.nodes import Node, check_nodes
from mnist_batch.engines.ray_cluster.on_node import Seen
from mnist_batch.errors import MachineError
from mnist_batch.options import PredictOptions


def _check(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, **differing: Any) -> list[str]:  # noqa: ANN401
    """Check a node that sees what this machine sees but for some fields of `Seen`."""

    def looks(_: object, __: object, probe: Path, part: Any) -> Any:  # noqa: ANN401
        job = run.part_job(folder / "out.parquet", folder, for_report=False)
        seen = on_node.look(job, __import__("pickle").dumps((probe, part)))
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
    assert _check(run, tmp_path, monkeypatch) == []
    for differing, message in (
        ({"versions": {"numpy": "1.0"}}, "node 10.0.0.2 has numpy 1.0, and this machine has"),
        ({"staging": "Permission denied"}, rf"does not see {tmp_path} .*\(Permission denied\)"),
        ({"row": "missing file"}, r"does not read 0/\S+ .*\(missing file there, no error here\)"),
    ):
        with pytest.raises(MachineError, match=message):
            _check(run, tmp_path, monkeypatch, **differing)
    assert [*tmp_path.iterdir()] == []


def test_other_kernels_are_a_note(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Last bits differ, and no digit."""
    run = Run([digits_folder], None, PredictOptions())
    (note,) = _check(run, tmp_path, monkeypatch, kernels={"blas": "OpenBLAS Prescott"})
    assert note.endswith("10.0.0.2 (OpenBLAS Prescott)")
    assert Seen._fields[0] == "versions"
