"""Which ink is the digit: no lines, specks, edges or other digits, but all of its own parts."""

import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mnist_batch.preprocessing.segmentation import find_digit
from mnist_batch.preprocessing.shapes import is_digit_shaped
from tests.support.ink_sheets import INK, found, overlap, sheet, written


def parts(mask: NDArray[np.generic]) -> int:
    """Return how many pieces a mask is in, by SciPy."""
    return int(ndimage.label(mask, np.ones((3, 3)))[1])


# Digits alone


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("seed", range(3))
def test_a_digit_alone_is_all_of_the_ink(digit: int, seed: int) -> None:
    """Wherever it is; those in two strokes that do not touch too."""
    ink = sheet((written(digit, seed=seed), 70, 5))
    alone = found(ink)
    assert overlap(alone.mask, ink) == 1
    assert alone.count == 1


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("radius", [12, 20])
def test_a_blot_beside_a_digit_is_none(digit: int, radius: int) -> None:
    """Larger or smaller than the digit: only the digit counts."""
    ink = sheet((written(digit), 60, 120))
    y, x = np.indices(ink.shape)
    blot = np.hypot(y - 100, x - 40) < radius
    alone = found(np.where(blot, np.uint8(INK), ink))
    assert overlap(alone.mask, ink) == 1
    assert alone.count == 1


def test_a_bold_digit_on_a_page_counts() -> None:
    """A 0 so bold that it is full: alone it would be a blot."""
    ink = sheet((written(3, 64), 60, 8), (written(4, 64), 60, 168))
    y, x = np.indices(ink.shape)
    bold = np.hypot((y - 92) / 1.2, x - 122) < 27
    assert not is_digit_shaped(bold.astype(np.uint8))
    assert found(np.where(bold, np.uint8(INK), ink)).count == 3


@pytest.mark.parametrize("strength", [0, 11])
def test_faint_ink_is_paper(strength: int) -> None:
    """Below 12 of 255, paper is as uneven; an empty sheet has no ink at all."""
    ink = sheet((written(3), 0, 0))
    assert find_digit(np.where(ink > INK / 2, np.uint8(strength), np.uint8(0)), 0) is None


def test_ink_has_to_stand_out_from_noise() -> None:
    """By four standard deviations at the strongest, and by 3.5 on the mean."""
    ink = sheet((written(3), 20, 20))
    assert find_digit(ink, INK / 5) is not None
    assert find_digit(ink, INK / 3.4) is None
    spot = sheet((written(3), 20, 20)) // 3
    spot[60, 60] = 255
    assert find_digit(spot, INK / 3 / 3) is None


def test_grain_as_strong_as_the_ink_hides_it() -> None:
    """Where a twentieth of the paper is two thirds as strong, nothing can be said to be a digit."""
    grain = np.random.default_rng(0).random((200, 240)) < 0.08
    ink = sheet((written(3), 40, 40))
    found(np.maximum(ink, np.where(grain, np.uint8(0.2 * INK), np.uint8(0))))
    assert find_digit(np.maximum(ink, np.where(grain, np.uint8(0.9 * INK), np.uint8(0))), 0) is None


@pytest.mark.parametrize("side", [1, 3])
def test_a_dot_is_no_digit(side: int) -> None:
    """Smaller than four pixels, or than an eightieth of the picture."""
    dot = np.full((side, side), INK, np.uint8)
    assert find_digit(sheet((dot, 100, 100)), 0) is None
    assert find_digit(sheet((dot, 9, 9), shape=(320, 400)), 0) is None


def test_a_dash_is_no_digit() -> None:
    """Wider than high, however long; upright, it is a 1."""
    dash = np.full((6, 60), INK, np.uint8)
    assert find_digit(sheet((dash, 90, 90)), 0) is None
    assert found(sheet((dash.T, 60, 90))).mask.sum() == 360
    assert find_digit(sheet((dash[:, :14], 90, 90)), 0) is None


def test_a_stroke_runs_on_where_the_pen_was_light() -> None:
    """If it is sure somewhere: here half of it has 60 percent of the strength."""
    ink = sheet((written(1, seed=2), 40, 40))
    light = ink.copy()
    light[90:] = light[90:] * 0.6
    assert overlap(found(light).mask, np.where(light > 0, ink, 0)) > 0.97


@pytest.mark.parametrize("strength", [60, 120])
def test_what_is_left_of_ruled_lines_is_no_digit(strength: int) -> None:
    """A piece of a line that leaves the sheet, or a blur; a 1 of a broader pen is one."""
    lines = np.zeros((200, 240), np.uint8)
    for row in range(20, 200, 30):
        lines[row : row + 2] = strength
    piece = lines.copy()
    piece[:90, 30:32] = strength
    blur = lines.copy()
    blur[60:75, 100:110] = strength // 2
    assert find_digit(piece, 0) is None
    assert find_digit(blur, 0) is None
    one = lines.copy()
    one[30:120, 100:108] = strength
    assert found(one).mask[35:45, 100:108].all()


# Specks and pieces


@pytest.mark.parametrize("digit", range(10))
def test_specks_are_dropped(digit: int) -> None:
    """Dust, as strong as the ink, anywhere but on the digit; it counts as no digit."""
    ink = sheet((written(digit), 40, 60))
    far = ndimage.distance_transform_edt(ink == 0) > 15
    rows, columns = np.nonzero(far)
    dusty = ink.copy()
    for place in np.random.default_rng(digit).integers(0, len(rows), 25):
        dusty[rows[place] : rows[place] + 2, columns[place] : columns[place] + 2] = 220
    alone = found(dusty)
    assert not (alone.mask > 0)[far].any()
    assert overlap(alone.mask, ink) > 0.99
    assert alone.count == 1


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("gap", [2, 5])
def test_a_broken_stroke_is_kept_together(digit: int, gap: int) -> None:
    """Where the pen skipped, across the middle of the digit."""
    ink = sheet((written(digit), 40, 60))
    ink[96 - gap // 2 : 96 - gap // 2 + gap] = 0
    assert parts(ink > INK / 2) >= 2
    together = found(ink)
    assert overlap(together.mask, ink) > 0.97
    assert together.count == 1


def test_grain_is_no_digit() -> None:
    """Specks all over a sheet, none larger than the others, happen to lie together."""
    specks = np.random.default_rng(0).random((200, 240)) < 0.02
    assert find_digit(np.where(specks, np.uint8(INK), np.uint8(0)), 0) is None


def test_the_work_does_not_grow_with_the_grain() -> None:
    """Thousands of specks are not each compared with each other one."""
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    specks = np.random.default_rng(0).random((320, 320)) < 0.03
    strength = np.where(specks, np.uint8(INK), np.uint8(0))
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        find_digit(strength, 0)
    finally:
        sys.setprofile(before)
    assert calls < 200_000  # of two thousand specks, each with each: millions


# Other digits


@pytest.mark.parametrize(("first", "second"), [(3, 8), (1, 1), (7, 2), (0, 4), (6, 9), (5, 5)])
def test_the_larger_of_two_digits_is_read(first: int, second: int) -> None:
    """And two are counted, whichever stands left; nothing of the other is in it."""
    large, small = written(first, 130), written(second, 100, seed=1)
    for places in (((large, 30, 0), (small, 40, 135)), ((large, 30, 105), (small, 40, 5))):
        digit = found(sheet(*places))
        assert overlap(digit.mask, sheet(places[0])) > 0.99
        assert digit.count == 2


def test_all_digits_are_counted() -> None:
    """Three in a row; and one above the other."""
    row = sheet(*((written(digit, 90), 50, 82 * place) for place, digit in enumerate((2, 5, 8))),
                shape=(200, 260))  # fmt: skip
    assert found(row).count == 3
    column = sheet((written(4), 0, 60), (written(3), 110, 60), shape=(230, 240))
    assert found(column).count == 2


def test_a_much_smaller_figure_is_not_counted() -> None:
    """Less than half as large: a page number, or a scribble."""
    assert found(sheet((written(8, 180), 10, 0), (written(3, 50), 140, 185))).count == 1


def test_a_bar_above_belongs_to_its_5() -> None:
    """It is as wide as the rest, but not as tall and not beside it."""
    ink = np.zeros((200, 200), np.uint8)
    ink[40:50, 70:130] = INK
    ink[58:100, 70:80] = INK
    ink[90:100, 70:130] = INK
    ink[90:160, 120:130] = INK
    ink[150:160, 70:130] = INK
    whole = found(ink)
    assert overlap(whole.mask, ink) == 1
    assert whole.count == 1


# Edges


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_what_lies_along_an_edge_is_left_out(side: str) -> None:
    """The table or the next sheet, as strong as the ink and longer than it."""
    ink = sheet((written(6), 40, 60))
    framed = ink.copy()
    strip: dict[str, Any] = {
        "left": np.s_[:, :12],
        "top": np.s_[:10],
        "right": np.s_[:, -12:],
        "bottom": np.s_[-10:],
    }
    framed[strip[side]] = INK
    digit = found(framed)
    assert overlap(digit.mask, ink) == 1
    assert digit.count == 1


def test_a_frame_is_left_out() -> None:
    """On all four sides."""
    ink = sheet((written(2), 40, 60))
    framed = np.pad(ink[4:-4, 4:-4], 4, constant_values=INK)
    assert overlap(found(framed).mask, ink) == 1


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("turns", range(4))
def test_a_digit_that_reaches_the_edge_is_read(digit: int, turns: int) -> None:
    """Pictures are cut close to the ink."""
    ink = written(digit, 160)
    rows, columns = (np.flatnonzero((ink > INK / 2).any(axis=axis)) for axis in (1, 0))
    corner = np.s_[rows[0] : rows[0] + 160, columns[0] : columns[0] + 160]
    cut = np.pad(ink, ((0, 160), (0, 160)))[corner]
    turned = np.ascontiguousarray(np.rot90(cut, turns) if turns % 2 == 0 else cut[:, ::-1])
    if turns == 3:
        turned = np.ascontiguousarray(turned[::-1])
    assert overlap(found(turned).mask, turned) > 0.97
