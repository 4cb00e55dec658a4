"""Packed files: Parquet of raw pixels that remembers where each of its rows came from."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnist_batch.errors import InputError
from mnist_batch.inputs.parquet.columns import naming_metadata
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.mnist import PIXELS
from mnist_batch.options import Prepare
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import MOST_CLASSES, Classes, Reason, error_text, reason, shortened

PACKED = pa.schema(
    [
        pa.field("image", pa.binary(PIXELS)),
        pa.field("label", pa.int8()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("prepared", pa.bool_(), nullable=False),
        pa.field("error", pa.string()),
    ]
)
"""Columns of a packed file; all but `image` are those of `schema.PREDICTIONS`.

image: 784 pixels row by row from the top, 0 black to 255 white; null where there is an error.
Fixed-size binary, because a list of uint8 is 784 integers in Parquet and six times as slow to read.
"""


def packed_schema(classes: Classes) -> pa.Schema:
    """Return the schema of a packed file whose labels are numbers of some classes.

    Names of classes are in its metadata, as `datasets` keeps them.
    """
    label = PACKED.get_field_index("label")
    schema = PACKED.set(label, PACKED.field(label).with_type(classes.dtype))
    return schema.with_metadata(naming_metadata(classes.names)) if classes.names else schema


PACKED_KEY = b"mnist_batch_packed"
"""Key of the JSON in the file's key-value metadata by which a packed file is known.

It is not metadata of the schema, which other tools copy: what they make of packed files, such as a
selection of rows or a join of several files, is plain Parquet, whose rows are counted from 0.
"""

FORMAT = 1
"""The `format` in that JSON; other releases may write others."""

PART = "part"
"""True there in a file that is a part of a folder, see `inputs.dataset`."""

ORIGINS = ["source", "row", "prepared", "error"]
"""The columns that say where a row came from, and what was done to its image."""


@dataclass(frozen=True)
class Origins:
    """Where some rows of a packed file came from."""

    source: pa.Array  # Arrow strings (n,), never null
    row: pa.Array  # Arrow int64 (n,), never null
    prepared: npt.NDArray[np.bool_]  # bool (n,)
    error: pa.Array  # Arrow strings (n,): null, or why a row has no image or no origin
    has_rows: bool  # whether any row is another than row 0 of its source


def read_origins(
    columns: pa.RecordBatch | None, numbers: npt.NDArray[np.int64], name: str, *, within: str
) -> Origins:
    """Return where rows of a packed file came from.

    A row without an origin has an error: where source, row or the mark are null, the source is
    empty, or the row is below 0. Its source is the packed file's name with a `/` at its end, which
    no other source has, and its row is its number in the packed file.

    Args:
        columns: those of `ORIGINS`; None where they cannot be read.
        numbers: int64 (n,), the rows' numbers in the packed file.
        name: what the output calls the packed file.
        within: what is put before each source; empty, or the name with a `/`.
    """
    told = np.zeros(len(numbers), np.bool_)
    if columns is not None and _is_text(columns):
        source, row, prepared, _ = (columns.column(column) for column in ORIGINS)
        named = pc.and_(pc.not_equal(source, ""), pc.not_equal(source, f"{name}/"))
        sound = pc.and_(pc.and_(named, pc.greater_equal(row, 0)), prepared.is_valid())
        told = sound.fill_null(False).to_numpy(zero_copy_only=False)
    if columns is None or not told.any():
        return Origins(
            source=pa.repeat(pa.scalar(f"{name}/"), len(numbers)),
            row=pa.array(numbers),
            prepared=np.zeros(len(numbers), np.bool_),
            error=pa.repeat(pa.scalar(_UNTOLD), len(numbers)),
            has_rows=False,
        )
    source, row = columns.column("source"), columns.column("row")
    if within:
        source = pc.binary_join_element_wise(within, source, "")
    has_rows = bool(pc.max(row).as_py() > 0)
    prepared, error = columns.column("prepared"), _known(columns.column("error"))
    if not told.all():
        mask = pa.array(told)
        source = pc.if_else(mask, source, f"{name}/")
        row = pc.if_else(mask, row, pa.array(numbers))
        prepared = pc.if_else(mask, prepared, False)
        error = pc.if_else(mask, error, _UNTOLD)
    return Origins(source, row, prepared.to_numpy(zero_copy_only=False), error, has_rows)


_UNTOLD = error_text(
    Reason.UNREADABLE_FILE, "this packed file does not tell where the row came from"
)


def _is_text(columns: pa.RecordBatch) -> bool:
    """Tell whether the text columns are UTF-8: a damaged or forged file can hold any bytes."""
    try:
        columns.select(["source", "error"]).validate(full=True)
    except pa.ArrowException as error:
        raise_if_of_machine(error)
        return False
    return True


def _known(error: pa.Array) -> pa.Array:
    """Return errors with known reasons only: a packed file may hold any text."""
    if error.null_count == len(error):
        return error
    reasons = set(Reason)
    texts = [
        text if text is None or reason(text) in reasons else error_text(Reason.CORRUPT, text)
        for text in error.to_pylist()
    ]
    return pa.array(texts, pa.string())


def is_packed(path: Place, metadata: pq.FileMetaData, schema: pa.Schema) -> bool:
    """Tell whether a Parquet file is packed, by its metadata.

    Raises:
        InputError: it is packed, but in an unknown format or without one of the columns.
    """
    text = (metadata.metadata or {}).get(PACKED_KEY)
    if text is None:
        return False
    run = _run(text)
    if run.get("format") != FORMAT:
        found = shortened(str(run.get("format")))
        raise InputError(
            f"{path}: a packed file of format {found}; expected format {FORMAT}; pack the images "
            "again"
        )
    for field in PACKED:
        types = [str(column.type) for column in schema if column.name == field.name]
        if field.name == "label" and types == [str(Classes(MOST_CLASSES).dtype)]:
            continue  # of over 128 classes
        if types != [str(field.type)]:
            found = shortened(" and ".join(types)) or "missing"
            raise InputError(
                f"{path}: a packed file whose column {field.name!r} is {found}; expected "
                f"{field.type}; pack the images again"
            )
    return True


def is_formed(metadata: pq.FileMetaData) -> bool:
    """Tell whether images of a packed file that lacked MNIST form were brought to it."""
    options = _run(metadata.metadata[PACKED_KEY]).get("options")
    prepare = options.get("prepare") if isinstance(options, dict) else None
    return prepare in (Prepare.AUTO, Prepare.ALWAYS)


def is_part(metadata: pq.FileMetaData) -> bool:
    """Tell whether a file is a part of a packed folder, whether or not the others are there."""
    return _run((metadata.metadata or {}).get(PACKED_KEY, b"{}")).get(PART) is True


def _run(text: bytes) -> dict[str, Any]:
    """Return the JSON object of the metadata, empty where it is none."""
    try:
        run = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return run if isinstance(run, dict) else {}
