"""A predictor as a program calls it: what it takes, pickled, and as it is shown."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mnist_batch.inference.predictors import load_model
from mnist_batch.options import Scale

IMAGES = np.random.default_rng(0).integers(0, 256, (300, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda images: images / 255, r"got float64 \(300, 28, 28\): pass \(255 \* images\)"),
        (lambda images: images[0], r"got uint8 \(28, 28\), one image: pass images\[None\]"),
        (lambda images: images.reshape(-1, 784), r"got uint8 \(300, 784\); predict_images takes"),
        (lambda images: images[..., None], r"got uint8 \(300, 28, 28, 1\)"),
        (lambda images: images.astype(int), r"got int64 \(300, 28, 28\)"),
        (lambda images: images.tolist(), "got list"),
    ],
)
def test_images_of_another_kind_are_refused(
    wrong: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]], said: str
) -> None:
    """Read as they are, floats from 0 to 1 would be nearly black, and give some digit."""
    with pytest.raises(ValueError, match=rf"expected uint8 \(n, 28, 28\), .*{said}"):
        load_model().probabilities(wrong(IMAGES))


def test_a_pickled_predictor_gives_the_same_in_another_process(tmp_path: Path) -> None:
    """Bit by bit, at the scale that it had; it takes little more than its weights."""
    predictor = load_model().at_scale(Scale.MINUS_ONE_TO_ONE)
    pickled = tmp_path / "predictor.pickle"
    pickled.write_bytes(pickle.dumps(predictor))
    assert pickled.stat().st_size < 2 * 4 * 109_386  # float32 parameters
    np.save(tmp_path / "images.npy", IMAGES)
    code = (
        "import pickle, numpy as np; predictor = pickle.load(open('predictor.pickle', 'rb'));"
        "np.save('found.npy', predictor.probabilities(np.load('images.npy')));"
        "print(predictor.scale, predictor.name)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert said.stdout == "-1-1 numpy\n"
    found = np.load(tmp_path / "found.npy")
    np.testing.assert_array_equal(found, predictor.probabilities(IMAGES))


def test_a_predictor_is_shown_on_one_short_line() -> None:
    """By its file and what runs it, without its weights."""
    assert repr(load_model()) == "Predictor('MNIST.h5', on='numpy', scale='0-1', classes=10)"
