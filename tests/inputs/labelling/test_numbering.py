"""What labels mean, by numbers and by names."""

import pytest

from mnist_batch.inputs.labelling.numbering import Numbering
from mnist_batch.schema import DIGITS, Classes

LETTERS = Classes(26, tuple("abcdefghijklmnopqrstuvwxyz"))


@pytest.mark.parametrize(
    ("stated", "labels", "digits"),
    [
        (("1", "7", "9"), [0, 1, 2], [1, 7, 9]),
        (("eight", "five", "four"), [2, 0.0], [4, 8]),
        (tuple("1234567890"), [0, 9], [1, 0]),
        (("digit_3", "digit_4"), [1], [4]),
        (("7 - seven", "8 - eight"), [0], [7]),
    ],
)
def test_numbers_are_places_in_the_names_that_the_data_states(
    stated: tuple[str, ...], labels: list[float], digits: list[int]
) -> None:
    """They become the digits that the names mean."""
    numbering = Numbering(DIGITS, stated)
    assert numbering.refusal() is None
    assert [numbering.number(label) for label in labels] == digits
    assert numbering.number(len(stated)) is None


@pytest.mark.parametrize("stated", [("cat", "dog"), (*"0123456789", "unknown"), ("7", "seven")])
def test_names_that_are_no_digits_are_refused_for_a_model_of_digits(
    stated: tuple[str, ...],
) -> None:
    """The message says how to go on without labels."""
    refusal = Numbering(DIGITS, stated).refusal()
    assert refusal is not None
    assert "--labels none" in refusal


def test_labels_are_classes_by_name_or_by_number() -> None:
    """Whatever the spelling, where it is plain which is meant."""
    numbering = Numbering(Classes(3, ("T-shirt/top", "Ankle boot", "Bag")))
    labels = ["Ankle boot", "t_shirt top", "BAG", "2", 1, "cat", 3]
    assert [numbering.number(label) for label in labels] == [1, 0, 2, 2, 1, None, None]


def test_small_and_capital_letters_are_told_apart_where_both_are_classes() -> None:
    """And not where there is only one: EMNIST's balanced split has one class for C and c."""
    numbering = Numbering(Classes(3, ("A", "a", "C")))
    assert [numbering.number(label) for label in ("A", "a", "c")] == [0, 1, 2]


def test_names_of_a_model_and_of_data_in_other_orders_meet_by_name() -> None:
    """A number of the data is that of its name."""
    numbering = Numbering(LETTERS, ("c", "a", "b"))
    assert numbering.refusal() is None
    assert [numbering.number(label) for label in (0, 1, 2)] == [2, 0, 1]
    assert "'?' is not a class of the model ('a', 'b', 'c', ...)" in str(
        Numbering(LETTERS, ("a", "?")).refusal()
    )


def test_numbers_from_one_on_can_be_names() -> None:
    """EMNIST numbers its letters from 1 to 26."""
    numbering = Numbering(Classes(26, tuple(map(str, range(1, 27)))))
    assert [numbering.number(label) for label in (1, "26", 0)] == [0, 25, None]


def test_digits_in_another_order_are_found_by_digit_and_word() -> None:
    """As of a model that was trained on folders zero to nine, in alphabetical order."""
    words = ("eight", "five", "four", "nine", "one", "seven", "six", "three", "two", "zero")
    numbering = Numbering(Classes(10, words))
    assert [numbering.number(label) for label in ("seven", "8", "zero")] == [5, 0, 9]


def test_classes_without_names_are_numbers() -> None:
    """Names of the data fit where they are as many."""
    assert [Numbering(Classes(47)).number(label) for label in (46, "46", 47)] == [46, 46, None]
    assert Numbering(Classes(2), ("cat", "dog")).refusal() is None
    assert Numbering(Classes(2), ("cat", "dog")).number(1) == 1
    refusal = Numbering(Classes(3), ("cat", "dog")).refusal()
    assert refusal is not None
    assert refusal.startswith("it names 2 classes, and the model tells 3 apart")


def test_without_a_model_numbers_stay() -> None:
    """Until it is known what they are of."""
    assert [Numbering(None).number(label) for label in (46, "46", "cat")] == [46, 46, None]


def test_names_are_advised_only_where_they_would_help() -> None:
    """Ten names may be those of a model of ten classes; two are not."""
    ten = Numbering(DIGITS, tuple("abcdefghij")).refusal()
    assert ten is not None
    assert "--class-names" in ten
    two = Numbering(DIGITS, ("cat", "dog")).refusal()
    assert two is not None
    assert two.endswith("pass --labels none to predict without labels")
