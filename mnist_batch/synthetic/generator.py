"""Draw digits with a simulated pen, and write them to files: samples to try things with.

They are in MNIST form, without a pixel of MNIST, or handwriting on paper, in photos, on screens.
"""

import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_batch.errors import OutputError
from mnist_batch.mnist import BOX, SIDE
from mnist_batch.options import Style
from mnist_batch.outputs.atomic import StagedFile, temporary_prefix
from mnist_batch.outputs.targets import behind_links, output_errors
from mnist_batch.synthetic import pen
from mnist_batch.synthetic.pen import STROKES, Floats
from mnist_batch.synthetic.scenes import SCENES, Picture

_DENSITY = 2 * BOX
"""Places of the pen in the box's side: half a pixel apart, so that its dots join into a line."""


def draw_digit(digit: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one digit, 0 to 9, in MNIST's form; the same state of `rng` draws the same image.

    Returns:
        uint8 (28, 28), light strokes (255) on black (0): ink in a box of at most 20x20, filled on
        its longer side as MNIST's is, so that digits differ in stroke width and not in size; centre
        of mass within half a pixel of (14, 14), counted from 0.

    Raises:
        ValueError: `digit` is not 0 to 9.
    """
    glyph = pen.choose_glyph(digit, rng, density=_DENSITY)
    while True:
        path = glyph.written(rng)
        # Half the stroke width in pixels at each place, of one pen under changing pressure.
        radius = np.clip(np.exp(rng.normal(np.log(1.23), 0.26)), 0.85, 2.0)
        radii = radius * pen.pressure(len(path), rng)
        box = _rasterised(path, radii, edge=rng.uniform(0.4, 0.7))
        row, column = _corner(box)
        # One seven in some hundreds is too heavy at the top to be centred; it is drawn again.
        if min(row, column) >= 0 and max(row, column) <= SIDE - BOX:
            image = np.zeros((SIDE, SIDE), np.uint8)
            image[row : row + BOX, column : column + BOX] = box
            return image


def draw_digits(
    count: int, *, seed: int = 0, start: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Draw the images `start` to `start + count` of an endless series: 0, 1, ... 9, 0, 1, ...

    Image i shows the digit i % 10 and depends on `seed` and i alone, so that slices drawn apart
    equal the whole drawn at once. Another machine or NumPy release may draw other pixels.

    Returns:
        Images uint8 (count, 28, 28), as of `draw_digit`, and labels int8 (count,).

    Raises:
        ValueError: `count`, `seed` or `start` is negative.
    """
    images = np.empty((count, SIDE, SIDE), np.uint8)
    labels = (np.arange(start, start + count) % len(STROKES)).astype(np.int8)
    for k, digit in enumerate(labels):
        images[k] = draw_digit(int(digit), np.random.default_rng((seed, start + k)))
    return images, labels


def draw_picture(digit: int, style: Style, rng: np.random.Generator) -> Picture:
    """Draw one digit, 0 to 9, as an image file; the same state of `rng` draws the same file.

    Style `MNIST` is `draw_digit` as 8-bit grey PNG. The others are a random scene, of any size, as
    PNG or JPEG; `pictures.draw_scene` draws a given one.

    Raises:
        ValueError: `digit` is not 0 to 9.
    """
    if style is Style.MNIST:
        from PIL import Image  # here, so that drawing needs NumPy alone

        encoded = io.BytesIO()
        Image.fromarray(draw_digit(digit, rng)).save(encoded, "PNG")
        return Picture(encoded.getvalue(), ".png")
    from mnist_batch.synthetic.pictures import draw_scene  # MNIST form needs no OpenCV

    return draw_scene(digit, SCENES[style](rng), rng)


def draw_pictures(
    count: int, *, style: Style = Style.MNIST, seed: int = 0, start: int = 0
) -> Iterator[Picture]:
    """Yield the files `start` to `start + count` of the series of `draw_digits`, in a style.

    File i shows the digit i % 10 and depends on `style`, `seed` and i alone.

    Raises:
        ValueError: `seed` or `start` is negative.
    """
    for index in range(start, start + count):
        yield draw_picture(index % len(STROKES), style, np.random.default_rng((seed, index)))


def write_folder(folder: Path, count: int, *, style: Style = Style.MNIST, seed: int = 0) -> None:
    """Write `draw_pictures(count, style=style, seed=seed)` as `<digit>/<index>.png` or `.jpg`.

    The index has at least five digits: `folder/7/00017.png`. The folder appears when complete.

    Raises:
        OutputError: `folder` holds something already, or cannot be written.
    """
    with output_errors(folder):
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder} is a file; name a folder")
        if folder.exists() and any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty; name a new folder")
        target = behind_links(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=temporary_prefix(target)
        ) as staged:
            whole = Path(staged, "digits")
            for digit in STROKES:
                (whole / str(digit)).mkdir(parents=True)
            for index, picture in enumerate(draw_pictures(count, style=style, seed=seed)):
                name = f"{index % len(STROKES)}/{index:05d}{picture.suffix}"
                (whole / name).write_bytes(picture.content)
            if target.exists():  # and is empty; someone may be working in it
                for digit in STROKES:
                    (whole / str(digit)).rename(target / str(digit))
            else:
                whole.rename(target)


def write_parquet(
    path: Path,
    count: int,
    *,
    style: Style = Style.MNIST,
    seed: int = 0,
    rows_per_group: int = 100,
    overwrite: bool = False,
) -> None:
    """Write `draw_pictures(count, style=style, seed=seed)` as `ylecun/mnist` is on Hugging Face.

    Columns `image`, struct of `bytes` (the file) and `path` (null), and `label`, int64. One row
    group is in memory at a time.

    Raises:
        OutputError: `path` exists and `overwrite` is false, or it cannot be written.
    """
    import pyarrow as pa  # here, so that drawing needs NumPy alone
    import pyarrow.parquet as pq

    from mnist_batch.inputs.files.opening import open_native

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    # The columns as the `datasets` library declares them in a file's schema metadata.
    names = {"names": [str(digit) for digit in STROKES], "_type": "ClassLabel"}
    features = json.dumps({"info": {"features": {"image": {"_type": "Image"}, "label": names}}})
    schema = pa.schema([("image", image), ("label", pa.int64())], {"huggingface": features})
    with StagedFile(path, overwrite=overwrite) as staged:
        with (
            output_errors(path),
            open_native(staged.path, "wb") as file,
            pq.ParquetWriter(file, schema) as writer,
        ):
            for start in range(0, count, rows_per_group):
                size = min(rows_per_group, count - start)
                drawn = draw_pictures(size, style=style, seed=seed, start=start)
                files = [{"bytes": picture.content, "path": None} for picture in drawn]
                labels = np.arange(start, start + size) % len(STROKES)
                columns = [pa.array(files, image), pa.array(labels, pa.int64())]
                writer.write_batch(pa.record_batch(columns, schema=schema))
        staged.commit()


def _rasterised(path: Floats, radii: Floats, *, edge: float) -> NDArray[np.uint8]:
    """Return the path (n, 2) drawn into MNIST's box, uint8 (20, 20).

    Scaled in its proportions, its longer side with the ink fills the box; the shorter one is in the
    middle. Ink fades out over `2 * edge` pixels.
    """
    low, high = path.min(axis=0), path.max(axis=0)
    scale = (BOX - 2 * (radii.max() + edge)) / (high - low).max()
    places = ((path - (low + high) / 2) * scale + BOX / 2).astype(np.float32)
    # Squared distances of columns and of rows, by pixel centre, add up to those of pixels.
    apart = (np.arange(0.5, BOX, dtype=np.float32) - places[:, :, None]) ** 2
    distances = np.sqrt(apart[:, 1, :, None] + apart[:, 0, None, :])
    depth = (radii.astype(np.float32)[:, None, None] - distances).max(axis=0)
    ink = np.clip(depth / (2 * edge) + 0.5, 0, 1)
    # A thin upright stroke between two columns of pixels becomes as white as any other.
    return np.asarray(np.rint(255 * ink / ink.max()), np.uint8)


def _corner(box: NDArray[np.uint8]) -> tuple[int, int]:
    """Return row and column of the box's corner that put its centre of mass at (14, 14).

    Whole pixels, as MNIST's digits are moved, so that the centre is off by half a pixel at most.
    """
    mass = box.astype(np.float64)
    row, column = mass.sum(axis=1), mass.sum(axis=0)
    steps = np.arange(BOX) / mass.sum()
    return round(SIDE / 2 - row @ steps), round(SIDE / 2 - column @ steps)
