"""Predict the parts of a run on a Ray cluster.

Images never pass through Ray: a task writes the file of its part, and returns its name and what it
found.
"""

from collections.abc import Generator, Iterable
from itertools import chain

from mnist_batch.engines.part_job import PartDone, PartJob
from mnist_batch.engines.ray_cluster.connection import cluster_address, connected
from mnist_batch.engines.ray_cluster.nodes import all_kernels, check_nodes, kernel_notes
from mnist_batch.engines.ray_cluster.tasks import Tasks
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
            MachineError: the cluster cannot be used: see `connected` and `check_nodes`; a part met
                its deadline, or processes died over it, too often.
            MnistBatchError: whatever `make_attempt` raises.
        """
        parts = iter(parts)
        first = next(parts, None)
        if first is None:
            return
        with connected(self._address):
            tasks = Tasks(job, self._part_timeout_s, self._workers)
            kernels = check_nodes(tasks.nodes(), job, tasks.job, first)
            self.kernels = all_kernels(kernels)
            self.notes += kernel_notes(kernels, job.predictor.kernels())
            try:
                yield from tasks.run(chain([first], parts))
            finally:
                tasks.cancel()
                self.notes += tasks.notes()
