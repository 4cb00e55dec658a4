"""Data to train on: the split of the files into training and test data, and their pixels."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inference.workers import available_workers, map_batches
from mnist_batch.inputs.arrays.numpy_files import split_arrays
from mnist_batch.inputs.finding.find import HUB
from mnist_batch.inputs.formats import PARQUET, file_kinds, glob_inputs, list_inputs
from mnist_batch.inputs.listing import Folder, FolderListing, suffix_of
from mnist_batch.inputs.parquet.files import packed_sources
from mnist_batch.inputs.remote.read_ahead import fetched_ahead
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.mnist import SIDE
from mnist_batch.options import BATCH_ROWS, Prepare, ReadOptions
from mnist_batch.preprocessing.mnist_form import prepare_batch
from mnist_batch.remote.addresses import is_remote
from mnist_batch.remote.folders import list_remote
from mnist_batch.schema import DIGITS, Classes, ImageBatch, Images, Reason, reason, shortened

Labels = npt.NDArray[np.int8] | npt.NDArray[np.int16]
"""True classes (n,) from 0 on: int8, or int16 of over 128 classes."""

TRAIN, VALIDATION, TEST = "train", "validation", "test"

# https://huggingface.co/docs/hub/datasets-file-names-and-splits: the words, and the characters that
# may stand around them. Capitals count too here: folders called `Train` are common.
_WORDS = {
    TRAIN: "train|training",
    VALIDATION: "validation|valid|val|dev",
    TEST: "test|testing|eval|evaluation|t10k",  # MNIST's own name
}
_PATTERNS = {
    split: re.compile(rf"(?:^|[-._ 0-9])(?:{words})(?:[-._ 0-9]|$)", re.IGNORECASE)
    for split, words in _WORDS.items()
}


class UnlabelledError(LabelError):
    """A row has no label."""


class Splits(NamedTuple):
    """INPUTs to train on and INPUTs to test on; `test` may be empty."""

    train: Sequence[str]
    test: Sequence[str]


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their true digits or other classes, in input order.

    `sha256` names the digits whatever file they came in and in whatever order: SHA-256 over the
    sorted SHA-256 of each row, which is its 784 pixels and its label as one byte, or as two of over
    128 classes.
    """

    images: Images  # uint8 (n, 28, 28), 0 black to 255 white
    labels: Labels
    sha256: str
    unreadable: dict[str, int]  # rows that are left out, per reason
    classes: Classes = DIGITS
    prepare: Prepare = Prepare.AUTO  # how the images were prepared

    def shuffled_if_sorted(self, seed: int) -> tuple[Images, Labels]:
        """Return images and labels shuffled if they come digit by digit, else as they are.

        Folders named 0 to 9 are read one after the other: with the last fifth for validation the
        network would train without eights and nines. In a random order nine of ten neighbours
        differ; where less than half do, the rows are taken as sorted.
        """
        if np.count_nonzero(np.diff(self.labels)) >= len(self.labels) // 2:
            return self.images, self.labels
        order = np.random.default_rng(seed).permutation(len(self.labels))
        return self.images[order], self.labels[order]


def find_splits(data: str) -> Splits:
    """Find training and test data by the names of files and folders.

    The rules are those of the Hugging Face hub, without its README configurations: a folder whose
    name holds a split's word (`train`, `test`, `validation` and their synonyms) gives the split of
    the files in it. Where no folder's name does, the names of files give it
    (`train-00000-of-00001.parquet`). All other files, and those for validation, are then ignored.
    Where no name holds such a word, all is training data, as is a single file; but an .npz file is
    a folder of its arrays, as `x_train` and `x_test`. `data` is an INPUT as `open_inputs` takes it.

    Raises:
        InputError: there is test or validation data but none for training, a name holds the words
            of two splits, or a data set of the hub cannot be read.
    """
    if is_remote(data):
        return _remote_splits(data)
    path = Path(data)
    if data.startswith(HUB):
        from mnist_batch.inputs.hub import local_copy

        path = local_copy(data)
    root: Folder
    # What may not be looked at is left to `open_inputs`, which says so.
    if os.path.isdir(path):  # noqa: PTH112 - `Path.is_dir` raises then
        root, listing, whole = path, list_inputs(path), True
    elif has_magic(data) and not os.path.exists(path):  # noqa: PTH110 - as above
        (root, listing), whole = glob_inputs(data), False
    else:
        root, listing, whole = path.parent, None, False
    names = [path.name] if listing is None else _names(listing)
    names = [member for name in names for member in _members(root, name)]
    if listing is None and names == [path.name]:
        return Splits([str(path)], [])
    return _of_names(data, root, names, Splits([str(path)], []), whole=whole)


def _remote_splits(data: str) -> Splits:
    """Return the splits of a folder or a glob in object storage; a file is all for training."""
    if has_magic(data):
        (root, listing), whole = glob_inputs(data), False
    else:
        root, whole = list_remote(data), True
        if root.is_empty or suffix_of(data) in file_kinds():
            return Splits([data], [])
        listing = list_inputs(root)
    return _of_names(data, root, _names(listing), Splits([data], []), whole=whole)


def _of_names(
    data: str, root: Folder, names: Sequence[str], without: Splits, *, whole: bool
) -> Splits:
    """Return the splits that names of files tell, or `without` where none does."""
    splits = _by_split(names, whole=whole)
    if not splits:
        return without
    if TRAIN not in splits:
        raise InputError(
            f"{data}: by their names its files are for {' and '.join(splits)}, none for training; "
            "name a file or folder 'train', or pass the file to train on itself"
        )
    train, test = splits[TRAIN], splits.get(TEST, [])
    return Splits([str(root / name) for name in train], [str(root / name) for name in test])


def _names(listing: FolderListing) -> Sequence[str]:
    return listing.files.get(PARQUET.name) or next(iter(listing.files.values()), [])


def _members(root: Folder, name: str) -> list[str]:
    """Return a file, or its arrays where it is an .npz file that holds several of images."""
    if not name.lower().endswith(".npz"):
        return [name]
    try:
        arrays = split_arrays(Path(str(root / name)))
    except InputError:  # it is one row with an error
        return [name]
    return [f"{name}/{one}" for one in arrays] if len(arrays) > 1 else [name]


def _by_split(names: Sequence[str], *, whole: bool) -> dict[str, list[str]]:
    """Return for each split the folders that are named for it, or unless `whole` their files.

    Where no folder is named for a split, return the files that are.
    """
    found: dict[str, dict[str, None]] = {}  # ordered sets
    for name in names:
        folders = name.split("/")[:-1]
        for depth, folder in enumerate(folders, start=1):
            if split := _split_of(folder):
                member = "/".join(folders[:depth]) if whole else name
                found.setdefault(split, {})[member] = None
                break
    if not found:
        for name in names:
            if split := _split_of(name.rpartition("/")[2]):
                found.setdefault(split, {})[name] = None
    return {split: list(members) for split, members in found.items()}


@lru_cache  # most names are those of a few folders
def _split_of(name: str) -> str | None:
    """Return the split whose word is in the name of a file or a folder; None without one."""
    splits = [split for split, pattern in _PATTERNS.items() if pattern.search(name)]
    if len(splits) > 1:
        raise InputError(
            f"{name}: the name says {' and '.join(splits)}; rename it, so that nothing is both "
            "trained on and tested on"
        )
    return splits[0] if splits else None


def read_images(
    inputs: Sequence[str],
    read: ReadOptions | None = None,
    classes: Classes | None = None,
    prepare: Prepare | None = None,
) -> LabelledImages:
    """Read all images and labels of INPUTs into memory, 785 bytes a row.

    Args:
        inputs: what to read.
        read: how it is read.
        classes: what labels are numbers of; None for what the data itself tells: digits, other
            classes that it names or numbers, or folders named for classes.
        prepare: which images are brought to MNIST form; None for those of digits that are not in
            it, and for none of other classes.

    Raises:
        InputError: there are no rows, or none that can be read, or a file is packed from both
            training and test data.
        UnlabelledError: a row has no label.
        LabelError: a label is of no class, or there is only one class.
    """
    opened = open_inputs(inputs, read, classes, named_by_folders=True)
    classes = opened.classes or DIGITS
    _check_classes(classes, inputs[0])
    if prepare is None:
        prepare = Prepare.AUTO if classes.are_digits else Prepare.NEVER
    for file in opened.files:
        if file.lower().endswith(".parquet"):
            _refuse_packed_together(Path(file))
    images = np.empty((opened.rows, SIDE, SIDE), np.uint8)
    labels = np.empty(opened.rows, classes.dtype.to_pandas_dtype())
    unreadable: Counter[str] = Counter()
    rows = 0
    batches = map_batches(
        fetched_ahead(opened.shards),
        lambda shard: shard.read(BATCH_ROWS),
        lambda batch: _readable_rows(batch, prepare),
        workers=available_workers(),
    )
    for some, digits, reasons in batches:
        end = rows + len(digits)
        images[rows:end], labels[rows:end] = some, digits
        unreadable.update(reasons)
        rows = end
    if not rows:
        causes = ", ".join(f"{count} x {text}" for text, count in unreadable.items()) or "no rows"
        more = f" and {len(inputs) - 1} more" if len(inputs) > 1 else ""
        advice = ""
        if 2 * unreadable[Reason.NO_DIGIT] > unreadable.total():
            advice = (
                "; if the images show something else, pass --prepare never, or name their classes "
                "with --class-names A,B,..."
            )
        raise InputError(
            f"{inputs[0]}{more}: no images to train on or to test on: {causes}{advice}"
        )
    images, labels = images[:rows], labels[:rows]
    sha256 = _sha256(images, labels)
    return LabelledImages(images, labels, sha256, dict(unreadable), classes, prepare)


def has_labels(inputs: Sequence[str], read: ReadOptions, classes: Classes) -> bool:
    """Tell whether any row of INPUTs that can be opened has a label; as few are read as tell it."""
    opened = open_inputs(inputs, read, classes)
    return any(True for shard in opened.shards for _ in shard.label_texts())


_FEWEST = 2


def _check_classes(classes: Classes, where: str) -> None:
    """Raise `LabelError` for a single class, and for names that no model file may hold."""
    if classes.count < _FEWEST:
        raise LabelError(f"{where}: all labels are {classes.name(0)!r}; expected two or more")
    wrong = next((name for name in classes.names or () if not name.isprintable()), None)
    if wrong is not None:
        raise LabelError(
            f"{where}: the class {shortened(wrong)!r} has a character that does not print; rename "
            "it, be it a folder or a label, or pass --class-names where labels are numbers"
        )


def _refuse_packed_together(file: Path) -> None:
    """Raise `InputError` for a file that is packed from both training and test data."""
    try:
        sources = packed_sources(file)
    except InputError:  # it is one row with an error
        return
    splits = _by_split(sources, whole=True)
    if TRAIN in splits and TEST in splits:
        raise InputError(
            f"{file}: is packed from data for training ({splits[TRAIN][0]}) and for the test "
            f"({splits[TEST][0]}); pack each into its own file, as train.parquet and test.parquet"
        )


def _readable_rows(batch: ImageBatch, prepare: Prepare) -> tuple[Images, Labels, Counter[str]]:
    """Return the rows of a batch that can be read, and how many cannot, per reason."""
    decoded = prepare_batch(batch, prepare)
    unlabelled = pc.and_(batch.label.is_null(), decoded.error.is_null())
    if (row := pc.index(unlabelled, True).as_py()) >= 0:
        raise UnlabelledError(
            f"{batch.source[row]}, row {batch.row[row]}: no label, and training needs one; "
            "expected a Parquet column label, a folder named by its digit, or metadata.csv; "
            "--label-column and --label-pattern name others"
        )
    readable = decoded.error.is_null()
    labels = batch.label.filter(readable).to_numpy()
    unreadable = Counter(map(reason, decoded.error.drop_null().to_pylist()))
    return decoded.images[readable.to_numpy(zero_copy_only=False)], labels, unreadable


class DigitsHash:
    """Adds up `LabelledImages.sha256` over batches."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []

    def add(self, images: Images, labels: Labels) -> None:
        """Add rows."""
        for image, label in zip(images, labels, strict=True):
            self._rows.append(hashlib.sha256(image.tobytes() + label.tobytes()).digest())

    def hexdigest(self) -> str:
        """Return the hash of all rows, in hexadecimal."""
        return hashlib.sha256(b"".join(sorted(self._rows))).hexdigest()


def _sha256(images: Images, labels: Labels) -> str:
    digits = DigitsHash()
    digits.add(images, labels)
    return digits.hexdigest()
