"""The work whose instructions are counted: `python -m benchmarks.counted PART FOLDER`.

Each piece of it begins after a call of `getppid`, where `benchmarks.instructions` has the counters
written and begun anew. With `--prepare` it writes the images, in a process that is not counted.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mnist_batch.mnist import PIXELS

DIGITS = Path(__file__).parent.parent / "examples" / "digits"
ROWS = 20_000
"""Images of a call of a kernel."""

KERNELS = ("decode_pngs", "check_form", "sum_pixels", "multiply_pixels")
_UNITS = 128
"""Those of the default model's first layer."""

LOOP = "Parquet to predictions"
FEW, MANY = 2048, 6144
"""Images of two runs, whose difference has nothing of what a run takes whatever its images are."""


def kernels(folder: Path) -> Sequence[Callable[[], object]]:
    """Return a call of each kernel of `KERNELS`."""
    from mnist_batch._kernels import dense, images, png

    data, bounds = np.load(folder / "data.npy"), np.load(folder / "bounds.npy")
    pixels, sums = np.empty((ROWS, PIXELS), np.uint8), np.empty(ROWS, np.uint32)
    wanted, found = np.ones(ROWS, np.bool_), np.empty(ROWS, np.bool_)
    product = dense.PixelProduct(np.ones((PIXELS, _UNITS), np.float32), None)
    return [
        lambda: png.decode_pngs(data, bounds, wanted, pixels, found),
        lambda: images.check_form(pixels, 20, 14, 1.0, found),
        lambda: images.sum_pixels(pixels, sums),
        lambda: product(pixels.reshape(ROWS, 28, 28), ROWS),
    ]


def loop(folder: Path) -> Sequence[Callable[[], object]]:
    """Return predictions of `FEW` and `MANY` images, by one worker and without a report."""
    from mnist_batch.commands.predict import predict

    def run(rows: int) -> object:
        return predict(
            folder / f"{rows}.parquet", folder / "out.parquet", workers=1, report=False,
            overwrite=True,
        )  # fmt: skip

    return [lambda: run(FEW), lambda: run(MANY)]


def prepare(folder: Path) -> None:
    """Write the sample digits, repeated, as one array of bytes and as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [path.read_bytes() for path in sorted(DIGITS.rglob("*.png"))]
    files = (files * -(-ROWS // len(files)))[:ROWS]
    np.save(folder / "data.npy", np.frombuffer(b"".join(files), np.uint8))
    np.save(folder / "bounds.npy", np.cumsum([0, *map(len, files)], dtype=np.int32))
    table = pa.table({"image": [{"bytes": content} for content in files]})
    for rows in (FEW, MANY):
        pq.write_table(table.slice(0, rows), folder / f"{rows}.parquet", row_group_size=FEW)


def main() -> None:
    """Prepare, or do the first piece to warm up, and then each of them."""
    part, folder = sys.argv[1], Path(sys.argv[2])
    if sys.argv[-1] == "--prepare":
        prepare(folder)
        return
    pieces = kernels(folder) if part == "kernels" else loop(folder)
    pieces[0]()
    for piece in pieces:
        os.getppid()
        piece()
    os._exit(0)  # clearing up would count


if __name__ == "__main__":
    main()
