"""Run the network of an ONNX file on a few images in a child process that can do no harm.

How much memory and time a network takes is known only once it runs: a few bytes can stand for an
array of any size. So a child that may take little builds and runs it first; see
`models.reading_process`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.inference.onnx import runtime
from mnist_batch.mnist import PIXELS
from mnist_batch.models.layers import as_taken, digit_shape
from mnist_batch.models.model_file import OnnxFile
from mnist_batch.models.reading_process import begun, limited_output, own_memory, say
from mnist_batch.options import Device

_ROWS = 4
_MEMORY = 2**30
"""Bytes that a network may take for its constants and for so few images."""

_PROGRAM = """
from mnist_batch.inference.onnx import trial
trial.main(*map(int, sys.argv[1:]))
"""


@dataclass(frozen=True)
class Trial:
    """What a network did with a few images."""

    rows: int  # how many it took at once: 1 where it takes no more
    output_shape: Sequence[int]  # of one image
    gives_probabilities: bool  # whether each row is of positive numbers whose sum is 1


def tried(file: OnnxFile) -> Trial:
    """Run a network on a few images.

    Raises:
        ModelError: it does not take a digit; ONNX Runtime cannot build or run it; it takes too much
            memory or time; what it gives for an image depends on the others.
    """
    shape = file.input.shape or ()
    asked = {
        "input": file.input.name,
        "kind": file.input.kind,
        "white": 1 if file.own_scale() else 255,
        "shape": digit_shape(shape[1:]),
        "rows": shape[0] or _ROWS,
        "open": shape[0] is None,
        "output": file.output.name,
    }
    content = json.dumps(asked).encode() + b"\n" + runtime.content_of(file)
    memory = own_memory(len(content)) + _MEMORY
    said = json.loads(limited_output(_PROGRAM, content, memory, "trying"))
    if "error" in said:
        raise ModelError(said["error"])
    return Trial(**said)


def main(memory: int, cpu_s: int) -> None:
    """Run the network on standard input, and write what it did to standard output."""
    library = runtime.import_onnxruntime()
    head, _, content = begun(memory, cpu_s).partition(b"\n")
    asked = json.loads(head)
    try:
        say(vars(_run(library, content, asked)))
    except ModelError as error:
        say({"error": str(error)})
    except Exception as error:  # noqa: BLE001 - ONNX Runtime raises nearly any type
        say({"error": f"ONNX Runtime cannot run this model: {runtime.cause(error)}"})


def _run(library: Any, content: bytes, asked: dict[str, Any]) -> Trial:  # noqa: ANN401 - no types
    session = runtime.opened(library, content, Device.CPU)

    def outputs(images: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        given = as_taken(images, asked["shape"]).astype(asked["kind"])
        [values] = session.run([asked["output"]], {asked["input"]: given})
        return np.asarray(values)

    rows = asked["rows"]
    # Squares modulo a prime look random, and need no module that no one can open now.
    images = (np.arange(1, rows * PIXELS + 1) ** 2 % 257 % 256).astype(np.float32)
    images = images.reshape(rows, PIXELS) / np.float32(asked["white"])
    images[0] = 0
    try:
        values = outputs(images)
    except Exception:
        if not asked["open"]:
            raise
        rows, images = 1, images[:1]  # exported for one image, without saying so
        values = outputs(images)
    if values.ndim < 1 or len(values) != rows:
        raise ModelError(f"gives {values.shape} for {rows} images; expected a row for each")
    turned = outputs(images[::-1])[::-1]
    if not np.allclose(values, turned, rtol=1e-3, atol=1e-4, equal_nan=True):
        raise ModelError(
            "what it gives for an image depends on the others, as in training; export it as for "
            "prediction: model.eval()"
        )
    sums = values.reshape(rows, -1).astype(np.float64).sum(axis=1)
    positive = bool((values >= 0).all() and np.allclose(sums, 1, atol=1e-3))
    return Trial(rows, values.shape[1:], positive)
