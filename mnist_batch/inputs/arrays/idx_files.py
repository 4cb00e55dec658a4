"""IDX files, the format in which MNIST was published, plain or packed by gzip.

The format is described at the end of Yann LeCun's page of MNIST: two zeros, a type, the number of
axes, their lengths as four bytes each, then the numbers row by row, most significant byte first.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.arrays.array_shards import ArrayShard
from mnist_batch.inputs.arrays.headers import DAMAGED, StoredArray, read_idx
from mnist_batch.inputs.arrays.image_arrays import as_input_error, check_size, with_labels
from mnist_batch.inputs.arrays.picture_shapes import is_label_name, label_names
from mnist_batch.inputs.arrays.stored_bytes import GZIP, Checkpoints, StoredBytes
from mnist_batch.inputs.parquet.footers import identity_of
from mnist_batch.inputs.shards import Held, ReadSettings
from mnist_batch.machine.failures import raise_if_of_machine

_NUMBER = re.compile(r"idx[1-4]-[a-z]+", re.IGNORECASE)


def open_idx(path: Path, source: str, settings: ReadSettings) -> Iterator[ArrayShard]:
    """Open an IDX file and cut its images into shards; labels lie in a file beside it.

    Raises:
        InputError: it cannot be read, or holds no images.
        LabelError: its labels cannot be read, or are not one for each image.
    """
    with as_input_error(path, "IDX file"):
        images = array_in(path, portable=settings.portable)
    if len(images.shape) < 2:
        raise InputError(f"{path}: holds labels, not images; name the file of images beside it")
    given = settings.label_file is not None or settings.unlabelled
    labels = None if given else _labels(path, portable=settings.portable)
    yield from with_labels(path, source, images, labels, settings)


def held(path: Path) -> Held:
    """Return what a file holds."""
    try:
        axes = len(array_in(path).shape)
    except DAMAGED as error:
        raise_if_of_machine(error, str(path))
        axes = 1 if is_label_name(path.name) else 3
    return Held.LABELS if axes == 1 or is_label_name(path.name) else Held.IMAGES


def array_in(path: Path, *, portable: bool = False) -> StoredArray:
    """Return the array in a file, by its header; `portable` as `identity_of` takes it.

    Raises:
        HeaderError: or `OSError`: it cannot be read.
    """
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise OSError("not a regular file")
    identity, size = identity_of(str(path), portable=portable), path.stat().st_size
    coding = GZIP if path.name.lower().endswith(".gz") else None
    array = read_idx(Checkpoints(StoredBytes(str(path), identity, 0, size, coding)))
    check_size(array)
    return array


def _labels(path: Path, *, portable: bool) -> StoredArray | None:
    """Return the labels of the images in a file; None where none are found beside it."""
    for beside in _beside(path):
        if beside.is_file():
            try:
                with as_input_error(beside, "IDX file of labels"):
                    return array_in(beside, portable=portable)
            except InputError as error:
                raise LabelError(str(error)) from error
    return None


def _beside(path: Path) -> Iterator[Path]:
    """Yield where the labels of a file of images may lie.

    Kaggle's copy of MNIST has each file in a folder of its own name too.
    """
    packed = path.name[-3:] if path.name.lower().endswith(".gz") else ""
    for name in label_names(path.name.removesuffix(packed)):
        for kind in ("idx1-ubyte", "idx1-int", "idx1-byte", "idx1-short"):
            plain = _NUMBER.sub(kind, name)
            for own in (f"{plain}{packed}", f"{plain}.gz", plain):
                yield path.with_name(own)
                yield path.parent.parent / own / own
