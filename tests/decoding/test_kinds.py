"""What bytes are that cannot be decoded."""

import io
import struct

import pytest
from PIL import Image

from mnist_batch.decoding.decode import decode_image
from mnist_batch.decoding.kinds import is_damaged, told


def media(brand: bytes, *others: bytes) -> bytes:
    """Return the beginning of an ISO base media file."""
    box = b"ftyp" + brand + bytes(4) + b"".join(others)
    return struct.pack(">I", len(box) + 4) + box + bytes(500)


def saved(kind: str, mode: str = "RGB") -> bytes:
    """Return a small picture as Pillow saves it."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((40, 30)).convert(mode).save(file, kind)
    return file.getvalue()


KINDS = {
    "HEIC": media(b"heic", b"mif1", b"heic"),
    "HEIF of a burst": media(b"msf1", b"hevc"),
    "HEIF of any kind": media(b"mif1", b"miaf"),
}


@pytest.mark.parametrize("content", KINDS.values(), ids=[*KINDS])
def test_a_telephones_photograph_is_heic(content: bytes) -> None:
    """The brand of an ISO base media file says what it is, whatever its name."""
    assert decode_image(content) == "not an image: HEIC, save it as JPEG or PNG"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (media(b"avif"), "AVIF, save it as JPEG or PNG"),
        (media(b"mif1", b"avif"), "AVIF, save it as JPEG or PNG"),
        (media(b"crx ", b"isom"), "a camera's raw file, save it as JPEG or PNG"),
        (media(b"qt  "), "a film, save a picture of it as JPEG or PNG"),
        (media(b"isom", b"mp41"), "a film, save a picture of it as JPEG or PNG"),
        (b"\xff\x0a" + bytes(90), "JPEG XL, save it as JPEG or PNG"),
        (b"%PDF-1.7 ...", "PDF, save its pages as PNG"),
        (b"8BPS" + bytes(90), "Photoshop, save it as JPEG or PNG"),
        (b"FUJIFILMCCD-RAW 0201", "a camera's raw file, save it as JPEG or PNG"),
        (b"PAR1" + bytes(90), "Parquet, name it .parquet"),
        (b"PK\3\4" + bytes(90), "a ZIP archive, unpack it"),
        (b"\x1f\x8b\x08" + bytes(90), "compressed by gzip, unpack it"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG, save it as PNG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a --><svg/>", "SVG, save it as PNG"),
        (b"<!DOCTYPE HTML><title>404", "a web page (HTML), get the picture itself"),
        (b"RIFF\4\0\0\0WAVE", "sound or film (RIFF)"),
        (bytes(128) + b"DICM" + bytes(9), "DICOM, save it as JPEG or PNG"),
        (bytes(784), "784 bytes: raw pixels go into a fixed-size binary column"),
        (b"hello, world", ""),
        (b"<xml>", ""),
        (b"\0\0\0\x18ftyp", "a film, save a picture of it as JPEG or PNG"),
    ],
)
def test_what_is_no_image_is_told_with_what_to_do(content: bytes, said: str) -> None:
    """Each known kind by how its files begin."""
    assert told(content) == said
    assert not is_damaged(content)
    error = decode_image(content)
    assert isinstance(error, str)
    assert error.removeprefix("not an image").removeprefix(": ") == said


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("JPEG2000", "JPEG 2000"), ("ICO", "an icon (ICO)"), ("PCX", "PCX"), ("TGA", "TGA"),
        ("EPS", "PostScript"), ("SGI", "SGI"), ("PDF", "PDF"),
    ],
)  # fmt: skip
def test_pictures_of_formats_that_are_not_opened_are_told(kind: str, said: str) -> None:
    """As Pillow writes them."""
    assert told(saved(kind)).startswith(f"{said}, save")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("tag", [(262, 3, 32803), (262, 3, 34892), (50706, 1, 1)])
def test_a_cameras_raw_tiff_is_told(order: str, tag: tuple[int, int, int]) -> None:
    """DNG and its like are TIFF files whose pixels are those of the sensor."""
    number, kind, value = tag
    entries = [(256, 3, 40), (257, 3, 30), (258, 3, 16), (number, kind, value)]
    begin = b"II*\0" if order == "<" else b"MM\0*"
    content = begin + struct.pack(f"{order}IH", 8, len(entries))
    for one in entries:
        content += struct.pack(f"{order}HHIHH", one[0], one[1], 1, one[2], 0)
    content += bytes(400)
    assert decode_image(content) == ("not an image: a camera's raw file, save it as JPEG or PNG")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_a_damaged_image_is_told_from_another_kind(kind: str) -> None:
    """A file that begins as a format that is read is an image, be it damaged."""
    assert is_damaged(saved(kind))
    assert is_damaged(saved(kind)[:40])


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_pnm_of_each_kind_begins_as_one(mode: str) -> None:
    """PBM, PGM and PPM."""
    assert is_damaged(saved("PPM", mode)[:2])
