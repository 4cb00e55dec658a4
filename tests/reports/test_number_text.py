"""Numbers are printed so that they are not taken for others."""

import pytest

from mnist_batch.reports import number_text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.98123, "98.12 %"),
        (0, "0.00 %"),
        (1, "100.00 %"),
        (1 - 1 / 60_000, "99.998 %"),
        (1 / 600_000, "0.0002 %"),
        (None, "\N{EN DASH}"),
    ],
)
def test_only_all_is_a_hundred_per_cent(share: float | None, text: str) -> None:
    """One mistake in 60,000 is told from none, and one in 600,000 from nothing."""
    assert number_text.percent(share) == text


def test_one_is_singular() -> None:
    """1 row, 2 rows, 1 match, 2 matches."""
    assert number_text.counted(1, "row") == "1 row"
    assert number_text.counted(2_000, "row") == "2,000 rows"
    assert number_text.counted(2, "match", "matches") == "2 matches"
    assert number_text.count(1_234_567) == "1,234,567"


def test_a_number_that_is_not_there_is_a_dash() -> None:
    """And never 0."""
    assert number_text.decimal(None) == "\N{EN DASH}"
    assert number_text.decimal(0.12345) == "0.1235"


def test_a_difference_has_its_sign() -> None:
    """In percentage points, with a minus sign that is as wide as the plus."""
    assert number_text.points(0.0128) == "+1.28"
    assert number_text.points(-0.0128) == "\N{MINUS SIGN}1.28"
    assert number_text.points(0.0) == "0.00"
    assert number_text.points(None) == "\N{EN DASH}"


def test_a_small_p_value_is_only_small() -> None:
    """Nobody needs its digits; and it is never 0."""
    assert number_text.p_value(0.0391) == "0.0391"
    assert number_text.p_value(1.0) == "1.0000"
    assert number_text.p_value(0.0) == "< 0.0001"
    assert number_text.p_value(None) == "\N{EN DASH}"
