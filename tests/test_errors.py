"""The tree of exceptions."""

import re

from mnist_batch import errors


def test_the_docstring_shows_the_tree() -> None:
    """Each exception once, under the one that it is a kind of."""
    shown: dict[str, str] = {}
    above: list[str] = ["Exception"]
    for indent, name in re.findall(r"^    ( *)(\w+Error)\b", errors.__doc__ or "", re.M):
        depth = len(indent) // 4 + 1
        above[depth:] = [name]
        shown[name] = above[depth - 1]
    defined = {
        name: value.__base__.__name__
        for name, value in vars(errors).items()
        if isinstance(value, type) and value.__base__ is not None
    }
    assert shown == defined
