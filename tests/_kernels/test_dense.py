"""The product of images and weights is NumPy's, whatever the images show and in each library."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_batch._kernels.dense import PixelProduct

pytestmark = pytest.mark.usefixtures("each_library")


def weights_of(units: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return a kernel, float32 (784, units), as of pixels from 0 to 255, and a bias."""
    random = np.random.default_rng(seed)
    kernel = random.normal(size=(784, units)) / 1000
    return kernel.astype(np.float32), random.normal(size=units).astype(np.float32)


def images_of(count: int, ink: float, seed: int) -> NDArray[np.uint8]:
    """Return images of which a share of the pixels, 0 to 1, is inked."""
    random = np.random.default_rng(seed)
    grey = random.integers(1, 256, (count, 28, 28))
    return np.where(random.random(grey.shape) < ink, grey, 0).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 200),
    ink=st.sampled_from([0, 0.01, 0.2, 1]),
    units=st.sampled_from([1, 31, 32, 64, 100, 128, 200]),
    seed=st.integers(0, 1000),
)
def test_it_is_numpys_product(count: int, ink: float, units: int, seed: int) -> None:
    """Of float64, to the precision of float32; rows without an image are zero."""
    images, (kernel, bias) = images_of(count, ink, seed), weights_of(units, seed)
    found = PixelProduct(kernel, bias)(images, 200)
    pixels = images.reshape(-1, 784).astype(np.float64)
    np.testing.assert_allclose(found[:count], pixels @ kernel + bias, rtol=0, atol=1e-4)
    assert found.shape == (200, units)
    assert not found[count:].any()


def test_each_pixel_meets_its_weights() -> None:
    """An image of one inked pixel gives that pixel's weights, times its grey, exactly."""
    kernel, _ = weights_of(128, 1)
    images = np.zeros((784, 784), np.uint8)
    np.fill_diagonal(images, 200)
    found = PixelProduct(kernel, None)(images.reshape(-1, 28, 28), 784)
    np.testing.assert_array_equal(found, np.float32(200) * kernel)


def test_a_row_depends_on_its_image_alone() -> None:
    """In any place, beside any others, to the last bit."""
    product = PixelProduct(*weights_of(128, 2))
    images = images_of(150, 0.2, 3)
    alone = np.concatenate([product(image[None], 1) for image in images])
    np.testing.assert_array_equal(product(images, 150), alone)
    np.testing.assert_array_equal(product(images[::-1].copy(), 150), alone[::-1])


def test_what_numpy_does_better_is_left_to_it() -> None:
    """Few units, other inputs, and weights that make NaN of a black pixel."""
    kernel, _ = weights_of(64, 4)
    assert PixelProduct.pays(kernel)
    assert not PixelProduct.pays(kernel[:, :10])
    assert not PixelProduct.pays(kernel[:783])
    kernel[5, 5] = np.inf
    assert not PixelProduct.pays(kernel)


def test_other_arrays_are_refused() -> None:
    """It would read or write beyond them."""
    product = PixelProduct(*weights_of(64, 5))
    images = images_of(3, 0.2, 6)
    with pytest.raises(ValueError, match="expected 192 float32"):
        product(images, 2)
    others: list[NDArray[Any]] = [images.astype(np.float32), images[:, :27], images[:, :, ::-1]]
    for other in others:
        with pytest.raises(ValueError, match="expected 2352 uint8"):
            product(other, 3)
