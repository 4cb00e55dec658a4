"""INPUTs to shards: which files each one names, what they are called, and their order."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.finding.find import find
from mnist_batch.inputs.finding.found_files import Found, told_apart
from mnist_batch.inputs.formats import (
    FORMATS,
    IMAGES,
)
from mnist_batch.inputs.joined import JoinedShards
from mnist_batch.inputs.kept import check_names, kept_fields
from mnist_batch.inputs.labelling.folders import folders_of_no_class
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.metadata import has_column
from mnist_batch.inputs.labelling.names import (
    classes_of,
    stated_classes,
    with_given_names,
    with_stated_names,
)
from mnist_batch.inputs.labelling.numbering import Numbering
from mnist_batch.inputs.labelling.pattern import LabelPattern
from mnist_batch.inputs.shards import ReadSettings, Shard
from mnist_batch.inputs.texts import Texts
from mnist_batch.inputs.transposed import oriented
from mnist_batch.options import NO_LABELS, ReadOptions
from mnist_batch.remote.addresses import is_remote, place_of
from mnist_batch.schema import DIGITS, Classes


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
    found = told_apart([one for item in inputs for one in find(os.fspath(item))])
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


def _folder_notes(found: Found, settings: ReadSettings) -> list[str]:
    """Return the note on folders of images that name no class, where folders are the labels."""
    told_elsewhere = settings.label_file or settings.label_pattern or found.files.metadata
    if found.format != IMAGES.name or settings.unlabelled or told_elsewhere:
        return []
    note = folders_of_no_class(found.files.paths, settings.classes or DIGITS)
    return [note] if note else []


def _files_of_formats(found: Sequence[Found]) -> Counter[str]:
    """Return the number of files of each format, without folders that cannot be listed."""
    counts = Counter[str]()
    for one in found:
        counts[one.format] += sum(not name.endswith("/") for name in one.files.names)
    return counts


def _with_classes(
    settings: ReadSettings, found: Sequence[Found], options: ReadOptions
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
    options: ReadOptions, found: Sequence[Found], classes: Classes | None
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
        alone=sum(len(one.taken) for one in found) == 1,
        keep=options.keep_columns,
    )


def _checked_root(folder: str) -> str:
    """Return the folder of `--image-root`, without links in its path.

    Raises:
        InputError: it is no folder.
    """
    if is_remote(folder):
        raise InputError(
            f"--image-root {folder}: an address; expected a folder of this machine, so download it"
        )
    if not Path(folder).is_dir():
        raise InputError(f"--image-root {folder}: no such folder; expected that of the images")
    return os.path.realpath(folder)


def _label_file(file: str, column: str | None, classes: Classes | None) -> LabelFile:
    """Read the user's file of labels; `column` may be that of Parquet files instead."""
    path, numbering = place_of(file), Numbering(classes)
    if column is None or not has_column(path, column):
        return LabelFile(path, numbering)
    return LabelFile(path, numbering, column=column)


def _open_files(found: Sequence[Found], settings: ReadSettings) -> list[Shard]:
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
