"""How files begin, and what they are by that."""

import os
from pathlib import Path

from mnist_batch.inputs.formats import first_bytes, kind_of


def test_a_file_is_of_the_format_that_it_begins_as(tmp_path: Path) -> None:
    """Or of none; a suffix goes before."""
    expectations = [
        (b"PAR1...", "Parquet files"),
        (b"\x89PNG", "images"),
        (b"PA", None),
        (b"", None),
    ]
    for content, expected in expectations:
        (tmp_path / "x").write_bytes(content)
        assert kind_of(tmp_path / "x") == expected
    (tmp_path / "x.png").write_bytes(b"PAR1")
    assert kind_of(tmp_path / "x.png") == "images"


def test_what_is_no_file_begins_as_nothing(tmp_path: Path) -> None:
    """A pipe is not waited for; a missing file, a folder and an impossible name are no error."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "gone", tmp_path, "a\0b"):
        assert first_bytes(str(path)) == b""


def test_little_is_read(tmp_path: Path) -> None:
    """However large the file is."""
    (tmp_path / "x").write_bytes(bytes(10**6))
    assert len(first_bytes(str(tmp_path / "x"))) <= 64
