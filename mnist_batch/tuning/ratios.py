"""How many times as fast one thing is as another, with an interval and a verdict.

Times vary by factors rather than by seconds, so their logarithms are compared: the ratio is that of
the geometric means (P. Fleming, J. Wallace, "How not to lie with statistics: the correct way to
summarize benchmark results", Communications of the ACM 29, 1986), and its interval Student's for
the difference of means of the logarithms (A. Georges, D. Buytaert, L. Eeckhout, "Statistically
rigorous Java performance evaluation", OOPSLA 2007).
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What an interval of a ratio says."""

    FASTER = "faster"
    SLOWER = "slower"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class RatioInterval:
    """How many times as fast something is as it was before, or as something else.

    Attributes:
        ratio: above 1 where it is faster.
        low: lower end of the confidence interval.
        high: upper end.
    """

    ratio: float
    low: float
    high: float

    def verdict(self, beyond: float = 0) -> Verdict:
        """Return what the whole interval agrees on.

        Args:
            beyond: the share by which times have to differ before it is worth saying, such as 0.05.
        """
        if self.low > 1 + beyond:
            return Verdict.FASTER
        return Verdict.SLOWER if self.high < 1 / (1 + beyond) else Verdict.CANNOT_TELL


def ratio_interval(
    before: Sequence[float],
    now: Sequence[float],
    *,
    in_turns: bool = False,
    confidence: float = 0.95,
) -> RatioInterval:
    """Return how many times as fast `now` is as `before`, from the times of their rounds.

    Args:
        before: seconds of each round, two rounds or more.
        now: the same.
        in_turns: whether round k of both ran one after the other, as many of each. What slows the
            machine down for a while then slows both, and the ratio of each pair counts (Student
            1908). Else each has a variance of its own (B. L. Welch, "The generalization of
            'Student's' problem when several different population variances are involved",
            Biometrika 34, 1947).
        confidence: of the interval.

    Raises:
        ValueError: there are fewer than two rounds, or in turns not as many of each.
    """
    if min(len(before), len(now)) < 2:
        raise ValueError(f"{len(before)} and {len(now)} rounds: expected two or more of each")
    earlier, later = [math.log(value) for value in before], [math.log(value) for value in now]
    if in_turns:
        pairs = [one - other for one, other in zip(earlier, later, strict=True)]
        difference = statistics.fmean(pairs)
        error, freedom = math.sqrt(statistics.variance(pairs) / len(pairs)), len(pairs) - 1
    else:
        difference = statistics.fmean(earlier) - statistics.fmean(later)
        shares = [statistics.variance(logs) / len(logs) for logs in (earlier, later)]
        error, freedom = math.sqrt(sum(shares)), _welch_freedom(shares, [len(earlier), len(later)])
    reach = student_quantile(confidence, freedom) * error
    return RatioInterval(*(math.exp(difference + by) for by in (0, -reach, reach)))


def student_quantile(confidence: float, freedom: int) -> float:
    """Return how many standard errors Student's interval reaches to each side.

    Args:
        confidence: of the interval, 0 to 1.
        freedom: degrees of freedom, 1 or more.
    """
    low, high = 0.0, math.pi / 2  # the arc tangent of what is looked for, see `_within`
    for _ in range(60):  # bisection, to the last bit of a double
        middle = (low + high) / 2
        low, high = (low, middle) if _within(middle, freedom) > confidence else (middle, high)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """Return how likely |t| is at most sqrt(freedom) * tan(angle).

    M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    odd = freedom % 2
    cosine = math.cos(angle)
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(odd, freedom - 1, 2):
        total += term
        term *= cosine**2 * (k + 1) / (k + 2)
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total


def _welch_freedom(shares: Sequence[float], rounds: Sequence[int]) -> int:
    """Return Welch's degrees of freedom, rounded down, of two squared standard errors."""
    least = min(rounds) - 1
    below = sum(share**2 / (n - 1) for share, n in zip(shares, rounds, strict=True))
    # Both are without any spread: any number will do, for the interval is a point.
    return max(least, math.floor(sum(shares) ** 2 / below)) if below else least
