"""Files of any name are opened, and why one cannot be is told on a line."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from mnist_batch.inputs.files.opening import UNREADABLE, cause, open_native, unreadable


@pytest.mark.parametrize("name", [b"a.parquet", b"a\xff", b"s3:a", "ü 1".encode()])
def test_a_file_of_any_name_is_opened(tmp_path: Path, name: bytes) -> None:
    """Also where it is no UTF-8, or reads as an address."""
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"digits")
    with open_native(path) as file:
        assert file.read() == b"digits"


def test_what_keeps_a_file_from_being_opened_is_told(tmp_path: Path) -> None:
    """A missing file as such, another one with what the system says."""
    with pytest.raises(UNREADABLE) as missing:
        open_native(tmp_path / "none")
    assert unreadable(missing.value) == "missing file"
    assert unreadable(PermissionError(13, "x")) == "unreadable file: Permission denied"


def test_a_cause_is_one_line() -> None:
    """Without the full stop; the type where nothing is said."""
    assert cause(pa.ArrowInvalid("Not a\n  Parquet file.")) == "Not a Parquet file"
    assert cause(OSError()) == "OSError"
