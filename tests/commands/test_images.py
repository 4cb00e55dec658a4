"""Predict and prepare pictures in memory."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.errors import InputError
from mnist_batch.preprocessing.mnist_form import in_mnist_form


def _digits(folder: Path) -> tuple[list[Path], list[int]]:
    paths = sorted(folder.glob("*/*.png"))
    return paths, [int(path.parent.name) for path in paths]


def test_the_predictions_are_those_of_the_files(digits_folder: Path) -> None:
    """An array of the images is predicted as `stream` predicts their folder, bit by bit."""
    streamed = [row for batch in mnist_batch.stream(digits_folder) for row in batch.to_pylist()]
    paths = [digits_folder / row["source"] for row in streamed if row["prediction"] is not None]
    images = np.stack([np.asarray(Image.open(path).convert("L")) for path in paths])
    table = mnist_batch.predict_images(images, probabilities=True)
    expected = [row for row in streamed if row["prediction"] is not None]
    for name in ("prediction", "confidence", "prepared"):
        assert table[name].to_pylist() == [row[name] for row in expected]
    assert table["row"].to_pylist() == [*range(len(paths))]
    assert set(table["source"].to_pylist()) == {"image"}
    assert len(table["probabilities"][0]) == 10


def test_examples_are_read_whatever_holds_them() -> None:
    """All 100 drawn digits, as paths, as PIL images, and large and inverted."""
    paths, truth = _digits(Path("examples/digits"))
    pictures = [Image.open(path) for path in paths]
    large = [picture.resize((200, 200)).point(lambda value: 255 - value) for picture in pictures]
    for images in (paths, pictures, large):
        table = mnist_batch.predict_images(images)
        right = np.equal(table["prediction"].to_pylist(), truth)
        assert right.mean() >= 0.98
    assert table["prepared"].to_pylist() == [True] * len(paths)


def test_prepared_images_are_what_the_network_sees() -> None:
    """Images in MNIST form come back as they are; a large dark one comes in that form."""
    paths, _ = _digits(Path("examples/digits"))
    images = np.stack([np.asarray(Image.open(path)) for path in paths])
    np.testing.assert_array_equal(mnist_batch.prepare_images(images), images)
    corner = np.full((100, 80), 255, np.uint8)
    corner[60:88, 40:68] = 255 - images[0]
    [seen] = mnist_batch.prepare_images(corner)
    assert in_mnist_form(seen[None]).all()


def test_a_picture_without_a_digit_is_no_black_image() -> None:
    """It is an error of `prepare_images`, and a row with a reason of `predict_images`."""
    images = [np.zeros((28, 28), np.uint8)]
    with pytest.raises(InputError, match=r"images\[0\]: no digit found; leave it out"):
        mnist_batch.prepare_images(images)
    [row] = mnist_batch.predict_images(images).to_pylist()
    assert (row["prediction"], row["error"]) == (None, "no digit found")


def test_a_table_becomes_a_data_frame() -> None:
    """With one row a picture."""
    paths, truth = _digits(Path("examples/digits"))
    frame = mnist_batch.predict_images(paths[:7]).to_pandas()
    assert frame["prediction"].tolist() == truth[:7]
