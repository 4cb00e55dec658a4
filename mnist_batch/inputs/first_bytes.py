"""Tell the format of a file by how it begins, where its name does not tell."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mnist_batch.machine.failures import raise_if_of_machine

_MOST = 16
"""Bytes that are read of a file."""


def format_of(path: str | Path, beginnings: Mapping[str, Sequence[bytes]]) -> str | None:
    """Return the name of the format that a regular file begins as; None where it is of none.

    Args:
        path: the file.
        beginnings: how the files of each format may begin.
    """
    content = first_bytes(path)
    for name, begins in beginnings.items():
        if content.startswith(tuple(begins)):
            return name
    return None


def first_bytes(path: str | Path) -> bytes:
    """Return how a regular file begins; nothing where it cannot be read, or is another thing."""
    try:
        if not os.path.isfile(path):  # noqa: PTH113 - opening a pipe would wait for ever
            return b""
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - paths by the thousand
            return file.read(_MOST) or b""
    except (OSError, ValueError) as error:  # a null character in the path
        raise_if_of_machine(error, str(path))
        return b""
