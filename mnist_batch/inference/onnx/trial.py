"""Run the network of an ONNX file on a few images in a child process that can do no harm.

How much memory and time a network takes is known only once it runs: a few bytes can stand for an
array of any size. So a child that may take little builds and runs it first, with as many images as
it gets at once later; see `models.reading_process`.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.inference.onnx import runtime
from mnist_batch.machine.failures import is_out_of_memory
from mnist_batch.mnist import PIXELS
from mnist_batch.models.layers import as_taken, digit_shape
from mnist_batch.models.model_file import OnnxFile
from mnist_batch.models.reading_process import begun, limited_output, own_memory, say
from mnist_batch.options import Device

BLOCK_ROWS = 256  # measured: 3.0 us an image of Dense 128-64-10, 3.6 at 128, 4.5 at 32; NumPy 6.8
MOST_ROWS = 2**15
"""Images that a network may take at once, where it takes a fixed number: 100 MB as float32."""

_ROWS = 4
_SLOW_S = 0.125
"""Processor time for so few images from which more at once gain nothing. Below it a block and its
halves take less than half of what the child has."""

_MEMORY = 2**30
"""Bytes that a network may take for its constants and for a block of images."""

_PROGRAM = """
from mnist_batch.inference.onnx import trial
trial.main(*map(int, sys.argv[1:]))
"""


@dataclass(frozen=True)
class Trial:
    """What a network did with a few images."""

    rows: int  # how many it takes at once within the limit of memory: 1 where it takes no more
    lacks_memory: bool  # whether more would have needed more memory
    output_shape: Sequence[int]  # of one image
    gives_probabilities: bool  # whether each row is of positive numbers whose sum is 1


def tried(file: OnnxFile) -> Trial:
    """Run a network on a few images.

    Raises:
        ModelError: it does not take a digit; ONNX Runtime cannot build or run it; it takes too much
            memory or time; what it gives for an image depends on the others.
    """
    shape = file.input.shape or ()
    if shape and shape[0] is not None and shape[0] > MOST_ROWS:
        raise ModelError(
            f"takes {shape[0]:,} images at once; expected {MOST_ROWS:,} at most; export it with an "
            "open number of images (dynamic_axes of torch.onnx.export)"
        )
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
    images = _images(rows, asked["white"])
    try:
        values = outputs(images)
    except Exception as error:
        if not asked["open"]:
            raise
        lacks_memory = is_out_of_memory(error)
        rows, images = 1, images[:1]  # exported for one image, without saying so
        values = outputs(images)
    else:
        lacks_memory = False
    if values.ndim < 1 or len(values) != rows:
        raise ModelError(f"gives {values.shape} for {rows} images; expected a row for each")
    started = time.process_time()
    turned = outputs(images[::-1])[::-1]
    is_slow = time.process_time() - started > _SLOW_S
    if not np.allclose(values, turned, rtol=1e-3, atol=1e-4, equal_nan=True):
        raise ModelError(
            "what it gives for an image depends on the others, as in training; export it as for "
            "prediction: model.eval()"
        )
    sums = values.reshape(rows, -1).astype(np.float64).sum(axis=1)
    positive = bool((values >= 0).all() and np.allclose(sums, 1, atol=1e-3))
    most = rows
    if asked["open"] and rows > 1 and not is_slow:
        most = _most_rows(outputs, rows, asked["white"])
        lacks_memory = most < BLOCK_ROWS
    return Trial(most, lacks_memory, values.shape[1:], positive)


def _images(rows: int, white: int) -> npt.NDArray[np.float32]:
    """Return images that look random, but for a black one, in rows."""
    # Squares modulo a prime look random, and need no module that no one can open now.
    few = (np.arange(1, _ROWS * PIXELS + 1) ** 2 % 257 % 256).astype(np.float32)
    images = np.resize(few / np.float32(white), (rows, PIXELS))
    images[0] = 0
    return images


def _most_rows(outputs: Callable[[npt.NDArray[np.float32]], object], few: int, white: int) -> int:
    """Return the rows of a block, halved until the network runs with them in this memory."""
    rows = BLOCK_ROWS
    while rows > few:
        try:
            outputs(_images(rows, white))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            rows //= 2
        else:
            return rows
    return few
