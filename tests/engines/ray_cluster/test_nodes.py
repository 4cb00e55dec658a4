"""Nodes that join are asked before they predict, and those that do not answer are left out."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from mnist_batch.engines.ray_cluster import nodes
from mnist_batch.engines.ray_cluster.looks import Answer, Node
from mnist_batch.engines.ray_cluster.nodes import Nodes, all_kernels, kernel_notes
from mnist_batch.errors import MachineError

_KERNELS = {"blas": "OpenBLAS Haswell"}
_ONE, _OTHER = Node("a1", "10.0.0.2", 4), Node("b2", "10.0.0.3", 4)
_OLD = MachineError("node 10.0.0.3 has numpy 1.0, and this machine has 2.0")


class _Cluster:
    """A cluster whose nodes and their answers a test sets; it is `Looks` and `Daemons` too."""

    def __init__(self, *alive: Node) -> None:
        self.alive = alive
        self.answer_by: dict[Node, Answer] = {}
        self.under_way = set[Node]()
        self.answer_of_waiting: dict[Node, Answer] = {}

    def begin(self, asked: Sequence[Node]) -> None:
        self.under_way |= {*asked}

    def answers(self, timeout_s: float) -> Iterator[tuple[Node, Answer]]:
        if timeout_s:
            self.answer_by |= self.answer_of_waiting
        for node in sorted(self.under_way & {*self.answer_by}, key=lambda one: one.id):
            self.under_way.remove(node)
            yield node, self.answer_by[node]

    def answer(self) -> bool:
        return True


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> _Cluster:
    """A cluster of one node, which answers."""
    started = _Cluster(_ONE)
    started.answer_by[_ONE] = _KERNELS
    monkeypatch.setattr(nodes, "usable_nodes", lambda _: [*started.alive])
    return started


def _checked(cluster: Any) -> Nodes:  # noqa: ANN401 - for two types
    known = Nodes("CPU", cluster, cluster)
    known.check()
    return known


def _state(known: Nodes) -> tuple[list[Node], set[str], set[str]]:
    """Return the nodes that may predict, and the ids of those that may not, and never more."""
    return [*known.fit], {*known.not_fit}, {*known.left_out}


def _asked(known: Nodes) -> bool:
    known.ask_soon()
    return known.refresh()


def test_a_node_that_joins_predicts_once_it_has_answered(cluster: _Cluster) -> None:
    """Until then it is one of those where no task may begin."""
    known = _checked(cluster)
    assert _state(known) == ([_ONE], set(), set())
    cluster.alive = _ONE, _OTHER
    assert not _asked(known)
    assert _state(known) == ([_ONE], {"b2"}, set())
    cluster.answer_by[_OTHER] = _KERNELS
    assert known.refresh()
    assert _state(known) == ([_ONE, _OTHER], set(), set())
    assert known.notes(_KERNELS) == []


def test_a_node_that_joins_and_may_not_predict_is_left_out(cluster: _Cluster) -> None:
    """With a note, while at the start it ends the run."""
    known = _checked(cluster)
    cluster.alive, cluster.answer_by[_OTHER] = (_ONE, _OTHER), _OLD
    assert _asked(known), "tasks that wait there have to be withdrawn"
    assert _state(known) == ([_ONE], {"b2"}, {"b2"})
    assert known.notes(_KERNELS) == [f"a node was left out: {_OLD}"]
    assert not _asked(known), "it is asked once"
    cluster.alive = (_ONE,)
    assert _asked(known)
    assert _state(known) == ([_ONE], set(), set())
    cluster.alive = _ONE, _OTHER
    with pytest.raises(MachineError, match=r"10\.0\.0\.3 has numpy 1\.0"):
        _checked(cluster)


def test_a_node_that_begins_nothing_any_more_is_left_out(cluster: _Cluster) -> None:
    """The others go on; where there are none, the run ends with the reason."""
    cluster.alive, cluster.answer_by[_OTHER] = (_ONE, _OTHER), _KERNELS
    known = _checked(cluster)
    cluster.answer_by[_OTHER] = _OLD
    known.look_again()
    assert known.fit == [_ONE, _OTHER], "nodes that look predict meanwhile"
    assert known.refresh()
    assert _state(known) == ([_ONE], {"b2"}, {"b2"})
    cluster.alive = (_OTHER,)
    with pytest.raises(MachineError, match=r"10\.0\.0\.3 has numpy 1\.0"):
        _asked(known)


def test_a_run_waits_for_the_last_node_to_answer(cluster: _Cluster) -> None:
    """Where the others have gone; with none at all it ends."""
    known = _checked(cluster)
    cluster.alive, cluster.answer_of_waiting[_OTHER] = (_OTHER,), _KERNELS
    assert _asked(known)
    assert known.fit == [_OTHER]
    cluster.alive = ()
    with pytest.raises(MachineError, match="no node of the Ray cluster has a CPU for this"):
        _asked(known)


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
