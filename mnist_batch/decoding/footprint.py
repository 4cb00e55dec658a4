"""How much memory a picture takes while it is decoded and prepared, as its header tells.

The numbers are the peaks of the process, in bytes a pixel, over pictures of 10 and 29 megapixels of
each kind (Pillow 13), rounded up. Preparing takes less than decoding.
"""

from PIL import Image

from mnist_batch.decoding.limits import kept_components

_GREY = 4
"""For one byte a pixel in Pillow: the picture, its copy in grey, and that as an array."""

_COLOUR = 6
"""For colours, which take 4 bytes in Pillow: the picture, its copy in grey, and that rotated."""

_OTHER_COLOUR = 10
"""For those that become RGB on the way to grey, as CMYK."""

_DEEP = 14
"""For over 8 bits: the picture, and that in float32, twice."""

_BY_MODE = {"1": _GREY, "L": _GREY, "P": _GREY, "RGB": _COLOUR, "RGBA": _COLOUR, "LA": _COLOUR}

_WEBP = 12
"""More in WebP: libwebp keeps two frames and Pillow a copy, of 4 bytes each."""

_STRIP = 6
"""More in TIFF: the picture may be one strip, which libtiff unpacks, of 16 bits and 3 colours."""

_COEFFICIENT = 2
"""More for each component of a JPEG in several scans: libjpeg keeps its coefficients, int16."""

_ELSE = 8 * 2**20
"""Bytes more: pieces of the picture that are copied, and the tables of the decoders."""


def footprint(image: Image.Image, content: bytes, coded_pixels: int) -> int:
    """Return how many bytes decoding and preparing a picture takes at most, beside its file.

    Args:
        image: opened, not decoded; a JPEG may be drafted, to be decoded smaller.
        content: its file.
        coded_pixels: the pixels that the file holds.
    """
    kind = _DEEP if image.mode.startswith(("I", "F")) else _BY_MODE.get(image.mode, _OTHER_COLOUR)
    kind += {"WEBP": _WEBP, "TIFF": _STRIP}.get(image.format or "", 0)
    size = kind * image.width * image.height
    if image.format in ("JPEG", "MPO"):
        size += _COEFFICIENT * kept_components(content) * coded_pixels
    return size + _ELSE
