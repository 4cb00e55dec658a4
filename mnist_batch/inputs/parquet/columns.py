"""Columns of a Parquet file: which one holds the images, and those that make a file packed.

A packed file is Parquet of raw pixels that remembers where each of its rows came from.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnist_batch.decoding.pixels import is_pixel_type
from mnist_batch.errors import InputError
from mnist_batch.inputs.labels import shortened
from mnist_batch.mnist import PIXELS
from mnist_batch.options import Prepare
from mnist_batch.schema import Reason, error_text, reason

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

PACKED_KEY = b"mnist_batch_packed"
"""Key of the JSON in the file's key-value metadata by which a packed file is known.

It is no metadata of the schema, which other tools hand on: what they make of packed files, a
selection of rows or several files joined, is Parquet like any other, its rows counted anew.
"""

FORMAT = 1
"""The `format` in that JSON; another one is for another release to read."""

ORIGINS = ["source", "row", "prepared", "error"]
"""The columns that tell where a row came from, and what became of its image."""


@dataclass(frozen=True)
class Origins:
    """What the columns of a packed file tell of some rows.

    Attributes:
        source: Arrow strings (n,), never null.
        row: Arrow int64 (n,), never null.
        prepared: bool (n,).
        error: Arrow strings (n,): null, or why a row has no image, or no origin.
        rows_are_told: some of the rows are told to be others than the row 0 of their source.
    """

    source: pa.Array
    row: pa.Array
    prepared: npt.NDArray[np.bool_]
    error: pa.Array
    rows_are_told: bool


def read_origins(
    columns: pa.RecordBatch | None, numbers: npt.NDArray[np.int64], name: str, *, within: str
) -> Origins:
    """Return where rows of a packed file came from.

    A row that does not tell it has an error. It is called by the packed file's name with a `/`
    behind it, as no image is, and by its number in the packed file: so nothing else has its name.

    Args:
        columns: those of `ORIGINS`, as they were read; None where they cannot be.
        numbers: int64 (n,), the rows' numbers in the packed file.
        name: what the packed file is called in the output.
        within: what stands before each source; empty, or the name with a `/`.
    """
    told = np.zeros(len(numbers), np.bool_)
    if columns is not None and _is_text(columns):
        nulls = [columns.column(column).is_null() for column in ORIGINS[:3]]
        told = ~np.logical_or.reduce([null.to_numpy(zero_copy_only=False) for null in nulls])
    if columns is None or not told.any():
        return Origins(
            source=pa.repeat(pa.scalar(f"{name}/"), len(numbers)),
            row=pa.array(numbers),
            prepared=np.zeros(len(numbers), np.bool_),
            error=pa.repeat(pa.scalar(_UNTOLD), len(numbers)),
            rows_are_told=False,
        )
    source, row = columns.column("source"), columns.column("row")
    if within:
        source = pc.binary_join_element_wise(within, source, "")
    rows_are_told = bool(pc.max(row).as_py() > 0)
    prepared, error = columns.column("prepared"), _known(columns.column("error"))
    if not told.all():
        mask = pa.array(told)
        source = pc.if_else(mask, source, f"{name}/")
        row = pc.if_else(mask, row, pa.array(numbers))
        prepared = pc.if_else(mask, prepared, False)
        error = pc.if_else(mask, error, _UNTOLD)
    return Origins(source, row, prepared.to_numpy(zero_copy_only=False), error, rows_are_told)


_UNTOLD = error_text(
    Reason.UNREADABLE_FILE, "this packed file does not tell where the row came from"
)


def _is_text(columns: pa.RecordBatch) -> bool:
    """Tell whether the columns of text are text: a damaged or forged file can hold any bytes."""
    try:
        columns.select(["source", "error"]).validate(full=True)
    except pa.ArrowException:
        return False
    return True


def _known(error: pa.Array) -> pa.Array:
    """Return errors by the reasons that there are, whatever a packed file says."""
    if error.null_count == len(error):
        return error
    reasons = set(Reason)
    texts = [
        text if text is None or reason(text) in reasons else error_text(Reason.CORRUPT, text)
        for text in error.to_pylist()
    ]
    return pa.array(texts, pa.string())


def is_packed(path: Path, metadata: pq.FileMetaData, schema: pa.Schema) -> bool:
    """Tell whether a Parquet file says of itself that it is packed.

    Args:
        path: the file, for messages.
        metadata: its footer.
        schema: its columns.

    Raises:
        InputError: it says so, but is of an unknown format or lacks a column.
    """
    text = (metadata.metadata or {}).get(PACKED_KEY)
    if text is None:
        return False
    run = _run(text)
    if run.get("format") != FORMAT:
        raise InputError(
            f"{path}: a packed file of format {run.get('format')}; expected format {FORMAT}; "
            "pack the images again"
        )
    for field in PACKED:
        found = [str(column.type) for column in schema if column.name == field.name]
        if found != [str(field.type)]:
            raise InputError(
                f"{path}: a packed file whose column {field.name!r} is "
                f"{' and '.join(found) or 'missing'}; expected {field.type}; pack the images again"
            )
    return True


def is_formed(metadata: pq.FileMetaData) -> bool:
    """Tell whether the images of a packed file were brought to MNIST form where they had not it."""
    options = _run(metadata.metadata[PACKED_KEY]).get("options")
    prepare = options.get("prepare") if isinstance(options, dict) else None
    return prepare in (Prepare.AUTO, Prepare.ALWAYS)


def _run(text: bytes) -> dict[str, Any]:
    """Return the JSON of the metadata, empty where it is no such thing."""
    try:
        run = json.loads(text)
    except ValueError:
        return {}
    return run if isinstance(run, dict) else {}


def find_image_column(schema: pa.Schema, wanted: str | None, path: Path) -> tuple[str, str]:
    """Return name and path of the image column: the one named, else `image`, else the only one.

    Args:
        schema: of the file.
        wanted: the name that the user gave; None where there is none.
        path: the file.

    Raises:
        InputError: there is no such column, or several could be meant.
    """
    found = {field.name: column for field in schema if (column := _as_images(field))}
    if wanted is not None and wanted not in schema.names:
        raise InputError(f"{path}: no column {wanted!r}; it has {columns_text(schema)}")
    if wanted is not None and wanted not in found:
        kind = schema.field(wanted).type
        raise InputError(f"{path}: column {wanted!r} is {kind}; expected {_EXPECTED}")
    if not found:
        raise InputError(f"{path}: no column of images among {columns_text(schema)}; {_EXPECTED}")
    if wanted is None and "image" not in found and len(found) > 1:
        raise InputError(
            f"{path}: several columns could hold the images: {_listed(map(shortened, found))}; "
            "name one with --image-column"
        )
    name = wanted or ("image" if "image" in found else next(iter(found)))
    return name, found[name]


_EXPECTED = (
    "expected encoded images (binary, or a struct with the field bytes) "
    f"or {PIXELS} raw pixels (fixed-size binary, list or tensor)"
)


def _as_images(field: pa.Field) -> str | None:
    """Return the column path that holds encoded or raw images, or None."""
    if pa.types.is_struct(field.type):
        index = field.type.get_field_index("bytes")
        return f"{field.name}.bytes" if index >= 0 and _is_binary(field.type[index].type) else None
    return field.name if _is_binary(field.type) or is_pixel_type(values_type(field.type)) else None


def _is_binary(kind: pa.DataType) -> bool:
    return values_type(kind) in (pa.binary(), pa.large_binary(), pa.binary_view())


def values_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values, also where a dictionary holds them."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def columns_text(schema: pa.Schema) -> str:
    """Return names and types of columns, as messages list them."""
    return _listed(f"{shortened(field.name)} ({shortened(str(field.type))})" for field in schema)


def _listed(texts: Iterable[str]) -> str:
    """Return texts in a row, of very many only the first ones."""
    shown = list(texts)
    if len(shown) > _SHOWN:
        shown[_SHOWN:] = [f"{len(shown) - _SHOWN} more"]
    return ", ".join(shown) or "no columns"


_SHOWN = 12
"""Columns that are listed in a message."""
