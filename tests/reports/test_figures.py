"""Pictures show the numbers they are made of; looked at as matplotlib objects, not as pixels."""

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.mnist import CLASSES
from mnist_batch.reports import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text


def metrics_of(confusion: NDArray[np.int64]) -> Metrics:
    """Return the metrics of a confusion matrix."""
    return Metrics(
        rows=int(confusion.sum()),
        labelled=int(confusion.sum()),
        prepared=0,
        errors_by_reason={},
        predictions=tuple(confusion.sum(axis=0).tolist()),
        confusion_matrix=confusion,
        log_loss=None,
        brier=None,
        calibration_error=None,
    )


def confusion(right: int = 90, wrong: int = 3, absent: Sequence[int] = ()) -> NDArray[np.int64]:
    """Return `right` on the diagonal and `wrong` to the right of it; absent digits have none."""
    counts = right * np.eye(CLASSES, dtype=np.int64)
    counts += wrong * np.roll(np.eye(CLASSES, dtype=np.int64), 1, axis=1)
    counts[list(absent)] = 0
    return counts


def texts(axes: "Axes") -> list[str]:
    """Return the texts inside the axes."""
    return [text.get_text() for text in axes.texts]


def axes_of(figure: "Figure", place: int = 0) -> "Axes":
    """Return one of the figure's axes."""
    return figure.axes[place]


def test_the_cells_of_the_confusion_matrix_hold_the_counts() -> None:
    """At column predicted, row true; cells that count nothing are empty."""
    counts = confusion()
    counts[3, 3] = 12_345
    axes = axes_of(figures.confusion_matrix_figure(metrics_of(counts)))
    found = np.zeros_like(counts)
    for text in axes.texts:
        x, y = text.get_position()
        found[int(y), int(x)] = int(text.get_text().replace(",", ""))
    np.testing.assert_array_equal(found, counts)
    assert len(axes.texts) == np.count_nonzero(counts)


def test_the_axes_of_the_confusion_matrix_say_which_is_which() -> None:
    """True digits downwards from 0, predicted ones to the right."""
    axes = axes_of(figures.confusion_matrix_figure(metrics_of(confusion())))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted digit", "true digit")
    assert [label.get_text() for label in axes.get_yticklabels()] == list("0123456789")
    assert axes.yaxis_inverted()


def cells(figure: "Figure") -> NDArray[np.float64]:
    """Return the colours of the cells of a confusion matrix, (10, 10, 3)."""
    mesh: Any = axes_of(figure).collections[0]
    return np.asarray(mesh.get_array())


def contrast(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2, relative luminance)."""

    def luminance(colour: Sequence[float]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_one_mistake_in_a_thousand_can_be_seen() -> None:
    """It is far from white, and from one in a hundred; what is right has a colour of its own."""
    counts = 1000 * np.eye(CLASSES, dtype=np.int64)
    counts[4, 9], counts[4, 4] = 1, 999
    counts[5, 3], counts[5, 5] = 10, 990
    colours = cells(figures.confusion_matrix_figure(metrics_of(counts)))
    nothing, thousandth, hundredth, right = (
        colours[place] for place in ((0, 1), (4, 9), (5, 3), (0, 0))
    )
    assert nothing.tolist() == [1, 1, 1]
    assert np.abs(thousandth - nothing).max() > 0.2
    assert np.abs(hundredth - thousandth).max() > 0.2
    assert right[2] > right[0]  # blue
    assert thousandth[0] > thousandth[2]  # orange
    assert contrast(right, [1, 1, 1]) < 2  # quiet, though nearly all are there


def test_more_mistakes_are_darker() -> None:
    """Whatever their share, from one in 100,000 to all; the bar beside says which is which."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    counts[0] = [100_000, 1, 10, 100, 1000, 10_000, 20_000, 30_000, 40_000, 50_000]
    figure = figures.confusion_matrix_figure(metrics_of(counts))
    red, green, blue = cells(figure)[0, 1:].T
    assert (np.diff(red + green + blue) <= 0).all()
    bar = axes_of(figure, 1)
    assert [label.get_text() for label in bar.get_yticklabels()] == [
        "0.01 %",
        "0.1 %",
        "1 %",
        "10 %",
        "100 %",
    ]
    assert bar.get_ylabel() == "mistakes: share of the true digit"


def test_counts_can_be_read_on_every_colour() -> None:
    """With the contrast that WCAG 2.2 asks for, 4.5 to 1, or nearly so in the middle."""
    from matplotlib.colors import to_rgb

    for wrong in (1, 3, 10, 30, 100, 110, 120, 130, 200, 300, 600, 1000):
        counts = np.zeros((CLASSES, CLASSES), np.int64)
        counts[2, 7], counts[2, 2] = wrong, 1000 - wrong
        figure = figures.confusion_matrix_figure(metrics_of(counts))
        for text in axes_of(figure).texts:
            if text.get_text() == f"{wrong:,}":
                x, y = text.get_position()
                behind = cells(figure)[int(y), int(x)].tolist()
                assert contrast(to_rgb(text.get_color()), behind) > 4.4


def test_the_row_of_an_absent_digit_is_grey_and_says_so() -> None:
    """Not white as where nothing is misread."""
    figure = figures.confusion_matrix_figure(metrics_of(confusion(absent=[7])))
    grey = np.array([0xE8] * 3) / 255
    is_grey = np.isclose(cells(figure), grey).all(axis=(1, 2))
    assert is_grey.tolist() == [digit == 7 for digit in range(10)]
    assert texts(axes_of(figure)).count("no samples") == 1


def titles(figure: "Figure") -> list[str]:
    """Return what is written above the axes."""
    return [text.get_text() for text in figure.texts]


def test_the_title_says_accuracy_model_and_date() -> None:
    """So that the picture can be pasted alone."""
    run = {"model": {"name": "MNIST.h5"}, "created_utc": "2026-11-27T05:00:00+00:00"}
    caption = figures.made_by(run)
    metrics = metrics_of(confusion(right=98, wrong=2))
    assert titles(figures.confusion_matrix_figure(metrics, caption)) == [
        "Confusion matrix: accuracy 98.00 %, 1,000 images",
        "MNIST.h5, 2026-11-27",
    ]
    assert titles(figures.per_class_figure(metrics, caption)) == [
        "Accuracy per digit, 98.00 % in all, 1,000 images",
        "MNIST.h5, 2026-11-27",
    ]
    assert titles(figures.prediction_histogram_figure(metrics, caption)) == [
        "Predictions: 1,000 images",
        "MNIST.h5, 2026-11-27",
    ]


@pytest.mark.parametrize(
    ("run", "caption"),
    [
        (None, ""),
        ({}, ""),
        ({"model": {"name": "a.keras"}}, "a.keras"),
        ({"model": "a.keras", "created_utc": None}, ""),
        ({"model": {"name": 7}, "created_utc": 2026}, "7, 2026"),
    ],
)
def test_a_record_may_lack_model_and_date(run: Any, caption: str) -> None:  # noqa: ANN401 - of a file
    """It comes from a file that anybody may have written."""
    assert figures.made_by(run) == caption


@pytest.mark.parametrize("right", [100_000, 123_456_789])
def test_large_counts_stay_in_their_cells(right: int) -> None:
    """Measured as drawn."""
    figure = figures.confusion_matrix_figure(metrics_of(confusion(right)))
    figure.draw_without_rendering()
    axes = axes_of(figure)
    cell = axes.get_window_extent().width / CLASSES
    assert max(text.get_window_extent().width for text in axes.texts) < cell


def interval_ends(axes: "Axes") -> list[list[float]]:
    """Return the ends of each interval that is drawn."""
    lines: Any = axes.collections[0]
    return [sorted(y for _, y in path.vertices) for path in lines.get_paths()]


def test_dots_are_recalls_with_their_intervals() -> None:
    """At a recall of 75 of 100 Wilson's interval is 0.657 to 0.825, as statsmodels has it."""
    axes = axes_of(figures.per_class_figure(metrics_of(confusion(right=75, wrong=25))))
    (dots,) = (line for line in axes.lines if line.get_marker() == "o")
    assert np.asarray(dots.get_ydata()).tolist() == [0.75] * CLASSES
    assert np.asarray(dots.get_xdata()).tolist() == list(range(CLASSES))
    assert len(interval_ends(axes)) == CLASSES
    for low, high in interval_ends(axes):
        assert low == pytest.approx(0.656955, abs=5e-7)
        assert high == pytest.approx(0.824548, abs=5e-7)


@pytest.mark.parametrize("right", [1, 7, 980, 600_000])
def test_every_interval_is_whole(right: int) -> None:
    """None is cut by the axis."""
    axes = axes_of(figures.per_class_figure(metrics_of(confusion(right=right, wrong=1))))
    bottom, top = axes.get_ylim()
    assert all(bottom < low < high < top for low, high in interval_ends(axes))


def test_recall_and_support_are_under_each_dot() -> None:
    """With names at the left."""
    axes = axes_of(figures.per_class_figure(metrics_of(confusion(right=1200, wrong=3))))
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == [f"{digit}\n99.8\n1,203" for digit in range(CLASSES)]
    assert texts(axes)[-1] == "digit\nrecall, %\nsamples"


def test_an_absent_digit_has_no_dot_but_words() -> None:
    """A recall of 0 would be a statement about it."""
    axes = axes_of(figures.per_class_figure(metrics_of(confusion(absent=[7]))))
    assert "no samples" in texts(axes)
    (dots,) = (line for line in axes.lines if line.get_marker() == "o")
    assert 7 not in np.asarray(dots.get_xdata()).tolist()
    assert axes.get_xticklabels()[7].get_text() == "7\n\N{EN DASH}\n0"


def drawn_texts(figure: "Figure") -> "Iterator[Text]":
    """Yield all texts that are drawn: ticks beyond the ends of their axis are not."""
    yield from figure.texts
    for axes in figure.axes:
        yield from axes.texts
        yield from (axes.xaxis.label, axes.yaxis.label)
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            for tick in axis.get_major_ticks():
                if min(limits) <= tick.get_loc() <= max(limits):
                    yield from (tick.label1, tick.label2)


def boxes(figure: "Figure") -> list[Any]:
    """Return where each text is drawn, and check that none is cut."""
    figure.draw_without_rendering()
    texts = [text for text in drawn_texts(figure) if text.get_text() and text.get_visible()]
    width, height = figure.get_size_inches() * figure.dpi
    found = [text.get_window_extent() for text in texts]
    for text, box in zip(texts, found, strict=True):
        assert (box.x0 >= 0, box.x1 <= width, box.y0 >= 0, box.y1 <= height) == (True,) * 4, text
    return found


@pytest.mark.parametrize(
    "make",
    [
        figures.confusion_matrix_figure,
        figures.per_class_figure,
        figures.prediction_histogram_figure,
    ],
)
@pytest.mark.parametrize(
    "counts",
    [
        confusion(),
        confusion(right=600_000, wrong=123_456),
        confusion(right=7, absent=[0, 1, 2, 3, 4, 5, 6, 8, 9], wrong=0),
        confusion(right=0, wrong=1),
        np.zeros((CLASSES, CLASSES), np.int64),
    ],
)
def test_no_text_is_cut_or_overlaps_another(
    make: "Callable[[Metrics, str], Figure]", counts: NDArray[np.int64]
) -> None:
    """With counts of six digits, one digit alone, no row at all; and with a long name."""
    found = boxes(make(metrics_of(counts), f"{'model ' * 50}.h5, 2026-11-27"))
    for one, other in combinations(found, 2):
        assert not one.padded(-0.5).overlaps(other.padded(-0.5))


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("3/00013.png", "3/00013.png"),
        ("a$x_2$.png", "a$x_2$.png"),
        ("line\nbreak\x1b[2J\u202e", "line?break?[2J?"),
        ("数字.png", "□□.png"),
        ("", ""),
    ],
)
def test_text_from_outside_is_drawn_as_it_is(text: str, drawn: str) -> None:
    """But for what would break the line and what the font lacks."""
    assert figures.fitted(text, 400, 9) == drawn


@pytest.mark.parametrize("letter", ["i", "W", "数", "\x07"])
@pytest.mark.parametrize("width", [40.0, 100.0])
def test_a_long_text_is_cut_in_its_middle(letter: str, width: float) -> None:
    """To what fits, measured as drawn, and not to much less."""
    from matplotlib.figure import Figure

    drawn = figures.fitted(f"ab{letter * 5000}yz", width, 9)
    assert drawn.startswith("a")
    assert drawn.endswith("z")
    assert drawn.count("\N{HORIZONTAL ELLIPSIS}") == 1
    figure = Figure(dpi=100)
    extent = figure.text(0, 0, drawn, fontsize=9, parse_math=False).get_window_extent()
    assert width - 12 < extent.width * 72 / 100 <= width + 1


def test_the_histogram_has_a_bar_per_predicted_digit() -> None:
    """With its count above."""
    counts = np.diag(np.arange(CLASSES) * 1000)
    axes = axes_of(figures.prediction_histogram_figure(metrics_of(counts)))
    assert [bar.get_height() for bar in axes.patches] == np.diag(counts).tolist()  # type: ignore[attr-defined]
    assert texts(axes) == [f"{1000 * digit:,}" for digit in range(CLASSES)]


def test_learning_curves_have_two_panels() -> None:
    """Loss and accuracy, each of training and validation, over epochs counted from 1."""
    history = {
        "loss": [0.5, 0.3],
        "accuracy": [0.8, 0.9],
        "val_loss": [0.6, 0.4],
        "val_accuracy": [0.7, 0.85],
    }
    figure = figures.learning_curves_figure(history)
    assert [axes.get_title() for axes in figure.axes] == ["Loss", "Accuracy"]
    lines = {
        (axes.get_title(), line.get_label()): np.asarray(line.get_ydata()).tolist()
        for axes in figure.axes
        for line in axes.lines
    }
    assert lines == {
        ("Loss", "training"): [0.5, 0.3],
        ("Loss", "validation"): [0.6, 0.4],
        ("Accuracy", "training"): [0.8, 0.9],
        ("Accuracy", "validation"): [0.7, 0.85],
    }
    assert np.asarray(axes_of(figure).lines[0].get_xdata()).tolist() == [1, 2]


def test_training_without_validation_has_one_curve_per_panel() -> None:
    """What is not there is not drawn."""
    figure = figures.learning_curves_figure({"loss": [0.5], "accuracy": [0.8]})
    assert [len(axes.lines) for axes in figure.axes] == [1, 1]


def test_no_labels_at_all_can_be_drawn() -> None:
    """Empty pictures rather than a division by zero."""
    nothing = metrics_of(np.zeros((CLASSES, CLASSES), dtype=np.int64))
    for draw in (
        figures.confusion_matrix_figure,
        figures.per_class_figure,
        figures.prediction_histogram_figure,
    ):
        draw(nothing).draw_without_rendering()


def test_equal_figures_give_equal_files(tmp_path: Path) -> None:
    """No time, no version inside: a report can be compared with an earlier one."""
    for name in ("a.tmp", "b.tmp"):
        figures.save(figures.confusion_matrix_figure(metrics_of(confusion())), tmp_path / name)
    assert (tmp_path / "a.tmp").read_bytes() == (tmp_path / "b.tmp").read_bytes()
    with Image.open(tmp_path / "a.tmp") as image:
        assert image.format == "PNG"
        assert "Software" not in image.info


def test_importing_the_module_does_not_import_matplotlib() -> None:
    """And drawing does not import pyplot."""
    script = (
        "import sys, numpy as np; from mnist_batch.reports import figures; "
        "assert 'matplotlib' not in sys.modules; "
        "figures.learning_curves_figure({'loss': [1.0]}); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    run([sys.executable, "-c", script], check=True)
