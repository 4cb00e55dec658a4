"""Streams with codes of any lengths are read, which zlib would hardly write, in each build."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch._kernels.png import decode_pngs
from mnist_batch.decoding.decode import decode_image
from tests.support.png_files import file_of

# RFC 1951, section 3.2.5: least length of the symbols from 257 on, least distance of those from 0
# on, and how many bits are added to each.
LENGTHS = [
    *range(3, 11), *range(11, 19, 2), *range(19, 35, 4), *range(35, 67, 8), *range(67, 131, 16),
    *range(131, 258, 32), 258,
]  # fmt: skip
LENGTH_BITS = [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)] + [0]
DISTANCES = [1, 2, *(1 + (top << bits) for bits in range(14) for top in (2, 3))]
DISTANCE_BITS = [0, 0, *(bits for bits in range(14) for _ in range(2))]


class Bits:
    """Bits written as DEFLATE does, the lowest of a byte first."""

    def __init__(self) -> None:
        self.text = ""

    def number(self, value: int, count: int) -> None:
        """Write a number, its lowest bit first."""
        self.text += f"{value:0{count}b}"[::-1] if count else ""

    def bytes(self) -> bytes:
        """Return all, filled up with zeros."""
        return int(self.text[::-1], 2).to_bytes((len(self.text) + 7) // 8, "little")


def codes_of(lengths: list[int]) -> list[str]:
    """Return each symbol's code (section 3.2.2), its first bit first."""
    codes, code = [""] * len(lengths), 0
    for bits in range(1, 16):
        for symbol in np.flatnonzero(np.array(lengths) == bits):
            codes[symbol] = f"{code:0{bits}b}"
            code += 1
        code *= 2
    return codes


def lengths_of(random: np.random.Generator, uses: int, symbols: list[int], count: int) -> list[int]:
    """Return the lengths of a random code for some symbols, often with very long ones."""
    leaves = [1] if uses == 1 else [0]
    while len(leaves) < uses:
        short = [i for i, bits in enumerate(leaves) if bits < 15]
        leaf = leaves.pop(short[-1] if random.random() < 0.7 else short[0])
        leaves += [leaf + 1] * 2
    lengths = [0] * count
    for symbol, bits in zip(symbols, random.permutation(leaves), strict=True):
        lengths[symbol] = int(bits)
    return lengths


def stream_of(seed: int, distances: int) -> bytes:
    """Return a stream of 28 lines, all of whose bytes are filter types, in one dynamic block."""
    random = np.random.default_rng(seed)
    symbols = [0, 1, 2, 3, 4, 256, *map(int, random.permutation(range(257, 286))[:10])]
    of_distances = [0, *map(int, random.permutation(range(1, 30)))][:distances]
    literal_lengths = lengths_of(random, len(symbols), symbols, 286)
    distance_lengths = lengths_of(random, len(of_distances), of_distances, 30)
    literals, distance_codes = codes_of(literal_lengths), codes_of(distance_lengths)
    out = Bits()
    out.number(0b101, 3)  # the last block, with codes of its own
    out.number(286 - 257, 5)
    out.number(30 - 1, 5)
    out.number(19 - 4, 4)
    for symbol in (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15):
        out.number(4 if symbol < 16 else 0, 3)  # each code length is 4 bits, its highest first
    out.text += "".join(f"{bits:04b}" for bits in literal_lengths + distance_lengths)
    lines: list[int] = []
    while len(lines) < 28 * 29:
        symbol = int(random.choice(symbols))
        if symbol < 5:
            out.text += literals[symbol]
            lines.append(symbol)
            continue
        of_distance = int(random.choice(of_distances))
        added = int(random.integers(2 ** DISTANCE_BITS[of_distance]))
        distance = DISTANCES[of_distance] + added
        if symbol == 256 or distance > len(lines):
            continue
        more = int(random.integers(2 ** LENGTH_BITS[symbol - 257]))
        length = min(LENGTHS[symbol - 257] + more, 258 - (symbol == 284))
        if len(lines) + length > 28 * 29:
            continue
        out.text += literals[symbol]
        out.number(length - LENGTHS[symbol - 257], LENGTH_BITS[symbol - 257])
        out.text += distance_codes[of_distance]
        out.number(added, DISTANCE_BITS[of_distance])
        lines += [lines[len(lines) - distance + i % distance] for i in range(length)]
    out.text += literals[256]
    return b"\x78\x9c" + out.bytes() + zlib.adler32(bytes(lines)).to_bytes(4, "big")


@pytest.mark.usefixtures("each_library")
def test_codes_of_any_lengths_are_read_as_pillow_does() -> None:
    """Of up to 15 bits, for literals, lengths and distances; one distance has a code alone."""

    @settings(deadline=None, max_examples=100)
    @given(seed=st.integers(0, 2**32 - 1), distances=st.integers(1, 30))
    def check(seed: int, distances: int) -> None:
        content = file_of(stream_of(seed, distances))
        bounds = np.array([0, len(content)], np.int32)
        image, decoded = np.zeros((1, 784), np.uint8), np.zeros(1, np.bool_)
        decode_pngs(np.frombuffer(content, np.uint8), bounds, ~decoded, image, decoded)
        assert decoded.all()
        np.testing.assert_array_equal(image.reshape(28, 28), decode_image(content))

    check()
