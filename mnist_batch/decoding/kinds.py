"""What bytes are that cannot be decoded: told by how they begin, with what to do about it."""

import struct

from mnist_batch.decoding.limits import tiff_tags
from mnist_batch.mnist import PIXELS

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_READ = (
    *(b"\x89PNG", b"\xff\xd8", b"BM", b"GIF8", *_TIFF),
    *(b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"),
)
"""How files of the formats that are read begin, but for WebP."""

IMAGE_BEGINNINGS = (*_READ, b"RIFF")
"""How files of all formats that are read begin."""

_SAVE = "save it as JPEG or PNG"
_RAW = f"a camera's raw file, {_SAVE}"

_BEGINNINGS = (
    (b"\0\0\0\x0cjP  ", f"JPEG 2000, {_SAVE}"),
    (b"\xff\x4f\xff\x51", f"JPEG 2000, {_SAVE}"),
    (b"\0\0\0\x0cJXL ", f"JPEG XL, {_SAVE}"),
    (b"\xff\x0a", f"JPEG XL, {_SAVE}"),
    (b"II\xbc", f"JPEG XR, {_SAVE}"),
    (b"%PDF", "PDF, save its pages as PNG"),
    (b"%!PS", f"PostScript, {_SAVE}"),
    (b"8BPS", f"Photoshop, {_SAVE}"),
    (b"gimp xcf", f"GIMP, {_SAVE}"),
    (b"\0\0\1\0", "an icon (ICO), save it as PNG"),
    (b"icns", "an icon (ICNS), save it as PNG"),
    (b"IIRO", _RAW),
    (b"IIRS", _RAW),
    (b"IIU\0", _RAW),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"v/1\1", f"OpenEXR, {_SAVE}"),
    (b"qoif", f"QOI, {_SAVE}"),
    (b"AT&TFORM", f"DjVu, {_SAVE}"),
    (b"SIMPLE  =", f"FITS, {_SAVE}"),
    (b"\n\5\1", f"PCX, {_SAVE}"),
    (b"\1\xda", f"SGI, {_SAVE}"),
    (b"PAR1", "Parquet, name it .parquet"),
    (b"PK\3\4", "a ZIP archive, unpack it"),
    (b"\x1f\x8b", "compressed by gzip, unpack it"),
    (b"BZh", "compressed by bzip2, unpack it"),
    (b"\xfd7zXZ", "compressed by xz, unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard, unpack it"),
    (b"Rar!", "a RAR archive, unpack it"),
    (b"7z\xbc\xaf", "a 7z archive, unpack it"),
    (b"\x93NUMPY", "a NumPy array, save it as PNG or in .npz"),
    (b"\0\5\x16\7", "what macOS keeps beside a file (AppleDouble), leave it out"),
    (b"version https://git-lfs", "a pointer of Git LFS, get the file with git lfs pull"),
)
"""How files begin (the formats' own specifications; `file`'s magic), and what they are."""

_BRANDS = {
    **dict.fromkeys(
        (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"
    ),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
"""Pictures in ISO base media files, by their brands (ISO/IEC 23008-12; AVIF 1.1)."""


def is_damaged(content: bytes) -> bool:
    """Tell whether bytes that cannot be opened begin as an image of a format that is read."""
    if content.startswith(b"RIFF"):
        return b"WEBP".startswith(content[8:12])
    return content.startswith(_READ) and not _is_raw(content)


_PHOTOMETRIC, _DNG_VERSION = 262, 50706
_OF_SENSORS = (32803, 34892)
"""How the pixels of a TIFF file may be stored: as a camera's sensor has them (DNG 1.7)."""


def _is_raw(content: bytes) -> bool:
    """Tell whether a TIFF file is a camera's raw file."""
    if not content.startswith(_TIFF):
        return False
    tags, order = tiff_tags(content), "<" if content.startswith(b"II") else ">"
    _, place = tags.get(_PHOTOMETRIC, (0, b"\0\0"))
    return _DNG_VERSION in tags or struct.unpack_from(f"{order}H", place)[0] in _OF_SENSORS


def told(content: bytes) -> str:
    """Return what bytes are, and what to do about it; empty where nothing tells.

    Args:
        content: a file of none of the formats that are read, at least one byte.
    """
    for beginning, kind in _BEGINNINGS:
        if content.startswith(beginning):
            return kind
    if content[4:8] == b"ftyp":
        return _in_media_file(content)
    if _is_raw(content):
        return _RAW
    if content.endswith(b"TRUEVISION-XFILE.\0"):
        return f"TGA, {_SAVE}"
    if content[128:132] == b"DICM":
        return f"DICOM, {_SAVE}"
    if content.startswith(b"RIFF"):
        return "sound or film (RIFF)"
    return _text(content) or (
        f"{PIXELS} bytes: raw pixels go into a fixed-size binary column"
        if len(content) == PIXELS
        else ""
    )


def _in_media_file(content: bytes) -> str:
    """Return what an ISO base media file holds, by its brand and those that it is compatible with.

    Its first box has a length, `ftyp`, the brand, a version, and other brands of 4 bytes each.
    """
    (size,) = struct.unpack_from(">I", content)
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, min(size, 256), 4))]
    if b"crx " in brands:
        return _RAW
    found = [_BRANDS[brand] for brand in brands if brand in _BRANDS]
    if not found:
        return "a film, save a picture of it as JPEG or PNG"
    # `mif1` says only that it is a picture; AVIF names itself beside it.
    return f"{'AVIF' if 'AVIF' in found else 'HEIC'}, {_SAVE}"


_BEGIN_OF_TEXT = 1024


def _text(content: bytes) -> str:
    """Return which kind of markup bytes are; empty where they are none."""
    begin = content[:_BEGIN_OF_TEXT].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not begin.startswith(b"<"):
        return ""
    if b"<svg" in begin:
        return "SVG, save it as PNG"
    if b"<html" in begin or begin.startswith(b"<!doctype html"):
        return "a web page (HTML), get the picture itself"
    return ""
