"""What a comparison of two runs found."""

from dataclasses import dataclass
from enum import StrEnum

from mnist_batch.schema import DIGITS, Classes


class Verdict(StrEnum):
    """Whether the new run is better or worse than the one it is held against."""

    IMPROVED = "improved"
    NO_DIFFERENCE = "no difference beyond chance"
    REGRESSED = "regressed"
    TOO_FEW = "too few rows to tell"
    UNLABELLED = "no labels to tell by"


@dataclass(frozen=True)
class PairedScores:
    """The scores of the images that both runs predicted and that have a label.

    An image that several rows of a file hold counts once, where both files know the content.

    Attributes:
        digit: the true class by its number; None for all.
        both_right: images that both read correctly.
        newly_wrong: images that the base read correctly, and the new run did not.
        newly_right: images that the new run read correctly, and the base did not.
        both_wrong: images that neither read correctly.
        p_value: two-sided mid-p of McNemar's test; None without rows.
        adjusted_p: of a class, after Holm's correction for all of them; else as `p_value`.
        difference: accuracy of the new run less that of the base, -1 to 1; None without rows.
        interval: 95 % confidence interval of the difference; None without rows.
    """

    digit: int | None
    both_right: int
    newly_wrong: int
    newly_right: int
    both_wrong: int
    p_value: float | None
    adjusted_p: float | None
    difference: float | None
    interval: tuple[float, float] | None

    @property
    def pairs(self) -> int:
        """All images that are counted here."""
        return self.both_right + self.newly_wrong + self.newly_right + self.both_wrong

    @property
    def base_accuracy(self) -> float | None:
        """Share of the pairs that the base read correctly, 0 to 1; None without pairs."""
        return (self.both_right + self.newly_wrong) / self.pairs if self.pairs else None

    @property
    def new_accuracy(self) -> float | None:
        """Share of the pairs that the new run read correctly, 0 to 1; None without pairs."""
        return (self.both_right + self.newly_right) / self.pairs if self.pairs else None


@dataclass(frozen=True)
class Comparison:
    """Two runs over the same images, row by row.

    Attributes:
        verdict: on the accuracy.
        joined_on: what told that two rows are one image: `source and row`, `path`, `content` or the
            name of a column.
        base_rows, new_rows: rows of the two.
        pairs: rows of both that are one image; the others are in one of the two only, or cannot be
            told apart.
        overall: the scores of the pairs with labels.
        repeats: pairs with labels that are left out of the scores, since their image is in them.
        per_digit: the same for each true class, in order.
        regressed_digits: those that are worse beyond chance and beyond the least effect.
        newly_wrong, newly_right: pairs, as of `overall`, with the repeats.
        otherwise_wrong: pairs that both read wrongly, and differently.
        changed_unlabelled: pairs without a label whose prediction differs.
        lost, gained: pairs that only the base, or only the new run, has a prediction for.
        changed_labels: pairs whose labels differ; those of the new run count.
        newly_confused: of the newly wrong, true class, the new run's prediction, and how many, the
            most first.
        max_drop: the drop of accuracy, 0 to 1, that is let pass.
        notes: what the user should know, one sentence each.
        classes: those of labels and predictions.
    """

    verdict: Verdict
    joined_on: str
    base_rows: int
    new_rows: int
    pairs: int
    overall: PairedScores
    repeats: int
    per_digit: tuple[PairedScores, ...]
    regressed_digits: tuple[int, ...]
    newly_wrong: int
    newly_right: int
    otherwise_wrong: int
    changed_unlabelled: int
    lost: int
    gained: int
    changed_labels: int
    newly_confused: tuple[tuple[int, int, int], ...]
    max_drop: float
    notes: tuple[str, ...]
    classes: Classes = DIGITS

    @property
    def is_worse(self) -> bool:
        """Whether the new run is worse, in all or on a class: exit status 5."""
        return self.verdict is Verdict.REGRESSED or bool(self.regressed_digits)
