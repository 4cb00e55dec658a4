"""Digits drawn with a simulated pen: test and example images that are nobody's data.

Every digit is written in several ways. A way of writing is a few pen strokes, a stroke is a smooth
curve through a handful of points, and chance moves the points, bends and slants the figure and
presses the pen. What comes out has MNIST's form, but no pixel of MNIST is in it.
"""

import functools
import io
import json
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_batch.errors import OutputError
from mnist_batch.staging import StagedFile, translated

Floats = NDArray[np.float64]

SIDE = 28
"""Rows and columns of an image."""

BOX = 20
"""Rows and columns that the ink may take: MNIST's form, https://yann.lecun.org/exdb/mnist/."""

STROKES: dict[int, dict[str, str]] = {
    0: {
        "round": "50,0 20,15 8,50 20,85 50,100 80,85 92,50 80,15 50,0",
        "narrow": "50,0 29,15 20,50 29,85 50,100 71,85 80,50 71,15 50,0",
        "overlapping": "68,10 46,1 20,17 10,52 24,88 52,100 80,85 90,50 78,17 56,3 38,9",
    },
    1: {
        "plain": "50,0 50,100",
        "bowed": "47,0 53,45 50,100",
        "flag": "35,18 50,0 50,0 50,100",
        "flag and foot": "33,18 50,0 50,0 50,100 / 28,100 74,100",
    },
    2: {
        "straight base": "8,25 20,5 50,0 80,15 78,42 45,72 8,100 8,100 92,98",
        "loop": "12,22 30,3 60,2 80,22 70,55 40,85 15,95 8,85 22,75 45,85 70,97 95,92",
        "wavy base": "10,28 25,5 55,0 80,18 72,48 40,78 10,100 10,100 35,92 65,98 95,90",
    },
    3: {
        "round": "12,12 40,0 75,8 78,32 42,46 42,46 82,60 85,85 50,100 8,88",
        "flat top": "12,2 78,2 78,2 42,42 42,42 80,55 85,80 50,100 8,90",
        "small loop": "12,12 42,0 75,12 70,38 45,50 36,45 48,42 78,58 85,82 50,100 10,88",
    },
    4: {
        "open": "16,0 8,55 8,55 88,52 / 72,5 70,50 66,100",
        "open, round": "18,0 10,35 20,56 50,56 80,46 / 82,0 76,50 70,100",
        "closed": "60,0 8,65 8,65 90,62 / 60,0 60,50 58,100",
    },
    5: {
        "one stroke": "88,2 30,5 30,5 22,45 22,45 55,36 85,58 78,88 42,100 8,88",
        "separate bar": "28,6 22,46 22,46 55,38 82,60 76,88 42,100 8,90 / 26,4 88,0",
        "smooth": "85,0 45,4 26,22 36,42 66,54 78,76 52,98 10,92",
    },
    6: {
        "straight stem": "60,0 32,35 12,70 28,97 58,98 74,78 56,60 30,66 15,82",
        "curved stem": "66,3 40,14 18,46 14,80 40,100 70,92 76,70 54,54 28,63 16,78",
        "small loop": "56,0 30,38 18,76 32,98 54,98 66,84 54,68 34,72 20,86",
    },
    7: {
        "plain": "8,5 86,2 86,2 56,50 42,100",
        "crossbar": "8,5 86,2 86,2 56,50 42,100 / 28,52 78,48",
        "serif": "10,22 12,4 12,4 86,2 86,2 62,50 52,100",
    },
    8: {
        "one stroke": "82,15 52,0 24,18 46,46 76,70 52,100 22,76 50,46 82,15",
        "open top": "88,8 55,2 25,20 48,46 75,74 48,100 22,80 46,50 80,20",
        "two circles": "50,47 28,38 26,12 50,0 74,12 72,38 50,47 /"
        " 50,47 24,56 20,86 50,100 80,86 76,56 50,47",
    },
    9: {
        "straight stem": "76,16 50,1 24,18 26,44 50,50 72,32 80,8 80,8 76,50 70,100",
        "curved stem": "76,14 48,1 22,17 26,43 52,48 78,16 78,16 80,55 66,92 34,99",
        "two strokes": "50,0 26,10 24,38 48,48 72,38 74,12 50,0 / 76,2 76,50 73,100",
        "slanting stem": "72,8 46,3 27,22 36,43 58,34 73,8 73,8 62,50 46,100",
    },
}
"""Per digit, the ways of writing it.

Strokes are parted by `/`; a stroke is the points `x,y` that the pen passes, in hundredths of a
square, x to the right and y down. A point written twice in a row is a corner. Points of one way
that are written alike are one point and stay joined however chance moves it.
"""


def draw_digit(digit: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw one digit in MNIST's form.

    Args:
        digit: 0 to 9.
        rng: the source of all chance; the same state draws the same image.

    Returns:
        uint8, shape (28, 28), light strokes (255) on black (0): ink in a box of at most 20x20,
        filled on its larger side as MNIST's is, so that digits differ in the width of their
        strokes and not in size; centre of mass within half a pixel of (14, 14), counted from 0.

    Raises:
        ValueError: `digit` is not 0 to 9.
    """
    if digit not in STROKES:
        raise ValueError(f"digit must be 0 to 9, got {digit}")
    ways = tuple(STROKES[digit].values())
    points, weights = _curve(ways[rng.integers(len(ways))])
    while True:
        path = _bent(weights @ rng.normal(points, 0.018), rng)
        box = _rasterised(path, _pen_radii(len(path), rng), edge=rng.uniform(0.4, 0.7))
        row, column = _corner(box)
        # One seven in some hundreds is too heavy at the top to be centred: it is drawn again.
        if min(row, column) >= 0 and max(row, column) <= SIDE - BOX:
            image = np.zeros((SIDE, SIDE), np.uint8)
            image[row : row + BOX, column : column + BOX] = box
            return image


def draw_digits(
    count: int, *, seed: int = 0, start: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Draw the images `start` to `start + count` of an endless series: 0, 1, ... 9, 0, 1, ...

    Image i shows the digit i % 10 and depends on `seed` and i alone, so that slices drawn apart
    equal the whole drawn at once. Another machine or NumPy release may draw other pixels: do not
    test against their checksum.

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


def write_folder(folder: Path, count: int, *, seed: int = 0) -> None:
    """Write `draw_digits(count, seed=seed)` as 8-bit grey PNG files `<digit>/<index>.png`.

    The index is that of the series, in at least five digits: `folder/7/00017.png`. The folder
    appears when it is complete.

    Raises:
        OutputError: `folder` holds something already, or cannot be written.
    """
    with translated(folder):
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder} is a file; name a folder")
        if folder.exists() and any(folder.iterdir()):
            raise OutputError(f"{folder} is not empty; name a new folder")
        target = folder.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as staged:
            whole = Path(staged, "digits")
            for digit in STROKES:
                (whole / str(digit)).mkdir(parents=True)
            for index in range(count):
                images, labels = draw_digits(1, seed=seed, start=index)
                (whole / str(labels[0]) / f"{index:05d}.png").write_bytes(_png(images[0]))
            if target.exists():  # and is empty; someone may be working in it
                for digit in STROKES:
                    (whole / str(digit)).rename(target / str(digit))
            else:
                whole.rename(target)


def write_parquet(
    path: Path, count: int, *, seed: int = 0, rows_per_group: int = 100, overwrite: bool = False
) -> None:
    """Write `draw_digits(count, seed=seed)` as Hugging Face's `ylecun/mnist` is laid out.

    Columns `image`, struct of `bytes` (PNG) and `path` (null), and `label`, int64. One row group is
    in memory at a time.

    Raises:
        OutputError: `path` exists and `overwrite` is false, or it cannot be written.
    """
    import pyarrow as pa  # here, so that drawing needs NumPy alone
    import pyarrow.parquet as pq

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema([("image", image), ("label", pa.int64())], {"huggingface": _features()})
    staged = StagedFile(path, overwrite=overwrite)
    try:
        with translated(path), pq.ParquetWriter(staged.path, schema) as writer:
            for start in range(0, count, rows_per_group):
                size = min(rows_per_group, count - start)
                images, labels = draw_digits(size, seed=seed, start=start)
                pngs = [{"bytes": _png(pixels), "path": None} for pixels in images]
                columns = [pa.array(pngs, image), pa.array(labels, pa.int64())]
                writer.write_batch(pa.record_batch(columns, schema=schema))
        staged.commit()
    finally:
        staged.discard()


def _features() -> str:
    """Return the columns as the `datasets` library declares them in a file's schema metadata."""
    label = {"names": [str(digit) for digit in STROKES], "_type": "ClassLabel"}
    return json.dumps({"info": {"features": {"image": {"_type": "Image"}, "label": label}}})


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image  # here, so that drawing needs NumPy alone

    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "PNG")
    return encoded.getvalue()


@functools.cache
def _curve(way: str) -> tuple[Floats, Floats]:
    """Return a way of writing as points (k, 2) in a unit square and curve weights (n, k).

    A Catmull-Rom spline is linear in its points, so the n places that the pen passes are
    `weights @ points`, wherever chance has moved the points to.
    """
    strokes = [stroke.split() for stroke in way.split(" / ")]
    names = list(dict.fromkeys(name for stroke in strokes for name in stroke))
    points = np.array([[int(number) for number in name.split(",")] for name in names]) / 100
    unit = dict(zip(names, np.eye(len(names)), strict=True))
    weights = []
    for stroke in strokes:
        # Neighbours give the curve its direction; an end has one in the other end of a closed
        # stroke, or else is its own.
        closed = stroke[0] == stroke[-1]
        before, after = (stroke[-2], stroke[1]) if closed else (stroke[0], stroke[-1])
        spans = zip([before, *stroke], stroke, stroke[1:], [*stroke[2:], after], strict=False)
        for a, b, c, d in spans:
            if b != c:  # the span between the two writings of a corner has no length
                weights.append(_span(unit[a], unit[b], unit[c], unit[d], points))
    return points, np.concatenate(weights)


def _span(a: Floats, b: Floats, c: Floats, d: Floats, points: Floats) -> Floats:
    """Return the weights (n, k) of places from point b to c, neighbours of which are a and d.

    The uniform spline of E. Catmull and R. Rom, "A class of local interpolating splines" (1974),
    in the matrix form of https://en.wikipedia.org/wiki/Catmull-Rom_spline. Places are some half a
    pixel apart, near enough for dots of a pen's width to join into a line.
    """
    length = np.hypot(*((c - b) @ points)) * BOX
    t = np.linspace(0, 1, 2 + int(length / 0.5))[:, None]
    return 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
    )


def _bent(path: Floats, rng: np.random.Generator) -> Floats:
    """Return the path (n, 2) of an unsteady hand: waved, stretched, slanted and turned."""
    wave = rng.normal(0, 0.04, (2, 2))
    phase = rng.uniform(0, 2 * np.pi, 2)
    # Three quarters of a wave across the figure at most: bends that a hand makes, no trembling.
    frequency = rng.uniform(-1.5 * np.pi, 1.5 * np.pi, (2, 2))
    # Moving the plane and not the pen keeps together what crosses or touches.
    path = path + np.sin(path @ frequency + phase) @ wave
    aspect = np.exp(rng.normal(0, 0.17))
    slant = rng.normal(0.1, 0.21)
    turn = rng.normal(0, 0.1)
    x, y = path[:, 0] * aspect - slant * path[:, 1], path[:, 1]
    cos, sin = np.cos(turn), np.sin(turn)
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)


def _pen_radii(count: int, rng: np.random.Generator) -> Floats:
    """Return half the stroke's width in pixels at each place: one pen, pressed up and down."""
    radius = np.clip(np.exp(rng.normal(np.log(1.23), 0.26)), 0.85, 2.0)
    t = np.linspace(0, 1, count)
    pressure = np.sin(t * rng.uniform(2, 10) + rng.uniform(0, 2 * np.pi))
    return np.asarray(radius * (1 + rng.uniform(0, 0.15) * pressure))


def _rasterised(path: Floats, radii: Floats, *, edge: float) -> NDArray[np.uint8]:
    """Return the path (n, 2) drawn into MNIST's box, uint8 (20, 20).

    The path is scaled, keeping its proportions, so that its larger side with the ink fills the
    box; the smaller side is in the middle. Ink fades out over `2 * edge` pixels.
    """
    low, high = path.min(axis=0), path.max(axis=0)
    scale = (BOX - 2 * (radii.max() + edge)) / (high - low).max()
    places = ((path - (low + high) / 2) * scale + BOX / 2).astype(np.float32)
    # Squared distances of columns and of rows, by pixel centre, add up to those of pixels.
    apart = (np.arange(0.5, BOX, dtype=np.float32) - places[:, :, None]) ** 2
    distances = np.sqrt(apart[:, 1, :, None] + apart[:, 0, None, :])
    depth = (radii.astype(np.float32)[:, None, None] - distances).max(axis=0)
    ink = np.clip(depth / (2 * edge) + 0.5, 0, 1)
    # A thin upright stroke may run between two columns of pixels: it too is white at its whitest.
    return np.asarray(np.rint(255 * ink / ink.max()), np.uint8)


def _corner(box: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the image's row and column for the box's corner that centre its mass at (14, 14).

    Whole pixels, as MNIST's images are moved, so that the centre is off by half a pixel at most.
    """
    mass = box.astype(np.float64)
    row, column = mass.sum(axis=1), mass.sum(axis=0)
    steps = np.arange(BOX) / mass.sum()
    return round(SIDE / 2 - row @ steps), round(SIDE / 2 - column @ steps)
