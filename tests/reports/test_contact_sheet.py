"""Sheets of samples and mistakes, looked at as matplotlib objects."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_batch.evaluation.gallery import GalleryCell, GalleryImage
from mnist_batch.evaluation.samples import Samples
from mnist_batch.reports.contact_sheet import (
    Tile,
    mistake_tiles,
    mistakes_figure,
    sample_tiles,
    samples_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def grey(level: int) -> NDArray[np.uint8]:
    """Return an image of one grey."""
    return np.full((28, 28), level, np.uint8)


def tiles(
    labels: Sequence[int | None],
    predictions: Sequence[int],
    name: str = "a",
    row: int | None = None,
) -> list[Tile]:
    """Return tiles whose images are of one grey, ten times their place."""
    return [
        Tile(grey(10 * place), name, row, label, prediction, 0.9876)
        for place, (label, prediction) in enumerate(zip(labels, predictions, strict=True))
    ]


def axes_of(figure: "Figure") -> "Axes":
    """Return the axes of a sheet."""
    (axes,) = figure.axes
    return axes


def above(figure: "Figure") -> list[str]:
    """Return what is written above the images."""
    return [text.get_text() for text in axes_of(figure).texts if "predict" in text.get_text()]


def below(figure: "Figure") -> list[str]:
    """Return what is written below the images."""
    return [text.get_text() for text in axes_of(figure).texts if "predict" not in text.get_text()]


def test_samples_are_titled_as_actual_and_predict() -> None:
    """In the order of the samples; without a label the prediction alone."""
    assert above(samples_figure(tiles([3, 5, None], [3, 6, 1]))) == [
        "actual:3, predict:3",
        "actual:5, predict:6",
        "predict:1",
    ]


def test_name_and_confidence_are_below() -> None:
    """Rows of a Parquet file, and others than the first of a file, have a number."""
    samples = Samples(
        np.arange(3),
        ["3/00013.png", "t.parquet", "two.tif"],
        np.array([0, 0, 12_345]),
        [3, 5, 1],
        [3, 6, 1],
        [0.98764, None, 1.0],
        np.zeros((3, 28, 28), np.uint8),
    )
    assert below(samples_figure(sample_tiles(samples))) == [
        "3/00013.png  0.988",
        "t.parquet, row 0",
        "two.tif, row 12,345  1.000",
    ]


def test_wrong_samples_stand_out() -> None:
    """Their title has another colour; without a label nothing is known to be wrong."""
    axes = axes_of(samples_figure(tiles([3, 5, None], [3, 6, 1])))
    right, wrong, unknown = (
        text.get_color() for text in axes.texts if "predict" in text.get_text()
    )
    assert right == unknown
    assert wrong != right


def test_images_are_drawn_pixel_by_pixel_from_black_to_white() -> None:
    """In two rows of five, with 0 black and 255 white whatever the image holds."""
    axes = axes_of(samples_figure(tiles([1] * 10, [1] * 10)))
    assert len(axes.images) == 10
    assert {image.get_clim() for image in axes.images} == {(0, 255)}
    assert {image.get_cmap().name for image in axes.images} == {"gray"}
    assert len({image.get_extent()[0] for image in axes.images}) == 5
    assert len({image.get_extent()[2] for image in axes.images}) == 2
    assert np.asarray(axes.images[3].get_array()).max() == 30


@pytest.mark.parametrize("n", [0, 1, 4, 7])
def test_fewer_than_ten_samples_leave_white_space(n: int) -> None:
    """No empty frames."""
    figure = samples_figure(tiles([1] * n, [1] * n))
    assert (len(axes_of(figure).images), len(above(figure))) == (n, n)
    assert not axes_of(figure).axison


def test_samples_without_images_are_refused() -> None:
    """The message says what to call."""
    samples = Samples(np.zeros(1, np.int64), ["a"], np.zeros(1, np.int64), [1], [1], [0.5], None)
    with pytest.raises(ValueError, match="with_images"):
        sample_tiles(samples)


@pytest.mark.parametrize(
    "name", ["x" * 200, "W" * 200, "a$b" * 9, "\n" * 50, "数" * 99, "x" * 10**6]
)
@pytest.mark.parametrize("row", [None, 7, 59_999, 999_999])
def test_no_name_leaves_its_image(name: str, row: int | None) -> None:
    """It is cut before the row and the confidence, whatever it holds."""
    figure = samples_figure(tiles([1] * 10, [1] * 10, name, row))
    end = "  0.988" if row is None else f", row {row:,}  0.988"
    figure.draw_without_rendering()
    axes = axes_of(figure)
    side = axes.images[0].get_window_extent().width
    texts = [text for text in axes.texts if "predict" not in text.get_text()]
    for text in texts:
        assert text.get_text().endswith(end)
        assert text.get_window_extent().width <= side + 4
    assert min(text.get_window_extent().y0 for text in axes.texts) >= 0


def gallery_image(
    index: int, label: int | None, prediction: int, confidence: float | None, level: int | None = 0
) -> GalleryImage:
    """Return an image of a gallery, of one grey, or None where its image is not at hand."""
    image = None if level is None else grey(level)
    return GalleryImage(index, "a", index, label, prediction, confidence, False, image, None)


def test_mistakes_are_the_most_confident_ones_of_all_cells() -> None:
    """Nothing right, nothing without a label, nothing without an image; ties by their places."""
    gallery = [
        GalleryCell(1, 1, 1, [gallery_image(0, 1, 1, 1.0)]),
        GalleryCell(1, 7, 2, [gallery_image(5, 1, 7, 0.9), gallery_image(1, 1, 7, 0.6)]),
        GalleryCell(4, 9, 1, [gallery_image(2, 4, 9, 0.9), gallery_image(9, 4, 9, None)]),
        GalleryCell(4, 2, 1, [gallery_image(7, 4, 2, 1.0, level=None)]),
        GalleryCell(None, 3, 1, [gallery_image(3, None, 3, 1.0)]),
    ]
    found = mistake_tiles(gallery)
    assert [(tile.name, tile.row) for tile in found] == [("a", 2), ("a", 5), ("a", 1), ("a", 9)]


def test_there_are_twenty_mistakes_at_most_and_the_title_says_of_how_many() -> None:
    """And where they are from; in four rows of five."""
    images = [gallery_image(place, 1, 7, 1 - place / 100) for place in range(25)]
    found = mistake_tiles([GalleryCell(1, 7, 1234, images)])
    figure = mistakes_figure(found, 1234, "MNIST.h5, 2026-11-27")
    assert [text.get_text() for text in figure.texts] == [
        "20 most confident of 1,234 mistakes",
        "MNIST.h5, 2026-11-27",
    ]
    extents = [image.get_extent() for image in axes_of(figure).images]
    assert len(extents) == 20
    assert len({extent[2] for extent in extents}) == 4
    figure = mistakes_figure(found[:1], 1, "")
    assert figure.texts[0].get_text() == "1 mistake"


def test_a_tile_keeps_no_more_of_a_name_than_can_be_drawn() -> None:
    """It goes through a pipe to the process that draws."""
    image = GalleryImage(0, "x" * 10**6, 0, 1, 7, 0.5, False, grey(0), None)
    (tile,) = mistake_tiles([GalleryCell(1, 7, 1, [image])])
    assert len(tile.name) < 400
