"""Which column of a Parquet file holds the images."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from mnist_batch.decoding.pixels import is_pixel_type
from mnist_batch.errors import InputError
from mnist_batch.inputs.labels import shortened
from mnist_batch.mnist import PIXELS


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
