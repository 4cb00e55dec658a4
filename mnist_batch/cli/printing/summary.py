"""Print what `predict` and `evaluate` return: metrics, tables, and where the files are."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.terminal import page, table, text, titled

if TYPE_CHECKING:
    from mnist_batch.evaluation.metrics import ClassMetrics
    from mnist_batch.schema import Classes

_ALL, _LISTED = 20, 15
"""Classes up to which all are listed, and how many of more: a screen holds no more lines."""

_IN_MATRIX = 12
"""Classes up to which there is a confusion matrix, if it fits; of more there are its pairs."""

_NAME = 22
"""Characters of the name of a class: two of them and what is counted fit in a line."""


def run_page(summary: "mnist_batch.Summary") -> "terminal.Page":
    """Return the metrics of a run, where the files are, and how fast it was."""
    run = summary.run
    known = run and run["images_per_s"]
    fast = [("speed", speed(run["images_per_s"], run["elapsed_s"]))] if run and known else []
    return _page(summary, fast)


def evaluation_page(summary: "mnist_batch.Summary") -> "terminal.Page":
    """Return the metrics of predictions, and where the files are."""
    return _page(summary, [])


def _page(summary: "mnist_batch.Summary", fast: Sequence[tuple[str, str]]) -> "terminal.Page":
    further = len(summary.further_predictions)
    more = f" and {further:,} more {'file' if further == 1 else 'files'}" if further else ""
    lines = [
        ("predictions", f"{summary.predictions}{more}"),
        *report_line(summary.report_files, summary.report_missing),
        *fast,
    ]
    return page(metrics_page(summary.metrics), "", terminal.named_lines(lines))


def report_line(files: Sequence[str | Path], missing: Sequence[str]) -> list[tuple[str, str]]:
    """Return where a report is and what it lacks; nothing where none was wanted."""
    if not files:
        return [("report", "not written")] if missing else []
    lacking = f", without {', '.join(missing)}" if missing else ""
    return [("report", f"{_folder_of(files[0])}{lacking}")]


def _folder_of(file: str | Path) -> str:
    """Return where a file lies; text is an address."""
    return file.rpartition("/")[0] if isinstance(file, str) else str(file.parent)


def speed(images_per_s: int, elapsed_s: float) -> str:
    """Return in words how fast a run was."""
    return f"{images_per_s:,} images/s, {elapsed_s:.2f} s from the first read to the last write"


def metrics_page(metrics: "mnist_batch.Metrics") -> "terminal.Page":
    """Return the scores of predictions; without labels how often each class was predicted."""
    parts = _scores(metrics) if metrics.scored else _predictions(metrics)
    return page(*parts, *terminal.reasons("Rows without a prediction", metrics.errors_by_reason))


def _scores(metrics: "mnist_batch.Metrics") -> "Iterator[terminal.Page]":
    low, high = metrics.accuracy_interval or (0.0, 1.0)
    counts = f"{metrics.correct:,} of {metrics.scored:,}"
    accuracy = text(f"accuracy {metrics.accuracy:.4f}", style="bold")
    yield accuracy.append(f" (95 % interval {low:.4f} to {high:.4f}), {counts}", "not bold")
    yield from map(text, _averages(metrics))
    if metrics.scored < metrics.rows:
        yield text(
            f"{metrics.rows:,} rows: {metrics.rows - metrics.labelled:,} without a label, "
            f"{metrics.errors:,} without a prediction"
        )
    listed = list(metrics.per_class)
    which = "with the lowest recall"
    if len(listed) > _ALL:
        listed = metrics.worst_first()[:_LISTED]
        if listed[0].recall == 1:
            which = "first in order, for all have a recall of 1"
    yield titled(
        f"Per {metrics.classes.noun}{_part(metrics, listed, which)}",
        _class_table(metrics, listed),
    )
    matrix = _confusion_table(metrics)
    if matrix:
        yield titled("Confusion matrix: rows true, columns predicted", matrix)
    if pairs := metrics.confused_pairs(3 if matrix else 10):
        names = metrics.classes.short_names(_NAME)
        lines = (
            f"{names[true]} read as {names[predicted]}: {_times(count)}"
            for true, predicted, count in pairs
        )
        yield titled("Most often confused", text(*lines))


def _part(metrics: "mnist_batch.Metrics", listed: Sequence[object], which: str) -> str:
    """Return which of the classes are listed; empty for all."""
    count = metrics.classes.count
    return f": the {len(listed)} {which}, of {count:,}" if len(listed) < count else ""


def _keys(classes: "Classes") -> list[str]:
    """Return what the rows of tables are called: by name, and by number as columns of a matrix."""
    names = classes.short_names(_NAME)
    if classes.names is None or classes.count > _IN_MATRIX:
        return list(names)
    return [f"{number} {name}" for number, name in enumerate(names)]


def _averages(metrics: "mnist_batch.Metrics") -> Iterator[str]:
    """Yield a line of averages over the classes and one of scores of confidence, where known."""
    averages = {
        "precision": metrics.macro_precision,
        "recall": metrics.macro_recall,
        "F1": metrics.macro_f1,
    }
    scores = {
        "log loss": metrics.log_loss,
        "Brier": metrics.brier,
        "expected calibration error": metrics.calibration_error,
    }
    for kind, line in (("macro ", averages), ("", scores)):
        numbers = [f"{name} {value:.4f}" for name, value in line.items() if value is not None]
        if numbers:
            yield kind + ", ".join(numbers)


def _class_table(
    metrics: "mnist_batch.Metrics", listed: "Sequence[ClassMetrics]"
) -> "terminal.Page":
    rows, keys = [], _keys(metrics.classes)
    for one in listed:
        scores = (one.precision, one.recall, one.f1)
        cells = (_dim(one.undefined) if score is None else f"{score:.4f}" for score in scores)
        rows.append([keys[one.digit], f"{one.support:,}", *cells])
    header = (metrics.classes.noun, "support", "precision", "recall", "F1")
    return table(f"{_side(metrics.classes)}rrrr", rows, header=header)


def _side(classes: "Classes") -> str:
    """Return on which side the classes of a table stand: numbers on the right."""
    return "r" if classes.names is None else "l"


def _confusion_table(metrics: "mnist_batch.Metrics") -> "terminal.Page | None":
    """Return the confusion matrix; None where it is too wide, which that of digits never is."""
    count, keys, rows = metrics.classes.count, _keys(metrics.classes), []
    width = max(4, len(str(metrics.confusion_matrix.max())))
    whole = max(map(len, keys)) + count * (width + 1)
    if not metrics.classes.are_digits and (count > _IN_MATRIX or whole > terminal.columns()):
        return None
    for true, counts in enumerate(metrics.confusion_matrix.tolist()):
        # A dot, because ninety zeros would hide the few mistakes.
        cells = [text(str(count)) if count else _dim(".") for count in counts]
        if counts[true]:
            cells[true] = text(str(counts[true]), style="bold")
        rows.append([text(keys[true], style="bold"), *cells])
    header = ["", *map(str, range(count))]
    return table("l" + "r" * count, rows, header=header, gap=1, width=width)


def _predictions(metrics: "mnist_batch.Metrics") -> "Iterator[terminal.Page]":
    predicted = sum(metrics.predictions)
    labelled = f"{metrics.labelled:,}" if metrics.labelled else "none"
    yield text(f"{predicted:,} of {metrics.rows:,} rows predicted; {labelled} with a label")
    if not metrics.rows:  # as of a shard of an input that is too small to share
        return
    classes, keys = metrics.classes, _keys(metrics.classes)
    listed = list(range(classes.count))
    if classes.count > _ALL:
        listed = sorted(listed, key=lambda one: -metrics.predictions[one])[:_LISTED]
    rows = [
        (keys[one], f"{count:,}", f"{count / predicted:.1%}" if predicted else terminal.UNKNOWN)
        for one in listed
        for count in [metrics.predictions[one]]
    ]
    title = f"Predictions per {classes.noun}{_part(metrics, listed, 'most frequent')}"
    header = (classes.noun, "predicted", "share")
    yield titled(title, table(f"{_side(classes)}rr", rows, header=header))


def _dim(cell: str) -> "terminal.Page":
    return text(cell, style="dim")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
