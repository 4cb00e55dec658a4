"""Names come in natural order."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.inputs.finding.natural_order import natural_key, naturally_sorted

NAMES = st.text(st.sampled_from("019a.-é٣²\n\udcff"), max_size=6)
STARTS, ENDS = st.sampled_from(["", "a", "a1-"]), st.sampled_from([".png", ".jp2"])
NUMBERED = st.tuples(STARTS, st.text("0129", max_size=3), ENDS).map("".join)


@pytest.mark.parametrize(
    "names",
    [
        ["2.png", "10.png"],
        ["img1.png", "img2.png", "img10.png", "img11.png"],
        ["1.png", "2.png", "a.png", "b1.png", "b2.png"],
        ["01", "1", "02", "2", "10"],
        ["1a2", "1a10", "1b1", "2a1"],
        ["9" * 100 + ".png", "1" + "0" * 100 + ".png"],
    ],
)
def test_natural_order_is_that_of_the_numbers(names: list[str]) -> None:
    """Numbers in names sort by value, however the names came."""
    for order in permutations(names):
        assert sorted(order, key=natural_key) == names


@settings(deadline=None)
@given(NAMES, NAMES, NAMES)
def test_natural_order_is_total(a: str, b: str, c: str) -> None:
    """Any names can be compared, only equal ones are equal, and order is transitive."""
    first, second, third = natural_key(a), natural_key(b), natural_key(c)
    assert (first == second) == (a == b)
    assert (first < second) + (second < first) + (a == b) == 1
    if first <= second <= third:
        assert first <= third


@settings(deadline=None, max_examples=1000)
@given(st.lists(NUMBERED, max_size=6, unique=True) | st.lists(NAMES, max_size=6, unique=True))
def test_many_names_are_sorted_as_one_by_one(names: list[str]) -> None:
    """The quick way for names that differ in one number gives the same order."""
    assert naturally_sorted(names) == sorted(names, key=natural_key)


@settings(deadline=None)
@given(st.integers(0), st.integers(0), st.sampled_from(["", "x", "a-"]))
def test_natural_order_is_consistent_with_numbers(a: int, b: int, start: str) -> None:
    """Names that differ in one number are in the order of that number."""
    assert (natural_key(f"{start}{a}.png") < natural_key(f"{start}{b}.png")) == (a < b)
