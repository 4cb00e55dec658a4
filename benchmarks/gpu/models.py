"""Write what is measured: models for Keras and for ONNX Runtime, images, and what they give.

`python -m benchmarks.gpu.models FOLDER ROWS`. The weights of the convolutional network are random:
what they are does not change its speed.
"""

import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.small_cnn import network
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.models.model_file import DEFAULT_MODEL
from mnist_batch.synthetic import generator

IMAGES = 4096
"""Of those whose outputs are compared."""

_DIFFERENT = 5000

Array = npt.NDArray[np.float32]


def write(folder: Path, rows: int) -> None:
    """Write all files; `rows` images as PNG into a Parquet file."""
    digits = folder / "digits.parquet"
    if mnist := os.environ.get("MNIST_DATA"):
        digits.symlink_to(next(Path(mnist).resolve().glob("train*.parquet")))
    else:
        _drawn(digits, rows)
    images, _ = generator.draw_digits(IMAGES)
    keras = import_keras()
    keras.utils.set_random_seed(0)
    models = {
        "dense": keras.models.load_model(DEFAULT_MODEL, compile=False),
        "cnn": network(keras),
    }
    expected = {}
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
        inputs = np.float32(1 / 255) * images.reshape(-1, *model.input_shape[1:])
        expected[name] = model.predict(inputs, batch_size=256, verbose=0)
    np.savez(folder / "images.npz", images=images, **expected)
    for name, model in models.items():
        (folder / f"{name}.onnx").write_bytes(_onnx(name, model.get_weights()))


def _drawn(path: Path, rows: int) -> None:
    """Write digits that are drawn, and again from the first: to draw 60,000 takes a minute."""
    generator.write_parquet(path, min(rows, _DIFFERENT))
    table = pq.read_table(path)
    again = [table] * math.ceil(rows / table.num_rows)
    pq.write_table(pa.concat_tables(again).slice(0, rows), path, row_group_size=10_000)


def _onnx(name: str, weights: list[Array]) -> bytes:
    """Return an ONNX file of a network that takes pixels as bytes, (n, 784), and scales them."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    arrays = {f"w{number}": array for number, array in enumerate(weights)}
    arrays["factor"] = np.array(1 / 255, np.float32)
    nodes = [
        helper.make_node("Cast", ["pixels"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "factor"], ["inputs"]),
    ]
    last = "inputs"

    def add(kind: str, *more: str, **attributes: Any) -> None:  # noqa: ANN401 - of ONNX
        nonlocal last
        out = f"t{len(nodes)}"
        nodes.append(helper.make_node(kind, [last, *more], [out], **attributes))
        last = out

    if name == "cnn":
        arrays["image"] = np.array([-1, 1, 28, 28])
        add("Reshape", "image")
        for number in (0, 2):  # Keras keeps (height, width, in, out), ONNX (out, in, height, width)
            arrays[f"w{number}"] = arrays[f"w{number}"].transpose(3, 2, 0, 1)
            add("Conv", f"w{number}", f"w{number + 1}")
            add("Relu")
            add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        add("Transpose", perm=[0, 2, 3, 1])
        add("Flatten")
    dense = range(4 if name == "cnn" else 0, len(weights), 2)
    for number in dense:
        add("Gemm", f"w{number}", f"w{number + 1}")
        add("Softmax" if number == dense[-1] else "Relu")
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", 784])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(np.ascontiguousarray(value), at) for at, value in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
