"""The digits that are predicted, in each form that they come in, and what has to come out.

The real MNIST's training images where `MNIST_DATA` names its folder, else digits that the project
draws. Each form is made when it is first asked for. What has to come out is computed by Pillow and
the plain network, not by the code that is measured.
"""

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from benchmarks.plain_network import Images, PlainNetwork
from mnist_batch.synthetic import generator

LARGE = 10
"""How many times the rows of the large form are those of the small one."""

MIXED_FORMATS = ("png", "jpg", "bmp", "gif", "tif", "webp", "pgm")
"""The formats of the mixed folder, in turn; JPEG of quality 95, WebP without loss."""

# What they are called; in brackets the rows of a row group.
FORMS = {
    "parquet-100": "PNG Parquet (100)",
    "parquet-10000": "PNG Parquet (10,000)",
    "packed": "packed Parquet",
    "folder": "folder of PNG files",
    "mixed": "folder of mixed formats",
}

_LEAST_ACCURACY = 0.95
"""That of the default model is above it on either data; a wrong decoder or network is far below."""
_DIFFERING = 0.001
"""Share of rows that may be another digit: where two are nearly as likely, rounding decides."""
_DRAWN = 10_000
"""Different digits that are drawn: to draw 60,000 takes longer than all that is measured."""


@dataclass(frozen=True)
class Source:
    """Digits in one form.

    Attributes:
        path: a file or a folder.
        form: a key of `FORMS`.
        labels: int8 (n,), by row of a Parquet file or number in a file's name.
        expected: int8 (n,), what the network takes each for.
    """

    path: Path
    form: str
    labels: npt.NDArray[np.int8] = field(repr=False)
    expected: npt.NDArray[np.int8] = field(repr=False)

    @property
    def rows(self) -> int:
        """The number of digits."""
        return len(self.labels)

    def check(self, predictions: pa.Table) -> None:
        """Assert that predictions of mnist-batch, row by row, are what they have to be."""
        assert predictions.num_rows == self.rows
        order = np.arange(self.rows)
        if self.path.is_dir():
            order = np.array([int(Path(name).stem) for name in predictions["source"].to_pylist()])
            np.testing.assert_array_equal(np.sort(order), np.arange(self.rows))
        np.testing.assert_array_equal(predictions["label"].to_numpy(), self.labels[order])
        digits = predictions["prediction"].to_numpy()  # of floats where one is missing
        assert np.mean(digits == self.expected[order]) >= 1 - _DIFFERING
        assert np.mean(digits == self.labels[order]) > _LEAST_ACCURACY

    def check_counts(self, predictions: pa.Table) -> None:
        """Assert the same by how often each label got each digit: some ways keep no order."""
        pairs = 10 * predictions["label"].to_numpy() + predictions["prediction"].to_numpy()
        counts = np.bincount(pairs, minlength=100)
        expected = np.bincount(10 * self.labels + self.expected, minlength=100)
        assert counts.sum() == self.rows
        assert np.abs(counts - expected).sum() / 2 <= self.rows * _DIFFERING
        assert np.trace(counts.reshape(10, 10)) / self.rows > _LEAST_ACCURACY


class Digits:
    """The digits of a session, and the folder where their forms are."""

    def __init__(self, folder: Path, rows: int, network: PlainNetwork) -> None:
        """Take the real MNIST or draw digits.

        Args:
            folder: where files go.
            rows: digits of the small form, at most 60,000.
            network: what tells the digits that have to come out.
        """
        self.folder = folder
        self.rows = rows
        self.network = network
        mnist = os.environ.get("MNIST_DATA")
        self.name = "MNIST" if mnist else "generated"
        self._table = _mnist(Path(mnist), rows) if mnist else _drawn(folder, rows)
        self._sources: dict[tuple[str, int], Source] = {}

    @cached_property
    def labels(self) -> npt.NDArray[np.int8]:
        """The truth, int8 (rows,)."""
        return np.asarray(self._table["label"].to_numpy(), np.int8)

    @cached_property
    def images(self) -> Images:
        """The pixels, uint8 (rows, 28, 28), decoded by Pillow."""
        return np.stack([_pixels(content) for content in self._contents])

    @cached_property
    def expected(self) -> npt.NDArray[np.int8]:
        """What the network takes each for, int8 (rows,)."""
        return self.network.digits(self.images)

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of all pixels and labels, whatever form they are read in."""
        return hashlib.sha256(self.images.tobytes() + self.labels.tobytes()).hexdigest()

    def source(self, form: str, *, large: bool = False) -> Source:
        """Return the digits in one form, made when first asked for."""
        times = LARGE if large else 1
        key = form, times
        if key not in self._sources:
            path, expected = self._make[form](times), self.expected
            if form == "mixed":  # JPEG changes pixels
                files = sorted(path.glob("*/*"), key=lambda file: file.stem)
                images = np.stack([_pixels(file.read_bytes()) for file in files])
                expected = self.network.digits(images)
            labels = np.tile(self.labels, times)
            self._sources[key] = Source(path, form, labels, np.tile(expected, times))
        return self._sources[key]

    def first(self, rows: int, form: str) -> Source:
        """Return the first few digits as a Parquet file or as a folder of PNG files."""
        path = self.folder / (f"first-{rows}" if form == "folder" else f"first-{rows}.parquet")
        if form != "folder":
            pq.write_table(self._table.slice(0, rows), path)
        elif not path.exists():
            self._write_png_files(_class_folders(path), rows)
        return Source(path, form, self.labels[:rows], self.expected[:rows])

    @property
    def _make(self) -> Mapping[str, Callable[[int], Path]]:
        return {
            "parquet-100": lambda times: self._parquet(times, 100),
            "parquet-10000": lambda times: self._parquet(times, 10_000),
            "packed": self._packed,
            "folder": self._png_folder,
            "mixed": self._mixed_folder,
        }

    @cached_property
    def _contents(self) -> list[bytes]:
        contents: list[bytes] = self._table["image"].combine_chunks().field("bytes").to_pylist()
        return contents

    def _parquet(self, times: int, group: int) -> Path:
        path = self.folder / f"{times}-groups-of-{group}.parquet"
        pq.write_table(pa.concat_tables([self._table] * times), path, row_group_size=group)
        return path

    def _packed(self, times: int) -> Path:
        path = self.folder / f"{times}-packed.parquet"
        source = self.source("parquet-10000", large=times > 1).path
        command = [sys.executable, "-m", "mnist_batch", "pack", str(source), "--out", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return path

    def _png_folder(self, times: int) -> Path:
        folder = _class_folders(self.folder / f"{times}-png")
        if times == 1:
            self._write_png_files(folder, self.rows)
            return folder
        # Links: the files are read the same, and 600,000 new ones would fill a small disk.
        small = self.source("folder").path
        for k in range(self.rows * times):
            digit, of = str(self.labels[k % self.rows]), k % self.rows
            (folder / digit / f"{k:06d}.png").hardlink_to(small / digit / f"{of:06d}.png")
        return folder

    def _write_png_files(self, folder: Path, rows: int) -> None:
        for k, content in enumerate(self._contents[:rows]):
            (folder / str(self.labels[k]) / f"{k:06d}.png").write_bytes(content)

    def _mixed_folder(self, times: int) -> Path:
        assert times == 1, "decoding by Pillow: ten times the rows take ten times as long"
        folder = _class_folders(self.folder / "mixed")
        for k, image in enumerate(self.images):
            suffix = MIXED_FORMATS[k % len(MIXED_FORMATS)]
            path = folder / str(self.labels[k]) / f"{k:06d}.{suffix}"
            Image.fromarray(image).save(path, quality=95, lossless=True)
        return folder


def _class_folders(folder: Path) -> Path:
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
    return folder


def _pixels(content: bytes) -> Images:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("L"))


def _mnist(folder: Path, rows: int) -> pa.Table:
    (path,) = folder.glob("train-*.parquet")
    return pq.read_table(path).slice(0, rows)


def _drawn(folder: Path, rows: int) -> pa.Table:
    """Return digits of the project's own generator, the same ones again after `_DRAWN`."""
    workers = os.cpu_count() or 1
    seeds = range(10)
    paths = [folder / f"drawn-{seed}.parquet" for seed in seeds]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_draw, paths, seeds))
    table = pa.concat_tables([pq.read_table(path) for path in paths])
    return pa.concat_tables([table] * -(-rows // len(table))).slice(0, rows)


def _draw(path: Path, seed: int) -> None:
    generator.write_parquet(path, _DRAWN // 10, seed=seed)
