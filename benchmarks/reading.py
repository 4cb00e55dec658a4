"""Measure how well models read pictures unlike MNIST: the tables of the model card.

`python -m benchmarks.reading MODEL...` takes MNIST's test images from the folder `MNIST_DATA`,
and prints three tables as Markdown: pictures of other kinds, images of 28x28 that were shifted,
rotated and so on, and digits drawn in ways that MNIST hardly has. Each model has two columns:
images prepared, and not.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

import mnist_batch
from benchmarks.hands import HANDS, draw_hand
from benchmarks.kinds import BLANKS, KINDS, picture
from mnist_batch.options import Prepare

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int8]
Change = Callable[[Images, int], Images]
"""Changes an image by a seed, both uint8 (28, 28)."""

_BATCH_ROWS = 100


def mnist_test(folder: Path) -> tuple[Images, Labels]:
    """Return MNIST's test images uint8 (10000, 28, 28) and labels int8 (10000,)."""
    table = pq.read_table(folder / "test-00000-of-00001.parquet")
    files = table["image"].combine_chunks().field("bytes")
    pixels = [np.asarray(Image.open(pa.BufferReader(file.as_buffer()))) for file in files]
    return np.stack(pixels), np.asarray(table["label"], np.int8)


def spread(count: int, total: int) -> npt.NDArray[np.int64]:
    """Return the indices of `count` rows, evenly spread over all."""
    return np.linspace(0, total, count, endpoint=False).astype(np.int64)


@dataclass(frozen=True)
class Reader:
    """A model, and how images are prepared for it."""

    model: Path | None = None  # a model file; None for the default model
    prepare: Prepare = Prepare.AUTO  # which images are brought to MNIST form


def accuracies(encoded: Iterable[bytes], labels: Labels, readers: Sequence[Reader]) -> list[float]:
    """Return the accuracy of each reader, 0 to 1; a picture without a prediction is wrong.

    Args:
        encoded: pictures; few are in memory at once.
        labels: the truth, int8, one for each.
        readers: models, and how images are prepared for them.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pictures.parquet")
        _write(path, encoded, labels)
        return [_accuracy(path, reader) for reader in readers]


def _write(path: Path, encoded: Iterable[bytes], labels: Labels) -> None:
    schema = pa.schema([("image", pa.binary()), ("label", pa.int8())])
    pictures = iter(encoded)
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for start in range(0, len(labels), _BATCH_ROWS):
            part = pa.array(labels[start : start + _BATCH_ROWS])
            rows = pa.array([next(pictures) for _ in part], pa.binary())
            writer.write_batch(pa.record_batch([rows, part], schema=schema))


def _accuracy(path: Path, reader: Reader) -> float:
    right = rows = 0
    for batch in mnist_batch.stream(path, model=reader.model, prepare=reader.prepare):
        right += pc.sum(pc.equal(batch["prediction"], batch["label"])).as_py() or 0
        rows += len(batch)
    return right / rows


def share_read(kind: str, count: int) -> float:
    """Return the share of blank sheets of one kind in which a digit is found, 0 to 1."""
    sheets = (BLANKS[kind](np.random.default_rng(seed)) for seed in range(count))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sheets.parquet")
        _write(path, sheets, np.zeros(count, np.int8))
        batches = list(mnist_batch.stream(path))
    return sum(int(pc.count(batch["prediction"]).as_py()) for batch in batches) / count


def of_kind(kind: str, images: Images) -> Iterator[bytes]:
    """Yield images as pictures of one kind."""
    return (picture(kind, image, seed) for seed, image in enumerate(images))


def changed(change: Change, images: Images) -> Iterator[bytes]:
    """Yield images after a change, as PNG."""
    return (_png(change(image, seed)) for seed, image in enumerate(images))


def of_hand(style: str, count: int) -> Iterator[bytes]:
    """Yield digits drawn in one way of writing, as pictures."""
    return (draw_hand(style, seed) for seed in range(count))


def _png(image: Images) -> bytes:
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _shifted(pixels: int) -> Change:
    def shifted(image: Images, seed: int) -> Images:
        """Shift across, down or both in turn, and to either side in turn."""
        across, down = ((1, 0), (0, 1), (1, 1))[seed % 3]
        sign = 1 if seed % 2 else -1
        matrix = np.array(
            [[1, 0, sign * pixels * across], [0, 1, sign * pixels * down]], np.float32
        )
        return np.asarray(cv2.warpAffine(image, matrix, (28, 28)), np.uint8)

    return shifted


def _rotated(degrees: int) -> Change:
    def rotated(image: Images, seed: int) -> Images:
        angle = degrees if seed % 2 else -degrees
        matrix = cv2.getRotationMatrix2D((14, 14), angle, 1)
        return np.asarray(cv2.warpAffine(image, matrix, (28, 28)), np.uint8)

    return rotated


def _stroked(pixels: float) -> Change:
    def stroked(image: Images, _: int) -> Images:
        """Widen or narrow strokes at four times the size, by a disc."""
        large = cv2.resize(image, (112, 112), interpolation=cv2.INTER_CUBIC)
        side = round(abs(pixels) * 4) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        changed = cv2.dilate(large, disc) if pixels > 0 else cv2.erode(large, disc)
        return np.asarray(cv2.resize(changed, (28, 28), interpolation=cv2.INTER_AREA), np.uint8)

    return stroked


def _noised(sigma: int) -> Change:
    def noised(image: Images, seed: int) -> Images:
        noise = np.random.default_rng(seed).normal(0, sigma, image.shape)
        return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)

    return noised


CHANGES: dict[str, Change] = {
    "none": lambda image, _: image,
    "shifted by 1 pixel": _shifted(1),
    **{f"shifted by {pixels} pixels": _shifted(pixels) for pixels in (2, 3, 4)},
    **{f"rotated by {degrees} degrees": _rotated(degrees) for degrees in (10, 20, 30)},
    **{f"strokes {width:+} pixels": _stroked(width) for width in (-1, -0.5, 0.5, 1, 2)},
    **{f"noise {sigma}": _noised(sigma) for sigma in (10, 25, 50)},
}
"""Changes of images of 28x28, by their names in the table."""


def _print_table(
    title: str, names: Sequence[str], rows: Iterable[tuple[str, Sequence[float]]]
) -> None:
    """Print a table as Markdown, each row as soon as it is measured."""
    columns = [f"{name}, {how}" for name in names for how in ("prepared", "not")]
    print(f"| {title} | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}", flush=True)
    for name, values in rows:
        print(f"| {name} | {' | '.join(f'{value:.4f}' for value in values)} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Print how well models read other pictures.")
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL", help="beside the default")
    parser.add_argument("--count", type=int, default=1000, help="pictures of each kind")
    arguments = parser.parse_args()
    if "MNIST_DATA" not in os.environ:
        parser.error("MNIST_DATA has to name a folder with MNIST's test-00000-of-00001.parquet")
    images, labels = mnist_test(Path(os.environ["MNIST_DATA"]))
    models = [None, *arguments.models]
    names = ["default", *(model.stem for model in arguments.models)]
    readers = [
        Reader(model, prepare) for model in models for prepare in (Prepare.AUTO, Prepare.NEVER)
    ]
    some = spread(arguments.count, len(images))
    _print_table(
        f"{len(some):,} pictures",
        names,
        ((kind, accuracies(of_kind(kind, images[some]), labels[some], readers)) for kind in KINDS),
    )
    print(f"\n| {len(some):,} blank sheets | read as a digit |\n| --- | ---: |", flush=True)
    for kind in BLANKS:
        print(f"| {kind} | {share_read(kind, len(some)):.4f} |", flush=True)
    print()
    rows = (
        (name, accuracies(changed(change, images), labels, readers))
        for name, change in CHANGES.items()
    )
    _print_table(f"{len(images):,} images", names, rows)
    print()
    count = arguments.count // 5
    rows = (
        (style, accuracies(of_hand(style, count), np.full(count, int(style[0]), np.int8), readers))
        for style in HANDS
    )
    _print_table(f"{count:,} drawn digits", names, rows)


if __name__ == "__main__":
    main()
