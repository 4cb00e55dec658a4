"""A network tells of itself what its operations do."""

import pytest

from mnist_batch.models.onnx.reading import read_onnx
from tests.support.onnx_files import dense


@pytest.mark.parametrize(
    ("ends", "activation"),
    [("Softmax", "softmax"), ("Sigmoid", "sigmoid"), ("", "linear"), ("LogSoftmax", "log_softmax")],
)
def test_the_last_operation_tells_the_activation(ends: str, activation: str) -> None:
    """Logits have none."""
    assert read_onnx(dense(ends=ends)).activation == activation
