"""Numbers as pages print them."""

UNKNOWN = "\N{EN DASH}"
"""Printed where there is no number."""

_NEARLY = 1e-8
"""Shares nearer to 0 or 1 are taken for these: no run has so many rows."""


def count(number: int) -> str:
    """Return a count: 1,234,567."""
    return f"{number:,}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a count and what is counted: 1 row, 2 rows."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def percent(share: float | None, decimals: int = 2) -> str:
    """Return a share as `98.12 %`.

    What is not all or nothing never reads `100.00 %` or `0.00 %`: it has more decimals then, up to
    six.
    """
    if share is None:
        return UNKNOWN
    text = f"{100 * share:.{decimals}f}"
    if decimals < 6 and _NEARLY < share < 1 - _NEARLY and float(text) in (0, 100):
        return percent(share, decimals + 1)
    return f"{text} %"


def decimal(number: float | None, decimals: int = 4) -> str:
    """Return a number with so many decimals."""
    return UNKNOWN if number is None else f"{number:.{decimals}f}"


def points(difference: float | None) -> str:
    """Return a difference of shares in percentage points, with its sign: `+1.28`; 0 has none."""
    if difference is None:
        return UNKNOWN
    return f"{100 * difference:+.2f}".replace("-", "\N{MINUS SIGN}") if difference else "0.00"


def p_value(probability: float | None) -> str:
    """Return a p value with four decimals; below 0.0001 nothing but that."""
    if probability is None:
        return UNKNOWN
    return "< 0.0001" if probability < 0.0001 else f"{probability:.4f}"


def confidence(number: float) -> str:
    """Return a confidence with three decimals; one below 1 never reads `1.000`."""
    text = f"{number:.3f}"
    return "> 0.999" if number < 1 and float(text) == 1 else text
