"""Names of classes: which digits they mean, how they are given, and which classes labels are of."""

from pathlib import Path

import pytest

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.names import (
    classes_of,
    digit_of,
    digits_of,
    given_names,
    simplified,
    stated_classes,
    whole_number,
    with_given_names,
    with_stated_names,
)
from mnist_batch.schema import DIGITS, Classes

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
           "Bag", "Ankle boot")  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["7", " 7 ", "07", "seven", "Seven", "SEVEN", "digit_7", "digit 7", "digit7", "Digit-7",
     "class_7", "7 - seven", "seven (7)", "number: 7", "no_7", "7_seven", "d7"],
)  # fmt: skip
def test_names_of_seven(name: str) -> None:
    """As data sets on the hub and in folders have them."""
    assert digit_of(name) == 7


@pytest.mark.parametrize(
    "name",
    ["", "-7", "+7", "7.5", "17", "77", "7 8", "7 - eight", "cat", "seven cats", "0x7", "³", "n/a",
     "7" * 5000, "digit", "A", "sevens", "7th"],
)  # fmt: skip
def test_names_of_no_digit(name: str) -> None:
    """What might mean anything else means no digit."""
    assert digit_of(name) is None


def test_digits_in_any_order_are_digits() -> None:
    """Words in alphabetical order, as folders are listed; some; and the order of a keyboard."""
    assert digits_of(["eight", "five", "four"]) == (8, 5, 4)
    assert digits_of("1234567890") == (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)
    assert digits_of(["7", "seven"]) is None
    assert digits_of(["7", "cat"]) is None


def test_whole_numbers() -> None:
    """As spreadsheets and pandas write them."""
    assert [whole_number(value) for value in ("7", "7.0", 7, 7.0, "46")] == [7, 7, 7, 7, 46]
    assert [whole_number(value) for value in ("07", "7.5", -1, float("inf"), "x")] == [None] * 5


def test_spellings_of_a_name_are_alike() -> None:
    """A folder cannot be called `T-shirt/top`."""
    assert simplified("T-shirt/top") == simplified("t_shirt top") == "t shirt top"


def test_names_are_given_in_a_line_or_in_a_file(tmp_path: Path) -> None:
    """One a line, or all in one line; blanks around them do not count."""
    file = tmp_path / "names.txt"
    file.write_text("T-shirt/top\nTrouser, long\n Pullover \n\n")
    assert given_names(file) == ("T-shirt/top", "Trouser, long", "Pullover")
    file.write_text("a,b,c\n")
    assert given_names(str(file)) == given_names("a, b,c") == ("a", "b", "c")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("names.txt", "class_names names.txt: no such file; expected a file with a name a line"),
        ("a,b,", "class_names: name 3 is empty"),
        ("a,b,a", "class_names: two classes are 'a'"),
        (",".join(map(str, range(1001))), "class_names: 1,001 names; expected 2 to 1,000"),
    ],
)
def test_names_that_are_none_are_one_line(given: str, said: str) -> None:
    """Which says what to do."""
    with pytest.raises(LabelError) as caught:
        given_names(given)
    assert str(caught.value).startswith(said)


def test_a_file_of_anything_is_no_file_of_names(tmp_path: Path) -> None:
    """A picture, or a large file: refused before it is read whole."""
    file = tmp_path / "picture.png"
    file.write_bytes(b"\x89PNG\r\n\xff")
    with pytest.raises(LabelError, match="not text in UTF-8"):
        given_names(file)
    file.write_bytes(b"a\n" * 2**20)
    with pytest.raises(LabelError, match="over 1,048,576 bytes"):
        given_names(file)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([], DIGITS),
        (["1", "7", "9"], DIGITS),
        (["seven", "eight"], DIGITS),
        (list(map(str, range(47))), Classes(47)),
        (list(map(str, range(1, 27))), Classes(27)),
        (["3", "12"], DIGITS),
        (["1", "10"], DIGITS),
        (["dog", "cat"], Classes(2, ("cat", "dog"))),
        ([*"0123456789", "x"], DIGITS),
        ([*"0123456789", "x", "y"], DIGITS),
        ([*"0123456789ABCDEF"], Classes(16, tuple("0123456789ABCDEF"))),
    ],
)
def test_labels_tell_their_classes(labels: list[str], classes: Classes) -> None:
    """A wrong label among digits makes no class: it is left to be refused."""
    assert classes_of(labels) == classes


def test_files_state_names_in_their_own_order() -> None:
    """Digits whatever they are called, else all names in order, each once."""
    assert stated_classes([("1", "7", "9"), ("seven", "zero")]) == DIGITS
    assert stated_classes([FASHION]) == Classes(10, FASHION)
    assert stated_classes([("b", "a"), ("c", "a")]) == Classes(3, ("b", "a", "c"))


def test_names_that_are_given_count_most() -> None:
    """More or fewer than the model has classes are refused; `0` to `9` are just digits."""
    assert with_given_names(Classes(3, ("a", "b", "c")), "x,y,z") == Classes(3, ("x", "y", "z"))
    assert with_given_names(DIGITS, "0,1,2,3,4,5,6,7,8,9") == DIGITS
    with pytest.raises(LabelError, match="gives 2 names, and the model tells 47 classes apart"):
        with_given_names(Classes(47), "x,y")


def test_names_in_data_name_classes_that_have_none() -> None:
    """Those of a model stay, and digits are digits; files that disagree are refused."""
    assert with_stated_names(Classes(2), [("a", "b"), ("a", "b")]) == Classes(2, ("a", "b"))
    assert with_stated_names(Classes(2, ("x", "y")), [("a", "b")]) == Classes(2, ("x", "y"))
    assert with_stated_names(DIGITS, [FASHION]) == DIGITS
    with pytest.raises(LabelError, match="two files give the numbers of classes different names"):
        with_stated_names(Classes(2), [("a", "b"), ("b", "a")])
