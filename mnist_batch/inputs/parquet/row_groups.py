"""Read row groups of a Parquet file to record batches, and count the rows that are lost."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch._kernels.parquet import DATA_PAGE, DICTIONARY_PAGE, NULLS, STORED_BYTES, VALUES
from mnist_batch.decoding.pixels import all_whole
from mnist_batch.inputs.files.opening import UNREADABLE, cause
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.parquet.columns import ImageColumn
from mnist_batch.inputs.parquet.footers import Footer, read_chunks
from mnist_batch.inputs.parquet.pages import MAX_PAGE_BYTES, CheckedPages, check_chunks, find_leaves
from mnist_batch.inputs.shards import BATCH_BYTES
from mnist_batch.machine.failures import has_room, not_read, raise_if_of_machine
from mnist_batch.mnist import PIXELS
from mnist_batch.schema import PATH, Reason, error_text

_STEP_BYTES = 256 * 2**20
"""Bytes of the rows that are decoded at once, if each is as large as a value can be: a dictionary
page may hold one image of a megabyte that all rows refer to."""

_HELD_BYTES = 4 * BATCH_BYTES
"""Bytes of the rows that are held back until their number is known to be right; and of those that
are decoded at once, except the first ones that are larger than the footer says."""

_LEAST_BUFFER = 2**14
"""Bytes of a column that are read at once, at least."""

_SALVAGE_ROWS = 64
"""Rows that are decoded at once in a damaged row group: as many sound ones may be lost."""


@dataclass(frozen=True)
class RowSlice:
    """Consecutive rows, which were read or are lost."""

    count: int  # the number of rows
    # Their columns. Of lost rows, all columns but the images, or None. Any that is kept may lack.
    columns: pa.RecordBatch | None
    # Why they are lost, as the column `error` says it; None where they were read.
    error: str | None = None

    def slice(self, start: int, count: int) -> "RowSlice":
        """Return up to `count` of the rows, from the one at `start` on."""
        if start == 0 and count >= self.count:
            return self
        columns = None if self.columns is None else self.columns.slice(start, count)
        return RowSlice(min(count, self.count - start), columns, self.error)


class _Damage(Exception):  # noqa: N818 - it ends reading, and never leaves this module
    """The end of reading before the last row, and why.

    Where it is doubtful, rows may be missing anywhere before, so that no row has a sure place.
    """

    def __init__(self, cause: str, *, doubtful: bool = False) -> None:
        super().__init__(cause)
        self.doubtful = doubtful


class RowGroups:
    """Reads row groups of one open Parquet file.

    Arrow ignores the number of rows in the footer: where a row group has too few, it goes on with
    the next one, and a single damaged number would move all later rows to other places. So the
    values of all pages are counted first, and the rows of a small row group are yielded once all of
    them are read. Pages of lists count numbers, not rows: their row groups are read one by one, and
    where the footer says that each row has 784 numbers, each row must have them.
    """

    def __init__(
        self,
        file: pa.NativeFile,
        footer: Footer,
        image: ImageColumn,
        others: Sequence[str],
        kept: Sequence[str] = (),
    ) -> None:
        """Read where the columns lie, and no rows.

        `file` is open, and `footer` is its footer. `others` names further columns to read; there
        may be none. `kept` names such without which rows are whole: where they are damaged, they
        lack. The path of `image.names` may be among them, which becomes a column of that name.

        Raises:
            OSError: or another of `UNREADABLE`.
        """
        self._file = file
        self._path, self._footer = footer.path, footer.metadata
        self._size_bytes = footer.file_size
        self._images = image.paths
        self._names = image.names if image.names in kept else None
        self._struct = image.name
        self._others = list(others)
        self._kept = [name for name in kept if name not in others]
        leaves = find_leaves(footer.metadata, image, others, self._kept)
        self._flat, self._is_image = leaves.flat, leaves.is_image
        self._is_kept = leaves.is_kept
        self._fixed_bytes = leaves.fixed_bytes
        self._chunks = read_chunks(footer, leaves.places)
        self._lists = not self._flat[self._is_image].all()
        # Without these two a row group is in memory whole, and one can be all of the input.
        self._reader = pq.ParquetFile(
            file,
            metadata=footer.metadata,
            pre_buffer=False,
            buffer_size=max(_LEAST_BUFFER, 2**20 // len(self._images)),
            page_checksum_verification=True,  # where there are checksums
        )

    def spans(self, groups: range) -> list[tuple[int, int]]:
        """Return which bytes of the file the columns of row groups take, as the footer says."""
        chunks = self._chunks[groups.start : groups.stop].reshape(-1, self._chunks.shape[-1])
        pages = chunks[:, [DATA_PAGE, DICTIONARY_PAGE]]
        starts = np.where(pages[:, 1] > 0, pages.min(axis=1), pages[:, 0])
        # Arrow reads so many bytes more of files that old writers may have made (PARQUET-816).
        bounds = np.stack([starts, starts + chunks[:, STORED_BYTES] + 100], axis=1)
        bounds = bounds.clip(0, self._size_bytes)
        return [(start, stop) for start, stop in bounds.tolist() if start < stop]

    def read(self, groups: range, batch_size: int) -> Iterator[RowSlice]:
        """Yield all rows that the footer says the row groups hold, at most `batch_size` at once.

        Raises:
            MachineError: while iterating, where the storage fails.
        """
        for piece in self._pieces(groups):
            yield from self._read_piece(piece, batch_size)

    def _pieces(self, groups: range) -> Iterator[range]:
        """Yield runs of row groups to be read together: about `BATCH_BYTES` of them, or one.

        Lists are read group by group: damage in one would move the rows of the next.
        """
        first, size = groups.start, 0
        for group in groups:
            size += self._size(group)
            if (self._lists or size > BATCH_BYTES) and group > first:
                yield range(first, group)
                first, size = group, self._size(group)
        yield range(first, groups.stop)

    def _size(self, group: int) -> int:
        return max(0, int(self._footer.row_group(group).total_byte_size))

    def _rows(self, group: int) -> int:
        return int(self._footer.row_group(group).num_rows)

    def _is_even(self, group: int) -> bool:
        """Tell whether the footer says that each list of a row group has 784 numbers and no null.

        If so, a list of another length is damage, and all later rows may be in other places. If
        not, such lists were written so, and only their own rows are lost.
        """
        chunk = self._chunks[group, int(np.argmax(self._is_image))]
        return bool(chunk[VALUES] == self._rows(group) * PIXELS and chunk[NULLS] <= 0)

    def _check(self, groups: range) -> CheckedPages:
        rows = np.array([self._rows(group) for group in groups], np.int64)
        chunks = self._chunks[groups.start : groups.stop]
        try:
            return check_chunks(self._file, chunks, rows, self._flat)
        except OSError as error:  # though the footer could be read
            raise not_read(error, text_of_path(self._path)) from error

    def _read_piece(self, groups: range, batch_size: int) -> Iterator[RowSlice]:
        """Yield the rows of row groups; where one is damaged, read each by itself."""
        given = 0
        pages = self._check(groups)
        if not pages.errors:
            steps = self._light_steps(groups, self._step(groups, pages, batch_size))
            with suppress(_Damage):
                for batch in _joined(_held_back(steps), batch_size):
                    yield RowSlice(len(batch), batch)
                    given += len(batch)
                return
        for group in groups:
            rows = self._rows(group)
            if given >= rows:
                given -= rows
            elif given or len(groups) == 1:
                yield from self._salvage(group, given, batch_size)
                given = 0
            else:
                yield from self._read_piece(range(group, group + 1), batch_size)

    def _step(self, groups: range, pages: CheckedPages, most: int) -> int:
        """Return how many rows to decode at once, at most `most`."""
        rows = sum(map(self._rows, groups))
        # By the footer. But its sizes may be far too large, and row by row would take for ever.
        value_bytes = max(pages.value_bytes, self._fixed_bytes)
        value = value_bytes * (PIXELS if self._lists else 1)
        size = max(1, sum(map(self._size, groups)))
        usual = max(BATCH_BYTES * rows // size, BATCH_BYTES // value)
        return max(1, min(most, usual, _STEP_BYTES // value_bytes))

    def _light_steps(self, groups: range, step: int) -> Iterator[pa.RecordBatch]:
        """Yield rows as `_steps` does, but fewer once they are much larger than the footer says."""
        columns = [*self._images, *self._others, *self._kept]
        rows = sum(map(self._rows, groups))
        given, size = 0, 0
        for batch in self._steps(groups, columns, step, rows):
            yield batch
            given, size = given + len(batch), batch.nbytes
            del batch  # which may be large
            if size > _HELD_BYTES and step > 1:
                break
        if given == rows:
            return
        for batch in self._steps(groups, columns, max(1, step * BATCH_BYTES // size), rows):
            if len(batch) > given:
                yield batch.slice(given)
            given = max(0, given - len(batch))

    def _steps(
        self, groups: range, columns: Sequence[str], step: int, sound: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield `step` rows of row groups at a time.

        Reading ends before the batch that would go beyond the first `sound` rows.

        Raises:
            _Damage: while iterating, where rows are missing.
        """
        given, rows = 0, sum(map(self._rows, groups))
        lists = self._lists and self._images[0] in columns
        try:
            even = lists and all(map(self._is_even, groups))
            batches = self._reader.iter_batches(
                step, row_groups=list(groups), columns=list(columns), use_threads=False
            )
            while given < rows and min(given + step, rows) <= sound:
                batch = next(batches, None)
                if batch is None:
                    raise _Damage(
                        f"rows missing: {rows - given}",
                        doubtful=True,
                    )
                given += len(batch)
                if even and not all_whole(batch.column(self._images[0])):
                    raise _Damage(f"lists of other than {PIXELS} numbers", doubtful=True)
                if lists and (given > rows or (given == rows and any(map(len, batches)))):
                    raise _Damage("more rows than the footer says", doubtful=True)
                if len(batch):
                    yield self._with_names(_without_dictionaries(batch), columns)
        except UNREADABLE as error:
            if not (_asks_too_much(error) and has_room(_HELD_BYTES)):
                raise_if_of_machine(error, room=_HELD_BYTES)
            # A page of lists may be wrong from its beginning, and fail only at its end.
            doubtful = lists or not isinstance(error, OSError)
            raise _Damage(cause(error), doubtful=doubtful) from error

    def _with_names(self, batch: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
        """Return rows with the names of images as a column, where they were read."""
        if self._names not in columns:
            return batch
        place = batch.schema.get_field_index(self._struct)
        struct = batch.column(place)
        # A null struct has children that may hold anything; flatten makes them null too.
        names = struct.flatten()[struct.type.get_field_index(PATH.name)]
        batch = batch.append_column(self._names, names)
        return batch if self._images[0] in columns else batch.remove_column(place)

    def _salvage(self, group: int, given: int, batch_size: int) -> Iterator[RowSlice]:
        """Yield the rows of a damaged row group: those before the damage, then the lost ones.

        The images are read apart from the other columns, which may still name the lost images, and
        these apart from columns that are kept. The first `given` rows were yielded before.
        """
        pages = self._check(range(group, group + 1))
        step = self._step(range(group, group + 1), pages, min(batch_size, _SALVAGE_ROWS))
        images = self._salvaged(group, self._images, step, pages, self._is_image)
        others: Iterator[pa.RecordBatch | str | None] = repeat(None)
        kept = others
        if self._others:
            needed = ~(self._is_image | self._is_kept)
            others = self._salvaged(group, self._others, step, pages, needed)
        if self._kept:
            kept = self._salvaged(group, self._kept, step, pages, self._is_kept)
        for start in range(0, self._rows(group), step):
            image, other, further = next(images), next(others), next(kept)
            count = min(step, self._rows(group) - start)
            if start + count <= given:
                continue
            parts, error = [image, other, further], None
            if reason := next((part for part in (image, other) if isinstance(part, str)), None):
                error = error_text(Reason.UNREADABLE_FILE, f"row group {group}: {reason}")
                parts = [] if isinstance(other, str) else [other, further]
            columns = _side_by_side([part for part in parts if isinstance(part, pa.RecordBatch)])
            yield RowSlice(count, columns, error).slice(max(0, given - start), step)

    def _salvaged(
        self,
        group: int,
        columns: Sequence[str],
        step: int,
        pages: CheckedPages,
        stored: npt.NDArray[np.bool_],
    ) -> Iterator[pa.RecordBatch | str]:
        """Yield `step` rows of some columns at a time, and the damage in place of all later ones.

        `stored`, bool (k,), says which of all columns that are read these are.
        """
        sound = int(pages.rows[0, stored].min())
        errors = (text for (_, place), text in pages.errors.items() if stored[place])
        damage = next(errors, "no more rows than the footer says")
        given = 0
        try:
            for batch in _held_back(self._steps(range(group, group + 1), columns, step, sound)):
                expected = min(step, self._rows(group) - given)
                if len(batch) != expected:
                    raise _Damage(f"{len(batch)} rows where {expected} were expected")
                given += len(batch)
                yield batch
        except _Damage as error:
            damage = str(error)
        yield from repeat(damage)


def _asks_too_much(error: BaseException) -> bool:
    """Tell whether Arrow had no memory for what no sound rows take: so the file is what is wrong.

    Its buffers grow to twice what is in them, and that is a page at most.
    """
    asked = _ASKED.match(str(error)) if isinstance(error, pa.ArrowMemoryError) else None
    return asked is not None and int(asked[1]) > 2 * MAX_PAGE_BYTES


_ASKED = re.compile("(?:malloc|realloc) of size ([0-9]+) failed")
"""As Arrow's pools of memory say it, in memory_pool.cc."""


def _without_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows with dictionaries decoded: only then is their size known."""
    if not any(pa.types.is_dictionary(field.type) for field in batch.schema):
        return batch
    columns = [
        column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _held_back(steps: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield rows once all of them are read, or as many as take `_HELD_BYTES`.

    If the damage is doubtful, the rows held back are dropped.
    """
    held: list[pa.RecordBatch] = []
    size = 0
    try:
        for step in steps:
            held.append(step)
            size += step.nbytes
            if size > _HELD_BYTES:
                break
    except _Damage as damage:
        if not damage.doubtful:
            yield from held
        raise
    while held:  # and drop each one: it may be large
        yield held.pop(0)
    yield from steps


def _joined(steps: Iterator[pa.RecordBatch], batch_size: int) -> Iterator[pa.RecordBatch]:
    """Yield rows joined to batches of up to `batch_size` or about `BATCH_BYTES`."""
    waiting: list[pa.RecordBatch] = []
    rows, size = 0, 0
    try:
        for step in steps:
            rows, size = rows + len(step), size + step.nbytes
            if waiting and (rows > batch_size or size > BATCH_BYTES):
                yield _as_one(waiting)
                waiting, rows, size = [], len(step), step.nbytes
            if size > 2 * BATCH_BYTES and len(step) > 1:
                # Rows larger than the footer says: as slices they take no memory of their own.
                count = max(1, len(step) * BATCH_BYTES // size)
                yield from (step.slice(at, count) for at in range(0, len(step), count))
                rows, size = 0, 0
            else:
                waiting.append(step)
    except _Damage:
        if waiting:
            yield _as_one(waiting)
        raise
    if waiting:
        yield _as_one(waiting)


def _as_one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _side_by_side(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch | None:
    """Return the columns of batches of the same rows as one; None of no batches."""
    if not batches:
        return None
    columns = [column for batch in batches for column in batch.columns]
    return pa.record_batch(
        columns, schema=pa.schema([one for each in batches for one in each.schema])
    )
