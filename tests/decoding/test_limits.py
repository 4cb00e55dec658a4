"""What one image may take: each limit, just reached and just passed."""

import numpy as np
import pytest
from PIL import Image

from mnist_batch.decoding.decode import decode_image
from mnist_batch.decoding.limits import excess_of_file
from tests.support.hostile_images import SMALL, png, saved, tiff, with_scans, with_segments, zeros


def refused(content: bytes) -> str:
    """Return why an image is too large, whatever in it is so."""
    text = decode_image(content)
    assert isinstance(text, str)
    reason, _, detail = text.partition(": ")
    assert reason == "too large"
    return detail


def read(content: bytes) -> tuple[int, ...]:
    """Return the size of an image that can be read."""
    picture = decode_image(content)
    assert not isinstance(picture, str), picture
    return picture.shape


def test_sides_are_as_long_as_a_jpegs_may_be() -> None:
    """Of one pixel's width a picture of 30 million would take minutes."""
    assert read(png(65_535, 1, zeros(65_536))) == (1, 65_535)
    assert refused(png(65_536, 1, b"")) == "65536x1 pixels, a side of more than 65535"
    assert refused(png(1, 65_536, b"")) == "1x65536 pixels, a side of more than 65535"


@pytest.mark.parametrize("mode", ["I", "I;16", "F"])
def test_grey_in_more_than_8_bits_may_have_10_million_pixels(mode: str) -> None:
    """It takes several times the memory of other grey."""
    kind = {"I": np.int32, "I;16": np.uint16, "F": np.float32}[mode]
    image = Image.fromarray(np.zeros((1001, 10_000), kind))
    assert image.mode == mode
    assert refused(saved(image, "TIFF")) == ("10000x1001 pixels of over 8 bits, more than 10000000")
    assert read(saved(image.crop((0, 0, 10_000, 1000)), "TIFF")) == (1000, 10_000)


@pytest.mark.parametrize("head", [b"P2 %d 255 ", b"P5 %d 1023 ", b"P1 %d "])
def test_what_is_decoded_in_python_may_have_4_million_pixels(head: bytes) -> None:
    """PGM in text, and of a white that has to be scaled."""
    kind = "in a coding that is slow to read"
    content = head.replace(b"%d", b"2001 2000") + b"0 " * 9
    assert refused(content) == f"2001x2000 pixels {kind}, more than 4000000"
    text = decode_image(head.replace(b"%d", b"2000 2000"))
    assert isinstance(text, str)
    assert not text.startswith("too large")


def test_run_lengths_in_bmp_may_be_of_4_million_pixels() -> None:
    """Pillow decodes them in Python; without them BMP is read like any other."""
    content = bytearray(saved(Image.new("L", (2001, 2000)), "BMP"))
    assert read(bytes(content)) == (2000, 2001)
    content[30] = 1  # BITMAPINFOHEADER: biCompression, BI_RLE8
    assert "slow to read" in refused(bytes(content))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
def test_tiff_may_have_131_072_strips(big: bool, swapped: bool) -> None:
    """As many tiles of 16x16 as the largest picture has; in BigTIFF and of either byte order."""
    assert excess_of_file(tiff(1, 30, 131_072, big=big, swapped=swapped)) is None
    assert refused(tiff(1, 30, 131_073, big=big, swapped=swapped)) == "more than 131072 strips"
    if not (big and swapped):  # which Pillow 13 does not know
        assert read(tiff(28, 28, 28, big=big, swapped=swapped)) == (28, 28)


def test_a_damaged_list_of_tags_is_for_pillow_to_judge() -> None:
    """Whatever is cut off, nothing raises."""
    content = tiff(28, 28, 7)
    for size in range(len(content)):
        assert excess_of_file(content[:size]) is None


def test_jpeg_may_have_a_hundred_scans() -> None:
    """Each goes over the whole picture. What looks like scans behind its end is none of it."""
    scans = saved(SMALL.resize((500, 500)), "JPEG", progressive=True).count(b"\xff\xda")
    assert read(with_scans(100 - scans, 500)) == (500, 500)
    assert refused(with_scans(101 - scans, 500)) == "more than 100 scans"
    assert read(saved(SMALL, "JPEG") + b"\xff\xda" * 1000) == (28, 28)


@pytest.mark.parametrize("scans", [1, 300])
def test_scans_behind_a_whole_one_are_damage(scans: int) -> None:
    """A baseline JPEG with all colours in its first scan has no second: libjpeg reads none."""
    content = saved(Image.new("RGB", (90, 90), "teal"), "JPEG")
    scan = content[content.rindex(b"\xff\xda") : -2]
    found = decode_image(content[:-2] + scans * scan + content[-2:])
    assert found == "corrupt: broken data stream when reading image file"


def test_jpeg_may_have_2000_segments_before_its_pixels() -> None:
    """Pillow joins those of one kind one by one, in time that grows with the square of them."""
    own = 5  # JFIF, quantization, frame, two Huffman tables
    segment = b"\xff\xe5\0\x04ab"
    assert read(with_segments(segment * (2000 - own))) == (28, 28)
    assert refused(with_segments(segment * (2001 - own))) == "more than 2000 segments"
    assert read(saved(SMALL, "JPEG") + segment * 3000) == (28, 28)


def test_png_may_have_100_000_chunks() -> None:
    """Pillow keeps those that it does not know."""
    chunk = b"\0\0\0\0abCd" + b"\x83\x5b\x49\x6c"
    content = saved(SMALL, "PNG")
    assert content.count(b"IDAT") == 1  # and IHDR and IEND
    assert excess_of_file(content[:33] + chunk * 99_997 + content[33:]) is None
    text = refused(content[:33] + chunk * 99_998 + content[33:])
    assert text == "more than 100000 chunks"


def test_a_file_may_have_128_megabytes() -> None:
    """In a Parquet column too."""
    content = saved(SMALL, "PNG")
    assert read(content.ljust(128 * 2**20, b"\0")) == (28, 28)
    assert refused(content.ljust(128 * 2**20 + 1, b"\0")) == "a file over 134217728 bytes"
