"""What a network takes and gives, told by shapes alone."""

import pytest

from mnist_batch.errors import ModelError
from mnist_batch.models.layers import (
    OpenShape,
    check_one_of_each,
    count_classes,
    digit_shape,
)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((784,), (784,)),
        ((28, 28), (28, 28)),
        ((28, 28, 1), (28, 28, 1)),
        ((1, 28, 28), (1, 28, 28)),
        ((16, 49), (16, 49)),
        ((None,), (784,)),
        ((None, 28), (28, 28)),
        ((None, None, 1), (28, 28, 1)),
        ((None, None, None), (28, 28, 1)),
        ((1, None, None), (1, 28, 28)),
        ((28, 28, 3), (28, 28, 3)),
        ((3, 28, 28), (3, 28, 28)),
        ((None, None, 3), (28, 28, 3)),
        ((3, None, None), (3, 28, 28)),
    ],
)
def test_a_digit_of_784_values_has_the_shape_of_the_input(
    shape: OpenShape, expected: tuple[int, ...]
) -> None:
    """Open sizes become those of a grey digit."""
    assert digit_shape(shape) == expected


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        ((8, 8), "images of 8x8"),
        ((8, 8, 1), "images of 8x8"),
        ((64,), "64 values, as images of 8x8"),
        ((13,), "13 values"),
        ((32, 32, 3), "images of 32x32 in colour (3 channels)"),
        ((None, None, 4), "images in colour (4 channels)"),
        ((32, 32, 4), "images of 32x32 in colour (4 channels)"),
        ((None, 784), "inputs of shape (None, 784)"),
        ((5, 28, 28, 1), "inputs of shape (5, 28, 28, 1)"),
        ((), "inputs of shape ()"),
    ],
)
def test_other_inputs_are_refused_with_what_they_are(shape: OpenShape, what: str) -> None:
    """By size and colour where that can be told."""
    with pytest.raises(ModelError) as caught:
        digit_shape(shape)
    assert str(caught.value) == f"takes {what}; expected grey images of 28x28"


@pytest.mark.parametrize("shape", [(10,), (1, 10), (10, 1), (1, 1, 10)])
def test_ten_numbers_are_ten_classes(shape: OpenShape) -> None:
    """In whatever shape."""
    assert count_classes(shape) == 10


@pytest.mark.parametrize("count", [2, 26, 47, 62, 1000])
def test_numbers_are_as_many_classes(count: int) -> None:
    """From two to a thousand."""
    assert count_classes((count,)) == count


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        ((), "gives one number, as a regression or a network for two classes does"),
        ((1,), "gives one number, as a regression or a network for two classes does"),
        ((1001,), "tells 1001 classes apart"),
        ((2, 600), "gives outputs of shape (2, 600)"),
        ((784,), "gives 784 values, an image as an autoencoder does"),
        ((28, 28), "gives images of 28x28, as an autoencoder does"),
        ((28, 28, 1), "gives images of 28x28, as an autoencoder does"),
        ((28, 100), "gives outputs of shape (28, 100)"),
        ((None, 10), "gives outputs of shape (None, 10)"),
        ((None,), "gives outputs of shape (None,)"),
    ],
)
def test_other_outputs_are_refused_with_what_they_are(shape: OpenShape, what: str) -> None:
    """A number, an image, other classes."""
    with pytest.raises(ModelError) as caught:
        count_classes(shape)
    assert str(caught.value) == f"{what}; expected 2 to 1,000 classes"


def test_one_image_gives_one_answer() -> None:
    """Several inputs or outputs are counted."""
    check_one_of_each(1, 1)
    with pytest.raises(ModelError, match="has 2 inputs and 1 output; expected one of each, an im"):
        check_one_of_each(2, 1)
    with pytest.raises(ModelError, match="has 1 input and 3 outputs; expected one of each"):
        check_one_of_each(1, 3)
