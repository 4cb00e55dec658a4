"""What the columns of a CSV file of pixels are, by its first lines."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mnist_batch.inputs.labelling.tables import names_images
from mnist_batch.inputs.tables.pixel_columns import (
    find_label_column,
    find_pixel_columns,
    side_of,
)
from mnist_batch.schema import PREDICTIONS, shortened

BOM = b"\xef\xbb\xbf"
"""How UTF-8 may begin, as Excel writes it."""

_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",;\t"
_NUMBER = re.compile(r"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*")
_SHOWN = 5

_MOSTLY = 0.9
"""Of the rows, at least: so many tell what a column is, for some may be damaged.

In all 70,000 images of MNIST the first two pixels are 0, and so are the last two.
"""


class LayoutError(Exception):
    """Why a file is no table of pixels, in the words of a message."""


@dataclass(frozen=True)
class CsvLayout:
    """The columns of a CSV file.

    Attributes:
        delimiter: what stands between cells.
        start: bytes before the first row.
        names: of the columns; `column 1` and so on in a file without a header.
        pixels: where the columns of pixels stand, row by row from the top; none where all columns
            but the first or all but the last are pixels, which rows have to tell.
        label: where the column of labels stands; None where there is none.
    """

    delimiter: str
    start: int
    names: tuple[str, ...]
    pixels: tuple[int, ...]
    label: int | None


def layout_of(first: bytes, wanted: str | None = None) -> CsvLayout:
    """Return the layout of a file, as far as its header tells it.

    Args:
        first: how the file begins, some whole lines.
        wanted: the column of labels; None to find it.

    Raises:
        LayoutError: it is no table of pixels, or two columns have one name.
    """
    if first.startswith(_OTHER_BOMS):
        raise LayoutError("it is UTF-16; save it as CSV in UTF-8")
    start, head = _first_line(first)
    line = _text(head).strip("\r\n")
    delimiter = max(_DELIMITERS, key=line.count)
    cells = _cells(line, delimiter)
    numbered = cells in ([str(n + base) for n in range(len(cells))] for base in (0, 1))
    if numbered or not all(_NUMBER.fullmatch(cell) or not cell for cell in cells):
        names, start = tuple(cells), start + len(head)
    else:
        names = tuple(f"column {n + 1}" for n in range(len(cells)))
    pixels = find_pixel_columns([name for name in names if name != wanted])
    if pixels and not (numbered and wanted is None):
        label = wanted if wanted in names else find_label_column(names, pixels)
        _check_unique(names, [*pixels, *([label] if label is not None else [])])
        places = {name: place for place, name in enumerate(names)}
        found = tuple(places[name] for name in pixels)
        return CsvLayout(delimiter, start, names, found, None if label is None else places[label])
    return CsvLayout(delimiter, start, names, *_by_place(names, wanted))


def _first_line(content: bytes) -> tuple[int, bytes]:
    """Return where the first line starts that is not blank, and the line with its end.

    Raises:
        LayoutError: lines end as on the first Macintosh.
    """
    start = len(BOM) if content.startswith(BOM) else 0
    for line in content[start:].splitlines(keepends=True):
        if line.endswith(b"\r"):
            raise LayoutError("its lines end with CR alone; save it with LF or CR LF")
        if line.strip():
            break
        start += len(line)
    return start, content[start:].partition(b"\n")[0] + b"\n"


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip(" \t") for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error as error:
        raise LayoutError(f"its first line is no CSV: {error}") from error


def _check_unique(names: Sequence[str], used: Iterable[str]) -> None:
    counts = Counter(names)
    for name in used:
        if counts[name] > 1:
            raise LayoutError(
                f"{counts[name]} columns {shortened(name)!r}; rename or remove all but one"
            )


def _by_place(names: Sequence[str], wanted: str | None) -> tuple[tuple[int, ...], int | None]:
    """Return where pixels and label stand in a table whose columns have no names that tell it."""
    count = len(names)
    places = tuple(range(count))
    if not side_of(count) and not side_of(count - 1):
        shown = ", ".join(repr(shortened(name, 20)) for name in names[:_SHOWN])
        more = f" and {count - _SHOWN} more" if count > _SHOWN else ""
        if {*PREDICTIONS.names} <= {*names}:
            raise LayoutError(
                f"no table of pixels: its columns are {shown}{more}; these are predictions: name "
                "the images that were predicted"
            )
        if names_images(names):
            raise LayoutError(
                f"no table of pixels but a list of paths: its columns are {shown}{more}; pass the "
                "folder of the images as INPUT and this file as --labels"
            )
        raise LayoutError(
            f"no table of pixels: its columns are {shown}{more}; expected 784 of them, numbered as "
            "pixel0 to pixel783, and one for the label"
        )
    _check_unique(names, names)
    if side_of(count):
        return places, None
    if wanted in names:
        label = names.index(wanted)
        return tuple(place for place in places if place != label), label
    return (), None


def with_label_at_end(layout: CsvLayout, ends: Sequence[tuple[bytes, bytes]]) -> CsvLayout:
    """Return a layout whose pixels are all columns but the first, or all but the last.

    The other one holds the labels: whole numbers, unlike the pixels beside it, and mostly of one
    digit. Pixels of a corner are alike in most pictures. A column whose name is none of labels is
    not read as such.

    Args:
        layout: without places of pixels.
        ends: how rows from all over the file start and end, at least two cells each.

    Raises:
        LayoutError: either end could be the label.
    """
    count = len(layout.names)
    first, last = _ends_of(ends, layout.delimiter.encode())
    named = find_label_column(layout.names, layout.names[1:-1])
    side = None if named is None else layout.names.index(named) != 0
    for test in (_are_whole, _differ_from_pixels, _are_digits):
        if side is None and test(first) != test(last):
            side = test(last)
    if side is None:
        one, other = (shortened(layout.names[place]) for place in (0, -1))
        raise LayoutError(
            f"its labels may be the first column or the last: pass --label-column {one!r} or "
            f"--label-column {other!r}"
        )
    label, pixels = (count - 1, range(count - 1)) if side else (0, range(1, count))
    no_header = layout.names[label] in (f"column {label + 1}", str(label), str(label + 1))
    is_label = named is not None or no_header
    return replace(layout, pixels=tuple(pixels), label=label if is_label else None)


def _ends_of(
    lines: Sequence[tuple[bytes, bytes]], cut: bytes
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the cells at both ends of lines, each with the one beside it."""
    first, last = list[tuple[str, str]](), list[tuple[str, str]]()
    for start, end in lines:
        head, tail = start.split(cut), end.split(cut)
        if len(head) > 2 and len(tail) > 2:  # the third may be cut off
            first.append((_cell(head[0]), _cell(head[1])))
            last.append((_cell(tail[-1]), _cell(tail[-2])))
    return first, last


def _cell(content: bytes) -> str:
    return content.decode("latin-1").strip('"\r\n ')


def _are_whole(cells: Sequence[tuple[str, str]]) -> bool:
    return sum(_whole(cell) is not None for cell, _ in cells) >= _MOSTLY * len(cells)


def _differ_from_pixels(cells: Sequence[tuple[str, str]]) -> bool:
    return sum(cell == beside for cell, beside in cells) < _MOSTLY * len(cells)


def _are_digits(cells: Sequence[tuple[str, str]]) -> bool:
    return sum(_whole(cell) in range(10) for cell, _ in cells) >= _MOSTLY * len(cells)


def _whole(cell: str) -> int | None:
    """Return a whole number from its text; None of others."""
    if not _NUMBER.fullmatch(cell):
        return None
    number = float(cell)
    return int(number) if number.is_integer() else None
