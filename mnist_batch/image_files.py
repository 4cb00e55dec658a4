"""Image files: listing a folder, and reading files in batches."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import has_magic
from itertools import takewhile
from pathlib import Path
from string import digits

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch import kernels
from mnist_batch.errors import InputError
from mnist_batch.image_limits import MAX_FILE_BYTES
from mnist_batch.schema import Reason, error_text
from mnist_batch.shards import BATCH_BYTES, SHARD_ROWS, ImageBatch, text_of_path

IMAGE_SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm")
)


@dataclass
class FolderListing:
    """What lies in a folder, in natural order; names are relative and `/`-separated.

    Attributes:
        images: image files; and folders that cannot be listed, with a `/` behind their names,
            unless there are Parquet files and no images.
        parquet: Parquet files; else those folders.
        passed_over: how many others, by their suffixes in small letters, or else by why they are no
            input: `hidden`, `no suffix`, `no regular file`.
    """

    images: list[str] = field(default_factory=list)
    parquet: list[str] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)


def natural_key(name: str) -> tuple[str, str]:
    """Return a sort key that puts 2.png before 10.png, and `01` beside `1` in a fixed order.

    A name's numbers stand in the key by their length and then their digits, behind a character
    that is in no name and before all others, so that keys compare as text and number in turn would.
    """
    return _NUMBER.sub(_by_length, name), name


def _by_length(match: re.Match[str]) -> str:
    digits = match[0].lstrip("0")
    return f"\0{chr(len(digits))}{digits}"


_NUMBER = re.compile("[0-9]+")


def naturally_sorted(names: Iterable[str]) -> list[str]:
    """Return names in the order of `natural_key`.

    Names that differ in one number alone, as nearly all do in a large folder, are in that order
    when they are sorted by length and then as text; this takes a sixth of the time.
    """
    in_order = sorted(names)
    front = os.path.commonprefix(in_order).rstrip(digits)  # noqa: RUF071 - by character
    end = os.path.splitext(in_order[0])[1] if in_order else ""  # noqa: PTH122 - text in, text out
    numbers = [name[len(front) : len(name) - len(end)] for name in in_order if name.endswith(end)]
    joined = "".join(numbers)
    if len(numbers) < len(in_order) or not all(numbers) or joined.strip(digits):
        return sorted(in_order, key=natural_key)
    of_one_length = len(set(map(len, numbers))) == 1
    if not of_one_length and any(number[0] == "0" < number for number in numbers):
        return sorted(in_order, key=natural_key)
    return sorted(in_order, key=len)


def list_folder(folder: Path) -> FolderListing:
    """List a folder and the folders in it; links to folders are not followed.

    Hidden files, files of other suffixes and what is no regular file (sockets, devices, pipes)
    are counted as passed over. A dangling link with an image's suffix is an image: its row will
    say that the file is missing. So is a folder that cannot be read, other than the first.

    Raises:
        InputError: the folder cannot be read, or one in it, and nothing else was found.
    """
    listing = FolderListing()
    unreadable: list[InputError] = []
    pending = [_sorted_entries(folder, "")]
    while pending:
        for prefix, entry in pending[-1]:
            name = prefix + entry.name
            if entry.name.startswith("."):
                listing.passed_over["hidden"] += 1
            elif entry.is_dir(follow_symlinks=False):
                try:
                    pending.append(_sorted_entries(Path(entry.path), f"{name}/"))
                except InputError as error:
                    unreadable.append(error)
                    _add_folder(listing, f"{name}/")
                    continue
                break
            else:
                _add_file(listing, entry, name)
        else:
            pending.pop()
    _settle_folders(listing, unreadable)
    return listing


def glob_root(pattern: str) -> Path:
    """Return the last folder of a glob that no wildcard stands before or in."""
    return Path(*takewhile(lambda part: not has_magic(part), Path(pattern).parts))


def list_glob(pattern: str) -> tuple[Path, FolderListing]:
    """List what a glob matches, relative to its last folder without a wildcard.

    `**` stands for any number of folders. As in `list_folder` links to folders are not followed:
    `glob.glob` goes dozens of times through a link to the folder that it lies in. As in a shell
    `*` matches no hidden file.

    Returns:
        That folder, and the files.

    Raises:
        InputError: that folder cannot be read, or another one, and nothing else was found.
    """
    parts, root = Path(pattern).parts, glob_root(pattern)
    *above, last = parts[len(root.parts) :] + (("*",) if parts[-1] == "**" else ())
    folders = [""]
    unreadable: dict[str, InputError] = {}
    for part in above:
        below = (name for folder in folders for name in _folders(root, folder, part, unreadable))
        folders = list(dict.fromkeys(below))  # two `**` find a folder several times
    listing = FolderListing()
    for folder in folders:
        for _, entry in _entries_below(root, folder, unreadable):
            if _matches(entry.name, last) and not entry.is_dir(follow_symlinks=False):
                _add_file(listing, entry, folder + entry.name)
    for folder in unreadable:
        _add_folder(listing, folder)
    _settle_folders(listing, list(unreadable.values()))
    listing.images.sort(key=_path_key)
    listing.parquet.sort(key=_path_key)
    return root, listing


def _folders(root: Path, folder: str, part: str, unreadable: dict[str, InputError]) -> list[str]:
    """Return the folders in a folder that one part of a glob matches; each name ends in `/`."""
    if part != "**":
        return [
            f"{folder}{entry.name}/"
            for _, entry in _entries_below(root, folder, unreadable)
            if entry.is_dir(follow_symlinks=False) and _matches(entry.name, part)
        ]
    found = [folder]
    for known in found:  # grows meanwhile
        found += _folders(root, known, "*", unreadable)
    return found


def _entries_below(
    root: Path, folder: str, unreadable: dict[str, InputError]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Return the entries of a folder below another, none where it cannot be read."""
    try:
        return _sorted_entries(root / folder, folder)
    except InputError as error:
        if not folder:
            raise
        unreadable[folder] = error
        return iter(())


def _matches(name: str, part: str) -> bool:
    return fnmatchcase(name, part) and (part.startswith(".") or not name.startswith("."))


def _path_key(path: str) -> list[tuple[str, str]]:
    return [natural_key(part) for part in path.split("/")]


def _sorted_entries(folder: Path, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        with os.scandir(folder) as found:
            entries = {entry.name: entry for entry in found}
    except OSError as error:
        raise InputError(f"{folder}: folder cannot be read: {error.strerror}") from error
    return iter([(prefix, entries[name]) for name in naturally_sorted(entries)])


def _add_file(listing: FolderListing, entry: os.DirEntry[str], name: str) -> None:
    suffix = entry.name[entry.name.rfind(".") :].lower()  # by `Path` it takes a tenth of a listing
    if suffix in IMAGE_SUFFIXES:
        names = listing.images
    elif suffix == ".parquet":
        names = listing.parquet
    else:
        listing.passed_over[suffix if suffix.startswith(".") else "no suffix"] += 1
        return
    if _is_regular(entry):
        names.append(name)
    else:
        listing.passed_over["no regular file"] += 1


def _add_folder(listing: FolderListing, name: str) -> None:
    """Add a folder that cannot be read: nobody knows what it holds."""
    listing.images.append(name)
    listing.parquet.append(name)


def _settle_folders(listing: FolderListing, unreadable: Sequence[InputError]) -> None:
    """Leave folders that cannot be read among the files of the kind that was found beside them."""
    if not unreadable:
        return
    images, parquet = (
        [name for name in names if not name.endswith("/")]
        for names in (listing.images, listing.parquet)
    )
    if not images and not parquet:
        raise unreadable[0]
    if images:
        listing.parquet = parquet
    else:
        listing.images = images


def _is_regular(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a regular file, a link to one, or a link that leads nowhere."""
    try:
        return entry.is_file() or (entry.is_symlink() and not entry.is_dir() and _dangles(entry))
    except OSError:  # a link that leads to itself
        return True


def _dangles(entry: os.DirEntry[str]) -> bool:
    return not Path(entry.path).exists()


@dataclass(frozen=True)
class ImageFileShard:
    """Consecutive image files, each a source with the one row 0.

    Attributes:
        paths: where the files are.
        sources: the column `source`, as long as `paths`.
        labels: Arrow int8, as long as `paths`, 0 to 9 or null.
    """

    paths: Sequence[str]
    sources: Sequence[str]
    labels: pa.Array

    @property
    def rows(self) -> int:
        """The number of files."""
        return len(self.paths)

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return True

    def take(self, places: npt.NDArray[np.int64]) -> "ImageFileShard":
        """Return the shard of some of the files, by their places, int64 (k,)."""
        return ImageFileShard(
            paths=[self.paths[place] for place in places],
            sources=[self.sources[place] for place in places],
            labels=self.labels.take(pa.array(places)),
        )

    def slice(self, start: int, stop: int) -> "ImageFileShard":
        """Return the shard of the files from one place up to another."""
        return ImageFileShard(
            self.paths[start:stop], self.sources[start:stop], self.labels[start:stop]
        )

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the files' bytes in order; a file that cannot be read is a row with an error."""
        start = 0
        while start < len(self.paths):
            paths = self.paths[start : start + batch_size]
            encoded, error = _read_at_once(paths) or _read_each(paths)
            yield ImageBatch(
                source=_texts(self.sources[start : start + len(encoded)]),
                row=pa.array(np.zeros(len(encoded), np.int64)),
                label=self.labels.slice(start, len(encoded)),
                images=encoded,
                error=error,
            )
            start += len(encoded)


def image_shards(
    paths: Sequence[str], sources: Sequence[str], labels: pa.Array
) -> list[ImageFileShard]:
    """Cut a list of image files into shards."""
    return [
        ImageFileShard(
            paths[at : at + SHARD_ROWS], sources[at : at + SHARD_ROWS], labels.slice(at, SHARD_ROWS)
        )
        for at in range(0, len(paths), SHARD_ROWS)
    ]


def _texts(sources: Sequence[str]) -> pa.Array:
    try:
        return pa.array(sources, pa.string())
    except UnicodeEncodeError:
        return pa.array([text_of_path(source) for source in sources], pa.string())


def _read_at_once(paths: Sequence[str]) -> tuple[pa.Array, pa.Array] | None:
    """Return what `_read_each` does, by compiled code; None where that is not loaded."""
    if not kernels.ready():
        return None
    from mnist_batch.file_kernels import MAX_BYTES, read_files

    joined = np.frombuffer(os.fsencode("\0".join([*paths, ""])), np.uint8)
    ends = np.flatnonzero(joined == 0)
    if len(ends) != len(paths):  # a null character in a path
        return None
    # Room that the file which fills the batch uses up.
    data = np.empty(max(BATCH_BYTES - 1, 0) + MAX_BYTES, np.uint8)
    bounds = np.empty(len(paths) + 1, np.int32)
    count = read_files(joined, np.append(0, ends[:-1] + 1), _READING, data, bounds)
    bounds = bounds[: count + 1]
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(data[: bounds[-1]])]
    encoded = pa.Array.from_buffers(pa.binary(), count, buffers)
    remaining = np.flatnonzero(np.diff(bounds) == 0)
    if not len(remaining):
        return encoded, pa.nulls(count, pa.string())
    contents: list[bytes | None] = encoded.to_pylist()
    errors: list[str | None] = [None] * count
    sizes = np.diff(bounds).astype(np.int64)
    for place in remaining.tolist():
        if sizes[:place].sum() >= BATCH_BYTES:
            break
        contents[place], errors[place] = _read_file(paths[place])
        sizes[place] = len(contents[place] or b"")
    # Of large files only so many: up to the one that fills the batch.
    count = min(count, int(np.searchsorted(np.cumsum(sizes), BATCH_BYTES)) + 1)
    return pa.array(contents[:count], pa.binary()), pa.array(errors[:count], pa.string())


def _read_each(paths: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """Return the bytes of files, null where there are none to be had, and the errors.

    There may be fewer than files were named, but at least one: about `BATCH_BYTES` are read.
    """
    contents: list[bytes | None] = []
    errors: list[str | None] = []
    size = 0
    for path in paths:
        content, error = _read_file(path)
        contents.append(content)
        errors.append(error)
        size += len(content or b"")
        if size >= BATCH_BYTES:
            break
    return pa.array(contents, pa.binary()), pa.array(errors, pa.string())


def _read_file(path: str) -> tuple[bytes | None, str | None]:
    """Return a file's bytes, or None and the error.

    Plain system calls, and three of them where all is well: on small files they are three times as
    fast as a buffered file object.
    """
    try:
        descriptor = os.open(path, _READING)
        try:
            content = os.read(descriptor, _FIRST_BYTES)
            if not 0 < len(content) < _FIRST_BYTES:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return None, error_text(Reason.UNREADABLE_FILE, "not a regular file")
                content = _read_rest(descriptor, content)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None, error_text(Reason.MISSING_FILE)
    except OSError as error:
        return None, error_text(Reason.UNREADABLE_FILE, error.strerror or str(error))
    except ValueError:
        return None, error_text(Reason.UNREADABLE_FILE, "a null character in the path")
    if len(content) > MAX_FILE_BYTES:
        return None, error_text(Reason.TOO_LARGE, f"a file over {MAX_FILE_BYTES} bytes")
    return content, None


# Without O_NONBLOCK, opening a pipe that took a file's place would wait for ever.
_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC

_FIRST_BYTES = 65536
"""A file below this is read at once; an empty one may be a pipe, a full one a device."""


def _read_rest(descriptor: int, head: bytes) -> bytes:
    parts, size = [head], len(head)
    while size <= MAX_FILE_BYTES and (part := os.read(descriptor, 2**20)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
