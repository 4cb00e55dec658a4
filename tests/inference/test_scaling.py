"""Pixels are scaled to the range that a network wants, as it is told or as its file says."""

from pathlib import Path

import numpy as np
import pytest

from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.predictors import load_model
from mnist_batch.inference.scaling import scaled
from mnist_batch.options import Scale

pytestmark = pytest.mark.usefixtures("models_read_here")

keras = import_keras()


def test_scale_of_the_file_is_said_and_can_be_overruled(tmp_path: Path) -> None:
    """A model that rescales takes pixels as 0-255 and the notes say so; --scale is stronger."""
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Dense(10, "softmax")]
    keras.Sequential([keras.Input((784,)), *layers]).save(tmp_path / "model.keras")
    model = load_model(tmp_path / "model.keras")
    assert (model.scale, model.notes) == (
        "0-255",
        ["takes pixels as 0-255, as its first layers say"],
    )
    named = load_model(tmp_path / "model.keras", scale="0-1")
    assert (named.scale, named.notes) == ("0-1", [])


@pytest.mark.parametrize(
    ("scale", "black", "middle", "white"),
    [
        (Scale.ZERO_TO_ONE, 0, 0.2, 1),
        (Scale.BYTES, 0, 51, 255),
        (Scale.MINUS_ONE_TO_ONE, -1, -0.6, 1),
        (Scale.MINUS_HALF_TO_HALF, -0.5, -0.3, 0.5),
    ],
)
def test_scales_run_from_black_to_white(
    scale: Scale, black: float, middle: float, white: float
) -> None:
    """Pixels 0, 51 (a fifth) and 255 land at the ends and a fifth of each scale, as float32."""
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, 0, :2] = (51, 255)
    inputs = scaled(images, scale)
    assert inputs.shape == (2, 784)
    assert inputs.dtype == np.float32
    assert inputs[1, :3] == pytest.approx([middle, white, black], abs=1e-6)
    assert images[1, 0, 1] == 255  # the images themselves stay


def test_an_unknown_scale_is_answered_with_the_known_ones() -> None:
    """In the words of the option."""
    with pytest.raises(ValueError, match=r"^scale '0-2': expected one of 0-1, 0-255, -1-1, -0.5-"):
        load_model(scale="0-2")
