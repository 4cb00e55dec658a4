"""Proportions of counts, and how sure they are."""

import math

# 97.5 % quantile of the standard normal distribution: 95 % lie within it on both sides.
_Z_95 = 1.959963984540054


def ratio(part: int, whole: int) -> float | None:
    """Return a share, 0 to 1; None of nothing."""
    return part / whole if whole else None


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's score interval at 95 % of a proportion; `trials` is at least 1.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927). It stays within 0 to 1 and is not empty at 1.
    """
    share = successes / trials
    z_squared = _Z_95**2
    scale = 1 + z_squared / trials
    centre = (share + z_squared / (2 * trials)) / scale
    spread = share * (1 - share) / trials + z_squared / (4 * trials**2)
    half = _Z_95 * math.sqrt(spread) / scale
    # Of none and of all a bound is the end itself, which rounding misses.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


def difference_p(successes: int, trials: int, base_successes: int, base_trials: int) -> float:
    """Return the two-sided p value of two proportions of different trials; 1 where both are equal.

    The score test with the pooled proportion, which is Pearson's chi-squared test of the table: J.
    L. Fleiss, B. Levin, M. C. Paik, "Statistical Methods for Rates and Proportions" (2003), 4.2.

    Args:
        successes: of the one.
        trials: at least 1.
        base_successes: of the other.
        base_trials: at least 1.
    """
    pooled = (successes + base_successes) / (trials + base_trials)
    variance = pooled * (1 - pooled) * (1 / trials + 1 / base_trials)
    if variance == 0:
        return 1.0
    difference = successes / trials - base_successes / base_trials
    return math.erfc(abs(difference) / math.sqrt(2 * variance))


def interval(successes: int, trials: int) -> tuple[float, float] | None:
    """Return `wilson_interval`; None without trials."""
    return wilson_interval(successes, trials) if trials else None
