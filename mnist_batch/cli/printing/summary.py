"""Print what `predict` and `evaluate` return: metrics, tables, and where the files are."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.terminal import page, table, text, titled
from mnist_batch.mnist import CLASSES


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


def report_line(files: Sequence[Path], missing: Sequence[str]) -> list[tuple[str, str]]:
    """Return where a report is and what it lacks; nothing where none was wanted."""
    if not files:
        return [("report", "not written")] if missing else []
    lacking = f", without {', '.join(missing)}" if missing else ""
    return [("report", f"{files[0].parent}{lacking}")]


def speed(images_per_s: int, elapsed_s: float) -> str:
    """Return in words how fast a run was."""
    return f"{images_per_s:,} images/s, {elapsed_s:.2f} s from the first read to the last write"


def metrics_page(metrics: "mnist_batch.Metrics") -> "terminal.Page":
    """Return the scores of predictions; without labels how often each digit was predicted."""
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
    yield titled("Per digit", _class_table(metrics))
    yield titled("Confusion matrix: rows true, columns predicted", _confusion_table(metrics))
    if pairs := metrics.confused_pairs():
        lines = (f"{true} read as {predicted}: {_times(count)}" for true, predicted, count in pairs)
        yield titled("Most often confused", text(*lines))


def _averages(metrics: "mnist_batch.Metrics") -> Iterator[str]:
    """Yield a line of averages over the digits and one of scores of confidence, where known."""
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


def _class_table(metrics: "mnist_batch.Metrics") -> "terminal.Page":
    rows = []
    for digit in metrics.per_class:
        scores = (digit.precision, digit.recall, digit.f1)
        cells = (_dim(digit.undefined) if score is None else f"{score:.4f}" for score in scores)
        rows.append([str(digit.digit), f"{digit.support:,}", *cells])
    return table("rrrrr", rows, header=("digit", "support", "precision", "recall", "F1"))


def _confusion_table(metrics: "mnist_batch.Metrics") -> "terminal.Page":
    rows = []
    for true, counts in enumerate(metrics.confusion_matrix.tolist()):
        # A dot, because ninety zeros would hide the few mistakes.
        cells = [text(str(count)) if count else _dim(".") for count in counts]
        if counts[true]:
            cells[true] = text(str(counts[true]), style="bold")
        rows.append([text(str(true), style="bold"), *cells])
    width = max(4, len(str(metrics.confusion_matrix.max())))
    header = ["", *map(str, range(CLASSES))]
    return table("l" + "r" * CLASSES, rows, header=header, gap=1, width=width)


def _predictions(metrics: "mnist_batch.Metrics") -> "Iterator[terminal.Page]":
    predicted = sum(metrics.predictions)
    labelled = f"{metrics.labelled:,}" if metrics.labelled else "none"
    yield text(f"{predicted:,} of {metrics.rows:,} rows predicted; {labelled} with a label")
    rows = [
        (str(digit), f"{count:,}", f"{count / predicted:.1%}" if predicted else terminal.UNKNOWN)
        for digit, count in enumerate(metrics.predictions)
    ]
    header = ("digit", "predicted", "share")
    yield titled("Predictions per digit", table("rrr", rows, header=header))


def _dim(cell: str) -> "terminal.Page":
    return text(cell, style="dim")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
