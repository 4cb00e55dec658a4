"""Describe the layers of a network, and check that it takes a digit and gives classes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.mnist import PIXELS, SIDE
from mnist_batch.models.formats import Weights
from mnist_batch.models.network_config import Config, Shape, activation_name
from mnist_batch.schema import MOST_CLASSES

Array = npt.NDArray[np.float32]

COLOURS = 3
HUGE_WEIGHT = 1000  # trained networks have weights of the order of 1, diverged ones far above


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a network; None stands for what is unknown."""

    name: str  # empty where it has none
    kind: str  # its class in Keras, as `Dense`
    output_shape: tuple[int | None, ...] | None  # for one image, None for an open size
    activation: str | None  # `linear` for none; None where its class has no such setting
    weights: Weights | None = field(repr=False)  # the kernel of a Dense layer before the bias
    values: int | None = None  # in its arrays, where these are not read

    @property
    def parameters(self) -> int | None:
        """The number of values in the arrays, trained or not; None where they are unknown."""
        return self.values if self.weights is None else sum(one.size for one in self.weights)

    def record(self) -> dict[str, Any]:
        """Return all but the arrays as JSON takes it."""
        return {
            "name": self.name,
            "type": self.kind,
            "output_shape": None if self.output_shape is None else list(self.output_shape),
            "activation": self.activation,
            "parameters": self.parameters,
        }

    def oddities(self) -> Iterator[str]:
        """Yield signs of training that failed, or of damage, in the weights, one clause each."""
        for array in self.weights or ():
            wrong = array.size - np.count_nonzero(np.isfinite(array))
            if wrong:
                yield f"{wrong:,} of an array's {array.size:,} weights are NaN or infinite"
            elif array.ndim > 1:  # the last axis of a kernel is that of the units
                yield from _oddities_of_kernel(array.reshape(-1, array.shape[-1]))


def _oddities_of_kernel(kernel: np.ndarray) -> Iterator[str]:
    units = kernel.shape[-1]
    dead = units - np.count_nonzero(kernel.any(axis=0))
    if dead == units:
        yield "a kernel is 0 throughout: what it gives does not depend on the image"
    elif dead:
        yield f"{dead:,} of {units:,} units have no weight but 0"
    largest = np.abs(kernel).max(initial=0)
    if largest > HUGE_WEIGHT:
        yield f"weights of up to {largest:,.0f}, as training that diverged leaves them"


def described(
    config: Config, output_shape: tuple[int | None, ...] | None, weights: Weights | None
) -> Layer:
    """Describe a layer by its configuration in the model file."""
    inner = config["config"]
    name = str(inner.get("name") or config.get("name") or "")
    activation = activation_name(inner["activation"]) if "activation" in inner else None
    return Layer(name, config["class_name"], output_shape, activation, weights)


OpenShape = Sequence[int | None]  # of an input or output for one image; None is an open size


def digit_shape(shape: OpenShape) -> tuple[int, ...]:
    """Return the shape in which a network takes one digit, 784 values or three times as many.

    An open height or width of its input is 28, an open number of channels 1.

    Raises:
        ModelError: it takes another input; the message describes it.
    """
    if len(shape) == 1 and shape[0] is None:
        return (PIXELS,)
    sides = tuple(SIDE if size is None else size for size in shape)
    if sides[2:] == (SIDE,) and shape[2] is None and shape[0] not in (1, COLOURS):
        sides = (*sides[:2], 1)
    if math.prod(sides) != PIXELS and colour_axis(sides) is None:
        raise ModelError(f"takes {_taken(shape)}; expected grey images of {SIDE}x{SIDE}")
    return sides


def colour_axis(shape: Sequence[int]) -> int | None:
    """Return the axis of the three colours in the shape of an image of 28x28, None for no such."""
    if tuple(shape) == (SIDE, SIDE, COLOURS):
        return 2
    return 0 if tuple(shape) == (COLOURS, SIDE, SIDE) else None


def as_taken(pixels: Array, shape: Sequence[int]) -> Array:
    """Return pixels, float32 (n, 784), as a network takes them, (n, *shape).

    One that takes colours gets the grey picture three times.
    """
    axis = colour_axis(shape)
    if axis is None:
        return pixels.reshape(-1, *shape)
    grey = list(shape)
    grey[axis] = 1
    return pixels.reshape(-1, *grey).repeat(COLOURS, axis=axis + 1)


def count_classes(shape: OpenShape) -> int:
    """Return for how many classes a network gives a number each, by the shape of its output.

    Raises:
        ModelError: it gives another output; the message describes it.
    """
    count = 0 if None in shape else math.prod(size or 0 for size in shape)
    if not 2 <= count <= MOST_CLASSES or count == PIXELS:
        raise ModelError(f"{_given(shape)}; expected 2 to {MOST_CLASSES:,} classes")
    return count


def check_one_of_each(inputs: int, outputs: int) -> None:
    """Check that a network has one input and one output, by their numbers.

    Raises:
        ModelError: it has several, or none.
    """
    if (inputs, outputs) != (1, 1):
        counts = f"{inputs} input{'s' * (inputs != 1)} and {outputs} output{'s' * (outputs != 1)}"
        raise ModelError(f"has {counts}; expected one of each, an image and its classes")


def input_shape(config: Config, layers: Sequence[Config]) -> Shape:
    """Return the shape in which a chain of layers takes one digit, see `digit_shape`.

    Raises:
        ModelError: the file does not tell the shape, or it is not that of a digit.
    """
    first = layers[0]["config"] if layers else {}
    outer = config["config"] if isinstance(config["config"], dict) else {}
    shape = first.get("batch_shape") or first.get("batch_input_shape")
    shape = shape or outer.get("build_input_shape")
    if not shape:
        why = "the file does not say the shape of the input"
        raise ModelError(f"{why}; save the model after it was built or trained")
    return digit_shape(tuple(shape[1:]))


def _taken(shape: OpenShape) -> str:
    match list(shape):
        case (
            [int(height), int(width)] | [int(height), int(width), 1] | [1, int(height), int(width)]
        ):
            return f"images of {height}x{width}"
        case [height, width, (3 | 4) as channels]:
            size = "" if None in (height, width) else f" of {height}x{width}"
            return f"images{size} in colour ({channels} channels)"
        case [int(values)] if math.isqrt(values) ** 2 == values:
            return f"{values} values, as images of {math.isqrt(values)}x{math.isqrt(values)}"
        case [int(values)]:
            return f"{values} values"
    return f"inputs of shape {_text(shape)}"


def _given(shape: OpenShape) -> str:
    match list(shape):
        case [] | [1]:
            return "gives one number, as a regression or a network for two classes does"
        case [int(classes)] if classes == PIXELS:
            return f"gives {classes} values, an image as an autoencoder does"
        case [28, 28] | [28, 28, 1] | [1, 28, 28]:
            return f"gives images of {SIDE}x{SIDE}, as an autoencoder does"
        case [int(classes)]:
            return f"tells {classes} classes apart"
    return f"gives outputs of shape {_text(shape)}"


def _text(shape: OpenShape) -> str:
    return f"({', '.join(str(size) for size in shape)}{',' * (len(shape) == 1)})"
