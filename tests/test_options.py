"""The choices a user makes by name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.options import (
    EngineChoice,
    EngineOptions,
    ErrorBudget,
    PredictOptions,
    ReadOptions,
    Share,
    input_list,
    memory_size,
)


@pytest.mark.parametrize(
    ("text", "errors", "rows", "allowed"),
    [
        ("0", 0, 10, True),
        ("0", 1, 10, False),
        ("3", 3, 10, True),
        ("3", 4, 10, False),
        ("10%", 1, 10, True),
        ("10%", 2, 10, False),
        ("0.1%", 1, 1000, True),
        ("0.1%", 1, 999, False),
        ("0.29%", 29, 10_000, True),
        (".5%", 1, 200, True),
        ("0%", 0, 0, True),
        ("100%", 10, 10, True),
    ],
)
def test_a_budget_is_a_number_or_a_share(text: str, errors: int, rows: int, allowed: bool) -> None:
    """Up to it is within it; a share is of all rows, and exact."""
    budget = ErrorBudget.parse(text)
    assert budget.allows(errors, rows) is allowed


@pytest.mark.parametrize(
    "text",
    ["", "%", "-1", "1.5", "1e3", "101%", "100.1%", "1..2%", ".%", "nan%", "٣", "1 %", "5%%"],
)
def test_what_is_no_budget_is_refused(text: str) -> None:
    """With both forms that it may have."""
    with pytest.raises(ValueError, match="expected a number of rows, as 10, or a share"):
        ErrorBudget.parse(text)


@pytest.mark.parametrize("text", ["0", "12", "0.5%", "10%"])
def test_a_budget_is_shown_as_it_is_typed(text: str) -> None:
    """In the message that it was exceeded."""
    assert str(ErrorBudget.parse(text)) == text


def test_no_share_allows_what_nobody_can_count() -> None:
    """A source that cannot be read at all may be most of the input; as a number it is one row."""
    assert not ErrorBudget.parse("1%").allows(1, 1000, 1)
    assert ErrorBudget.parse("1%").allows(1, 1000)
    assert ErrorBudget.parse("1").allows(1, 1000, 1)
    assert ErrorBudget.parse("100%").allows(1, 1, 1)


def test_the_record_of_options_is_that_of_earlier_releases() -> None:
    """A manifest holds it: with another one no run of version 0.4.0 could be resumed."""
    assert PredictOptions().record() == {
        "prepare": "auto",
        "image_column": None,
        "label_column": None,
        "labels": None,
        "device": "auto",
        "batch_size": 2048,
        "probabilities": False,
    }


def test_labels_are_text_whether_given_as_a_path_or_not() -> None:
    """As JSON takes them, and so that a path called none reads no labels either."""
    assert ReadOptions.of(
        image_column="x", label_column="y", labels=Path("a/l.csv")
    ) == ReadOptions("x", "y", "a/l.csv")
    assert ReadOptions.of(labels=Path("none")) == ReadOptions(labels="none")
    assert ReadOptions.of() == ReadOptions()


def test_one_input_is_a_list_of_one() -> None:
    """A text is not taken for its letters."""
    assert input_list("in") == ["in"]
    assert input_list(Path("in")) == [Path("in")]
    assert input_list(("a", Path("b"))) == ["a", Path("b")]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2G", 2_147_483_648),
        ("512M", 536_870_912),
        ("1.5GiB", 1_610_612_736),
        ("1048576k", 1_073_741_824),
        ("1T", 1_099_511_627_776),
    ],
)
def test_sizes_of_memory_are_powers_of_1024(text: str, size: int) -> None:
    """As Docker and systemd read them."""
    assert memory_size(text) == size


@pytest.mark.parametrize("text", ["", "2", "G", "-2G", "2GB", "2 G", "1e3M", "\u0662G", "2G\n"])
def test_what_is_no_size_of_memory_is_refused(text: str) -> None:
    """GB could be a power of 1000; a number alone could be anything."""
    with pytest.raises(ValueError, match="expected a size such as 2G or 512M"):
        memory_size(text)


def test_too_little_memory_is_refused() -> None:
    """Less than 512 MiB leaves nothing for a large picture."""
    with pytest.raises(ValueError, match="too little to work with; give at least 512M"):
        memory_size("511M")


def test_predictions_do_not_depend_on_memory() -> None:
    """So a run with another is resumed."""
    assert PredictOptions(memory=2**30).record() == PredictOptions().record()


@given(st.integers(0, 60), st.integers(1, 70))
def test_each_part_is_in_one_share(parts: int, total: int) -> None:
    """In order, and in shares that differ by one part at most; some have none of too few."""
    shares = [Share(number, total).of(parts) for number in range(1, total + 1)]
    assert [part for share in shares for part in share] == [*range(parts)]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_share_is_shown_as_it_is_typed() -> None:
    """As the number of one, and how many there are."""
    assert Share.parse("2/3") == Share(2, 3)
    assert str(Share(2, 3)) == "2/3"


@pytest.mark.parametrize(
    "text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "1 / 3", "1/3/5", "\u0661/3"]
)
def test_what_is_no_share_is_refused(text: str) -> None:
    """Counted from 1."""
    with pytest.raises(ValueError, match="expected a share such as 1/3, 2/3 or 3/3"):
        Share.parse(text)


def test_what_is_about_a_cluster_needs_one() -> None:
    """And a time that a task may take is some seconds."""
    assert PredictOptions(engine=EngineOptions(EngineChoice.RAY)).is_portable
    for arguments, message in (
        ((EngineChoice.THREADS, "a:1", None), 'ray_address: is about engine="ray" alone'),
        ((EngineChoice.RAY, None, 0.0), "part_timeout 0.0: expected seconds, more than 0"),
        ((EngineChoice.RAY, None, float("nan")), "expected seconds, more than 0"),
    ):
        with pytest.raises(ValueError, match=message):
            EngineOptions(*arguments)
    timed = EngineOptions(part_timeout=9.0)
    assert PredictOptions(isolate=True, engine=timed).engine.part_timeout == 9
    with pytest.raises(ValueError, match='part_timeout: needs isolate=True or engine="ray" too'):
        PredictOptions(engine=timed)
