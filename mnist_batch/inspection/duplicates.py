"""Images that are there more than once, found by 8 bytes of each."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
