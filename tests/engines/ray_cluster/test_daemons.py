"""A run ends in one line where Ray would end the process without a word."""

import socket
from pathlib import Path

import pytest

from mnist_batch.engines.ray_cluster import daemons
from mnist_batch.engines.ray_cluster.daemons import Daemons
from mnist_batch.errors import MachineError
from tests.support.ray_cluster import RayCluster, why_not
from tests.support.ray_runs import held_up, wait_for


def test_a_head_may_be_away_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be started again; the node of this machine is another one then."""
    with socket.create_server(("127.0.0.1", 0)) as node:
        with socket.create_server(("127.0.0.1", 0)) as head:
            asked = Daemons(node.getsockname(), head.getsockname())
            assert asked.answer()
        assert not asked.answer()
        monkeypatch.setattr(daemons, "_HEAD_S", -1.0)
        with pytest.raises(MachineError, match="the head of the Ray cluster has not answered"):
            asked.answer()
    with pytest.raises(MachineError, match="the Ray node of this machine has ended"):
        asked.answer()


def test_a_run_whose_node_is_lost_ends_in_one_line(tmp_path: Path, digits: Path) -> None:
    """What is finished is kept. It asks more often than Ray's head does."""
    if why := why_not():
        pytest.skip(why)
    out, staging = tmp_path / "out.parquet", tmp_path / "out.parquet.staging"
    with RayCluster(1) as cluster:
        how = "predict", digits, "--out", out, "--no-report"
        process = cluster.start(*how, deed=held_up(digits))
        wait_for(lambda: len([*staging.glob("part-*.arrow")]) >= 2)
        cluster.kill_first_daemon()
        _, said = process.communicate()
    assert process.returncode == 1
    kept, why = said.splitlines()
    assert kept.endswith("rows are finished and kept; --resume goes on from there")
    assert why.startswith("error: the Ray node of this machine has ended; start it again")
