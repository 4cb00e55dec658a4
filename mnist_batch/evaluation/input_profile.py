"""What the input looks like, labels or not: what drifts when a camera or a scanner changes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InputProfile:
    """Distributions over the rows that have a prediction.

    Attributes:
        rows: how many rows there are.
        predictions: rows per predicted digit; 10 counts.
        prepared: rows whose image was brought to MNIST form.
        confidence: rows per bin of confidence, `CONFIDENCE_BINS` of equal width over 0 to 1; None
            where the file gives no confidence.
        ink: rows per bin of ink, the mean pixel of the image as the network saw it, `INK_BINS` of
            equal width over 0 to `MOST_INK`, the last one with all above; None without images.
        size: rows per bin of size, the longer side in pixels of the picture that was read, the
            bounds are `SIZE_BOUNDS`; None without images.
        mean_confidence: 0 to 1; None without confidences.
    """

    rows: int
    predictions: tuple[int, ...]
    prepared: int
    confidence: tuple[int, ...] | None
    ink: tuple[int, ...] | None
    size: tuple[int, ...] | None
    mean_confidence: float | None


CONFIDENCE_BINS = 20
INK_BINS = 20
MOST_INK = 96.0
"""Grey level: half of MNIST's images have a mean below 33, and one in 10,000 above 96."""
SIZE_BOUNDS = (28, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
"""Pixels: a bin holds sizes up to its bound, above that of the bin before; a last one the rest."""
