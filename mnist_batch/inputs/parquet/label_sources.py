"""What the name of a Parquet file tells of its labels, and what would give it some."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch.inputs.files.opening import UNREADABLE
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.labelling.folders import partition_values
from mnist_batch.inputs.labelling.hints import NAMES, hint_of_columns
from mnist_batch.inputs.labelling.labels import class_numbers
from mnist_batch.inputs.parquet.columns import ImageColumn, values_type
from mnist_batch.inputs.parquet.footers import read_footer
from mnist_batch.inputs.parquet.open_groups import open_groups
from mnist_batch.inputs.shards import ReadSettings
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.remote.addresses import Place

_MOST_COLUMNS = 20
_MOST_ROWS = 200
"""What is looked at of a file to find labels, at most."""


def label_of_name(path: Place, column: str | None, settings: ReadSettings) -> int | None:
    """Return the label that all rows of a file have by its path; None for none.

    The pattern of the user comes first, then the column of labels, and then the folder `label=7`
    that holds the file, as Hive partitions data.

    Raises:
        LabelError: it is of no class.
    """
    if settings.unlabelled or settings.label_file:
        return None
    name = str(path)
    texts = pa.nulls(1, pa.string())
    if settings.label_pattern:
        texts = settings.label_pattern.texts([name])
    if texts.null_count and column is None:
        texts = partition_values([name], settings.partition_key)
    labels = class_numbers(texts, lambda _: text_of_path(name), settings.numbering())
    label: int | None = labels[0].as_py()
    return label


def hint_of_file(path: str, identity: bytes, image: ImageColumn) -> str:
    """Return what would give labels to the rows of a file; empty where nothing tells.

    Args:
        path: the file.
        identity: as `identity_of` returns it.
        image: the column of images, which is not looked at.
    """
    folders = Path(path).absolute().parts[:-1]
    keys = [part.partition("=")[0] for part in folders if "=" in part]
    if named := next((key for key in keys if key.casefold() in NAMES), None):
        return f"folders are called {named}=...: pass --label-column {named}"
    try:
        footer = read_footer(path, identity)
        schema = pq.ParquetSchema(footer.metadata).to_arrow_schema()
        names = [
            field.name
            for field in schema
            if field.name not in (image.name, *image.pixels)
            and _may_hold_labels(values_type(field.type))
        ][:_MOST_COLUMNS]
        if not names:
            return ""
        first = range(min(1, footer.metadata.num_row_groups))
        column = ImageColumn(names[0], names[0])
        with open_groups(path, identity, first, column, names[1:]) as groups:
            rows = next(groups.read(first, _MOST_ROWS))
    except (*UNREADABLE, StopIteration) as error:
        raise_if_of_machine(error, text_of_path(path))
        return ""
    return "" if rows.columns is None else hint_of_columns(pa.table(rows.columns))


def _may_hold_labels(kind: pa.DataType) -> bool:
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(number or pa.types.is_string(kind))
