"""What images are: format, size, form and polarity; and which images occur more than once."""

import hashlib
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.decoding.limits import PLAIN_PNG, Header, plain_pngs, read_header
from mnist_batch.mnist import SIDE
from mnist_batch.preprocessing.mnist_form import in_mnist_form, to_mnist_form
from mnist_batch.schema import Grey, ImageBatch, Images, reason

FEW = 5
"""Rows that are named of each kind."""

NO_LABEL = -1
"""Stands for the label of a row without one."""

RAW, PACKED = "raw pixels", "packed"
"""Formats of images that are not encoded, beside Pillow's names."""

_BLANK = np.zeros((SIDE, SIDE), np.uint8)

_Numbers = npt.NDArray[np.uint64]
_Labels = npt.NDArray[np.int8] | npt.NDArray[np.int16]
_Indices = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Place:
    """A row of the input, by the columns `source` and `row` of its predictions."""

    source: str
    row: int


@dataclass(frozen=True)
class Rows:
    """The number of rows of one kind, and the first few of them."""

    count: int = 0
    first: Sequence[Place] = ()

    def __add__(self, later: "Rows") -> "Rows":
        """Return these rows and later ones."""
        return Rows(self.count + later.count, [*self.first, *later.first][:FEW])


@dataclass
class ImageCounts:
    """What there is among images, added up over batches, as in `InputInspection`."""

    formats: Counter[str] = field(default_factory=Counter)
    colours: Counter[str] = field(default_factory=Counter)
    in_mnist_form: int = 0
    light_on_dark: int = 0
    dark_on_light: int = 0
    no_digit: Rows = Rows()
    several_digits: Rows = Rows()
    unreadable: dict[str, Rows] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Rows without an image."""
        return sum(rows.count for rows in self.unreadable.values())

    def add(self, later: "ImageCounts") -> None:
        """Add the counts of later rows."""
        self.formats += later.formats
        self.colours += later.colours
        self.in_mnist_form += later.in_mnist_form
        self.light_on_dark += later.light_on_dark
        self.dark_on_light += later.dark_on_light
        self.no_digit += later.no_digit
        self.several_digits += later.several_digits
        for text, rows in later.unreadable.items():
            self.unreadable[text] = self.unreadable.get(text, Rows()) + rows


@dataclass(frozen=True, eq=False)
class BatchFindings:
    """What the rows of a batch are; each array has an element per row."""

    labels: _Labels  # numbers of classes, or `NO_LABEL`
    sizes: _Numbers  # the width times 2**32 plus the height; 0 where there is no image
    fingerprints: _Numbers
    counts: ImageCounts


def _examined(picture: Grey) -> tuple[int, bool, int]:
    """Return fingerprint, polarity and number of digits of a picture that is not in MNIST form."""
    prepared = to_mnist_form(picture)
    digits = 0 if prepared.image is None else prepared.digits
    return fingerprint(picture), prepared.dark_ink, digits


def inspect_batch(batch: ImageBatch) -> BatchFindings:
    """Decode a batch and tell what its images are. No image raises."""
    large: list[tuple[int, bool, int]] = []

    def keep_large(picture: Grey) -> Images:
        large.append(_examined(picture))
        return _BLANK

    decoded = decode_batch(batch, keep_large)
    readable = decoded.error.is_null().to_numpy(zero_copy_only=False)
    encoded = isinstance(batch.images, pa.Array)
    # The images that `keep_large` was called for, in their order.
    is_large = decoded.prepared if encoded else np.zeros(len(batch), np.bool_)
    formed = readable & ~is_large
    formed[formed] = in_mnist_form(decoded.images[formed])

    larges = iter(large)
    fingerprints = np.zeros(len(batch), np.uint64)
    dark, digits = np.zeros(len(batch), np.bool_), np.ones(len(batch), np.int64)
    for place in np.flatnonzero(readable):
        image = decoded.images[place]
        if formed[place]:
            fingerprints[place] = fingerprint(image)
        else:
            examined = next(larges) if is_large[place] else _examined(image)
            fingerprints[place], dark[place], digits[place] = examined

    headers = _headers(batch, readable)
    sizes = np.zeros(len(batch), np.uint64)
    sizes[readable] = [header.width << 32 | header.height for header in headers]
    found = readable & (digits > 0)
    reasons = np.array([reason(error) if error else "" for error in decoded.error.to_pylist()])
    counts = ImageCounts(
        formats=Counter(header.format for header in headers),
        colours=Counter(header.colours for header in headers),
        in_mnist_form=int(formed.sum()),
        light_on_dark=int((found & ~dark).sum()),
        dark_on_light=int((found & dark).sum()),
        no_digit=_rows(batch, readable & ~found),
        several_digits=_rows(batch, readable & (digits > 1)),
        unreadable={
            text: _rows(batch, reasons == text)
            for text in dict.fromkeys(reasons[~readable].tolist())
        },
    )
    labels = batch.label.fill_null(NO_LABEL).to_numpy()
    return BatchFindings(labels, sizes, fingerprints, counts)


def _headers(batch: ImageBatch, readable: _Mask) -> list[Header]:
    """Return the headers of the readable images, in order."""
    if not isinstance(batch.images, pa.Array):
        name = RAW if batch.prepared is None else PACKED
        return [Header(name, "grey", SIDE, SIDE)] * int(readable.sum())
    plain = plain_pngs(batch.images)
    return [
        PLAIN_PNG if plain[place] else read_header(batch.images[place].as_py())
        for place in np.flatnonzero(readable).tolist()
    ]


def _rows(batch: ImageBatch, wanted: _Mask) -> Rows:
    places = np.flatnonzero(wanted).tolist()
    first = [Place(batch.source[i].as_py(), batch.row[i].as_py()) for i in places[:FEW]]
    return Rows(len(places), first)


@dataclass(frozen=True)
class Duplicates:
    """Images that occur more than once."""

    repeats: int  # rows with the image of an earlier row
    first_repeats: Sequence[tuple[int, int]]  # each with the first row of that image
    conflicts: int  # images with several labels
    first_conflicts: Sequence[tuple[int, int]]  # the first row of one label, the first of another


def fingerprint(picture: npt.NDArray[np.uint8]) -> int:
    """Return a number below 2**64 that is equal for pictures of equal size and pixels.

    BLAKE2b (RFC 7693) of the pixels, salted with height and width: a million different pictures
    have a number in common once in 37 million times.
    """
    salt = struct.pack(">II", *picture.shape)
    pixels = np.ascontiguousarray(picture).data
    return int.from_bytes(hashlib.blake2b(pixels, digest_size=8, salt=salt).digest())


def find_duplicates(
    fingerprints: _Numbers, readable: _Mask, labels: _Labels, few: int
) -> Duplicates:
    """Find the images that occur more than once, and name a `few` of each kind at most.

    The arrays have an element per row; `readable` is true for rows with an image.
    """
    # Most images occur once; only the others are sorted, which takes 40 bytes for each.
    several = readable & _among(fingerprints, _repeated(fingerprints[readable]))
    rows, starts = _groups(fingerprints, np.flatnonzero(several))
    again = np.ones(len(rows), np.bool_)
    again[starts] = False
    places = np.flatnonzero(again)
    named = places[np.argsort(rows[places])][:few]
    firsts = rows[starts[np.searchsorted(starts, named, "right") - 1]]
    conflicts = _conflicts(fingerprints, np.flatnonzero(several & (labels != NO_LABEL)), labels)
    return Duplicates(
        repeats=len(places),
        first_repeats=list(zip(rows[named].tolist(), firsts.tolist(), strict=True)),
        conflicts=len(conflicts),
        first_conflicts=sorted(conflicts)[:few],
    )


def _repeated(numbers: _Numbers) -> _Numbers:
    """Return the numbers that occur more than once, ascending; sorts the array in place."""
    numbers.sort()
    again = numbers[1:] == numbers[:-1]
    return np.unique(numbers[1:][again])


def _among(numbers: _Numbers, chosen: _Numbers) -> _Mask:
    """Return which numbers are among the chosen, which ascend."""
    if not len(chosen):
        return np.zeros(len(numbers), np.bool_)
    places = np.searchsorted(chosen, numbers)
    np.minimum(places, len(chosen) - 1, out=places)
    found: _Mask = chosen[places] == numbers
    return found


def _conflicts(fingerprints: _Numbers, rows: _Indices, labels: _Labels) -> list[tuple[int, int]]:
    """Return for each image with several labels its first row and the first of another label."""
    rows, starts = _groups(fingerprints, rows)
    if not len(rows):
        return []
    found = labels[rows]
    several = np.minimum.reduceat(found, starts) != np.maximum.reduceat(found, starts)
    ends = np.append(starts[1:], len(rows))
    pairs = []
    for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
        other = start + int(np.argmax(found[start:end] != found[start]))
        pairs.append((int(rows[start]), int(rows[other])))
    return pairs


def _groups(fingerprints: _Numbers, rows: _Indices) -> tuple[_Indices, _Indices]:
    """Return rows by image, those of one image ascending, and where each image's rows start."""
    rows = rows[np.argsort(fingerprints[rows], kind="stable")]
    ordered = fingerprints[rows]
    changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return rows, np.append(0, changes)[: len(rows)]
