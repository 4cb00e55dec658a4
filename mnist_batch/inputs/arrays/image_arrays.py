"""Which arrays hold images, which hold their labels, and whether these belong together."""

import math
import shlex
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.arrays.array_shards import ArrayShard, ImageArray
from mnist_batch.inputs.arrays.headers import HeaderError, StoredArray
from mnist_batch.inputs.arrays.picture_shapes import (
    EXPECTED,
    is_image_name,
    is_label_name,
    is_numbered,
    label_names,
    of_lines,
    pictures_of,
)
from mnist_batch.inputs.files.opening import UNREADABLE, cause
from mnist_batch.inputs.labelling.labels import INSTEAD
from mnist_batch.inputs.shards import ReadSettings
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.schema import shortened

_ROWS_PER_BYTE = 100
"""Rows for each byte of a file, at most, as of Parquet files: each becomes a row of the output."""

_MAX_LABEL_BYTES = 4096
"""Bytes of a label, at most."""

_SHOWN = 12
"""Arrays that are listed in a message."""

_SPLITS = ("train", "val", "test")


@contextmanager
def as_input_error(path: Path, kind: str) -> Iterator[None]:
    """Raise what is wrong with a file as an `InputError`; `kind` is what it ought to be."""
    try:
        yield
    except HeaderError as error:
        raise InputError(f"{path}: {error}; {_remedy(error)}") from error
    except (*UNREADABLE, zipfile.BadZipFile, NotImplementedError) as error:
        raise_if_of_machine(error, str(path))
        raise InputError(
            f"{path}: not a readable {kind}: {cause(error)}; write the file again, or leave it out"
        ) from error


_BY_COLUMNS = "it is compressed column by column, as Fortran stores arrays"


def _remedy(error: HeaderError) -> str:
    if _BY_COLUMNS in str(error):
        return "save np.ascontiguousarray(array)"
    if "pickle" in str(error):
        return "save numbers, as labels.astype('int64'); pickles are never read"
    return "save the array again"


def check_size(array: StoredArray) -> None:
    """Check that an array fits the bytes that it is in, as far as these are known.

    Raises:
        HeaderError: the bytes go on after it, or its rows cannot be read one after the other.
    """
    stored = array.content.stored
    if stored.coding is None and stored.size > array.start + array.size:
        raise HeaderError(
            f"it has {stored.size:,} bytes where its header counts {array.start + array.size:,}"
        )
    if array.by_columns and stored.coding is not None:
        raise HeaderError(_BY_COLUMNS)


def choose(
    path: Path, arrays: Sequence[StoredArray], settings: ReadSettings
) -> list[tuple[StoredArray, StoredArray | None, str]]:
    """Return the arrays of images among those of a file, in order, each with its labels.

    Those called `train` come first, those called `test` last. With them comes what would give
    labels where there are none.

    Raises:
        InputError: there are none, several could be meant, or the one that is wanted lacks.
    """
    by_name = {one.name: one for one in arrays}
    for wanted in (settings.image_column, settings.label_column):
        if wanted is not None and wanted not in by_name:
            raise InputError(f"{path}: no array {wanted!r}; it has {_listed(arrays)}")
    if settings.image_column is not None:
        images = [by_name[settings.image_column]]
    else:
        images = image_arrays(arrays)
        images.sort(key=lambda one: _split_order(one.name))
    if not images:
        raise InputError(f"{path}: no array of images among {_listed(arrays)}; {EXPECTED}")
    if settings.image_column is None and len(images) > 1 and not _belong_together(images):
        raise InputError(
            f"{path}: several arrays could hold the images: {_listed(images)}; name one with "
            "--image-column"
        )
    return [(one, *_labels_for(one, images, by_name, settings)) for one in images]


def image_arrays(arrays: Sequence[StoredArray]) -> list[StoredArray]:
    """Return the arrays of images among those of a file.

    Of several that could be, it is those that are called as images are; of these, or where none
    is, those of 28x28 pixels, if there are any.
    """
    found = [
        one for one in arrays if pictures_of(one.shape, one.dtype) and not is_label_name(one.name)
    ]
    for preferred in (lambda one: is_image_name(one.name), _is_raw):
        found = [one for one in found if preferred(one)] or found
    return found


def _is_raw(array: StoredArray) -> bool:
    pictures = pictures_of(array.shape, array.dtype)
    return pictures is not None and pictures.raw


def _belong_together(images: Sequence[StoredArray]) -> bool:
    """Tell whether arrays of images may be parts of one data set."""
    return all(
        _is_raw(one) or is_image_name(one.name) or bool(_splits_in(one.name)) for one in images
    )


def _split_order(name: str) -> int:
    return next(iter(_splits_in(name)), 0)


def _splits_in(name: str) -> list[int]:
    return [number for number, split in enumerate(_SPLITS) if split in name.lower()]


def _labels_for(
    one: StoredArray,
    images: Sequence[StoredArray],
    by_name: dict[str, StoredArray],
    settings: ReadSettings,
) -> tuple[StoredArray | None, str]:
    """Return the labels of an array, else what would give it some.

    An array of another name may be anything, as `fold`: the user has to name it.
    """
    if settings.label_column is not None:
        return by_name[settings.label_column], ""
    found = next((by_name[name] for name in label_names(one.name) if name in by_name), None)
    if found is None and is_numbered(one.name):
        found = _numbered_labels(one, by_name)
    if found is not None or len(images) > 1:
        return found, ""
    others = [
        other
        for other in by_name.values()
        if other is not one and other.rows == one.rows and math.prod(other.shape) == one.rows
    ]
    named = [other for other in others if is_label_name(other.name) or is_numbered(other.name)]
    if len(named) == 1:
        return named[0], ""
    if len(others) != 1:
        return None, ""
    name = shortened(others[0].name)
    return None, f"the array {name!r} may hold labels: pass --label-column {shlex.quote(name)}"


def _numbered_labels(one: StoredArray, by_name: dict[str, StoredArray]) -> StoredArray | None:
    """Return the labels of an array without a name: `savez` keeps the order of its arguments.

    These are `x, y`, or `x_train, y_train, x_test, y_test`, or all images and then all labels.
    """
    numbered = sorted(filter(is_numbered, by_name), key=lambda name: int(name.removeprefix("arr_")))
    of_images = {image.name for image in image_arrays([*by_name.values()])}
    pictures = [name for name in numbered if name in of_images]
    labels = [name for name in numbered if name not in of_images]
    if len(pictures) != len(labels) or one.name not in pictures:
        return None
    return by_name[labels[pictures.index(one.name)]]


def with_labels(
    path: Path,
    source: str,
    images: StoredArray,
    labels: StoredArray | None,
    settings: ReadSettings,
    hint: str = "",
) -> Iterator[ArrayShard]:
    """Yield the shards of an array of images; `hint` says what would give them labels.

    Raises:
        InputError: it holds none.
        LabelError: the labels are not one for each image, or a file of labels has no rows.
    """
    pictures = pictures_of(images.shape, images.dtype)
    if pictures is None:
        what = f"array {images.name!r}" if images.name else "an array"
        raise InputError(f"{path}: {what} of {_shape(images)}; {EXPECTED}")
    if pictures.count != images.rows and labels is not None and labels.rows == images.rows > 1:
        pictures = of_lines(images.shape) or pictures  # as (64, 64) with 64 labels
    if pictures.count != images.rows:  # a single picture
        images = replace(images, shape=(1, *images.shape))
    size = images.content.stored.size
    if pictures.count > _ROWS_PER_BYTE * max(1, size):
        raise InputError(
            f"{path}: its header counts {pictures.count:,} rows in {size:,} bytes; save the array "
            "again"
        )
    label_file = settings.label_file
    if label_file and not label_file.has_rows:
        raise LabelError(f"{label_file.path}: no column row, which labels of {path} need")
    if label_file or settings.unlabelled:
        labels = None
    if labels is not None:
        where = f"{labels.content.stored.path}{f', {labels.name}' if labels.name else ''}"
        if labels.rows != pictures.count:
            raise LabelError(
                f"{where}: {labels.rows:,} labels for {pictures.count:,} images of {path}; "
                f"expected as many; {INSTEAD}"
            )
        if labels.row_bytes > _MAX_LABEL_BYTES:
            raise LabelError(f"{where}: labels of {_shape(labels)}; expected one a row; {INSTEAD}")
    yield from ImageArray(str(path), source, images, pictures, labels, settings, hint).shards()


def labels_beside(path: Path, read: Callable[[Path], StoredArray | None]) -> StoredArray | None:
    """Return the labels in the file beside one of images that is called as such files are.

    Args:
        path: the file of images.
        read: returns the array of labels in a file; None where it holds something else.

    Raises:
        LabelError: there is such a file, and it cannot be read.
    """
    for name in label_names(path.name):
        beside = path.with_name(name)
        if beside.is_file():
            try:
                with as_input_error(beside, "file of labels"):
                    return read(beside)
            except InputError as error:
                raise LabelError(str(error)) from error
    return None


def _shape(array: StoredArray) -> str:
    return f"shape {array.shape} and type {array.dtype}"


def _listed(arrays: Sequence[StoredArray]) -> str:
    """Return names, shapes and types of arrays for a message."""
    shown = [f"{shortened(one.name)} ({one.dtype} {one.shape})" for one in arrays[:_SHOWN]]
    more = [f"{len(arrays) - _SHOWN} more"] if len(arrays) > _SHOWN else []
    return ", ".join([*shown, *more]) or "no arrays"
