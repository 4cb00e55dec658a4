"""Pictures within a picture: found, straightened, and their digits read."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_batch.preprocessing.extraction import extract_digits
from mnist_batch.preprocessing.tiles import find_tiles
from mnist_batch.synthetic.generator import draw_digit
from tests.support.reading import shares

Pixels = NDArray[np.uint8]
LABELS = [digit for digit in range(10) for _ in range(3)]


def digits() -> list[Pixels]:
    """Return three digits of each value, light on black, 28x28."""
    return [draw_digit(label, np.random.default_rng(place)) for place, label in enumerate(LABELS)]


def page(digit: Pixels, margin: int, *, negative: bool = False, side: int = 112) -> Pixels:
    """Return a digit enlarged on a white page, or its negative on a black one."""
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    pixels = np.pad(255 - np.asarray(large), margin)
    return pixels if negative else 255 - pixels


@pytest.mark.parametrize("margin", [2, 10, 40, 100])
@pytest.mark.parametrize("negative", [False, True])
def test_a_tile_on_a_page_is_read(margin: int, negative: bool) -> None:
    """In MNIST's colours on white, as a notebook shows it; and the negative."""
    pictures = [page(digit, margin, negative=negative) for digit in digits()]
    assert shares(pictures, LABELS)["right"] >= 0.95


@pytest.mark.parametrize("colours", ["viridis", "gray", "gray_r"])
def test_a_figure_with_axes_is_read(colours: str) -> None:
    """Matplotlib's `imshow`, with ticks, numbers and a title."""
    pictures = []
    for digit in digits():
        figure = Figure(figsize=(4, 3), dpi=80)
        axes = figure.subplots()
        axes.imshow(digit, cmap=colours)
        axes.set_title("label 7")
        content = io.BytesIO()
        figure.savefig(content)
        pictures.append(np.asarray(Image.open(content).convert("L")))
    assert shares(pictures, LABELS)["right"] >= 0.95


@pytest.mark.parametrize("degrees", [3, -12, 25])
def test_a_rotated_tile_on_an_uneven_page_is_read(degrees: float) -> None:
    """As a photograph of a screen shows it: light from a side, blur, noise."""
    rng = np.random.default_rng(0)
    pictures = []
    for digit in digits():
        tile = Image.fromarray(digit).resize((150, 150)).point(lambda level: 30 + level * 0.7)
        seen = Image.new("L", (300, 260), 255)
        mask = Image.new("L", tile.size, 255).rotate(degrees, expand=True)
        seen.paste(tile.rotate(degrees, expand=True), (60, 30), mask)
        light = np.asarray(seen.resize((600, 520))) * np.linspace(0.95, 0.7, 600)
        noisy = light + rng.normal(0, 3, light.shape)
        pictures.append(noisy.clip(0, 255).astype(np.uint8))
    assert shares(pictures, LABELS)["right"] >= 0.95


def test_a_screen_with_text_and_a_bar_is_read() -> None:
    """The text and the bar are no pictures."""
    pictures = []
    for digit in digits():
        screen = np.full((400, 700), 245, np.uint8)
        screen[:30] = 90
        for row in range(50, 90, 12):
            screen[row : row + 6, 20:320:9] = 60
        screen[120:344, 90:314] = np.kron(digit, np.ones((8, 8), np.uint8))
        pictures.append(screen)
    assert shares(pictures, LABELS)["right"] >= 0.95


def test_tiles_are_found_and_straightened() -> None:
    """A page with two: the larger first, without their edges; what has no corners is none."""
    pixels = np.full((300, 500), 240, np.uint8)
    pixels[40:240, 30:230] = 20
    pixels[60:220, 280:440] = 30
    pixels[100:180, 100:130] = pixels[100:180, 340:370] = 200
    y, x = np.indices(pixels.shape)
    pixels[np.hypot(y - 270, x - 250) < 25] = 0
    first, second = find_tiles(pixels)
    assert abs(first.picture.shape[0] - 200) <= 2
    assert abs(second.picture.shape[1] - 160) <= 2
    assert (first.picture.min(), first.picture.max()) == (20, 200)
    assert (second.picture.min(), second.picture.max()) == (30, 200)


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (15, 15), (200, 200)])
def test_an_even_page_has_no_tiles(shape: tuple[int, int]) -> None:
    """Of any size."""
    assert find_tiles(np.full(shape, 200, np.uint8)) == []


def test_strokes_and_shadows_are_no_tiles() -> None:
    """The square loop of a 6, the corner and the half of a page in shadow."""
    six = np.full((200, 200), 255, np.uint8)
    six[20:180, 60:70] = six[100:110, 60:140] = six[170:180, 60:140] = six[100:180, 130:140] = 0
    corner = np.full((200, 200), 230, np.uint8)
    corner[:120, :90] = 100
    half = np.full((200, 200), 230, np.uint8)
    half[:, 80:] = 100
    assert [find_tiles(pixels) for pixels in (corner, half)] == [[], []]
    (place,) = extract_digits(six)
    assert place.box[3] >= 158


def test_open_thin_strokes_with_four_corners_are_no_tile() -> None:
    """Their outline, there and back, encloses hardly anything."""
    page = Image.new("L", (400, 400), 255)
    loop = [(100, 100), (300, 100), (300, 300), (100, 300), (100, 112)]
    ImageDraw.Draw(page).line(loop, fill=0, width=2)
    ImageDraw.Draw(page).line([(300, 300), (200, 200)], fill=0, width=8)
    assert find_tiles(np.asarray(page)) == []


def test_the_box_of_a_digit_is_given_in_the_page() -> None:
    """Where its ink is, within the edge of pixels that fade out."""
    digit = digits()[10]
    rows, columns = (np.flatnonzero(digit.max(axis=axis) > 100) for axis in (1, 0))
    picture = page(digit, 50)
    (found,) = extract_digits(picture)
    left, top, width, height = found.box
    assert abs(left - (50 + 4 * columns[0])) <= 6
    assert abs(top - (50 + 4 * rows[0])) <= 6
    assert abs(left + width - (54 + 4 * columns[-1])) <= 6
    assert abs(top + height - (54 + 4 * rows[-1])) <= 6


def test_digits_of_two_tiles_are_two() -> None:
    """From the left, each with its box."""
    two = np.hstack([page(digits()[3], 30), page(digits()[24], 30)])
    first, second = extract_digits(two)
    assert first.box[0] + first.box[2] < second.box[0]
