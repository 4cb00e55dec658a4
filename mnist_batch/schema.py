"""What travels between the folders: the columns of predictions, and batches of images.

Order of rows is input order: sources in natural order (2.png before 10.png), rows ascending.
(source, row) is unique and identifies the image; where pictures are split into their digits,
(source, row, digit) does.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.mnist import CLASSES


@dataclass(frozen=True)
class Classes:
    """The classes that a model tells apart.

    Attributes:
        count: how many there are, at least 2.
        names: of each class in order; None where they are called by their numbers.
    """

    count: int = CLASSES
    names: tuple[str, ...] | None = None

    @classmethod
    def of(cls, count: int, names: Sequence[str] | None) -> "Classes":
        """Return so many classes, with names or without; those named `0` to `9` are `DIGITS`."""
        if names is None or [*names] == [str(digit) for digit in range(DIGITS.count)]:
            return cls(count)
        return cls(count, tuple(names))

    def __post_init__(self) -> None:
        if self.names is not None and len(self.names) != self.count:
            raise ValueError(f"{len(self.names)} names of {self.count} classes")

    @property
    def dtype(self) -> pa.DataType:
        """The Arrow type of the columns `label` and `prediction`."""
        return pa.int8() if self.count <= _MOST_OF_INT8 else pa.int16()

    def name(self, number: int) -> str:
        """Return what a class is called."""
        return str(number) if self.names is None else self.names[number]

    @property
    def are_digits(self) -> bool:
        """Whether they are the digits 0 to 9."""
        return self == DIGITS

    def numbers_in(self, other: "Classes") -> npt.NDArray[np.int64] | None:
        """Return the number that each class has in `other`, int64 (count,).

        Classes are the same by their names, whatever their order; those without names are by
        their numbers. None where these are not the same.
        """
        if self == other:
            return np.arange(self.count)
        if self.names is None or other.names is None or sorted(self.names) != sorted(other.names):
            return None
        numbers = {name: number for number, name in enumerate(other.names)}
        return np.array([numbers[name] for name in self.names])

    @property
    def noun(self) -> str:
        """What one of them is, for a reader: `digit` or `class`."""
        return "digit" if self.are_digits else "class"

    @property
    def noun_of_many(self) -> str:
        """What several of them are."""
        return "digits" if self.are_digits else "classes"

    def short_names(self, longest: int) -> tuple[str, ...]:
        """Return what each class is called where there is room for a few characters.

        Of a longer name the middle is left out, and an unprintable character is `?`: names come
        from files. Names that are alike then are told apart by the numbers of their classes.
        """
        names = [
            _one_line(self.name(number), longest) or str(number) for number in range(self.count)
        ]
        times = Counter(names)
        return tuple(
            name if times[name] == 1 else f"{_one_line(name, max(longest - 4, 4))} {number}"
            for number, name in enumerate(names)
        )


def _one_line(text: str, longest: int) -> str:
    """Return text in so many printable characters at most, of a longer one both ends."""
    text = " ".join(text.split())
    end = (longest - 2) // 3
    if len(text) > longest:
        text = f"{text[: longest - 2 - end]}..{text[len(text) - end :]}"
    return "".join(character if character.isprintable() else "?" for character in text)


MOST_CLASSES = 1000
"""Classes that a model may tell apart: as many as ImageNet has. A batch of 2,048 rows has 8 MB of
probabilities then, and the confusion matrix a million cells."""

_MOST_OF_INT8 = 128
"""Classes whose numbers, from 0, fit int8."""

DIGITS = Classes()
"""The digits 0 to 9."""

PREDICTIONS = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("label", pa.int8()),
        pa.field("prediction", pa.int8()),
        pa.field("confidence", pa.float32()),
        pa.field("prepared", pa.bool_(), nullable=False),
        pa.field("error", pa.string()),
    ]
)
"""Columns of a predictions file.

- source: image or Parquet file, relative to the INPUT that named it, `/`-separated.
- row: row in the source, from 0; 0 for an image file.
- label: the truth, 0 to 9 or the number of another class; null where the input carries none.
- prediction: argmax of the probabilities; null where the image could not be read.
- confidence: probability of the prediction, 0 to 1.
- prepared: true where the image was not in MNIST form and was brought to it; with `--prepare never`
  where it was not 28x28 and was resized.
- error: why there is no prediction, as `reason` or `reason: detail`.
"""

PROBABILITIES = pa.field("probabilities", pa.list_(pa.float32(), CLASSES))
"""The optional eighth column: one probability per class, summing to 1. In CSV: p0 to p9."""

CONTENT = pa.field("content", pa.string())
"""With `--content-hash`: what tells equal images from others wherever they lie, the first 32
hexadecimal digits of the SHA-256 of the image's bytes as read, or of its 784 raw pixels; null where
there are none."""

PATH = pa.field("path", pa.string())
"""The name that an image carries itself: the field `path` of Hugging Face's column of images. It is
there unless the footers say that all are null, as MNIST's are."""

METADATA_KEY = b"mnist_batch"
"""Key of the JSON in a predictions file's key-value metadata: how the predictions were made."""


FORMULA = r"'*[=+\-@\t]"
"""How a text starts that a spreadsheet would run as a formula, after any number of `'`: in CSV one
more `'` is put before it, and taken away again when the file is read."""


def probabilities_field(classes: Classes = DIGITS) -> pa.Field:
    """Return the column of probabilities, one per class."""
    return pa.field(PROBABILITIES.name, pa.list_(pa.float32(), classes.count))


LABEL_NAME = pa.field("label_name", pa.string())
"""Where classes have names: that of the label."""

PREDICTION_NAME = pa.field("prediction_name", pa.string())
"""Where classes have names: that of the prediction."""

DIGIT = pa.field("digit", pa.int16())
"""With `--several split`: the number of the digit in its picture, from 0, line by line from the top
and each line from the left. Then (source, row, digit) identifies a row; it is null where the
picture has no digit or could not be read."""

BOX = pa.field("box", pa.list_(pa.int32(), 4))
"""With `--several split`: left, top, width and height of the digit in pixels of the picture, as it
is read: turned upright by its EXIF orientation, and transposed where that was asked for. Null where
`digit` is. In CSV: the four numbers with a space between them."""


def predictions_schema(
    *,
    with_probabilities: bool,
    further: Iterable[pa.Field] = (),
    classes: Classes = DIGITS,
    split: bool = False,
) -> pa.Schema:
    """Return the schema of predictions, with or without the column of probabilities.

    Names follow where classes have any, `DIGIT` and `BOX` where pictures are split, and then
    `further` columns: `CONTENT`, `PATH` and those of the input that are kept.
    """
    columns = [
        field.with_type(classes.dtype) if field.name in ("label", "prediction") else field
        for field in PREDICTIONS
    ]
    probabilities = [probabilities_field(classes)] if with_probabilities else []
    names = [LABEL_NAME, PREDICTION_NAME] if classes.names else []
    of_split = [DIGIT, BOX] if split else []
    return pa.schema([*columns, *probabilities, *names, *of_split, *further])


def first_rows(predictions: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Return which rows are the first of their picture: bool (n,), all but where it is split."""
    if DIGIT.name not in predictions.schema.names:
        return np.ones(len(predictions), np.bool_)
    numbers = predictions.column(DIGIT.name)
    first: npt.NDArray[np.bool_] = numbers.fill_null(0).to_numpy(zero_copy_only=False) == 0
    return first


def renumbered(rows: pa.RecordBatch, numbers: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """Return predictions with other numbers for their classes.

    Args:
        rows: of `predictions_schema`, with or without probabilities.
        numbers: what the number of each class becomes, int64 (classes,), each once.
    """
    if np.array_equal(numbers, np.arange(len(numbers))):
        return rows
    for name in ("label", "prediction"):
        place = rows.schema.get_field_index(name)
        field = rows.schema.field(place)
        column = pa.array(numbers, field.type).take(rows.column(place))
        rows = rows.set_column(place, field, column)
    place = rows.schema.get_field_index(PROBABILITIES.name)
    if place < 0:
        return rows
    field, column = rows.schema.field(place), rows.column(place)
    values = np.zeros((len(rows), len(numbers)), np.float32)
    given = column.is_valid().to_numpy(zero_copy_only=False)
    there = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, len(numbers))
    values[given] = there[:, np.argsort(numbers)]
    mask = pa.array(~given)
    ordered = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), len(numbers), mask=mask)
    return rows.set_column(place, field, ordered)


class Reason(StrEnum):
    """Why an image has no prediction: the stable part of the column `error`.

    Attributes:
        MISSING_FILE: the file was named or listed, and is not there.
        UNREADABLE_FILE: the file, or the part of it that holds the row, cannot be read: no
            permission, not a regular file, a damaged page of a Parquet file, a file that was
            replaced after it was listed. A file whose rows cannot be counted, and a folder that
            cannot be listed, is one row.
        NO_BYTES: the row has no image, or the file is empty.
        NOT_AN_IMAGE: the bytes are of none of the formats that are read.
        TRUNCATED: the image ends too soon.
        CORRUPT: the image is damaged in another way.
        TOO_LARGE: reading the image would take more than one may take, see Security.
        BAD_PIXELS: raw pixels that are not 784 numbers from 0 to 255.
        NO_DIGIT: the picture was read, and no digit was found in it.
        SEVERAL_DIGITS: the picture shows two digits or more side by side.
        NO_PROBABILITIES: the network's own numbers overflowed.
        CRASHED: decoding the image ended process after process, in a run whose processes may end.
    """

    MISSING_FILE = "missing file"
    UNREADABLE_FILE = "unreadable file"
    NO_BYTES = "no bytes"
    NOT_AN_IMAGE = "not an image"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_LARGE = "too large"
    BAD_PIXELS = "bad pixels"
    NO_DIGIT = "no digit found"
    SEVERAL_DIGITS = "several digits"
    NO_PROBABILITIES = "no probabilities"
    CRASHED = "crashed the decoder"


def error_text(reason: Reason, detail: str = "") -> str:
    """Return the text of the column `error`: `reason`, or `reason: detail` on one line.

    What a detail has of unprintable characters, which come from damaged files, is `?` in it.
    """
    line = " ".join(detail.split())
    shown = "".join(character if character.isprintable() else "?" for character in line)
    return f"{reason}: {shown}" if shown else str(reason)


HOLDS_ROWS = (
    r"(?i)(\.(parquet|parq|pq|npz|npy|idx|csv|tsv)|[-._]idx[1-4]-[a-z]+)(\.gz)?$|\.npz/[^/]*$"
)
"""Matches sources that may hold more rows than row 0, by their names; Arrow knows it too."""


def holds_rows(source: str) -> bool:
    """Tell whether a source may hold more rows than row 0, by its name: it is no picture."""
    return _HOLDS_ROWS.search(source) is not None


_HOLDS_ROWS = re.compile(HOLDS_ROWS)


def shortened(text: str, longest: int = 60) -> str:
    """Return text from a file or from a library, cut to a length that fits a message."""
    return text if len(text) <= longest else f"{text[:longest]}..."


def reason(error: str) -> str:
    """Return the stable part of an error, by which errors are counted: all before the colon."""
    return error.split(": ", 1)[0]


Images = npt.NDArray[np.uint8]
"""Images uint8 (n, 28, 28), 0 black to 255 white."""

Grey = npt.NDArray[np.uint8]
"""A grey picture uint8 (h, w), 0 black to 255 white."""

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels of a picture."""


@dataclass(frozen=True)
class ImageBatch:
    """Consecutive rows of one shard, as read: not decoded yet.

    Attributes:
        source: Arrow strings (n,), the column `source` of the predictions.
        row: Arrow int64 (n,), the column `row`.
        label: Arrow int8 or int16 (n,), numbers of classes or null, the column `label`.
        images: Arrow binary (n,) of encoded images, or pixels uint8 (n, 28, 28).
        error: Arrow strings (n,): null, or why the row's image could not be had. Its image is
            then null, or black, or not to be decoded.
        prepared: bool (n,), with pixels: true where the image was changed before it was stored;
            None where none was.
        formed: whether images that were not in MNIST form were brought to it before they were
            stored.
        transposed: whether images have their rows and columns changed over, as they are read.
        kept: columns of the input that the predictions keep, `path` among them, each as it is in
            this file; None for none. A column that is not there is null.
    """

    source: pa.Array
    row: pa.Array
    label: pa.Array
    images: pa.Array | Images
    error: pa.Array
    prepared: npt.NDArray[np.bool_] | None = None
    formed: bool = False
    transposed: bool = False
    kept: pa.RecordBatch | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.row)

    def take(self, places: npt.NDArray[np.int64]) -> "ImageBatch":
        """Return the rows at some places, int64 (k,), in that order."""
        taken, images = pa.array(places), self.images
        if not isinstance(images, pa.Array):
            images = images[places]
        elif pa.types.is_binary_view(images.type):  # which Arrow 26 cannot take from
            images = images.cast(pa.large_binary()).take(taken)
        else:
            images = images.take(taken)
        return replace(
            self,
            source=self.source.take(taken),
            row=self.row.take(taken),
            label=self.label.take(taken),
            images=images,
            error=self.error.take(taken),
            prepared=None if self.prepared is None else self.prepared[places],
            kept=None if self.kept is None else self.kept.take(taken),
        )
