"""Places spread by the golden ratio, computed in decimals."""

from decimal import Decimal

from mnist_batch.inference.trials.kept_images import KEPT_IMAGES


def spread(rows: int) -> list[int]:
    """Return 1,000 places of rows by the fraction that each has times the golden ratio."""
    phi = (Decimal(5).sqrt() - 1) / 2
    return sorted(range(rows), key=lambda place: place * phi % 1)[:KEPT_IMAGES]
