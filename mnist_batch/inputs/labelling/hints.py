"""What would give images labels, where none has one: told by columns, and by names of files."""

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.pattern import LabelPattern
from mnist_batch.inputs.labelling.tables import read_table
from mnist_batch.inputs.listing import text_of_path
from mnist_batch.schema import shortened

NAMES = ("label", "labels", "digit", "digits", "class", "target", "y", "category", "cls", "truth")
"""What columns of labels are called, the likeliest first."""

_SAMPLE = 1000
"""Names that are looked at, spread evenly."""

_MOST_LISTED = 10_000
_MOST_BESIDE = 10
_LARGEST_BESIDE = 2**23
"""Entries of a folder and files beside images that are looked at, at most, and their bytes."""


def hint_of_columns(table: pa.Table) -> str:
    """Return which column of a table looks like labels, as what to do; empty where none does.

    One of `NAMES` in any case comes first, then others; it has to hold digits alone, more than one.
    """
    found = [name for name in table.column_names if _holds_digits(table, name)]
    if not found:
        return ""
    ranks = {name: rank for rank, name in enumerate(NAMES)}
    best = min(found, key=lambda name: ranks.get(name.strip().casefold(), len(ranks)))
    return f"the column {shortened(best)!r} looks like labels: pass --label-column {_quoted(best)}"


def _holds_digits(table: pa.Table, name: str) -> bool:
    if table.column_names.count(name) > 1:
        return False
    values = table[name].combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    try:
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            values = values.cast(pa.float64())
            values = values.filter(pc.is_finite(values))
            values = values.cast(pa.int64())  # which fails where a number is not whole
        elif not (pa.types.is_integer(kind) or pa.types.is_string(kind)):
            return False
        texts = pc.utf8_trim_whitespace(values.cast(pa.string())).unique().drop_null()
    except (pa.ArrowException, UnicodeDecodeError):
        return False
    digits = texts.filter(pc.match_substring_regex(texts, "^[0-9]$"))
    others = len(texts) - len(digits) - bool(pc.index(texts, "-1").as_py() >= 0)
    named = name.strip().casefold() in NAMES
    return others == 0 and len(digits) >= (1 if named else 2)


def hint_of_files(
    names: Sequence[str],
    paths: Sequence[str],
    metadata: Mapping[str, Path],
    pattern: LabelPattern | None,
) -> str:
    """Return what would give image files labels; it always says something.

    Args:
        names: of the files, relative to their INPUT.
        paths: where they are.
        metadata: files of labels in the INPUT by their folders, none of which labels any.
        pattern: what has found no label in them; None where it was not asked for.
    """
    if pattern:
        example = text_of_path(names[0])
        return (
            f"--label-pattern {shortened(pattern.pattern)!r} finds none in the names, such as "
            f"{shortened(example)!r}"
        )
    root = paths[0][: len(paths[0]) - len(names[0])]
    hints = (
        *(_of_metadata(path, names[0]) for path in metadata.values()),
        _of_files_beside(Path(root or ".")) if len(names) else "",
        _of_names(_sample(paths)),
    )
    usual = "put images into folders called 0 to 9, or pass --labels FILE.csv (file_name,label)"
    return next(filter(None, hints), usual)


def _of_metadata(path: Path, example: str) -> str:
    """Return what is wrong with a file of labels that labels no image."""
    table = read_table(path, {}).table
    if "label" not in table.column_names:
        hint = hint_of_columns(_as_text(path, table.column_names))
        return hint and f"in {path} {hint}"
    file = LabelFile(path)
    if file.example is None:
        return ""
    return (
        f"{path} names images as {shortened(file.example)!r}, and they are called "
        f"{shortened(text_of_path(example))!r}; name them so, from the folder of the file on"
    )


def _of_files_beside(root: Path) -> str:
    """Return how to pass a file of labels that lies in the INPUT folder under another name."""
    for path in _beside(root):
        try:
            table = read_table(path, {}).table
            if not {"file_name", "source"} & {*table.column_names}:
                continue
            if "label" in table.column_names:
                return f"pass --labels {_quoted(str(path))}, which lies with them"
            hint = hint_of_columns(_as_text(path, table.column_names))
        except LabelError:
            continue
        if hint:
            column = hint.rpartition("--label-column ")[2]
            return f"pass --labels {_quoted(str(path))} --label-column {column}"
    return ""


def _beside(root: Path) -> list[Path]:
    """Return the files of tables in a folder, and right above it."""
    found: list[Path] = []
    for folder in (root, root.absolute().parent):
        try:
            with os.scandir(folder) as entries:
                found += sorted(
                    Path(entry.path)
                    for entry in islice(entries, _MOST_LISTED)
                    if entry.name.lower().endswith((".csv", ".tsv", ".jsonl", ".txt"))
                    and not entry.name.startswith((".", "metadata."))
                    and entry.is_file()
                    and entry.stat().st_size <= _LARGEST_BESIDE
                )[:_MOST_BESIDE]
        except OSError:
            continue
        if found:
            break
    return found


def _as_text(path: Path, names: Sequence[str]) -> pa.Table:
    """Return the columns of a file that may be labels, as text."""
    others = [name for name in names if name not in ("file_name", "source", "row")]
    table = read_table(path, dict.fromkeys(others, pa.string())).table
    return table.select(others) if len({*others}) == len(others) else table.slice(0, 0)


def _sample(paths: Sequence[str]) -> list[str]:
    """Return some absolute paths, spread evenly."""
    count = min(len(paths), _SAMPLE)
    places = (number * len(paths) // count for number in range(count))
    return [os.path.abspath(paths[place]) for place in places]  # noqa: PTH100 - text in, text out


def _of_names(paths: Sequence[str]) -> str:
    """Return which pattern finds a digit in all names of files, or in those of their folders.

    Of several it is the one that finds the most digits.
    """
    parts = [path.split("/") for path in paths]
    levels = range(1, min(*map(len, parts), _MOST_LEVELS + 1))
    for level in levels[1:]:
        keys = {part[-level].partition("=")[0] for part in parts if "=" in part[-level]}
        if len(keys) == 1 and (key := next(iter(keys))).casefold() in NAMES:
            folder = _quoted(parts[0][-level])
            return f"their folders are called {folder}: pass --label-column {key}"
    best, most = "", 1
    for level in levels:
        own = [part[-level] for part in parts]
        for pattern in _patterns(own[0], in_folder=level > 1):
            digits = _digits_found(LabelPattern(pattern).texts(paths))
            if digits > most:
                where = "the names of their folders" if level > 1 else "their names"
                most = digits
                best = (
                    f"if the digit in {where} is the label, pass --label-pattern {_quoted(pattern)}"
                )
    words = {part[-2].casefold() for part in parts if len(part) > 1}
    if not best and words and words <= {*_WORDS}:
        return f"their folders are called by words: pass --label-pattern {_quoted(_ANY_FOLDER)}"
    return best


_ANY_FOLDER = "/([a-zA-Z]+)/[^/]*$"
_MOST_LEVELS = 6
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _patterns(name: str, *, in_folder: bool) -> Iterator[str]:
    """Yield patterns for each digit that stands alone in a name, with the texts beside it.

    That of a file's name ends with the dot of the suffix, whatever the suffix.
    """
    for number in _NUMBER.finditer(name):
        left = _NO_NUMBER_BEHIND.findall(name[: number.start()])[0]
        right = _NO_NUMBER_AHEAD.findall(name[number.end() :])[0]
        front = "/" if in_folder else "^"
        front = f"{front if len(left) == number.start() else ''}{_escaped(left)}{number[1]}"
        if in_folder:
            whole = number.end() + len(right) == len(name)
            yield f"{front}(\\d){_escaped(right)}{'/' if whole else '[^/]*/'}"
        else:
            yield f"{front}(\\d){_escaped(right[: right.rfind('.') + 1] or right)}"


def _escaped(text: str) -> str:
    """Return text as a pattern; `re.escape` would escape more than has a meaning."""
    return _SPECIAL.sub(r"\\\g<0>", text)


_SPECIAL = re.compile(r"[\\.^$*+?()\[\]{}|]")
_NUMBER = re.compile(r"(?<![0-9])(0*)([0-9])(?![0-9])")
_NO_NUMBER_BEHIND = re.compile(r"[^0-9]*$")
_NO_NUMBER_AHEAD = re.compile(r"[^0-9]*")


def _digits_found(found: pa.Array) -> int:
    """Return how many digits names have; 0 where one has none, or where they count the files."""
    counts = Counter(found.to_pylist())
    is_label = all(text is not None and text in "0123456789" for text in counts)
    return len(counts) if is_label and max(counts.values()) > 1 else 0


def _quoted(text: str) -> str:
    return shlex.quote(shortened(text, 200))
