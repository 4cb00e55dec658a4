"""The nodes of a cluster: which may predict, and whether each sees what this machine sees."""

import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_batch import __version__
from mnist_batch.engines.part_job import PartJob
from mnist_batch.engines.ray_cluster import sent
from mnist_batch.engines.ray_cluster.on_node import Seen, first_error
from mnist_batch.engines.versions import versions_of
from mnist_batch.errors import MachineError
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.outputs.parts.probe import probe_in
from mnist_batch.remote.addresses import Place

_PATIENCE_S = 60
"""Seconds that a node has to start a worker and to look."""


@dataclass(frozen=True)
class Node:
    """A node that may predict.

    Attributes:
        id: what Ray calls it.
        address: where it is.
        cores: how many CPUs, or GPUs where these predict, it offers.
    """

    id: str
    address: str
    cores: int


def usable_nodes(resource: str) -> list[Node]:
    """Return the nodes that are alive and have some of a resource, `CPU` or `GPU`."""
    import ray

    return [
        Node(one["NodeID"], one["NodeManagerAddress"], int(one["Resources"][resource]))
        for one in ray.nodes()
        if one["Alive"] and one["Resources"].get(resource, 0) >= 1
    ]


@dataclass(frozen=True, eq=False)
class SharedJob:
    """A job as tasks take it.

    Attributes:
        folders: what `sent.settle` takes.
        key: names the run.
        job: the job pickled, an object of Ray in a list.
    """

    folders: list[str]
    key: str
    job: list[Any]

    @classmethod
    def of(cls, job: PartJob, key: str) -> "SharedJob":
        """Put a job where all nodes can fetch it."""
        import ray

        # By value, not by the names of their module: see there.
        ray.cloudpickle.register_pickle_by_value(sent)
        folders = [os.path.dirname(os.path.realpath(sys.argv[0])), os.path.abspath(os.curdir)]  # noqa: PTH100, PTH120 - as Ray does
        return cls(folders, key, [ray.put(pickle.dumps(job))])


def check_nodes(
    nodes: Sequence[Node], job: PartJob, shared: SharedJob, part: Part
) -> dict[Node, Mapping[str, str]]:
    """Let each node look whether it sees what this machine sees; return the kernels of each.

    Raises:
        MachineError: one does not, or has other versions, or does not answer.
    """
    with probe_in(job.staging, job.out) as probe:
        looked = _looks(nodes, shared, probe, part)
    row, versions = first_error(part), versions_of(job.predictor)
    kernels = dict[Node, Mapping[str, str]]()
    for node, seen in looked.items():
        _check_versions(node, {"mnist-batch": __version__}, seen)
        assert isinstance(seen, Seen)
        _check_versions(node, versions, seen.versions)
        if seen.staging:
            raise MachineError(
                f"node {node.address} does not see {job.staging} as this machine does "
                f"({seen.staging}); name an output in a folder that all nodes share"
            )
        if seen.row != row:
            source, _ = part.shards[0].place(0)
            raise MachineError(
                f"node {node.address} does not read {source} as this machine does "
                f"({seen.row or 'no error'} there, {row or 'no error'} here); name an INPUT that "
                "all nodes see under the same path"
            )
        kernels[node] = seen.kernels
    return kernels


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


def _looks(
    nodes: Sequence[Node], shared: SharedJob, probe: Place, part: Part
) -> dict[Node, Seen | Mapping[str, str]]:
    """Return what each node sees, or the other version of this package that it has."""
    import ray
    from ray.exceptions import GetTimeoutError, RayError, RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task, asked = ray.remote(sent.look), pickle.dumps((probe, part))
    looking = {
        node: task.options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        ).remote(shared.folders, __version__, shared.key, shared.job, asked)
        for node in nodes
    }
    looked = dict[Node, Seen | Mapping[str, str]]()
    for node, reference in looking.items():
        try:
            seen = ray.get(reference, timeout=_PATIENCE_S)
        except GetTimeoutError as error:
            raise MachineError(
                f"node {node.address} has not answered within {_PATIENCE_S} s; mend it, or stop "
                "it (ray stop)"
            ) from error
        except RayTaskError as error:
            why = f"{type(error.cause).__name__}: {error.cause}"
            raise MachineError(
                f"node {node.address} cannot run mnist-batch ({' '.join(why.split())[:300]}); "
                f"install {__version__} there with the extras that it has here"
            ) from error
        except RayError as error:
            if not any(one["NodeID"] == node.id and one["Alive"] for one in ray.nodes()):
                continue  # it has gone meanwhile
            raise MachineError(
                f"node {node.address} does not start a worker ({type(error).__name__}); mend it, "
                "or stop it (ray stop)"
            ) from error
        looked[node] = {"mnist-batch": seen} if isinstance(seen, str) else seen
    return looked


def _check_versions(node: Node, here: Mapping[str, str], there: Seen | Mapping[str, str]) -> None:
    if isinstance(there, Seen):
        return
    for name, version in here.items():
        if there.get(name) != version:
            raise MachineError(
                f"node {node.address} has {name} {there.get(name)}, and this machine has "
                f"{version}; install the same on all nodes"
            )
