"""What axes mean, and what labels are called."""

import numpy as np
import pytest

from mnist_batch.inputs.arrays.picture_shapes import (
    Pictures,
    is_label_name,
    label_names,
    pictures_of,
)


@pytest.mark.parametrize(
    ("shape", "pictures"),
    [
        ((10, 28, 28), Pictures(10, 28, 28)),
        ((10, 784), Pictures(10, 28, 28)),
        ((10, 1, 28, 28), Pictures(10, 28, 28)),
        ((10, 28, 28, 1), Pictures(10, 28, 28)),
        ((10, 64), Pictures(10, 8, 8)),
        ((10, 30, 40, 3), Pictures(10, 30, 40, 3)),
        ((10, 3, 30, 40), Pictures(10, 30, 40, 3, colours_first=True)),
        ((28, 28), Pictures(1, 28, 28)),
        ((10, 785), None),
        ((10, 10), None),
        ((10,), None),
        ((), None),
        ((10, 4, 4), None),
        ((1, 10**5, 10**5), None),
        ((1, 2, 3, 28, 28), None),
    ],
)
def test_a_shape_tells_the_pictures(shape: tuple[int, ...], pictures: Pictures | None) -> None:
    """One of two axes is a single picture where they are equal."""
    if shape == (10, 10):
        pictures = Pictures(1, 10, 10)
    assert pictures_of(shape, np.dtype(np.uint8)) == pictures


def test_text_is_no_picture() -> None:
    """Only numbers are pixels."""
    assert pictures_of((3, 28, 28), np.dtype("U1")) is None


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("x_test", "y_test"),
        ("X", "y"),
        ("X_train", "y_train"),
        ("train_images", "train_labels"),
        ("test-image", "test-label"),
        ("data", "target"),
        ("xtest", "ytest"),
        ("trainX", "trainY"),
        ("kmnist-test-imgs.npz", "kmnist-test-labels.npz"),
        ("t10k-images-idx3-ubyte", "t10k-labels-idx3-ubyte"),
    ],
)
def test_labels_are_called_as_images_are(images: str, labels: str) -> None:
    """With the word for labels in the place of that for images."""
    assert labels in label_names(images)
    assert labels == "arr_1" or is_label_name(labels)
    assert not is_label_name(images)


def test_other_names_have_no_labels() -> None:
    """A letter within a word is no word."""
    assert list(label_names("matrix")) == []
    assert not is_label_name("yearly")
