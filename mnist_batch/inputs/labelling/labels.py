"""What a label may be: a digit or another class, by its number or its name."""

from collections.abc import Callable
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.numbering import DIGIT_LABELS, Numbering
from mnist_batch.schema import shortened

_UNKNOWN = r"^(|-1(\.0*)?|(?i:nan))$"


INSTEAD = "correct it, or pass --labels none to predict without labels"
"""What to do about a label that is none, where images are read."""


def class_numbers(
    values: pa.Array,
    where: Callable[[int], str],
    numbering: Numbering = DIGIT_LABELS,
    instead: str = INSTEAD,
) -> pa.Array:
    """Return labels as numbers of classes: Arrow int8, int16 of over 128 classes, or null.

    Args:
        values: Arrow integers, floats or decimals that are whole, or text such as "7" or "seven";
            unknown where null, NaN, -1 or blank. Booleans are 0 and 1 of two classes.
        where: returns the place of the i-th value, for the message.
        numbering: what the values mean.
        instead: what to do about a bad one, for the message.

    Raises:
        LabelError: a value means no class.
    """
    check_type(values.type, where, numbering)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type) or pa.types.is_boolean(values.type):
        return values.cast(numbering.dtype)
    if pa.types.is_integer(values.type) and numbering.keeps_digits and _within_digits(values):
        return values.cast(numbering.dtype)
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        if (first := _first_not_text(values)) is not None:
            raise LabelError(f"{where(first)}: a label that is no text in UTF-8; {instead}")
        values = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.match_substring_regex(values, _UNKNOWN), None, values)
    else:
        as_float = pc.cast(values, pa.float64(), safe=False)
        values = pc.if_else(pc.or_(pc.is_nan(as_float), pc.equal(as_float, -1)), None, values)
    # Each value that occurs is looked up once.
    distinct = values.dictionary_encode()
    numbers = [numbering.number(value) for value in distinct.dictionary.to_pylist()]
    found = pa.array(numbers, numbering.dtype).take(distinct.indices)
    bad = pc.indices_nonzero(pc.and_(found.is_null(), values.is_valid()))
    if len(bad) and not (numbering.classes is None and pa.types.is_string(values.type)):
        first = bad[0].as_py()
        value = values[first].as_py()
        raise LabelError(
            f"{where(first)}: label {shown(value)} is not {numbering.expected}; "
            f"{numbering.advice(value, distinct.dictionary.to_pylist())}{instead}"
        )
    return found


def texts_of(values: pa.Array) -> list[str]:
    """Return the labels in a column as texts, each once; unknown ones and such as are none not."""
    values = values.unique() if pa.types.is_dictionary(values.type) else values
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        values = values.filter(pc.equal(pc.round(values), values)).cast(pa.int64())
    with suppress(pa.ArrowInvalid, UnicodeDecodeError):
        texts = pc.utf8_trim_whitespace(values.drop_null().unique().cast(pa.string()))
        known = texts.filter(pc.invert(pc.match_substring_regex(texts, _UNKNOWN)))
        return list(map(str, known.to_pylist()))
    return []


def check_type(
    kind: pa.DataType, where: Callable[[int], str], numbering: Numbering = DIGIT_LABELS
) -> None:
    """Check that a column of a type can hold what `class_numbers` takes, by its type alone.

    Raises:
        LabelError: it cannot; the message names the place of the first value.
    """
    stored = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_boolean(stored) and (
        numbering.classes is None or numbering.classes.count == _TRUTHS
    ):
        return
    if not any(holds(stored) for holds in _LABEL_TYPES):
        text = shortened(str(stored))
        raise LabelError(
            f"{where(0)}: labels of type {text}; each should be {numbering.expected}; pass "
            "another --label-column, or --labels none"
        )


_TRUTHS = 2


_LABEL_TYPES = (
    pa.types.is_null,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
)


def shown(value: object) -> str:
    """Return a cell of a file for a message; only its length where it is no number or short word.

    A file of labels may be a link to any file, and a message may end up in a log that others read.
    """
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"of {len(str(value)):,} characters"


_LONGEST_SHOWN = 20


def _first_not_text(values: pa.Array) -> int | None:
    """Return the place of the first text that is not UTF-8, as in a damaged file; or None."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        for place, value in enumerate(values):
            try:
                value.as_py()
            except UnicodeDecodeError:
                return place
    return None


def _within_digits(values: pa.Array) -> bool:
    """Tell whether all integers are digits or null."""
    extremes = pc.min_max(values)
    least, greatest = extremes["min"].as_py(), extremes["max"].as_py()
    return least is None or (least >= 0 and greatest <= 9)
