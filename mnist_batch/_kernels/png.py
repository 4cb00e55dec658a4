"""Decode many PNG images like MNIST's at once, outside the interpreter lock: compiled by Numba.

Like MNIST's means 28x28 pixels of 8-bit grey, not interlaced, with one IDAT chunk and no chunk
other than IHDR, IDAT and IEND. All other images, and damaged ones, are left to Pillow, which also
says what is wrong. So this decoder is strict, and need not be complete.

Why our own decoder, in images/s on one thread and on two, on two cores of an EPYC: this 380,000 and
600,000; the same loops around zlib's `uncompress` 260,000 and 430,000, and zlib has to be found on
each system; Daft 0.7's decoder 180,000 and 280,000, and Daft refuses pyarrow 26; Pillow 30,000 and
15,000.

Sources of the formats: PNG (W3C Recommendation, third edition), zlib (RFC 1950), DEFLATE
(RFC 1951). Numbers are int64 throughout, because Numba makes int64 and uint64 together a float.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_batch._kernels import compiled
from mnist_batch.mnist import SIDE

_Bytes = npt.NDArray[np.uint8]
_Table = npt.NDArray[np.uint16]
_Numbers = npt.NDArray[np.int64]

_LINE = 1 + SIDE
"""Bytes of a line before compression: its filter type, then its pixels."""

_FRONT = np.frombuffer(
    b"\x89PNG\r\n\x1a\n"  # the signature
    b"\0\0\0\x0dIHDR\0\0\0\x1c\0\0\0\x1c\x08\0\0\0\0"  # 28, 28, 8 bits, grey, 0, 0, not interlaced
    b"\x57\x66\x80\x48",  # the chunk's CRC
    np.uint8,
)
_IDAT = np.frombuffer(b"IDAT", np.uint8)
_END = np.frombuffer(b"\0\0\0\0IEND\xae\x42\x60\x82", np.uint8)

# DEFLATE, section 3.2.5: what the symbols from 257 on, and those of distances, stand for: a base
# and so many bits to add.
_LENGTH_BITS = np.array([0] * 8 + [1] * 4 + [2] * 4 + [3] * 4 + [4] * 4 + [5] * 4 + [0])
_LENGTH_BASE = np.append(3 + np.cumsum(np.append(0, 1 << _LENGTH_BITS[:-2])), 258)
_DISTANCE_BITS = np.repeat(np.arange(14), [4] + [2] * 13)
_DISTANCE_BASE = 1 + np.cumsum(np.append(0, 1 << _DISTANCE_BITS[:-1]))
# Section 3.2.7: the order in which the lengths of the code for code lengths come.
_CODE_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.int64)
# Section 3.2.6: the lengths of the fixed codes, of 288 literals and lengths and of 32 distances.
_FIXED_LENGTHS = np.repeat(np.array([8, 9, 7, 8, 5]), [144, 112, 24, 8, 32])
_FIXED_LITERALS = 288
_END_OF_BLOCK = 256
_MAX_CODE_BITS = 15
_NOT_A_CODE = -1
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)).reshape(-1, 8)[:, ::-1])
_NO_SIGN = 2**63 - 1
_AHEAD = len(_END) + 4 - 8
"""How far behind the stream's end eight bytes may be read: the CRC and the last chunk follow it."""

# An index is unsigned where time counts: of a signed one Numba asks whether it is negative, and
# counts from the end.
_at = np.uintp


class _Room(NamedTuple):
    """What decoding needs room for, kept from image to image.

    A table decodes one Huffman code: under each number whose low bits are a code, first bit
    lowest, stands `symbol << 4 | bits`; 0 where there is none. As much of a table is filled as
    its longest code has values.
    """

    lines: _Bytes  # an image before its filters are undone
    literals: _Table  # table of a block's code for literals and lengths
    distances: _Table  # table of its code for distances
    code_lengths: _Table  # table of the code in which those two are described
    fixed_literals: _Table  # table of the code for literals that is the same in all images
    fixed_distances: _Table  # table of the code for distances that is
    symbols: _Numbers  # the symbols that have a code, ascending
    lengths: _Numbers  # the bits of each one's code
    ends: _Numbers  # for each number of bits, where its codes end in `entries`
    entries: _Numbers  # entries of a table, by their code


@compiled
def decode_pngs(
    data: _Bytes,
    bounds: npt.NDArray[np.int32],
    wanted: npt.NDArray[np.bool_],
    images: _Bytes,
    decoded: npt.NDArray[np.bool_],
) -> None:
    """Decode the files that are like MNIST's and undamaged.

    Args:
        data: the files one after the other.
        bounds: int32 or int64 (n + 1), where each file begins and the next one.
        wanted: bool (n,), false for a file to be skipped.
        images: uint8 (n, 784), filled where `decoded`; elsewhere anything may be left in it.
        decoded: bool (n,), filled: true where the image was decoded.
    """
    room = _new_room()
    for i in range(len(decoded)):
        begin, end = np.int64(bounds[i]), np.int64(bounds[i + 1])
        decoded[i] = wanted[i] and _decode(data, begin, end, images[i], room)


def load() -> None:
    """Compile `decode_pngs`, which takes 3 s once on a machine, or load it, which takes 0.6 s."""
    flags = np.zeros(0, np.bool_)
    # Memory that is only read is another type for Numba.
    data, bounds = np.frombuffer(b"-", np.uint8), np.frombuffer(bytes(4), np.int32)
    decode_pngs(data, bounds, flags, np.zeros((0, SIDE * SIDE), np.uint8), flags)


@compiled
def _zero() -> int:
    """Return 0 as a variable: Numba compiles a function anew for each literal."""
    return np.int64(0)


@compiled
def _new_room() -> _Room:
    """Return room with the tables of the fixed codes in it."""
    size = 1 << _MAX_CODE_BITS
    room = _Room(
        np.zeros(SIDE * _LINE, np.uint8),
        np.zeros(size, np.uint16),
        np.zeros(size, np.uint16),
        np.zeros(1 << 7, np.uint16),
        np.zeros(1 << 9, np.uint16),
        np.zeros(1 << 5, np.uint16),
        np.arange(len(_FIXED_LENGTHS)),
        _FIXED_LENGTHS.copy(),
        np.zeros(_MAX_CODE_BITS + 1, np.int64),
        np.zeros(_FIXED_LITERALS, np.int64),
    )
    split = _zero() + _FIXED_LITERALS
    _fill(room.fixed_literals, _zero(), split, _zero(), room)
    _fill(room.fixed_distances, split, _zero() + len(_FIXED_LENGTHS), split, room)
    return room


@compiled
def _decode(data: _Bytes, begin: int, end: int, image: _Bytes, room: _Room) -> bool:
    """Decode one file into an image, uint8 (784,); return whether it is like MNIST's and sound."""
    around = len(_FRONT) + 4 + len(_IDAT) + 4 + len(_END)  # with the chunk's size and its CRC
    if end - begin < around + 8 or not _holds(data, begin, _FRONT):
        return False
    at = begin + len(_FRONT)
    size = np.int64(data[at + 3]) | np.int64(data[at + 2]) << 8 | np.int64(data[at + 1]) << 16
    # Like Pillow this does not look at the data's CRC: its checksum tells as much.
    return (
        data[at] == 0
        and size == end - begin - around
        and _holds(data, at + 4, _IDAT)
        and _holds(data, end - len(_END), _END)
        and _inflate(data, at + 8, at + 8 + size, room)
        and _unfilter(room.lines, image)
    )


@compiled
def _holds(data: _Bytes, at: int, expected: _Bytes) -> bool:
    for i in range(len(expected)):
        if data[_at(at + i)] != expected[i]:
            return False
    return True


@compiled
def _inflate(data: _Bytes, at: int, end: int, room: _Room) -> bool:
    """Decompress a zlib stream into `room.lines`; return whether it is sound and just fills them.

    Args:
        data: after the stream stand the chunk's CRC and the last chunk.
        at: where the stream begins.
        end: where it ends.
        room: where to.
    """
    lines = room.lines
    method, flags = np.int64(data[at]), np.int64(data[at + 1])
    if method & 15 != 8 or method >> 4 > 7 or (method << 8 | flags) % 31 or flags & 32:
        return False
    at += 2
    bits, held, filled, last = _zero(), _zero(), _zero(), _zero()
    while not last:
        if at > end + _AHEAD:
            return False
        bits, held, at = _refill(data, bits, held, at)
        last, kind = bits & 1, bits >> 1 & 3
        bits, held = bits >> 3, held - 3
        if kind == 0:
            at -= held >> 3  # whole bytes that are held are read again
            bits, held = _zero(), _zero()
            size = np.int64(data[at]) | np.int64(data[at + 1]) << 8
            inverse = np.int64(data[at + 2]) | np.int64(data[at + 3]) << 8
            at += 4
            if size ^ inverse != 0xFFFF or at + size > end or filled + size > len(lines):
                return False
            for i in range(size):
                lines[filled + i] = data[at + i]
            at += size
            filled += size
            continue
        if kind == 1:
            literals, distances = room.fixed_literals, room.fixed_distances
            literal_bits, distance_bits = 9, 5
        elif kind == 2:
            bits, held, at, literal_bits, distance_bits = _read_codes(
                data, bits, held, at, end, room
            )
            literals, distances = room.literals, room.distances
        else:
            return False
        if literal_bits < 0 or distance_bits < 0:
            return False
        bits, held, at, filled = _inflate_block(
            data, bits, held, at, end, lines, filled, literals, literal_bits, distances,
            distance_bits,
        )  # fmt: skip
        if filled < 0:
            return False
    at -= held >> 3
    return filled == len(lines) and at + 4 == end and _checksum_fits(data, at, lines)


@compiled
def _inflate_block(
    data: _Bytes,
    bits: int,
    held: int,
    at: int,
    end: int,
    lines: _Bytes,
    filled: int,
    literals: _Table,
    literal_bits: int,
    distances: _Table,
    distance_bits: int,
) -> tuple[int, int, int, int]:
    """Decompress a block after its codes (section 3.2.3).

    Returns the reader's new state, and how much of `lines` is filled, or -1 if the data is wrong.
    """
    wrong = bits, held, at, -1
    literal_mask, distance_mask = (1 << literal_bits) - 1, (1 << distance_bits) - 1
    while at <= end + _AHEAD:
        bits, held, at = _refill(data, bits, held, at)  # enough for the longest pair: 48 bits
        entry = np.int64(literals[_at(bits & literal_mask)])
        symbol, used = entry >> 4, entry & 15
        bits, held = bits >> used, held - used
        if symbol < _END_OF_BLOCK:
            if entry == 0 or filled == len(lines):
                return wrong
            lines[_at(filled)] = symbol
            filled += 1
            continue
        if symbol == _END_OF_BLOCK:
            return bits, held, at, filled
        symbol -= _END_OF_BLOCK + 1
        if symbol >= len(_LENGTH_BASE):
            return wrong
        used = _LENGTH_BITS[_at(symbol)]
        length = _LENGTH_BASE[_at(symbol)] + (bits & (1 << used) - 1)
        bits, held = bits >> used, held - used
        entry = np.int64(distances[_at(bits & distance_mask)])
        symbol, used = entry >> 4, entry & 15
        if entry == 0 or symbol >= len(_DISTANCE_BASE):
            return wrong
        bits, held = bits >> used, held - used
        used = _DISTANCE_BITS[_at(symbol)]
        distance = _DISTANCE_BASE[_at(symbol)] + (bits & (1 << used) - 1)
        bits, held = bits >> used, held - used
        if distance > filled or filled + length > len(lines):
            return wrong
        if distance == 1:  # a run, as of black: stores that do not wait for one another
            value = lines[_at(filled - 1)]
            for i in range(filled, filled + length):
                lines[_at(i)] = value
        else:
            for i in range(filled, filled + length):  # what is copied may be written on the way
                lines[_at(i)] = lines[_at(i - distance)]
        filled += length
    return wrong


@compiled
def _refill(data: _Bytes, bits: int, held: int, at: int) -> tuple[int, int, int]:
    """Return the reader's state with at least 56 bits of the stream in it.

    The state: the bits, the next one lowest; how many there are; where to read on. Above them may
    be bits that come again with the next refill; the sign bit stays free. There is no branch,
    because one that depends on the data would often be mispredicted.
    """
    bits |= _load(data, at) << held & _NO_SIGN
    more = 63 - held >> 3
    return bits, held + (more << 3), at + more


@compiled
def _load(data: _Bytes, at: int) -> int:
    """Return eight bytes as a little-endian number; LLVM makes one load of it."""
    low = np.int64(data[_at(at)]) | np.int64(data[_at(at + 1)]) << 8
    low |= np.int64(data[_at(at + 2)]) << 16 | np.int64(data[_at(at + 3)]) << 24
    high = np.int64(data[_at(at + 4)]) | np.int64(data[_at(at + 5)]) << 8
    high |= np.int64(data[_at(at + 6)]) << 16 | np.int64(data[_at(at + 7)]) << 24
    return low | high << 32


@compiled
def _read_codes(
    data: _Bytes, bits: int, held: int, at: int, end: int, room: _Room
) -> tuple[int, int, int, int, int]:
    """Read the codes of a dynamic block (section 3.2.7) into their tables.

    Returns the reader's new state, and the lengths in bits of the longest literal's code and the
    longest distance's, or `_NOT_A_CODE` if the data is wrong.
    """
    wrong = bits, held, at, _NOT_A_CODE, _NOT_A_CODE
    if at > end + _AHEAD:
        return wrong
    bits, held, at = _refill(data, bits, held, at)
    literals, distances, codes = (bits & 31) + 257, (bits >> 5 & 31) + 1, (bits >> 10 & 15) + 4
    bits, held = bits >> 14, held - 14
    if literals > 286 or distances > 30:
        return wrong
    by_symbol = room.entries
    for symbol in range(len(_CODE_ORDER)):
        by_symbol[symbol] = 0
    for i in range(codes):
        if at > end + _AHEAD:
            return wrong
        bits, held, at = _refill(data, bits, held, at)
        by_symbol[_CODE_ORDER[i]] = bits & 7
        bits, held = bits >> 3, held - 3
    used = _zero()
    for symbol in range(len(_CODE_ORDER)):
        room.symbols[used], room.lengths[used] = symbol, by_symbol[symbol]
        used += by_symbol[symbol] > 0
    longest = _fill(room.code_lengths, _zero(), used, _zero(), room)
    if longest < 0:
        return wrong
    mask = (1 << longest) - 1
    # Most of the symbols have no code; only those that have one are kept.
    i, used, length, ends_block = 0, _zero(), 0, False
    while i < literals + distances:
        if at > end + _AHEAD:
            return wrong
        bits, held, at = _refill(data, bits, held, at)
        entry = np.int64(room.code_lengths[_at(bits & mask)])
        symbol, taken = entry >> 4, entry & 15
        bits, held = bits >> taken, held - taken
        times, taken = 1, 0
        if symbol < 16:
            length = symbol
        elif symbol == 16:
            times, taken = 3 + (bits & 3), 2
        elif symbol == 17:
            length, times, taken = 0, 3 + (bits & 7), 3
        else:
            length, times, taken = 0, 11 + (bits & 127), 7
        bits, held = bits >> taken, held - taken
        if entry == 0 or i + times > literals + distances or (symbol == 16 and i == 0):
            return wrong
        if length > 0:
            ends_block |= i <= _END_OF_BLOCK < i + times
            for same in range(i, i + times):
                room.symbols[_at(used)], room.lengths[_at(used)] = same, length
                used += 1
        i += times
    if not ends_block:
        return wrong
    split = used
    while room.symbols[split - 1] >= literals:
        split -= 1
    longest_distance = _fill(room.distances, split, used, literals, room)
    longest_literal = _fill(room.literals, _zero(), split, _zero(), room)
    return bits, held, at, longest_literal, longest_distance


@compiled
def _fill(table: _Table, begin: int, end: int, first: int, room: _Room) -> int:
    """Fill the table of a canonical Huffman code (section 3.2.2); return its longest code's bits.

    It returns `_NOT_A_CODE` if no code has these lengths. One code of one bit, or none, is a code,
    as in DEFLATE for distances.

    Args:
        table: the table.
        begin: where in `room.symbols` and `room.lengths` the symbols begin.
        end: where they end.
        first: the number of the first symbol.
        room: see there.
    """
    ends = room.ends
    for bits in range(len(ends)):
        ends[bits] = 0
    for i in range(begin, end):
        ends[_at(room.lengths[i])] += 1
    free, longest, codes = 1, 0, 0
    for bits in range(1, _MAX_CODE_BITS + 1):
        free = 2 * free - ends[bits]
        if free < 0:
            return _NOT_A_CODE
        if ends[bits] > 0:
            longest = bits
        codes, ends[bits] = codes + ends[bits], codes
    if free > 0:
        if codes > 1 or longest > 1:
            return _NOT_A_CODE
        table[0] = room.symbols[begin] - first << 4 | 1 if codes else 0
        table[1] = 0
        return 1
    for i in range(begin, end):
        length = room.lengths[i]
        room.entries[_at(ends[_at(length)])] = room.symbols[i] - first << 4 | length
        ends[_at(length)] += 1
    code, size, rank = 0, 1, 0
    for bits in range(1, longest + 1):
        for i in range(size):
            table[_at(size + i)] = table[_at(i)]
        size *= 2
        code *= 2
        while rank < ends[bits]:
            # A code comes with its first bit first, so that it stands reversed in the index.
            low, high = _REVERSED[_at(code & 255)], _REVERSED[_at(code >> 8)]
            index = (np.int64(low) << 8 | np.int64(high)) >> 16 - bits
            table[_at(index)] = room.entries[_at(rank)]
            code += 1
            rank += 1
    return longest


@compiled
def _checksum_fits(data: _Bytes, at: int, lines: _Bytes) -> bool:
    """Tell whether the Adler-32 checksum (RFC 1950, section 8.2) at `at` is that of `lines`.

    Each of its two sums is taken at once, so that the loop is vectorized; of 812 bytes neither
    overflows.
    """
    total, weighted = 0, 0
    for i in range(len(lines)):
        total += np.int64(lines[i])
        weighted += np.int64(lines[i]) * (len(lines) - i)
    low, high = (1 + total) % 65521, (len(lines) + weighted) % 65521
    return (
        np.int64(data[at]) << 8 | np.int64(data[at + 1]) == high
        and np.int64(data[at + 2]) << 8 | np.int64(data[at + 3]) == low
    )


@compiled
def _unfilter(lines: _Bytes, image: _Bytes) -> bool:
    """Undo the filters of lines (PNG, section 9) into an image; return whether all are known."""
    for y in range(SIDE):
        line, row, above = y * _LINE + 1, y * SIDE, (y - 1) * SIDE
        kind = lines[line - 1]
        left, above_left = 0, 0
        if kind == 0 or (kind == 2 and y == 0):
            for x in range(SIDE):
                image[_at(row + x)] = lines[_at(line + x)]
        elif kind == 1 or (kind == 4 and y == 0):
            for x in range(SIDE):
                left = left + lines[_at(line + x)] & 255
                image[_at(row + x)] = left
        elif kind == 2:
            for x in range(SIDE):
                value = np.int64(lines[_at(line + x)]) + image[_at(above + x)]
                image[_at(row + x)] = value & 255
        elif kind == 3:
            for x in range(SIDE):
                up = np.int64(image[_at(above + x)]) if y else 0
                left = lines[_at(line + x)] + (left + up >> 1) & 255
                image[_at(row + x)] = left
        elif kind == 4:
            for x in range(SIDE):
                up = np.int64(image[_at(above + x)])
                by_left, by_up = abs(up - above_left), abs(left - above_left)
                by_both = abs(left + up - 2 * above_left)
                if by_left <= by_up and by_left <= by_both:
                    predicted = left
                else:
                    predicted = up if by_up <= by_both else above_left
                left = lines[_at(line + x)] + predicted & 255
                image[_at(row + x)] = left
                above_left = up
        else:
            return False
    return True
