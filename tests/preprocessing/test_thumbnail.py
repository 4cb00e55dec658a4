"""Thumbnails are small, keep their proportions, and cost no prediction."""

import sys

import numpy as np
import pytest
from PIL import Image

from mnist_batch.preprocessing.thumbnail import thumbnail


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((128, 64), (64, 32)),
        ((100, 300), (21, 64)),
        ((1, 5000), (1, 64)),
        ((64, 64), (64, 64)),
        ((1, 1), (1, 1)),
    ],
)
def test_the_longer_side_is_at_most_64(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    """Small pictures stay as they are."""
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    found = thumbnail(picture)
    assert found is not None
    assert found.shape == expected
    assert not np.shares_memory(found, picture)


def test_each_pixel_is_the_mean_of_those_it_stands_for() -> None:
    """As Pillow's box filter has it."""
    picture = np.random.default_rng(1).integers(0, 256, (256, 192), np.uint8)
    found = thumbnail(picture)
    assert found is not None
    expected = np.asarray(Image.fromarray(picture).resize((48, 64), Image.Resampling.BOX))
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_what_cannot_be_reduced_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where OpenCV cannot be loaded."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert thumbnail(np.zeros((100, 100), np.uint8)) is None
