"""Noise raises no alarm, and a true drop does: at the sizes of `make alarms`."""

from functools import partial

from benchmarks.alarms import (
    is_called_suspicious,
    is_called_worse,
    is_called_worse_with_repeats,
    is_found_behind_an_inserted_row,
    raised_on,
)


def test_an_equally_good_model_is_hardly_ever_called_worse() -> None:
    """On fewer than 10 of 1,000 nights of 1,000 rows, all digits among them; 5 are expected."""
    assert raised_on(partial(is_called_worse, rows=1000), 1000) < 10


def test_images_that_fill_many_rows_raise_no_more_alarms() -> None:
    """On fewer than 4 of 400 nights: 1; if each row were evidence, on 16."""
    assert raised_on(is_called_worse_with_repeats, 400) < 4


def test_a_drop_behind_a_row_that_is_put_in_is_found() -> None:
    """On each of 50 nights."""
    assert raised_on(is_found_behind_an_inserted_row, 50) == 50


def test_images_drawn_anew_are_hardly_ever_suspicious() -> None:
    """On none of 50 nights."""
    assert raised_on(partial(is_called_suspicious, rows=1000), 50) == 0


def test_worse_images_are_suspicious_with_labels_too() -> None:
    """On 20 nights of which 10 points more are misread: confidence and accuracy fall together."""
    assert raised_on(partial(is_called_suspicious, rows=1000, worse=0.1), 20) >= 19


def test_a_drop_of_two_points_is_found() -> None:
    """On each of 100 nights of 10,000 rows."""
    assert raised_on(partial(is_called_worse, rows=10_000, drop=0.02), 100) >= 99
