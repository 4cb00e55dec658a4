"""Dataclasses from what JSON made of them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.nights.records import from_record


@dataclass(frozen=True)
class _Inner:
    number: int
    share: float | None = None


@dataclass(frozen=True)
class _Outer:
    text: str
    is_so: bool
    pair: tuple[int, float]
    inners: tuple[_Inner, ...]
    by_name: Mapping[str, _Inner]
    anything: Any
    maybe: tuple[str, ...] | None = field(default=None)


_NUMBERS = st.floats(-(2.0**53), 2.0**53, exclude_min=True, exclude_max=True)
_COUNTS = st.integers(1 - 2**53, 2**53 - 1)
_INNERS = st.builds(_Inner, _COUNTS, st.none() | _NUMBERS)
_OUTERS = st.builds(
    _Outer,
    st.text(),
    st.booleans(),
    st.tuples(_COUNTS, _NUMBERS),
    st.lists(_INNERS).map(tuple),
    st.dictionaries(st.text(), _INNERS),
    st.none() | st.integers() | st.text(),
    st.none() | st.lists(st.text()).map(tuple),
)


@given(_OUTERS)
def test_what_json_wrote_and_read_gives_the_same_value(outer: _Outer) -> None:
    """Whatever is in the fields."""
    assert from_record(_Outer, json.loads(json.dumps(asdict(outer)))) == outer


_GOOD = {
    "text": "a",
    "is_so": True,
    "pair": [1, 2.0],
    "inners": [{"number": 1}],
    "by_name": {},
    "anything": [],
}


def test_a_field_with_a_default_may_be_missing() -> None:
    """As where an earlier release did not know it."""
    assert from_record(_Outer, _GOOD).inners == (_Inner(1, None),)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"text": None}, "text: is NoneType, not str"),
        ({"is_so": 1}, "is_so: is int, not bool"),
        ({"pair": [True, 2.0]}, "pair: is bool, not int"),
        ({"pair": [1]}, "pair: has 1 values, not 2"),
        ({"pair": "12"}, "pair: is str, not a list"),
        ({"inners": [{}]}, "inners: number is missing"),
        ({"by_name": []}, "by_name: is list, not an object"),
        ({"maybe": 3}, "maybe: is int, not a list"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(change: dict[str, Any], why: str) -> None:
    """Truth values are no numbers, and texts no lists."""
    with pytest.raises(ValueError, match=why):
        from_record(_Outer, {**_GOOD, **change})


def test_what_is_no_object_is_refused() -> None:
    """As a file that holds a list."""
    with pytest.raises(ValueError, match="is list, not an object"):
        from_record(_Outer, [])
