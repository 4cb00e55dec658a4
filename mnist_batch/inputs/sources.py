"""INPUTs to shards: which files each one names, what they are called, and their order."""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from glob import has_magic
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa

from mnist_batch.decoding.kinds import told
from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.formats import (
    FORMATS,
    IMAGES,
    NUMPY,
    PARQUET,
    file_kinds,
    first_bytes,
    glob_inputs,
    kind_of,
    list_inputs,
)
from mnist_batch.inputs.joined import JoinedShards
from mnist_batch.inputs.kept import check_names, kept_fields
from mnist_batch.inputs.labelling.folders import folders_of_no_class
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.metadata import has_column, metadata_by_folder
from mnist_batch.inputs.labelling.names import (
    classes_of,
    stated_classes,
    with_given_names,
    with_stated_names,
)
from mnist_batch.inputs.labelling.numbering import Numbering
from mnist_batch.inputs.labelling.pattern import LabelPattern
from mnist_batch.inputs.listing import Folder, FolderListing, suffix_of
from mnist_batch.inputs.remote.listed_objects import ListedObjects
from mnist_batch.inputs.shards import NamedFiles, ReadSettings, Shard
from mnist_batch.inputs.texts import Texts
from mnist_batch.inputs.transposed import oriented
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.options import NO_LABELS, ReadOptions
from mnist_batch.remote.addresses import STORES, Place, is_remote, name_of, parsed, place_of
from mnist_batch.remote.fetching import in_threads
from mnist_batch.remote.folders import RemoteFolder, list_remote
from mnist_batch.remote.objects import RemoteObject, is_there, stat, stat_or_none
from mnist_batch.schema import DIGITS, Classes

STDIN = "-"
HUB = "hf://"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class OpenInputs:
    """The INPUTs of a run: listed, not read."""

    shards: Sequence[Shard]  # all there is to read, in input order
    files: Sequence[str]  # where they are read from
    rows: int  # the number of rows in them
    # How many files in folders are no input, as `FolderListing` counts them.
    passed_over: Counter[str]
    # Sources of which nobody knows how many rows they hold: files that cannot be opened and folders
    # that cannot be listed, one row each.
    uncounted: Sequence[str] = ()
    kept: Sequence[pa.Field] = ()  # the columns of the input that the predictions keep
    labels: LabelFile | None = None  # the user's own
    unlabelled: bool = False  # whether labels were not to be read
    notes: Sequence[str] = ()  # what the user should know of the INPUTs, one sentence each
    formats: Mapping[str, int] = field(default_factory=dict)  # the number of files of each format
    classes: Classes | None = None  # of the labels; None for those of the model

    def label_note(self) -> str | None:
        """Return the note on what would give labels to rows of which none has one.

        None where none were to be read, or where a file of labels is asked, which says so itself.
        """
        if self.unlabelled or self.labels:
            return None
        hints = filter(None, (shard.label_hint() for shard in self.shards[:_ASKED]))
        how = "pass --labels FILE.csv with the columns source, row and label"
        return f"no image has a label: {next(hints, how)}"

    def of_shards(self, shards: Sequence[Shard]) -> "OpenInputs":
        """Return some of what there is to read; the files are those of all."""
        return replace(
            self,
            shards=shards,
            rows=sum(shard.rows for shard in shards),
            uncounted=[source for shard in shards for source in shard.uncounted],
        )

    def place(self, row: int) -> tuple[str, int]:
        """Return the columns `source` and `row` of a row, by its place in the input from 0."""
        return JoinedShards(self.shards).place(row)


_ASKED = 32
"""Shards that are asked what would give labels, at most."""


@dataclass(frozen=True)
class _Found:
    """Files of one format that one INPUT names."""

    format: str  # the name of their format
    files: NamedFiles  # the files; their sources are their names
    typed: str = ""  # the folder that the names start from, as the user wrote it; empty for none
    # Files in the folder that are no input.
    passed_over: Counter[str] = field(default_factory=Counter)
    notes: Sequence[str] = ()  # as in `OpenInputs`

    @property
    def is_remote(self) -> bool:
        """Whether they lie in object storage."""
        return self.files.objects is not None

    def qualified(self) -> "_Found":
        """Return the files with `typed` in front of their sources."""
        if not self.typed:
            return self
        folder = self.typed.rstrip("/")
        sources = Texts(f"{folder}/{name}" for name in self.files.names)
        return replace(self, files=replace(self.files, sources=sources))


def open_inputs(
    inputs: Iterable[str | Path],
    options: ReadOptions | None = None,
    classes: Classes | None = DIGITS,
    *,
    named_by_folders: bool = False,
    portable: bool = False,
) -> OpenInputs:
    """List INPUTs and cut them into shards.

    An INPUT is an image or a Parquet, CSV, .npz, .npy or IDX file, a folder of files of one kind
    (searched through, in natural order), a glob, `hf://datasets/OWNER/NAME`, or `-` for a list of
    paths on standard input, one a line. Sources are named relative to their INPUT; where two
    INPUTs hold the same name, all sources get their INPUT as typed in front. The rows of a packed
    file have the sources that they were packed from; beside other files the packed file is the
    folder that these lie in.

    A Parquet file that cannot be opened, and a folder within an INPUT that cannot be listed, is one
    row with an error: nobody knows how many it holds.

    Args:
        inputs: the INPUTs.
        options: how they are read.
        classes: what a model tells apart, of which labels become numbers; None without a model:
            then the labels themselves tell, see `classes_of`.
        named_by_folders: whether folders of images give classes their names then.
        portable: whether any machine that sees the files may read the shards.

    Raises:
        InputError: an INPUT does not exist, holds no images, or holds both images and Parquet;
            a file is named twice; none of the Parquet files can be opened.
        ColumnError: a column cannot be kept, or no file has it.
        LabelError: a file of labels cannot be read, or labels are not of the classes.
    """
    options = options or ReadOptions()
    if options.class_names is not None:
        classes = with_given_names(classes, options.class_names)
    found = _told_apart([one for item in inputs for one in _find(os.fspath(item))])
    settings = replace(
        _settings(options, found, classes), named_by_folders=named_by_folders, portable=portable
    )
    settings, opened = _with_classes(settings, found, options)
    shards = oriented(opened, options.orientation)
    classes = with_stated_names(settings.classes or DIGITS, _stated_names(opened))
    check_names(options.keep_columns, classes)
    return OpenInputs(
        shards=shards,
        files=Texts.joined([one.files.paths for one in found]),
        rows=sum(shard.rows for shard in shards),
        passed_over=sum((one.passed_over for one in found), Counter()),
        uncounted=[source for shard in shards for source in shard.uncounted],
        kept=kept_fields((field for shard in shards for field in shard.kept), options.keep_columns),
        labels=settings.label_file,
        unlabelled=settings.unlabelled,
        notes=[note for one in found for note in (*one.notes, *_folder_notes(one, settings))],
        formats=_files_of_formats(found),
        classes=classes,
    )


def _folder_notes(found: _Found, settings: ReadSettings) -> list[str]:
    """Return the note on folders of images that name no class, where folders are the labels."""
    told_elsewhere = settings.label_file or settings.label_pattern or found.files.metadata
    if found.format != IMAGES.name or settings.unlabelled or told_elsewhere:
        return []
    note = folders_of_no_class(found.files.paths, settings.classes or DIGITS)
    return [note] if note else []


def _files_of_formats(found: Sequence[_Found]) -> Counter[str]:
    """Return the number of files of each format, without folders that cannot be listed."""
    counts = Counter[str]()
    for one in found:
        counts[one.format] += sum(not name.endswith("/") for name in one.files.names)
    return counts


def _with_classes(
    settings: ReadSettings, found: Sequence[_Found], options: ReadOptions
) -> tuple[ReadSettings, list[Shard]]:
    """Return the settings with the classes of which labels are numbers, and the shards."""
    shards = _open_files(found, settings)
    if settings.classes is not None:
        return settings, shards
    among = _classes_among(shards, settings.label_file)
    settings = replace(_settings(options, found, among), portable=settings.portable)
    return settings, _open_files(found, settings)


def _stated_names(shards: Sequence[Shard]) -> list[tuple[str, ...]]:
    return [names for shard in shards for names in shard.stated_names]


def _classes_among(shards: Sequence[Shard], labels: LabelFile | None) -> Classes:
    """Return the classes that labels are of, without a model: by the names of the data, if any."""
    if stated := _stated_names(shards):
        return stated_classes(stated)
    if labels:
        return classes_of(labels.texts)
    return classes_of([*dict.fromkeys(text for shard in shards for text in shard.label_texts())])


def _settings(
    options: ReadOptions, found: Sequence[_Found], classes: Classes | None
) -> ReadSettings:
    """Return how files are read; a file of labels is read here."""
    unlabelled = options.labels == NO_LABELS
    pattern = options.label_pattern
    if pattern is not None and options.labels is not None:
        raise LabelError("--labels and --label-pattern both say where labels are; pass one")
    file = None if unlabelled else options.labels
    return ReadSettings(
        image_column=options.image_column,
        label_column=options.label_column,
        label_file=None if file is None else _label_file(file, options.label_column, classes),
        unlabelled=unlabelled,
        image_root=None if options.image_root is None else _checked_root(options.image_root),
        label_pattern=None if pattern is None else LabelPattern(pattern),
        classes=classes,
        alone=sum(len(one.files.names) for one in found) == 1,
        keep=options.keep_columns,
    )


def _checked_root(folder: str) -> str:
    """Return the folder of `--image-root`, without links in its path.

    Raises:
        InputError: it is no folder.
    """
    if not Path(folder).is_dir():
        raise InputError(f"--image-root {folder}: no such folder; expected that of the images")
    return os.path.realpath(folder)


def _label_file(file: str, column: str | None, classes: Classes | None) -> LabelFile:
    """Read the user's file of labels; `column` may be that of Parquet files instead."""
    path, numbering = place_of(file), Numbering(classes)
    if column is None or not has_column(path, column):
        return LabelFile(path, numbering)
    return LabelFile(path, numbering, column=column)


def _open_files(found: Sequence[_Found], settings: ReadSettings) -> list[Shard]:
    """Return the shards of all files.

    Raises:
        InputError: none of the files of a format can be opened.
        LabelError: labels are not as expected.
    """
    shards: list[Shard] = []
    failures: dict[str, list[str]] = {one.name: [] for one in FORMATS}
    by_name = {one.name: one for one in FORMATS}
    for (name, _), group in groupby(found, key=lambda one: (one.format, one.is_remote)):
        opened = list(by_name[name].open_files([one.files for one in group], settings))
        failures[name] += [failure for shard in opened for failure in shard.failures]
        shards += opened
    for name, messages in failures.items():
        count = sum(len(one.files.names) for one in found if one.format == name)
        if messages and len(messages) == count:
            raise InputError(messages[0])
    return shards


def _told_apart(found: Sequence[_Found]) -> Sequence[_Found]:
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


def _twin(found: Sequence[_Found]) -> str | None:
    """Return a name that two files have, or None.

    A file that holds sources is the folder of them: no other file may lie in it.
    """
    sources = Texts.joined([one.files.sources for one in found])
    # A hash takes 8 bytes; a set of a million names takes 200 MB.
    hashes = np.fromiter(map(hash, sources), np.int64, len(sources))
    places = np.argsort(hashes, kind="stable")
    equal = np.flatnonzero(np.diff(hashes[places]) == 0)
    for place in equal[np.argsort(places[equal])].tolist():
        first, second = (sources[int(number)] for number in places[place : place + 2])
        if first == second:
            return first
    holding = {one.name for one in FORMATS if one.holds_sources}
    holders = {name for one in found if one.format in holding for name in one.files.sources}
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


def _find(text: str) -> list[_Found]:
    """Return the files that one INPUT names."""
    if not text:
        raise InputError("an INPUT is empty; name a folder or a file of digits")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:  # a surrogate that stands for no byte
        raise InputError(f"{text!r}: no path holds such a character") from error
    if text == STDIN:
        found = list(_find_listed())
        if not found:
            raise InputError("-: no path came on standard input; expected one a line")
        return found
    if is_remote(text):
        return [_find_remote(text)]
    path = Path(text)
    if text.startswith(HUB):
        from mnist_batch.inputs.hub import local_copy

        path = local_copy(text)
    try:
        if path.is_dir():
            return [_find_in_folder(path, text)]
        if path.is_file():
            return [_find_file(path, text)]
        if _names_array(path):
            return [_find_array(path, text)]
        if _ADDRESS.match(text):
            raise InputError(
                f"{text}: addresses are not read, but for {', '.join(_READ)}; download it, and "
                "pass the file or the folder"
            )
        if has_magic(text):
            return [_find_globbed(text)]
        if path.exists():
            raise InputError(f"{text}: not a regular file; expected a folder or a file of digits")
    except OSError as error:
        raise_if_of_machine(error, text)
        raise InputError(f"{text}: cannot be read: {error.strerror}; check the path") from error
    raise InputError(f"{text}: no such file or folder; check the path")


_READ = [HUB, *(f"{scheme}://" for scheme in STORES)]


def _find_remote(address: str) -> _Found:
    """Return the files that an address of object storage names: one, a folder, or a glob."""
    parsed(address)
    try:
        if has_magic(address) and not (suffix_of(address) and is_there(address)):
            return _find_globbed(address)
        if address.endswith("/") or suffix_of(address) not in file_kinds():
            folder = list_remote(address)
            if not folder.is_empty:
                return _find_in_folder(folder, address)
        return _find_object(address)
    except FileNotFoundError as error:
        raise InputError(f"{address}: {error.strerror}; check the address") from error


def _find_object(address: str) -> _Found:
    """Return the one object of an INPUT, or the folder that is called as a file would be."""
    try:
        found = stat(address)
    except FileNotFoundError:
        above = address.rpartition("/")[0]
        if suffix_of(above) == ".npz" and is_there(above):
            return _of_object(NUMPY.name, stat(above), address)
        if (folder := list_remote(address)).is_empty:
            raise
        return _find_in_folder(folder, address)
    kind = kind_of(address)
    if kind is None:
        held = told(first_bytes(address))
        what = f"no file of digits, but {held}" if held else "by its suffix no file of digits"
        raise InputError(f"{address}: {what}; {_expected()}")
    return _of_object(kind, found, address)


def _of_object(kind: str, found: RemoteObject, address: str) -> _Found:
    """Return an object as the one file of an INPUT, or an array in it by both names."""
    typed = found.address.removesuffix(name_of(found.address))
    name = address.removeprefix(typed)
    return _Found(
        kind, NamedFiles([name], [address], [name], objects=ListedObjects.of([found])), typed
    )


def _find_listed() -> Iterator[_Found]:
    """Yield the files that a list of paths on standard input names; a missing file is a row too.

    Consecutive files of one format are found as those of one INPUT.
    """
    kinds = file_kinds()

    def kind(path: str) -> tuple[str | None, bool]:
        """Return the format of a file, None for a folder, and whether it is in object storage."""
        there = is_remote(path)
        # Unlike Path.is_dir, os.path.isdir raises for no path.
        if path.endswith("/") if there else os.path.isdir(path):  # noqa: PTH112
            return None, there
        # A file of no format is read as an image, and gets an error that says so.
        return kinds.get(suffix_of(path)) or kind_of(place_of(path)) or IMAGES.name, there

    for (name, there), group in groupby(filter(None, _lines_of_stdin()), key=kind):
        if name is None:
            yield from map(_find_remote if there else _find_folder, group)
        else:
            files = Texts(group)
            objects = ListedObjects.of(in_threads(stat_or_none, files)) if there else None
            yield _Found(name, NamedFiles(files, files, files, objects=objects))


def _find_folder(typed: str) -> _Found:
    return _find_in_folder(Path(typed), typed)


_LONGEST_LINE = 2**16
"""Bytes; Linux takes no path of over 4,096."""


def _lines_of_stdin() -> Iterator[str]:
    """Yield the lines of standard input, which need not be UTF-8; none where it was closed."""
    if not sys.stdin:
        return
    try:
        while line := sys.stdin.buffer.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE:  # as of a picture itself, or of /dev/zero
                raise InputError(f"-: a line of over {_LONGEST_LINE} bytes; expected paths")
            yield os.fsdecode(line.rstrip(b"\r\n"))
    except OSError as error:
        why = f"standard input cannot be read: {error.strerror}"
        raise InputError(f"-: {why}; expected paths, one a line") from error


def _find_in_folder(folder: Folder, typed: str) -> _Found:
    listing = list_inputs(folder)
    if len(listing.files) > 1:
        raise InputError(
            f"{typed}: holds {_counts(listing)}, which may be the same digits twice; name the "
            f"{PARQUET.name} ('{typed.rstrip('/')}/**/*.parquet') or a folder that holds the "
            "images alone"
        )
    if not listing.files:
        others = listing.passed_over.total()
        held = f"only files of other kinds ({others:,})" if others else "no files"
        raise InputError(f"{typed}: a folder that holds {held}; {_expected()}")
    return _listed(listing, folder, typed)


def _find_file(path: Path, typed: str) -> _Found:
    """Return the one file of an INPUT."""
    kind = kind_of(path)
    if kind is None:
        held = told(first_bytes(str(path)))
        what = f"no file of digits, but {held}" if held else "by its suffix no file of digits"
        raise InputError(f"{typed}: {what}; {_expected()}")
    name = typed.rpartition("/")[2]
    folder = typed.removesuffix(name)  # with its `/`, which for a file in the root is all of it
    return _Found(kind, _named([name], path.parent), folder)


def _names_array(path: Path) -> bool:
    """Tell whether a path names an array in an .npz file."""
    from mnist_batch.inputs.arrays.numpy_files import names_array  # late, as all of a format

    return names_array(path)


def _find_array(path: Path, typed: str) -> _Found:
    """Return an array in a file of NumPy's as one file, whose name is that of both."""
    name = "/".join(path.parts[-2:])
    return _Found(NUMPY.name, _named([name], path.parent.parent), typed.removesuffix(name))


def _find_globbed(pattern: str) -> _Found:
    """Return the files that a glob matches, named relative to its last folder without a `*`."""
    root, listing = glob_inputs(pattern)
    if len(listing.files) > 1:
        raise InputError(
            f"{pattern}: matches {_counts(listing)}, which may be the same digits twice; match "
            "one kind"
        )
    if not listing.files:
        raise InputError(f"{pattern}: matches no file of digits; {_expected()}")
    return _listed(listing, root, typed="" if root == Path() else str(root))


def _listed(listing: FolderListing, root: Folder, typed: str) -> _Found:
    """Return the files of the only kind that was listed."""
    ((kind, names),) = listing.files.items()
    metadata = metadata_by_folder(root, listing.metadata) if kind == IMAGES.name else {}
    used = {*map(str, metadata.values())}
    unused = [name for name in listing.metadata if str(root / name) not in used]
    passed_over = listing.passed_over + Counter(map(suffix_of, unused))
    files, notes = _named(names, root, metadata), [_of_table(log) for log in listing.logs[:1]]
    return _Found(kind, files, typed, passed_over, notes)


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


def _named(
    names: Sequence[str], root: Folder, metadata: Mapping[str, Place] | None = None
) -> NamedFiles:
    """Return files, given their names relative to a folder."""
    texts, objects = Texts(names), None
    if isinstance(root, RemoteFolder):
        folder, objects = f"{root}/", ListedObjects.of(root.objects(names))
    else:
        # Joined as text: Path objects for 60,000 files would take a second.
        folder = os.path.join(root, "")  # noqa: PTH118
    paths = Texts(folder + name for name in names)
    return NamedFiles(texts, paths, texts, metadata or {}, objects)


def _counts(listing: FolderListing) -> str:
    """Return how many files there are of each kind, as messages say it."""
    return " and ".join(f"{kind} ({len(names):,})" for kind, names in listing.files.items())


def _expected() -> str:
    """Return which files are inputs, as messages say it."""
    every = sorted(suffix for one in FORMATS for suffix in one.suffixes)
    suffixes = [suffix for suffix in every if "-" not in suffix and suffix.count(".") == 1]
    return f"expected a file with the suffix {' '.join(suffixes)}"
