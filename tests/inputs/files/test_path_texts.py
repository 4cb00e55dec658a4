"""Paths become texts, and no two the same."""

import os
import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mnist_batch.inputs.files.path_texts import text_of_path, texts_of_paths

# What escapes are made of, so that many names nearly read as one.
BYTES = st.lists(
    st.sampled_from([b"\\", b"udc", b"u", b"dc", b"ff", b"80", b"\xff", b"\x80", b"/", b"z"])
)


@settings(max_examples=500)
@given(BYTES.map(b"".join), BYTES.map(b"".join))
@example(b"\xff", rb"\udcff")
@example(b"\\\xff", rb"\\udcff")
def test_no_two_names_have_one_text(first: bytes, second: bytes) -> None:
    """Bytes that are no UTF-8, and text that reads as their escapes, are told apart."""
    texts = [text_of_path(os.fsdecode(name)) for name in (first, second)]
    assert (texts[0] == texts[1]) == (first == second)
    assert texts_of_paths([*map(os.fsdecode, (first, second))]).to_pylist() == texts


@given(BYTES.map(b"".join))
def test_the_bytes_of_a_name_can_be_had_from_its_text(name: bytes) -> None:
    """As the documentation says: of the backslashes before an escape, one in two counts.

    Where their number is odd, the last one and what follows it stand for a byte.
    """

    def unescaped(match: re.Match[str]) -> str:
        count, code = len(match[1]), match[2]
        return "\\" * (count // 2) + (chr(int(code[1:], 16)) if count % 2 else code)

    text = text_of_path(os.fsdecode(name))
    back = re.sub(r"(\\+)(udc[89a-f][0-9a-f])", unescaped, text)
    assert os.fsencode(back) == name


@given(st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: "udc" not in text))
def test_other_names_are_their_own_text(name: str) -> None:
    """Backslashes, control characters, marks from right to left: all stay."""
    assert text_of_path(name) == name
