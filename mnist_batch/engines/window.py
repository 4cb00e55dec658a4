"""The order of parts that are predicted elsewhere: which may begin, and which come next."""

from collections.abc import Iterable, Iterator, Sequence

from mnist_batch.engines.part_job import PartDone
from mnist_batch.outputs.parts.parts import Part


class Window:
    """Hands out parts in order, a bounded number ahead of the first that is not done.

    What comes back early waits for that one, so this bounds the memory of whoever takes it.

    Attributes:
        ahead: how many parts may be done or under way from the first undone one on.
    """

    def __init__(self, parts: Iterable[Part], ahead: int) -> None:
        """Begin; no part begins while `ahead` parts before it, from the first undone one on, do."""
        self._parts = iter(parts)
        self.ahead = ahead
        self._begun: dict[int, bool] = {}  # by number, in order: whether it is done

    @property
    def under_way(self) -> int:
        """The number of parts that have begun and are not done."""
        return sum(not done for done in self._begun.values())

    def begin(self) -> Part | None:
        """Return the next part; None where it has to wait, or where there is none."""
        if len(self._begun) >= self.ahead:
            return None
        part = next(self._parts, None)
        if part is not None:
            self._begun[part.number] = False
        return part

    def finish(self, number: int) -> bool:
        """Note that a part is done; return whether it was not before."""
        if self._begun.get(number, True):
            return False
        self._begun[number] = True
        for first in [*self._begun]:
            if not self._begun[first]:
                break
            del self._begun[first]
        return True


def in_order(done: Iterable[PartDone], parts: Sequence[Part]) -> Iterator[PartDone]:
    """Yield the first attempt at each part, in the order of the parts.

    Args:
        done: attempts in any order, several of a part maybe.
        parts: those that are predicted.

    Raises:
        RuntimeError: while iterating, a part is missing.
    """
    early: dict[int, PartDone] = {}
    attempts = iter(done)
    waiting = iter(parts)
    part = next(waiting, None)
    while part is not None:
        if part.number in early:
            yield early.pop(part.number)
            part = next(waiting, None)
            continue
        attempt = next(attempts, None)
        if attempt is None:
            raise RuntimeError(f"part {part.number} was not predicted")
        if attempt.number >= part.number:
            early.setdefault(attempt.number, attempt)
