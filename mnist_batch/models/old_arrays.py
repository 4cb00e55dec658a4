"""Arrays that old versions of Keras stored in a form of their own, as Keras 3 takes them."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from mnist_batch.models.stored import Weights

_Array = npt.NDArray[np.float32]


def as_keras_3(class_name: str, arrays: Weights) -> Weights:
    """Return the arrays of a layer as the layer has them that does the same in Keras 3.

    Args:
        class_name: the layer's class in the file.
        arrays: those stored.

    Raises:
        ValueError: they are not of the number or shapes that the layer has.
    """
    return _CONVERTED[class_name](arrays) if class_name in _CONVERTED else arrays


def turned(kernel: _Array) -> _Array:
    """Return a kernel of Theano's convolution: that starts at the other end of each spatial axis.

    Args:
        kernel: height and width, or other spatial axes, then inputs and outputs.
    """
    return np.flip(kernel, axis=tuple(range(kernel.ndim - 2)))


def _of_cudnn(gates: int, bias: Callable[[_Array], _Array]) -> Callable[[Weights], Weights]:
    """Return what converts a layer of the cuDNN library: it has a row for each unit of a gate.

    As `preprocess_weights_for_loading` of Keras 2 says. It holds each gate's kernel in the shape
    of its transpose, and two biases, for the inputs and for the state.
    """

    def converted(arrays: Weights) -> Weights:
        kernel, recurrent, biases = arrays
        return [
            np.hstack([part.reshape(part.shape[::-1]).T for part in np.hsplit(kernel, gates)]),
            np.hstack([part.T for part in np.hsplit(recurrent, gates)]),
            bias(biases),
        ]

    return converted


_CONVERTED: Mapping[str, Callable[[Weights], Weights]] = {
    "CuDNNLSTM": _of_cudnn(4, lambda biases: biases.reshape(2, -1).sum(axis=0)),
    "CuDNNGRU": _of_cudnn(3, lambda biases: biases.reshape(2, -1)),
}
