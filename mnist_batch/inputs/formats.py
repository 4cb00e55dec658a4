"""The registry of input formats: which files are read, and by what."""

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_batch.decoding.kinds import IMAGE_BEGINNINGS
from mnist_batch.errors import ColumnError, InputError, LabelError
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.finding.listing import (
    Folder,
    FolderListing,
    is_underscored,
    list_folder,
    list_glob,
)
from mnist_batch.inputs.finding.suffixes import suffix_of
from mnist_batch.inputs.joined import joined
from mnist_batch.inputs.shards import Held, NamedFiles, ReadSettings, Shard, UnreadableSource
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.remote.addresses import Place, is_remote
from mnist_batch.schema import Reason, error_text

if TYPE_CHECKING:
    from mnist_batch.remote.objects import RemoteObject

OpenFile = Callable[[Path, str, ReadSettings], Iterable[Shard]]
"""Returns the shards of a file on this machine, given its path, its source and how it is read."""


@dataclass(frozen=True)
class Format:
    """A kind of file that INPUTs may name."""

    name: str  # what its files are called in messages, in the plural
    suffixes: Set[str]  # by which its files are known, as `suffix_of` returns them
    # Returns the shards of the files of consecutive INPUTs, in order.
    open_files: Callable[[Sequence[NamedFiles], ReadSettings], Iterable[Shard]]
    # Whether a file may name the sources of its rows itself. It is a folder then, in which no other
    # source may lie.
    holds_sources: bool = False
    # Tells what a file holds, where not every file of these suffixes is an input, as in CSV. In a
    # folder such files count only where no picture and no Parquet file lies.
    held: "_Late | None" = None
    # Of pictures that cannot be read: each is a row that says why, beside others of the format.
    unread: Set[str] = frozenset()
    # How its files begin, by which those without a suffix are known.
    begins: Sequence[bytes] = ()
    # Whether names that begin with `_` are those of logs and marks, which are passed over.
    has_marks: bool = False


def one_by_one(
    open_file: OpenFile, open_remote: "_Late | None" = None
) -> Callable[[Sequence[NamedFiles], ReadSettings], Iterator[Shard]]:
    """Return the `open_files` of a format whose files are opened one by one.

    Small files are then read together.
    A file that cannot be opened, and a folder that cannot be listed, is a row with an error.

    Args:
        open_file: returns the shards of a file, given its path, its source and how it is read.
            It raises an `InputError` or an `OSError` where the file cannot be opened, and a
            `LabelError` or a `ColumnError` where labels or columns are not as expected, which ends
            the run.
        open_remote: does so for a file in object storage, given also what is known of it, by
            requests alone, so that several are opened at once; None to download the file.
    """

    def open_each(files: NamedFiles, settings: ReadSettings) -> Iterator[list[Shard]]:
        each = zip(files.paths, files.sources, strict=True)
        if files.objects is None:
            for path, source in each:
                yield _or_unreadable(path, source, settings, _of_path(open_file))
            return

        from mnist_batch.remote.fetching import in_threads  # late: local runs do without

        def open_one(found: tuple[tuple[str, str], "RemoteObject"]) -> list[Shard]:
            (path, source), known = found
            if known.size < 0:
                open_it = partial(_missing, known)
            else:
                open_it = partial(open_remote or partial(_downloaded, open_file), known)
            return _or_unreadable(path, source, settings, open_it)

        opened = in_threads if open_remote else map
        yield from opened(open_one, zip(each, files.objects, strict=True))

    def open_all(groups: Sequence[NamedFiles], settings: ReadSettings) -> Iterator[Shard]:
        for files in groups:
            if files.parts is None:
                yield from chain.from_iterable(open_each(files, settings))
                continue
            opened = open_each(files, replace(settings, folder=files.parts.folder))
            for shards, path, rows in zip(opened, files.paths, files.parts.rows, strict=True):
                _check_part(shards, path, rows)
                yield from shards

    return lambda groups, settings: joined(open_all(groups, settings))


def _check_part(shards: Sequence[Shard], path: str, rows: int) -> None:
    """Refuse a part of a packed folder that cannot be opened, or is another than was written."""
    if failures := [failure for shard in shards for failure in shard.failures]:
        raise InputError(failures[0])
    if (found := sum(shard.rows for shard in shards)) != rows:
        raise InputError(
            f"{path}: has {found:,} rows, and the manifest of its folder says {rows:,}; copy all "
            "of the folder, or pack again"
        )


def _of_path(open_file: OpenFile) -> Callable[[str, str, ReadSettings], Iterable[Shard]]:
    return lambda path, source, settings: open_file(Path(path), source, settings)


def _missing(found: "RemoteObject", *_: object) -> Iterable[Shard]:
    raise FileNotFoundError(errno.ENOENT, "no such object", found.address)


def _or_unreadable(
    path: str,
    source: str,
    settings: ReadSettings,
    open_file: Callable[[str, str, ReadSettings], Iterable[Shard]],
) -> list[Shard]:
    """Return the shards of a file, or the row that says why it cannot be opened."""
    try:
        if path.endswith("/"):
            raise InputError(f"{path}: a folder that cannot be listed")
        return [*open_file(path, source, settings)]
    except (ColumnError, LabelError):
        raise
    except (InputError, OSError) as error:
        raise_if_of_machine(error, text_of_path(source))
        why, label_type = _reason(error, path), settings.numbering().dtype
        return [UnreadableSource(text_of_path(source), why, str(error), label_type)]


def _reason(error: InputError | OSError, path: str) -> str:
    """Return why a file cannot be opened, as the column `error` says it."""
    if isinstance(error.__cause__ or error, FileNotFoundError):
        return error_text(Reason.MISSING_FILE)
    return error_text(Reason.UNREADABLE_FILE, str(error).removeprefix(f"{path}: "))


@dataclass(frozen=True)
class _Late:
    """A function that imports its module when it is called: no format costs the others."""

    function: str

    def __call__(self, *arguments: object) -> Any:  # noqa: ANN401 - whatever the function returns
        module, _, name = f"mnist_batch.inputs.{self.function}".rpartition(".")
        return getattr(import_module(module), name)(*arguments)


_downloaded = _Late("remote.downloaded.open_downloaded")


IMAGE_SUFFIXES = frozenset(
    (
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".tif", ".tiff", ".webp"),
        *(".pgm", ".pbm", ".ppm", ".pnm"),
    )
)
"""Of image files of the kinds that are read."""

UNREAD_SUFFIXES = frozenset(
    (
        *(".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".jpf", ".jpx", ".jxl", ".jxr"),
        *(".svg", ".pdf", ".psd", ".xcf", ".ico", ".tga", ".pcx", ".eps", ".exr", ".qoi", ".djvu"),
        *(".dcm", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
    )
)
"""Of pictures of other kinds: each is a row that says what it is, see `decoding.kinds`."""

_IDX_TYPES = {8: "ubyte", 9: "byte", 11: "short", 12: "int", 13: "float", 14: "double"}
"""Types of numbers in IDX files, by their third byte (Yann LeCun's page of MNIST, at its end)."""

IDX_SUFFIXES = frozenset(
    f"{name}{packed}"
    for name in (
        ".idx",
        *(f".idx{axes}-{kind}" for axes in range(1, 5) for kind in _IDX_TYPES.values()),
    )
    for packed in ("", ".gz")
)
"""As `suffix_of` returns them: `train-images-idx3-ubyte.gz` has `.idx3-ubyte.gz`."""

IDX_BEGINNINGS = [bytes([0, 0, kind, axes]) for kind in _IDX_TYPES for axes in (2, 3, 4)]
"""The first four bytes of those that hold images."""

IMAGES = Format(
    "images",
    IMAGE_SUFFIXES,
    _Late("image_files.open_image_files"),
    unread=UNREAD_SUFFIXES,
    begins=IMAGE_BEGINNINGS,
)
PARQUET = Format(
    "Parquet files",
    {".parquet", ".parq", ".pq"},
    one_by_one(_Late("parquet.files.open_parquet"), _Late("parquet.files.open_remote_parquet")),
    holds_sources=True,
    begins=[b"PAR1"],
    has_marks=True,
)
NUMPY = Format(
    "NumPy files",
    {".npz", ".npy"},
    one_by_one(_Late("arrays.numpy_files.open_numpy")),
    holds_sources=True,
    held=_Late("arrays.numpy_files.held"),
    begins=[b"\x93NUMPY"],
)
IDX = Format(
    "IDX files",
    IDX_SUFFIXES,
    one_by_one(_Late("arrays.idx_files.open_idx")),
    held=_Late("arrays.idx_files.held"),
    begins=IDX_BEGINNINGS,
)
CSV = Format(
    "CSV files",
    {".csv", ".csv.gz", ".tsv", ".tsv.gz"},
    one_by_one(_Late("tables.csv_files.open_csv")),
    held=_Late("tables.csv_files.held"),
)

FORMATS = [IMAGES, PARQUET, NUMPY, IDX, CSV]
"""A new format is a module or a folder beside this one, and an entry here."""


def file_kinds() -> dict[str, str]:
    """Return the name of the format that each suffix stands for."""
    return {suffix: one.name for one in FORMATS for suffix in one.suffixes | one.unread}


def kind_of(path: Place) -> str | None:
    """Return the name of the format of a file, by its suffix or else by its first bytes."""
    return file_kinds().get(suffix_of(str(path))) or _begins_as(path)


def _begins_as(path: Place) -> str | None:
    content = first_bytes(str(path))
    names = (one.name for one in FORMATS if content.startswith(tuple(one.begins)))
    return next(names, None)


def first_bytes(path: str) -> bytes:
    """Return how a regular file begins; nothing where it cannot be read, or is another thing."""
    try:
        if is_remote(path):
            from mnist_batch.remote.objects import read_ranges  # late: local runs do without

            return read_ranges(path, [(0, _FIRST)])[0]
        if not os.path.isfile(path):  # noqa: PTH113 - opening a pipe would wait for ever
            return b""
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - paths by the thousand
            return file.read(_FIRST) or b""
    except (OSError, ValueError) as error:  # a null character in the path
        raise_if_of_machine(error, str(path))
        return b""


_FIRST = 16
"""Bytes that are read of a file to know it."""


def read_from_any_folder() -> Set[str]:
    """Return the suffixes of files that are read in whatever folder they lie."""
    return {suffix for one in FORMATS if one.held is None for suffix in one.suffixes}


def list_inputs(folder: Folder) -> FolderListing:
    """List the files of a folder that are read from it, as `list_folder` does.

    Where it holds no other inputs, these are files without a suffix, of the format that the first
    of them begins as: so Spark and Hadoop may call the files of a data set, `part-00000`.
    """
    return _inputs(lambda kinds: (folder, list_folder(folder, kinds)), are_marks_named=False)[1]


def glob_inputs(pattern: str) -> tuple[Folder, FolderListing]:
    """List the files that a glob matches and that are read, as `list_glob` does.

    Files without a suffix are read as `list_inputs` reads them.
    """
    are_marks_named = any(part.startswith("_") for part in Path(pattern).parts)
    return _inputs(partial(list_glob, pattern), are_marks_named=are_marks_named)


def _inputs(
    listed: Callable[[Mapping[str, str]], tuple[Folder, FolderListing]], *, are_marks_named: bool
) -> tuple[Folder, FolderListing]:
    """Return the files that are read of those that are listed, given the kinds of suffixes."""
    root, listing = listed(file_kinds())
    if not listing.files and listing.passed_over["no suffix"]:
        names = listed({"": ""})[1].files.get("", [])
        first = (_begins_as(str(root / name)) for name in names if not is_underscored(name))
        if kind := next(first, None):
            root, listing = listed({"": kind})
    if not are_marks_named:
        for one in FORMATS:
            if one.has_marks:
                listing.pass_over(one.name, lambda name: not is_underscored(name), "name with a _")
    _leave_out_strays(root, listing)
    return root, _without_others(root, listing)


def _leave_out_strays(root: Folder, listing: FolderListing) -> None:
    """Leave out what is no input beside files of another format.

    These are pictures where none of them can be read, and files beside pictures that turn out to
    hold no images, or cannot be opened.
    """
    names = listing.files.get(IMAGES.name, [])
    others = [one for one in FORMATS if one is not IMAGES and one.name in listing.files]
    if not (names and others):
        return
    if all(suffix_of(name) in UNREAD_SUFFIXES for name in names):
        listing.pass_over(IMAGES.name, lambda _: False, "pictures that cannot be read")
        return
    for one in others:
        if one.held is None:
            reason = f"{one.name} without images"
            listing.pass_over(one.name, partial(_holds_images, one, root), reason)


def _holds_images(one: Format, root: Folder, name: str) -> bool:
    """Tell whether a file of a format can be opened; whatever else is wrong with it comes later."""
    path = str(root / name)
    try:
        opened = [*one.open_files([NamedFiles([name], [path], [name])], ReadSettings())]
    except (ColumnError, LabelError):
        return True
    return not any(shard.failures for shard in opened)


def _without_others(root: Folder, listing: FolderListing) -> FolderListing:
    """Return a listing without the files that do not count, as `Format.held` says.

    Files of labels are not counted as passed over: they are read with their images. Nor does a
    packed file count whose unpacked twin lies beside it.
    """
    asked = [one for one in FORMATS if one.held and one.name in listing.files]
    alone = len(asked) == len(listing.files)
    for one in asked:
        names = listing.files.pop(one.name)
        found, others = _split(root, names, one) if alone else ([], names)
        if not all(name.endswith("/") for name in found):
            listing.files[one.name] = found
        listing.passed_over += Counter(suffix_of(name) for name in others if name[-1] != "/")
    listing.passed_over = Counter(dict(sorted(listing.passed_over.items())))
    return listing


def _split(root: Folder, names: Sequence[str], one: Format) -> tuple[list[str], list[str]]:
    """Return the names of files that hold images, and of those that hold nothing of use."""
    assert one.held is not None
    images, neither = list[str](), list[str]()
    there = set(names)
    for name in names:
        if name.endswith("/"):
            images.append(name)
        elif name.lower().endswith(".gz") and name[:-3] in there:
            neither.append(name)
        elif (held := _held(one.held, root, name)) is Held.IMAGES:
            images.append(name)
        elif held is Held.NEITHER:
            neither.append(name)
    return images, neither


def _held(ask: _Late, root: Folder, name: str) -> Held:
    """Return what a file in a folder holds; one in object storage is downloaded."""
    if isinstance(root, Path):
        return Held(ask(root / name))
    from mnist_batch.remote.local_copies import local_copy

    copy = local_copy(*root.objects([name]))
    return Held(ask(copy.path))
