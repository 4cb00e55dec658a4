"""Image files that attack who reads them: bombs, false sizes, formats in disguise."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from tests.support.png_files import SIGNATURE, chunk

SMALL = Image.fromarray((np.arange(784) % 256).astype(np.uint8).reshape(28, 28))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401
    """Return an image as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def zeros(size: int) -> bytes:
    """Return a zlib stream of so many zeros, of less than a hundredth of the size."""
    compressor = zlib.compressobj(1)
    parts = [compressor.compress(bytes(2**20)) for _ in range(size >> 20)]
    return b"".join(parts) + compressor.compress(bytes(size & (2**20 - 1))) + compressor.flush()


def png(
    width: int, height: int, stream: bytes, *, bits: int = 8, colour: int = 0, before: bytes = b""
) -> bytes:
    """Return a PNG file of a zlib stream, with chunks before it."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pixels = chunk(b"IDAT", stream) + chunk(b"IEND", b"")
    return SIGNATURE + chunk(b"IHDR", header) + before + pixels


def tiff(
    width: int, height: int, strips: int, *, big: bool = False, swapped: bool = False
) -> bytes:
    """Return a TIFF file of 8-bit grey that says it has so many strips, all of them the same."""
    order, word, offset = (">" if swapped else "<"), ("Q" if big else "I"), (16 if big else 8)
    pixels = bytes(width * height)
    lists = struct.pack(f"{order}I", offset) * strips
    sizes = struct.pack(f"{order}I", len(pixels) // strips or 1) * strips
    at, entries = offset + len(pixels), b""
    values = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 277: 1, 278: -(-height // strips)}
    tags = {tag: (1, value) for tag, value in values.items()}
    tags |= {273: (strips, at), 279: (strips, at + len(lists))}
    for tag, (count, value) in sorted(tags.items()):
        entries += struct.pack(f"{order}HH{word}", tag, 4, count)
        entries += struct.pack(f"{order}I", value).ljust(8 if big else 4, b"\0")
    ifd = struct.pack(f"{order}{'Q' if big else 'H'}", len(tags)) + entries
    ifd += struct.pack(f"{order}{word}", 0)
    front = (b"MM" if swapped else b"II") + struct.pack(f"{order}H", 43 if big else 42)
    front += struct.pack(f"{order}HH", 8, 0) if big else b""
    front += struct.pack(f"{order}{word}", at + len(lists) + len(sizes))
    return front + pixels + lists + sizes + ifd


def with_scans(scans: int, side: int) -> bytes:
    """Return a progressive JPEG whose last scan comes so many times more."""
    content = saved(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + scans * last + content[-2:]


def with_segments(segments: bytes) -> bytes:
    """Return a JPEG with segments put before all others."""
    content = saved(SMALL, "JPEG")
    return content[:2] + segments + content[2:]


def with_exif(exif: bytes) -> bytes:
    """Return a JPEG with bytes in the place of its EXIF."""
    segment = b"Exif\0\0" + exif
    return with_segments(b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment)


def with_size(kind: str, width: int, height: int) -> bytes:
    """Return an image file whose header says another size than that of its pixels."""
    order = ">" if kind in ("PNG", "JPEG") else "<"
    word = {"PNG": "I", "BMP": "I"}.get(kind, "H")
    old, new = (struct.pack(f"{order}2{word}", *size) for size in ((28, 28), (height, width)))
    content = saved(SMALL, kind)
    changed = content.replace(old, new, 1)
    assert changed != content
    if kind == "PNG":
        changed = changed[:29] + struct.pack(">I", zlib.crc32(changed[12:29])) + changed[33:]
    return changed


def hostile() -> Iterator[tuple[str, bytes, str]]:
    """Yield the name of a picture, its bytes, and how its error begins; empty where it is read."""
    large, none, several = "too large: ", "no digit found", "several digits"
    for kind in ("PNG", "JPEG", "BMP", "GIF"):
        yield f"{kind} of 50,000x50,000", with_size(kind, 50_000, 50_000), large
    yield "TIFF of 50,000x50,000", with_tiff_size(50_000), large
    yield "PGM of 50,000x50,000", b"P5 50000 50000 255 " + bytes(784), large
    yield "PGM of 10**30 pixels", b"P5 " + b"9" * 30 + b" 1 255 " + bytes(784), "corrupt"
    yield "WebP of 16,383x16,383", with_webp_size(), large
    # What is just within the limits, in the ways that take most.
    yield "30 million pixels, transparent", png(30_000, 1000, zeros(120_001_000), colour=6), none
    yield (
        "30 million pixels, 64 bits",
        png(30_000, 1000, zeros(240_001_000), bits=16, colour=6),
        none,
    )
    wide = Image.new("RGB", (16_383, 1830), (9, 9, 9))
    yield "30 million pixels, WebP", saved(wide, "WEBP", lossless=True, method=0), none
    yield "30 million pixels, CMYK", saved(Image.new("CMYK", (30_000, 1000), 90), "JPEG"), none
    yield "10 million pixels, 16 bits", png(10_000, 1000, zeros(20_001_000), bits=16), none
    deep = Image.fromarray(np.zeros((1000, 10_000), np.float32))
    yield "10 million pixels, 32 bits", saved(deep, "TIFF", compression="tiff_lzw"), none
    yield "65,535 strips", tiff(1, 65_535, 65_535), none
    yield "a line of 65,535 pixels", png(65_535, 1, zeros(65_536)), none
    yield "a hundred scans", with_scans(90, 500), none
    # And beyond.
    yield "65,536 lines of one pixel", png(1, 65_536, zeros(2 * 65_536)), large
    yield "16 bits beyond 10 million", png(10_001, 1000, zeros(1), bits=16), large
    yield "text beyond 4 million", b"P2 4001 1000 255 " + b"0 " * 100, large
    yield "another white beyond 4 million", b"P5 4001 1000 1023 " + bytes(100), large
    yield "131,073 strips", tiff(1, 30, 131_073), large
    yield "131,073 strips, BigTIFF", tiff(1, 30, 131_073, big=True), large
    yield "131,073 strips, big-endian", tiff(1, 30, 131_073, swapped=True), large
    yield "a thousand scans", with_scans(1000, 500), large
    yield "a million segments", with_segments(b"\xff\xe5\0\2" * 10**6), large
    yield "a million segments of EXIF", with_segments(b"\xff\xe1\0\x0aExif\0\0II" * 10**6), large
    chunks = chunk(b"abCd", b"") * 10**5
    yield "100,003 chunks", png(28, 28, zeros(28 * 29), before=chunks), large
    # Bombs: what inflates to a gigabyte.
    yield "pixels that inflate", png(28, 28, zeros(2**30)), none
    for text in ("iCCP", "zTXt"):
        bomb = chunk(text.encode(), b"a\0\0" + zeros(2**30))
        yield f"{text} that inflates", png(28, 28, zeros(28 * 29), before=bomb), "corrupt"
    texts = chunk(b"zTXt", b"a\0\0" + zeros(2**20 - 1)) * 100
    yield "texts that inflate", png(28, 28, zeros(28 * 29), before=texts), "corrupt"
    # Not what they seem.
    plain = saved(SMALL, "PNG")
    yield "PNG and ZIP", plain + b"PK\3\4" + bytes(500), ""
    script = saved(SMALL, "GIF").replace(b"GIF87a", b"GIF89a")
    yield "GIF and script", script + b"*/=1;alert(1)//", ""
    page = b"<html><script>alert(1)</script>"
    segment = b"\xff\xfe" + struct.pack(">H", len(page) + 2) + page
    yield "JPEG and page", with_segments(segment), ""
    yield "JPEG and film", saved(SMALL, "JPEG") + b"\xff\xda" * 500, ""
    turned = [SMALL.rotate(angle) for angle in range(0, 360, 3)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        many = saved(SMALL, kind, save_all=True, append_images=turned)
        yield f"{kind} of 121 frames", many, ""
    yield (
        "PNG that counts 2**31 frames",
        png(28, 28, zeros(28 * 29), before=chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
        none,
    )
    loop = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 274, 3, 1, 6) + struct.pack("<I", 8)
    yield "EXIF that leads to itself", with_exif(loop), several
    for exif in (b"", b"II*\0", b"II*\0\xff\xff\xff\xff", bytes(range(256)) * 4):
        yield f"EXIF of {len(exif)} bytes of garbage", with_exif(exif), ""
    for name, content in FOREIGN.items():
        yield name, content, "not an image"


FOREIGN = {
    "SVG": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\n(x) run\nshowpage\n",
    "PDF": b"%PDF-1.7\n1 0 obj\n<< /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>\n",
    "WMF": b"\xd7\xcd\xc6\x9a" + bytes(100),
    "EMF": b"\x01\0\0\0" + bytes(36) + b" EMF" + bytes(60),
    "font": b"\0\1\0\0\0\x0e\0\x80\0\3\0\x60" + bytes(200),
    "OpenType font": b"OTTO" + bytes(200),
    "HTML": b"<!doctype html><script>alert(1)</script>",
    "program": b"\x7fELF\2\1\1" + bytes(100),
    "archive": b"PK\3\4" + bytes(100),
    "XPM": b"/* XPM */\nstatic char *x[] = {\n",
    "FLI": b"\0\0\0\0\x11\xaf" + bytes(200),
}
"""What is of no format that is read; Pillow would run Ghostscript on some, given leave."""


def with_tiff_size(side: int) -> bytes:
    """Return a TIFF that says it has so many columns and lines."""
    content = tiff(28, 28, 1)
    for tag in (256, 257):
        entry = struct.pack("<HHI", tag, 4, 1)
        content = content.replace(entry + struct.pack("<I", 28), entry + struct.pack("<I", side))
    return content


def with_webp_size() -> bytes:
    """Return a WebP of the largest size that its header can say (RFC 9649, 3.4)."""
    content = saved(SMALL, "WEBP", lossless=True)
    at = content.index(b"VP8L") + 9
    bits = int.from_bytes(content[at : at + 4], "little") | (1 << 28) - 1
    bits &= ~(1 | 1 << 14)
    return content[:at] + bits.to_bytes(4, "little") + content[at + 4 :]
