"""Pictures of metrics, samples and training; each function returns a matplotlib figure.

Figures are made from matplotlib's objects and without pyplot, which would look for a window system
and keep each figure. A report is drawn after every run, so figures do without what costs time and
shows no more: automatic layout draws twice, ten axes make ten sets of ticks, a text takes 1 ms.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mnist_batch.evaluation.metrics import ClassMetrics, Metrics
from mnist_batch.evaluation.samples import Samples
from mnist_batch.mnist import CLASSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE = "#2f6fab"
ORANGE = "#d1711c"
GREY = "#e8e8e8"
RIGHT = "black"
WRONG = "#c62828"

_DPI = 100
_ABSENT = "no samples"
_DIGITS = range(CLASSES)
_COLUMNS = 5


def confusion_matrix_figure(metrics: Metrics) -> "Figure":
    """Draw the confusion matrix: counts in the cells, colour by their share of the true digit.

    A cell that counts nothing is empty; the row of a digit without samples is grey.
    """
    import matplotlib as mpl

    counts = metrics.confusion_matrix
    support = counts.sum(axis=1, keepdims=True)
    shares = np.ma.masked_invalid(counts / np.where(support > 0, support, np.nan))
    figure = _figure(7.0, 6.2)
    axes = figure.add_axes((0.09, 0.10, 0.77, 0.82))
    # imshow would resample; ten by ten rectangles are as quick and have sharp edges.
    colours = mpl.colormaps["Blues"].with_extremes(bad=GREY)
    mesh = axes.pcolormesh(shares, cmap=colours, vmin=0, vmax=1, edgecolors="white", linewidth=1)
    _write_counts(axes, metrics, shares)
    for digit in metrics.per_class:
        if not digit.support:
            axes.text(5, digit.digit + 0.5, _ABSENT, color="grey", ha="center", va="center")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(CLASSES) + 0.5, labels=list(map(str, _DIGITS)))
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted digit")
    axes.set_ylabel("true digit")
    _title(axes, f"Confusion matrix, {metrics.scored:,} images")
    bar = figure.colorbar(mesh, cax=figure.add_axes((0.88, 0.10, 0.025, 0.82)))
    bar.set_label("share of the true digit")
    bar.outline.set_visible(False)
    return figure


def per_class_figure(metrics: Metrics) -> "Figure":
    """Draw the recall of each digit as a bar, with the number of samples under it.

    The axis starts at 0, or higher where all recalls are high; its label says so then.
    """
    recalls = [digit.recall or 0.0 for digit in metrics.per_class]
    figure = _figure(7.6, 4.2)
    axes = figure.add_axes((0.10, 0.19, 0.87, 0.70))
    bottom = _axis_bottom([digit.recall for digit in metrics.per_class if digit.recall is not None])
    axes.bar(_DIGITS, np.maximum(np.array(recalls) - bottom, 0), bottom=bottom, color=BLUE)
    axes.set_xlim(-0.6, CLASSES - 0.4)
    # Room above a bar of 1 for its number.
    axes.set_ylim(bottom, 1 + 0.08 * (1 - bottom))
    for digit in metrics.per_class:
        _write_recall(axes, digit, bottom)
    axes.set_xticks(
        _DIGITS, labels=[f"{digit.digit}\n{digit.support:,}" for digit in metrics.per_class]
    )
    most = max(digit.support for digit in metrics.per_class)
    axes.tick_params(axis="x", length=0, labelsize=_fitting_size(f"{most:,}", width=40))
    axes.set_xlabel("digit, and its number of samples")
    axes.set_ylabel(f"recall (axis starts at {bottom:.2f})" if bottom else "recall")
    axes.spines[["top", "right"]].set_visible(False)
    _title(axes, "Accuracy per digit (recall)")
    return figure


def samples_figure(samples: Samples) -> "Figure":
    """Draw up to ten samples, five in a row, titled `actual:3, predict:3`, in red where wrong.

    Raises:
        ValueError: the samples have no images.
    """
    if samples.images is None:
        raise ValueError("the samples have no images; add them with Samples.with_images")
    rows = -(-max(len(samples.images), 1) // _COLUMNS)
    # Lengths in the axes are in images; between two is room for the title of the lower one.
    gap, title_height, margin = 0.18, 0.22, 0.04
    width = _COLUMNS * (1 + gap) - gap + 2 * margin
    height = rows * (1 + title_height) + margin
    figure = _figure(11.0, 11.0 * height / width)
    # One axes for all: ten with their ticks would take five times as long.
    axes = figure.add_axes((0, 0, 1, 1))
    for place, image in enumerate(samples.images):
        row, column = divmod(place, _COLUMNS)
        left, top = column * (1 + gap), row * (1 + title_height)
        extent = (left, left + 1, top + 1, top)
        axes.imshow(image, extent=extent, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        label, prediction = samples.label[place], samples.prediction[place]
        title = f"predict:{prediction}"
        if label is not None:
            title = f"actual:{label}, {title}"
        color = RIGHT if label in (None, prediction) else WRONG
        axes.text(left + 0.5, top - 0.04, title, color=color, ha="center", fontsize=12)
    axes.set_xlim(-margin, width - margin)
    axes.set_ylim(height - title_height, -title_height)
    axes.set_axis_off()
    return figure


def prediction_histogram_figure(metrics: Metrics) -> "Figure":
    """Draw how many rows were predicted as each digit."""
    figure = _figure(7.6, 4.2)
    axes = figure.add_axes((0.03, 0.14, 0.94, 0.75))
    axes.bar(_DIGITS, metrics.predictions, color=BLUE)
    most = max(max(metrics.predictions), 1)
    size = _fitting_size(f"{most:,}", width=42)
    axes.set_xlim(-0.6, CLASSES - 0.4)
    axes.set_ylim(0, 1.1 * most)
    for digit, count in enumerate(metrics.predictions):
        axes.text(digit, count + 0.015 * most, f"{count:,}", ha="center", fontsize=size)
    axes.set_xticks(_DIGITS, labels=[str(digit) for digit in _DIGITS])
    axes.tick_params(axis="x", length=0)
    axes.set_yticks([])  # each bar says its number
    axes.set_xlabel("predicted digit")
    axes.spines[["top", "left", "right"]].set_visible(False)
    _title(axes, f"Predictions, {sum(metrics.predictions):,} images")
    return figure


def learning_curves_figure(history: Mapping[str, Sequence[float]]) -> "Figure":
    """Draw loss and accuracy per epoch.

    Args:
        history: one number per epoch, as Keras' `History.history`; of `loss`, `accuracy`,
            `val_loss` and `val_accuracy`, those that are there are drawn.
    """
    from matplotlib.ticker import MaxNLocator

    figure = _figure(10.0, 4.2)
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
        _title(axes, name.capitalize())
        if axes.lines:
            axes.legend(loc="best", frameon=False)
    return figure


def save(figure: "Figure", path: Path) -> None:
    """Write `figure` to `path` as PNG, whatever the suffix; equal figures give equal bytes."""
    figure.savefig(
        path,
        format="png",
        metadata={"Software": None},  # matplotlib's version, which changes the bytes
        pil_kwargs={"compress_level": 3},  # a tenth quicker than the default 6, 8 % larger
    )


def _figure(width: float, height: float) -> "Figure":
    # Takes 0.4 s to import, and most of what the package does draws nothing.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DPI)


def _title(axes: "Axes", text: str) -> None:
    # With a height given, matplotlib does not measure all ticks to find one.
    axes.set_title(text, y=1.02, fontsize=12)


def _write_counts(axes: "Axes", metrics: Metrics, shares: "np.ma.MaskedArray") -> None:
    counts = metrics.confusion_matrix
    size = _fitting_size(f"{counts.max()}", width=32)
    for true, predicted in np.argwhere(counts):
        color = "white" if shares[true, predicted] > 0.7 else "black"
        text = axes.text(predicted + 0.5, true + 0.5, str(counts[true, predicted]), color=color)
        text.set(fontsize=size, ha="center", va="center_baseline")


def _write_recall(axes: "Axes", digit: ClassMetrics, bottom: float) -> None:
    if digit.recall is None:
        middle = bottom + 0.5 * (1 - bottom)
        axes.text(digit.digit, middle, _ABSENT, rotation=90, color="grey", ha="center", va="center")
    else:
        height = digit.recall + 0.015 * (1 - bottom)
        axes.text(digit.digit, height, f"{digit.recall:.3f}", ha="center", fontsize=9)


def _axis_bottom(recalls: list[float]) -> float:
    """Return 0, or where all recalls are above 0.8 a round number well below the lowest."""
    lowest = min(recalls, default=0.0)
    if lowest < 0.8:
        return 0.0
    return math.floor((lowest - 0.03) * 20) / 20


def _fitting_size(text: str, *, width: float) -> float:
    """Return the font size, at most 10, at which digits take up no more than `width` points."""
    # A digit of DejaVu Sans, matplotlib's font, is 0.636 of the size wide.
    return min(10.0, width / (0.636 * len(text)))
