"""Labels from the names of folders."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from mnist_batch.inputs.labelling.numbering import DIGIT_LABELS, Numbering, listed
from mnist_batch.schema import Classes

_FOLDERS = frozenset("0123456789")


def folder_labels(paths: Sequence[str], numbering: Numbering = DIGIT_LABELS) -> pa.Array:
    """Return the labels of image files: the class that the folder of each is named for.

    Where classes are digits, only a folder whose name is one digit counts: `2024` and `one` are
    names of anything.

    Returns:
        Arrow integers (n,), null where the folder has another name.
    """
    # A list names the files of a folder one after the other, as a rule, or there are few folders.
    label = lru_cache(1000)(lambda folder: _label(folder, numbering))
    labels = list[int | None]()
    last, found = None, None
    for path in paths:
        folder = path[: path.rfind("/") + 1]
        if folder != last:
            last, found = folder, label(folder)
        # A folder that cannot be listed, whose name ends in `/`, has no label of its own.
        labels.append(None if path.endswith("/") else found)
    return pa.array(labels, numbering.dtype)


def folder_names(paths: Sequence[str]) -> list[str]:
    """Return the names of the folders that hold image files, each once."""
    folders = dict.fromkeys(path[: path.rfind("/") + 1] for path in paths if path[-1:] != "/")
    return [*dict.fromkeys(Path(folder).absolute().name for folder in folders)]


def folders_of_no_class(paths: Sequence[str], classes: Classes) -> str:
    """Return the note on folders that are named for no class where others are; or an empty text.

    Classes are those with names: of digits, folders of any name may stand beside theirs.
    """
    folders = folder_names(paths) if classes.names else []
    numbering = Numbering(classes)
    others = sorted(name for name in folders if numbering.number(name) is None)
    if not 0 < len(others) < len(folders):
        return ""
    return (
        f"folders that are named for none of the {classes.count:,} classes: {len(others):,} "
        f"({listed(others)}); their images have no label"
    )


def partition_values(paths: Sequence[str], key: str) -> pa.Array:
    """Return the values of `key=value` in the names of folders above files, as Hive writes them.

    Returns:
        Arrow strings (n,), null where no folder has the key, or where Hive had a null.
    """
    if not any(f"{key}=" in path for path in paths):
        return pa.nulls(len(paths), pa.string())
    value = lru_cache(1000)(lambda folder: _partition(folder, f"{key}="))
    return pa.array([value(path[: path.rfind("/") + 1]) for path in paths], pa.string())


_NULL = "__HIVE_DEFAULT_PARTITION__"


def _partition(folder: str, start: str) -> str | None:
    parts = Path(folder).absolute().parts
    values = [unquote(part[len(start) :]) for part in parts if part.startswith(start)]
    return values[-1] if values and values[-1] != _NULL else None


def _label(folder: str, numbering: Numbering) -> int | None:
    own = Path(folder).absolute().name
    if numbering.classes is None or numbering.classes.are_digits:
        return int(own) if own in _FOLDERS else None
    return numbering.number(own)
