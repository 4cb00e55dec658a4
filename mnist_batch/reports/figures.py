"""Charts of the metrics of digits and of training; each function returns a matplotlib figure.

Those of other classes are in `evaluation.class_figures`.

Figures are made from matplotlib's objects and without pyplot, which would look for a window system
and keep each figure. A report is drawn after every run, so figures do without what costs time and
shows no more: automatic layout draws twice, ten axes make ten sets of ticks, and `lettering` draws
letters once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.proportions import wilson_interval
from mnist_batch.mnist import CLASSES
from mnist_batch.reports.number_text import counted, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE = "#2f6fab"
ORANGE = "#d1711c"
GREY = "#e8e8e8"
QUIET = "#5f6368"
"""The colour of what is read second; it has a contrast of 6 to 1 on white."""

SMALL = 9.0
"""Font size of what is read second."""

_LONGEST = 300
"""Characters of a text from outside."""

_ABSENT = "no samples"
_DIGITS = range(CLASSES)

_RIGHT = ((0.0, "#f1f4f7"), (1.0, "#c6d5e4"))
"""Colours of the share of a digit that is read as it is: quiet, since nearly all rows are there."""

_WRONG = (
    (-4.0, "#fdebd7"),
    (-3.0, "#fbcb98"),
    (-2.0, "#ee9a4a"),
    (-1.0, "#c25e10"),
    (0.0, "#6e3005"),
)
"""Colours of the share that is read as another, by its decimal logarithm: 1 in 10,000 differs from
none, and 1 in 1,000 from 1 in 100."""

_WHITE_FROM = 0.12
"""Share of mistakes from which white text has more contrast with their colours than black text."""


def confusion_matrix_figure(metrics: Metrics, caption: str = "") -> "Figure":
    """Draw the confusion matrix: counts in the cells, colours by their share of the true digit.

    Right and wrong counts have colours of their own. A cell that counts nothing is white; the row
    of a digit without samples is grey. `caption` says where the numbers are from.
    """
    counts = metrics.confusion_matrix
    support = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(support, 1)
    figure = blank(7.0, 6.5)
    axes = figure.add_axes((0.09, 0.09, 0.775, 0.79))
    # imshow would resample; ten by ten rectangles are as quick and have sharp edges.
    cells = cell_colours(shares, support)
    axes.pcolormesh(cells, edgecolors="#dadfe3", linewidth=0.6, clip_on=False)
    write_counts(axes, counts, shares, width=34)
    for digit in np.flatnonzero(support == 0):
        axes.text(5, digit + 0.5, _ABSENT, color=QUIET, ha="center", va="center")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(CLASSES) + 0.5, labels=list(map(str, _DIGITS)))
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted digit")
    axes.set_ylabel("true digit")
    draw_scale_of_mistakes(figure)
    shown = f"Confusion matrix: accuracy {percent(metrics.accuracy)}"
    write_title(figure, f"{shown}, {counted(metrics.scored, 'image')}", caption)
    return figure


def write_counts(
    axes: "Axes", counts: NDArray[np.int64], shares: NDArray[np.float64], width: float
) -> None:
    """Write what the cells of a matrix count, with room for so many points in each."""
    size = fitting_size(f"{counts.max():,}", width=width)
    for true, predicted in np.argwhere(counts):
        is_dark = true != predicted and shares[true, predicted] >= _WHITE_FROM
        axes.text(
            predicted + 0.5,
            true + 0.5,
            f"{counts[true, predicted]:,}",
            fontsize=size,
            ha="center",
            va="center_baseline",
            color="white" if is_dark else "black",
        )


def cell_colours(shares: NDArray[np.float64], support: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the colours of the cells (n, n, 3): red, green and blue, 0 to 1."""
    mistakes = _between(_WRONG, np.log10(np.maximum(shares, 1e-9)))
    colours = np.where(shares[..., None] > 0, mistakes, 1.0)
    diagonal = np.diag_indices(len(shares))
    colours[diagonal] = _between(_RIGHT, shares[diagonal])
    return np.where(support[..., None] > 0, colours, _rgb(GREY))


def _between(
    colours: Sequence[tuple[float, str]], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a colour for each value, mixed of the two colours between whose places it lies."""
    at = [place for place, _ in colours]
    parts = np.array([_rgb(colour) for _, colour in colours]).T
    return np.stack([np.interp(values, at, part) for part in parts], axis=-1)


def _rgb(colour: str) -> list[float]:
    return [byte / 255 for byte in bytes.fromhex(colour.removeprefix("#"))]


def draw_scale_of_mistakes(
    figure: "Figure",
    place: tuple[float, float, float, float] = (0.885, 0.09, 0.022, 0.79),
    noun: str = "digit",
) -> None:
    """Draw the colours of mistakes beside the matrix, with the shares that they stand for."""
    axes = figure.add_axes(place)
    steps = np.linspace(_WRONG[0][0], _WRONG[-1][0], 81)
    axes.pcolormesh([0, 1], steps, _between(_WRONG, (steps[:-1] + steps[1:]) / 2)[:, None])
    axes.set_xticks([])
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.set_yticks([-4, -3, -2, -1, 0], labels=["0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
    axes.tick_params(length=0, labelsize=8, labelcolor=QUIET)
    axes.set_ylabel(f"mistakes: share of the true {noun}", color=QUIET, fontsize=9, labelpad=0)
    axes.spines[:].set_visible(False)


def per_class_figure(metrics: Metrics, caption: str = "") -> "Figure":
    """Draw the recall of each digit as a dot with its 95 % Wilson interval; under it the numbers.

    The axis holds all intervals and need not start at 0: dots are read by their places, and not,
    as bars, by their lengths. A line across shows the accuracy.
    """
    from matplotlib.ticker import PercentFormatter

    figure = blank(7.6, 4.6)
    axes = figure.add_axes((0.14, 0.215, 0.845, 0.625))
    present = [digit for digit in metrics.per_class if digit.support]
    digits = [digit.digit for digit in present]
    recalls = [digit.recall or 0.0 for digit in present]
    right = metrics.confusion_matrix.diagonal().tolist()
    ends = [wilson_interval(right[digit.digit], digit.support) for digit in present]
    lows, highs = [low for low, _ in ends] or [0.0], [high for _, high in ends] or [1.0]
    margin = 0.05 * (max(highs) - min(lows)) + 1e-6
    axes.set_xlim(-0.6, CLASSES - 0.4)
    axes.set_ylim(min(lows) - margin, max(highs) + margin)
    if present:
        axes.axhline(metrics.accuracy or 0.0, color="#c4c8cc", linewidth=1, zorder=0)
        axes.vlines(digits, lows, highs, color=BLUE, linewidth=1.6)
        axes.plot(digits, recalls, "o", color=BLUE, markersize=6)
    middle = (min(lows) + max(highs)) / 2
    for digit in set(_DIGITS) - set(digits):
        text = axes.text(digit, middle, _ABSENT, rotation=90, color=QUIET)
        text.set(ha="center", va="center")
    _write_numbers(axes, metrics)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.set_ylabel("recall, with its 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    shown = f"Accuracy per digit, {percent(metrics.accuracy)} in all"
    write_title(figure, f"{shown}, {counted(metrics.scored, 'image')}", caption)
    return figure


def _write_numbers(axes: "Axes", metrics: Metrics) -> None:
    """Write under each digit its recall and its support, and at the left which line is which."""
    labels = [
        f"{digit.digit}\n{percent(digit.recall, 1).removesuffix(' %')}\n{digit.support:,}"
        for digit in metrics.per_class
    ]
    longest = max((line for label in labels for line in label.split("\n")), key=len)
    size = fitting_size(longest, width=40)
    axes.set_xticks(_DIGITS, labels=labels)
    axes.tick_params(axis="x", length=0, labelsize=size, pad=_PAD)
    axes.annotate(
        "digit\nrecall, %\nsamples",
        (0, 0),
        (-9, -_PAD),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=size,
        color=QUIET,
    )


_PAD = 8.0
"""Points from the axis to the numbers below it: room for half a label of the other axis."""


def prediction_histogram_figure(metrics: Metrics, caption: str = "") -> "Figure":
    """Draw how many rows were predicted as each digit."""
    figure = blank(7.6, 4.2)
    axes = figure.add_axes((0.03, 0.14, 0.94, 0.70))
    axes.bar(_DIGITS, metrics.predictions, color=BLUE)
    most = max(max(metrics.predictions), 1)
    size = fitting_size(f"{most:,}", width=42)
    axes.set_xlim(-0.6, CLASSES - 0.4)
    axes.set_ylim(0, 1.1 * most)
    for digit, count in enumerate(metrics.predictions):
        axes.text(digit, count + 0.015 * most, f"{count:,}", ha="center", fontsize=size)
    axes.set_xticks(_DIGITS, labels=[str(digit) for digit in _DIGITS])
    axes.tick_params(axis="x", length=0)
    axes.set_yticks([])  # each bar says its number
    axes.set_xlabel("predicted digit")
    axes.spines[["top", "left", "right"]].set_visible(False)
    write_title(figure, f"Predictions: {counted(sum(metrics.predictions), 'image')}", caption)
    return figure


def learning_curves_figure(history: Mapping[str, Sequence[float]]) -> "Figure":
    """Draw loss and accuracy per epoch.

    Args:
        history: one number per epoch, as Keras' `History.history`; of `loss`, `accuracy`,
            `val_loss` and `val_accuracy`, those that are there are drawn.
    """
    from matplotlib.ticker import MaxNLocator

    figure = blank(10.0, 4.2)
    for panel, name in enumerate(("loss", "accuracy")):
        axes = figure.add_axes((0.07 + 0.50 * panel, 0.14, 0.42, 0.74))
        for key, label, color in ((name, "training", BLUE), (f"val_{name}", "validation", ORANGE)):
            if key in history:
                epochs = np.arange(1, len(history[key]) + 1)
                # A dot per epoch, because a line through a single one would be invisible.
                axes.plot(epochs, history[key], ".-", label=label, color=color, markersize=4)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
        axes.set_xlabel("epoch")
        axes.grid(color=GREY)
        axes.spines[["top", "right"]].set_visible(False)
        # With a height given, matplotlib does not measure all ticks to find one.
        axes.set_title(name.capitalize(), y=1.02, fontsize=12)
        if axes.lines:
            axes.legend(loc="best", frameon=False)
    return figure


def made_by(run: Mapping[str, Any] | None) -> str:
    """Return the model and the date of a run, as far as its record, from whatever file, has them.

    Args:
        run: the record of a run, as in the metadata of the predictions.
    """
    record = run or {}
    model = record.get("model")
    name = model.get("name") if isinstance(model, Mapping) else None
    day = str(record.get("created_utc") or "")[:10]
    return ", ".join(shortened(str(text)) for text in (name, day) if text)


def fitted(text: str, width: float, size: float) -> str:
    """Return text from outside so that it can be drawn in `width` points at a font size.

    Of what is too long, the middle is left out. A control character, which would break the line, is
    `?`, and one that the font lacks a box. It has to be drawn without `parse_math`: `$` is no
    formula.
    """
    text = "".join(map(_shown, shortened(text)))
    widths = [_width(character, size) for character in text]
    if sum(widths) <= width:
        return text
    room, kept = width - _width(_LEFT_OUT, size), 0
    # Characters of both ends in turn, the first one first.
    for place in range(len(text)):
        room -= widths[place // 2] if place % 2 == 0 else widths[-(place // 2) - 1]
        if room < 0:
            break
        kept += 1
    return _without_middle(text, kept)


def class_name(number: int, name: str, width: float, size: float) -> str:
    """Return a name of a class as `fitted` does; its number where the font lacks a letter."""
    shown = fitted(name, width, size)
    return str(number) if _BOX in shown else shown


def shortened(text: str) -> str:
    """Return text, of a long one no more than a figure has room for: names may have megabytes."""
    return _without_middle(text, _LONGEST) if len(text) > _LONGEST else text


_BOX = "\N{WHITE SQUARE}"
"""Stands for a character that the font lacks."""

_LEFT_OUT = "\N{HORIZONTAL ELLIPSIS}"


def _without_middle(text: str, kept: int) -> str:
    end = kept // 2
    return f"{text[: kept - end]}{_LEFT_OUT}{text[len(text) - end :]}"


def _shown(character: str) -> str:
    from mnist_batch.reports.drawing import lettering

    if not character.isprintable():
        return "?"
    return character if lettering.has_letter(character) else _BOX


def _width(character: str, size: float) -> float:
    """Return how many points a character takes; a line of text would take 1 ms to measure."""
    from mnist_batch.reports.drawing import lettering

    return lettering.advance(character, size)


def save(figure: "Figure", path: Path) -> None:
    """Write `figure` to `path` as PNG, whatever the suffix; equal figures give equal bytes."""
    from PIL import Image

    from mnist_batch.reports.drawing.png_file import rgb_png

    canvas: Any = figure.canvas  # of which matplotlib has no types
    canvas.draw()
    # All pixels are opaque. NumPy takes three times as long to leave out one byte of four.
    opaque = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    path.write_bytes(rgb_png(np.asarray(opaque), round(figure.dpi)))


def blank(width: float, height: float) -> "Figure":
    """Return an empty figure of so many inches."""
    # Takes 0.4 s to import, and most of what the package does draws nothing.
    from matplotlib.figure import Figure

    from mnist_batch.reports.drawing.lettering import DPI, Canvas

    figure = Figure(figsize=(width, height), dpi=DPI)
    Canvas(figure)
    return figure


def write_title(figure: "Figure", text: str, caption: str) -> None:
    """Write what a figure shows above its axes, and under that, smaller, `caption`."""
    left, height = max(figure.axes[0].get_position().x0, 0.01), figure.get_figheight()
    figure.text(left, 1 - 0.13 / height, text, fontsize=12, va="top")
    written = figure.text(left, 1 - 0.37 / height, fitted(caption, 400, SMALL), fontsize=SMALL)
    written.set(color=QUIET, parse_math=False, va="top")


def fitting_size(text: str, *, width: float) -> float:
    """Return the font size, at most 10, at which digits take up no more than `width` points."""
    # A digit of DejaVu Sans, matplotlib's font, is 0.636 of the size wide.
    return min(10.0, width / (0.636 * len(text)))
