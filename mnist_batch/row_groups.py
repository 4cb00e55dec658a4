"""Row groups of a Parquet file to record batches; rows that cannot be read come as so many lost."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch.schema import Reason, error_text
from mnist_batch.shards import BATCH_BYTES

_STEP_ROWS = 256
"""Rows that are decoded at once: a dictionary page may hold one image of a megabyte that all rows
name. Of so few at a time reading takes 1 % longer."""

_HELD_BYTES = 4 * BATCH_BYTES
"""Rows that are held back until their number is known to be right, at most."""

_SALVAGE_ROWS = 64
"""Rows that are decoded at once where damage is known to be: so many may be lost before it."""

UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)
"""What pyarrow raises on a damaged file; in a footer may be names that are not UTF-8."""


@dataclass(frozen=True)
class Rows:
    """Consecutive rows.

    Attributes:
        count: how many.
        columns: what was read of them. Where there is an error, all columns but that of images, or
            none at all.
        error: why they cannot be read, as the column `error` says it; None where they are.
    """

    count: int
    columns: pa.RecordBatch | None
    error: str | None = None

    def slice(self, start: int, count: int) -> "Rows":
        """Return so many of the rows from one on, or all that there are from there."""
        if start == 0 and count >= self.count:
            return self
        columns = None if self.columns is None else self.columns.slice(start, count)
        return Rows(min(count, self.count - start), columns, self.error)


@dataclass(frozen=True)
class _Damage:
    """Where reading ends before the last row.

    Attributes:
        cause: why.
        doubtful: that rows are missing is all that is known; they may be missing from the middle.
    """

    cause: str
    doubtful: bool = False


_Step: TypeAlias = "pa.RecordBatch | _Damage"


class RowGroups:
    """Reads row groups of one open Parquet file.

    Arrow takes one row after the other, whatever the footer says of their number, and goes on in
    the next row group where one falls short: a single damaged number would move all rows behind it
    to other places. So row groups that are not large are given once all of their rows are there.
    """

    def __init__(
        self, file: pa.NativeFile, footer: pq.FileMetaData, image: str, others: Sequence[str]
    ) -> None:
        """Read nothing yet.

        Args:
            file: the file.
            footer: its footer.
            image: path of the column of images.
            others: names of the columns to be read with it; there may be none.

        Raises:
            OSError: or another of `UNREADABLE`.
        """
        self._file = file
        self._footer = footer
        self._image = image
        self._others = list(others)
        # Without these two a row group is in memory whole, and one can be all of the input.
        self._reader = pq.ParquetFile(
            file,
            metadata=footer,
            pre_buffer=False,
            buffer_size=2**20,
            page_checksum_verification=True,  # where there are checksums
        )

    def read(self, groups: range, batch_size: int) -> Iterator[Rows]:
        """Yield all rows that the footer says the row groups hold, at most `batch_size` at once."""
        for piece in self._pieces(groups):
            yield from self._read_piece(piece, batch_size)

    def _pieces(self, groups: range) -> Iterator[range]:
        """Cut row groups into pieces that are read as one: of about `BATCH_BYTES`, or one group."""
        first, size = groups.start, 0
        for group in groups:
            size += self._size(group)
            if size > BATCH_BYTES and group > first:
                yield range(first, group)
                first, size = group, self._size(group)
        yield range(first, groups.stop)

    def _size(self, group: int) -> int:
        size: int = self._footer.row_group(group).total_byte_size
        return max(0, size)

    def _rows(self, group: int) -> int:
        rows: int = self._footer.row_group(group).num_rows
        return rows

    def _read_piece(self, groups: range, batch_size: int) -> Iterator[Rows]:
        """Yield the rows of row groups; where one is damaged, those of each by itself."""
        given = 0
        rows = sum(map(self._rows, groups))
        usual = BATCH_BYTES * rows // max(sum(map(self._size, groups)), 1)
        step = max(1, min(batch_size, usual, _STEP_ROWS))
        steps = self._steps(groups, [self._image, *self._others], step)
        for batch in _joined(_held_back(steps), batch_size):
            if isinstance(batch, _Damage):
                break
            yield Rows(len(batch), batch)
            given += len(batch)
        else:
            return
        for group in groups:
            rows = self._rows(group)
            if given >= rows:
                given -= rows
            elif given or len(groups) == 1:
                yield from self._salvage(group, given, min(batch_size, _SALVAGE_ROWS))
                given = 0
            else:
                yield from self._read_piece(range(group, group + 1), batch_size)

    def _steps(self, groups: range, columns: Sequence[str], step: int) -> Iterator[_Step]:
        """Yield `step` rows of row groups at a time, and damage last if not all of them come."""
        given, rows = 0, sum(map(self._rows, groups))
        try:
            batches = self._reader.iter_batches(
                step, row_groups=list(groups), columns=list(columns), use_threads=False
            )
            while given < rows:
                batch = next(batches, None)
                if batch is None:
                    yield _Damage(f"{rows - given} rows fewer than the footer says", doubtful=True)
                    return
                given += len(batch)
                if len(batch):
                    yield batch
        except UNREADABLE as error:
            yield _Damage(cause(error), doubtful=not isinstance(error, OSError))

    def _salvage(self, group: int, given: int, step: int) -> Iterator[Rows]:
        """Yield the rows of a damaged row group: up to the damage, then those that are lost.

        The column of images is read apart from the others, which may still tell what each of the
        lost images is.

        Args:
            group: the row group.
            given: rows of it that were given already.
            step: rows at once.
        """
        images = self._salvaged(group, [self._image], step)
        others = self._salvaged(group, self._others, step) if self._others else None
        for start in range(0, self._rows(group), step):
            stop = min(start + step, self._rows(group))
            image, other = next(images), next(others) if others else None
            if stop <= given:
                continue
            damage = next((part for part in (image, other) if isinstance(part, _Damage)), None)
            columns = None if isinstance(other, _Damage) else other
            if damage is None:
                columns = _side_by_side(image, other)
            error = None
            if damage is not None:
                error = error_text(Reason.UNREADABLE_FILE, f"row group {group}: {damage.cause}")
            yield Rows(stop - start, columns, error).slice(max(0, given - start), step)

    def _salvaged(self, group: int, columns: Sequence[str], step: int) -> Iterator[_Step]:
        """Yield `step` rows of some columns at a time, and damage instead from where it begins."""
        given, damage = 0, None
        for part in _held_back(self._steps(range(group, group + 1), columns, step)):
            if isinstance(part, _Damage):
                damage = part
                break
            expected = min(step, self._rows(group) - given)
            if len(part) != expected:
                damage = _Damage(f"{len(part)} rows where {expected} were expected")
                break
            given += len(part)
            yield part
        while True:
            yield damage or _Damage("no more rows than the footer says")


def _held_back(steps: Iterator[_Step]) -> Iterator[_Step]:
    """Yield rows once all of them are there, or so many that they take `_HELD_BYTES`.

    Where the damage is doubtful, none of what is held back is given.
    """
    held: list[_Step] = []
    size = 0
    for step in steps:
        if isinstance(step, _Damage):
            if not step.doubtful:
                yield from held
            yield step
            return
        held.append(step)
        size += step.nbytes
        if size > _HELD_BYTES:
            break
    yield from held
    yield from steps


def _joined(steps: Iterator[_Step], batch_size: int) -> Iterator[_Step]:
    """Yield rows in batches that hold `batch_size`, or about `BATCH_BYTES`; and the damage."""
    waiting: list[pa.RecordBatch] = []
    rows, size = 0, 0
    for step in steps:
        if isinstance(step, _Damage):
            if waiting:
                yield _as_one(waiting)
            yield step
            return
        rows, size = rows + len(step), size + step.nbytes
        if waiting and (rows > batch_size or size > BATCH_BYTES):
            yield _as_one(waiting)
            waiting, rows, size = [], len(step), step.nbytes
        waiting.append(step)
    if waiting:
        yield _as_one(waiting)


def _as_one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _side_by_side(image: pa.RecordBatch, others: pa.RecordBatch | None) -> pa.RecordBatch:
    """Return the columns of two batches of the same rows as one."""
    if others is None:
        return image
    return pa.record_batch(
        [*image.columns, *others.columns], schema=pa.schema([*image.schema, *others.schema])
    )


def unreadable(error: BaseException) -> str:
    """Return the text of the column `error` for the rows of a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return error_text(Reason.MISSING_FILE)
    return error_text(Reason.UNREADABLE_FILE, cause(error))


def cause(error: BaseException) -> str:
    """Return what pyarrow or the operating system says of a file, on one line."""
    number = getattr(error, "errno", None)
    text = os.strerror(number) if number else str(error)
    return " ".join(text.split()) or type(error).__name__
