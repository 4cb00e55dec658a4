"""Slices: accuracy of parts of the rows, by what they have in common."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Slice:
    """The rows that have one value in common.

    Attributes:
        kind: what they have in common: `folder`, `file`, `prepared`, `confidence`, or the name of a
            column.
        value: the value, as text.
        rows: how many rows there are.
        scored: rows with a label and a prediction.
        correct: scored rows whose prediction is the label.
        errors: rows without a prediction.
    """

    kind: str
    value: str
    rows: int
    scored: int
    correct: int
    errors: int
