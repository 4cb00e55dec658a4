"""Parts that are predicted elsewhere begin a bounded number ahead, and are taken in order."""

from collections.abc import Sequence

import pytest

from mnist_batch.engines.findings import Findings
from mnist_batch.engines.part_job import PartDone
from mnist_batch.engines.window import Window, in_order
from mnist_batch.options import OutputOptions
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.schema import DIGITS


def _parts(numbers: Sequence[int]) -> list[Part]:
    return [Part(number, []) for number in numbers]


def _done(number: int, name: str = "") -> PartDone:
    return PartDone(number, name, Findings(OutputOptions(), DIGITS, with_gallery=False))


def test_no_part_begins_far_ahead_of_one_that_is_not_done() -> None:
    """Of three, the first is slow: the fourth waits for it, whatever else is done."""
    window = Window(_parts([2, 5, 6, 7]), ahead=3)
    assert [window.begin() for _ in range(4)] == [*_parts([2, 5, 6]), None]
    assert window.under_way == 3
    assert window.finish(5)
    assert window.finish(6)
    assert window.begin() is None
    assert window.under_way == 1
    assert window.finish(2)
    assert window.begin() == Part(7, [])
    assert window.begin() is None


def test_more_parts_begin_where_there_are_more_to_do_them() -> None:
    """And none as long as fewer do them than before."""
    window = Window(_parts([0, 1, 2, 3]), ahead=1)
    assert [window.begin() for _ in range(2)] == [*_parts([0]), None]
    window.ahead = 3
    assert [window.begin() for _ in range(3)] == [*_parts([1, 2]), None]
    window.ahead = 2
    window.finish(0)
    assert window.begin() is None
    window.finish(1)
    assert window.begin() == Part(3, [])


def test_a_part_is_finished_once() -> None:
    """An attempt that comes late, and one of a part that never began, are nothing new."""
    window = Window(_parts([0, 1]), ahead=9)
    window.begin()
    assert window.finish(0)
    assert not window.finish(0)
    assert not window.finish(1)


def test_parts_come_in_order_and_once() -> None:
    """The first attempt at each is taken."""
    attempts = [_done(3, "a"), _done(1, "b"), _done(3, "c"), _done(1, "d"), _done(2, "e")]
    names = [one.name for one in in_order(attempts, _parts([1, 2, 3]))]
    assert names == ["b", "e", "a"]


def test_a_part_that_no_engine_predicts_is_a_failure() -> None:
    """Rather than rows that are missing."""
    done = in_order([_done(0), _done(2)], _parts([0, 1, 2]))
    assert next(done).number == 0
    with pytest.raises(RuntimeError, match="part 1 was not predicted"):
        next(done)
