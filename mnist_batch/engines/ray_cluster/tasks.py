"""The tasks of a run on a Ray cluster, any of which may be lost with its node.

Tasks, not actors: where a node goes, a new actor may never get its CPU. Ray tries nothing again,
since only this engine knows what a death means: see `crashes`. A task says where it runs as soon as
it begins, by which its deadline starts; Ray itself waits for ever for a process that is stopped.
"""

import math
import pickle
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mnist_batch.engines.crashes import Attempt
from mnist_batch.engines.part_job import PartDone, PartJob
from mnist_batch.engines.ray_cluster import sent
from mnist_batch.engines.ray_cluster.looks import Node
from mnist_batch.engines.ray_cluster.nodes import Nodes
from mnist_batch.engines.ray_cluster.on_node import Made, sees_what_was_listed
from mnist_batch.engines.ray_cluster.shared_job import SharedJob
from mnist_batch.engines.window import Window
from mnist_batch.errors import MachineError
from mnist_batch.options import Device
from mnist_batch.outputs.parts.parts import Part

_TRIES = 3
"""How often a part may meet its deadline, or a machine's failure, before the run ends."""

_QUEUED = 2
"""Tasks per core of the cluster: a worker that has done its part finds the next one waiting."""

_AHEAD = 4
"""Parts per task that may be done before one that is not."""

_WAIT_S = 1.0
"""Seconds between looks at deadlines."""

_PATIENCE_S = 60.0
"""Seconds that a task may wait before the nodes are asked whether they begin any: it may wait for a
node that cannot, or for whatever else runs on the cluster."""


@dataclass(eq=False)
class _Task:
    """A task under way.

    Attributes:
        attempt: what it does.
        cores: how many it takes of a node.
        excluded: the ids of the nodes on which it may not begin.
        waits_since: when it was given to Ray, or the nodes were asked about it.
        node: the id of the node where it has begun; None before.
        deadline: when it has to be done, as of `time.monotonic`.
    """

    attempt: Attempt
    cores: int
    excluded: frozenset[str]
    waits_since: float
    node: str | None = None
    deadline: float = math.inf

    def may_begin_on(self, node: Node) -> bool:
        return node.id not in self.excluded and node.cores >= self.cores


def resource_of(job: PartJob) -> str:
    """Return what Ray calls the resource that a task of a job takes: `CPU` or `GPU`."""
    return "GPU" if job.predictor.device is Device.GPU else "CPU"


class Tasks:
    """The tasks of a run on a cluster."""

    def __init__(
        self, job: PartJob, shared: SharedJob, nodes: Nodes, timeout_s: float, workers: int | None
    ) -> None:
        """Begin none yet; `workers` is how many there may be at once, None for what is useful."""
        import ray

        self._resource = resource_of(job)
        self._alone = self._resource == "CPU" and not job.predictor.in_workers  # Keras: all cores
        self._timeout_s = timeout_s
        self._workers = workers
        self._nodes = nodes
        self._shared = shared
        self._predict: Any = ray.remote(sent.predict)
        self._under_way: dict[Any, _Task] = {}  # by their generator
        self._again: deque[Attempt] = deque()  # attempts that come before those at further parts
        self._failures = Counter[int]()  # by part: deadlines met, and failures of machines
        self._avoided = defaultdict[int, set[str]](set)  # by part: nodes that did not do it
        self._lost = Counter[str]()  # tasks, by what became of them

    def notes(self) -> list[str]:
        """Return what became of tasks that were tried again: one sentence, if there were any."""
        if not self._lost:
            return []
        how = ", ".join(f"{why} {count:,}" for why, count in sorted(self._lost.items()))
        return [f"tasks that were tried again: {how}"]

    def run(self, parts: Iterable[Part]) -> Iterator[PartDone]:
        """Yield each part once it is done; errors are those of `RayEngine.run`."""
        import ray

        window = Window(parts, _AHEAD * self._most())
        while True:
            if self._nodes.refresh():
                self._withdraw()
                window.ahead = _AHEAD * self._most()
            self._begin(window)
            if not self._under_way:
                return
            ready, _ = ray.wait([*self._under_way], num_returns=1, timeout=_WAIT_S)
            for generator in ready:
                done = self._received(generator)
                if done and window.finish(done.number):
                    yield done
            self._end_overdue()
            self._ask_about_waiting()

    def cancel(self) -> None:
        """End all tasks."""
        import ray

        for generator in self._under_way:
            with suppress(Exception):  # of a cluster that is gone
                ray.cancel(generator, force=True)
        self._under_way.clear()

    def _withdraw(self) -> None:
        """Take back the tasks of nodes that are left out, and those that wait for a lost one."""
        import ray

        left_out, attempts = self._nodes.left_out, list[Attempt]()
        for generator, task in [*self._under_way.items()]:
            if task.node:
                stays = task.node not in left_out
            else:
                stays = left_out <= task.excluded and any(map(task.may_begin_on, self._nodes.fit))
            if not stays:
                ray.cancel(generator, force=True)
                attempts.append(self._under_way.pop(generator).attempt)
        self._again.extendleft(reversed(attempts))

    def _most(self) -> int:
        """Return how many tasks may be under way."""
        nodes = self._nodes.fit
        cores = len(nodes) if self._alone else sum(node.cores for node in nodes)
        return min(self._workers or cores * _QUEUED, cores * _QUEUED)

    def _begin(self, window: Window) -> None:
        """Begin as many tasks as there may be."""
        most = self._most()
        while len(self._under_way) < most:
            if any(task.attempt.is_alone for task in self._under_way.values()):
                return
            if not self._again:
                part = window.begin()
                if part is None:
                    return
                self._again.append(Attempt(part))
            if self._again[0].is_alone and self._under_way:
                return
            self._submit(self._again.popleft())

    def _submit(self, attempt: Attempt) -> None:
        cores = min(node.cores for node in self._nodes.fit) if self._alone else 1
        options: dict[str, Any] = {"num_cpus": cores}
        if self._resource == "GPU":
            options["num_gpus"] = 1
        excluded = self._excluded(attempt.part)
        if excluded:
            options["label_selector"] = {"ray.io/node-id": f"!in({','.join(sorted(excluded))})"}
        task = self._predict.options(max_retries=0, num_returns="streaming", **options)
        shared = self._shared
        generator = task.remote(shared.folders, shared.key, shared.job, pickle.dumps(attempt))
        self._under_way[generator] = _Task(attempt, cores, excluded, time.monotonic())

    def _excluded(self, part: Part) -> frozenset[str]:
        """Return the ids of the nodes on which a part may not begin; some node is left."""
        fit, avoided = {node.id for node in self._nodes.fit}, self._avoided[part.number]
        return self._nodes.not_fit | (fit & avoided if fit - avoided else set())

    def _received(self, generator: Any) -> PartDone | None:  # noqa: ANN401 - of Ray's own types
        """Take what a task has to say; return the part if one is done."""
        import ray
        from ray import exceptions

        task = self._under_way[generator]
        if task.node and task.node not in self._nodes.trusted:
            # It joined after Ray was given the task, and has not answered yet.
            self._again.appendleft(self._under_way.pop(generator).attempt)
            return None
        try:
            value = ray.get(next(generator))
        except exceptions.RayTaskError as error:
            self._failed(generator, error.cause)
            return None
        except (exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, StopIteration):
            self._lost["a worker died"] += 1
            if task.node:
                self._give_up(generator, task.attempt.after_death())
                return None
            # It has seen no image yet.
            if not self._may_try_again(task.attempt):
                raise MachineError(
                    f"workers of the Ray cluster ended before they could begin, {_TRIES} times; "
                    "nothing is wrong with the data; look at Ray's logs, and mend or stop the node"
                ) from None
            self._give_up(generator, task.attempt)
            return None
        except (exceptions.NodeDiedError, exceptions.ObjectLostError):
            self._lost["a node was lost"] += 1
            self._give_up(generator, task.attempt)
            return None
        if task.node is None:
            task.node, task.deadline = value, time.monotonic() + self._timeout_s
            if value not in self._nodes.trusted:
                self._nodes.ask_soon()
            return None
        made: Made = value
        # Else the files have changed since, and each row says what became of its own.
        if made.sees_others and sees_what_was_listed(task.attempt.part):
            self._not_seen(generator)
            return None
        del self._under_way[generator]
        if made.done is None:
            self._again.appendleft(task.attempt.after_probe())
        return made.done

    def _not_seen(self, generator: Any) -> None:  # noqa: ANN401 - see above
        """Try elsewhere what a node has predicted without the files that this machine sees."""
        task = self._under_way[generator]
        if not self._may_try_again(task.attempt):
            source, _ = task.attempt.part.shards[0].place(0)
            raise MachineError(
                f"nodes do not see the files from {source} on as this machine does; name INPUTs "
                "that all nodes see under the same paths"
            )
        self._lost["a node did not see the INPUT"] += 1
        self._give_up(generator, task.attempt)

    def _failed(self, generator: Any, error: BaseException) -> None:  # noqa: ANN401 - see above
        """Try again elsewhere what a failure of a machine or of Ray ended; raise anything else."""
        from ray.exceptions import RayError

        task, of_machine = self._under_way[generator], isinstance(error, MachineError | RayError)
        if not of_machine or not self._may_try_again(task.attempt):
            raise error
        self._lost["a machine failed"] += 1
        self._give_up(generator, task.attempt)

    def _end_overdue(self) -> None:
        """End the tasks that have met their deadlines, and try their attempts again.

        Raises:
            MachineError: one has met it too often.
        """
        import ray

        now = time.monotonic()
        for generator, task in [*self._under_way.items()]:
            if now < task.deadline:
                continue
            ray.cancel(generator, force=True)
            if not self._may_try_again(task.attempt):
                source, row = task.attempt.part.shards[0].place(0)
                raise MachineError(
                    f"{task.attempt.part.rows:,} rows from {source}, row {row}, on were not done "
                    f"within {self._timeout_s:g} s, {_TRIES} times; pass a longer --part-timeout"
                )
            self._lost["met its deadline"] += 1
            self._give_up(generator, task.attempt)

    def _ask_about_waiting(self) -> None:
        """Let the nodes look again once tasks have waited for long."""
        now = time.monotonic()
        waiting = [task for task in self._under_way.values() if task.node is None]
        if any(now > task.waits_since + _PATIENCE_S for task in waiting):
            self._nodes.look_again()
            for task in waiting:
                task.waits_since = now

    def _may_try_again(self, attempt: Attempt) -> bool:
        self._failures[attempt.part.number] += 1
        return self._failures[attempt.part.number] < _TRIES

    def _give_up(self, generator: Any, next_attempt: Attempt) -> None:  # noqa: ANN401 - see above
        """Forget a task, of which the next attempt comes first; on another node if there is one."""
        task = self._under_way.pop(generator)
        if task.node:
            self._avoided[task.attempt.part.number].add(task.node)
        self._again.appendleft(next_attempt)
        self._nodes.ask_soon()
