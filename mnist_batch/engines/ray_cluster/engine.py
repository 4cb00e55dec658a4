"""Predict the parts of a run on a Ray cluster.

Images never pass through Ray: a task writes the file of its part, and returns its name and what it
found.
"""

from collections.abc import Generator, Iterable
from itertools import chain

from mnist_batch.engines.part_job import PartDone, PartJob
from mnist_batch.engines.ray_cluster.connection import cluster_address, cluster_errors, connected
from mnist_batch.engines.ray_cluster.daemons import Daemons
from mnist_batch.engines.ray_cluster.looks import Looks
from mnist_batch.engines.ray_cluster.nodes import Nodes, all_kernels
from mnist_batch.engines.ray_cluster.shared_job import shared
from mnist_batch.engines.ray_cluster.tasks import Tasks, resource_of
from mnist_batch.outputs.parts.parts import Part


class RayEngine:
    """An engine of a Ray cluster; see `part_job.Engine`.

    Attributes:
        notes: what the user should know of how it went, one sentence each.
        kernels: what computed on the nodes.
    """

    def __init__(self, address: str | None, part_timeout_s: float, workers: int | None) -> None:
        """Find the cluster, and start nothing yet.

        Args:
            address: of the cluster; None for what `RAY_ADDRESS` says.
            part_timeout_s: seconds that a task may take.
            workers: parts to predict at once at most; None for one a core of the cluster.

        Raises:
            MachineError: no cluster is named or answers; Ray is not installed.
        """
        self.notes: list[str] = []
        self.kernels: dict[str, str] = {}
        self._address = cluster_address(address)
        self._part_timeout_s = part_timeout_s
        self._workers = workers

    def run(self, job: PartJob, parts: Iterable[Part]) -> Generator[PartDone, None, None]:
        """Yield each part once it is done, in any order.

        Raises:
            MachineError: the cluster cannot be used (see `connected` and `Nodes`), or has failed; a
                part met its deadline, or processes died over it, too often.
            MnistBatchError: whatever `make_attempt` raises.
        """
        parts = iter(parts)
        first = next(parts, None)
        if first is None:
            return
        with connected(self._address), cluster_errors(), shared(job) as shared_job:
            looks = Looks(job, shared_job, first)
            nodes = Nodes(resource_of(job), looks, Daemons.connected())
            tasks = Tasks(job, shared_job, nodes, self._part_timeout_s, self._workers)
            try:
                nodes.check()
                yield from tasks.run(chain([first], parts))
            finally:
                tasks.cancel()
                looks.end()
                self.kernels = all_kernels(nodes.kernels)
                self.notes += [*nodes.notes(job.predictor.kernels()), *tasks.notes()]
