"""Images and labels that belong together, and those that do not."""

from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions
from tests.support.forms.arrays import npz
from tests.support.forms.form import IMAGES, LABELS


def test_another_number_of_labels_is_refused_unless_none_are_read(tmp_path: Path) -> None:
    """Nobody could tell which image each is of."""
    path = npz(x_test=IMAGES, y_test=LABELS[:99])(tmp_path)
    with pytest.raises(LabelError, match="99 labels for 100 images"):
        open_inputs([path])
    assert open_inputs([path], ReadOptions(labels="none")).rows == 100


def test_an_array_of_another_shape_says_what_is_expected(tmp_path: Path) -> None:
    """In one line."""
    np.save(tmp_path / "x.npy", np.zeros((100, 12)))
    with pytest.raises(InputError, match=r"an array of shape \(100, 12\).*expected numbers of"):
        open_inputs([tmp_path / "x.npy"])
