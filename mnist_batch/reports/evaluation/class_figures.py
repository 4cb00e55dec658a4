"""Charts of the metrics of classes that are not the digits: any number of them, with names.

Each function returns a matplotlib figure, see `figures`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.proportions import wilson_interval
from mnist_batch.reports.figures import (
    BLUE,
    GREY,
    QUIET,
    SMALL,
    blank,
    cell_colours,
    class_name,
    draw_scale_of_mistakes,
    write_counts,
    write_title,
)
from mnist_batch.reports.number_text import counted, percent
from mnist_batch.schema import Classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MATRIX = 64
"""Classes of a matrix: EMNIST has 62."""

LISTED = 40
"""Classes of a list: as many lines as are read on a screen."""

_COUNTED = 30
"""Classes up to which the cells of a matrix have room for their counts."""

_NAME, _WIDTH = 16, 96.0
"""Characters and points of a name."""

_ABOVE, _LINE = 0.62, 0.21
"""Inches of the title, and of a line of a list."""


def confusion_matrix_figure(metrics: Metrics, caption: str = "") -> "Figure":
    """Draw the confusion matrix; of more than `MATRIX` classes those with the most mistakes.

    Colours are those of the digits: by the share of the true class. Up to 30 classes have their
    counts in the cells.
    """
    shown = metrics.most_confused(MATRIX)
    counts = metrics.confusion_matrix[np.ix_(shown, shown)]
    support = metrics.confusion_matrix.sum(axis=1)[shown, None]
    side = min(0.5, max(0.17, 8 / len(shown)))
    size = min(SMALL, 0.8 * 72 * side)
    names = [_names(metrics.classes, size)[number] for number in shown]
    room = 0.45 + _inches(names, size)  # of names and of the name of the axis
    whole = side * len(shown)
    width, height = room + whole + 0.95, _ABOVE + whole + room
    figure = blank(width, height)
    axes = figure.add_axes((room / width, room / height, whole / width, whole / height))
    shares = counts / np.maximum(support, 1)
    cells = cell_colours(shares, support)
    axes.pcolormesh(cells, edgecolors="#dadfe3", linewidth=0.4, clip_on=False)
    if len(shown) <= _COUNTED:
        write_counts(axes, counts, shares, width=0.9 * 72 * side)
    _write_names(axes, names, size)
    axes.invert_yaxis()
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    place = (1 - 0.85 / width, room / height, 0.15 / width, whole / height)
    draw_scale_of_mistakes(figure, place, "class")
    part = f", of the {len(shown)} most confused" if len(shown) < metrics.classes.count else ""
    title = f"Confusion matrix{part}: accuracy {percent(metrics.accuracy)}"
    write_title(figure, f"{title}, {counted(metrics.scored, 'image')}", caption)
    return figure


def per_class_figure(metrics: Metrics, caption: str = "") -> "Figure":
    """Draw the recall of each class as a dot with its 95 % Wilson interval, the lowest first.

    At most `LISTED` of them; a line across shows the accuracy.
    """
    from matplotlib.ticker import PercentFormatter

    listed = [one for one in metrics.worst_first() if one.support][:LISTED]
    right = metrics.confusion_matrix.diagonal().tolist()
    names = _names(metrics.classes, SMALL)
    ends = [wilson_interval(right[one.digit], one.support) for one in listed]
    lines = [(names[one.digit], f"{percent(one.recall, 1)} of {one.support:,}") for one in listed]
    figure, axes = _list(lines, below=0.55)
    places = np.arange(len(listed))
    lows, highs = [low for low, _ in ends], [high for _, high in ends]
    axes.axvline(metrics.accuracy or 0.0, color="#c4c8cc", linewidth=1, zorder=0)
    axes.hlines(places, lows, highs, color=BLUE, linewidth=1.6)
    axes.plot([one.recall or 0.0 for one in listed], places, "o", color=BLUE, markersize=5)
    margin = 0.03 * (max(highs, default=1.0) - min(lows, default=0.0)) + 1e-6
    axes.set_xlim(min(lows, default=0.0) - margin, max(highs, default=1.0) + margin)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.set_xlabel("recall, with its 95 % interval")
    title = f"Accuracy per class, {percent(metrics.accuracy)} in all"
    write_title(figure, f"{title}{_part(listed, metrics.classes, 'lowest')}", caption)
    return figure


def prediction_histogram_figure(metrics: Metrics, caption: str = "") -> "Figure":
    """Draw how many rows were predicted as each class, the most first; at most `LISTED` of them."""
    order = sorted(range(metrics.classes.count), key=lambda one: -metrics.predictions[one])[:LISTED]
    names, total = _names(metrics.classes, SMALL), sum(metrics.predictions)
    counts = [metrics.predictions[one] for one in order]
    lines = [(names[one], f"{metrics.predictions[one]:,}") for one in order]
    figure, axes = _list(lines, below=0.15)
    axes.barh(range(len(order)), counts, height=0.7, color=BLUE)
    axes.set_xlim(0, max(*counts, 1))
    axes.set_xticks([])  # each bar says its number
    axes.spines["bottom"].set_visible(False)
    title = f"Predictions: {counted(total, 'image')}"
    write_title(figure, f"{title}{_part(order, metrics.classes, 'most frequent')}", caption)
    return figure


def _part(listed: Sequence[object], classes: Classes, which: str) -> str:
    """Return which of the classes are listed; empty for all."""
    return f"; the {len(listed)} {which} of {classes.count:,}" if len(listed) == LISTED else ""


def _list(lines: Sequence[tuple[str, str]], below: float) -> "tuple[Figure, Axes]":
    """Return a figure with a line for each name and what is written at its right end."""
    names, notes = [name for name, _ in lines], [note for _, note in lines]
    left, right = 0.2 + _inches(names, SMALL), 0.2 + _inches(notes, SMALL)
    width, height = 7.6, _ABOVE + _LINE * max(len(lines), 3) + below
    figure = blank(width, height)
    axes = figure.add_axes(
        (
            left / width,
            below / height,
            (width - left - right) / width,
            1 - (_ABOVE + below) / height,
        )
    )
    axes.set_ylim(max(len(lines), 3) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), labels=names)
    for tick in axes.get_yticklabels():
        tick.set(parse_math=False)
    axes.tick_params(axis="y", length=0, labelsize=SMALL)
    axes.grid(axis="x", color=GREY)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    for place, note in enumerate(notes):
        axes.annotate(
            note,
            (1, place),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=QUIET,
        )
    return figure, axes


def _names(classes: Classes, size: float) -> list[str]:
    names = enumerate(classes.short_names(_NAME))
    return [class_name(number, name, _WIDTH, size) for number, name in names]


def _inches(texts: Sequence[str], size: float) -> float:
    """Return about how wide the longest of some texts is."""
    return max((len(text) for text in texts), default=0) * 0.6 * size / 72


def _write_names(axes: "Axes", names: Sequence[str], size: float) -> None:
    """Write the names of a matrix beside it and, if they are long, upright below it."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(len(names)) + 0.5, labels=names)
        for tick in axis.get_ticklabels():
            tick.set(parse_math=False)
    axes.tick_params(length=0, labelsize=size)
    if max(map(len, names)) > 2:
        axes.tick_params(axis="x", labelrotation=90)
    axes.spines[:].set_visible(False)
