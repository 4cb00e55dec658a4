"""What the columns of a CSV file of pixels are, by its first lines."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_batch.inputs.tables.pixel_columns import (
    find_label_column,
    find_pixel_columns,
    side_of,
)
from mnist_batch.schema import shortened

BOM = b"\xef\xbb\xbf"
"""How UTF-8 may begin, as Excel writes it."""

_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",;\t"
_NUMBER = re.compile(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*")
_DIGIT = re.compile(r"\s*[0-9](\.0*)?\s*")
_SHOWN = 5


class LayoutError(Exception):
    """Why a file is no table of pixels, in the words of a message."""


@dataclass(frozen=True)
class CsvLayout:
    """The columns of a CSV file.

    Attributes:
        delimiter: what stands between cells.
        start: bytes before the first row.
        names: of the columns; `column 1` and so on in a file without a header.
        pixels: where the columns of pixels stand, row by row from the top.
        label: where the column of labels stands; None where there is none.
    """

    delimiter: str
    start: int
    names: tuple[str, ...]
    pixels: tuple[int, ...]
    label: int | None


def layout_of(first: bytes, sample: Sequence[bytes] = ()) -> CsvLayout:
    """Return the layout of a file.

    Without a header the label stands first or last: it is the one of the two columns that holds
    digits which differ, since the corners of pictures hardly do.

    Args:
        first: how the file begins, some whole lines.
        sample: further lines, from all over the file.

    Raises:
        LayoutError: it is no table of pixels.
    """
    if first.startswith(_OTHER_BOMS):
        raise LayoutError("it is UTF-16; save it as CSV in UTF-8")
    skipped = len(BOM) if first.startswith(BOM) else 0
    head, _, rest = first[skipped:].partition(b"\n")
    line = head.decode("latin-1").strip("\r")
    delimiter = max(_DELIMITERS, key=line.count)
    cells = _cells(line, delimiter)
    numbered = cells in ([str(n + base) for n in range(len(cells))] for base in (0, 1))
    has_header = numbered or not all(_NUMBER.fullmatch(cell) or not cell for cell in cells)
    start = skipped + len(head) + 1 if has_header else skipped
    lines = [one for one in [*rest.split(b"\n")[:-1], *sample] if one.strip()]
    if not has_header:
        lines.insert(0, head)
    names = tuple(cells) if has_header else tuple(f"column {n + 1}" for n in range(len(cells)))
    if has_header and not numbered and (found := _by_name(names)):
        return CsvLayout(delimiter, start, names, *found)
    return CsvLayout(delimiter, start, names, *_by_place(names, lines, delimiter))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error as error:
        raise LayoutError(f"its first line is no CSV: {error}") from error


def _by_name(names: Sequence[str]) -> tuple[tuple[int, ...], int | None] | None:
    pixels = find_pixel_columns(names)
    if not pixels:
        return None
    places = {name: place for place, name in reversed([*enumerate(names)])}
    label = find_label_column(names, pixels)
    return tuple(places[name] for name in pixels), None if label is None else places[label]


def _by_place(
    names: Sequence[str], lines: Sequence[bytes], delimiter: str
) -> tuple[tuple[int, ...], int | None]:
    """Return where pixels and label stand in a table whose columns have no names that tell it."""
    count = len(names)
    if side_of(count):
        return tuple(range(count)), None
    if not side_of(count - 1):
        shown = ", ".join(repr(shortened(name, 20)) for name in names[:_SHOWN])
        more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
        raise LayoutError(
            f"no table of pixels: its columns are {shown}{more}; expected 784 of them, numbered as "
            "pixel0 to pixel783, and one for the label"
        )
    cut = delimiter.encode()
    ends = [(one.split(cut, 1)[0], one.rsplit(cut, 1)[-1]) for one in lines]
    first, last = ({end[side].decode("latin-1").strip('"\r ') for end in ends} for side in (0, 1))
    is_last = _holds_digits(last) and (not _holds_digits(first) or len(first) == 1 < len(last))
    places = tuple(range(count))
    return (places[:-1], count - 1) if is_last else (places[1:], 0)


def _holds_digits(values: set[str]) -> bool:
    return all(_DIGIT.fullmatch(value) or not value for value in values)
