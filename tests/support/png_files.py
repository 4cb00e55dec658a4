"""PNG files put together by the specification (W3C PNG, third edition), and damaged ones."""

import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

STRATEGIES = {
    "default": zlib.Z_DEFAULT_STRATEGY,
    "filtered": zlib.Z_FILTERED,
    "huffman only": zlib.Z_HUFFMAN_ONLY,
    "runs only": zlib.Z_RLE,
    "fixed codes": zlib.Z_FIXED,
}
SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY_28 = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk (PNG, 5.3)."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def file_of(stream: bytes, header: bytes = GREY_28) -> bytes:
    """Return a file around a zlib stream, by default of 28x28 pixels of 8-bit grey."""
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def compressed(
    data: bytes, level: int = 6, strategy: int = zlib.Z_DEFAULT_STRATEGY, bits: int = 15
) -> bytes:
    """Return a zlib stream."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, bits, 9, strategy)
    return compressor.compress(data) + compressor.flush()


def filtered(image: NDArray[np.uint8], kinds: Sequence[int]) -> bytes:
    """Return the lines of an image (28, 28) with a filter type applied to each (PNG, 9.2)."""
    pixels = np.pad(image.astype(int), ((1, 0), (1, 0)))  # what lies outside counts as 0
    lines = []
    for y, kind in enumerate(kinds, start=1):
        line, left = pixels[y, 1:], pixels[y, :-1]
        up, corner = pixels[y - 1, 1:], pixels[y - 1, :-1]
        predicted = (0 * left, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]
        lines.append(bytes([kind]) + ((line - predicted) % 256).astype(np.uint8).tobytes())
    return b"".join(lines)


def _paeth(
    left: NDArray[np.int64], up: NDArray[np.int64], corner: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return whichever of the three is nearest to left + up - corner; in case of ties the first."""
    choices = np.stack([left, up, corner])
    nearest = np.abs(choices - (left + up - corner)).argmin(axis=0)
    predicted: NDArray[np.int64] = np.take_along_axis(choices, nearest[None], axis=0)[0]
    return predicted


def damaged(content: bytes) -> Iterator[bytes]:
    """Yield a file cut at each byte, with each bit flipped, and with each byte left out."""
    for place in range(len(content)):
        yield content[:place]
        yield content[:place] + content[place + 1 :]
        for bit in range(8):
            yield (content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :])
