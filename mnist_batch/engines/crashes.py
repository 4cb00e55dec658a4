"""What becomes of a part whose process dies, be it on this machine or on another one.

A library in C that meets the wrong image can end its process, and so can a limit of memory. An
engine gives each of its processes an `Attempt` at a time, and asks the attempt what to do next:

    Attempt(part)                   begins with a part
    make_attempt(job, attempt)      in a process: the part that is done; None where the attempt
                                    was a probe
    attempt.after_probe()           the next attempt, after None
    attempt.after_death()           the next attempt, after the process died over it
    attempt.after_timeout(seconds)  the next attempt, after the process was ended for it took longer

A part that a process dies over is tried again. Once it has ended `DEATHS` processes, its rows are
searched in pieces, and pieces of these: probes predict some and write nothing. A row that ends
`DEATHS` processes alone, where it may have all the memory that a picture may take, is what does it;
or the shard that is read with it, where to read that is enough. In the end the whole part is
predicted once more, with these as rows with the error `Reason.CRASHED`, or `Reason.UNREADABLE_FILE`
for all rows of a shard. The batches are the same, so that no other row changes in any bit.

An image may also hang the decoder. So an engine may end a process that takes too long, which counts
as a death. But machines and disks of a network hang too: before such a search all of the part but
the decoding is tried, and where that takes too long, no image is to blame. A reader that hangs is
the machine's failure.

What an engine knows not to come of the attempt, as a machine of a cluster that is gone, is no death
of it: the same attempt is made again. `Attempt.is_alone` asks that nothing else runs beside it on
its machine, where the engine can see to that: what another process takes is no fault of the row.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, count

import numpy as np

from mnist_batch.decoding.attempts import require_most_memory
from mnist_batch.engines.crashed_rows import CrashedRows, UnreadRows
from mnist_batch.engines.part_job import PartDone, PartJob, predict_part, predicted_batches
from mnist_batch.errors import MachineError
from mnist_batch.inputs.shards import Piece, Shard
from mnist_batch.outputs.parts.parts import Part

DEATHS = 3
"""Processes that have to die over the same before it is held to be the cause."""

_PIECES = 16
"""In how many pieces rows are searched: among 32,768 rows one is found after 4 deaths more, each of
which may last as long as a part may take; by halves, after 15."""

_MOST_CRASHED = 64
"""Rows of a part that may crash: each takes some seconds to find, and where there are more, a
library is broken, or somebody made the files."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """What a process is given to do; it can be pickled.

    Attributes:
        part: the part.
        deaths: how many processes have died over just this.
        crashed: the rows that are known to crash, by their places in the part, ascending.
        unreadable: the shards that are known to crash when they are read, by their numbers among
            those that the part's shards join, ascending.
        probe: the places of the rows to predict, of which nothing is written; None for the part.
        reads: whether the shard of the row is to be read, whole, and nothing predicted.
        decodes: whether images are decoded; without, all rows of the part are predicted as errors.
        unsearched: the probes after it, the next one last.
        known: how many causes were known when the search began; None before any search.
    """

    part: Part
    deaths: int = 0
    crashed: tuple[int, ...] = ()
    unreadable: tuple[int, ...] = ()
    probe: range | None = None
    reads: bool = False
    decodes: bool = True
    unsearched: tuple[range, ...] = ()
    known: int | None = None

    @property
    def is_alone(self) -> bool:
        """Whether nothing else should run beside it: it decides about a single row."""
        return self.probe is not None and len(self.probe) == 1

    def after_probe(self) -> "Attempt":
        """Return the attempt after a probe whose process lived.

        Raises:
            MachineError: too many rows are known to crash.
        """
        if not self.decodes:
            return self._search()
        if not self.reads or self.probe is None:
            return self._next(self.unsearched)
        if len(self.crashed) == _MOST_CRASHED:
            raise MachineError(
                f"{self._where}: more than {_MOST_CRASHED} images of these end the process that "
                "decodes them; leave them out if you do not know where they come from, or install "
                "mnist-batch anew"
            )
        crashed = tuple(sorted((*self.crashed, self.probe[0])))
        return replace(self, crashed=crashed)._next(self.unsearched)

    def after_death(self) -> "Attempt":
        """Return the attempt after the process died.

        Raises:
            MachineError: neither a row alone nor the reading of a shard is what does it.
        """
        if not self.decodes:
            return self._search()
        if self._is_last and self.reads:
            return self._without_shard()
        if self._is_last and self.probe is None:
            if self._is_searched:
                raise MachineError(
                    f"{self._where}: the processes that predict these rows ended {DEATHS} times, "
                    "and no image alone does it; nothing is wrong with the data; allow more memory "
                    "(the container's limit), or pass fewer --workers"
                )
            return self._search()
        return self._narrowed()

    def after_timeout(self, seconds: float) -> "Attempt":
        """Return the attempt after the process was ended, since it took more than `seconds`.

        Raises:
            MachineError: no row alone takes so long, or all but the decoding does.
        """
        is_whole = self.probe is None
        if not self.decodes or (self._is_last and (self.reads or (is_whole and self._is_searched))):
            raise MachineError(
                f"{self._where}: not done within {seconds:g} s, {DEATHS} times, and no image alone "
                "takes so long; the machine, or what it reads from, hangs or is slow; mend that, "
                "or pass a longer --part-timeout"
            )
        if self._is_last and is_whole:
            return replace(self, deaths=0, probe=range(self.part.rows), decodes=False)
        return self._narrowed()

    @property
    def _is_last(self) -> bool:
        """Whether one death more is enough to say what does it."""
        return self.deaths + 1 == DEATHS

    @property
    def _is_searched(self) -> bool:
        """Whether a search has found nothing more than is known."""
        return self.known == len(self.crashed) + len(self.unreadable)

    def _narrowed(self) -> "Attempt":
        """Return the attempt after a death that says nothing yet of any row."""
        if self.probe is not None and len(self.probe) > 1:
            return self._next((*self.unsearched, *_pieces(self.probe)))
        if self._is_last:
            return replace(self, deaths=0, reads=True)
        return replace(self, deaths=self.deaths + 1)

    def _search(self) -> "Attempt":
        """Return the first probe of a search for the rows that the whole part dies over."""
        known = len(self.crashed) + len(self.unreadable)
        return replace(self, known=known)._next(_pieces(range(self.part.rows)))

    def _next(self, probes: tuple[range, ...]) -> "Attempt":
        """Return the last of some probes, or the whole part after them."""
        *unsearched, probe = probes or (None,)
        rest = tuple(unsearched)
        return replace(self, deaths=0, probe=probe, reads=False, decodes=True, unsearched=rest)

    def _without_shard(self) -> "Attempt":
        """Return the attempt after the shard of the probe's row is known to be unreadable."""
        assert self.probe is not None
        number, _ = _read_with(self.part, self.probe[0])
        unreadable = tuple(sorted({*self.unreadable, number}))
        return replace(self, unreadable=unreadable)._next(self.unsearched)

    @property
    def _where(self) -> str:
        # Nothing is read here: it could end this process.
        return f"{self.part.rows:,} rows from those of {self.part.pieces[0].shard.source} on"


def _pieces(rows: range) -> tuple[range, ...]:
    """Return consecutive pieces of some rows, the last one first; of one row the row."""
    size = -(-len(rows) // _PIECES)
    return tuple(rows[start : start + size] for start in reversed(range(0, len(rows), size)))


def make_attempt(job: PartJob, attempt: Attempt) -> PartDone | None:
    """Do what an attempt says; return its part, or None of a probe.

    Raises:
        MachineError: as `predict_part`, or there is less memory than a single picture may take.
        MnistBatchError: as `predict_part`.
    """
    if attempt.is_alone:
        require_most_memory()
    if not attempt.decodes:
        attempt = replace(attempt, crashed=tuple(range(attempt.part.rows)))
    part = _with_errors(attempt)
    if attempt.probe is None:
        return predict_part(job, part)
    if attempt.reads:
        _, shard = _read_with(attempt.part, attempt.probe[0])
        batches: Iterator[object] = shard.read(job.options.model.batch_size)
    else:
        batches = predicted_batches(job, [*_shards_of(part, attempt.probe)], len(attempt.probe))
    for _ in batches:
        pass
    return None


def _with_errors(attempt: Attempt) -> Part:
    """Return the part of an attempt, with the errors of the rows that are known to crash."""
    part, pieces = attempt.part, list[Piece]()
    places = np.array(attempt.crashed, np.int64)
    numbers = count()
    for start, piece in zip(_starts(part.shards), part.pieces, strict=False):
        shard = piece.shard
        inside = places[(places >= start) & (places < start + shard.rows)] - start
        joined = [
            UnreadRows(one) if next(numbers) in attempt.unreadable else one for one in shard.joined
        ]
        if any(isinstance(one, UnreadRows) for one in joined):
            shard = shard.joining(joined)
        if len(inside):
            shard = CrashedRows(shard, inside)
        pieces.append(piece._replace(shard=shard))
    return replace(part, pieces=pieces)


def _shards_of(part: Part, rows: range) -> Iterator[Shard]:
    """Yield shards of consecutive rows of a part."""
    for start, shard in zip(_starts(part.shards), part.shards, strict=False):
        first, stop = max(rows.start - start, 0), min(rows.stop - start, shard.rows)
        if first < stop:
            whole = stop - first == shard.rows
            yield shard if whole else shard.take(np.arange(first, stop))


def _read_with(part: Part, place: int) -> tuple[int, Shard]:
    """Return the shard that is read with a row, of those that are joined, and its number."""
    joined = _joined(part)
    number = bisect_right(_starts(joined), place) - 1
    return number, joined[number]


def _joined(part: Part) -> list[Shard]:
    """Return all shards that those of a part join."""
    return [one for shard in part.shards for one in shard.joined]


def _starts(shards: Sequence[Shard]) -> list[int]:
    """Return the place at which each shard starts, and their number of rows."""
    return [*accumulate((shard.rows for shard in shards), initial=0)]
