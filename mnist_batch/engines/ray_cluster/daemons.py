"""The daemons of Ray that this process cannot do without: where one goes, Ray ends the process.

It does so without a word, with status 1 (2.60): 15 s after the node of this machine has gone, and
60 s after the head has. To ask first leaves the time to say so, and to keep what is finished.
"""

import socket
import time

from mnist_batch.errors import MachineError

_ANSWER_S = 2.0
"""Seconds that a daemon has to accept a connection."""

_HEAD_S = 30.0
"""Seconds that the head may be away: one that keeps its state elsewhere is started again. See
https://docs.ray.io/en/latest/ray-core/fault_tolerance/gcs.html"""


class Daemons:
    """The daemon of the node that this process is connected through, and that of the head."""

    def __init__(self, node: tuple[str, int], head: tuple[str, int]) -> None:
        """Ask nothing yet.

        Args:
            node: host and port of the node's daemon.
            head: host and port of the head's.
        """
        self._node = node
        self._head = head
        self._away_since: float | None = None

    @classmethod
    def connected(cls) -> "Daemons":
        """Return those of the cluster that this process is connected to."""
        import ray

        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        (own,) = [one for one in ray.nodes() if one["NodeID"] == context.get_node_id()]
        node = own["NodeManagerAddress"], own["NodeManagerPort"]
        return cls(node, (host.strip("[]"), int(port)))

    def answer(self) -> bool:
        """Tell whether both are there; where the head is away, what asks it waits.

        Raises:
            MachineError: the node has gone, or the head is away for too long.
        """
        if not _accepts(self._node):
            raise MachineError(
                "the Ray node of this machine has ended; start it again (ray start), and --resume "
                "goes on"
            )
        now = time.monotonic()
        if _accepts(self._head):
            self._away_since = None
        elif self._away_since is None:
            self._away_since = now
        elif now > self._away_since + _HEAD_S:
            host, port = self._head
            raise MachineError(
                f"{host}:{port}: the head of the Ray cluster has not answered for {_HEAD_S:g} s; "
                "start it again (ray start --head), and --resume goes on"
            )
        return self._away_since is None


def _accepts(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, _ANSWER_S).close()
    except OSError:
        return False
    return True
