"""Where outputs may lie: apart from one another, and from what this run or the next one reads."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import has_magic
from itertools import accumulate, permutations, takewhile
from pathlib import Path, PurePath

from mnist_batch.errors import OutputError
from mnist_batch.inputs.dataset.layout import is_part_name, part_name
from mnist_batch.inputs.finding.listing import glob_root
from mnist_batch.inputs.formats import IMAGE_SUFFIXES, read_from_any_folder
from mnist_batch.outputs.kinds import absolute, name_at, place_in, staging_place, suffix_of
from mnist_batch.outputs.targets import behind_links
from mnist_batch.remote.addresses import Place, is_remote, place_of

_Identity = tuple[object, ...]
"""Device and inode; of what is missing the identity of the folder above, and its name."""


@dataclass(frozen=True)
class Claim:
    """A place that a run writes to."""

    path: Place
    what: str  # it writes there, for a message
    is_shared: bool = False  # other files may lie in it, as in the folder of a report


def claims_of_predictions(out: Place) -> list[Claim]:
    """Return where a run of `predict` writes its predictions."""
    unfinished = Claim(staging_place(out), "the unfinished predictions")
    return [Claim(out, "the predictions"), unfinished]


def files_written(out: Place, of_report: Iterable[Claim], *, is_dataset: bool) -> list[Place]:
    """Return the files that are written by their names: predictions, and those of their report."""
    written = place_in(out, part_name(0)) if is_dataset else out
    return [written, *(claim.path for claim in of_report if not claim.is_shared)]


def check_apart(claims: Sequence[Claim]) -> None:
    """Refuse outputs of one run of which one would replace another; touch nothing.

    Links, hard links and other spellings of a path do not hide it.

    Raises:
        OutputError: two outputs have one place, or one lies in another that is not shared.
    """
    chains = [(claim, _chain(claim.path)) for claim in claims]
    for (one, chain), (other, (*_, place)) in permutations(chains, 2):
        if chain[-1] == place:
            raise OutputError(
                f"{one.path}: would hold both {one.what} and {other.what}; name another place for "
                "one of them"
            )
        if not other.is_shared and place in chain:
            raise OutputError(
                f"{one.path}: lies in {other.path}, which is for {other.what} alone; name another "
                "place"
            )


def is_inside(path: Place, folder: Place) -> bool:
    """Tell whether a path is a folder or lies in it, by whatever name."""
    return _chain(folder)[-1] in _chain(path)


def _chain(path: Place) -> list[_Identity]:
    """Return what identifies each folder above a path, from the root on, and the path itself.

    That is device and inode, which are the same for all links to it and wherever it is mounted; of
    what is missing, its name in the folder above. Object storage has names alone.
    """
    if isinstance(path, str):
        return [*accumulate(zip(path.rstrip("/").split("/")), initial=())]
    place = behind_links(path)
    found: list[_Identity] = []
    for above in (*reversed(place.parents), place):
        found.append(_identity(above) or (*found[-1], above.name))
    return found


def _identity(path: str | Path) -> _Identity | None:
    """Return device and inode of what a path leads to; None where it is missing.

    An object is identified by its address, be it there or not.
    """
    if is_remote(path):
        return (str(path).rstrip("/"),)
    try:
        status = os.stat(path)  # noqa: PTH116 - paths by the hundred thousand
    except (OSError, ValueError):  # a null character in the path
        return None
    return status.st_dev, status.st_ino


def check_not_read(outputs: Iterable[Place], files: Iterable[str | Path]) -> None:
    """Raise `OutputError` where an output is one of the files that a run reads, by whatever name.

    An INPUT may hold a million pictures, so of these only those with the name of an output are
    looked at.
    """
    there = {found: path for path in outputs if (found := _identity(path))}
    if not there:
        return
    ends = tuple(
        name_at(path) if suffix_of(path) in IMAGE_SUFFIXES else Path(name_at(path)).suffix
        for path in there.values()
    )
    for file in map(str, files):
        if file.endswith(ends) and (found := _identity(file)) in there:
            raise OutputError(f"{there[found]}: is read by this run; name another place")


def check_folder_not_read(folder: Place, files: Iterable[str | Path]) -> None:
    """Raise `OutputError` where a run would replace a folder of parts and reads one of them.

    Of a million files only those with a part's name are looked at.
    """
    place = _identity(folder)
    for file in map(str, files):
        if is_part_name(name_at(file)) and _identity(_folder_of(file)) == place is not None:
            raise OutputError(f"{folder}: {file} in it is read by this run; name another folder")


def _folder_of(file: str) -> str:
    """Return the folder of a file, on this machine or in object storage."""
    return file.rpartition("/")[0] if is_remote(file) else str(Path(file).parent)


def check_outside(
    files: Iterable[Place], folders: Iterable[Place], inputs: Iterable[str | Path]
) -> None:
    """Refuse outputs in an INPUT folder or matched by a glob: the next run would read them.

    `files` with a suffix that no input has may be anywhere; `folders` are those that get pictures,
    as that of a report.

    Raises:
        OutputError: one of them lies where the next run would read it.
    """
    files, folders = list(files), list(folders)
    for pattern in filter(has_magic, map(str, inputs)):
        whole = absolute(place_of(pattern))
        matched = [path for path in files if PurePath(absolute(path)).match(whole)]
        suffix = Path(pattern).suffix.lower()
        for_pictures = suffix in IMAGE_SUFFIXES or suffix not in read_from_any_folder()
        if "**" in Path(pattern).parts and for_pictures:
            root = _root(pattern)
            matched += (folder for folder in folders if is_inside(folder, root))
        if matched:
            raise OutputError(
                f"{matched[0]}: is matched by {pattern}, which would read it as digits the next "
                "time; name a place outside"
            )
    read = [*folders, *(path for path in files if suffix_of(path) in read_from_any_folder())]
    for folder in inputs:
        # `Path.is_dir` raises where it may not look. What lies in an object makes it a folder.
        if is_remote(folder) or os.path.isdir(folder):  # noqa: PTH112
            for path in read:
                if is_inside(path, place_of(folder)):
                    raise OutputError(
                        f"{path}: lies in the INPUT folder {folder}, where the next run would take "
                        "it for digits; name a place outside"
                    )


def _root(pattern: str) -> Place:
    """Return the last folder of a glob before the first wildcard."""
    if not is_remote(pattern):
        return glob_root(pattern)
    return "/".join(takewhile(lambda part: not has_magic(part), pattern.split("/")))
