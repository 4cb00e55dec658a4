"""Print what `compare` returns: the verdict, what changed, and where the page is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.terminal import UNKNOWN, named_lines, page, table, text, titled

if TYPE_CHECKING:
    from mnist_batch.evaluation.comparison.result import Comparison, PairedScores
    from mnist_batch.schema import Classes

_MOST_CONFUSED = 5
"""Pairs of classes that are named."""

_MOST_CLASSES, _MOST_NAMED, _NAME = 15, 5, 12
"""Classes that are listed and named, where they are not the digits, and characters of a name."""


def comparison_page(result: "mnist_batch.ComparisonResult") -> "terminal.Page":
    """Return a comparison for a terminal."""
    return page(*_parts(result))


def why_worse(found: "Comparison") -> str:
    """Return in a sentence why the new run is worse."""
    from mnist_batch.evaluation.comparison.result import Verdict  # takes long: not for --help

    worse, classes = found.regressed_digits, found.classes
    names, most = classes.short_names(_NAME), None if classes.are_digits else _MOST_NAMED
    named = ", ".join(names[number] for number in worse[:most])
    noun = classes.noun if len(worse) == 1 else classes.noun_of_many
    which = f"on {noun} {named}"
    if more := len(worse) - len(worse[:most]):
        which += f" and {more} more"
    if found.verdict is not Verdict.REGRESSED:
        where = which
    else:
        where = f"in all, and {which}" if worse else "in all"
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
    if changed := [one for one in found.per_digit if one.newly_wrong + one.newly_right]:
        yield titled(_title(changed, found.classes), _table(changed, found), _threshold(found))
    if found.newly_confused:
        names = found.classes.short_names(22)
        lines = (
            f"{names[true]} read as {names[predicted]}: "
            f"{'once' if rows == 1 else f'{rows:,} times'}"
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


def _title(changed: "Sequence[PairedScores]", classes: "Classes") -> str:
    """Return what the table of classes is of."""
    count = "ten" if classes.are_digits else f"{classes.count:,}"
    worst = f": the {_MOST_CLASSES} worst of {len(changed)}"
    part = worst if len(changed) > _MOST_CLASSES else ""
    return f"Per {classes.noun} that changed{part}; p is corrected for there being {count}"


def _threshold(found: "Comparison") -> "terminal.Page":
    """Return when a class is called worse."""
    from mnist_batch.evaluation.comparison.verdict import SIGNIFICANCE  # numpy: not for --help

    most = f"{100 * found.max_drop:g}"
    return text(f"worse is: p below {SIGNIFICANCE:g}, and a drop by more than {most} points")


def _table(changed: "Sequence[PairedScores]", found: "Comparison") -> "terminal.Page":
    """Return the scores of classes that changed, the worst of many first."""
    classes = found.classes
    names = classes.short_names(_NAME)
    if len(changed) > _MOST_CLASSES:
        changed = sorted(changed, key=lambda one: one.difference or 0.0)[:_MOST_CLASSES]
    rows = [
        (
            names[scores.digit or 0],
            f"{scores.pairs:,}",
            f"{scores.base_accuracy:.4f}",
            f"{scores.new_accuracy:.4f}",
            f"{scores.newly_wrong:,}",
            f"{scores.newly_right:,}",
            _points(scores.difference),
            _p_value(scores.adjusted_p).removeprefix("p ").removeprefix("= "),
            "worse" if scores.digit in found.regressed_digits else "",
        )
        for scores in changed
    ]
    header = (classes.noun, "images", "before", "now", "wrong", "right", "points", "p", "")
    if classes.names is None:
        return table("rrrrrrrrl", rows, header=header)
    return table("lrrrrrrrl", rows, header=header, gap=2)


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
