"""List folders and globs in natural order."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from fnmatch import fnmatchcase
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from mnist_batch.errors import InputError
from mnist_batch.inputs.finding.natural_order import natural_key, naturally_sorted
from mnist_batch.inputs.finding.suffixes import suffix_of
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.remote.addresses import is_remote

if TYPE_CHECKING:
    from mnist_batch.remote.folders import Entry, RemoteFolder

Folder: TypeAlias = "Path | RemoteFolder"
"""A folder that can be listed, on this machine or in object storage."""

_AnyEntry: TypeAlias = "os.DirEntry[str] | Entry"


class FolderListing:
    """What lies in a folder, in natural order; names are relative and `/`-separated.

    Attributes:
        files: names of files by their kind. Folders that cannot be listed are among them, with a
            `/` behind their names.
        passed_over: the number of other files, by their suffixes in lower case, or else by why
            they are no input: `hidden`, `no suffix`, `not a regular file`, `link to a folder`.
        metadata: names of files called as those of labels are, `metadata.csv` and `.jsonl`.
        logs: paths of what table formats write beside their files, as `_delta_log`.
    """

    def __init__(self, kinds: Mapping[str, str]) -> None:
        """Start with nothing; `kinds` as `list_folder` takes them."""
        self.files: dict[str, list[str]] = {kind: [] for kind in kinds.values()}
        self.passed_over: Counter[str] = Counter()
        self.metadata: list[str] = []
        self.logs: list[str] = []
        self._unreadable: dict[str, InputError] = {}
        self._by_suffix = {suffix: self.files[kind] for suffix, kind in kinds.items()}

    def takes(self, entry: _AnyEntry) -> bool:
        """Tell whether a file is an input; count it as passed over where it is none."""
        if _is_link_to_folder(entry):
            reason = "link to a folder"
        elif suffix_of(entry.name) not in self._by_suffix:
            reason = entry.name[max(0, entry.name.rfind(".")) :].lower()
            reason = reason if reason.startswith(".") else "no suffix"
            if entry.name.endswith(_ICEBERG_LOG):
                self.logs.append(entry.path)
        elif not _is_regular(entry):
            reason = "not a regular file"
        else:
            return True
        self.passed_over[reason] += 1
        return False

    def add_files(self, folder: str, names: Sequence[str]) -> None:
        """Add files that `takes` is true of: one at least, of a folder whose name ends in `/`."""
        suffix = suffix_of(names[0])
        if suffix and "\0".join([*names, ""]).count(f"{suffix}\0") == len(names):
            self._by_suffix[suffix] += [folder + name for name in names]
            return
        for name in names:
            self._by_suffix[suffix_of(name)].append(folder + name)

    def add_unreadable_folder(self, name: str, error: InputError) -> None:
        """Add a folder that cannot be listed: nobody knows which kind of file it holds."""
        if name not in self._unreadable:
            self._unreadable[name] = error
            for names in self.files.values():
                names.append(name)

    def pass_over(self, kind: str, taken: Callable[[str], bool], reason: str) -> None:
        """Leave out the files of a kind that are not `taken`, and count them under a reason."""
        names = self.files.pop(kind, [])
        remaining = [name for name in names if taken(name)]
        if len(remaining) < len(names):
            self.passed_over[reason] += len(names) - len(remaining)
        if remaining:
            self.files[kind] = remaining

    def settle(self) -> None:
        """Keep the kinds of which there are files, and the unreadable folders among them.

        Raises:
            InputError: there are no files, but folders that cannot be listed.
        """
        # A folder's entries come in any order, and kinds of one number are named in that of a text.
        self.passed_over = Counter(dict(sorted(self.passed_over.items())))
        self.files = {
            kind: names
            for kind, names in self.files.items()
            if not all(name.endswith("/") for name in names)
        }
        if self._unreadable and not self.files:
            raise next(iter(self._unreadable.values()))


METADATA_NAMES = ("metadata.csv", "metadata.jsonl")
"""Files of labels in folders of images, as Hugging Face's `imagefolder` has them."""

_LOGS = ("_delta_log", ".hoodie")
"""Folders in which Delta Lake and Hudi say which files a table consists of."""

_ICEBERG_LOG = ".metadata.json"
"""How the names end of the files in which Iceberg says so."""


def is_underscored(name: str) -> bool:
    """Tell whether a name, or that of a folder in it, begins with `_`, as those of logs and marks.

    Spark, Hive and DuckDB pass over these. A folder such as `_year=2026` holds a partition.
    """
    return _UNDERSCORED.search(name) is not None


_UNDERSCORED = re.compile(r"(?:^|/)_[^/=]*(?:/|$)")


def list_folder(folder: Folder, kinds: Mapping[str, str]) -> FolderListing:
    """List a folder and the folders in it; links to folders are not followed.

    Hidden files, files of other suffixes and what is not a regular file (sockets, devices, pipes)
    are counted as passed over. A dangling link with an input's suffix is an input: its row will
    say that the file is missing. A folder in `folder` that cannot be read is an input too.

    Args:
        folder: where to look.
        kinds: the kind of file that each suffix stands for; suffixes in lower case.

    Raises:
        InputError: the folder cannot be read, or one in it, and nothing else was found.
    """
    listing = FolderListing(kinds)
    plain = kinds.keys() - {*map(suffix_of, METADATA_NAMES)}

    def wanted(entry: _AnyEntry, *, is_folder: bool) -> bool:
        if is_folder and entry.name in _LOGS:
            listing.logs.append(entry.path)
        if entry.name.startswith("."):
            listing.passed_over["hidden"] += 1
            return False
        if not is_folder and entry.name in METADATA_NAMES and _is_regular(entry):
            listing.metadata.append(os.path.relpath(entry.path, str(folder)))
            return False
        return is_folder or listing.takes(entry)

    pending = [("", _runs(_sorted_names(folder, wanted, plain)))]
    while pending:
        above, runs = pending[-1]
        for run in runs:
            if not isinstance(run, str):
                listing.add_files(above, run)
                continue
            below = above + run
            try:
                pending.append((below, _runs(_sorted_names(folder / below, wanted, plain))))
            except InputError as error:
                listing.add_unreadable_folder(below, error)
                continue
            break
        else:
            pending.pop()
    listing.settle()
    return listing


def _runs(names: Sequence[str]) -> Iterator[Sequence[str] | str]:
    """Yield the names of folders, which end in `/`, one by one, and those of files in lists."""
    start = 0
    for place in [place for place, name in enumerate(names) if name[-1] == "/"]:
        if start < place:
            yield names[start:place]
        yield names[place]
        start = place + 1
    if start < len(names):
        yield names[start:]


def glob_root(pattern: str) -> Path:
    """Return the last folder of a glob before the first wildcard."""
    return Path(*takewhile(lambda part: not has_magic(part), Path(pattern).parts))


def _split_glob(pattern: str) -> tuple[Folder, Sequence[str]]:
    """Return the folder of a glob that `glob_root` returns, and the parts of the glob in it."""
    if not is_remote(pattern):
        root = glob_root(pattern)
        return root, Path(pattern).parts[len(root.parts) :]
    from mnist_batch.remote.folders import list_remote  # late: local runs do without

    scheme, _, rest = pattern.partition("://")
    parts = rest.split("/")
    plain = [*takewhile(lambda part: not has_magic(part), parts)]
    return list_remote(f"{scheme}://{'/'.join(plain)}"), parts[len(plain) :]


def list_glob(pattern: str, kinds: Mapping[str, str]) -> tuple[Folder, FolderListing]:
    """List what a glob matches, relative to its last folder without a wildcard.

    `**` stands for any number of folders. As in `list_folder`, links to folders are not followed:
    `glob.glob` goes dozens of times through a link to the folder that holds it. As in a shell, `*`
    matches no hidden file.

    Args:
        pattern: the glob.
        kinds: as `list_folder` takes them.

    Returns:
        That folder, and the files.

    Raises:
        InputError: that folder cannot be read, or another one, and nothing else was found.
    """
    root, parts = _split_glob(pattern)
    *above, last = [*parts, "*"] if parts[-1] == "**" else parts
    listing = FolderListing(kinds)
    folders = [""]
    for part in above:
        below = (name for folder in folders for name in _folders(root, folder, part, listing))
        folders = list(dict.fromkeys(below))  # two `**` find a folder several times

    def wanted(entry: _AnyEntry, *, is_folder: bool) -> bool:
        return not is_folder and _matches(entry.name, last) and listing.takes(entry)

    for folder in folders:
        if names := _names_below(root, folder, listing, wanted):
            listing.add_files(folder, names)
    listing.settle()
    for names in listing.files.values():
        names.sort(key=_path_key)
    return root, listing


def _folders(root: Folder, folder: str, part: str, listing: FolderListing) -> list[str]:
    """Return the folders in a folder that one part of a glob matches; each name ends in `/`."""
    if part == "**":
        found = [folder]
        for known in found:  # grows meanwhile
            found += _folders(root, known, "*", listing)
        return found

    def wanted(entry: _AnyEntry, *, is_folder: bool) -> bool:
        return is_folder and _matches(entry.name, part)

    return [folder + name for name in _names_below(root, folder, listing, wanted)]


class _Wanted(Protocol):
    """Tells whether an entry of a folder is wanted, be it a folder or a file."""

    def __call__(self, entry: _AnyEntry, *, is_folder: bool) -> bool: ...


def _names_below(root: Folder, folder: str, listing: FolderListing, wanted: _Wanted) -> list[str]:
    """Return the names in a folder below another, none where it cannot be read."""
    try:
        return _sorted_names(root / folder, wanted)
    except InputError as error:
        if not folder:
            raise
        listing.add_unreadable_folder(folder, error)
        return []


def _matches(name: str, part: str) -> bool:
    return fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))


def _path_key(path: str) -> list[tuple[str, str]]:
    return [natural_key(part) for part in path.split("/")]


def _sorted_names(folder: Folder, wanted: _Wanted, plain: Set[str] = frozenset()) -> list[str]:
    """Return the names in a folder that are wanted, in natural order; a `/` ends those of folders.

    Regular files whose names end in one of `plain`, from their last dot on, are wanted unless they
    are hidden: to ask would take as long as all else. Only names are kept: a million entries take
    400 MB.
    """
    names, folders = [], set()
    try:
        with os.scandir(folder) if isinstance(folder, Path) else folder.scan() as entries:
            for entry in entries:
                name = entry.name
                is_plain = name[name.rfind(".") :] in plain and name[0] != "."
                if is_plain and entry.is_file(follow_symlinks=False):
                    names.append(name)
                    continue
                is_folder = entry.is_dir(follow_symlinks=False)
                if wanted(entry, is_folder=is_folder):
                    names.append(name)
                    if is_folder:
                        folders.add(name)
    except OSError as error:
        raise_if_of_machine(error, str(folder))
        raise InputError(f"{folder}: folder cannot be read: {error.strerror}") from error
    names = naturally_sorted(names)
    return [f"{name}/" if name in folders else name for name in names] if folders else names


def _is_link_to_folder(entry: _AnyEntry) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_regular(entry: _AnyEntry) -> bool:
    """Tell whether an entry is a regular file, a link to one, or a link that leads nowhere."""
    try:
        return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:  # a link that leads to itself
        return True
