"""What a network tells apart goes by the names that its file gives."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC

from mnist_batch.errors import ModelError
from mnist_batch.inference.predictors import load_model
from tests.support.onnx_files import BIAS, KERNEL, dense

IMAGES = np.random.default_rng(7).integers(0, 256, (300, 28, 28)).astype(np.uint8)
PIXELS = IMAGES.reshape(-1, 784).astype(np.float64) / 255
LOGITS = PIXELS @ KERNEL + BIAS


def written(content: bytes, folder: Path) -> Path:
    """Write a model file."""
    path = folder / "model.onnx"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("labels", "digits"),
    [
        ("{'0': 'one', '1': 'zero', '2': '2', '3': '7'}", [1, 0, 2, 7]),
        ("1,7,9", [1, 7, 9]),
        ("9, 8, 7, 6, 5, 4, 3, 2, 1, 0", [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
    ],
)
def test_names_that_are_digits_mean_these_digits(
    labels: str, digits: list[int], tmp_path: Path
) -> None:
    """In any order, and some of them: the others have a probability of 0."""
    count = len(digits)
    path = written(dense(kernel=KERNEL[:, :count], metadata={"names": labels}), tmp_path)
    loaded = load_model(path)
    assert loaded.classes.are_digits
    found = loaded.probabilities(IMAGES)
    np.testing.assert_allclose(found[:, digits], softmax(LOGITS[:, :count], axis=1), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert found.shape == (300, 10)


def test_labels_of_a_classifier_that_are_some_digits_mean_them(tmp_path: Path) -> None:
    """As scikit-learn has learnt them."""
    digits = np.array([1, 7, 9])[np.arange(300) % 3]
    forest = RandomForestClassifier(5, random_state=0).fit(PIXELS.astype(np.float32), digits)
    content = to_onnx(forest, PIXELS[:1].astype(np.float32)).SerializeToString()
    found = load_model(written(content, tmp_path)).probabilities(IMAGES)
    expected = forest.predict(PIXELS.astype(np.float32))
    assert np.mean(found.argmax(axis=1) == expected) > 0.9


def test_numbers_for_pairs_of_classes_are_refused(tmp_path: Path) -> None:
    """45 are no 45 classes."""
    digits = np.arange(300) % 10
    pixels = PIXELS.astype(np.float32)
    classifier = SVC(decision_function_shape="ovo").fit(pixels, digits)
    content = to_onnx(classifier, pixels[:1], options={"zipmap": False}).SerializeToString()
    with pytest.raises(ModelError, match="45 numbers for its 10 classes, one for each pair; exp"):
        load_model(written(content, tmp_path))


def test_a_note_says_how_names_are_numbered_or_left_out(tmp_path: Path) -> None:
    """Labels that are numbers are places of the names."""
    path = written(dense(metadata={"names": "a,b,c,d,e,f,g,h,i,j"}), tmp_path)
    [note] = load_model(path).notes
    assert "as its file names them: 0 is 'a', 1 is 'b', 2 is 'c'; so do labels" in note
    path = written(dense(metadata={"names": "a,b,c"}), tmp_path)
    assert load_model(path).notes == ["names 3 classes and tells 10 apart: goes without names"]
