"""Many texts in little memory."""

import pickle
import tracemalloc
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.inputs import texts
from mnist_batch.inputs.texts import Texts, own_rows, own_rows_of_columns

# Two bytes and one that are a euro sign together; nothing; a null character.
ODD = ["a", "\udce2", "\udc82\udcac", "", "\N{EURO SIGN}", "b\0c", "z" * 300]


@pytest.mark.parametrize("at_once", [1, 2, 3, 100])
def test_they_come_back_as_they_were(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are encoded at once, and whether they are UTF-8 or not."""
    monkeypatch.setattr(texts, "_AT_ONCE", at_once)
    found = Texts(iter(ODD))
    assert len(found) == len(ODD)
    assert list(found) == ODD == [found[place] for place in range(len(ODD))]
    assert found[-1] == ODD[-1]
    assert list(found[2:6][1:3]) == ODD[3:5]
    assert list(Texts()) == []
    with pytest.raises(IndexError):
        found[len(ODD)]


def test_groups_are_joined_in_order() -> None:
    """Also groups of `str`; a single group stays the object that it is."""
    found = Texts(ODD)
    assert list(Texts.joined([found[2:], ["x"], Texts(), found[:1]])) == [*ODD[2:], "x", "a"]
    assert Texts.joined([found]) is found
    assert list(Texts.joined([])) == []


def test_their_bytes_are_one_after_the_other() -> None:
    """Of a slice too; where each begins counts from its own first."""
    found = Texts(ODD)
    for part in (found, found[1:3], found[4:], found[:0], Texts()):
        joined, bounds = part.joined_bytes()
        each = [joined[start:stop].tobytes() for start, stop in pairwise(bounds.tolist())]
        assert each == [text.encode("utf-8", "surrogateescape") for text in part]
        assert joined.tobytes() == b"".join(each)


def test_a_text_takes_its_bytes_and_eight_more() -> None:
    """A slice takes nothing; nor does iterating, beyond a block of texts."""
    count, length = 100_000, 60
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    found = Texts(f"{number:0{length}}" for number in range(count))
    slices = [found[start:] for start in range(0, count, 1000)]
    assert sum(map(len, (text for part in slices[-3:] for text in part))) == 6000 * length
    taken = tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes() - before
    tracemalloc.stop()
    # bytearray's room to grow is an eighth.
    assert taken < count * (length * 9 / 8 + 8) * 1.1


def test_a_slice_is_pickled_with_its_own_texts() -> None:
    """Whether they are UTF-8 or not; the others stay where they are."""
    found = Texts([*ODD, *("x" * 1000 for _ in range(1000))])[1:6]
    pickled = pickle.dumps(found)
    assert list(pickle.loads(pickled)) == ODD[1:6]
    assert len(pickled) < 1000
    assert list(pickle.loads(pickle.dumps(Texts()))) == []


@pytest.mark.parametrize(
    "values",
    [
        pa.array([None, *range(10_000)], pa.int64()),
        pa.array([None, *map(str, range(10_000))]),
        pa.array([None, *([1.0, None] for _ in range(10_000))], pa.list_(pa.float32(), 2)),
        pa.array([None, *(True for _ in range(10_000))]),
    ],
    ids=lambda values: str(values.type),
)
def test_own_rows_are_pickled_without_the_others(values: pa.Array) -> None:
    """Of any type, in an array or in columns."""
    part = values.slice(0, 3)
    columns = pa.record_batch([part], names=["a"])
    for rows, own in ((part, own_rows(part)), (columns, own_rows_of_columns(columns))):
        pickled = pickle.dumps(own)
        assert pickle.loads(pickled).equals(rows)
        assert len(pickled) < len(pickle.dumps(rows)) / 2


@given(st.lists(st.none() | st.booleans(), min_size=1, max_size=80), st.data())
def test_own_rows_have_the_same_bytes_wherever_they_were_cut(
    values: list[bool | None], data: st.DataObject
) -> None:
    """As rows that never were part of others have, in the files of parts."""
    start = data.draw(st.integers(0, len(values)))
    stop = data.draw(st.integers(start, len(values)))
    for kind, of in ((pa.int8(), int), (pa.bool_(), bool), (pa.string(), str)):
        whole = [None if one is None else of(one) for one in values]
        some = own_rows(pa.array(whole, kind).slice(start, stop - start))
        assert _written(some) == _written(pa.array(whole[start:stop], kind))


def _written(values: pa.Array) -> bytes:
    batch = pa.record_batch([values], names=["a"])
    written: bytes = batch.serialize().to_pybytes()
    return written
