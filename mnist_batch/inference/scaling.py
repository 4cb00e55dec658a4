"""Scale the pixels of images to the inputs of a network."""

import numpy as np
import numpy.typing as npt

from mnist_batch.mnist import PIXELS
from mnist_batch.models.model_file import AnyModelFile, ScaleSource
from mnist_batch.options import Scale
from mnist_batch.schema import Images

Array = npt.NDArray[np.float32]

FACTORS = {
    Scale.ZERO_TO_ONE: (np.float32(1 / 255), np.float32(0)),
    Scale.BYTES: (np.float32(1), np.float32(0)),
    Scale.MINUS_ONE_TO_ONE: (np.float32(2 / 255), np.float32(-1)),
    Scale.MINUS_HALF_TO_HALF: (np.float32(1 / 255), np.float32(-0.5)),
}
"""The factor that scales a pixel from 0 to 255, and the offset that is then added."""


def scaled(images: Images, scale: Scale, out: Array | None = None) -> Array:
    """Scale images uint8 (n, 28, 28) to the inputs of a network, float32 (n, 784).

    With many images this is several times as fast where the inputs are written to `out`, because
    new memory has to be mapped and cleared first.
    """
    factor, offset = FACTORS[scale]
    inputs = np.empty((len(images), PIXELS), np.float32) if out is None else out
    inputs[:] = images.reshape(-1, PIXELS)
    if factor != 1:
        inputs *= factor
    if offset:
        inputs += offset
    return inputs


def scale_of(file: AnyModelFile, wanted: Scale | str | None, notes: list[str]) -> Scale:
    """Return the scale at which a network gets pixels; add to the notes where its file tells it.

    Raises:
        ValueError: the wanted one is none of `Scale`.
    """
    if wanted is not None:
        try:
            return Scale(wanted)
        except ValueError as error:
            raise ValueError(f"scale {wanted!r}: expected one of {', '.join(Scale)}") from error
    scale, source = file.stated_scale() or (Scale.ZERO_TO_ONE, None)
    if source is not None and source is not ScaleSource.RECORD:
        notes.append(f"takes pixels as {scale.value}, as {source.says}")
    return scale
