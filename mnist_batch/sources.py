"""INPUTs to shards: what each one is, what its rows are called, and in which order they come."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from glob import glob, has_magic
from itertools import groupby, takewhile
from pathlib import Path

import numpy as np
import pyarrow as pa

from mnist_batch.errors import InputError
from mnist_batch.image_files import IMAGE_SUFFIXES, image_shards, list_folder, natural_key
from mnist_batch.labels import LabelFile, folder_digits
from mnist_batch.parquet_files import open_parquet
from mnist_batch.shards import Shard

STDIN = "-"
HUB = "hf://"
NO_LABELS = "none"
_METADATA = "metadata.csv"
_KINDS = f"expected .parquet or an image ({' '.join(sorted(IMAGE_SUFFIXES))})"


@dataclass(frozen=True)
class ReadOptions:
    """How INPUTs are read.

    Attributes:
        image_column: the Parquet column of images; None to find it.
        label_column: the Parquet column of labels; None for `label`, where there is one.
        labels: a CSV file of labels (see `mnist_batch.labels.LabelFile`), `none` to read no
            labels, or None to take those that the INPUT carries.
    """

    image_column: str | None = None
    label_column: str | None = None
    labels: str | None = None


@dataclass(frozen=True)
class OpenInputs:
    """The INPUTs of a run: listed, not read.

    Attributes:
        shards: all there is to read, in input order.
        rows: the number of rows in them.
        passed_over: how many files in folders are no input.
    """

    shards: Sequence[Shard]
    rows: int
    passed_over: int


@dataclass(frozen=True)
class _Found:
    """Files of one kind that one INPUT named.

    Attributes:
        parquet: Parquet files, or else images.
        names: paths relative to `root`, in order.
        root: the folder that the names start from; empty where they are complete.
        typed: `root` as the user wrote it.
        labels: Arrow int8, the truth about each image file that its place gives.
        passed_over: files in the folder that are no input.
    """

    parquet: bool
    names: Sequence[str]
    root: str
    typed: str
    labels: pa.Array | None = None
    passed_over: int = 0

    def paths(self) -> list[str]:
        """Return where the files are."""
        return [os.path.join(self.root, name) for name in self.names]  # noqa: PTH118 - 60,000 Path objects would take a second

    def sources(self, *, qualified: bool) -> Sequence[str]:
        """Return what the files are called in the output."""
        if not qualified or not self.typed:
            return self.names
        return [f"{self.typed.rstrip('/')}/{name}" for name in self.names]


def open_inputs(inputs: Iterable[str | Path], options: ReadOptions | None = None) -> OpenInputs:
    """List INPUTs and cut them into shards.

    An INPUT is a folder of images or of Parquet files (searched through, in natural order), an
    image file, a Parquet file, a glob of either, `hf://datasets/OWNER/NAME`, or `-` for a list of
    paths on standard input, one a line. Sources are named relative to their INPUT; where two
    INPUTs hold the same name, all sources get their INPUT as typed in front.

    Raises:
        InputError: an INPUT does not exist, holds no images, or holds both images and Parquet;
            a file is named twice; a Parquet file cannot be opened.
        LabelError: a file of labels cannot be read.
    """
    options = options or ReadOptions()
    found = [one for item in inputs for one in _find(os.fspath(item))]
    qualified = _has_twins(found, qualified=False)
    if qualified and _has_twins(found, qualified=True):
        raise InputError("a file is named by two INPUTs; name each file once")
    label_file = None
    if options.labels not in (None, NO_LABELS):
        label_file = LabelFile(Path(options.labels))
    shards: list[Shard] = []
    for parquet, group in groupby(found, key=lambda one: one.parquet):
        if parquet:
            shards += _parquet_shards(group, options, label_file, qualified=qualified)
        else:
            shards += _image_shards(list(group), options, label_file, qualified=qualified)
    return OpenInputs(
        shards=shards,
        rows=sum(shard.rows for shard in shards),
        passed_over=sum(one.passed_over for one in found),
    )


def _has_twins(found: Sequence[_Found], *, qualified: bool) -> bool:
    names = [name for one in found for name in one.sources(qualified=qualified)]
    return len(set(names)) < len(names)


def _parquet_shards(
    found: Iterable[_Found],
    options: ReadOptions,
    label_file: LabelFile | None,
    *,
    qualified: bool,
) -> Iterator[Shard]:
    for one in found:
        for path, source in zip(one.paths(), one.sources(qualified=qualified), strict=True):
            yield from open_parquet(
                Path(path),
                source,
                image_column=options.image_column,
                label_column=options.label_column,
                label_file=label_file,
                unlabelled=options.labels == NO_LABELS,
            )


def _image_shards(
    found: Sequence[_Found],
    options: ReadOptions,
    label_file: LabelFile | None,
    *,
    qualified: bool,
) -> Sequence[Shard]:
    paths = [path for one in found for path in one.paths()]
    sources = [source for one in found for source in one.sources(qualified=qualified)]
    if label_file:
        labels = label_file.lookup(sources, np.zeros(len(sources), np.int64))
    elif options.labels == NO_LABELS:
        labels = pa.nulls(len(sources), pa.int8())
    else:
        labels = pa.concat_arrays([one.labels for one in found])
    return image_shards(paths, sources, labels)


def _find(text: str) -> list[_Found]:
    """Return what one INPUT holds."""
    if text == STDIN:
        lines = (line.removesuffix("\n") for line in sys.stdin)
        return [one for line in lines if line for one in _find_listed(line)]
    path = Path(text)
    if text.startswith(HUB):
        from mnist_batch.hub import local_copy

        path = local_copy(text)
    if path.is_dir():
        return [_find_in_folder(path, text)]
    if path.is_file():
        return [_find_file(path, text)]
    if has_magic(text):
        return _find_globbed(text)
    if path.exists():
        raise InputError(f"{text}: not a regular file; expected a folder or a file of digits")
    raise InputError(f"{text}: no such file or folder; check the path")


def _find_listed(line: str) -> list[_Found]:
    """Return what one line of a list of paths names; a file that is not there is a row too."""
    if Path(line).is_dir():
        return [_find_in_folder(Path(line), line)]
    labels = folder_digits([line])
    return [_Found(_suffix(line) == ".parquet", [line], root="", typed="", labels=labels)]


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
            f"{typed}: no digits in this folder, only {listing.passed_over} other files; {_KINDS}"
        )
    found = _Found(
        parquet=bool(listing.parquet),
        names=listing.parquet or listing.images,
        root=str(folder),
        typed=typed,
        passed_over=listing.passed_over,
    )
    return found if found.parquet else _labelled(found)


def _labelled(found: _Found) -> _Found:
    """Return the images of a folder with their labels: from metadata.csv, else folder names."""
    metadata = Path(found.root, _METADATA)
    if not metadata.is_file():
        return replace(found, labels=folder_digits(found.paths()))
    labels = LabelFile(metadata).lookup(found.names, np.zeros(len(found.names), np.int64))
    return replace(found, labels=labels, passed_over=found.passed_over - 1)


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
        labels=folder_digits([str(path)]),
    )


def _find_globbed(pattern: str) -> list[_Found]:
    """Return the files that a glob matches, named relative to its last folder without a `*`."""
    # Path.glob takes no absolute pattern.
    matches = [path for path in glob(pattern, recursive=True) if Path(path).is_file()]  # noqa: PTH207
    parquet = sorted((path for path in matches if _suffix(path) == ".parquet"), key=_path_key)
    images = sorted((path for path in matches if _suffix(path) in IMAGE_SUFFIXES), key=_path_key)
    if parquet and images:
        raise InputError(
            f"{pattern}: matches {len(images)} images and {len(parquet)} Parquet files, which may "
            "be the same digits twice; match one kind"
        )
    if not parquet and not images:
        raise InputError(f"{pattern}: matches no file of digits; {_KINDS}")
    fixed = Path(*takewhile(lambda part: not has_magic(part), Path(pattern).parts))
    return [
        _Found(
            parquet=bool(parquet),
            names=[Path(path).relative_to(fixed).as_posix() for path in parquet or images],
            root=str(fixed),
            typed="" if fixed == Path() else fixed.as_posix(),
            labels=folder_digits(images),
            passed_over=len(matches) - len(parquet) - len(images),
        )
    ]


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


def _path_key(path: str) -> list[tuple[list[str | int], str]]:
    return [natural_key(part) for part in path.split("/")]
