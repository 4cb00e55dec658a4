"""Whether a network reads one digit of 28x28 pixels and tells ten classes, and what it is else."""

import math
from collections.abc import Sequence

from mnist_batch.errors import ModelError
from mnist_batch.mnist import CLASSES, PIXELS, SIDE

OpenShape = Sequence[int | None]
"""Sizes of what belongs to one image; None is an open size."""


def digit_shape(shape: OpenShape) -> tuple[int, ...]:
    """Return the shape in which a network takes one digit, 784 values in all.

    Args:
        shape: of one input. An open height or width is 28, an open number of channels 1.

    Raises:
        ModelError: it takes something else; the message says what.
    """
    if len(shape) == 1 and shape[0] is None:
        return (PIXELS,)
    sides = tuple(SIDE if size is None else size for size in shape)
    if sides[2:] == (SIDE,) and shape[2] is None:
        sides = (*sides[:2], 1)
    if math.prod(sides) != PIXELS:
        raise ModelError(f"takes {_taken(shape)}; expected grey images of {SIDE}x{SIDE}")
    return sides


def check_ten_classes(shape: OpenShape) -> None:
    """Check what a network gives for one image.

    Raises:
        ModelError: it is not one number for each of ten classes; the message says what it is.
    """
    if None in shape or math.prod(size or 0 for size in shape) != CLASSES:
        raise ModelError(f"{_given(shape)}; expected {CLASSES} classes")


def check_one_of_each(inputs: int, outputs: int) -> None:
    """Check that a network takes one thing and gives one.

    Raises:
        ModelError: it has several inputs, or several outputs.
    """
    if (inputs, outputs) != (1, 1):
        raise ModelError(
            f"has {_counted(inputs, 'input')} and {_counted(outputs, 'output')}; expected one of "
            f"each, an image and its {CLASSES} classes"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


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
