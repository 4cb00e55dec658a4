"""Print what `compare` returns: the verdict, what changed, and where the page is."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.terminal import UNKNOWN, named_lines, page, table, text, titled

if TYPE_CHECKING:
    from mnist_batch.evaluation.comparison.result import Comparison, PairedScores

_MOST_CONFUSED = 5
"""Pairs of digits that are named."""


def comparison_page(result: "mnist_batch.ComparisonResult") -> "terminal.Page":
    """Return a comparison for a terminal."""
    return page(*_parts(result))


def why_worse(found: "Comparison") -> str:
    """Return in a sentence why the new run is worse."""
    from mnist_batch.evaluation.comparison.result import Verdict  # takes long: not for --help

    worse = ", ".join(map(str, found.regressed_digits))
    digits = f"on digit{'s' if len(found.regressed_digits) > 1 else ''} {worse}"
    if found.verdict is not Verdict.REGRESSED:
        where = digits
    else:
        where = f"in all, and {digits}" if found.regressed_digits else "in all"
    return f"worse than the base beyond chance and --max-drop {100 * found.max_drop:g}: {where}"


def _parts(result: "mnist_batch.ComparisonResult") -> "Iterator[terminal.Page]":
    found = result.comparison
    yield text(_verdict(found), style="bold")
    yield from map(text, _difference(found.overall))
    scored = found.overall.pairs + found.repeats
    if 0 < scored < found.pairs:
        yield text(f"{scored:,} of {found.pairs:,} images have a label and both predictions")
    counts = [(f"{number:,}", name) for name, number in _counts(found).items() if number]
    images = f"Of {found.pairs:,} image{'s' * (found.pairs != 1)}"
    yield titled(images, table("rl", counts or [("0", "changed")], gap=2))
    if digits := [scores for scores in found.per_digit if scores.newly_wrong + scores.newly_right]:
        yield titled(
            "Per digit that changed; p is corrected for there being ten", _digits(digits, found)
        )
    if found.newly_confused:
        lines = (
            f"{true} read as {predicted}: {'once' if rows == 1 else f'{rows:,} times'}"
            for true, predicted, rows in found.newly_confused[:_MOST_CONFUSED]
        )
        yield titled("Most often newly wrong", text(*lines))
    if result.changed:
        yield titled("Not as in the base", text(*result.changed))
    yield from ("", named_lines(_places(result)))


def _verdict(found: "Comparison") -> str:
    before, now = found.overall.base_accuracy, found.overall.new_accuracy
    if before is None or now is None:
        return str(found.verdict)
    return f"{found.verdict}: accuracy {now:.4f}, was {before:.4f}"


def _difference(scores: "PairedScores") -> Iterator[str]:
    if scores.interval is None:
        return
    low, high = map(_points, scores.interval)
    yield (
        f"difference {_points(scores.difference)} points (95 % interval {low} to {high}), "
        f"{_p_value(scores.p_value)}"
    )


def _counts(found: "Comparison") -> dict[str, int]:
    return {
        "newly wrong": found.newly_wrong,
        "newly right": found.newly_right,
        "wrong in another way": found.otherwise_wrong,
        "without a label, and read otherwise": found.changed_unlabelled,
        "without a prediction now": found.lost,
        "without a prediction before": found.gained,
    }


def _digits(digits: "list[PairedScores]", found: "Comparison") -> "terminal.Page":
    rows = [
        (
            str(scores.digit),
            f"{scores.pairs:,}",
            f"{scores.base_accuracy:.4f}",
            f"{scores.new_accuracy:.4f}",
            f"{scores.newly_wrong:,}",
            f"{scores.newly_right:,}",
            _points(scores.difference),
            _p_value(scores.adjusted_p).removeprefix("p ").removeprefix("= "),
            "worse" if scores.digit in found.regressed_digits else "",
        )
        for scores in digits
    ]
    header = ("digit", "images", "before", "now", "wrong", "right", "points", "p", "")
    return table("rrrrrrrrl", rows, header=header)


def _places(result: "mnist_batch.ComparisonResult") -> list[tuple[str, str]]:
    lines = [("base", str(result.base)), ("new", str(result.new))]
    before, now = map(_speed, (result.base_run, result.new_run))
    if UNKNOWN not in (before, now):
        lines.append(("speed", f"{now} images/s, was {before}"))
    if result.files:
        lines.append(("page", str(result.files[0])))
    return lines


def _speed(run: Mapping[str, Any] | None) -> str:
    speed = (run or {}).get("images_per_s")
    return UNKNOWN if speed is None else f"{speed:,}"


def _points(difference: float | None) -> str:
    if difference is None:
        return UNKNOWN
    return f"{100 * difference:+.2f}" if difference else "0.00"


def _p_value(probability: float | None) -> str:
    if probability is None:
        return f"p {UNKNOWN}"
    return "p < 0.0001" if probability < 0.0001 else f"p = {probability:.4f}"
