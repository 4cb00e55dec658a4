"""MNIST's sizes and form, held against the files of the original data set."""

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mnist_batch.mnist import BOX, CENTRE, CLASSES, PIXELS, SIDE


def test_images_have_the_size_in_the_header(mnist: Path) -> None:
    """Of the IDX file: magic number, count, rows, columns."""
    content = gzip.decompress((mnist / "t10k-images-idx3-ubyte.gz").read_bytes())
    assert struct.unpack(">4I", content[:16]) == (0x803, 10_000, SIDE, SIDE)
    assert len(content) - 16 == 10_000 * PIXELS


def test_labels_are_the_classes(mnist_test_labels: npt.NDArray[np.uint8]) -> None:
    """All ten."""
    assert np.unique(mnist_test_labels).tolist() == list(range(CLASSES))


def test_ink_fits_the_box(mnist_test_images: npt.NDArray[np.uint8]) -> None:
    """Rows and columns from the first with ink to the last, of each image."""
    for axis in (1, 2):
        ink = mnist_test_images.max(axis=axis) > 0
        sizes = SIDE - ink.argmax(axis=1) - ink[:, ::-1].argmax(axis=1)
        assert sizes.max() == BOX


def test_ink_has_its_centre_of_mass_in_the_centre(
    mnist_test_images: npt.NDArray[np.uint8],
) -> None:
    """To half a pixel, rows and columns counted from 0."""
    images = mnist_test_images.astype(np.float64)
    for axis in (1, 2):
        masses = images.sum(axis=axis)
        centres = masses @ np.arange(SIDE) / masses.sum(axis=1)
        assert np.abs(centres - CENTRE).max() <= 0.5
