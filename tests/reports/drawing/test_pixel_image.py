"""Images look as matplotlib's own draw them, which is the reference here."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from mnist_batch.reports.drawing.pixel_image import PixelImage

IMAGE = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)


def drawn(
    kind: type[AxesImage], extent: tuple[float, float, float, float], image: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Return the greys of a figure of 200 by 200 pixels, on axes with 0 at the upper left."""
    figure = Figure(figsize=(2, 2), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 200)
    axes.set_ylim(200, 0)
    axes.set_axis_off()
    shown = kind(axes, cmap="gray", interpolation="nearest", extent=extent)
    shown.set_data(image)
    shown.set_clim(0, 255)
    axes.add_image(shown)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba()).astype(np.int64)  # type: ignore[no-untyped-call]
    assert (pixels[..., 3] == 255).all()
    assert (pixels[..., :1] == pixels[..., :3]).all()
    return pixels[..., 0]


@pytest.mark.parametrize("scale", [1, 2, 6])
def test_every_pixel_is_where_matplotlib_has_it(scale: int) -> None:
    """With the first line above, where the scale is whole; its map of greys is off by one."""
    extent = (10, 10 + 28 * scale, 20 + 28 * scale, 20)
    ours, theirs = (drawn(kind, extent, IMAGE) for kind in (PixelImage, AxesImage))
    assert np.abs(ours - theirs).max() <= 1
    np.testing.assert_array_equal(ours[20 : 20 + 28 * scale : scale, 10], IMAGE[:, 0])


def test_at_any_scale_pixels_are_of_the_image_alone() -> None:
    """In their order, each as large as the others but for a pixel of the figure; white around."""
    steps = np.arange(28, dtype=np.uint8)
    found = drawn(PixelImage, (3.4, 192.7, 190.1, 0.6), np.add.outer(4 * steps, 5 * steps))
    assert (found == 255).sum() == 200 * 200 - 190 * 189
    row, column = found[1, 3:193], found[1:190, 3]
    assert (np.unique(row).tolist(), np.unique(column).tolist()) == (
        (5 * steps).tolist(),
        (4 * steps).tolist(),
    )
    for line in (row, column):
        assert (np.diff(line) >= 0).all()
        assert set(np.unique(line, return_counts=True)[1].tolist()) <= {6, 7}
