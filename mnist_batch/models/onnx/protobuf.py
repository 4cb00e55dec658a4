"""Read messages of Protocol Buffers as data, without a description of them and within limits.

The encoding is that of protobuf.dev/programming-guides/encoding: a message is a row of fields, each
a number with its wire type and a value, and whoever reads it knows what a number means.
"""

import re
from collections.abc import Collection, Iterator

Value = int | memoryview

MAX_FIELDS = 5_000_000
"""In all messages of a file: a forest has one for each of its nodes, 180,000 in 17 MB."""

_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5
_FIXED = {_FIXED_64: 8, _FIXED_32: 4}


class Fields:
    """Reads the fields of messages, and counts them."""

    def __init__(self) -> None:
        """Begin with a count of 0."""
        self._count = 0

    def of(self, message: memoryview, skipped: Collection[int] = ()) -> Iterator[tuple[int, Value]]:
        """Yield the number and the value of each field, but for lists of the numbers `skipped`.

        The value is a number without a sign, or the bytes of a text, of a message or of a list of
        packed numbers.

        Raises:
            ValueError: it is no such message, or there are more than `MAX_FIELDS` fields in all.
        """
        place = 0
        lists = _lists_of(skipped)
        while place < len(message):
            if found := lists and lists.match(message, place):
                place = found.end()
            if place == len(message):
                return
            self._count += 1
            if self._count > MAX_FIELDS:
                raise ValueError(f"more than {MAX_FIELDS:,} fields")
            tag, place = _varint(message, place)
            wire_type = tag & 7
            if wire_type == _VARINT:
                number, place = _varint(message, place)
                yield tag >> 3, number
                continue
            size = _FIXED.get(wire_type)
            if wire_type == _BYTES:
                size, place = _varint(message, place)
            if size is None or size > len(message) - place:
                raise ValueError("not a message, or cut off")
            content = message[place : place + size]
            place += size
            yield (
                tag >> 3,
                content if wire_type == _BYTES else int.from_bytes(content, "little"),
            )

    def numbers(self, value: Value) -> Iterator[int]:
        """Yield the whole numbers of a repeated field, with their sign: one, or packed ones."""
        if isinstance(value, int):
            yield _signed(value)
            return
        place = 0
        while place < len(value):
            self._count += 1
            if self._count > MAX_FIELDS:
                raise ValueError(f"more than {MAX_FIELDS:,} fields")
            number, place = _varint(value, place)
            yield _signed(number)


def _lists_of(numbers: Collection[int]) -> re.Pattern[bytes] | None:
    """Return what matches fields of some numbers below 16, varints or of 32 bits; None of none."""
    each = (
        re.escape(bytes([number << 3 | kind])) + value
        for number in numbers
        for kind, value in ((_VARINT, rb"[\x80-\xff]*+[\x00-\x7f]"), (_FIXED_32, rb".{4}"))
    )
    return re.compile(b"(?:" + b"|".join(each) + b")++", re.DOTALL) if numbers else None


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    """Return the number that starts at a place, 7 bits a byte, and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(content):
            raise ValueError("cut off")
        byte = content[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ValueError("a number of more than ten bytes")


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def text(value: Value) -> str:
    """Return the text of a field.

    Raises:
        ValueError: it is not UTF-8, too long, or has characters that do not print.
    """
    if isinstance(value, int) or len(value) > _LONGEST_TEXT:
        raise ValueError("a text was expected")
    return bytes(value).decode()


_LONGEST_TEXT = 4096


def message(value: Value) -> memoryview:
    """Return the bytes of a field that is a message.

    Raises:
        ValueError: it is a number.
    """
    if isinstance(value, int):
        raise ValueError("a message was expected")
    return value


def whole(value: Value) -> int:
    """Return the number of a field.

    Raises:
        ValueError: it is no number.
    """
    if not isinstance(value, int):
        raise ValueError("a number was expected")
    return value


def field(number: int, content: bytes) -> bytes:
    """Return a field of bytes as it is written."""
    return _written(number << 3 | _BYTES) + _written(len(content)) + content


def _written(number: int) -> bytes:
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*result, number])
