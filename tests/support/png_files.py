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


def with_longest_codes(random: np.random.Generator) -> bytes:
    """Return a zlib stream of lines whose codes have 1 to 15 bits, which zlib itself hardly makes.

    Lines of filter types and pixels 0 to 4, by literals and matches at random (RFC 1951, 3.2.7).
    """
    literals = random.permutation([0, 1, 2, 3, 4, 256, *range(257, 265), 269, 285]).tolist()
    distances = random.permutation(16).tolist()
    bits = [1, 0, 1]  # the last block, with codes of its own
    for value, count in ((286 - 257, 5), (16 - 1, 5), (19 - 4, 4)):
        bits += _lowest_first(value, count)
    for symbol in _ORDER:  # the code for lengths: 4 bits for each of 0 to 15
        bits += _lowest_first(4 if symbol < 16 else 0, 3)
    lengths = [15, *range(15, 0, -1)]
    codes = [_codes(dict(zip(each, lengths, strict=True))) for each in (literals, distances)]
    for table, count in zip(codes, (286, 16), strict=True):
        for symbol in range(count):
            length = len(table.get(symbol, []))
            bits += [length >> place & 1 for place in (3, 2, 1, 0)]  # its code is itself
    lines = bytearray()
    while len(lines) < 28 * 29:
        symbol = int(random.choice(literals))
        length = {269: 19, 285: 258}.get(symbol, symbol - 254)
        reach = [one for one in distances if _DISTANCES[one] <= len(lines)]
        if symbol < 256:
            lines.append(symbol)
            bits += codes[0][symbol]
        elif symbol > 256 and reach and len(lines) + length <= 28 * 29:
            distance = int(random.choice(reach))
            for _ in range(length):
                lines.append(lines[-_DISTANCES[distance]])
            added = [0] * (2 * (symbol == 269)), [0] * max(0, distance // 2 - 1)
            bits += codes[0][symbol] + added[0] + codes[1][distance] + added[1]
    bits += codes[0][256]
    packed = np.packbits(bits, bitorder="little").tobytes()
    return b"\x78\x01" + packed + struct.pack(">I", zlib.adler32(lines))


_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
_DISTANCES = (1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193)


def _lowest_first(value: int, count: int) -> list[int]:
    return [value >> place & 1 for place in range(count)]


def _codes(lengths: dict[int, int]) -> dict[int, list[int]]:
    """Return the canonical code of each symbol, first bit first (RFC 1951, 3.2.2)."""
    codes, code, before = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in lengths.items()):
        code <<= length - before
        codes[symbol] = _lowest_first(code, length)[::-1]
        code, before = code + 1, length
    return codes
