"""Components that belong together are one digit, and digits side by side are not."""

import pytest

from mnist_batch.preprocessing.grouping import Group, digits_among, lines_of


def part(left: int, top: int, width: int, height: int, mass: float | None = None) -> Group:
    """Return a component; its label tells where it is, and half of its box is ink."""
    area = width * height / 2
    return Group.of(left + 1000 * top, mass or area, left, top, left + width, top + height)


EIGHT = part(0, 0, 60, 100)


@pytest.mark.parametrize("gap", [1, 5, 12, 20, 80])
def test_two_tall_components_are_two_digits_at_any_distance(gap: int) -> None:
    """Near ones become one group first, which falls apart again."""
    other = part(60 + gap, 5, 55, 95)
    groups = [EIGHT.joined(other)] if EIGHT.owns(other) else [EIGHT, other]
    assert len(digits_among(groups)) == 2


def test_all_digits_of_a_row_are_found_within_one_group() -> None:
    """Five near each other, joined in any order."""
    first, *rest = (part(left, left % 7, 60, 95) for left in (0, 62, 124, 186, 248))
    for one in reversed(rest):
        first = first.joined(one)
    assert len(digits_among([first])) == 5


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
    assert len(digits_among([EIGHT.joined(piece)])) == 1
    assert len(digits_among([EIGHT, part(200, 40, 9, 9)])) == 1


def test_a_flat_stroke_far_above_is_no_digit() -> None:
    """A loose stroke of a 5 is wider than its height, and so no digit in a line of its own."""
    body, stroke = part(0, 60, 25, 40), part(0, 0, 80, 22)
    assert len(digits_among([stroke, body])) == 1


def test_dots_of_a_dotted_digit_are_not_two_digits() -> None:
    """No component has most of the ink of either half."""
    dots = [part(left, top, 8, 30) for left in (0, 40) for top in (0, 34, 70)]
    first, *rest = dots
    for one in rest:
        first = first.joined(one)
    assert len(digits_among([first])) == 1


def test_a_thin_1_counts_beside_an_8() -> None:
    """It has little ink, but stands as tall in the line; a scratch beside a 1 does not count."""
    one = part(90, 0, 8, 95)
    assert len(digits_among([part(0, 0, 60, 100, 3000), one])) == 2
    assert len(digits_among([part(0, 0, 20, 100, 1900), part(60, 0, 4, 90, 200)])) == 1


def test_digits_are_in_reading_order() -> None:
    """Line by line from the top, each from the left, however much digits of a line jump."""
    above = [part(300, 0, 50, 100), part(0, 20, 50, 100), part(150, -20, 50, 100)]
    below = [part(200, 190, 50, 100), part(20, 170, 50, 100)]
    lines = lines_of([*below, *above])
    assert [[one.left for one in line] for line in lines] == [[0, 150, 300], [20, 200]]
