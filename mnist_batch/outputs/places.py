"""Where outputs may lie: apart from one another, and from what this run or the next one reads."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from glob import has_magic
from itertools import permutations
from pathlib import Path

from mnist_batch.errors import OutputError
from mnist_batch.inputs.image_files import IMAGE_SUFFIXES
from mnist_batch.inputs.listing import glob_root
from mnist_batch.inputs.sources import file_kinds
from mnist_batch.outputs.atomic import behind_links
from mnist_batch.outputs.parts_folder import staging_folder


@dataclass(frozen=True)
class Claim:
    """A place that a run writes to."""

    path: Path
    what: str  # it writes there, for a message
    is_shared: bool = False  # other files may lie in it, as in the folder of a report


def claims_of_predictions(out: Path) -> list[Claim]:
    """Return where a run of `predict` writes its predictions."""
    unfinished = Claim(staging_folder(out), "the unfinished predictions")
    return [Claim(out, "the predictions"), unfinished]


def check_apart(claims: Sequence[Claim]) -> None:
    """Refuse outputs of one run of which one would replace another; touch nothing.

    Links, hard links and other spellings of a path do not hide it.

    Raises:
        OutputError: two outputs have one place, or one lies in another that is not shared.
    """
    for one, other in permutations(claims, 2):
        if _is_same(behind_links(one.path), behind_links(other.path)):
            raise OutputError(
                f"{one.path}: would hold both {one.what} and {other.what}; name another place for "
                "one of them"
            )
        if not other.is_shared and is_inside(one.path, other.path):
            raise OutputError(
                f"{one.path}: lies in {other.path}, which is for {other.what} alone; name another "
                "place"
            )


def is_inside(path: Path, folder: Path) -> bool:
    """Tell whether a path is a folder or lies in it, by whatever name."""
    place, folder = behind_links(path), behind_links(folder)
    return any(_is_same(above, folder) for above in (place, *place.parents))


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two paths without links lead to one place; a folder may be mounted twice."""
    if one == other:
        return True
    try:
        return one.samefile(other)
    except OSError:  # one of them is missing, or may not be looked at
        return one.name == other.name != "" and _is_same(one.parent, other.parent)


def check_not_read(outputs: Iterable[Path], files: Iterable[str | Path]) -> None:
    """Raise `OutputError` where an output is one of the files that a run reads, by whatever name.

    An INPUT may hold a million pictures, so of these only those with the name of an output are
    looked at.
    """
    there = [path for path in outputs if os.path.exists(path)]  # noqa: PTH110 - `Path.exists` raises
    if not there:
        return
    ends = tuple(
        path.name if path.suffix.lower() in IMAGE_SUFFIXES else path.suffix for path in there
    )
    for file in map(Path, filter(lambda file: file.endswith(ends), map(str, files))):
        for out in there:
            if _is_same(behind_links(file), behind_links(out)):
                raise OutputError(f"{out}: is read by this run; name another place")


def check_outside(
    files: Iterable[Path], folders: Iterable[Path], inputs: Iterable[str | Path]
) -> None:
    """Refuse outputs in an INPUT folder or matched by a glob: the next run would read them.

    `files` with a suffix that no input has may be anywhere; `folders` are those that get pictures,
    as that of a report.

    Raises:
        OutputError: one of them lies where the next run would read it.
    """
    files, folders = list(files), list(folders)
    for pattern in filter(has_magic, map(str, inputs)):
        absolute = str(Path(pattern).absolute())
        matched = [path for path in files if path.absolute().match(absolute)]
        suffix = Path(pattern).suffix.lower()
        for_pictures = suffix in IMAGE_SUFFIXES or suffix not in file_kinds()
        if "**" in Path(pattern).parts and for_pictures:
            root = behind_links(glob_root(pattern))
            matched += (folder for folder in folders if behind_links(folder).is_relative_to(root))
        if matched:
            raise OutputError(
                f"{matched[0]}: is matched by {pattern}, which would read it as digits the next "
                "time; name a place outside"
            )
    read = [*folders, *(path for path in files if path.suffix.lower() in file_kinds())]
    for folder in inputs:
        if os.path.isdir(folder):  # noqa: PTH112 - `Path.is_dir` raises where it may not look
            for path in read:
                if is_inside(path, Path(folder)):
                    raise OutputError(
                        f"{path}: lies in the INPUT folder {folder}, where the next run would take "
                        "it for digits; name a place outside"
                    )
