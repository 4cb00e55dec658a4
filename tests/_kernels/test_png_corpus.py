"""Streams that coverage-guided fuzzing found, each of which takes its own way through the decoder.

`make fuzz-coverage` searches for more, beginning with these, and adds what it finds.
"""

import zlib
from pathlib import Path

import numpy as np
import pytest

from tests._kernels.test_png import by_pillow, decode
from tests.support.png_files import file_of

CORPUS = sorted(Path(__file__).parent.joinpath("fuzzing/corpus/png").iterdir())


def with_checksum(stream: bytes) -> bytes:
    """Return a stream with the Adler-32 that belongs there, if it is sound up to it."""
    inflater = zlib.decompressobj()
    try:
        lines = inflater.decompress(stream)
    except zlib.error:
        inflater = zlib.decompressobj(-15)  # the same without header and checksum
        try:
            lines = inflater.decompress(stream[2:])
        except zlib.error:
            return stream
    return stream[:-4] + zlib.adler32(lines).to_bytes(4, "big")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_each_is_decoded_as_pillow_does_or_left_to_it() -> None:
    """As it is, and with the right checksum, without which nearly all are left to Pillow."""
    streams = [path.read_bytes() for path in CORPUS]
    contents = [file_of(stream) for stream in (*streams, *map(with_checksum, streams))]
    images = decode(contents)
    for content, image in zip(contents, images, strict=True):
        if image is not None:
            np.testing.assert_array_equal(image, by_pillow(content))
    assert sum(image is not None for image in images) > len(CORPUS) / 10
