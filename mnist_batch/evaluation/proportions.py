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
    # The bounds are within 0 to 1; rounding may not take them out.
    return max(0.0, centre - half), min(1.0, centre + half)


def interval(successes: int, trials: int) -> tuple[float, float] | None:
    """Return `wilson_interval`; None without trials."""
    return wilson_interval(successes, trials) if trials else None
