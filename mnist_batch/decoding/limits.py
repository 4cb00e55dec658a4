"""What reading one image may take: a small file can ask for hours and for all of the memory.

Pillow refuses some of that itself: texts in PNG that inflate to over a megabyte, tags in TIFF that
are longer than the file, a canvas of over 178 million pixels. Within the limits here a picture
takes some seconds and 600 MB at most, whatever its file says. What a header of many small parts
takes grows with the file, by half a second a megabyte.
"""

import re
import struct
from collections.abc import Iterator
from itertools import islice, takewhile

from PIL import Image

from mnist_batch.schema import Reason, error_text

MAX_FILE_BYTES = 128 * 2**20
"""A larger file is not read: four times what 30 million grey pixels take without any coding."""

MAX_PIXELS = 30_000_000
"""A larger image is not decoded; a third of where Pillow starts to warn."""

MAX_SIDE = 65_535
"""A longer one is not decoded; no JPEG has one. Of one pixel's width Pillow takes 5 µs a line."""

MAX_DEEP_PIXELS = 10_000_000
"""Of grey in more than 8 bits, which takes four times the memory of a photograph."""

MAX_SLOW_PIXELS = 4_000_000
"""Where Pillow decodes in Python, 1 µs a pixel: PGM in text or of another white than 255 and 65535,
and run lengths in BMP."""

_SLOW_CODECS = ("ppm", "ppm_plain", "bmp_rle")

_MOST_CHUNKS = 100_000
"""Of a PNG file; one of 800 MB has so many where it is written by libpng."""

_MOST_SEGMENTS = 2000
"""Of a JPEG file before its pixels. One holds 64 kB; Pillow joins those of a kind one by one."""

_MOST_SCANS = 100
"""Of a JPEG file, each of which goes over all of the picture; usual progressive ones have ten."""

_MOST_STRIPS = 2**17
"""Of a TIFF file, or tiles: those of 16x16 in the largest picture. Each takes 400 bytes."""


def excess_of_file(content: bytes) -> str | None:
    """Return the text of the column `error` for a file that asks for too much, before it is opened.

    Args:
        content: an image as in a file, of any format.
    """
    found = None
    if len(content) > MAX_FILE_BYTES:
        found = f"a file over {MAX_FILE_BYTES} bytes"
    elif content.startswith(b"\x89PNG"):
        if _has_more_chunks(content, _MOST_CHUNKS):
            found = f"more than {_MOST_CHUNKS} chunks"
    elif content.startswith(b"\xff\xd8"):
        if _has_more_segments(content, _MOST_SEGMENTS):
            found = f"more than {_MOST_SEGMENTS} segments"
        elif _has_more_scans(content, _MOST_SCANS):
            found = f"more than {_MOST_SCANS} scans"
    elif content.startswith((b"II", b"MM")) and _strips(content) > _MOST_STRIPS:
        found = f"more than {_MOST_STRIPS} strips"
    return found and error_text(Reason.TOO_LARGE, found)


def excess_of_image(image: Image.Image) -> str | None:
    """Return the text of the column `error` for an image that is too large, before it is decoded.

    Args:
        image: opened, and no more.
    """
    width, height = image.size
    kind, most = "", MAX_PIXELS
    if image.mode.startswith(("I", "F")):
        kind, most = " of over 8 bits", MAX_DEEP_PIXELS
    if any(part[0] in _SLOW_CODECS for part in getattr(image, "tile", ())):
        kind, most = " in a coding that is slow to read", MAX_SLOW_PIXELS
    if width * height > most:
        return error_text(Reason.TOO_LARGE, f"{width}x{height} pixels{kind}, more than {most}")
    if max(width, height) > MAX_SIDE:
        found = f"{width}x{height} pixels, a side of more than {MAX_SIDE}"
        return error_text(Reason.TOO_LARGE, found)
    return None


def _has_more_chunks(content: bytes, most: int) -> bool:
    """Tell whether a PNG file has more chunks than so many (PNG, third edition, 5.3)."""
    if len(content) < 12 * most:
        return False
    at = 8
    for _ in range(most):
        if content[at + 4 : at + 8] in (b"", b"IEND"):
            return False
        at += 12 + int.from_bytes(content[at : at + 4])
    return at < len(content)


# Beside what is stuffed into pixels, and the marks by which reading can begin anew among them.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SCAN, _END = b"\xff\xda", b"\xff\xd9"


def _markers(content: bytes) -> Iterator[bytes]:
    """Yield the markers of a JPEG file up to its end (ITU-T T.81, B.1.1)."""
    at = 2
    while (found := _MARKER.search(content, at)) and found[0] != _END:
        yield found[0]
        at = found.end() + int.from_bytes(content[found.end() : found.end() + 2])


def _has_more_segments(content: bytes, most: int) -> bool:
    """Tell whether a JPEG file has more segments than so many before its pixels."""
    if len(content) < 4 * most:
        return False
    before = takewhile(lambda marker: marker != _SCAN, _markers(content))
    return next(islice(before, most, None), None) is not None


def _has_more_scans(content: bytes, most: int) -> bool:
    """Tell whether a JPEG file has more scans than so many."""
    if content.count(_SCAN) <= most:  # where there are more, they may stand behind the end: a film
        return False
    scans = (marker for marker in _markers(content) if marker == _SCAN)
    return next(islice(scans, most, None), None) is not None


_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324


def _strips(content: bytes) -> int:
    """Return of how many strips or tiles a TIFF file says that it is (TIFF 6.0; BigTIFF)."""
    order = "<" if content.startswith(b"II") else ">"
    try:
        if struct.unpack_from(f"{order}H", content, 2)[0] == 43:
            (first,) = struct.unpack_from(f"{order}Q", content, 8)
            (count,) = struct.unpack_from(f"{order}Q", content, first)
            entry, first = struct.Struct(f"{order}HHQ8x"), first + 8
        else:
            (first,) = struct.unpack_from(f"{order}I", content, 4)
            (count,) = struct.unpack_from(f"{order}H", content, first)
            entry, first = struct.Struct(f"{order}HHI4x"), first + 2
    except (struct.error, OverflowError):  # cut off: for Pillow to say
        return 0
    entries = content[first : first + count * entry.size]
    whole = entries[: len(entries) // entry.size * entry.size]
    counts: dict[int, int] = {tag: number for tag, _, number in entry.iter_unpack(whole)}
    return max(counts.get(_STRIP_OFFSETS, 0), counts.get(_TILE_OFFSETS, 0))
