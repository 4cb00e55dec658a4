"""List folders and globs in natural order, tell how files are known again, and open them."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from fnmatch import fnmatchcase
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from string import digits
from threading import Thread
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch import _kernels
from mnist_batch.errors import InputError
from mnist_batch.inputs.texts import Texts
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.remote.addresses import is_remote
from mnist_batch.schema import Reason, error_text, shortened

if TYPE_CHECKING:
    from mnist_batch.remote.folders import Entry, RemoteFolder

FileStates = npt.NDArray[np.int64]
"""Size in bytes, time of the last change in seconds and nanoseconds, and inode of n files: int64
(n, 4), -1 where there is no file. The inode tells a file from another of the same size and time
that was unpacked in its place. As one number, nanoseconds would end in the year 2262."""

Folder: TypeAlias = "Path | RemoteFolder"
"""A folder that can be listed, on this machine or in object storage."""

_AnyEntry: TypeAlias = "os.DirEntry[str] | Entry"

UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)
"""What pyarrow raises on a damaged file; names in a footer may not be UTF-8."""

_NO_FILE = (-1, -1, -1, -1)


def open_native(path: str | Path, mode: str = "rb") -> pa.NativeFile:
    """Open a file for pyarrow's readers (`rb`) or writers (`wb`), whatever bytes its name has.

    Given a path they ask for UTF-8, and take one with a colon for a URI; given a file of Python's
    they need the interpreter lock for each read.

    Raises:
        OSError: the file cannot be opened.
    """
    return pa.OSFile(os.fsencode(path), mode)


def unreadable(error: BaseException) -> str:
    """Return the text of the column `error` for the rows of a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return error_text(Reason.MISSING_FILE)
    return error_text(Reason.UNREADABLE_FILE, cause(error))


def cause(error: BaseException) -> str:
    """Return what pyarrow or the operating system says of a file, on one line."""
    number = getattr(error, "errno", None)
    text = os.strerror(number) if number else str(error)
    line = shortened(" ".join(text.split()), 300)  # it may quote the file
    return line.rstrip(".") or type(error).__name__


def text_of_path(path: str) -> str:
    r"""Return a path as text that Arrow can hold; no two paths have the same.

    A byte that is not UTF-8 becomes `\udcXX`, as Python writes it, where XX is the byte in
    hexadecimal. Backslashes right before such a byte, and before the text of one, are doubled: so
    an odd number of them stands before a byte, and an even number before text. All other paths stay
    as they are, with their backslashes.
    """
    if path.isascii() and _ESCAPE not in path:
        return path
    # By way of the bytes, since with an odd locale Python holds other characters.
    whole = os.fsencode(path).decode("utf-8", "surrogateescape")
    return _BEFORE_ESCAPE.sub(r"\1\1", whole).encode("utf-8", "backslashreplace").decode("utf-8")


_ESCAPE = r"\udc"
_BEFORE_ESCAPE = re.compile(r"(\\+)(?=[\udc80-\udcff]|udc[89a-f][0-9a-f])")


def texts_of_paths(paths: Sequence[str]) -> pa.Array:
    """Return paths as Arrow strings, as `text_of_path` does."""
    texts = Texts.joined([paths])
    if _ESCAPE.encode() not in texts.joined_bytes()[0].tobytes():
        with suppress(pa.ArrowInvalid):  # as nearly always all is UTF-8; it takes a hundredth
            return texts.encoded.cast(pa.string())
    return pa.array(map(text_of_path, texts), pa.string())


def file_states(paths: Sequence[str | Path], *, portable: bool = False) -> FileStates:
    """Return size, time and inode of files; `portable` ones have no inode, which is 0."""
    states = np.full((len(paths), 4), -1, np.int64)
    if _kernels.ready() and sys.getfilesystemencoding() == "utf-8":
        _ask_for_states(paths if isinstance(paths, Texts) else Texts(map(str, paths)), states)
    for place in np.flatnonzero(states[:, 0] < 0).tolist():
        states[place] = _state(paths[place])
    if portable:
        states[states[:, 0] >= 0, 3] = 0
    return states


_MANY = 1024
"""Files from which on two threads ask for their states, each for half of them."""


def _ask_for_states(paths: Texts, states: FileStates) -> None:
    """Fill in the states of files, by compiled code; -1 where there is none."""
    from mnist_batch._kernels.files import file_states as ask

    if len(paths) < _MANY:
        ask(*paths.joined_bytes(), states)
        return
    half = len(paths) // 2
    first, second = paths[:half].joined_bytes(), paths[half:].joined_bytes()

    def ask_for_first() -> None:
        with suppress(MemoryError):  # `file_states` asks for what is left, and says what fails
            ask(*first, states[:half])

    other = Thread(target=ask_for_first)
    try:
        other.start()
    except RuntimeError:  # the system allows no more threads
        ask(*paths.joined_bytes(), states)
        return
    ask(*second, states[half:])
    other.join()


def _state(path: str | Path) -> tuple[int, int, int, int]:
    try:
        # Path objects for 60,000 files would take a second.
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError) as error:  # a null character in the path
        raise_if_of_machine(error, text_of_path(str(path)))
        return _NO_FILE
    inode = status.st_ino if status.st_ino < 2**63 else status.st_ino - 2**64  # all 64 bits
    return status.st_size, *divmod(status.st_mtime_ns, 10**9), inode


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


def suffix_of(path: str) -> str:
    """Return the suffix of a file in lower case, by which its format is known; empty for none.

    That is the name from its last dot on, or of a packed file from the dot before, as `.csv.gz`. Of
    `train-images-idx3-ubyte` it is `.idx3-ubyte`, as if it were written with a dot. `Path` takes a
    tenth of a listing.
    """
    name = path[path.rfind("/", 0, len(path) - 1) + 1 :].lower()
    dot = name.rfind(".")
    if name.endswith(".gz") and dot > 0:
        return f"{suffix_of(name[:dot])}.gz"
    if "idx" in name and (found := _IDX.search(name)):
        return f".{found[1]}"
    return name[dot:].rstrip("/") if dot > 0 else ""


_IDX = re.compile(r"[-._](idx[1-4]-[a-z]+)$")
"""How names of MNIST's files end, and of those made after them."""


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


def natural_key(name: str) -> tuple[str, str]:
    """Return a sort key that puts 2.png before 10.png, and `01` beside `1` in a fixed order.

    In the key, each number is preceded by its length, after a null character, which is in no name
    and sorts first. So keys compare as texts and numbers in turn would.
    """
    return _NUMBER.sub(_by_length, name), name


def _by_length(match: re.Match[str]) -> str:
    digits = match[0].lstrip("0")
    return f"\0{chr(len(digits))}{digits}"


_NUMBER = re.compile("[0-9]+")


def naturally_sorted(names: Iterable[str]) -> list[str]:
    """Return names in the order of `natural_key`.

    Names that differ in one number only, as in most large folders, are sorted by length and then
    as text, which takes a sixth of the time; names that differ in digits alone as text.
    """
    in_order = sorted(names)
    if _differ_in_digits(in_order):
        return in_order
    front = os.path.commonprefix(in_order).rstrip(digits)  # noqa: RUF071 - by character
    end = os.path.splitext(in_order[0])[1] if in_order else ""  # noqa: PTH122 - text in, text out
    numbers = [name[len(front) : len(name) - len(end)] for name in in_order if name.endswith(end)]
    joined = "".join(numbers)
    if len(numbers) < len(in_order) or not all(numbers) or joined.strip(digits):
        return sorted(in_order, key=natural_key)
    if any(number[0] == "0" < number for number in numbers):
        return sorted(in_order, key=natural_key)
    return sorted(in_order, key=len)


def _differ_in_digits(names: Sequence[str]) -> bool:
    """Tell whether all names are of one length, and alike but for digits, in the same places."""
    if len({*map(len, names)}) != 1:
        return False
    return "".join(names).translate(_ALIKE) == names[0].translate(_ALIKE) * len(names)


_ALIKE = dict.fromkeys(map(ord, digits), "0")


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
