"""Engines that predict parts in this process, as one elsewhere would."""

import pickle
from collections.abc import Generator, Iterable, Mapping, Sequence
from types import MappingProxyType

from mnist_batch.engines.part_job import PartDone, PartJob, predict_part
from mnist_batch.outputs.parts.parts import Part


class InProcess:
    """Predicts all parts, yields them in an order of its own, and pickles what it is given.

    Attributes:
        predicted: the numbers of the parts that it predicted.
    """

    notes: Sequence[str] = ()
    kernels: Mapping[str, str] = MappingProxyType({})

    def __init__(self, order: Sequence[int] | None = None) -> None:
        """Yield parts by their places among those that are given; None for the last first."""
        self._order = order
        self.predicted: list[int] = []

    def run(self, job: PartJob, parts: Iterable[Part]) -> Generator[PartDone, None, None]:
        """Yield the parts."""
        job, given = pickle.loads(pickle.dumps((job, [*parts])))
        for place in self._order or reversed(range(len(given))):
            self.predicted.append(given[place].number)
            yield pickle.loads(pickle.dumps(predict_part(job, given[place])))
