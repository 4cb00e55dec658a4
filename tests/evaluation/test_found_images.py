"""Images are found again as the network saw them, with what they were made of."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_batch.errors import InputError
from mnist_batch.evaluation.found_images import Place, find_images
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import Prepare
from mnist_batch.preprocessing.mnist_form import in_mnist_form
from mnist_batch.synthetic.generator import draw_digits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of digits in MNIST form, inverted, and in another size."""
    images, _ = draw_digits(9, seed=1)
    for number, image in enumerate(images):
        if number % 3 == 1:
            image = 255 - image
        elif number % 3 == 2:
            image = np.kron(255 - image, np.ones((4, 4), np.uint8))
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    return tmp_path


def places_of(*numbers: int) -> list[Place]:
    """Return some rows of the folder."""
    return [Place(number, f"{number}.png", 0) for number in numbers]


def test_images_come_by_index(folder: Path) -> None:
    """An image in MNIST form has no original, the others have what was read, reduced."""
    found = find_images(places_of(0, 1, 5), open_inputs([folder]), 9, Prepare.AUTO)
    assert list(found) == [0, 1, 5]
    assert in_mnist_form(np.stack([one.image for one in found.values()])).all()
    assert found[0].original is None
    with Image.open(folder / "1.png") as picture:
        np.testing.assert_array_equal(found[1].original, np.asarray(picture))
    original = found[5].original
    assert original is not None
    assert original.shape == (64, 64)


def test_other_inputs_are_refused(folder: Path) -> None:
    """By their number of rows, and by the name of a row."""
    opened = open_inputs([folder])
    with pytest.raises(InputError, match="differ in rows: 9 and 10;"):
        find_images(places_of(1), opened, 10, Prepare.AUTO)
    with pytest.raises(InputError, match=r"has 1.png \(row 0\) where the predictions have b.png"):
        find_images([Place(1, "b.png", 0)], opened, 9, Prepare.AUTO)
