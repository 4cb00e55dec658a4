"""Files that INPUTs name: of one format each, with their names and what the user should know."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mnist_batch.errors import InputError
from mnist_batch.inputs.finding.find_packed import packed_folder, refuse_lone_parts
from mnist_batch.inputs.finding.listing import Folder, FolderListing
from mnist_batch.inputs.finding.suffixes import suffix_of
from mnist_batch.inputs.formats import FORMATS, IMAGES, PARQUET, glob_inputs, list_inputs
from mnist_batch.inputs.labelling.metadata import metadata_by_folder
from mnist_batch.inputs.shards import NamedFiles
from mnist_batch.inputs.texts import Texts
from mnist_batch.remote.addresses import Place


@dataclass(frozen=True)
class Found:
    """Files of one format that one INPUT names."""

    format: str  # the name of their format
    files: NamedFiles  # the files; their sources are their names
    typed: str = ""  # the folder that the names start from, as the user wrote it; empty for none
    # Files in the folder that are no input.
    passed_over: Counter[str] = field(default_factory=Counter)
    notes: Sequence[str] = ()  # as in `OpenInputs`

    @property
    def taken(self) -> Sequence[str]:
        """The sources that no other file may have: of a packed folder its own name."""
        return [self.files.parts.folder] if self.files.parts else self.files.sources

    @property
    def is_remote(self) -> bool:
        """Whether they lie in object storage."""
        return self.files.objects is not None

    def qualified(self) -> "Found":
        """Return the files with `typed` in front of their sources."""
        if not self.typed:
            return self
        folder = self.typed.rstrip("/")
        sources = Texts(f"{folder}/{name}" for name in self.files.names)
        parts = self.files.parts
        if parts:
            parts = replace(parts, folder=f"{folder}/{parts.folder}")
        return replace(self, files=replace(self.files, sources=sources, parts=parts))


def files_in_folder(folder: Folder, typed: str) -> Found:
    """Return the files of a folder and of those in it, all of one format.

    Of a packed folder these are its parts.

    Raises:
        InputError: it holds none, files of several formats, or a part of a packed folder.
    """
    if packed := packed_folder(folder, typed):
        return Found(PARQUET.name, *packed)
    listing = list_inputs(folder)
    refuse_lone_parts(folder, listing.files.get(PARQUET.name, []), typed)
    if len(listing.files) > 1:
        raise InputError(
            f"{typed}: holds {_counts(listing)}, which may be the same digits twice; name the "
            f"{PARQUET.name} ('{typed.rstrip('/')}/**/*.parquet') or a folder that holds the "
            "images alone"
        )
    if not listing.files:
        others = listing.passed_over.total()
        held = f"only files of other kinds ({others:,})" if others else "no files"
        raise InputError(f"{typed}: a folder that holds {held}; {expected_files()}")
    return _listed(listing, folder, typed)


def files_of_glob(pattern: str) -> Found:
    """Return the files that a glob matches, named relative to its last folder without a `*`.

    Raises:
        InputError: it matches none, or files of several formats.
    """
    root, listing = glob_inputs(pattern)
    if len(listing.files) > 1:
        raise InputError(
            f"{pattern}: matches {_counts(listing)}, which may be the same digits twice; match "
            "one kind"
        )
    if not listing.files:
        raise InputError(f"{pattern}: matches no file of digits; {expected_files()}")
    return _listed(listing, root, typed="" if root == Path() else str(root))


def _listed(listing: FolderListing, root: Folder, typed: str) -> Found:
    """Return the files of the only kind that was listed."""
    ((kind, names),) = listing.files.items()
    metadata = metadata_by_folder(root, listing.metadata) if kind == IMAGES.name else {}
    used = {*map(str, metadata.values())}
    unused = [name for name in listing.metadata if str(root / name) not in used]
    passed_over = listing.passed_over + Counter(map(suffix_of, unused))
    files, notes = named_files(names, root, metadata), [_of_table(log) for log in listing.logs[:1]]
    return Found(kind, files, typed, passed_over, notes)


def _of_table(log: str) -> str:
    """Return the note that files belong to a table of another system, by the path of its log."""
    path = Path(log)
    table, name = (path.parent, path.name) if path.is_dir() else (path.parent.parent, path.parent)
    how = "write its current version into a Parquet file, and name that"
    if path.name == "_delta_log":
        how += f' (deltalake: DeltaTable("{table}").to_pyarrow_table())'
    return (
        f"{table}: a table whose log ({Path(name).name}) is not read, so rows that were deleted or "
        f"replaced may be read too; {how}"
    )


def named_files(
    names: Sequence[str], root: Folder, metadata: Mapping[str, Place] | None = None
) -> NamedFiles:
    """Return files, given their names relative to a folder."""
    texts, objects = Texts(names), None
    if isinstance(root, Path):
        # Joined as text: Path objects for 60,000 files would take a second.
        folder = os.path.join(root, "")  # noqa: PTH118
    else:
        from mnist_batch.inputs.remote.listed_objects import ListedObjects

        folder, objects = f"{root}/", ListedObjects.of(root.objects(names))
    paths = Texts(folder + name for name in names)
    return NamedFiles(texts, paths, texts, metadata or {}, objects)


def _counts(listing: FolderListing) -> str:
    """Return how many files there are of each kind, as messages say it."""
    return " and ".join(f"{kind} ({len(names):,})" for kind, names in listing.files.items())


def expected_files() -> str:
    """Return which files are inputs, as messages say it."""
    every = sorted(suffix for one in FORMATS for suffix in one.suffixes)
    suffixes = [suffix for suffix in every if "-" not in suffix and suffix.count(".") == 1]
    return f"expected a file with the suffix {' '.join(suffixes)}"


def told_apart(found: Sequence[Found]) -> Sequence[Found]:
    """Return files whose sources all differ.

    Raises:
        InputError: a file is named twice.
    """
    if _twin(found) is None:
        return found
    found = [one.qualified() for one in found]
    if (twin := _twin(found)) is not None:
        raise InputError(f"{twin}: named by two INPUTs; name each file once")
    return found


def _twin(found: Sequence[Found]) -> str | None:
    """Return a name that two files have, or None.

    A file that holds sources is the folder of them: no other file may lie in it.
    """
    sources = Texts.joined([one.taken for one in found])
    # A hash takes 8 bytes; a set of a million names takes 200 MB.
    hashes = np.fromiter(map(hash, sources), np.int64, len(sources))
    places = np.argsort(hashes, kind="stable")
    equal = np.flatnonzero(np.diff(hashes[places]) == 0)
    for place in equal[np.argsort(places[equal])].tolist():
        first, second = (sources[int(number)] for number in places[place : place + 2])
        if first == second:
            return first
    holding = {one.name for one in FORMATS if one.holds_sources}
    holders = {name for one in found if one.format in holding for name in one.taken}
    if not holders:
        return None
    return next((name for name in sources if _lies_in(name, holders)), None)


def _lies_in(name: str, folders: Set[str]) -> bool:
    """Tell whether one of the folders above a file is among `folders`."""
    while name:
        name = name.rpartition("/")[0]
        if name in folders:
            return True
    return False
