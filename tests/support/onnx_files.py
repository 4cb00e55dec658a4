"""ONNX files of small networks, put together with `onnx`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Arrays = Sequence[npt.NDArray[Any]]

_random = np.random.default_rng(11)
KERNEL = (_random.normal(size=(784, 10)) / 28).astype(np.float32)
BIAS = _random.normal(size=10).astype(np.float32)


def dense(
    shape: Sequence[int | str | None] = ("n", 784),
    *,
    kernel: npt.NDArray[Any] = KERNEL,
    kind: int = TensorProto.FLOAT,
    ends: str = "Softmax",
    metadata: dict[str, str] | None = None,
    change: Callable[[onnx.ModelProto], object] | None = None,
) -> bytes:
    """Return a network of one dense layer.

    Args:
        shape: of the input; a name or None for an open size.
        kernel: of the layer, for float32.
        kind: the type of the input's numbers.
        ends: the operator at the end; empty for none.
        metadata: of the file.
        change: what is done to the file at the end.
    """
    numbers = TensorProto.DOUBLE if kind == TensorProto.DOUBLE else TensorProto.FLOAT
    dtype = np.float64 if kind == TensorProto.DOUBLE else np.float32
    arrays = {
        "kernel": kernel.astype(dtype),
        "bias": BIAS[: kernel.shape[1]].astype(dtype),
        "flat": np.array([-1, kernel.shape[0]], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["images"], ["values"], "cast", to=numbers),
        helper.make_node("Reshape", ["values", "flat"], ["rows"], "reshape"),
        helper.make_node("Gemm", ["rows", "kernel", "bias"], ["digits"], "digits"),
    ]
    if ends:
        nodes.append(helper.make_node(ends, ["digits"], ["ended"], "end"))
    last = nodes[-1].output[0]
    return model(
        nodes,
        [helper.make_tensor_value_info("images", kind, shape)],
        [helper.make_tensor_value_info(last, numbers, [shape[0], kernel.shape[1]])],
        arrays,
        metadata=metadata,
        change=change,
    )


def model(
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    arrays: dict[str, npt.NDArray[Any]],
    *,
    metadata: dict[str, str] | None = None,
    change: Callable[[onnx.ModelProto], object] | None = None,
) -> bytes:
    """Return the bytes of a network."""
    stored = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "network", inputs, outputs, stored)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    whole = helper.make_model(graph, producer_name="tests", opset_imports=opsets, ir_version=8)
    if metadata:
        helper.set_model_props(whole, metadata)
    if change:
        change(whole)
    content: bytes = whole.SerializeToString()
    return content
