"""Components that belong together are one digit, and digits side by side are not."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from mnist_batch.preprocessing.grouping import Group, digits_among, lines_of


def part(left: int, top: int, width: int, height: int, mass: float | None = None) -> Group:
    """Return a component; its label tells where it is, and half of its box is ink."""
    area = width * height / 2
    return Group.of(left + 1000 * top, mass or area, left, top, left + width, top + height)


def digits_of(groups: Sequence[Group]) -> list[Group]:
    """Return the digits among groups that no strip cuts through."""
    return digits_among(groups, np.zeros((400, 400), np.uint8))


EIGHT = part(0, 0, 60, 100)


@pytest.mark.parametrize("gap", [1, 5, 12, 20, 80])
def test_two_tall_components_are_two_digits_at_any_distance(gap: int) -> None:
    """Near ones become one group first, which falls apart again."""
    other = part(60 + gap, 5, 55, 95)
    groups = [EIGHT.joined(other)] if EIGHT.owns(other) else [EIGHT, other]
    assert len(digits_of(groups)) == 2


def test_all_digits_of_a_row_are_found_within_one_group() -> None:
    """Five near each other, joined in any order."""
    first, *rest = (part(left, left % 7, 60, 95) for left in (0, 62, 124, 186, 248))
    for one in reversed(rest):
        first = first.joined(one)
    assert len(digits_of([first])) == 5


@pytest.mark.parametrize(
    "piece",
    [
        part(20, -25, 60, 15),  # the loose stroke of a 5, above
        part(62, 80, 12, 12),  # a dot beside
        part(64, 40, 30, 30),  # a short stroke
        part(40, 10, 40, 85),  # a stem whose columns are the body's too, as of an open 4
    ],
)
def test_a_piece_of_a_digit_is_no_digit(piece: Group) -> None:
    """Whether it is part of the digit or a speck."""
    assert EIGHT.owns(piece)
    assert len(digits_of([EIGHT.joined(piece)])) == 1
    assert len(digits_of([EIGHT, part(200, 40, 9, 9)])) == 1


def test_a_flat_stroke_far_above_is_no_digit() -> None:
    """A loose stroke of a 5 is wider than its height, and so no digit in a line of its own."""
    body, stroke = part(0, 60, 25, 40), part(0, 0, 80, 22)
    assert len(digits_of([stroke, body])) == 1


def test_dots_of_a_dotted_digit_are_not_two_digits() -> None:
    """No component has most of the ink of either half."""
    dots = [part(left, top, 8, 30) for left in (0, 40) for top in (0, 34, 70)]
    first, *rest = dots
    for one in rest:
        first = first.joined(one)
    assert len(digits_of([first])) == 1


def test_a_thin_1_counts_beside_an_8() -> None:
    """It has little ink, but stands as tall in the line; a scratch beside a 1 does not count."""
    one = part(90, 0, 8, 95)
    assert len(digits_of([part(0, 0, 60, 100, 3000), one])) == 2
    assert len(digits_of([part(0, 0, 20, 100, 1900), part(60, 0, 4, 90, 200)])) == 1


def test_a_thin_1_counts_above_and_below_an_8() -> None:
    """In a line of its own too; a short scratch does not."""
    bold = part(0, 0, 60, 100, 3000)
    for top in (-130, 130):
        assert len(digits_of([bold, part(25, top, 8, 95, 400)])) == 2
        assert len(digits_of([bold, part(25, top, 8, 40, 400)])) == 1


def test_a_thin_1_counts_near_a_bold_digit() -> None:
    """Both are one group first, since a stroke of a digit may be as thin."""
    bold, one = part(0, 0, 60, 100, 3000), part(71, 3, 8, 94, 400)
    assert bold.owns(one)
    assert len(digits_of([bold.joined(one)])) == 2


def test_a_low_wide_digit_counts_in_a_line_of_its_own() -> None:
    """As a 2 and a 5 of MNIST are, if it is as tall as a loose stroke never is."""
    assert len(digits_of([EIGHT, part(0, 140, 98, 62)])) == 2
    assert len(digits_of([EIGHT, part(0, 140, 98, 54)])) == 1


def test_smaller_digits_count_where_two_are_found() -> None:
    """Then nobody takes them for a piece of the only digit."""
    small = part(300, 40, 45, 48, 400)
    assert len(digits_of([EIGHT, small])) == 1
    assert len(digits_of([EIGHT, part(150, 0, 60, 100), small])) == 3


def test_two_halves_of_a_digit_beside_a_narrow_strip_are_one() -> None:
    """Strokes that end at the strip go on behind it; two rings that touch nearly are two."""
    ring = np.zeros((140, 120), np.uint8)
    cv2.ellipse(ring, (60, 70), (38, 50), 0, 0, 360, 255, 12)
    halves = ring.copy()
    halves[:, 58:62] = 0
    narrow = cv2.resize(ring, (70, 140), interpolation=cv2.INTER_NEAREST)
    left, right = (np.flatnonzero(narrow.any(axis=0))[place] for place in (0, -1))
    narrow = narrow[:, left : right + 1]
    for picture, expected in (
        (halves, 1),
        (np.hstack([narrow, np.zeros((140, 4), np.uint8), narrow]), 2),
    ):
        _, labels, stats, _ = cv2.connectedComponentsWithStats(picture)
        parts = [
            Group.of(label, area, x, y, x + width, y + height)
            for label, (x, y, width, height, area) in enumerate(stats.tolist())
        ][1:]
        both = parts[0].joined(parts[1])
        assert both.width < 1.1 * both.height
        assert len(digits_among([both], labels)) == expected


def test_digits_are_in_reading_order() -> None:
    """Line by line from the top, each from the left, however much digits of a line jump."""
    above = [part(300, 0, 50, 100), part(0, 20, 50, 100), part(150, -20, 50, 100)]
    below = [part(200, 190, 50, 100), part(20, 170, 50, 100)]
    lines = lines_of([*below, *above])
    assert [[one.left for one in line] for line in lines] == [[0, 150, 300], [20, 200]]
