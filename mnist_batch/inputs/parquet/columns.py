"""Which columns of a Parquet file hold images, labels and names, and which are kept."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch.decoding.pixels import is_pixel_type
from mnist_batch.errors import ColumnError, InputError
from mnist_batch.inputs.kept import check_type, kept_type
from mnist_batch.inputs.tables.pixel_columns import find_label_column as find_table_label
from mnist_batch.inputs.tables.pixel_columns import find_pixel_columns, is_pixel_column
from mnist_batch.mnist import PIXELS
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import MOST_CLASSES, PATH, PREDICTIONS, shortened


class ImageColumn(NamedTuple):
    """The column of images: its name, and the path of what is read, as in `image.bytes`.

    Or the columns of their pixels, row by row from the top; name and path are empty then.
    """

    name: str
    path: str
    pixels: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all that is read of the images."""
        return self.pixels or (self.path,)

    @property
    def names(self) -> str:
        """The path of the field with the names that images carry themselves, as `image.path`."""
        return f"{self.name}.{PATH.name}"


def find_image_column(
    schema: pa.Schema,
    wanted: str | None,
    path: Place,
    *,
    label: str | None = None,
    named: bool = False,
) -> ImageColumn:
    """Return the image column: the one wanted, else `image`, else the only one, else pixels'.

    `label` is the column of labels, where one is wanted, and no pixel. Where files are read that a
    column of text names (`named`), it is such a column, if no other is.

    Raises:
        InputError: there is no such column, or several could be meant.
    """
    found = {field.name: column for field in schema if (column := _as_images(field))}
    if wanted is not None and wanted not in schema.names:
        raise InputError(f"{path}: no column {wanted!r}; it has {_columns_text(schema)}")
    if named and (text := _find_paths(schema, wanted, found)):
        return ImageColumn(text, text)
    if wanted is not None and wanted not in found:
        kind = shortened(str(schema.field(wanted).type))
        raise InputError(f"{path}: column {wanted!r} is {kind}; expected {_EXPECTED}")
    if not found:
        if pixels := find_pixel_columns(
            [one.name for one in schema if one.name != label and is_pixel_column(one.type)]
        ):
            return ImageColumn("", "", pixels)
        hint = _what_to_do(schema) or _EXPECTED
        if {*PREDICTIONS.names} <= {*schema.names}:
            hint = "these are predictions: name the images that were predicted"
        elif text := _find_paths(schema, wanted, found):
            hint = f"the column {shortened(text)!r} may hold their paths: pass --image-root DIR"
        raise InputError(f"{path}: no column of images among {_columns_text(schema)}; {hint}")
    if wanted is None and "image" not in found and len(found) > 1:
        raise InputError(
            f"{path}: several columns could hold the images: {_listed(map(shortened, found))}; "
            "name one with --image-column"
        )
    name = wanted or ("image" if "image" in found else next(iter(found)))
    return ImageColumn(name, found[name])


def _what_to_do(schema: pa.Schema) -> str | None:
    """Return what makes a column of tensors one that is read; None where there is none."""
    for field in schema:
        kind = field.type
        if isinstance(kind, pa.FixedShapeTensorType):
            shape = "x".join(map(str, kind.shape))
            found = f"tensors of shape {shortened(shape)}"
        elif pa.types.is_struct(kind) and kind.get_field_index("shape") >= 0:
            found = "tensors that carry their shapes"
        else:
            continue
        return (
            f"the column {shortened(field.name)!r} holds {found}; write grey images of 28x28 as "
            "lists of 784 numbers, or others as PNG into a binary column"
        )
    return None


def _find_paths(schema: pa.Schema, wanted: str | None, found: Iterable[str]) -> str | None:
    """Return the column of text that may name the files of images; None where others hold them."""
    texts = [field.name for field in schema if is_text(values_type(field.type))]
    if wanted is not None:
        return wanted if wanted in texts else None
    return None if [*found] else next((name for name in _OF_PATHS if name in texts), None)


_OF_PATHS = ("image", "path", "file_name", "image_path", "filename", "file", "img")
"""What columns of paths are called, the likeliest first."""


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a column holds text."""
    return kind in (pa.string(), pa.large_string(), pa.string_view())


def find_image_names(
    footer: pq.FileMetaData, schema: pa.Schema, image: ImageColumn
) -> pa.Field | None:
    """Return `path` as it is read where images carry their names in it, as Hugging Face's do.

    That is where the column of images has this field, of text, and the footer does not say that all
    are null; else None.
    """
    if image.pixels:
        return None
    kind = schema.field(image.name).type
    if not pa.types.is_struct(kind) or image.names in schema.names:
        return None
    place = kind.get_field_index(PATH.name)
    if place < 0 or kept_type(kind[place].type) != pa.string():
        return None
    leaves = pq.ParquetSchema(footer)
    leaf = [leaves.column(place).path for place in range(footer.num_columns)].index(image.names)
    if all(_all_null(footer.row_group(group), leaf) for group in range(footer.num_row_groups)):
        return None
    return PATH.with_type(values_type(kind[place].type))


def _all_null(group: pq.RowGroupMetaData, leaf: int) -> bool:
    """Tell whether a row group's footer says that all values of a leaf are null."""
    statistics = group.column(leaf).statistics
    if statistics is None or not statistics.has_null_count:
        return False
    return bool(statistics.null_count >= group.num_rows)


def find_kept_columns(schema: pa.Schema, names: Iterable[str], path: Place) -> tuple[pa.Field, ...]:
    """Return those of some columns that a file has, each as it is read.

    Raises:
        ColumnError: one is there twice, or is nested or binary.
    """
    found = [name for name in names if name in schema.names]
    for name in found:
        if (count := schema.names.count(name)) > 1:
            raise ColumnError(f"{path}: {count} columns {name!r}; rename all but one")
        check_type(name, schema.field(name).type, path)
    return tuple(pa.field(name, values_type(schema.field(name).type)) for name in found)


def find_label_column(
    schema: pa.Schema, wanted: str | None, path: Place, image: ImageColumn
) -> str | None:
    """Return the name of the label column: the one wanted, or `label`; None where there is none.

    In a table of pixels it may have another name. It need not be there where a folder `wanted=7`
    holds the file.
    """
    if wanted is not None and wanted not in schema.names:
        if f"/{wanted}=" in str(Path(path).absolute()):
            return None
        raise InputError(f"{path}: no column {wanted!r}; it has {_columns_text(schema)}")
    if wanted is None and image.pixels:
        return find_table_label(schema.names, image.pixels)
    return wanted or ("label" if "label" in schema.names else None)


def find_stated_names(metadata: pq.FileMetaData, label: str) -> tuple[str, ...] | None:
    """Return the names that a file gives the numbers in its column of labels; None for none.

    Hugging Face's `datasets` keeps them as JSON in the metadata of the schema, where a feature of
    the type ClassLabel has `names` (datasets, `Features.arrow_schema`).
    """
    try:
        about: Any = json.loads((metadata.metadata or {}).get(_DATASETS_KEY, b"{}"))
        feature = about["info"]["features"][label]
        names = feature["names"] if feature["_type"] == "ClassLabel" else None
    except (ValueError, RecursionError, LookupError, TypeError):  # another's metadata
        return None
    if not isinstance(names, list) or not 0 < len(names) <= MOST_CLASSES:
        return None
    return tuple(names) if all(isinstance(name, str) for name in names) else None


def naming_metadata(names: Sequence[str]) -> dict[bytes, bytes]:
    """Return the metadata of a schema that gives the numbers of labels names."""
    label = {"names": [*names], "_type": "ClassLabel"}
    return {_DATASETS_KEY: json.dumps({"info": {"features": {"label": label}}}).encode()}


_DATASETS_KEY = b"huggingface"


_EXPECTED = (
    "expected encoded images (binary, or a struct with the field bytes) "
    f"or {PIXELS} raw pixels (fixed-size binary, list, tensor, or a column each)"
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


def _columns_text(schema: pa.Schema) -> str:
    """Return the names and types of columns for a message."""
    return _listed(f"{shortened(field.name)} ({shortened(str(field.type))})" for field in schema)


def _listed(texts: Iterable[str]) -> str:
    """Return texts joined by commas; of very many only the first ones."""
    shown = list(texts)
    if len(shown) > _SHOWN:
        shown[_SHOWN:] = [f"{len(shown) - _SHOWN} more"]
    return ", ".join(shown) or "no columns"


_SHOWN = 12
"""Columns that are listed in a message."""
