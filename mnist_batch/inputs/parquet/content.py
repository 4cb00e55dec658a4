"""Which columns of a Parquet file are read, and what their values mean."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch.decoding.pixels import is_pixel_type
from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.files.opening import UNREADABLE, cause
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.labels import check_type
from mnist_batch.inputs.labelling.numbering import Numbering
from mnist_batch.inputs.parquet.columns import (
    ImageColumn,
    find_image_column,
    find_image_names,
    find_kept_columns,
    find_label_column,
    find_stated_names,
    values_type,
)
from mnist_batch.inputs.parquet.packed import ORIGINS, is_formed, is_packed
from mnist_batch.inputs.shards import ReadSettings
from mnist_batch.machine.failures import ReplacedError, raise_if_of_machine
from mnist_batch.mnist import PIXELS
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import PATH


class Content(NamedTuple):
    """What is read of a Parquet file: files of one kind share it."""

    image: ImageColumn
    label: str | None  # the name of the label column; None to read none
    numbering: Numbering  # what its values mean
    packed: bool  # whether each row names its own source, row and error
    formed: bool  # whether it is packed, and images not in MNIST form were brought to it before
    encoded: bool  # whether its images are encoded, not raw pixels
    kept: tuple[pa.Field, ...]  # the columns that the predictions keep
    named: bool  # whether one of these is `PATH`: the names that the images carry themselves

    @property
    def others(self) -> list[str]:
        """The columns to read beside the images."""
        return [*([self.label] if self.label else []), *(ORIGINS if self.packed else [])]

    @property
    def kept_from(self) -> dict[str, str]:
        """The columns that the predictions keep, and the path of what is read of each."""
        read = {field.name: field.name for field in self.kept}
        return {**read, PATH.name: self.image.names} if self.named else read


def content_of(
    path: Place, metadata: pq.FileMetaData, schema: pa.Schema, settings: ReadSettings
) -> Content:
    """Return what is read of a Parquet file, by its footer and by how it is to be read.

    Raises:
        InputError: there is no column of images, or several of one name.
        LabelError: labels are of another type, or the settings' file of labels has no column `row`.
    """
    packed = is_packed(path, metadata, schema)
    image = find_image_column(
        schema,
        settings.image_column,
        path,
        label=settings.label_column,
        named=settings.image_root is not None,
    )
    label = find_label_column(schema, settings.label_column, path, image)
    counts = Counter(schema.names)
    for name in (image.name, label, *image.pixels):
        if name is not None and (count := counts[name]) > 1:
            raise InputError(f"{path}: {count} columns {name!r}; rename all but one")
    label_file = settings.label_file
    if label_file and not label_file.has_rows and not packed:
        raise lacks_rows(label_file, path)
    if settings.unlabelled or label_file:
        label = None
    numbering = settings.numbering(find_stated_names(metadata, label) if label else None)
    if label and metadata.num_rows:
        kind = schema.field(label).type
        check_type(kind, lambda row: f"{path}, row {row}, column {label}", numbering)
    if (refusal := numbering.refusal()) is not None:
        raise LabelError(f"{path}: {refusal}")
    with as_input_error(path):
        own_names = find_image_names(metadata, schema, image)
        is_column = PATH.name in settings.keep and PATH.name in schema.names
        named = own_names is not None and not is_column
    content = Content(
        image=image,
        label=label,
        numbering=numbering,
        packed=packed,
        formed=packed and is_formed(metadata),
        encoded=_is_encoded(schema, image),
        kept=(*([own_names] if named else []), *find_kept_columns(schema, settings.keep, path)),
        named=named,
    )
    return _shared(content)


def _is_encoded(schema: pa.Schema, image: ImageColumn) -> bool:
    """Tell whether images have to be decoded; pixels of another size are made pictures."""
    if image.pixels:
        return len(image.pixels) != PIXELS
    return not is_pixel_type(values_type(schema.field(image.name).type))


@lru_cache(maxsize=16)
def _shared(content: Content) -> Content:
    """Return the first of equal contents, which takes memory once."""
    return content


@contextmanager
def as_input_error(path: Place) -> Iterator[None]:
    """Raise what pyarrow and the operating system say of a file as an `InputError`."""
    try:
        yield
    except ReplacedError as error:
        raise InputError(f"{path}: {error}; run again") from error
    except UNREADABLE as error:
        raise_if_of_machine(error, str(path))
        raise InputError(
            f"{path}: not a readable Parquet file: {cause(error)}; "
            "write the file again, or leave it out"
        ) from error


def lacks_rows(label_file: LabelFile, path: str | Path) -> LabelError:
    """Return the error of a file of labels that does not tell the rows of a Parquet file apart."""
    return LabelError(f"{label_file.path}: no column row, which labels of {path} need")
