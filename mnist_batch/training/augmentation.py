"""Augmentation: rotate, shear, zoom and shift digits and change their stroke width, at random.

TensorFlow's `tf.data` does it on the CPU while the network learns, whatever backend Keras runs on.
The random numbers are stateless: the same seed gives the same images.
"""

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mnist_batch.mnist import CENTRE, PIXELS, SIDE
from mnist_batch.schema import Images

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class Augmentation:
    """How far an image is changed at most.

    Each image draws its own amounts, uniformly from minus the limit to the limit; 0 changes
    nothing.
    """

    rotation_degrees: float = 15.0  # about the centre
    shear: float = 0.3  # horizontal shift of a row, as a share of its distance from the centre
    zoom: float = 0.2  # natural logarithm of the factors that scale width and height, drawn apart
    shift_pixels: float = 1.0  # across and down, drawn apart
    stroke: float = 0.8  # how far strokes grow or shrink: 1 is a whole pixel on either side

    def __post_init__(self) -> None:
        for name, limit in asdict(self).items():
            if not 0 <= limit < math.inf:
                raise ValueError(f"{name} must be at least 0, got {limit}")


def augmented_batches(
    images: Images,
    targets: npt.NDArray[np.float32],
    augmentation: Augmentation,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
) -> "tf.data.Dataset":
    """Return the batches of all epochs in sequence; each epoch has every row once.

    A batch is a pair of inputs, float32 (batch, 784) from 0 to 1, and targets; the last one of an
    epoch may be shorter. Images uint8 (n, 28, 28) are changed anew in each epoch; targets float32
    (n, classes) are passed on unchanged. The seed is that of the changes and of the order of the
    rows.
    """
    import tensorflow as tf

    rows = len(images)
    batches = (
        tf.data.Dataset.from_tensor_slices((images, targets))
        .shuffle(rows, seed=seed, reshuffle_each_iteration=True)
        .batch(batch_size)
        .repeat(epochs)
    )

    def inputs_of(
        step: "tf.Tensor", batch: "tuple[tf.Tensor, tf.Tensor]"
    ) -> "tuple[tf.Tensor, tf.Tensor]":
        changed = augmented(batch[0], augmentation, tf.stack([tf.cast(seed, tf.int64), step]))
        return tf.reshape(changed, [-1, PIXELS]), batch[1]

    # The batch's number seeds its random numbers, so they do not depend on the thread.
    return (
        tf.data.Dataset.zip(tf.data.Dataset.range(epochs * math.ceil(rows / batch_size)), batches)
        .map(inputs_of, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def augmented(images: "tf.Tensor", augmentation: Augmentation, seed: "tf.Tensor") -> "tf.Tensor":
    """Return images uint8 (n, 28, 28) changed at random, float32 from 0 to 1.

    The seed is two integers; the same ones give the same changes.
    """
    import tensorflow as tf

    drawn = tf.unstack(tf.random.stateless_uniform([7, tf.shape(images)[0]], seed, -1, 1))
    radians = augmentation.rotation_degrees * math.pi / 180
    matrices = inverse_affine(
        rotation=radians * drawn[0],
        shear=augmentation.shear * drawn[1],
        width=tf.exp(augmentation.zoom * drawn[2]),
        height=tf.exp(augmentation.zoom * drawn[3]),
        right=augmentation.shift_pixels * drawn[4],
        down=augmentation.shift_pixels * drawn[5],
    )
    moved = transformed(tf.cast(images, tf.float32) / 255, matrices)
    return with_stroke_width(moved, augmentation.stroke * drawn[6])


def inverse_affine(
    *,
    rotation: "tf.Tensor",
    shear: "tf.Tensor",
    width: "tf.Tensor",
    height: "tf.Tensor",
    right: "tf.Tensor",
    down: "tf.Tensor",
) -> "tf.Tensor":
    """Return the matrices that map each pixel of the changed images to its source.

    An image is rotated, sheared and zoomed about its centre, then shifted, in this order. Each
    argument is float32 (n,), a number per image: `rotation` in radians, counterclockwise; `shear`
    in pixels by which the row one pixel above the centre shifts to the right; the factors that
    scale `width` and `height`; shifts to the `right` and `down` in pixels.

    The matrices are float32 (n, 8), x' = a0 x + a1 y + a2 and y' = a3 x + a4 y + a5, as
    `tf.raw_ops.ImageProjectiveTransformV3` takes them; x across and y down, in pixel indices.
    """
    import tensorflow as tf

    # The product of the inverses, the last change first: rotation, shear and zoom, whose
    # matrices with y down are (c -s; s c), (1 shear; 0 1) and (1/width 0; 0 1/height).
    cos, sin = tf.cos(rotation), tf.sin(rotation)
    a0, a1 = cos / width, (shear * cos - sin) / height
    a3, a4 = sin / width, (shear * sin + cos) / height
    x, y = CENTRE + right, CENTRE + down
    none = tf.zeros_like(rotation)
    rows = [a0, a1, CENTRE - a0 * x - a1 * y, a3, a4, CENTRE - a3 * x - a4 * y, none, none]
    return tf.stack(rows, axis=1)


def transformed(images: "tf.Tensor", matrices: "tf.Tensor") -> "tf.Tensor":
    """Return images float32 (n, 28, 28) transformed by the `matrices` of `inverse_affine`.

    Interpolation between pixels is bilinear; pixels from outside the image are black.
    """
    import tensorflow as tf

    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images[..., None],
        transforms=matrices,
        output_shape=[SIDE, SIDE],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )[..., 0]


def with_stroke_width(images: "tf.Tensor", growth: "tf.Tensor") -> "tf.Tensor":
    """Return images float32 (n, 28, 28), light on black, with wider or narrower strokes.

    Each pixel moves by a share of the difference to the brightest or the darkest of the 3x3 pixels
    around it: a fraction of a grey dilation or erosion. The share is `growth`, float32 (n,): 1
    makes strokes a pixel wider on each side, -1 a pixel narrower.
    """
    import tensorflow as tf

    digits, share = images[..., None], growth[:, None, None, None]
    brightest = tf.nn.max_pool2d(digits, 3, 1, "SAME")
    darkest = -tf.nn.max_pool2d(-digits, 3, 1, "SAME")
    grown = tf.nn.relu(share) * (brightest - digits)
    shrunk = tf.nn.relu(-share) * (digits - darkest)
    return (digits + grown - shrunk)[..., 0]
