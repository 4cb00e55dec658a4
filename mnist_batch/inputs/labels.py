"""What a label may be: a digit, as a number or as text."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import LabelError
from mnist_batch.schema import shortened

_DIGIT = r"^[0-9](\.0*)?$"
_UNKNOWN = r"^(|-1(\.0*)?|(?i:nan))$"


INSTEAD = "correct it, or pass --labels none to predict without labels"
"""What to do about a label that is none, where images are read."""


def digits(values: pa.Array, where: Callable[[int], str], instead: str = INSTEAD) -> pa.Array:
    """Return labels as Arrow int8, 0 to 9 or null.

    Args:
        values: Arrow integers, floats or decimals that are whole, or text such as "7"; unknown
            where null, NaN, -1 or blank.
        where: returns the place of the i-th value, for the message.
        instead: what to do about a bad one, for the message.

    Raises:
        LabelError: a value is not a digit.
    """
    check_type(values.type, where)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type):
        return values.cast(pa.int8())
    if pa.types.is_integer(values.type) and _within_digits(values):
        return values.cast(pa.int8())
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        if (first := _first_not_text(values)) is not None:
            raise LabelError(f"{where(first)}: a label that is no text in UTF-8; {instead}")
        values = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.match_substring_regex(values, _UNKNOWN), None, values)
        good = pc.match_substring_regex(values, _DIGIT)
    else:
        as_float = pc.cast(values, pa.float64(), safe=False)
        values = pc.if_else(pc.or_(pc.is_nan(as_float), pc.equal(as_float, -1)), None, values)
        good = pc.and_(pc.is_in(as_float, pa.array(np.arange(10.0))), pc.is_valid(values))
    bad = pc.indices_nonzero(pc.fill_null(pc.and_(pc.invert(good), pc.is_valid(values)), False))
    if len(bad):
        first = bad[0].as_py()
        raise LabelError(
            f"{where(first)}: label {shown(values[first].as_py())} is not a digit from 0 to 9; "
            f"{instead}"
        )
    return pc.cast(values, pa.float64(), safe=False).cast(pa.int8())


def check_type(kind: pa.DataType, where: Callable[[int], str]) -> None:
    """Check that a column of a type can hold what `digits` takes; no value is needed for that.

    Raises:
        LabelError: it cannot; the message names the place of the first value.
    """
    stored = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(holds(stored) for holds in _LABEL_TYPES):
        text = shortened(str(stored))
        raise LabelError(f"{where(0)}: labels of type {text}; expected digits from 0 to 9")


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
