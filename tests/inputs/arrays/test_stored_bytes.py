"""Bytes are read from any place, however they are compressed; damage is said, and where it is."""

import gzip
import pickle
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.inputs.arrays.stored_bytes import DEFLATE, GZIP, Checkpoints, StoredBytes
from mnist_batch.inputs.parquet.footers import identity_of

CONTENT = np.random.default_rng(3).integers(0, 40, 600_000, np.uint8).tobytes()


def checkpoints(
    path: Path, content: bytes, coding: int | None, crc: int | None = None
) -> Checkpoints:
    """Write bytes into a file, and return what opens them."""
    path.write_bytes(content)
    stored = StoredBytes(str(path), identity_of(str(path)), 0, len(content), coding, crc)
    return Checkpoints(stored)


@cache
def packed(coding: int | None) -> bytes:
    """Return the content compressed."""
    if coding is None:
        return CONTENT
    packer = zlib.compressobj(wbits=coding)
    return packer.compress(CONTENT) + packer.flush()


def at(opened: Checkpoints, place: int, size: int) -> bytes:
    """Return some bytes, read by a reader of their own."""
    reader = opened.open(place)
    try:
        return reader.read(size)
    finally:
        reader.close()


@pytest.mark.parametrize("coding", [None, GZIP, DEFLATE])
@settings(deadline=None, max_examples=15)
@given(places=st.lists(st.integers(0, len(CONTENT) - 1), min_size=1, max_size=5))
def test_bytes_are_the_same_from_every_place(
    tmp_path_factory: pytest.TempPathFactory, coding: int | None, places: list[int]
) -> None:
    """In whatever order the places are asked for."""
    opened = checkpoints(tmp_path_factory.mktemp("b") / "b", packed(coding), coding)
    for place in places:
        assert at(opened, place, 1000) == CONTENT[place : place + 1000]


def test_a_reader_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """And ends with fewer bytes, then none."""
    reader = checkpoints(tmp_path / "b", packed(GZIP), GZIP).open(599_000)
    assert reader.read(600) + reader.read(600) + reader.read(600) == CONTENT[599_000:]
    assert reader.read(1) == b""
    reader.close()


def test_gzip_files_may_have_members_and_padding(tmp_path: Path) -> None:
    """As those that `bgzip` and `cat` make (RFC 1952, section 2.2)."""
    content = gzip.compress(CONTENT[:7]) + gzip.compress(CONTENT[7:]) + bytes(100)
    opened = checkpoints(tmp_path / "b", content, GZIP)
    assert at(opened, 0, 700_000) == CONTENT


def test_bytes_before_a_truncation_are_read(tmp_path: Path) -> None:
    """And what comes after is an error, also for whoever starts behind it."""
    opened = checkpoints(tmp_path / "b", packed(GZIP)[:200_000], GZIP)
    reader = opened.open(0)
    found = reader.read(len(CONTENT))
    assert len(found) > 200_000
    assert CONTENT.startswith(found)
    with pytest.raises(OSError, match="ends too soon"):
        reader.read(1)
    reader.close()
    with pytest.raises(OSError, match="ends too soon"):
        opened.open(599_000)


@pytest.mark.parametrize("coding", [GZIP, DEFLATE])
def test_a_wrong_checksum_is_an_error_at_the_end(tmp_path: Path, coding: int) -> None:
    """Also where the reader started in the middle."""
    content = bytearray(packed(coding))
    if coding == GZIP:
        content[-8] ^= 1  # the first byte of the CRC
    opened = checkpoints(tmp_path / "b", bytes(content), coding, zlib.crc32(CONTENT) ^ 1)
    assert at(opened, 300_000, 1000) == CONTENT[300_000:301_000]
    reader = opened.open(300_000)
    with pytest.raises(OSError, match="damaged at byte"):
        while reader.read(100_000):
            pass
    reader.close()


def test_a_file_in_the_place_of_the_listed_one_is_an_error(tmp_path: Path) -> None:
    """Its bytes are others."""
    opened = checkpoints(tmp_path / "b", CONTENT, None)
    (tmp_path / "b").write_bytes(CONTENT[1:])
    with pytest.raises(OSError, match="replaced"):
        opened.open(0)


def test_checkpoints_can_be_sent_to_another_process(tmp_path: Path) -> None:
    """They start anew there."""
    opened = checkpoints(tmp_path / "b", packed(GZIP), GZIP)
    at(opened, 500_000, 1)
    assert at(pickle.loads(pickle.dumps(opened)), 500_000, 9) == CONTENT[500_000:500_009]
