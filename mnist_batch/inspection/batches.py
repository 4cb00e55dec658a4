"""One batch of an input, looked at: formats, sizes, form, polarity, and what cannot be read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.decoding.headers import PLAIN_PNG, Header, plain_pngs, read_header
from mnist_batch.inspection.duplicates import NO_LABEL, fingerprint
from mnist_batch.mnist import SIDE
from mnist_batch.preprocessing.ink import Grey
from mnist_batch.preprocessing.mnist_form import in_mnist_form
from mnist_batch.preprocessing.preparation import to_mnist_form
from mnist_batch.schema import ImageBatch, Images, reason

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
