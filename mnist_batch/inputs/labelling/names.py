"""Names of classes: which digit one means, which are given, and which class a text means."""

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from mnist_batch.errors import LabelError
from mnist_batch.inputs.files.opening import cause
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.mnist import CLASSES
from mnist_batch.schema import DIGITS, MOST_CLASSES, Classes, shortened

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SEPARATORS = re.compile(r"[\s_\-:/()#]+")
_BETWEEN = re.compile(r"(?<=[a-z])(?=[0-9])")  # as in `digit7`
_BESIDE = frozenset(["class", "d", "digit", "label", "n", "no", "nr", "num", "number", "the"])
"""Words that may stand beside a digit in its name, as in `digit_7`."""

_LARGE = 10**9
"""No number of a class is as large; an infinite one has no integer."""

_MOST_BYTES = 2**20
"""Bytes of a file of names: 1,000 names of 1,000 bytes."""


def digit_of(name: str) -> int | None:
    """Return the digit that a name means: `7`, `seven`, `digit_7`, `7 - seven`; else None.

    It has the digit once as a number, once as an English word, or both; `digit` and its like may
    stand beside it.
    """
    tokens = _SEPARATORS.split(_BETWEEN.sub(" ", name.strip().casefold()))
    if tokens[-1:] == [""]:  # after a bracket that closes
        tokens.pop()
    numbers = [
        int(token) if len(token) < 3 else CLASSES
        for token in tokens
        if token.isascii() and token.isdecimal()
    ]
    words = [DIGIT_WORDS.index(token) for token in tokens if token in DIGIT_WORDS]
    others = len(tokens) - len(numbers) - len(words)
    is_clean = others == sum(token in _BESIDE for token in tokens)
    is_one = len(numbers) <= 1 and len(words) <= 1 and len({*numbers, *words}) == 1
    digit = (numbers or words or [CLASSES])[0]
    return digit if is_clean and is_one and digit < CLASSES else None


def digits_of(names: Iterable[str]) -> tuple[int, ...] | None:
    """Return the digits that names mean, in their order; None unless each means one of its own."""
    digits = [digit_of(name) for name in names]
    known = tuple(digit for digit in digits if digit is not None)
    return known if len({*known}) == len(digits) else None


def whole_number(value: object) -> int | None:
    """Return the number that a label is: 7, 7.0, `7` or `7.0`; None where it is no such."""
    if isinstance(value, str):
        found = re.fullmatch(r"(0|[1-9][0-9]{0,8})(\.0*)?", value)
        return int(found[1]) if found else None
    assert isinstance(value, int | float | Decimal)
    return int(value) if 0 <= value < _LARGE and int(value) == value else None


def simplified(name: str) -> str:
    """Return a name without what spellings differ in: `T-shirt/top` is `t shirt top`."""
    return " ".join(re.findall(r"[^\W_]+", name.casefold())) or name


def given_names(text: str | Path) -> tuple[str, ...]:
    """Return the names that `--class-names` gives: those of a file, one a line, or `A,B,...`.

    Raises:
        LabelError: there is no such file, it cannot be read, or the names are no names of classes.
    """
    path, text = Path(text), str(text)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # too long for a path, say
        is_file = False
    if not is_file and "," not in text:
        raise LabelError(
            f"--class-names {shortened(text)}: no such file; expected a file with a name a line, "
            "or the names themselves, separated by commas"
        )
    names = _lines(path) if is_file else text.split(",")
    if len(names) == 1 and "," in names[0]:
        names = names[0].split(",")
    names = [name.strip() for name in names]
    where = "--class-names" if not is_file else str(path)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise LabelError(f"{where}: {len(names):,} names; expected 2 to {MOST_CLASSES:,}")
    if "" in names:
        raise LabelError(f"{where}: name {names.index('') + 1} is empty; name each class")
    twice = [one for one, next_one in pairwise(sorted(names)) if one == next_one]
    if twice:
        raise LabelError(f"{where}: two classes are {shortened(twice[0])!r}; name each once")
    return tuple(names)


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise LabelError(f"{path}: over {_MOST_BYTES:,} bytes; expected names, one a line")
        return content.decode("utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise LabelError(f"{path}: not text in UTF-8; expected names, one a line") from error
    except OSError as error:
        raise_if_of_machine(error, str(path))
        raise LabelError(f"{path}: cannot be read: {cause(error)}; check the path") from error


def classes_of(labels: Sequence[str]) -> Classes:
    """Return the classes that labels are of, where no model tells: the digits, if they may be.

    Numbers from 10 on are classes if there are two or more and none between is missing, as 1 to 26:
    a lone 10 or 12 among digits is an error. Texts that mean no digits are names of classes,
    sorted, if they are two or more, and over half as many as those that do.
    """
    numbers = {number for one in labels if (number := whole_number(one)) is not None}
    names = [one for one in labels if whole_number(one) is None]
    if names:
        others = [name for name in names if digit_of(name) is None]
        are_classes = len(others) > max(1, (len(labels) - len(others)) / 2)
        return Classes.of(len(labels), sorted(labels)) if are_classes else DIGITS
    most = max(numbers, default=0)
    is_dense = numbers.issuperset(range(CLASSES, most + 1))
    return Classes(most + 1) if is_dense and CLASSES < most < MOST_CLASSES else DIGITS


def stated_classes(stated: Iterable[Sequence[str]]) -> Classes:
    """Return the classes of which files state the names, in their order: digits, if all mean one.

    Args:
        stated: the names that each file gives its labels.
    """
    names = [*dict.fromkeys(name for some in stated for name in some)]
    if all(digit_of(name) is not None for name in names):
        return DIGITS
    return Classes.of(len(names), names)


def with_given_names(classes: Classes | None, given: str | Path) -> Classes:
    """Return classes with the names of `--class-names`; without classes these are as many.

    Raises:
        LabelError: the names cannot be read, or are not as many as the classes.
    """
    names = given_names(given)
    if classes is not None and len(names) != classes.count:
        raise LabelError(
            f"--class-names gives {len(names):,} names, and the model tells {classes.count:,} "
            "classes apart; name each of them once, in order"
        )
    return Classes.of(len(names), names)


def with_stated_names(classes: Classes, stated: Iterable[tuple[str, ...]]) -> Classes:
    """Return classes with the names that files state, where nothing else has named them.

    Raises:
        LabelError: two files name them differently.
    """
    if classes.names is not None or classes.are_digits:
        return classes
    distinct = [*dict.fromkeys(stated)]
    if len(distinct) > 1:
        raise LabelError(
            "two files give the numbers of classes different names; predict them apart, or name "
            "the classes of the model with --class-names"
        )
    return Classes.of(classes.count, distinct[0] if distinct else None)
