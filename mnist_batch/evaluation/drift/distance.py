"""Drift: how far the input of one run is from that of another, and how far by chance alone."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_batch.evaluation.input_profile import InputProfile

LEAST_EFFECT = 0.08
"""Distance below which a change is too small to speak of, however many rows show it: one digit of
ten from 10 to 16.5 % of the rows, or a share of prepared images from 0 to 1.3 %."""

PERMUTATIONS = 2_499
"""Chance exceeds the largest of so many distances once in 2,500 times, see `drift_of`: five
features of a night, and its rows without a prediction, give 2.4 false alarms in 1,000 nights."""

_MOST_ROWS = 500_000_000
"""NumPy draws from the hypergeometric distribution with at most twice as many rows in all."""


class Drift(NamedTuple):
    """How far two distributions are from each other.

    Attributes:
        distance: Jensen-Shannon distance, 0 (the same) to 1 (nothing in common).
        band: the distance that chance alone exceeds once in 2,500 times, at these numbers of rows.
    """

    distance: float
    band: float

    @property
    def is_far(self) -> bool:
        """Whether the distance is beyond chance, and large enough to speak of."""
        # Equal tables of counts have equal distances, up to rounding.
        return self.distance > max(self.band + 1e-9, LEAST_EFFECT)


def input_drift(profile: InputProfile, base: InputProfile) -> dict[str, Drift]:
    """Return how far a run's input is from that of another, by feature.

    The features are `predictions`, `confidence`, `prepared`, `ink` and `size`; one that either run
    does not know, or has in other bins, as another release may, is left out.
    """
    return {
        name: drift_of(counts, other)
        for (name, counts), other in zip(
            _features(profile).items(), _features(base).values(), strict=True
        )
        if counts and other and len(counts) == len(other) and sum(counts) and sum(other)
    }


def drift_of(counts: Sequence[int], base: Sequence[int]) -> Drift:
    """Return how far two histograms with the same bins are from each other.

    The band is of a permutation test: if both are samples of one distribution, then any of their
    rows might as well be in the other, and the counts of the one are multivariate hypergeometric,
    given those of both together. The largest of `PERMUTATIONS` such distances is exceeded with a
    probability of 1 in `PERMUTATIONS` + 1 at most, also with few rows and rare bins: B. Phipson
    and G. K. Smyth, "Permutation P-values should never be zero", Statistical Applications in
    Genetics and Molecular Biology 9 (2010). The seed is fixed: the same counts give the same band.

    Args:
        counts: rows per bin, at least one in all.
        base: the same of the other.
    """
    table = np.array([counts, base], np.int64)
    distance = float(jensen_shannon(table[:1], table[1:])[0])
    # With more rows the band is as narrow as never to decide.
    table //= 1 + table.sum(axis=1).max() // _MOST_ROWS
    pooled = table.sum(axis=0)
    pooled = pooled[pooled > 0]
    drawn = np.random.default_rng(0).multivariate_hypergeometric(
        pooled, int(table[0].sum()), size=PERMUTATIONS, method="marginals"
    )
    return Drift(distance, float(jensen_shannon(drawn, pooled - drawn).max()))


def jensen_shannon(counts: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the Jensen-Shannon distances of the rows of two tables of counts, each (n, bins).

    The square root of the Jensen-Shannon divergence in bits, 0 to 1: J. Lin, "Divergence measures
    based on the Shannon entropy", IEEE Transactions on Information Theory 37 (1991); that the root
    is a metric: D. M. Endres and J. E. Schindelin, "A new metric for probability distributions",
    in the same journal, 49 (2003). Each row of counts holds at least one.
    """
    p = counts / counts.sum(axis=1, keepdims=True)
    q = others / others.sum(axis=1, keepdims=True)
    mean = (p + q) / 2
    divergence = (_relative_entropy(p, mean) + _relative_entropy(q, mean)) / 2
    # Rounding may take the divergence of equal rows below 0.
    return np.sqrt(np.clip(divergence, 0.0, 1.0))


def _relative_entropy(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the relative entropies in bits of rows; 0 log 0 is 0."""
    ratio = np.divide(p, q, out=np.ones_like(p), where=p > 0)
    return np.asarray((p * np.log2(ratio)).sum(axis=1))


def _features(profile: InputProfile) -> dict[str, Sequence[int] | None]:
    """Return the rows per bin of each feature; None where it is not known."""
    return {
        "predictions": profile.predictions,
        "confidence": profile.confidence,
        "prepared": (profile.prepared, profile.rows - profile.prepared),
        "ink": profile.ink,
        "size": profile.size,
    }
