"""What the files of a report hold: the record of `metrics.json`, and the rows of its tables."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from mnist_batch.evaluation.metrics import ClassMetrics, Metrics
from mnist_batch.evaluation.slices import Slice
from mnist_batch.outputs.writer import guarded
from mnist_batch.schema import Classes

SLICES = 100
"""Slices of a kind in `metrics.json`; all are in `slices.csv`."""


def metrics_record(metrics: Metrics, run: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the content of `metrics.json`; a number that is undefined is None, null in JSON."""
    names = metrics.classes.names
    return {
        **({} if names is None else {"class_names": names}),
        "rows": metrics.rows,
        "labelled": metrics.labelled,
        "scored": metrics.scored,
        "prepared": metrics.prepared,
        "errors": {"total": metrics.errors, "by_reason": metrics.errors_by_reason},
        "accuracy": metrics.accuracy,
        "accuracy_interval_95": metrics.accuracy_interval,
        "macro": {
            "precision": metrics.macro_precision,
            "recall": metrics.macro_recall,
            "f1": metrics.macro_f1,
        },
        "per_class": [_scores_of_class(one, metrics.classes) for one in metrics.per_class],
        "log_loss": metrics.log_loss,
        "brier": metrics.brier,
        "calibration_error": metrics.calibration_error,
        "mean_confidence": metrics.mean_confidence,
        "reliability": [{**vars(one), "accuracy": one.accuracy} for one in metrics.reliability],
        "risk_coverage": [
            {
                "threshold": one.threshold,
                "rows": one.rows,
                "right": one.right,
                "coverage": one.coverage,
                "accuracy": one.accuracy,
            }
            for one in metrics.risk_coverage
        ],
        "confusion_matrix": metrics.confusion_matrix.tolist(),
        "predictions": metrics.predictions,
        "run": run,
    }


def of_class(number: int, classes: Classes) -> dict[str, object]:
    """Return what tells a class in a record: a number, and a name if it has any."""
    if classes.are_digits:
        return {"digit": number}
    if classes.names is None:
        return {"class": number}
    return {"class": number, "name": classes.names[number]}


def _scores_of_class(scores: ClassMetrics, classes: Classes) -> dict[str, object]:
    others = {name: value for name, value in vars(scores).items() if name != "digit"}
    return {**of_class(scores.digit, classes), **others}


def confusion_table(metrics: Metrics) -> list[list[object]]:
    """Return a row per true class, with the counts of the predicted ones."""
    names = [_cell(name) for name in _names(metrics.classes)]
    rows = zip(names, metrics.confusion_matrix.tolist(), strict=True)
    return [["true\\predicted", *names], *([name, *counts] for name, counts in rows)]


def per_class_table(metrics: Metrics) -> list[list[object]]:
    """Return a row per class; in the place of a score that is undefined stands why."""
    rows: list[list[object]] = []
    for one in metrics.per_class:
        record = _scores_of_class(one, metrics.classes)
        if not rows:
            rows.append([*record])
        rows.append([one.undefined if value is None else _cell(value) for value in record.values()])
    return rows


def _names(classes: Classes) -> Sequence[object]:
    return range(classes.count) if classes.names is None else classes.names


def _cell(value: object) -> object:
    """Return a value of a CSV table; a text that a spreadsheet would run is guarded."""
    return guarded(value) if isinstance(value, str) else value


def history_table(history: Mapping[str, Sequence[float]]) -> list[list[object]]:
    """Return a row per epoch, counted from 1."""
    epochs = zip(*history.values(), strict=True)
    return [["epoch", *history], *([epoch, *row] for epoch, row in enumerate(epochs, start=1))]


def slice_records(slices: Sequence[Slice]) -> list[dict[str, Any]]:
    """Return what `metrics.json` holds of slices: the first `SLICES` of each kind."""
    return [
        {
            "kind": one.kind,
            "value": one.value,
            "is_rest": one.is_rest,
            "rows": one.rows,
            "scored": one.scored,
            "correct": one.correct,
            "accuracy": one.accuracy,
            "accuracy_interval_95": one.accuracy_interval,
            "errors": one.errors,
        }
        for _, members in groupby(slices, key=lambda one: one.kind)
        for one in list(members)[:SLICES]
    ]


def slices_table(slices: Sequence[Slice]) -> Iterator[list[object]]:
    """Yield a row per slice; `value_is` tells no value from an empty one, and the rest of them."""
    yield [
        *("kind", "value", "value_is", "rows", "scored", "correct"),
        *("accuracy", "accuracy_low", "accuracy_high", "errors"),
    ]
    for one in slices:
        value_is = "any other" if one.is_rest else "missing" if one.value is None else "text"
        interval = one.accuracy_interval or (None, None)
        counts = [one.rows, one.scored, one.correct]
        yield [one.kind, one.value, value_is, *counts, one.accuracy, *interval, one.errors]
