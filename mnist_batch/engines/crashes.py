"""What becomes of a part whose process dies, be it on this machine or on another one.

A library in C that meets the wrong image can end its process, and so can a limit of memory. An
engine gives each of its processes an `Attempt` at a time, and asks the attempt what to do next:

    Attempt(part)                   begins with a part
    make_attempt(job, attempt)      in a process: the part that is done; None where the attempt
                                    was a probe
    attempt.after_probe()           the next attempt, after None
    attempt.after_death()           the next attempt, after the process died over it

A part that a process dies over is tried again. Once it has ended `DEATHS` processes, its rows are
searched by halves: probes predict some of them and write nothing. A row that ends `DEATHS`
processes alone, where it may have all the memory that a picture may take, is what does it. In the
end the whole part is predicted once more, with these as rows with the error `Reason.CRASHED`: in
the same batches, so that no other row changes in any bit.

What an engine knows not to come of the attempt, as a machine of a cluster that is gone, is no death
of it: the same attempt is made again. `Attempt.is_alone` asks that nothing else runs beside it on
its machine, where the engine can see to that: what another process takes is no fault of the row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.decoding.attempts import require_most_memory
from mnist_batch.engines.part_job import PartDone, PartJob, predict_part, predicted_batches
from mnist_batch.errors import MachineError
from mnist_batch.inputs.shards import Shard
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.schema import ImageBatch, Reason

DEATHS = 3
"""Processes that have to die over the same before it is held to be the cause."""

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
        probe: the places of the rows to predict, of which nothing is written; None for the part.
        unsearched: the probes after it, the next one last.
        known: how many rows were known to crash when the search began; None before any search.
    """

    part: Part
    deaths: int = 0
    crashed: tuple[int, ...] = ()
    probe: range | None = None
    unsearched: tuple[range, ...] = ()
    known: int | None = None

    @property
    def is_alone(self) -> bool:
        """Whether nothing else should run beside it: it decides about a single row."""
        return self.probe is not None and len(self.probe) == 1

    def after_probe(self) -> "Attempt":
        """Return the attempt after a probe whose process lived."""
        return self._next(self.unsearched)

    def after_death(self) -> "Attempt":
        """Return the attempt after the process died.

        Raises:
            MachineError: no row alone is what does it, or too many are.
        """
        deaths = self.deaths + 1
        if self.probe is not None and len(self.probe) > 1:
            return self._next((*self.unsearched, *_halves(self.probe)))
        if deaths < DEATHS:
            return replace(self, deaths=deaths)
        if self.probe is not None:
            return replace(self, crashed=self._crashed_with(self.probe[0])).after_probe()
        if self.known == len(self.crashed):
            raise MachineError(
                f"{self._where}: the processes that predict these rows ended {DEATHS} times, and "
                "no image alone does it; nothing is wrong with the data; allow more memory (the "
                "container's limit), or pass fewer --workers"
            )
        return replace(self, known=len(self.crashed))._next(_halves(range(self.part.rows)))

    def _next(self, probes: tuple[range, ...]) -> "Attempt":
        """Return the last of some probes, or the whole part after them."""
        *unsearched, probe = probes or (None,)
        return replace(self, deaths=0, probe=probe, unsearched=tuple(unsearched))

    def _crashed_with(self, place: int) -> tuple[int, ...]:
        if len(self.crashed) == _MOST_CRASHED:
            raise MachineError(
                f"{self._where}: more than {_MOST_CRASHED} images of these end the process that "
                "decodes them; leave them out if you do not know where they come from, or install "
                "mnist-batch anew"
            )
        return tuple(sorted({*self.crashed, place}))

    @property
    def _where(self) -> str:
        source, row = self.part.pieces[0].shard.place(0)
        return f"{self.part.rows:,} rows from {source}, row {row}, on"


def _halves(rows: range) -> tuple[range, ...]:
    """Return the second and the first half of some rows; of one row the row."""
    middle = len(rows) // 2
    return tuple(half for half in (rows[middle:], rows[:middle]) if half)


def make_attempt(job: PartJob, attempt: Attempt) -> PartDone | None:
    """Do what an attempt says; return its part, or None of a probe.

    Raises:
        MachineError: as `predict_part`, or there is less memory than a single picture may take.
        MnistBatchError: as `predict_part`.
    """
    if attempt.is_alone:
        require_most_memory()
    part = _with_crashed(attempt.part, attempt.crashed)
    if attempt.probe is None:
        return predict_part(job, part)
    for _ in predicted_batches(job, [*_shards_of(part, attempt.probe)], len(attempt.probe)):
        pass
    return None


def _with_crashed(part: Part, crashed: Sequence[int]) -> Part:
    """Return a part of which some rows, by their places, have an error and are not decoded."""
    if not crashed:
        return part
    places, pieces = np.array(crashed, np.int64), []
    for start, piece in zip(_starts(part), part.pieces, strict=False):
        inside = places[(places >= start) & (places < start + piece.shard.rows)] - start
        shard = CrashedRows(piece.shard, inside) if len(inside) else piece.shard
        pieces.append(piece._replace(shard=shard))
    return replace(part, pieces=pieces)


def _shards_of(part: Part, rows: range) -> Iterator[Shard]:
    """Yield shards of consecutive rows of a part."""
    for start, shard in zip(_starts(part), part.shards, strict=False):
        first, stop = max(rows.start - start, 0), min(rows.stop - start, shard.rows)
        if first < stop:
            whole = stop - first == shard.rows
            yield shard if whole else shard.take(np.arange(first, stop))


def _starts(part: Part) -> list[int]:
    """Return the place at which each shard of a part starts, and its number of rows."""
    return [*accumulate((shard.rows for shard in part.shards), initial=0)]


@dataclass(frozen=True, eq=False)
class CrashedRows(Shard):
    """A shard of which some rows have the error `Reason.CRASHED`, and are not decoded."""

    shard: Shard
    places: npt.NDArray[np.int64]  # of these rows in it, ascending int64 (k,)

    @property
    def rows(self) -> int:
        """The number of all rows."""
        return self.shard.rows

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return self.shard.encoded

    @property
    def source(self) -> str:
        """The source of the shard."""
        return self.shard.source

    def read_from(self) -> Sequence[str | bytes]:
        """Return what the shard is read from, and the places."""
        return [*self.shard.read_from(), self.places.tobytes()]

    def place(self, row: int) -> tuple[str, int]:
        """Return what the shard says."""
        return self.shard.place(row)

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the shard's own batches, with the errors."""
        start = 0
        for batch in self.shard.read(batch_size):
            crashed = np.isin(np.arange(start, start + len(batch)), self.places)
            yield _marked(batch, crashed) if crashed.any() else batch
            start += len(batch)


def _marked(batch: ImageBatch, crashed: npt.NDArray[np.bool_]) -> ImageBatch:
    """Return rows of which some, bool (n,), have the error; bytes stay, for their hash."""
    error = pc.if_else(pa.array(crashed), str(Reason.CRASHED), batch.error)
    images = batch.images
    if not isinstance(images, pa.Array):
        images = np.where(crashed[:, None, None], np.uint8(0), images)
    return replace(batch, error=error, images=images)
