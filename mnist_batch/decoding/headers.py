"""What the header of an encoded image says: its format, its colours and its size."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from mnist_batch.decoding.decode import FORMATS
from mnist_batch.mnist import SIDE


@dataclass(frozen=True)
class Header:
    """What an image says of itself.

    Attributes:
        format: its name in Pillow, as `PNG`.
        colours: `grey`, `black and white`, `colour`, `palette`, `transparent`, or `over 8 bits` for
            grey with more than 256 steps.
        width: in pixels, before any rotation that the image asks for.
        height: in pixels, likewise.
    """

    format: str
    colours: str
    width: int
    height: int


_COLOURS = {
    "1": "black and white",
    "L": "grey",
    "P": "palette",
    "I": "over 8 bits",
    "F": "over 8 bits",
}
"""By Pillow's modes, without what stands behind a semicolon."""


def read_header(content: bytes) -> Header:
    """Return what the header of an image says that `decode_image` can read."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        if image.has_transparency_data:
            colours = "transparent"
        else:
            colours = _COLOURS.get(image.mode.split(";")[0], "colour")
        return Header(str(image.format), colours, image.width, image.height)


PLAIN_PNG = Header("PNG", "grey", SIDE, SIDE)


def _front() -> bytes:
    """Return how a PNG file of 28x28 pixels of 8-bit grey starts (PNG, third edition, 11.2.1)."""
    header = b"IHDR" + struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    length, checksum = struct.pack(">I", len(header) - 4), struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + length + header + checksum


_FRONT = _front()


def plain_pngs(encoded: pa.Array) -> npt.NDArray[np.bool_]:
    """Tell which images have the header `PLAIN_PNG`, as all of MNIST's do.

    Pillow takes a hundred times as long to say so. What follows the header has to be the pixels:
    else there may be a chunk that makes a grey transparent.

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
