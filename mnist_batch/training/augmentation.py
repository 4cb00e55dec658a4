"""Digits turned, moved and redrawn at random, so that a network does not learn where they stand.

Everything is worked out in TensorFlow's `tf.data` on the CPU while the network learns, whatever
backend Keras runs on, and from stateless random numbers: the same seed gives the same images.
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

    Attributes:
        rotation_degrees: turned about the centre.
        shear: how far a row moves sideways, as a share of its distance from the centre.
        zoom: natural logarithm of the factor by which the width grows; that of the height is drawn
            apart.
        shift_pixels: moved across, and as far down; drawn apart.
        stroke: how far strokes grow or shrink: 1 is a whole pixel on either side.
    """

    rotation_degrees: float = 15.0
    shear: float = 0.3
    zoom: float = 0.2
    shift_pixels: float = 1.0
    stroke: float = 0.8

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
    """Return the batches of all epochs, one after the other; each epoch has every row once.

    Args:
        images: uint8 (n, 28, 28).
        targets: float32 (n, 10), passed on as they are.
        augmentation: how far each image is changed, anew in each epoch.
        batch_size: rows per batch; the last one of an epoch may be shorter.
        epochs: how many there are to be.
        seed: of the order of the rows and of the changes.

    Returns:
        Pairs of inputs float32 (batch, 784), from 0 to 1, and targets.
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

    # The number of the batch makes its random numbers its own, whichever thread works on it.
    return (
        tf.data.Dataset.zip(tf.data.Dataset.range(epochs * math.ceil(rows / batch_size)), batches)
        .map(inputs_of, num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def augmented(images: "tf.Tensor", augmentation: Augmentation, seed: "tf.Tensor") -> "tf.Tensor":
    """Return images changed at random, float32 (n, 28, 28) from 0 to 1.

    Args:
        images: uint8 (n, 28, 28).
        augmentation: how far.
        seed: two whole numbers; the same give the same changes.
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
    return with_stroke(moved, augmentation.stroke * drawn[6])


def inverse_affine(
    *,
    rotation: "tf.Tensor",
    shear: "tf.Tensor",
    width: "tf.Tensor",
    height: "tf.Tensor",
    right: "tf.Tensor",
    down: "tf.Tensor",
) -> "tf.Tensor":
    """Return where each pixel of the changed images comes from, for `transformed`.

    In this order an image is turned, sheared and zoomed about its centre, then moved. Each
    argument is float32 (n,), a number per image.

    Args:
        rotation: radians, against the clock.
        shear: how far what is one pixel above the centre moves to the right.
        width: factor by which the width grows.
        height: factor by which the height grows.
        right: pixels by which all moves to the right.
        down: pixels by which all moves down.

    Returns:
        float32 (n, 8): x' = a0 x + a1 y + a2 and y' = a3 x + a4 y + a5, as
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
    """Return images float32 (n, 28, 28) with each pixel taken from where `matrices` say.

    Between pixels they are interpolated bilinearly; what comes in from outside is black.
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


def with_stroke(images: "tf.Tensor", growth: "tf.Tensor") -> "tf.Tensor":
    """Return images float32 (n, 28, 28) with thicker or thinner strokes.

    Each pixel goes by a share of the way to the brightest of the 3x3 pixels around it, or to the
    darkest: a part of a grey dilation or erosion.

    Args:
        images: light strokes on black.
        growth: the share, float32 (n,): 1 makes strokes a pixel wider on each side, -1 as much
            narrower.
    """
    import tensorflow as tf

    digits, share = images[..., None], growth[:, None, None, None]
    brightest = tf.nn.max_pool2d(digits, 3, 1, "SAME")
    darkest = -tf.nn.max_pool2d(-digits, 3, 1, "SAME")
    grown = tf.nn.relu(share) * (brightest - digits)
    shrunk = tf.nn.relu(-share) * (digits - darkest)
    return (digits + grown - shrunk)[..., 0]
