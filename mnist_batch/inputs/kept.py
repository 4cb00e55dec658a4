"""Columns of the input that the predictions keep: which they may be, and of what type they become.

A column has one type in the whole output, known before anything is read. Files may differ in it:
then integers of one sign become the widest, floats too, and all else becomes text.
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from mnist_batch.errors import ColumnError
from mnist_batch.mnist import CLASSES
from mnist_batch.schema import (
    BOX,
    CONTENT,
    DIGIT,
    DIGITS,
    LABEL_NAME,
    PATH,
    PREDICTION_NAME,
    PREDICTIONS,
    PROBABILITIES,
    Classes,
    shortened,
)

OWN_COLUMNS = frozenset(
    [
        *PREDICTIONS.names,
        PROBABILITIES.name,
        CONTENT.name,
        *(f"p{digit}" for digit in range(CLASSES)),
    ]
)
"""Names of columns that predictions have of their own. `path` is none: the input's takes its
place."""


def check_names(names: Iterable[str], classes: Classes = DIGITS) -> None:
    """Check that columns of the input may be kept under their names.

    Args:
        names: of the columns.
        classes: what predictions are numbers of; they may bring columns of their own.

    Raises:
        ColumnError: predictions have a column of one of these names.
    """
    own = {*OWN_COLUMNS, *(f"p{number}" for number in range(classes.count))}
    own |= {LABEL_NAME.name, PREDICTION_NAME.name} if classes.names else set()
    for name in names:
        if name == CONTENT.name:
            raise ColumnError(
                f"column {name!r} cannot be kept, nor counted by: it is the hash of each image "
                "that --content-hash writes; a column of the input needs another name"
            )
        if name in own:
            raise ColumnError(
                f"column {name!r} cannot be kept: predictions have a column of that name; rename "
                "it in the input"
            )


def check_names_beside_split(kept: Iterable[pa.Field]) -> None:
    """Check that columns of the input may be kept beside those of `--several split`.

    Raises:
        ColumnError: one of them has the name of one of these.
    """
    for field in kept:
        if field.name in (DIGIT.name, BOX.name):
            raise ColumnError(
                f"column {field.name!r} cannot be kept with --several split, which writes a column "
                "of that name; rename it in the input"
            )


def kept_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the type that a column of one file has in the predictions; None where it cannot be.

    Numbers, booleans, dates and times stay as they are, as far as Parquet and CSV hold them; times
    with a time zone become UTC, the same instants. Values of a dictionary are written out.
    """
    if pa.types.is_dictionary(kind):
        return kept_type(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_date(kind):
        return pa.date32()
    if pa.types.is_timestamp(kind):
        # Parquet has no seconds, and refuses those that are too many milliseconds.
        return pa.timestamp("ms" if kind.unit == "s" else kind.unit, "UTC" if kind.tz else None)
    if pa.types.is_time32(kind):
        return pa.time32("ms")
    if isinstance(kind, pa.BaseExtensionType):
        return None
    plain = pa.types.is_primitive(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    return kind if plain else None


def check_type(name: str, kind: pa.DataType, where: object) -> None:
    """Check that a column of a file can be kept.

    Raises:
        ColumnError: it is nested or binary.
    """
    if kept_type(kind) is None:
        raise ColumnError(
            f"{where}: column {name!r} is {shortened(str(kind))}, which cannot be kept; expected "
            "numbers, text, booleans, dates or times"
        )


def common_type(kinds: Iterable[pa.DataType]) -> pa.DataType:
    """Return the type that a column of several files has in the predictions.

    No value changes but in how it is written: integers and floats together become text.
    """
    found = {kind for kind in map(kept_type, kinds) if kind is not None}
    found -= {pa.null()}
    if len(found) == 1:
        return found.pop()
    for is_alike, widest in _WIDEST:
        if found and all(is_alike(kind) for kind in found):
            return widest
    return pa.string()


_WIDEST = (
    (pa.types.is_signed_integer, pa.int64()),
    (pa.types.is_unsigned_integer, pa.uint64()),
    (pa.types.is_floating, pa.float64()),
)


def kept_fields(found: Iterable[pa.Field], names: Sequence[str]) -> list[pa.Field]:
    """Return the columns that predictions keep: `path` first, then those named, in their order.

    Args:
        found: all columns that files have, as they have them.
        names: of the columns that are to be kept.

    Raises:
        ColumnError: no file has one of the columns.
    """
    kinds: dict[str, list[pa.DataType]] = {}
    for field in found:
        kinds.setdefault(field.name, []).append(field.type)
    for name in names:
        if name not in kinds:
            raise ColumnError(
                f"column {name!r} cannot be kept: no Parquet file of the inputs has it, and no "
                "metadata.csv of a folder of images; check its name"
            )
    first = [PATH.name] if PATH.name in kinds and PATH.name not in names else []
    return [pa.field(name, common_type(kinds[name])) for name in [*first, *names]]


def further_columns(kept: Iterable[pa.Field], *, content_hash: bool) -> list[pa.Field]:
    """Return the columns of predictions after those of `schema.PREDICTIONS` and probabilities."""
    return [*([CONTENT] if content_hash else []), *kept]


def columns_as(
    kept: pa.RecordBatch | None, fields: Iterable[pa.Field], rows: int
) -> list[pa.Array]:
    """Return the columns that predictions keep, of some rows, in the types of `fields`.

    Args:
        kept: columns as they were read, as in `ImageBatch`.
        fields: as `kept_fields` returns them.
        rows: the number of rows; a column that was not read is null in all of them.
    """
    names = [] if kept is None else kept.schema.names
    return [
        _converted(kept.column(field.name), field.type)
        if kept is not None and field.name in names
        else pa.nulls(rows, field.type)
        for field in fields
    ]


def as_text(column: pa.Array) -> pa.Array:
    """Return the values of a kept column as Arrow strings, as CSV has them; null stays null."""
    return _converted(column, pa.string())


def _converted(column: pa.Array, target: pa.DataType) -> pa.Array:
    """Return a column in a type that `common_type` found for it. No value makes it fail."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    own = kept_type(column.type)
    if own == pa.string():
        return _sound_text(column)
    # Not safe: a damaged file may hold times that no calendar has.
    return column.cast(own, safe=False).cast(target, safe=False)


def _sound_text(column: pa.Array) -> pa.Array:
    """Return texts; what is not UTF-8 in those of a damaged file becomes U+FFFD."""
    try:
        column.validate(full=True)
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        contents = column.cast(pa.binary()).to_pylist()
        texts = [None if one is None else one.decode("utf-8", "replace") for one in contents]
        return pa.array(texts, pa.string())
