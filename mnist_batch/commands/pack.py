"""Pack inputs: decode every image once, into Parquet of raw pixels, a file or a folder."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch import __version__
from mnist_batch.commands.runs.notes import reading_notes, without_digit_note
from mnist_batch.errors import OutputError
from mnist_batch.evaluation.evaluator import EXAMPLES, Unreadable
from mnist_batch.inference.workers import Progress, available_workers, map_batches
from mnist_batch.inputs.dataset.layout import part_name
from mnist_batch.inputs.parquet.packed import PACKED, packed_schema
from mnist_batch.inputs.read_ahead import fetched_ahead
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.machine.memory import within
from mnist_batch.options import (
    BATCH_ROWS,
    Inputs,
    OutputFormat,
    Prepare,
    ReadArguments,
    ReadOptions,
    input_list,
    memory_size,
    output_format,
)
from mnist_batch.outputs.kinds import (
    check_folder,
    check_place,
    locked,
    output_place,
    place_in,
    suffix_of,
)
from mnist_batch.outputs.packed.packed_file import PackedFile
from mnist_batch.outputs.packed.packed_folder import PackedFolder
from mnist_batch.outputs.places import check_folder_not_read, check_not_read, check_outside
from mnist_batch.preprocessing.mnist_form import prepare_batch
from mnist_batch.remote.addresses import Place, refuse_unknown
from mnist_batch.reports.notebook import image_bar
from mnist_batch.schema import DIGITS, Classes, ImageBatch, reason


@dataclass(frozen=True)
class PackSummary:
    """The result of `pack`.

    Attributes:
        out: the packed file, or the folder of such files.
        rows: all rows.
        labelled: rows with a label.
        prepared: rows whose image was brought to MNIST form, or resized with `prepare` never.
        errors_by_reason: rows without an image per reason, most frequent first.
        size_bytes: the size of the file, or of all files.
        elapsed_s: seconds from the first read to the last write.
        notes: what the user should know, one sentence each.
        uncounted_sources: the number of sources that are one row with an error each, since nobody
            knows how many rows they hold.
        unreadable: the first rows without an image.
    """

    out: Place
    rows: int
    labelled: int
    prepared: int
    errors_by_reason: Mapping[str, int]
    size_bytes: int
    elapsed_s: float
    notes: Sequence[str]
    uncounted_sources: int = 0
    unreadable: Sequence[Unreadable] = ()

    @property
    def errors(self) -> int:
        """Rows without an image."""
        return sum(self.errors_by_reason.values())

    @property
    def images_per_s(self) -> int | None:
        """Rows per second; None where the clock did not move."""
        return round(self.rows / self.elapsed_s) if self.elapsed_s else None

    def __repr__(self) -> str:
        """Return the file and how many rows it has, in one line."""
        return f"<PackSummary of {self.out}: {self.rows:,} rows, {self.errors:,} without an image>"

    def record(self) -> dict[str, Any]:
        """Return all of it as `--json` prints it."""
        return {
            "rows": self.rows,
            "labelled": self.labelled,
            "prepared": self.prepared,
            "errors": {"total": self.errors, "by_reason": dict(self.errors_by_reason)},
            "packed_file": str(self.out),
            "size_bytes": self.size_bytes,
            "elapsed_s": round(self.elapsed_s, 3),
            "images_per_s": self.images_per_s,
            "notes": list(self.notes),
        }


def pack(
    inputs: Inputs,
    out: str | Path,
    *,
    prepare: Prepare | str = Prepare.AUTO,
    workers: int | None = None,
    memory: str | None = None,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
    format: OutputFormat | str | None = None,
    **reading: Unpack[ReadArguments],
) -> PackSummary:
    """Decode all images of the inputs into Parquet of pixels, which predicts as they do but faster.

    Every row of the input is a row of it, in input order, with its source, row, label and
    error: predictions of the file are those of the inputs, prepared so. Other classes than digits
    need `prepare` never where neither data nor `class_names` name them. Nothing is at `out` before
    all of it is; on an error nothing is left.

    The arguments are those of `predict`. Inputs may be packed files too. `out` has the suffix
    `.parquet`, or is a folder of such files (`packed/`, or `format` `dataset`), which is one INPUT
    as a file is. Neither depends on `workers` and `memory`. It records `prepare`: what was prepared
    once is not prepared again.

    Raises:
        OutputError: the output exists, cannot be written, or lies within an input folder.
        InputError: an input cannot be read, or a label is of no class (`LabelError`).
        ValueError: `workers` is below 1, or `memory` no size or too little.
    """
    most, read = memory_size(memory), ReadOptions.of(**reading)
    if workers is not None and workers < 1:
        raise ValueError(f"workers {workers}: expected at least 1")
    refuse_unknown(out)
    kind, place = output_format(out, format), output_place(out)
    inputs, prepare = input_list(inputs), Prepare(prepare)
    written = _checked_place(place, kind, inputs, overwrite=overwrite)
    with locked(place) as of_lock:
        opened = open_inputs(inputs, read, None)
        prepare = _prepare_of(prepare, opened)
        if kind is OutputFormat.DATASET:
            check_folder_not_read(place, opened.files)
        check_not_read([written], [*opened.files, *([read.labels] if read.labels else [])])
        started = time.perf_counter()
        with (
            within(most),
            _output(place, kind, opened.classes or DIGITS, prepare, overwrite=overwrite) as packed,
        ):
            options = {"inputs": list(map(str, inputs)), "prepare": str(prepare), **read.record()}
            workers = workers or available_workers()
            progress = progress or image_bar()
            counts = _write(packed, opened, prepare, workers, options, progress)
            elapsed_s = time.perf_counter() - started
            packed.commit()
    read_rows = counts.rows, counts.labelled, counts.prepared
    return PackSummary(
        out=place,
        rows=counts.rows,
        labelled=counts.labelled,
        prepared=counts.prepared,
        errors_by_reason=dict(counts.errors.most_common()),
        unreadable=counts.unreadable[:EXAMPLES],
        size_bytes=packed.size_bytes,
        elapsed_s=elapsed_s,
        notes=[
            *of_lock,
            *reading_notes(opened, prepare, *read_rows),
            *without_digit_note(prepare, counts.rows, counts.errors),
        ],
        uncounted_sources=len(opened.uncounted),
    )


def _checked_place(
    out: Place, kind: OutputFormat, inputs: Sequence[str | Path], *, overwrite: bool
) -> Place:
    """Return a file that is written by its name, once all that can be told at once is checked."""
    is_folder = kind is OutputFormat.DATASET
    if not is_folder and suffix_of(out) != ".parquet":
        raise OutputError(
            f"{out}: a packed file is Parquet; give it the suffix .parquet, or a slash at its end "
            "for a folder of such files"
        )
    (check_folder if is_folder else check_place)(out, overwrite=overwrite)
    written = place_in(out, part_name(0)) if is_folder else out
    check_outside([written], [], inputs)
    return written


def _output(
    out: Place, kind: OutputFormat, classes: Classes, prepare: Prepare, *, overwrite: bool
) -> PackedFile | PackedFolder:
    if kind is OutputFormat.DATASET:
        return PackedFolder(out, classes, prepare, overwrite=overwrite)
    return PackedFile(out, classes, overwrite=overwrite)


def _prepare_of(choice: Prepare, opened: OpenInputs) -> Prepare:
    """Return how images are prepared: only digits are brought to MNIST form unless asked for."""
    are_digits = opened.classes is None or opened.classes.are_digits
    return choice if are_digits or choice is not Prepare.AUTO else Prepare.NEVER


@dataclass
class _Counts:
    """Counts over the rows of `PACKED`, added up batch by batch."""

    rows: int = 0
    labelled: int = 0
    prepared: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    unreadable: list[Unreadable] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        self.rows += len(batch)
        self.labelled += len(batch) - batch.column("label").null_count
        self.prepared += pc.sum(batch.column("prepared")).as_py()
        errors = batch.column("error").drop_null().to_pylist()
        self.errors.update(reason(error) for error in errors)
        if errors and len(self.unreadable) < EXAMPLES:
            rows = batch.filter(batch.column("error").is_valid()).slice(0, EXAMPLES)
            named = rows.select(["source", "row", "error"]).to_pylist()
            self.unreadable += [Unreadable(**row) for row in named]


def _write(
    packed: PackedFile | PackedFolder,
    opened: OpenInputs,
    prepare: Prepare,
    workers: int,
    options: Mapping[str, Any],
    progress: Callable[[Progress], None] | None,
) -> _Counts:
    """Read, decode and write all rows, and count them; `options` go into the metadata."""
    counts = _Counts()
    schema = packed_schema(opened.classes or DIGITS)
    for batch in map_batches(
        fetched_ahead(opened.shards),
        lambda shard: shard.read(BATCH_ROWS),
        lambda batch: _packed_batch(batch, prepare, schema),
        workers=workers,
    ):
        packed.write(batch)
        counts.add(batch)
        if progress:
            progress(Progress(counts.rows, opened.rows, counts.errors.total()))
    created = datetime.now(UTC).isoformat(timespec="seconds")
    record = {
        "rows": counts.rows,
        "labelled": counts.labelled,
        "prepared": counts.prepared,
        "errors": dict(counts.errors.most_common()),
        "options": options,
        "created_utc": created,
    }
    packed.finish({"version": __version__, **record})
    return counts


def _packed_batch(batch: ImageBatch, prepare: Prepare, schema: pa.Schema) -> pa.RecordBatch:
    """Return the rows of a batch as those of a packed file of a schema."""
    decoded = prepare_batch(batch, prepare)
    pixels = pa.py_buffer(np.ascontiguousarray(decoded.images))
    # A mask of Arrow's booleans has the layout of the buffer that tells which values are valid.
    valid = decoded.error.is_null().buffers()[1] if decoded.error.null_count < len(batch) else None
    image = pa.Array.from_buffers(PACKED.field("image").type, len(batch), [valid, pixels])
    prepared = pa.array(decoded.prepared)
    columns = [image, batch.label, batch.source, batch.row, prepared, decoded.error]
    return pa.record_batch(columns, schema=schema)
