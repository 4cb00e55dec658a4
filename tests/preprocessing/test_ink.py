"""A picture's noise, its polarity, and how much ink its pixels hold, whatever the light."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnist_batch.preprocessing.ink import (
    LONGEST_SIDE,
    View,
    _noise,
    components,
    distance_to_edge,
    ink_strength,
    quantile,
    run_edges,
    shrunk,
    stroke_width,
    view,
)
from mnist_batch.synthetic.generator import draw_digit

Pixels = NDArray[np.uint8]
Ink = NDArray[np.float64]


def written(digit: int, side: int, *, seed: int = 0) -> Ink:
    """Return a digit's ink (side, side), 0 to 1."""
    image = Image.fromarray(draw_digit(digit, np.random.default_rng(seed)))
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)) / 255


def picture(levels: NDArray[np.floating]) -> Pixels:
    """Return grey levels as a picture."""
    rounded: Pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return rounded


def noisy(levels: Ink, sigma: float, seed: int = 0) -> Pixels:
    """Return grey levels with noise that differs from pixel to pixel."""
    return picture(levels + np.random.default_rng(seed).normal(0, sigma, levels.shape))


# Noise


@pytest.mark.parametrize("sigma", [2, 4, 8, 16, 25])
@pytest.mark.parametrize("seed", range(3))
def test_noise_is_estimated_within_15_percent(sigma: float, seed: int) -> None:
    """On even paper, on a slope of light, and behind a digit."""
    slope = np.linspace(90, 160, 240)[:, None] + np.zeros(240)
    for levels in (np.full((120, 120), 128.0), slope, 170 - 90 * written(8, 240, seed=seed)):
        assert _noise(noisy(levels, sigma, seed)) == pytest.approx(sigma, rel=0.15)


def test_edges_along_the_sides_are_no_noise() -> None:
    """Nor is even paper, nor a slope, nor strokes on part of a picture."""
    chequered = np.kron(np.random.default_rng(0).integers(0, 256, (9, 9)), np.ones((20, 20)))
    slope = np.add.outer(np.arange(100), np.arange(100))
    for levels in (np.full((50, 50), 9.0), slope, chequered, 255 * written(3, 280)):
        assert _noise(picture(levels)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 2), (2, 2)])
def test_a_picture_of_two_lines_has_no_noise(shape: tuple[int, int]) -> None:
    """There is nothing to compare."""
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert _noise(noise) == 0


@pytest.mark.parametrize("sigma", [1, 3, 6, 12, 30])
def test_the_noise_of_a_view_is_what_smoothing_left(sigma: float) -> None:
    """Within 15 percent, from none at all to all that there is."""
    seen = view(noisy(np.full((250, 250), 128.0), sigma))
    assert seen.noise == pytest.approx(seen.grey.astype(float).std(), rel=0.15)
    assert seen.noise <= sigma * 1.05


@settings(deadline=None)
@given(arrays(np.uint16, array_shapes(max_dims=2), elements=st.integers(0, 4000)), st.floats(0, 1))
def test_aquantile_is_the_least_value_with_that_share_below(
    values: NDArray[np.uint16], share: float
) -> None:
    """As NumPy's, by the inverse of the distribution function."""
    expected = np.sort(values.reshape(-1))
    found = quantile(values, share)
    assert np.mean(expected <= found) >= share - 1e-12
    assert found == 0 or np.mean(expected < found) < share + 1e-12


# Views


@pytest.mark.parametrize(
    ("shape", "expected", "scale"),
    [
        ((2000, 1000), (256, 128), 0.128),
        ((257, 256), (256, 255), 256 / 257),
        ((256, 200), (256, 200), 1),
        ((112, 20), (112, 20), 1),
        ((111, 28), (222, 56), 2),
        ((28, 28), (112, 112), 4),
        ((12, 7), (120, 70), 10),
        ((1, 1), (112, 112), 112),
        ((1, 5000), (1, 256), 0.0512),
    ],
)
def test_a_picture_is_looked_at_in_one_size(
    shape: tuple[int, int], expected: tuple[int, int], scale: float
) -> None:
    """The longer side is 112 to 256 pixels, enlarged by whole numbers; proportions are kept."""
    seen = view(np.full(shape, 200, np.uint8))
    assert seen.grey.shape == expected
    assert seen.scale == pytest.approx(scale)
    assert max(expected) <= LONGEST_SIDE


@pytest.mark.parametrize("dark_ink", [True, False])
def test_a_picture_without_noise_is_looked_at_as_it_is(dark_ink: bool) -> None:
    """Pixel for pixel, but for light ink turned dark."""
    levels = picture(250 - 200 * written(5, 200))
    seen = view(levels if dark_ink else 255 - levels)
    np.testing.assert_array_equal(seen.grey, levels)
    assert (seen.dark_ink, seen.noise) == (dark_ink, 0)


def half_in_shadow(side: int) -> Ink:
    """Return light (side, side), 0 to 1: half of it behind a sharp, slanting edge."""
    y, x = np.mgrid[0 : 1 : side * 1j, 0 : 1 : side * 1j]
    return np.where(x + 0.3 * y > 0.65, 0.5, 1.0)


def in_a_corner(ink: Ink) -> Ink:
    """Return ink in the corner of a sheet of six times its area."""
    sheet = np.zeros((len(ink) * 3, len(ink) * 2))
    sheet[: len(ink), : len(ink)] = ink
    return sheet


def cut_close(ink: Ink) -> Ink:
    """Return ink with nothing around it: strokes reach the sides."""
    rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


STYLES: dict[str, Callable[[Ink], Ink]] = {
    "a pen": lambda ink: 240 - 200 * ink,
    "a pencil": lambda ink: 200 - 25 * ink,
    "in a corner": lambda ink: 240 - 200 * in_a_corner(ink),
    "cut close": lambda ink: 240 - 200 * cut_close(ink),
    "half in shadow": lambda ink: (230 - 180 * ink) * half_in_shadow(len(ink)),
    "all in the dark": lambda ink: 40 - 30 * ink,
}


@pytest.mark.parametrize("side", [28, 140, 640])
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("digit", range(10))
def test_polarity_is_that_of_strokes_and_ground(digit: int, style: str, side: int) -> None:
    """And the other one of the negative."""
    levels = picture(STYLES[style](written(digit, side, seed=digit)))
    assert view(levels).dark_ink
    assert not view(255 - levels).dark_ink


@pytest.mark.parametrize("digit", [0, 2, 3, 4, 5, 8, 9])
def test_polarity_does_not_follow_the_mean(digit: int) -> None:
    """A marker so thick that most of the picture is ink, with little paper around."""
    ink = written(digit, 140, seed=1)[14:-14, 14:-14]
    thick = ndimage.grey_dilation(ink, footprint=np.hypot(*np.mgrid[-10:11, -10:11]) <= 10)
    levels = picture(240 - 230 * thick)
    assert levels.mean() < 128
    assert view(levels).dark_ink
    assert not view(255 - levels).dark_ink


# Strength


def seen(levels: NDArray[Any], noise: float = 0.0) -> View:
    """Return a view of a picture with dark ink, as it is."""
    return View(picture(levels), 1.0, noise, dark_ink=True, doubtful=False, split=False)


@pytest.mark.parametrize("reach", [5, 21, 55])
def test_strength_is_the_darkness_as_a_share_of_the_closed_ground(reach: int) -> None:
    """By SciPy's closing of the picture, which goes on beyond its sides, but for strokes there."""
    random = np.random.default_rng(reach)
    levels = picture((200 - 150 * written(6, 90)) * np.linspace(1, 0.1, 90))
    levels = picture(levels + random.normal(0, 3, levels.shape))
    margin = reach // 2
    padded = np.pad(levels, margin, mode="edge")
    for turns in range(4):
        turned = np.rot90(padded, turns)
        side = turned[margin, margin:-margin]
        turned[:margin, margin:-margin] = [
            min(side[: place + 1].max(), side[place:].max()) for place in range(len(side))
        ]
    closed = ndimage.grey_closing(padded, size=(reach, reach), mode="nearest")
    ground = closed[reach // 2 : -(reach // 2), reach // 2 : -(reach // 2)].astype(float)
    difference = ground - levels
    usual = np.quantile(difference, 0.5, method="inverted_cdf")
    expected = 255 * np.maximum(difference - usual, 0) / np.maximum(ground, 48)
    found, noise = ink_strength(seen(levels, 2.0), reach)
    assert np.abs(found - expected).max() <= 0.51
    rather_dark = np.quantile(np.maximum(ground, 48), 0.4, method="inverted_cdf")
    assert noise == pytest.approx(2.0 * 255 / rather_dark)


@pytest.mark.parametrize("turns", range(4))
def test_a_thick_bar_along_a_side_is_ink(turns: int) -> None:
    """The bar of a 7 that touches the side: it does not go on beyond it, as a shadow does."""
    levels = np.full((100, 100), 255, np.uint8)
    levels[:12, 20:80] = 0
    strength, _ = ink_strength(seen(np.rot90(levels, turns)), 35)
    assert np.rot90(strength, -turns)[:12, 20:80].min() == 255


@pytest.mark.parametrize("digit", [0, 2, 3, 5, 8])
@pytest.mark.parametrize("light", [0.35, 0.6, 0.85])
def test_a_stroke_is_as_strong_in_shade_as_in_light(light: float, digit: int) -> None:
    """Ink swallows a share of the light: a ground that is multiplied changes nothing."""
    ink = written(digit, 200)
    even, _ = ink_strength(seen(240 * (1 - 0.6 * ink)), 41)
    assert even[ink == 1].min() == pytest.approx(0.6 * 255, abs=1)
    assert not even[ink == 0].any()
    shaded, _ = ink_strength(seen(240 * (1 - 0.6 * ink) * np.linspace(1, light, 200)), 41)
    assert not shaded[ink == 0].any()
    # Of 255, on the mean; single pixels differ by how much the light does across a stroke.
    assert np.abs(even.astype(int) - shaded)[ink == 1].mean() < 4


def test_a_stroke_is_as_strong_behind_the_edge_of_a_shadow() -> None:
    """A sharp edge is no ink, and the strokes that cross it are as strong on both sides."""
    ink = written(8, 200)
    light = np.where(np.arange(200) < 100, 1, 0.5)
    strength, _ = ink_strength(seen(240 * (1 - 0.6 * ink) * light), 41)
    assert not strength[ink == 0].any()
    for half in (slice(0, 100), slice(100, 200)):
        assert strength[:, half][ink[:, half] == 1] == pytest.approx(0.6 * 255, abs=2)


@pytest.mark.parametrize("ground", [10, 24, 47])
def test_the_ground_counts_as_48_at_least(ground: int) -> None:
    """On a darker one, differences would be enlarged to ink."""
    levels = np.full((60, 60), float(ground))
    levels[20:40, 28:32] = 0
    strength, noise = ink_strength(seen(levels, 1.0), 21)
    assert strength.max() == round(ground * 255 / 48)
    assert noise == pytest.approx(255 / 48)


def test_noise_of_the_paper_is_not_taken_for_ink() -> None:
    """A closing takes the lightest of the noise for the ground: its usual depth is no ink."""
    levels = noisy(np.full((200, 200), 200.0), 6)
    strength, _ = ink_strength(seen(levels, 6.0), 41)
    assert np.median(strength) == 0
    assert np.quantile(strength, 0.95) < 255 * 3 * 6 / 180


def test_a_slope_of_light_is_no_ink() -> None:
    """Also at its dark end, at the picture's side."""
    y, x = np.mgrid[0:150, 0:150]
    for levels in (x * 1.5 + 20, 245 - x * 1.5, x * 0.7 + y * 0.8 + 10):
        strength, _ = ink_strength(seen(levels), 41)
        assert strength.max() <= 2


# Width


@pytest.mark.parametrize("width", range(1, 16))
@pytest.mark.parametrize("shape", ["level", "upright", "slanting", "ring"])
def test_a_strokes_width_is_found(width: int, shape: str) -> None:
    """Within a pixel and a twentieth of it, of straight ones and of a ring."""
    y, x = np.indices((200, 200))
    distance = {
        "level": y - 99.5 + width % 2 / 2,
        "upright": x - 99.5 + width % 2 / 2,
        "slanting": (x - y) / np.sqrt(2),
        "ring": np.hypot(y - 99.5, x - 99.5) - 60,
    }[shape]
    mask = (np.abs(distance) < width / 2).astype(np.uint8)
    assert stroke_width(mask) == pytest.approx(width, abs=1 + 0.05 * width)


@given(st.integers(0, 9), st.integers(0, 50))
@settings(max_examples=30, deadline=None)
def test_distances_to_the_edge_are_scipys(digit: int, seed: int) -> None:
    """Within five percent; what is beyond the picture is outside."""
    mask = (written(digit, 80, seed=seed)[12:-12, 12:-12] > 0.5).astype(np.uint8)
    expected = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    np.testing.assert_allclose(distance_to_edge(mask), expected, rtol=0.05)


@pytest.mark.parametrize("side", range(4))
@pytest.mark.parametrize("step", [-40, 10])
def test_a_strip_along_a_side_is_no_part_of_the_view(side: int, step: int) -> None:
    """The next sheet, darker or lighter than the page: the page goes on there."""
    page = np.full((120, 120), 200, np.uint8)
    page[40:80, 55:65] = 150
    edged = np.rot90(page, side).copy()
    edged[:5] = (edged[:5].astype(int) + step).astype(np.uint8)
    assert (view(np.ascontiguousarray(np.rot90(edged, -side))).grey == page).all()


def test_a_stroke_along_a_side_is_seen() -> None:
    """It ends short of the corners, as no sheet does."""
    page = np.full((120, 120), 200, np.uint8)
    page[:6, 10:110] = 30
    page[:110, 60:68] = 30
    assert (view(page).grey == page).all()


@given(st.lists(st.booleans(), max_size=12))
def test_runs_begin_and_end_where_flags_change(flags: list[bool]) -> None:
    """Beginnings and ends in turn, as slices take them; nothing at either end is lost."""
    edges = run_edges(np.array(flags, np.uint8)).tolist()
    places = [
        place
        for first, last in zip(edges[::2], edges[1::2], strict=True)
        for place in range(first, last)
    ]
    assert places == [place for place, flag in enumerate(flags) if flag]


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((40, 60), id="labels of 16 bits"),
        pytest.param((300, 500), id="labels of 32 bits"),
        pytest.param((1, 9), id="one line"),
    ],
)
def test_components_are_scipys(shape: tuple[int, int], connectivity: int) -> None:
    """The same pixels together, by their labels, boxes and areas."""
    mask = (np.random.default_rng(0).random(shape) < 0.4).astype(np.uint8)
    joined = np.ones((3, 3)) if connectivity == 8 else None
    expected, most = ndimage.label(mask, joined)

    count, labels, boxes = components(mask, connectivity)

    assert count == most + 1
    pairs = np.unique(np.stack([labels.reshape(-1), expected.reshape(-1)]), axis=1)
    assert len(pairs[0]) == count, "a component of one is split or joined in the other"
    assert labels[mask == 0].max() == 0
    areas = np.bincount(labels.reshape(-1), minlength=count)
    np.testing.assert_array_equal(boxes[:, 4], areas)
    for label in range(1, min(count, 20)):
        rows, columns = np.nonzero(labels == label)
        left, top, width, height, _ = boxes[label]
        assert (left, left + width) == (columns.min(), columns.max() + 1)
        assert (top, top + height) == (rows.min(), rows.max() + 1)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_a_chessboard_of_many_components_has_them_all(connectivity: int) -> None:
    """More than labels of 16 bits can tell apart, if corners do not count."""
    board = (np.indices((300, 437)).sum(axis=0) % 2).astype(np.uint8)

    count, _, _ = components(board, connectivity)

    assert count - 1 == (board.sum() if connectivity == 4 else 1)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        pytest.param((1200, 1600), (192, 256), id="large"),
        pytest.param((1301, 1603), (208, 256), id="large, odd sides"),
        pytest.param((3000, 400), (512, 68), id="large and narrow"),
        pytest.param((600, 800), (192, 256), id="small"),
    ],
)
def test_a_picture_is_shrunk_by_area(shape: tuple[int, int], size: tuple[int, int]) -> None:
    """As Pillow shrinks it; strokes of a large picture move by up to half a pixel."""
    levels = noisy(200 - 150 * written(8, max(shape))[: shape[0], : shape[1]], 8)
    box = Image.Resampling.BOX
    expected = np.asarray(Image.fromarray(levels).resize(size[::-1], box)).astype(int)

    apart = np.abs(shrunk(levels, *size) - expected)

    assert apart.mean() < 1
    assert apart.max() <= 12
