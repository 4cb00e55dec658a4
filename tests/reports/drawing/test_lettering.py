"""Texts look as matplotlib's own renderer draws them, which is the reference here."""

from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mnist_batch.reports.drawing.lettering import Canvas, advance, has_letter


def drawn(canvas: type[FigureCanvasAgg], text: str, size: float, angle: float) -> NDArray[np.int64]:
    """Return how dark each pixel is where a text begins at (100, 100) from the lower left."""
    figure = Figure(figsize=(6, 6), dpi=100)
    figure.text(1 / 6, 1 / 6, text, fontsize=size, rotation=angle, va="baseline", parse_math=False)
    return 255 - pixels(canvas(figure))[..., 0].astype(np.int64)


def pixels(view: Any) -> NDArray[np.uint8]:  # noqa: ANN401 - matplotlib's canvas has no types
    """Return what a canvas shows, (rows, columns, 4)."""
    view.draw()
    return np.asarray(view.buffer_rgba())


def place(dark: NDArray[np.int64]) -> tuple[float, float]:
    """Return row and column of the centre of what is dark."""
    rows, columns = np.indices(dark.shape)
    return float((rows * dark).sum() / dark.sum()), float((columns * dark).sum() / dark.sum())


@pytest.mark.parametrize("text", ["12,345", "0.998", "g", "digit\nrecall, %"])
@pytest.mark.parametrize("size", [8.0, 9.0, 10.0, 12.0])
def test_a_text_on_whole_pixels_is_that_of_matplotlib(text: str, size: float) -> None:
    """Letter by letter, where no letter is moved towards another by a part of a pixel."""
    ours, theirs = (drawn(canvas, text, size, 0) for canvas in (Canvas, FigureCanvasAgg))
    for line in text.splitlines():
        assert ours.sum() > 255 * len(line)
    assert abs(ours.sum() / theirs.sum() - 1) < 0.02
    assert np.abs(np.subtract(place(ours), place(theirs))).max() < 0.6


def test_digits_are_those_of_matplotlib_pixel_by_pixel() -> None:
    """The baseline is at a whole pixel here."""
    ours, theirs = (drawn(canvas, "12,345", 10, 0) for canvas in (Canvas, FigureCanvasAgg))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "text", ["true digit", "AV To. Type", "train-0000…0001.parquet, row 12,345  0.998", "100 %"]
)
@pytest.mark.parametrize("angle", [0, 90])
def test_a_text_is_where_matplotlib_has_it(text: str, angle: float) -> None:
    """To half a pixel, as long and as dark, with the same space between its letters."""
    ours, theirs = (drawn(canvas, text, 9, angle) for canvas in (Canvas, FigureCanvasAgg))
    assert abs(ours.sum() / theirs.sum() - 1) < 0.02
    assert np.abs(np.subtract(place(ours), place(theirs))).max() < 0.6
    for axis in (0, 1):
        ends = [np.flatnonzero((dark > 60).any(axis=axis))[[0, -1]] for dark in (ours, theirs)]
        assert np.abs(ends[0] - ends[1]).max() <= 1


@pytest.mark.parametrize(("text", "angle"), [("שלום 12", 0), ("e\u0301", 0), ("12", 30)])
def test_what_needs_more_is_left_to_matplotlib(text: str, angle: float) -> None:
    """Scripts that run from right to left or join their letters, marks, and other angles."""
    ours, theirs = (drawn(canvas, text, 9, angle) for canvas in (Canvas, FigureCanvasAgg))
    np.testing.assert_array_equal(ours, theirs)


def test_a_colour_is_that_of_the_text() -> None:
    """Where a pixel is covered in full, and white where none is."""
    figure = Figure(figsize=(1, 1), dpi=100)
    figure.text(0, 0.1, "lll", color="#d1711c", fontsize=40)
    shown = pixels(Canvas(figure))[..., :3].reshape(-1, 3)
    assert {tuple(pixel) for pixel in shown.tolist()} >= {(0xD1, 0x71, 0x1C), (255, 255, 255)}


def test_letters_are_as_wide_as_the_font_says() -> None:
    """A digit of DejaVu Sans is 1303 of 2048 units wide, before it is hinted."""
    assert advance("0", 100) == pytest.approx(100 * 1303 / 2048, abs=0.5)
    assert (has_letter("0"), has_letter("数")) == (True, False)
