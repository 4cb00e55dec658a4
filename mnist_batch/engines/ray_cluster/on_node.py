"""What a worker on a node of a cluster does."""

import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple

from mnist_batch.engines.crashes import Attempt, make_attempt
from mnist_batch.engines.part_job import PartDone, PartJob
from mnist_batch.engines.versions import versions_of
from mnist_batch.errors import MnistBatchError, tell_options
from mnist_batch.inference.workers import available_workers
from mnist_batch.machine import memory, module_folders
from mnist_batch.machine.failures import machine_errors
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.outputs.parts.probe import why_not_shared

_jobs: dict[str, PartJob] = {}  # that of the last run, by its key


class Seen(NamedTuple):
    """What a node sees, and what it computes with.

    Attributes:
        versions: of what the predictions depend on.
        kernels: what computes there, as of `Predictor.kernels`.
        staging: why it does not see the place of the parts as it is; empty where it does.
        row: what comes of reading the first row: empty, or its error.
    """

    versions: dict[str, str]
    kernels: dict[str, str]
    staging: str
    row: str


def job_of(key: str, job: Sequence[Any]) -> PartJob:
    """Return a job, which a worker builds once: the model's network takes a while.

    `job` is an object of Ray, the job pickled, in a list: there Ray does not fetch it unasked.
    """
    if key not in _jobs:
        import ray

        tell_options()  # in messages: the driver tells them as it wants
        module_folders.leave_out_pandas()
        _jobs.clear()
        _jobs[key] = pickle.loads(ray.get(job[0]))
    return _jobs[key]


class Made(NamedTuple):
    """What comes of an attempt on a node.

    Attributes:
        done: the part; None where the attempt was a probe.
        sees_others: whether rows have errors, and the files are others there than those listed.
    """

    done: PartDone | None
    sees_others: bool = False


def make(job: PartJob, attempt: bytes) -> Made:
    """Make a pickled attempt, as `make_attempt` does.

    The workers of a node share its memory: one a core, or where Keras takes all cores a single one.
    """
    one: Attempt = pickle.loads(attempt)
    workers = available_workers() if job.predictor.in_workers else 1
    with machine_errors(), memory.within(job.options.memory, workers):
        done = make_attempt(job, one)
        has_errors = done is not None and done.findings.evaluator.errors > 0
        return Made(done, has_errors and not sees_what_was_listed(one.part))


def sees_what_was_listed(part: Part) -> bool:
    """Tell whether the files of a part are here as they were when the driver listed them.

    That is by names, sizes and times; no file is read.
    """
    return all(piece.shard.fingerprint() == piece.fingerprint for piece in part.pieces)


def look(job: PartJob, asked: bytes) -> Seen:
    """Return what this process sees of a run: `asked` is the pickle of a file and of a part.

    The file is in the place of the parts, and holds its own name.
    """
    probe, part = pickle.loads(asked)
    return Seen(
        versions=versions_of(job.predictor),
        kernels=job.predictor.kernels(),
        staging=why_not_shared(probe),
        row=first_error(part),
    )


def first_error(part: Part) -> str:
    """Return the error of a part's first row, or why it cannot be read; empty for none."""
    try:
        batch = next(iter(part.shards[0].read(1)))
    except MnistBatchError as error:
        return str(error.args[0])  # options in it told alike on all machines
    return batch.error[0].as_py() or ""
