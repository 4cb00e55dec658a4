"""What labels mean: which class each is, by its number or by its name."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from mnist_batch.inputs.labelling.names import (
    DIGIT_WORDS,
    digit_of,
    digits_of,
    simplified,
    whole_number,
)
from mnist_batch.schema import DIGITS, MOST_CLASSES, Classes, shortened

_IN_ORDER = tuple(map(str, range(DIGITS.count)))

_SHOWN = 3
"""Names of classes in a message, at most."""


@dataclass(frozen=True)
class Numbering:
    """How labels as they stand in some data become numbers of classes.

    Attributes:
        classes: those of which they become numbers; None where no model and nothing else has told
            yet what they are: then numbers stay as they are, and texts that are none are unknown.
        stated: names that the data itself gives its numbers, as Hugging Face's `datasets` keeps
            them in a Parquet file; None where a number is that of its class.
    """

    classes: Classes | None = DIGITS
    stated: tuple[str, ...] | None = None

    @property
    def dtype(self) -> pa.DataType:
        """The Arrow type of the numbers."""
        return pa.int16() if self.classes is None else self.classes.dtype

    @property
    def keeps_digits(self) -> bool:
        """Whether a digit as a number is just that number."""
        as_digits = self.classes is None or self.classes.are_digits
        return as_digits and (self.stated is None or self.stated == _IN_ORDER)

    @property
    def expected(self) -> str:
        """What a label is expected to be, as in `is not ...`."""
        if self.classes is None:
            return f"a number of a class from 0 to {MOST_CLASSES - 1}"
        if self.classes.are_digits:
            return "a digit from 0 to 9"
        if self.classes.names is None:
            return f"a class from 0 to {self.classes.count - 1}"
        return f"one of the {self.classes.count} classes ({listed(self.classes.names)})"

    def advice(self, label: object, labels: Iterable[object] = ()) -> str:
        """Return what may mend a label that is none of the classes, with `; `; empty for nothing.

        The number after the last one tells of labels that begin at 1, as those of EMNIST's letters;
        of digits, among which a lone 10 is an error, where most of `labels` are there, and no 0.
        """
        classes = self.classes
        if classes is None or whole_number(label) != classes.count:
            return ""
        if classes.are_digits:
            numbers = {whole_number(one) for one in labels}
            if not numbers <= {*range(1, classes.count + 1)} or 2 * len(numbers) <= classes.count:
                return ""
            return f"these labels look as if they were 1 to {classes.count}: lower them by 1; "
        return (
            f"if these labels are 1 to {classes.count}, lower them by 1, or train with one more "
            "name, first in --class-names, for the 0 that no label is; "
        )

    def refusal(self) -> str | None:
        """Return why the names that the data gives its labels are not those of the classes."""
        classes, stated = self.classes, self.stated
        if classes is None or stated is None:
            return None
        if classes.names is None and not classes.are_digits:
            if len(stated) == classes.count:
                return None
            return (
                f"it names {len(stated)} classes, and the model tells {classes.count} apart; name "
                "those of the model with --class-names, or pass --labels none"
            )
        other = next((name for name in stated if self._named(name) is None), None)
        if classes.are_digits and other is None and digits_of(stated) is None:
            return (
                f"two of its names of labels mean the same digit ({listed(stated)}); pass "
                "--labels none"
            )
        if other is None:
            return None
        what = (
            "a digit"
            if classes.are_digits
            else f"a class of the model ({listed(classes.names or ())})"
        )
        refused = (
            f"its labels are numbers of names, and {shortened(other)!r} is not {what}; pass "
            "--labels none to predict without labels"
        )
        if len(stated) != classes.count:  # names would not make the model one of these
            return refused
        return f"{refused}, or name the classes of the model with --class-names"

    def number(self, label: object) -> int | None:
        """Return the number of the class that a label means, a number or a text; or None."""
        whole = whole_number(label)
        if self.stated is not None and not isinstance(label, str):
            if whole is None or whole >= len(self.stated):
                return None
            names_it = self.classes is not None and (
                self.classes.names is not None or self.classes.are_digits
            )
            return self._named(self.stated[whole]) if names_it else whole
        if isinstance(label, str) and (named := self._named_by(label, whole)) is not None:
            return named
        if whole is None:
            return None
        if self._are_numbers:
            return self._exact.get(str(whole))
        return whole if whole < (self.classes.count if self.classes else MOST_CLASSES) else None

    def _named_by(self, label: str, whole: int | None) -> int | None:
        """Return the number of the class that a text names; a text of a digit is a number."""
        is_number = whole is not None or label.isdecimal()
        if is_number and (self.classes is None or self.classes.are_digits):
            return None
        return self._named(label)

    def _named(self, name: str) -> int | None:
        """Return the number of the class that is called so, or None."""
        if self.classes is None:
            return None
        if self.classes.are_digits:
            return digit_of(name)
        exact = self._exact.get(name)
        return self._simplified.get(simplified(name)) if exact is None else exact

    @cached_property
    def _are_numbers(self) -> bool:
        """Whether the names of the classes are numbers, as `1` to `26`: then labels are names."""
        names = (self.classes and self.classes.names) or ()
        return bool(names) and all(whole_number(name) is not None for name in names)

    @cached_property
    def _exact(self) -> Mapping[str, int]:
        names = (self.classes and self.classes.names) or ()
        return {name: number for number, name in enumerate(names)}

    @cached_property
    def _simplified(self) -> Mapping[str, int]:
        """The numbers of names as they are simplified, of those that only one class has then.

        Where all names are digits in an order of their own, each also has that of its digit.
        """
        names = (self.classes and self.classes.names) or ()
        spelled = [simplified(name) for name in names]
        times = Counter(spelled)
        found = {name: number for number, name in enumerate(spelled) if times[name] == 1}
        if (digits := digits_of(names)) is not None and names:
            for number, digit in enumerate(digits):
                found |= {str(digit): number, DIGIT_WORDS[digit]: number}
        return found


def listed(names: Sequence[str]) -> str:
    """Return the first names of several for a message."""
    more = ", ..." if len(names) > _SHOWN else ""
    return ", ".join(repr(shortened(name, 20)) for name in names[:_SHOWN]) + more


DIGIT_LABELS = Numbering()
"""That of labels which are digits themselves."""
