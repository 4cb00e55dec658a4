"""What all tasks of a run share: the job, and the functions that run first on the nodes."""

import os
import pickle
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mnist_batch.engines.part_job import PartJob
from mnist_batch.engines.ray_cluster import sent


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


@contextmanager
def shared(job: PartJob) -> Iterator[SharedJob]:
    """Have a job where all nodes can fetch it."""
    import ray

    # By value, not by the names of their module: see there.
    ray.cloudpickle.register_pickle_by_value(sent)
    try:
        folders = [os.path.dirname(os.path.realpath(sys.argv[0])), os.path.abspath(os.curdir)]  # noqa: PTH100, PTH120 - as Ray does
        yield SharedJob(folders, secrets.token_hex(8), [ray.put(pickle.dumps(job))])
    finally:
        ray.cloudpickle.unregister_pickle_by_value(sent)
