"""The statistics of paired proportions by SciPy, as tests compare them with the package's own."""

import math

from scipy.optimize import brentq
from scipy.stats import binom, norm


def mid_p(newly_wrong: int, newly_right: int) -> float:
    """Return the mid-p value by SciPy: twice the tail, with the outcome itself by half."""
    fewer, changes = min(newly_wrong, newly_right), newly_wrong + newly_right
    tail = binom.cdf(fewer - 1, changes, 0.5) + binom.pmf(fewer, changes, 0.5) / 2
    return float(2 * tail)


def interval(newly_wrong: int, newly_right: int, pairs: int) -> tuple[float, float]:
    """Return Tango's interval: the roots of the score equation, its nuisance by optimization.

    The likelihood of the four cells under a difference is maximized by the root of its derivative,
    and not by Tango's closed form.
    """
    z, falls, rises = float(norm.ppf(0.975)), newly_wrong, newly_right

    def slope(share: float, difference: float) -> float:
        """Return the derivative of the log likelihood, times what it is divided by."""
        more, rest = share + difference, 1 - 2 * share - difference
        unchanged = pairs - falls - rises
        return falls * more * rest + rises * share * rest - 2 * unchanged * share * more

    def share_of_falls(difference: float) -> float:
        low, high = max(0.0, -difference), (1 - difference) / 2
        if slope(low, difference) <= 0:
            return low
        if slope(high, difference) >= 0:
            return high
        return float(brentq(slope, low, high, args=(difference,), xtol=1e-15))

    def score(difference: float) -> float:
        variance = pairs * (2 * share_of_falls(difference) + difference * (1 - difference))
        return (rises - falls - pairs * difference) / math.sqrt(variance)

    found = (rises - falls) / pairs
    low = brentq(lambda d: score(d) - z, -1 + 1e-9, found - 1e-12, xtol=1e-13)
    high = brentq(lambda d: score(d) + z, found + 1e-12, 1 - 1e-9, xtol=1e-13)
    return float(low), float(high)
