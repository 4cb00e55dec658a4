"""Paired statistics: whether two runs over the same images differ, and by how much.

Of n pairs only those count on which one run is right and the other wrong. They are few, so each
function is exact or stable for any counts: one of a hundred as well as one of a hundred million.
"""

import math
from collections.abc import Sequence

import numpy as np

# 97.5 % quantile of the standard normal distribution: 95 % lie within it on both sides.
_Z_95 = 1.959963984540054


def mcnemar_mid_p(newly_wrong: int, newly_right: int) -> float:
    """Return the two-sided mid-p value of McNemar's test, 0 to 1; 1 where nothing changed.

    M. W. Fagerland, S. Lydersen, P. Laake, "The McNemar test for binary matched-pairs data: mid-p
    and asymptotic are better than exact conditional", BMC Medical Research Methodology 13 (2013):
    where both runs are equally good, each change is for the worse or for the better with even
    chances; the mid-p value counts the outcome itself by half. The exact test, which counts it in
    full, finds less.

    Args:
        newly_wrong: pairs that the base read correctly, and the new run did not.
        newly_right: pairs that the new run read correctly, and the base did not.
    """
    changes, fewer = newly_wrong + newly_right, min(newly_wrong, newly_right)
    middle = changes // 2
    # The probabilities of `middle`, `middle` - 1, ... changes to one side, as multiples of that of
    # `middle`: no factorial, so nothing overflows. What lies further out is below 1e-308.
    reach = min(middle, 20 * math.isqrt(changes) + 20)
    sides = np.arange(middle, middle - reach, -1, dtype=np.float64)
    weights = np.concatenate([[1.0], np.cumprod(sides / (changes - sides + 1))])
    whole = 2 * weights.sum() - (1 if changes % 2 == 0 else 0)
    place = middle - fewer
    tail = 2 * weights[place + 1 :].sum() + weights[place : place + 1].sum()
    return min(1.0, float(tail / whole))


def difference_interval(newly_wrong: int, newly_right: int, pairs: int) -> tuple[float, float]:
    """Return the 95 % score interval of the difference of two paired accuracies, -1 to 1.

    T. Tango, "Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design", Statistics in Medicine 17 (1998): all differences that the score test
    does not reject. It stays within -1 to 1, and is not empty where nothing changed.

    Args:
        newly_wrong: pairs that the base read correctly, and the new run did not.
        newly_right: pairs that the new run read correctly, and the base did not.
        pairs: all pairs, at least 1.
    """
    high = _upper_bound(newly_wrong, newly_right, pairs)
    return -_upper_bound(newly_right, newly_wrong, pairs), high


def _upper_bound(falls: int, rises: int, pairs: int) -> float:
    """Return the largest difference that is not rejected, to the last digits, by bisection."""
    low, high = (rises - falls) / pairs, 1.0
    for _ in range(100):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if _score(middle, falls, rises, pairs) < -_Z_95:
            high = middle
        else:
            low = middle
    return low


def _score(difference: float, falls: int, rises: int, pairs: int) -> float:
    """Return Tango's score statistic (1998) of a difference; it falls as the difference rises."""
    room = difference * (1 - difference)
    linear = (2 * pairs + falls - rises) * difference - falls - rises
    root = math.sqrt(max(0.0, linear**2 + 8 * pairs * falls * room))
    # The likeliest share of falls under this difference: the larger root of a quadratic equation,
    # in that of its two forms that does not subtract nearly equal numbers.
    share = 2 * falls * room / (root + linear) if linear > 0 else (root - linear) / (4 * pairs)
    variance = pairs * (2 * share + room)
    # Without variance the data are certain under this difference, or impossible.
    distance = rises - falls - pairs * difference
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values that are corrected for being several, in the same order.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979). Where no hypothesis is false, one of the corrected values is below a level
    with at most the probability of that level.
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    ascending = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, place in enumerate(ascending):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted
