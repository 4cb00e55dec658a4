"""Pictures show the numbers they are made of; looked at as matplotlib objects, not as pixels."""

import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import run
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.samples import Samples
from mnist_batch.mnist import CLASSES
from mnist_batch.reports import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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


def ten_samples(labels: Sequence[int | None], predictions: Sequence[int]) -> Samples:
    """Return samples whose images are all of one grey, ten times their place."""
    n = len(labels)
    images = np.broadcast_to(10 * np.arange(n, dtype=np.uint8)[:, None, None], (n, 28, 28))
    places = np.arange(n, dtype=np.int64)
    sure: list[float | None] = [0.5] * n
    return Samples(places, ["a"] * n, places, list(labels), list(predictions), sure, images)


def texts(axes: "Axes") -> list[str]:
    """Return the texts inside the axes."""
    return [text.get_text() for text in axes.texts]


def axes_of(figure: "Figure", place: int = 0) -> "Axes":
    """Return one of the figure's axes."""
    return figure.axes[place]


def test_the_cells_of_the_confusion_matrix_hold_the_counts() -> None:
    """At column predicted, row true; cells that count nothing are empty."""
    counts = confusion()
    axes = axes_of(figures.confusion_matrix_figure(metrics_of(counts)))
    found = np.zeros_like(counts)
    for text in axes.texts:
        x, y = text.get_position()
        found[int(y), int(x)] = int(text.get_text())
    np.testing.assert_array_equal(found, counts)
    assert len(axes.texts) == np.count_nonzero(counts)


def test_the_axes_of_the_confusion_matrix_say_which_is_which() -> None:
    """True digits downwards from 0, predicted ones to the right."""
    axes = axes_of(figures.confusion_matrix_figure(metrics_of(confusion())))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted digit", "true digit")
    assert [label.get_text() for label in axes.get_yticklabels()] == list("0123456789")
    assert axes.yaxis_inverted()


def test_the_colours_of_the_confusion_matrix_are_shares_of_the_true_digit() -> None:
    """From 0 to 1 whatever the counts, with a bar that says so."""
    figure = figures.confusion_matrix_figure(metrics_of(confusion(right=60, wrong=20)))
    mesh = axes_of(figure).collections[0]
    assert mesh.get_clim() == (0, 1)
    shares: Any = np.ma.asarray(mesh.get_array()).reshape(CLASSES, CLASSES)
    assert shares[4, 4] == 0.75
    assert shares[4, 5] == 0.25
    assert axes_of(figure, 1).get_ylabel() == "share of the true digit"


def test_text_is_readable_on_dark_and_on_light_cells() -> None:
    """White on the former, black on the latter."""
    axes = axes_of(figures.confusion_matrix_figure(metrics_of(confusion())))
    assert {(text.get_text(), text.get_color()) for text in axes.texts} == {
        ("90", "white"),
        ("3", "black"),
    }


def test_the_row_of_an_absent_digit_is_grey_and_says_so() -> None:
    """Not the colour of the share 0."""
    figure = figures.confusion_matrix_figure(metrics_of(confusion(absent=[7])))
    shares: Any = np.ma.asarray(axes_of(figure).collections[0].get_array()).reshape(
        CLASSES, CLASSES
    )
    assert np.ma.getmaskarray(shares).all(axis=1).tolist() == [digit == 7 for digit in range(10)]
    assert texts(axes_of(figure)).count("no samples") == 1


@pytest.mark.parametrize("right", [100_000, 123_456_789])
def test_large_counts_stay_in_their_cells(right: int) -> None:
    """Measured as drawn."""
    figure = figures.confusion_matrix_figure(metrics_of(confusion(right)))
    figure.draw_without_rendering()
    axes = axes_of(figure)
    cell = axes.get_window_extent().width / CLASSES
    assert max(text.get_window_extent().width for text in axes.texts) < cell


def test_bars_are_recalls() -> None:
    """Each ends at the recall that is written above it."""
    axes = axes_of(figures.per_class_figure(metrics_of(confusion(right=60, wrong=20))))
    assert [bar.get_height() for bar in axes.patches] == [0.75] * CLASSES  # type: ignore[attr-defined]
    assert texts(axes) == ["0.750"] * CLASSES
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylabel() == "recall"


def test_high_recalls_have_an_axis_that_says_where_it_starts() -> None:
    """Bars that do not start at 0 must not pretend to."""
    axes = axes_of(figures.per_class_figure(metrics_of(confusion(right=98, wrong=2))))
    assert axes.get_ylim()[0] == 0.95
    assert axes.get_ylabel() == "recall (axis starts at 0.95)"
    bar = axes.patches[0]
    assert bar.get_y() + bar.get_height() == pytest.approx(0.98)  # type: ignore[attr-defined]


def test_support_is_under_each_bar() -> None:
    """In the second line of the tick's label."""
    axes = axes_of(figures.per_class_figure(metrics_of(confusion(right=1200, wrong=3))))
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == [f"{digit}\n1,203" for digit in range(CLASSES)]


def test_an_absent_digit_has_no_bar_but_words() -> None:
    """A recall of 0 would be a statement about it."""
    axes = axes_of(figures.per_class_figure(metrics_of(confusion(absent=[7]))))
    assert texts(axes)[7] == "no samples"
    assert axes.get_xticklabels()[7].get_text() == "7\n0"
    assert axes.patches[7].get_height() == 0  # type: ignore[attr-defined]


def test_samples_are_titled_as_actual_and_predict() -> None:
    """In the order of the samples; without a label the prediction alone."""
    samples = ten_samples([3, 5, None], [3, 6, 1])
    assert texts(axes_of(figures.samples_figure(samples))) == [
        "actual:3, predict:3",
        "actual:5, predict:6",
        "predict:1",
    ]


def test_wrong_samples_stand_out() -> None:
    """Their title has another colour; without a label nothing is known to be wrong."""
    axes = axes_of(figures.samples_figure(ten_samples([3, 5, None], [3, 6, 1])))
    right, wrong, unknown = (text.get_color() for text in axes.texts)
    assert right == unknown
    assert wrong != right


def test_samples_are_drawn_pixel_by_pixel_from_black_to_white() -> None:
    """In two rows of five, with 0 black and 255 white whatever the image holds."""
    samples = ten_samples([1] * 10, [1] * 10)
    axes = axes_of(figures.samples_figure(samples))
    assert len(axes.images) == 10
    assert {image.get_clim() for image in axes.images} == {(0, 255)}
    assert {image.get_cmap().name for image in axes.images} == {"gray"}
    assert len({image.get_extent()[0] for image in axes.images}) == 5
    assert len({image.get_extent()[2] for image in axes.images}) == 2
    assert np.asarray(axes.images[3].get_array()).max() == 30


@pytest.mark.parametrize("n", [1, 4, 7])
def test_fewer_than_ten_samples_leave_white_space(n: int) -> None:
    """No empty frames."""
    axes = axes_of(figures.samples_figure(ten_samples([1] * n, [1] * n)))
    assert (len(axes.images), len(axes.texts)) == (n, n)
    assert not axes.axison


def test_samples_without_images_are_refused() -> None:
    """The message says what to call."""
    samples = Samples(np.zeros(1, np.int64), ["a"], np.zeros(1, np.int64), [1], [1], [0.5], None)
    with pytest.raises(ValueError, match="with_images"):
        figures.samples_figure(samples)


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
