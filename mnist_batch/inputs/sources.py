"""INPUTs to shards: what each one is, what its rows are called, and in which order they come."""

import os
import sys
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from glob import has_magic
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.image_files import image_shards
from mnist_batch.inputs.labels import LabelFile, folder_digits
from mnist_batch.inputs.listing import (
    IMAGE_SUFFIXES,
    FolderListing,
    list_folder,
    list_glob,
)
from mnist_batch.inputs.parquet.files import open_parquet
from mnist_batch.inputs.shards import Shard, UnreadableSource, text_of_path
from mnist_batch.options import NO_LABELS, ReadOptions
from mnist_batch.schema import Reason, error_text

STDIN = "-"
HUB = "hf://"
_METADATA = "metadata.csv"
_KINDS = f"expected .parquet or an image ({' '.join(sorted(IMAGE_SUFFIXES))})"


@dataclass(frozen=True)
class OpenInputs:
    """The INPUTs of a run: listed, not read.

    Attributes:
        shards: all there is to read, in input order.
        files: where they are read from.
        rows: the number of rows in them.
        passed_over: how many files in folders are no input, as `FolderListing` counts them.
        uncounted: sources of which nobody knows how many rows they hold: files that cannot be
            opened and folders that cannot be listed, one row each.
    """

    shards: Sequence[Shard]
    files: Sequence[str]
    rows: int
    passed_over: Counter[str]
    uncounted: Sequence[str] = ()

    @property
    def encoded_rows(self) -> int:
        """The number of rows whose images have to be decoded."""
        return sum(shard.rows for shard in self.shards if shard.encoded)


@dataclass(frozen=True)
class _Found:
    """Files of one kind that one INPUT named.

    Attributes:
        parquet: Parquet files, or else images.
        names: paths relative to `root`, in order.
        root: the folder that the names start from; empty where they are complete.
        typed: `root` as the user wrote it.
        passed_over: files in the folder that are no input.
        metadata: the file of labels in the folder of the images, where there is one.
    """

    parquet: bool
    names: Sequence[str]
    root: str
    typed: str
    passed_over: Counter[str] = field(default_factory=Counter)
    metadata: Path | None = None

    @cached_property
    def paths(self) -> list[str]:
        """Where the files are."""
        # Joined once and as text: of 60,000 files Path objects would take a second.
        folder = os.path.join(self.root, "") if self.root else ""  # noqa: PTH118
        return [folder + name for name in self.names]

    def sources(self, *, qualified: bool) -> Sequence[str]:
        """Return what the files are called in the output."""
        if not qualified or not self.typed:
            return self.names
        return [f"{self.typed.rstrip('/')}/{name}" for name in self.names]

    def labels(self) -> pa.Array:
        """Return the truth about each image file, which its folder tells: Arrow int8 or null."""
        if self.metadata:
            return LabelFile(self.metadata).lookup(self.names, np.zeros(len(self.names), np.int64))
        return folder_digits(self.paths)


def open_inputs(inputs: Iterable[str | Path], options: ReadOptions | None = None) -> OpenInputs:
    """List INPUTs and cut them into shards.

    An INPUT is a folder of images or of Parquet files (searched through, in natural order), an
    image file, a Parquet file, a glob of either, `hf://datasets/OWNER/NAME`, or `-` for a list of
    paths on standard input, one a line. Sources are named relative to their INPUT; where two
    INPUTs hold the same name, all sources get their INPUT as typed in front. The rows of a packed
    file have the sources that they were packed from; beside other files the packed file is the
    folder that these lie in.

    A Parquet file that cannot be opened, and a folder within an INPUT that cannot be listed, is one
    row with an error: nobody knows how many it holds.

    Raises:
        InputError: an INPUT does not exist, holds no images, or holds both images and Parquet;
            a file is named twice; none of the Parquet files can be opened.
        LabelError: a file of labels cannot be read.
    """
    options = options or ReadOptions()
    found = [one for item in inputs for one in _find(os.fspath(item))]
    qualified = _twin(found, qualified=False) is not None
    if qualified and (twin := _twin(found, qualified=True)) is not None:
        raise InputError(f"{twin}: named by two INPUTs; name each file once")
    label_file = None
    if options.labels not in (None, NO_LABELS):
        label_file = LabelFile(Path(options.labels))
    alone = sum(len(one.names) for one in found) == 1
    shards: list[Shard] = []
    unreadable: list[InputError] = []
    for parquet, group in groupby(found, key=lambda one: one.parquet):
        if parquet:
            shards += _parquet_shards(
                group, options, label_file, unreadable, qualified=qualified, alone=alone
            )
        else:
            shards += _image_shards(list(group), options, label_file, qualified=qualified)
    files = [path for one in found for path in one.paths]
    if unreadable and len(unreadable) == sum(_suffix(path) == ".parquet" for path in files):
        raise unreadable[0]
    return OpenInputs(
        shards=shards,
        files=files,
        rows=sum(shard.rows for shard in shards),
        passed_over=sum((one.passed_over for one in found), Counter()),
        uncounted=[
            *(shard.source for shard in shards if isinstance(shard, UnreadableSource)),
            *(name for one in found if not one.parquet for name in one.names if name[-1] == "/"),
        ],
    )


def _twin(found: Sequence[_Found], *, qualified: bool) -> str | None:
    """Return a name that two files have, or None.

    A Parquet file may be packed, and then is the folder of its rows: no other file may lie in it.
    """
    names = Counter(name for one in found for name in one.sources(qualified=qualified))
    if twin := next((name for name, count in names.items() if count > 1), None):
        return twin
    ordered = sorted(names)
    parquet = (one.sources(qualified=qualified) for one in found if one.parquet)
    for folder in (f"{name}/" for sources in parquet for name in sources):
        place = bisect(ordered, folder)
        if place < len(ordered) and ordered[place].startswith(folder):
            return ordered[place]
    return None


def _parquet_shards(
    found: Iterable[_Found],
    options: ReadOptions,
    label_file: LabelFile | None,
    unreadable: list[InputError],
    *,
    qualified: bool,
    alone: bool,
) -> Iterator[Shard]:
    """Yield the shards of Parquet files; of one that cannot be opened the error goes to a list."""
    for one in found:
        for path, source in zip(one.paths, one.sources(qualified=qualified), strict=True):
            if path.endswith("/"):
                error = error_text(Reason.UNREADABLE_FILE, "a folder that cannot be listed")
                yield UnreadableSource(text_of_path(source), error)
                continue
            try:
                yield from open_parquet(
                    Path(path),
                    source,
                    image_column=options.image_column,
                    label_column=options.label_column,
                    label_file=label_file,
                    unlabelled=options.labels == NO_LABELS,
                    alone=alone,
                )
            except LabelError:
                raise
            except InputError as failure:
                unreadable.append(failure)
                yield UnreadableSource(text_of_path(source), _reason(failure, path))


def _reason(error: InputError, path: str) -> str:
    """Return why a file cannot be opened, as the column `error` says it."""
    if isinstance(error.__cause__, FileNotFoundError):
        return error_text(Reason.MISSING_FILE)
    return error_text(Reason.UNREADABLE_FILE, str(error).removeprefix(f"{path}: "))


def _image_shards(
    found: Sequence[_Found],
    options: ReadOptions,
    label_file: LabelFile | None,
    *,
    qualified: bool,
) -> Sequence[Shard]:
    paths = [path for one in found for path in one.paths]
    sources = [source for one in found for source in one.sources(qualified=qualified)]
    if label_file:
        labels = label_file.lookup(sources, np.zeros(len(sources), np.int64))
    elif options.labels == NO_LABELS:
        labels = pa.nulls(len(sources), pa.int8())
    else:
        labels = pa.concat_arrays([one.labels() for one in found])
    return image_shards(paths, sources, labels)


def _find(text: str) -> list[_Found]:
    """Return what one INPUT holds."""
    if not text:
        raise InputError("an INPUT is empty; name a folder or a file of digits")
    if text == STDIN:
        # Bytes: a name need not be UTF-8.
        stream = sys.stdin.buffer if sys.stdin else ()  # None where it was closed
        lines = [os.fsdecode(line.rstrip(b"\r\n")) for line in stream]
        if not any(lines):
            raise InputError("-: no path came on standard input; expected one a line")
        return [_find_listed(line) for line in lines if line]
    path = Path(text)
    if text.startswith(HUB):
        from mnist_batch.inputs.hub import local_copy

        path = local_copy(text)
    try:
        if path.is_dir():
            return [_find_in_folder(path, text)]
        if path.is_file():
            return [_find_file(path, text)]
        if has_magic(text):
            return [_find_globbed(text)]
        if path.exists():
            raise InputError(f"{text}: not a regular file; expected a folder or a file of digits")
    except OSError as error:
        raise InputError(f"{text}: cannot be read: {error.strerror}; check the path") from error
    raise InputError(f"{text}: no such file or folder; check the path")


def _find_listed(line: str) -> _Found:
    """Return what one line of a list of paths names; a file that is not there is a row too."""
    if os.path.isdir(line):  # noqa: PTH112 - unlike Path.is_dir it raises for no path
        return _find_in_folder(Path(line), line)
    return _Found(_suffix(line) == ".parquet", [line], root="", typed="")


def _find_in_folder(folder: Path, typed: str) -> _Found:
    listing = list_folder(folder)
    if listing.images and listing.parquet:
        raise InputError(
            f"{typed}: holds {len(listing.images)} images and {len(listing.parquet)} Parquet "
            f"files, which may be the same digits twice; name the Parquet files "
            f"('{typed.rstrip('/')}/**/*.parquet') or a folder that holds the images alone"
        )
    if not listing.images and not listing.parquet:
        raise InputError(
            f"{typed}: no digits in this folder; files of other kinds: "
            f"{listing.passed_over.total()}; {_KINDS}"
        )
    metadata = folder / _METADATA
    if not listing.images or not metadata.is_file():
        return _listed(listing, folder, typed)
    listing.passed_over -= Counter([metadata.suffix])
    return replace(_listed(listing, folder, typed), metadata=metadata)


def _listed(listing: FolderListing, root: Path, typed: str) -> _Found:
    return _Found(
        parquet=bool(listing.parquet),
        names=listing.parquet or listing.images,
        root=str(root),
        typed=typed,
        passed_over=listing.passed_over,
    )


def _find_file(path: Path, typed: str) -> _Found:
    """Return one file that was named; its suffix tells its kind."""
    if _suffix(typed) != ".parquet" and _suffix(typed) not in IMAGE_SUFFIXES:
        raise InputError(f"{typed}: neither an image nor Parquet, by its suffix; {_KINDS}")
    folder, _, name = typed.rpartition("/")
    return _Found(
        parquet=_suffix(typed) == ".parquet",
        names=[name],
        root=str(path.parent),
        typed=folder,
    )


def _find_globbed(pattern: str) -> _Found:
    """Return the files that a glob matches, named relative to its last folder without a `*`."""
    root, listing = list_glob(pattern)
    images, parquet = listing.images, listing.parquet
    if parquet and images:
        raise InputError(
            f"{pattern}: matches {len(images)} images and {len(parquet)} Parquet files, which may "
            "be the same digits twice; match one kind"
        )
    if not parquet and not images:
        raise InputError(f"{pattern}: matches no file of digits; {_KINDS}")
    return _listed(listing, root, typed="" if root == Path() else root.as_posix())


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()
