"""The nodes of a cluster that may predict, as they come and go.

A node gets parts once it has looked, see `looks`. At the start of a run each has to be as it
should. One that joins later, and is not, is left out, and so is one that begins no task any more.
"""

import math
import time
from collections.abc import Mapping, Sequence

from mnist_batch.engines.ray_cluster.daemons import Daemons
from mnist_batch.engines.ray_cluster.looks import Looks, Node
from mnist_batch.errors import MachineError

_NODES_S = 5.0
"""Seconds after which the nodes are asked for again."""


def usable_nodes(resource: str) -> list[Node]:
    """Return the nodes that are alive and have some of a resource, `CPU` or `GPU`."""
    import ray

    return [
        Node(one["NodeID"], one["NodeManagerAddress"], int(one["Resources"][resource]))
        for one in ray.nodes()
        if one["Alive"] and one["Resources"].get(resource, 0) >= 1
    ]


class Nodes:
    """The nodes of a cluster during a run.

    Attributes:
        fit: those that are alive and may predict; none before `check`.
        not_fit: the ids of those that are alive and may not, or not yet.
        left_out: the ids of those among these that may not any more.
        trusted: the ids of those whose parts are taken, alive or not.
        kernels: of all that may have predicted.
    """

    def __init__(self, resource: str, looks: Looks, daemons: Daemons) -> None:
        """Ask nothing yet; nodes without a resource, `CPU` or `GPU`, cannot predict."""
        self.fit: Sequence[Node] = ()
        self.not_fit = self.left_out = self.trusted = frozenset[str]()
        self.kernels = dict[Node, Mapping[str, str]]()
        self._resource = resource
        self._looks = looks
        self._daemons = daemons
        self._alive: list[Node] = []
        self._errors = dict[Node, MachineError]()  # why nodes are left out
        self._asked = -math.inf

    def notes(self, here: Mapping[str, str]) -> list[str]:
        """Return what the user should know of nodes, where this machine has some kernels."""
        left_out = [f"a node was left out: {error}" for error in self._errors.values()]
        return [*kernel_notes(self.kernels, here), *left_out]

    def check(self) -> None:
        """Let all nodes look.

        Raises:
            MachineError: one may not predict, or there is none.
        """
        self._ask()
        while self._looks.under_way:
            self._take(1.0)
            for error in self._errors.values():
                raise error
        self.refresh()

    def refresh(self) -> bool:
        """Ask for the nodes if it is time; return whether others than before may predict, or not.

        Raises:
            MachineError: none may, or `Daemons.answer` raises it.
        """
        before = self.fit, self.left_out
        if time.monotonic() > self._asked + _NODES_S and self._daemons.answer():
            self._ask()
        self._take(0)
        while not self.fit and self._looks.under_way:
            self._take(1.0)
        if not self.fit:
            for error in self._errors.values():
                raise error
            raise MachineError(
                f"no node of the Ray cluster has a {self._resource} for this; to start one: "
                f"ray start --address=HOST:PORT --num-{self._resource.lower()}s=1"
            )
        return (self.fit, self.left_out) != before

    def ask_soon(self) -> None:
        """Ask for the nodes with the next `refresh`: one may have come or gone."""
        self._asked = -math.inf

    def look_again(self) -> None:
        """Let the nodes that may predict look again: one that does not answer is left out."""
        if not self._looks.under_way:
            self._looks.begin(self.fit)

    def _ask(self) -> None:
        """Ask for the nodes, and let those look that are new."""
        self._alive = usable_nodes(self._resource)
        self._asked = time.monotonic()
        known = {*self.kernels, *self._errors, *self._looks.under_way}
        self._looks.begin([node for node in self._alive if node not in known])
        self._settle()

    def _take(self, timeout_s: float) -> None:
        """Take what nodes have answered."""
        for node, answer in self._looks.answers(timeout_s):
            if isinstance(answer, MachineError):
                self._errors[node] = answer
            else:
                self.kernels[node] = answer
            self._settle()

    def _settle(self) -> None:
        refused = {node.id for node in self._errors}
        self.trusted = frozenset(node.id for node in self.kernels) - refused
        self.fit = [node for node in self._alive if node.id in self.trusted]
        self.not_fit = frozenset(node.id for node in self._alive) - self.trusted
        self.left_out = self.not_fit & refused


def all_kernels(kernels: Mapping[Node, Mapping[str, str]]) -> dict[str, str]:
    """Return what computes on some node or another, as `Predictor.kernels` names it."""
    names = dict.fromkeys(name for own in kernels.values() for name in own)
    return {
        name: " or ".join(sorted({own.get(name, "nothing") for own in kernels.values()}))
        for name in names
    }


def kernel_notes(kernels: Mapping[Node, Mapping[str, str]], here: Mapping[str, str]) -> list[str]:
    """Return a note on nodes that compute otherwise than this machine; none without any."""
    others = sorted(
        f"{node.address} ({', '.join(own.values())})"
        for node, own in kernels.items()
        if own != here
    )
    if not others:
        return []
    return [
        "nodes compute with other kernels than this machine, so the last bits of confidences may "
        f"be others than of a run here ({', '.join(here.values())}): {', '.join(others)}"
    ]
