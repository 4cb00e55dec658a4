"""Metrics as text for a terminal, built from rich's parts; nothing is printed here.

Everything fits into 80 columns with counts of up to six digits. Only ASCII is used, because a
terminal or a pipe of another encoding would fail on the rest.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.mnist import CLASSES

if TYPE_CHECKING:
    from mnist_batch.commands.pack import PackSummary
    from mnist_batch.commands.run import Summary
    from mnist_batch.commands.train import TrainingResult
    from mnist_batch.tuning.measuring import BenchmarkResult

_UNDEFINED = "-"


def evaluation_summary(metrics: Metrics) -> Group:
    """Return what a person wants to know first of `metrics`.

    With scored rows: accuracy, the numbers per digit, the confusion matrix and the pairs most
    often confused; without: how often each digit was predicted. Then, in both cases, why rows
    have no prediction.
    """
    parts = _scores(metrics) if metrics.scored else _predictions(metrics)
    return Group(*parts, *_errors("Rows without a prediction", metrics.errors_by_reason))


def job_summary(summary: "Summary") -> Group:
    """Return the metrics, where the files are, and how fast the images were predicted."""
    lines = ["", f"predictions  {printable(str(summary.predictions))}"]
    if summary.report_files:
        lines.append(f"report       {printable(str(summary.report_files[0].parent))}")
    if summary.run and summary.run["images_per_s"]:
        lines.append(
            f"speed        {summary.run['images_per_s']:,} images/s, "
            f"{summary.run['elapsed_s']:.2f} s from the first read to the last write"
        )
    return Group(evaluation_summary(summary.metrics), Text("\n".join(lines)))


def pack_summary(summary: "PackSummary") -> Group:
    """Return how many images were packed, how large the file is, and how fast that was."""
    lines = ["", f"packed       {printable(str(summary.out))}"]
    lines.append(f"size         {summary.size_bytes / 1e6:,.1f} MB")
    if summary.images_per_s:
        lines.append(
            f"speed        {summary.images_per_s:,} images/s, {summary.elapsed_s:.2f} s from the "
            "first read to the last write"
        )
    labelled = f"{summary.labelled:,}" if summary.labelled else "none"
    counts = f"{summary.rows - summary.errors:,} of {summary.rows:,} rows with an image"
    return Group(
        Text(f"{counts}; {labelled} with a label"),
        *_errors("Rows without an image", summary.errors_by_reason),
        Text("\n".join(lines)),
    )


def training_summary(result: "TrainingResult") -> Group:
    """Return how well a trained model reads the test split, what it was made from, and where."""
    kept = {name: numbers[result.epoch - 1] for name, numbers in result.history.items()}
    epoch = "last epoch" if result.epoch == len(result.history["loss"]) else f"epoch {result.epoch}"
    lines = [
        "",
        f"data         {result.rows:,} digits, in {result.elapsed_s:.0f} s",
        f"{epoch:<13}loss {kept['loss']:.4f}, accuracy {kept['accuracy']:.4f}",
    ]
    if "val_accuracy" in kept:
        lines[-1] += f", validation accuracy {kept['val_accuracy']:.4f}"
    for reason, count in result.unreadable.items():
        lines.append(f"left out     {printable(reason)}: {count:,}")
    lines.append(f"model        {printable(str(result.out))}")
    if result.report_files:
        lines.append(f"report       {printable(str(result.report_files[0].parent))}")
    tested = (
        evaluation_summary(result.metrics)
        if result.metrics
        else Text("not tested: the data has no files or folders named test")
    )
    return Group(tested, Text("\n".join(lines)))


def benchmark_summary(result: "BenchmarkResult") -> Group:
    """Return the speed of each part at each setting, which part binds, and what to run."""
    inputs = ", ".join(result.inputs) or "generated digits, for want of an INPUT"
    used = "all" if result.rows_used == result.rows else f"the first {result.rows_used:,}"
    lines = [
        f"images       {used} of {result.rows:,}: {printable(inputs)}",
        f"model        {printable(result.model['name'])}",
        f"machine      {result.machine['cpu'] or 'unknown processor'}, "
        f"cores: {result.machine['cores']}",
    ]
    if result.accuracy is not None:
        lines.append(f"accuracy     {result.accuracy:.4f} of {result.labelled:,} with a label")
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold")
    for name in ("part", "runs on"):
        table.add_column(name, overflow="fold")
    for name in ("batch", "workers", "images/s", "spread"):
        table.add_column(name, justify="right", overflow="fold")
    for one in result.measurements:
        table.add_row(
            str(one.part),
            f"{one.predictor}, {one.device}" if one.predictor else "cpu",
            f"{one.batch_size:,}",
            str(one.workers),
            f"{one.images_per_s:,.0f}",
            f"{one.timing.spread:.0%}",
            style="bold" if one is result.recommended else "",
        )
    skipped = [f"not run: {one.what}: {one.reason}" for one in result.not_run]
    slowest = result.binding.images_per_s[result.binding.part]
    others = (
        f"{part} {rate:,.0f}"
        for part, rate in result.binding.images_per_s.items()
        if part is not result.binding.part
    )
    advice = [
        "",
        f"{result.binding.part} binds: {slowest:,.0f} images/s; {', '.join(others)}",
        result.binding.advice,
        "",
        f"recommended, for {result.recommended.images_per_s:,.0f} images/s once it has started:",
        printable(result.command),
    ]
    return Group(Text("\n".join(lines)), Text(), table, Text("\n".join(skipped + advice)))


def printable(text: str) -> str:
    """Return `text` with each control character and each other unprintable one as `?`.

    Names of files and messages of decoders come from outside; an escape sequence in one could
    rewrite the screen, a line break could fake a line of output.
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def _scores(metrics: Metrics) -> Iterator[RenderableType]:
    yield _accuracy_line(metrics)
    yield from map(Text, _averages_lines(metrics))
    if metrics.scored < metrics.rows:
        yield Text(
            f"{metrics.rows:,} rows: {metrics.rows - metrics.labelled:,} without a label, "
            f"{metrics.errors:,} without a prediction"
        )
    yield titled("Per digit", _per_class_table(metrics))
    yield titled("Confusion matrix: rows true, columns predicted", _confusion_table(metrics))
    if pairs := metrics.confused_pairs():
        lines = (f"{true} read as {predicted}: {_times(count)}" for true, predicted, count in pairs)
        yield titled("Most often confused", Text("\n".join(lines)))


def _accuracy_line(metrics: Metrics) -> Text:
    low, high = metrics.accuracy_interval or (0.0, 1.0)
    return Text.assemble(
        ("accuracy ", "bold"),
        (f"{metrics.accuracy:.4f}", "bold"),
        f" (95 % interval {low:.4f} to {high:.4f}), {metrics.correct:,} of {metrics.scored:,}",
    )


def _averages_lines(metrics: Metrics) -> Iterator[str]:
    """Yield the averages, and what confidence and probabilities were worth where there were any."""
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


def _per_class_table(metrics: Metrics) -> Table:
    table = number_table("digit", "support", "precision", "recall", "F1")
    for digit in metrics.per_class:
        scores = (digit.precision, digit.recall, digit.f1)
        table.add_row(
            str(digit.digit),
            f"{digit.support:,}",
            *(_dim(digit.undefined) if score is None else Text(f"{score:.4f}") for score in scores),
        )
    return table


def _confusion_table(metrics: Metrics) -> Table:
    table = number_table("", *(str(digit) for digit in range(CLASSES)), gap=1)
    for column in table.columns[1:]:
        column.min_width = max(4, len(str(metrics.confusion_matrix.max())))
    for true, counts in enumerate(metrics.confusion_matrix.tolist()):
        cells = (_confusion_cell(count, right=true == i) for i, count in enumerate(counts))
        table.add_row(Text(str(true), "bold"), *cells)
    return table


def _confusion_cell(count: int, *, right: bool) -> Text:
    # A dot, because ninety zeros would hide the few mistakes.
    return Text(str(count), "bold" if right else "") if count else _dim(".")


def _predictions(metrics: Metrics) -> Iterator[RenderableType]:
    predicted = sum(metrics.predictions)
    labelled = f"{metrics.labelled:,}" if metrics.labelled else "none"
    yield Text(f"{predicted:,} of {metrics.rows:,} rows predicted; {labelled} with a label")
    table = number_table("digit", "predicted", "share")
    for digit, count in enumerate(metrics.predictions):
        share = f"{count / predicted:.1%}" if predicted else _UNDEFINED
        table.add_row(str(digit), f"{count:,}", share)
    yield titled("Predictions per digit", table)


def _errors(title: str, errors_by_reason: Mapping[str, int]) -> Iterator[RenderableType]:
    if errors_by_reason:
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        for reason, count in errors_by_reason.items():
            table.add_row(f"{count:,}", Text(printable(reason)))
        yield titled(title, table)


def titled(title: str, content: RenderableType) -> Group:
    """Return `content` under a title, with an empty line before it."""
    return Group(Text(), Text(title, "bold"), content)


def number_table(*columns: str, gap: int = 3) -> Table:
    """Return a table of right-aligned numbers with `gap` spaces between the columns."""
    table = Table(box=None, padding=(0, 0, 0, gap), pad_edge=False, header_style="bold")
    for name in columns:
        # A number too long for the screen goes on in the next line; cut off it would be wrong.
        table.add_column(name, justify="right", overflow="fold")
    return table


def _dim(text: str) -> Text:
    return Text(text, "dim")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
