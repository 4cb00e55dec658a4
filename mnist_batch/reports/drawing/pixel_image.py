"""Small grey images, drawn pixel by pixel."""

from typing import Any

import numpy as np
from matplotlib.image import AxesImage
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

_OPAQUE = 0xFF000000
_GREY = 0x00010101
"""In words of four bytes: red, green, blue, and how much is covered."""


class PixelImage(AxesImage):
    """An image of uint8, 0 black and 255 white, whose pixels are rectangles.

    Matplotlib resamples all images by way of floats, which takes 0.6 ms for one of MNIST; here each
    pixel is repeated, 0.1 ms. The edges of the image are on whole pixels of the figure.
    """

    def make_image(
        self,
        renderer: Any,  # noqa: ANN401 - matplotlib has no types of renderers
        magnification: float = 1.0,
        unsampled: bool = False,
    ) -> tuple[NDArray[np.uint8], float, float, Affine2D]:
        """Return what is drawn, its lowest line first, and where in the figure its lower left is.

        Args:
            renderer: on which it is drawn.
            magnification: is 1 on the canvas that figures have.
            unsampled: is false there.
        """
        box = self.get_window_extent(renderer)
        left, right, bottom, top = (
            round(edge) for edge in (box.xmin, box.xmax, box.ymin, box.ymax)
        )
        image = np.asarray(self.get_array())
        rows, columns = (
            np.arange(length) * pixels // length
            for length, pixels in zip((top - bottom, right - left), image.shape, strict=True)
        )
        words = (_OPAQUE + _GREY * image.astype(np.uint32)).astype("<u4")
        drawn = words[::-1].take(columns, axis=1).take(rows, axis=0)
        return drawn.view(np.uint8).reshape(*drawn.shape, 4), left, bottom, Affine2D()
