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
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.labelling.folders import folder_names
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.numbering import Numbering, listed
from mnist_batch.inputs.labelling.pattern import LabelPattern
from mnist_batch.inputs.labelling.spellings import find_spellings
from mnist_batch.inputs.labelling.tables import read_table
from mnist_batch.remote.addresses import Place, is_remote
from mnist_batch.schema import DIGITS, Classes, shortened

NAMES = (
    *("label", "labels", "digit", "digits", "class", "classes", "target", "y"),
    *("category", "cls", "truth"),
)
"""What columns of labels are called, the likeliest first."""

_SAMPLE = 1000
"""Names that are looked at, spread evenly."""

_MOST_LISTED = 10_000
_MOST_BESIDE = 10
_LARGEST_BESIDE = 2**23
"""Entries of a folder and files beside images that are looked at, at most, and their bytes."""


def hint_of_columns(table: pa.Table, classes: Classes = DIGITS) -> str:
    """Return which column of a table looks like labels, as what to do; empty where none does.

    One of `NAMES` in any case comes first, then others; it has to hold digits, or other classes,
    alone, more than one.
    """
    found = [name for name in table.column_names if _holds_labels(table, name, classes)]
    if not found:
        return ""
    ranks = {name: rank for rank, name in enumerate(NAMES)}
    best = min(found, key=lambda name: ranks.get(name.strip().casefold(), len(ranks)))
    return f"the column {shortened(best)!r} looks like labels: pass --label-column {_quoted(best)}"


def _holds_labels(table: pa.Table, name: str, classes: Classes) -> bool:
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
    known = {*texts.slice(0, 2 * classes.count + 2).to_pylist()} - {"-1"}
    numbering = Numbering(classes)
    fewest = 1 if name.strip().casefold() in NAMES else 2
    if not fewest <= len(known) <= 2 * classes.count:
        return False
    if classes.are_digits:
        return all(text in _DIGITS for text in known)
    return all(numbering.number(text) is not None for text in known)


_DIGITS = frozenset("0123456789")


def hint_of_files(
    names: Sequence[str],
    paths: Sequence[str],
    metadata: Mapping[str, Place],
    pattern: LabelPattern | None,
    classes: Classes = DIGITS,
) -> str:
    """Return what would give image files labels; it always says something.

    Args:
        names: of the files, relative to their INPUT.
        paths: where they are.
        metadata: files of labels in the INPUT by their folders, none of which labels any.
        pattern: what has found no label in them; None where it was not asked for.
        classes: what the labels are of.
    """
    if pattern:
        example = text_of_path(names[0])
        return (
            f"--label-pattern {shortened(pattern.pattern)!r} finds none in the names, such as "
            f"{shortened(example)!r}"
        )
    root = paths[0][: len(paths[0]) - len(names[0])]
    is_beside = len(names) > 0 and not is_remote(root)  # to list a bucket for a hint may take long
    hints = (
        *(_of_metadata(path, names[0], classes) for path in metadata.values()),
        _of_files_beside(Path(root or "."), names, paths, classes) if is_beside else "",
        _of_partitions(_sample(paths)),
        _of_names(_sample(paths)) if classes.are_digits else "",
        _of_folders(folder_names(paths), classes),
    )
    if classes.names is None:
        called = f"0 to {classes.count - 1}"
    else:
        called = f"as the classes of the model ({listed(classes.names)})"
    usual = f"put images into folders called {called}, or pass --labels FILE.csv (file_name,label)"
    return next(filter(None, hints), usual)


def _of_folders(folders: Sequence[str], classes: Classes) -> str:
    """Return that folders are named for something else than the classes; empty where they may be.

    One folder, or those that are numbered, say nothing of classes.
    """
    if len(folders) < _FEWEST_FOLDERS or any(_HAS_DIGIT.search(name) for name in folders):
        return ""
    called = f"their folders are called {listed(sorted(folders))}"
    if classes.are_digits:
        return (
            f"{called}, which are no digits: to predict other classes pass their --model (train "
            "makes one), to pack them pass --class-names"
        )
    if classes.names is None:
        return ""
    return (
        f"{called}, which are no classes of the model ({listed(classes.names)}): rename them, or "
        "pass --labels FILE.csv (file_name,label)"
    )


_FEWEST_FOLDERS = 2
_HAS_DIGIT = re.compile("[0-9]")


def _of_metadata(path: Place, example: str, classes: Classes) -> str:
    """Return what is wrong with a file of labels that labels no image."""
    table = read_table(path, {}).table
    if "label" not in table.column_names:
        hint = hint_of_columns(_as_text(path, table.column_names), classes)
        return hint and f"in {path} {hint}"
    file = LabelFile(path, Numbering(classes))
    if file.example is None:
        return ""
    return (
        f"{path} names images as {shortened(file.example)!r}, and they are called "
        f"{shortened(text_of_path(example))!r}; name them so, from the folder of the file on"
    )


def _of_files_beside(
    root: Path, names: Sequence[str], paths: Sequence[str], classes: Classes
) -> str:
    """Return how to pass a file that names the images, in the INPUT folder or right above it.

    Predictions that this package wrote are none: their labels are those of an earlier run.
    """
    for path in _beside(root):
        try:
            table = read_table(path, {"file_name": pa.string(), "source": pa.string()}).table
            if {*_PREDICTED} <= {*table.column_names}:
                continue
            if not _names_images(table, names, paths):
                continue
            if "label" in table.column_names:
                return f"pass --labels {_quoted(str(path))}, which names them"
            hint = hint_of_columns(_as_text(path, table.column_names), classes)
        except LabelError:
            continue
        if hint:
            column = hint.rpartition("--label-column ")[2]
            return f"pass --labels {_quoted(str(path))} --label-column {column}"
    return ""


_PREDICTED = ("source", "prediction", "confidence")
"""Columns of predictions, see `schema.PREDICTIONS`."""


def _names_images(table: pa.Table, names: Sequence[str], paths: Sequence[str]) -> bool:
    """Tell whether a table names half of the images, or more of them."""
    column = next((name for name in ("file_name", "source") if name in table.column_names), None)
    if column is None or table.column_names.count(column) > 1:
        return False
    lines = {*table[column].drop_null().to_pylist()}
    images = {text_of_path(names[place]): paths[place] for place in _places(len(names))}
    found = sum(name in lines for name in images) + len(find_spellings(images, lines))
    return 2 * found >= len(images)


def _beside(root: Path) -> list[Path]:
    """Return the files of tables in a folder, and right above it."""
    found: list[Path] = []
    above = root.absolute().parent
    for folder in (root, above if root.is_absolute() else Path(os.path.relpath(above))):
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


def _as_text(path: Place, names: Sequence[str]) -> pa.Table:
    """Return the columns of a file that may be labels, as text."""
    others = [name for name in names if name not in ("file_name", "source", "row")]
    table = read_table(path, dict.fromkeys(others, pa.string())).table
    return table.select(others) if len({*others}) == len(others) else table.slice(0, 0)


def _sample(paths: Sequence[str]) -> list[str]:
    """Return some absolute paths, spread evenly."""
    # Text in, text out.
    return [os.path.abspath(paths[place]) for place in _places(len(paths))]  # noqa: PTH100


def _places(count: int) -> list[int]:
    """Return some places of so many, spread evenly."""
    most = min(count, _SAMPLE)
    return [number * count // most for number in range(most)]


def _of_names(paths: Sequence[str]) -> str:
    """Return which pattern finds a digit in all names of files, or in those of their folders.

    Of several it is the one that finds the most digits.
    """
    parts, levels = _by_level(paths)
    folders = {part[-2] for part in parts if len(part) > 1}
    best, most = "", 1
    for level in levels:
        own = [part[-level] for part in parts]
        if level == 1 and len(folders) > 1 and all(map(_COUNTED.fullmatch, own)):
            continue  # 0.png in each of several folders: the files are counted there
        for pattern in _patterns(own[0], in_folder=level > 1):
            digits = _digits_found(LabelPattern(pattern).texts(paths))
            if digits > most:
                where = "the names of their folders" if level > 1 else "their names"
                most = digits
                best = (
                    f"if the digit in {where} is the label, pass --label-pattern {_quoted(pattern)}"
                )
    words = {folder.casefold() for folder in folders}
    if not best and words and words <= {*_WORDS}:
        return f"their folders are called by words: pass --label-pattern {_quoted(_ANY_FOLDER)}"
    return best


_COUNTED = re.compile(r"[0-9]+(\.\w+)?")


def _of_partitions(paths: Sequence[str]) -> str:
    """Return which key of folders as `digit=7` names labels; empty for none."""
    parts, levels = _by_level(paths)
    for level in levels[1:]:
        keys = {part[-level].partition("=")[0] for part in parts if "=" in part[-level]}
        if len(keys) == 1 and (key := next(iter(keys))).casefold() in NAMES:
            folder = _quoted(parts[0][-level])
            return f"their folders are called {folder}: pass --label-column {key}"
    return ""


def _by_level(paths: Sequence[str]) -> tuple[list[list[str]], range]:
    """Return the parts of each path, and the levels that all have: 1 is the file's own name."""
    parts = [path.split("/") for path in paths]
    return parts, range(1, min(*map(len, parts), _MOST_LEVELS + 1))


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
