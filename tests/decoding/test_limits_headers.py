"""Headers of encoded images: as they were written, and the quick look at those like MNIST's."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mnist_batch.decoding.limits import PLAIN_PNG, Header, plain_pngs, read_header
from mnist_batch.synthetic.generator import draw_digits
from tests.support.png_files import GREY_28, compressed, damaged, file_of, filtered

DIGIT = draw_digits(1)[0][0]


def encoded(mode: str, kind: str, size: tuple[int, int] = (28, 28), **options: Any) -> bytes:  # noqa: ANN401
    """Return an image of a mode of Pillow in one of its formats."""
    content = io.BytesIO()
    Image.new(mode, size).save(content, kind, **options)
    return content.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind", "colours"),
    [
        ("L", "PNG", "grey"),
        ("1", "PNG", "black and white"),
        ("P", "PNG", "palette"),
        ("RGB", "PNG", "colour"),
        ("RGBA", "PNG", "transparent"),
        ("LA", "PNG", "transparent"),
        ("I;16", "PNG", "over 8 bits"),
        ("L", "JPEG", "grey"),
        ("RGB", "JPEG", "colour"),
        ("CMYK", "JPEG", "colour"),
        ("L", "BMP", "grey"),
        ("P", "GIF", "palette"),
        ("F", "TIFF", "over 8 bits"),
        ("I", "TIFF", "over 8 bits"),
        ("RGBA", "WEBP", "transparent"),
        ("L", "PPM", "grey"),
    ],
)
def test_a_header_says_format_colours_and_size(mode: str, kind: str, colours: str) -> None:
    """As they were written."""
    content = encoded(mode, kind, (30, 20))
    assert read_header(content) == Header(kind, colours, 30, 20)


def test_a_colour_that_is_transparent_counts() -> None:
    """In a palette, and in a grey of a PNG."""
    assert read_header(encoded("P", "PNG", transparency=0)).colours == "transparent"
    assert read_header(encoded("L", "PNG", transparency=0)).colours == "transparent"


def test_images_like_mnists_are_known_by_their_first_bytes() -> None:
    """In a column of any type; what is in another form, or is no image, is not among them."""
    with_text = PngInfo()
    with_text.add_text("Title", "a digit")
    plain = encoded("L", "PNG")
    contents = {
        plain: True,
        file_of(compressed(filtered(DIGIT, [4] * 28))): True,
        encoded("L", "PNG", (28, 29)): False,
        encoded("L", "PNG", transparency=0): False,
        encoded("L", "PNG", pnginfo=with_text): False,
        encoded("I;16", "PNG"): False,
        file_of(b"", GREY_28[:-1] + b"\x01"): False,
        encoded("L", "JPEG"): False,
        plain[:40]: False,
        b"": False,
        None: False,
    }
    for kind in (pa.binary(), pa.large_binary(), pa.binary_view()):
        column = pa.array([b"before", *contents], kind)
        assert plain_pngs(column).tolist() == [False, *contents.values()]
        assert plain_pngs(column.slice(1)).tolist() == list(contents.values())
    assert plain_pngs(pa.array([], pa.binary())).tolist() == []


def test_what_is_known_by_its_first_bytes_has_that_header() -> None:
    """Whatever byte or bit of a file is changed, so long as it is an image."""
    contents = list(damaged(file_of(compressed(filtered(DIGIT, [0] * 28)))))
    plain = plain_pngs(pa.array(contents, pa.binary()))
    assert 100 < plain.sum() < len(contents)
    for content in np.array(contents, object)[plain][::50]:
        assert read_header(content) == PLAIN_PNG
