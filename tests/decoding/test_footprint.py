"""What a picture takes is no more than its header tells; and memory is held as long as needed."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.decoding.footprint import footprint
from mnist_batch.machine import memory
from mnist_batch.schema import ImageBatch, Images

SIZE = 2000, 1800

# Decodes and prepares each file as `predict` does, and as it does with `--prepare never`.
PROGRAM = """
import gc, io, json, pathlib, re, sys
import numpy as np
from PIL import Image
from mnist_batch.decoding.decode import _ENOUGH, decode_image, resized
from mnist_batch.decoding.footprint import footprint
from mnist_batch.machine.memory import reserve
from mnist_batch.preprocessing.mnist_form import to_mnist_form

def resident(field):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\\s+(\\d+)", status)[1]) * 1024

ramp = io.BytesIO()
Image.linear_gradient("L").save(ramp, "PNG")
to_mnist_form(decode_image(ramp.getvalue()))
with reserve(0):  # glibc is told to give back what is freed
    pass
found = []
for path in sys.argv[1:]:
    content = pathlib.Path(path).read_bytes()
    for whole in (True, False):
        with Image.open(io.BytesIO(content)) as image:
            pixels = image.width * image.height
            if not whole:
                image.draft("L", (_ENOUGH, _ENOUGH))
            most = footprint(image, content, pixels)
        del image
        gc.collect()
        before = resident("VmRSS")
        pathlib.Path("/proc/self/clear_refs").write_text("5")
        picture = decode_image(content, whole=whole)
        (resized if whole else to_mnist_form)(picture)
        del picture
        found.append((path, whole, resident("VmHWM") - before, most))
print(json.dumps(found))
"""


def _pictures() -> dict[str, tuple[Image.Image, dict[str, Any]]]:
    """Return a picture of each kind with the options to save it with, by the name of a file."""
    rng = np.random.default_rng(0)
    noisy = rng.integers(200, 230, SIZE[::-1], np.uint8)
    noisy[300:1500, 950:1050] = 20
    grey = Image.fromarray(noisy)
    colour = Image.merge("RGB", [grey, grey, Image.fromarray(255 - noisy)])
    clear = colour.copy()
    clear.putalpha(Image.fromarray(noisy))
    grey_clear = grey.copy()
    grey_clear.putalpha(Image.fromarray(noisy))
    deep = Image.fromarray(noisy.astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[0x112] = 6
    fast: dict[str, Any] = {"compress_level": 1}
    return {
        "grey.png": (grey, fast),
        "bits.png": (grey.convert("1"), fast),
        "colour.png": (colour, fast),
        "palette.png": (grey.convert("P"), fast),
        "transparent-palette.png": (grey.convert("P"), {**fast, "transparency": 20}),
        "alpha.png": (clear, fast),
        "grey-alpha.png": (grey_clear, fast),
        "deep.png": (deep, fast),
        "grey.jpg": (grey, {}),
        "colour.jpg": (colour, {}),
        "turned.jpg": (colour, {"exif": turned}),
        "progressive.jpg": (colour, {"progressive": True, "subsampling": 0}),
        "print.jpg": (colour.convert("CMYK"), {}),
        "grey.tif": (grey, {}),
        "colour.tif": (colour, {}),
        "strip.tif": (colour, {"compression": "tiff_lzw", "tiffinfo": {278: SIZE[1]}}),
        "deep.tif": (deep, {"compression": "tiff_lzw"}),
        "float.tif": (Image.fromarray(noisy.astype(np.float32) / 255), {}),
        "print.tif": (colour.convert("CMYK"), {}),
        "colour.webp": (colour, {"method": 0}),
        "alpha.webp": (clear, {"method": 0}),
        "palette.gif": (grey.convert("P"), {}),
        "colour.bmp": (colour, {}),
        "grey.pgm": (grey, {}),
    }


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's peak of RSS")
def test_no_picture_takes_more_than_its_header_tells(tmp_path: Path) -> None:
    """Whatever its format and colours, decoded in its own size or smaller, and prepared."""
    for name, (picture, options) in _pictures().items():
        picture.save(tmp_path / name, **options)
    files = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *files], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert len(found) == 2 * len(files)
    assert [(path, whole, took, most) for path, whole, took, most in found if took > most] == []


def _encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def test_coefficients_count_where_a_jpeg_is_decoded_in_several_scans() -> None:
    """They are kept for the whole picture however small it is decoded, 2 bytes a component."""
    picture = Image.new("RGB", (1600, 1600))
    sizes = []
    for options in ({}, {"progressive": True}):
        content = _encoded(picture, "JPEG", **options)
        with Image.open(io.BytesIO(content)) as image:
            image.draft("L", (512, 512))
            sizes.append(footprint(image, content, 1600 * 1600))
    assert sizes[1] - sizes[0] == 2 * 3 * 1600 * 1600


def test_memory_is_held_until_only_28x28_is_left() -> None:
    """Of a large picture from decoding to the end of preparing; of a small one, none is."""
    held: list[bool] = []

    def fit(picture: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> Images:
        held.append(_is_held())
        return np.zeros((28, 28), np.uint8)

    pictures = [Image.new("L", size) for size in ((1100, 1000), (100, 100), (1100, 1000))]
    contents = [_encoded(picture, "PNG") for picture in pictures]
    count = len(contents)
    batch = ImageBatch(
        source=pa.array(["a"] * count),
        row=pa.array(range(count)),
        label=pa.nulls(count, pa.int8()),
        images=pa.array(contents, pa.binary()),
        error=pa.nulls(count, pa.string()),
    )
    decode_batch(batch, fit)
    assert held == [True, False, True]
    assert not _is_held()


def _is_held() -> bool:
    """Tell whether any thread holds memory for a picture."""
    return bool(memory._pictures._reserved)
