"""Damaged variants of files, the same in each run, to feed fuzz tests with.

`make test` tries some of each kind. `make fuzz` sets `MNIST_FUZZ` to try that many times as many.
"""

import os
import random
from collections.abc import Callable, Iterator, Sequence

_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)


def damaged_variants(contents: Sequence[bytes], count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield `count` times `MNIST_FUZZ` (1 if unset) damaged variants of some files.

    Each is one of the contents after one to four changes: bits flipped, bytes or numbers of 2, 4
    or 8 bytes overwritten, a piece deleted, duplicated, moved or filled with one value, the end
    cut off, or a piece replaced by one of another file.
    """
    source = random.Random(seed)
    for _ in range(count * int(os.environ.get("MNIST_FUZZ", "1"))):
        content = bytearray(source.choice(contents))
        for _ in range(source.randint(1, 4)):
            source.choice(_CHANGES)(source, content, contents)
        yield bytes(content)


_Change = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def _piece(source: random.Random, content: Sequence[int]) -> slice:
    start = source.randrange(len(content) + 1)
    return slice(start, start + source.choice((1, 2, 4, 16, 100, 1000)))


def _flip_bits(source: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    for _time in range(source.choice((1, 1, 2, 8)) if content else 0):
        content[source.randrange(len(content))] ^= 1 << source.randrange(8)


def _overwrite(source: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    if content:
        content[source.randrange(len(content))] = source.choice(_INTERESTING)


def _write_number(source: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    width = source.choice((2, 4, 8))
    bits = 8 * width
    number = source.choice((0, 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 1))
    start = source.randrange(len(content) + 1)
    content[start : start + width] = number.to_bytes(width, "big")[:: source.choice((1, -1))]


def _delete(source: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    del content[_piece(source, content)]


def _duplicate(source: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    piece = _piece(source, content)
    content[piece.start : piece.start] = content[piece]


def _move(source: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    piece = _piece(source, content)
    moved = content[piece]
    del content[piece]
    at = source.randrange(len(content) + 1)
    content[at:at] = moved


def _fill(source: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    piece = _piece(source, content)
    content[piece] = bytes([source.choice(_INTERESTING)]) * len(content[piece])


def _truncate(source: random.Random, content: bytearray, _: Sequence[bytes]) -> None:
    del content[source.randrange(len(content) + 1) :]


def _splice(source: random.Random, content: bytearray, contents: Sequence[bytes]) -> None:
    other = source.choice(contents)
    content[_piece(source, content)] = other[_piece(source, other)]


_CHANGES: tuple[_Change, ...] = (
    _flip_bits,
    _flip_bits,
    _overwrite,
    _write_number,
    _delete,
    _duplicate,
    _move,
    _fill,
    _truncate,
    _splice,
)
