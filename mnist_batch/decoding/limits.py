"""Headers of encoded images: what they say, and the limits that keep decoding safe.

A small file can ask for hours and for all of the memory. Pillow refuses some of that itself: texts
in PNG that inflate to over a megabyte, tags in TIFF that are longer than the file, a canvas of over
178 million pixels. Within the limits here a picture takes some seconds and 600 MB at most, whatever
its file says. What a header of many small parts takes grows with the file, by half a second a
megabyte.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from mnist_batch.mnist import SIDE
from mnist_batch.schema import Reason, error_text

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
"""The formats that are opened, by Pillow's names; PPM covers PGM and PBM."""

MAX_FILE_BYTES = 128 * 2**20
"""A larger file is not read: four times what 30 million grey pixels take without any coding."""

MAX_PIXELS = 30_000_000
"""A larger image is not decoded; a third of where Pillow starts to warn."""

MAX_SIDE = 65_535
"""A longer side is not decoded; no JPEG has one. Pillow takes 5 µs a line however narrow."""

MAX_DEEP_PIXELS = 10_000_000
"""The limit for grey in more than 8 bits, which takes four times the memory."""

MAX_SLOW_PIXELS = 4_000_000
"""The limit where Pillow decodes in Python, 1 µs a pixel: PGM in text or with a white other than
255 and 65535, and run lengths in BMP."""

_SLOW_CODECS = ("ppm", "ppm_plain", "bmp_rle")

_MOST_CHUNKS = 100_000
"""In a PNG file; libpng writes as many for 800 MB."""

_MOST_SEGMENTS = 2000
"""In a JPEG file before its pixels. Each holds up to 64 kB; Pillow joins them one by one."""

_MOST_SCANS = 100
"""In a JPEG file. Each covers the whole picture; usual progressive files have ten."""

_MOST_STRIPS = 2**17
"""Strips or tiles of a TIFF file: as many as tiles of 16x16 in the largest picture. Each takes 400
bytes."""


def excess_of_file(content: bytes) -> str | None:
    """Return the column `error` for a file that exceeds a limit before it is opened, or None.

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
    """Return the column `error` for an image that is too large to be decoded, or None.

    Args:
        image: opened, not decoded.
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


# Without the zeros stuffed into pixels, and the restart markers among them.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SCAN, _END = b"\xff\xda", b"\xff\xd9"


def _markers(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the markers of a JPEG file up to its end, and where each ends (ITU-T T.81, B.1.1)."""
    at = 2
    while (found := _MARKER.search(content, at)) and found[0] != _END:
        yield found[0], found.end()
        at = found.end() + int.from_bytes(content[found.end() : found.end() + 2])


def _has_more_segments(content: bytes, most: int) -> bool:
    """Tell whether a JPEG file has more segments than so many before its pixels."""
    if len(content) < 4 * most:
        return False
    before = takewhile(lambda found: found[0] != _SCAN, _markers(content))
    return next(islice(before, most, None), None) is not None


def _has_more_scans(content: bytes, most: int) -> bool:
    """Tell whether a JPEG file has more scans than so many."""
    if not kept_components(content):  # then libjpeg refuses a second; to count takes long
        return False
    if content.count(_SCAN) <= most:  # where there are more, they may stand behind the end: a film
        return False
    scans = (marker for marker, _ in _markers(content) if marker == _SCAN)
    return next(islice(scans, most, None), None) is not None


_PROGRESSIVE = (b"\xff\xc2", b"\xff\xc6", b"\xff\xca", b"\xff\xce")
_FRAMES = (*_PROGRESSIVE, b"\xff\xc0", b"\xff\xc1", b"\xff\xc5", b"\xff\xc9", b"\xff\xcd")


def kept_components(content: bytes) -> int:
    """Return of how many components libjpeg keeps all coefficients while it decodes a JPEG file.

    They are all where the frame is progressive or its first scan holds only some, else none
    (libjpeg, jdinput.c, `initial_setup`).
    """
    components, progressive = 0, False
    for marker, at in _markers(content):
        if marker in _FRAMES:
            components, progressive = (
                int.from_bytes(content[at + 7 : at + 8]),
                marker in _PROGRESSIVE,
            )
        if marker == _SCAN:
            in_scan = int.from_bytes(content[at + 2 : at + 3])
            return components if progressive or in_scan < components else 0
    return 0


_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324


def _strips(content: bytes) -> int:
    """Return the number of strips or tiles that a TIFF file declares."""
    counts = {tag: count for tag, (count, _) in tiff_tags(content).items()}
    return max(counts.get(_STRIP_OFFSETS, 0), counts.get(_TILE_OFFSETS, 0))


def tiff_tags(content: bytes) -> dict[int, tuple[int, bytes]]:
    """Return the tags of the first picture of a TIFF file (TIFF 6.0; BigTIFF), none where cut off.

    Returns:
        By the numbers of the tags: how many values each has, and what stands in the place of them,
        4 or 8 bytes: the values themselves where they fit.
    """
    order = "<" if content.startswith(b"II") else ">"
    try:
        big = struct.unpack_from(f"{order}H", content, 2)[0] == 43
        at, offset, number, tag = (8, "Q", "Q", "HHQ8s") if big else (4, "I", "H", "HHI4s")
        (first,) = struct.unpack_from(order + offset, content, at)
        (count,) = struct.unpack_from(order + number, content, first)
    except (struct.error, OverflowError):  # cut off: for Pillow to say
        return {}
    entry, first = struct.Struct(order + tag), first + struct.calcsize(order + number)
    entries = content[first : first + count * entry.size]
    whole = entries[: len(entries) // entry.size * entry.size]
    return {name: (values, place) for name, _, values, place in entry.iter_unpack(whole)}


@dataclass(frozen=True)
class Header:
    """What the header of an image says."""

    format: str  # its name in Pillow, as `PNG`
    colours: str  # of `_COLOURS`, or `transparent`, or `colour`
    width: int  # in pixels, before the EXIF orientation is applied
    height: int  # likewise


_COLOURS = {
    "1": "black and white",
    "L": "grey",
    "P": "palette",
    "I": "over 8 bits",  # grey with more than 256 steps
    "F": "over 8 bits",
}
"""By Pillow's modes, without what follows a semicolon."""


def read_header(content: bytes) -> Header:
    """Read the header of an image that `decode_image` can decode."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        colours = _COLOURS.get(image.mode.split(";")[0], "colour")
        shown = "transparent" if image.has_transparency_data else colours
        return Header(str(image.format), shown, image.width, image.height)


PLAIN_PNG = Header("PNG", "grey", SIDE, SIDE)

_IHDR = b"IHDR" + struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
_FRONT = b"\x89PNG\r\n\x1a\n" + struct.pack(">I17sI", 13, _IHDR, zlib.crc32(_IHDR))
"""The first bytes of a PNG file of 28x28 pixels of 8-bit grey (PNG, sections 5.3 and 11.2.1)."""


def plain_pngs(encoded: pa.Array) -> npt.NDArray[np.bool_]:
    """Tell which images have the header `PLAIN_PNG`, as all of MNIST's do.

    Pillow takes a hundred times as long. The pixels have to follow the header at once: another
    chunk may make a grey transparent.

    Args:
        encoded: Arrow binary (n,) of any kind, or null.
    """
    if pa.types.is_binary_view(encoded.type):  # few of Arrow's functions take it
        encoded = encoded.cast(pa.large_binary())
    plain = pc.and_(_holds(encoded, 0, _FRONT), _holds(encoded, len(_FRONT) + 4, b"IDAT"))
    told: npt.NDArray[np.bool_] = plain.fill_null(False).to_numpy(zero_copy_only=False)
    return told


def _holds(encoded: pa.Array, start: int, content: bytes) -> pa.Array:
    found = pc.binary_slice(encoded, start, start + len(content))
    return pc.equal(found, pa.scalar(content, found.type))
