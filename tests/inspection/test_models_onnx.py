"""What is told of an ONNX file that scikit-learn's classifiers are in."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from mnist_batch.inspection.models import inspect_model


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_classifier_of_scikit_learn_gives_probabilities_of_its_own(
    zipmap: bool, tmp_path: Path
) -> None:
    """What it learnt is in attributes, which nobody counts: not 0 parameters, and no logits."""
    pixels = np.random.default_rng(7).random((60, 784)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few iterations do
        classifier = LogisticRegression(max_iter=5).fit(pixels, np.arange(60) % 10)
    options = {id(classifier): {"zipmap": zipmap}}
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(classifier, pixels[:1], options=options).SerializeToString())
    found = inspect_model(path)
    assert (found.predictor, found.activation, found.parameters) == ("onnx", "probabilities", None)
    assert not [text for text in found.suspicious if "outputs" in text]
