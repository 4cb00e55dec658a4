"""Messages of Protocol Buffers, whose bytes are written here by hand or by `onnx`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.models.onnx import protobuf
from mnist_batch.models.onnx.protobuf import Fields, field, text


def of(content: bytes, **how: object) -> list[tuple[int, object]]:
    """Return the fields of a message, bytes as such."""
    found = Fields().of(memoryview(content), **how)  # type: ignore[arg-type] # how it is called
    return [(n, value if isinstance(value, int) else bytes(value)) for n, value in found]


def test_fields_of_each_wire_type_are_read() -> None:
    """A varint (150 as in the documentation), 64 bits, bytes and 32 bits."""
    content = b"\x08\x96\x01" + b"\x11" + b"\x02" + b"\0" * 7 + b"\x1a\x03abc" + b"\x25\x03\0\0\0"
    assert of(content) == [(1, 150), (2, 2), (3, b"abc"), (4, 3)]


def test_numbers_have_a_sign_whether_they_are_packed_or_not() -> None:
    """-1 is ten bytes."""
    minus_one = b"\xff" * 9 + b"\x01"
    fields = Fields()
    [(_, one)] = fields.of(memoryview(b"\x08" + minus_one))
    assert list(fields.numbers(one)) == [-1]
    assert list(fields.numbers(memoryview(minus_one + b"\x05"))) == [-1, 5]


@pytest.mark.parametrize(
    "content",
    [b"\x08", b"\x08\xff", b"\x1a\x05abc", b"\x11\0\0", b"\x0b", b"\x08" + b"\xff" * 11, b"\x80"],
)
def test_what_is_cut_off_or_no_message_is_refused(content: bytes) -> None:
    """Without a crash or an endless loop."""
    with pytest.raises(ValueError, match=r"cut off|not a message|ten bytes"):
        of(content)


def test_fields_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all messages together; a list that is skipped counts as one."""
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 100)
    fields = Fields()
    list(fields.of(memoryview(b"\x08\x01" * 60)))
    with pytest.raises(ValueError, match="more than 100 fields"):
        list(fields.of(memoryview(b"\x08\x01" * 60)))
    with pytest.raises(ValueError, match="more than 100 fields"):
        list(Fields().numbers(memoryview(b"\x01" * 101)))
    lists = b"\x40\x80\x01" * 1000 + b"\x3d\x40\x40\x40\x40" * 1000 + b"\x40\x00" * 1000
    assert of(b"\x08\x01" + lists + b"\x08\x02", skipped=(7, 8)) == [(1, 1), (1, 2)]


@given(st.lists(st.tuples(st.integers(1, 15), st.binary(max_size=300))))
def test_fields_that_are_written_are_read(fields: list[tuple[int, bytes]]) -> None:
    """Whatever the length."""
    content = b"".join(field(number, value) for number, value in fields)
    assert of(content) == fields


def test_a_text_is_utf_8_and_short() -> None:
    """Nothing else is a name."""
    assert text(memoryview("ß".encode())) == "ß"
    for value in (5, memoryview(b"\xff"), memoryview(b"a" * 5000)):
        with pytest.raises(ValueError, match=r"text|decode"):
            text(value)
