"""Find the training and the test split of a data set by the names of its files."""

import os
import re
from collections.abc import Sequence
from functools import lru_cache
from glob import has_magic
from pathlib import Path
from typing import NamedTuple

from mnist_batch.errors import InputError
from mnist_batch.inputs.arrays.numpy_files import split_arrays
from mnist_batch.inputs.finding.find import HUB
from mnist_batch.inputs.finding.listing import Folder, FolderListing
from mnist_batch.inputs.finding.suffixes import suffix_of
from mnist_batch.inputs.formats import PARQUET, file_kinds, glob_inputs, list_inputs
from mnist_batch.remote.addresses import is_remote
from mnist_batch.remote.folders import list_remote

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


class Splits(NamedTuple):
    """INPUTs to train on and INPUTs to test on; `test` may be empty."""

    train: Sequence[str]
    test: Sequence[str]


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
    splits = by_split(names, whole=whole)
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


def by_split(names: Sequence[str], *, whole: bool) -> dict[str, list[str]]:
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
