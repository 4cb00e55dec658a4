"""Nodes look whether they see and have what this machine sees and has, before they get any part."""

import pickle
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from mnist_batch import __version__
from mnist_batch.engines.part_job import PartJob
from mnist_batch.engines.ray_cluster import sent
from mnist_batch.engines.ray_cluster.on_node import Seen, first_error
from mnist_batch.engines.ray_cluster.shared_job import SharedJob
from mnist_batch.engines.versions import versions_of
from mnist_batch.errors import MachineError
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.outputs.parts.probe import probe_in

_PATIENCE_S = 60.0
"""Seconds that a node has to start a worker and to look."""


@dataclass(frozen=True)
class Node:
    """A node that has what predicts.

    Attributes:
        id: what Ray calls it.
        address: where it is.
        cores: how many CPUs, or GPUs where these predict, it offers.
    """

    id: str
    address: str
    cores: int


Answer = Mapping[str, str] | MachineError
"""The kernels of a node, as of `Predictor.kernels`; or why it may not predict."""


class Looks:
    """The looks of nodes at a run: tasks that need no core, so that a busy node looks too."""

    def __init__(self, job: PartJob, shared: SharedJob, part: Part) -> None:
        """Ask nothing yet; nodes read the first row of a part."""
        import ray

        self._job = job
        self._shared = shared
        self._part = part
        self._row = first_error(part)
        self._task: Any = ray.remote(sent.look)
        self._under_way: dict[Any, tuple[Node, float]] = {}  # with their deadlines
        self._probe = ExitStack()  # the file that nodes look for, while they do
        self._asked = b""

    @property
    def under_way(self) -> frozenset[Node]:
        """The nodes that have not answered yet."""
        return frozenset(node for node, _ in self._under_way.values())

    def begin(self, nodes: Sequence[Node]) -> None:
        """Let nodes look.

        Raises:
            OutputError: nothing can be written where the parts go.
            MachineError: object storage cannot be reached, or refuses.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if nodes and not self._under_way:
            probe = self._probe.enter_context(probe_in(self._job.staging, self._job.out))
            self._asked = pickle.dumps((probe, self._part))
        shared = self._shared
        for node in nodes:
            there = NodeAffinitySchedulingStrategy(node.id, soft=False)
            task = self._task.options(num_cpus=0, max_retries=0, scheduling_strategy=there)
            looking = task.remote(shared.folders, __version__, shared.key, shared.job, self._asked)
            self._under_way[looking] = node, time.monotonic() + _PATIENCE_S

    def answers(self, timeout_s: float) -> Iterator[tuple[Node, Answer]]:
        """Yield what has been answered once all have, or after a time; of a node that is gone none.

        One that does not answer in time may not predict.
        """
        import ray

        if not self._under_way:
            return
        looks = [*self._under_way]
        ready, _ = ray.wait(looks, num_returns=len(looks), timeout=timeout_s)
        now = time.monotonic()
        for looking, (node, deadline) in [*self._under_way.items()]:
            if looking in ready:
                answer = self._answer(looking, node)
            elif now > deadline:
                with suppress(Exception):  # of a cluster that is gone
                    ray.cancel(looking, force=True)
                answer = MachineError(
                    f"node {node.address} has not answered within {_PATIENCE_S:g} s; mend it, or "
                    "stop it (ray stop)"
                )
            else:
                continue
            del self._under_way[looking]
            if answer is not None:
                yield node, answer
        if not self._under_way:
            self._probe.close()

    def end(self) -> None:
        """End those that are under way."""
        import ray

        for looking in self._under_way:
            with suppress(Exception):  # of a cluster that is gone
                ray.cancel(looking, force=True)
        self._under_way.clear()
        self._probe.close()

    def _answer(self, looking: Any, node: Node) -> Answer | None:  # noqa: ANN401 - of Ray's types
        """Return what a node has answered; None if it has gone."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            seen: Seen | str = ray.get(looking)
        except RayTaskError as error:
            why = f"{type(error.cause).__name__}: {error.cause}"
            return MachineError(
                f"node {node.address} cannot run mnist-batch ({' '.join(why.split())[:300]}); "
                f"install {__version__} there with the extras that it has here"
            )
        except RayError as error:
            if not any(one["NodeID"] == node.id and one["Alive"] for one in ray.nodes()):
                return None
            return MachineError(
                f"node {node.address} does not start a worker ({type(error).__name__}); mend it, "
                "or stop it (ray stop)"
            )
        why = self._why_not(seen)
        return MachineError(f"node {node.address} {why}") if why else _kernels(seen)

    def _why_not(self, seen: Seen | str) -> str:
        """Return why a node may not predict that sees this; empty where it may."""
        if isinstance(seen, str):  # the other version of this package that it has
            return _other_version({"mnist-batch": __version__}, {"mnist-batch": seen})
        if seen.staging:
            return (
                f"does not see {self._job.staging} as this machine does ({seen.staging}); name an "
                "output in a folder that all nodes share"
            )
        if seen.row != self._row:
            source, _ = self._part.shards[0].place(0)
            return (
                f"does not read {source} as this machine does ({seen.row or 'no error'} there, "
                f"{self._row or 'no error'} here); name an INPUT that all nodes see under the "
                "same path"
            )
        return _other_version(versions_of(self._job.predictor), seen.versions)


def _kernels(seen: Seen | str) -> Mapping[str, str]:
    assert isinstance(seen, Seen)
    return seen.kernels


def _other_version(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    for name, version in here.items():
        if there.get(name) != version:
            return (
                f"has {name} {there.get(name)}, and this machine has {version}; install the same "
                "on all nodes"
            )
    return ""
