"""What each image is: format, size, form and polarity; and which images are there twice."""

import hashlib
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.decoding.limits import PLAIN_PNG, Header, plain_pngs, read_header
from mnist_batch.mnist import SIDE
from mnist_batch.preprocessing.preparation import in_mnist_form, to_mnist_form
from mnist_batch.schema import Grey, ImageBatch, Images, reason

FEW = 5
"""Rows that are named of each kind."""

RAW, PACKED = "raw pixels", "packed"
"""Formats of images that are not encoded, beside Pillow's names."""


@dataclass(frozen=True)
class Place:
    """A row of the input, by the columns `source` and `row` of its predictions."""

    source: str
    row: int


@dataclass(frozen=True)
class Rows:
    """How many rows of a kind there are, and the first few of them."""

    count: int = 0
    first: Sequence[Place] = ()

    def __add__(self, later: "Rows") -> "Rows":
        """Return these rows and later ones."""
        return Rows(self.count + later.count, [*self.first, *later.first][:FEW])

    def record(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return {"count": self.count, "first": [vars(place) for place in self.first]}


@dataclass(frozen=True)
class _Seen:
    """What is seen of one picture: its fingerprint, its polarity and its digits."""

    fingerprint: int
    dark_ink: bool
    digits: int


@dataclass(frozen=True, eq=False)
class LookedAt:
    """What is seen of the rows of a batch.

    Attributes:
        labels: int8 (n,), 0 to 9, or `NO_LABEL`.
        sizes: uint64 (n,), the width times 2**32 and the height; 0 where there is no image.
        fingerprints: uint64 (n,), of the images.
        formats: images per format.
        colours: images per kind of colours.
        in_mnist_form: images in MNIST form.
        light_on_dark: images that are.
        dark_on_light: images that are.
        no_digit: rows in whose image no digit was found.
        several_digits: rows in whose image several were.
        unreadable: rows without an image, per reason.
    """

    labels: npt.NDArray[np.int8]
    sizes: npt.NDArray[np.uint64]
    fingerprints: npt.NDArray[np.uint64]
    formats: Counter[str]
    colours: Counter[str]
    in_mnist_form: int
    light_on_dark: int
    dark_on_light: int
    no_digit: Rows
    several_digits: Rows
    unreadable: Mapping[str, Rows]


def look(batch: ImageBatch) -> LookedAt:
    """Decode a batch and look at each image. No image raises."""
    large: list[_Seen] = []

    def look_at_large(picture: Grey) -> Images:
        large.append(_see(picture))
        return _BLANK

    decoded = decode_batch(batch, look_at_large)
    readable = decoded.error.is_null().to_numpy(zero_copy_only=False)
    encoded = isinstance(batch.images, pa.Array)
    # Those for which the function was called, in their order.
    is_large = decoded.prepared if encoded else np.zeros(len(batch), np.bool_)
    formed = readable & ~is_large
    formed[formed] = in_mnist_form(decoded.images[formed])

    later = iter(large)
    fingerprints = np.zeros(len(batch), np.uint64)
    dark, digits = np.zeros(len(batch), np.bool_), np.ones(len(batch), np.int64)
    for place in np.flatnonzero(readable):
        image = decoded.images[place]
        if formed[place]:
            fingerprints[place] = fingerprint(image)
        else:
            seen = next(later) if is_large[place] else _see(image)
            fingerprints[place] = seen.fingerprint
            dark[place], digits[place] = seen.dark_ink, seen.digits

    headers = _headers(batch, readable)
    sizes = np.zeros(len(batch), np.uint64)
    sizes[readable] = [header.width << 32 | header.height for header in headers]
    found = readable & (digits > 0)
    errors = decoded.error.to_pylist()
    reasons = [reason(error) if error else None for error in errors]
    return LookedAt(
        labels=batch.label.fill_null(NO_LABEL).to_numpy(),
        sizes=sizes,
        fingerprints=fingerprints,
        formats=Counter(header.format for header in headers),
        colours=Counter(header.colours for header in headers),
        in_mnist_form=int(formed.sum()),
        light_on_dark=int((found & ~dark).sum()),
        dark_on_light=int((found & dark).sum()),
        no_digit=_rows(batch, readable & ~found),
        several_digits=_rows(batch, readable & (digits > 1)),
        unreadable={
            text: _rows(batch, np.array([text == other for other in reasons]))
            for text in dict.fromkeys(reasons)
            if text
        },
    )


_BLANK = np.zeros((SIDE, SIDE), np.uint8)


def _see(picture: Grey) -> _Seen:
    prepared = to_mnist_form(picture)
    digits = 0 if prepared.image is None else prepared.digits
    return _Seen(fingerprint(picture), prepared.dark_ink, digits)


def _headers(batch: ImageBatch, readable: npt.NDArray[np.bool_]) -> list[Header]:
    """Return the headers of the images that can be read, in order."""
    if not isinstance(batch.images, pa.Array):
        name = RAW if batch.prepared is None else PACKED
        return [Header(name, "grey", SIDE, SIDE)] * int(readable.sum())
    plain = plain_pngs(batch.images)
    return [
        PLAIN_PNG if plain[place] else read_header(batch.images[place].as_py())
        for place in np.flatnonzero(readable).tolist()
    ]


def _rows(batch: ImageBatch, wanted: npt.NDArray[np.bool_]) -> Rows:
    places = np.flatnonzero(wanted).tolist()
    first = [Place(batch.source[i].as_py(), batch.row[i].as_py()) for i in places[:FEW]]
    return Rows(len(places), first)


NO_LABEL = -1


@dataclass(frozen=True)
class Duplicates:
    """What is there more than once.

    Attributes:
        repeats: rows whose image is that of an earlier row.
        first_repeats: the first few of them, each with the first row of that image.
        conflicts: images that have several labels.
        first_conflicts: for the first few of them, the first row with a label, and the first with
            another one.
    """

    repeats: int
    first_repeats: Sequence[tuple[int, int]]
    conflicts: int
    first_conflicts: Sequence[tuple[int, int]]


def fingerprint(picture: npt.NDArray[np.uint8]) -> int:
    """Return a number below 2**64 that is the same for pictures of the same size and pixels.

    BLAKE2b (RFC 7693) of the pixels, salted with height and width: among a million different
    pictures there are two of one number once in 37 million times.
    """
    salt = struct.pack(">II", *picture.shape)
    pixels = np.ascontiguousarray(picture).data
    return int.from_bytes(hashlib.blake2b(pixels, digest_size=8, salt=salt).digest())


def find_duplicates(
    fingerprints: npt.NDArray[np.uint64],
    readable: npt.NDArray[np.bool_],
    labels: npt.NDArray[np.int8],
    few: int,
) -> Duplicates:
    """Find the images that are there more than once.

    Args:
        fingerprints: (n,), of the image of each row.
        readable: (n,), which rows have an image.
        labels: (n,), 0 to 9, or `NO_LABEL`.
        few: how many rows are named.
    """
    # Most images are there once; only the others are put in order, which takes 40 bytes for each.
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


def _repeated(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the numbers that are there more than once, ascending; the array is sorted."""
    numbers.sort()
    again = numbers[1:] == numbers[:-1]
    return np.unique(numbers[1:][again])


def _among(
    numbers: npt.NDArray[np.uint64], chosen: npt.NDArray[np.uint64]
) -> npt.NDArray[np.bool_]:
    """Tell which numbers are among others, which ascend."""
    if not len(chosen):
        return np.zeros(len(numbers), np.bool_)
    places = np.searchsorted(chosen, numbers)
    np.minimum(places, len(chosen) - 1, out=places)
    found: npt.NDArray[np.bool_] = chosen[places] == numbers
    return found


def _conflicts(
    fingerprints: npt.NDArray[np.uint64], rows: npt.NDArray[np.int64], labels: npt.NDArray[np.int8]
) -> list[tuple[int, int]]:
    """Return for each image with several labels its first row, and the first of another label."""
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


def _groups(
    fingerprints: npt.NDArray[np.uint64], rows: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return rows by image, those of one image ascending, and where each image's rows start."""
    rows = rows[np.argsort(fingerprints[rows], kind="stable")]
    ordered = fingerprints[rows]
    changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return rows, np.append(0, changes)[: len(rows)]
