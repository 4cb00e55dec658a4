"""Figures of any number of classes: all is named, and nothing is drawn that nobody could read."""

from dataclasses import replace

import pytest

from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.reports.evaluation.class_figures import (
    LISTED,
    MATRIX,
    confusion_matrix_figure,
    per_class_figure,
    prediction_histogram_figure,
)
from mnist_batch.schema import Classes
from tests.support.class_predictions import CHARACTERS, GARMENTS, HOSTILE, class_evaluation


def metrics_of(classes: Classes, rows: int = 2000) -> Metrics:
    """Return the metrics of random predictions."""
    return class_evaluation(classes, rows).metrics


def names_on(axis: object) -> list[str]:
    """Return what is written at the ticks of an axis."""
    return [tick.get_text() for tick in axis.get_ticklabels()]  # type: ignore[attr-defined]


def test_the_matrix_names_its_rows_and_columns() -> None:
    """Garments have their counts in the cells; the true class is on the left."""
    metrics = metrics_of(GARMENTS)
    axes = confusion_matrix_figure(metrics).axes[0]
    assert names_on(axes.xaxis) == names_on(axes.yaxis) == list(GARMENTS.names or ())
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    counts = [text.get_text() for text in axes.texts]
    assert counts == [f"{count:,}" for count in metrics.confusion_matrix.ravel() if count]


def test_a_matrix_of_62_classes_has_all_names_and_no_counts() -> None:
    """Which would not fit into its cells; it is no larger than a screen."""
    figure = confusion_matrix_figure(metrics_of(CHARACTERS))
    axes = figure.axes[0]
    assert names_on(axes.xaxis) == list(CHARACTERS.names or ())
    assert not axes.texts
    assert max(figure.get_size_inches()) < 13


def test_of_200_classes_those_with_the_most_mistakes_are_drawn() -> None:
    """The title says so."""
    metrics = metrics_of(Classes(200))
    figure = confusion_matrix_figure(metrics)
    assert names_on(figure.axes[0].xaxis) == list(map(str, metrics.most_confused(MATRIX)))
    assert "of the 64 most confused" in figure.texts[0].get_text()


def test_the_worst_classes_are_listed_first() -> None:
    """With how often they are right, and how many samples there are."""
    metrics = metrics_of(GARMENTS)
    axes = per_class_figure(metrics).axes[0]
    worst = metrics.worst_first()
    assert names_on(axes.yaxis) == [GARMENTS.name(one.digit) for one in worst]
    assert [text.get_text() for text in axes.texts] == [
        f"{100 * (one.recall or 0):.1f} % of {one.support}" for one in worst
    ]
    assert axes.yaxis_inverted()


@pytest.mark.parametrize("draw", [per_class_figure, prediction_histogram_figure])
def test_a_list_ends_where_nobody_reads_on(draw: object) -> None:
    """The title says how many classes there are."""
    figure = draw(metrics_of(CHARACTERS))  # type: ignore[operator]
    assert len(names_on(figure.axes[0].yaxis)) == LISTED
    assert "of 62" in figure.texts[0].get_text()


def test_the_most_frequent_predictions_come_first() -> None:
    """Each bar says its number."""
    metrics = replace(metrics_of(GARMENTS), predictions=(3, 1200, 0, 40))
    axes = prediction_histogram_figure(metrics).axes[0]
    assert names_on(axes.yaxis) == ["Coat", "Ankle boot", "T-shirt/top", "Shirt"]
    assert [text.get_text() for text in axes.texts] == ["1,200", "40", "3", "0"]


def test_a_name_is_text_and_no_formula() -> None:
    """Of a long name both ends are there; a letter that the font lacks lets the number stand."""
    classes = Classes(len(HOSTILE), HOSTILE)
    axes = per_class_figure(metrics_of(classes)).axes[0]
    names = names_on(axes.yaxis)
    assert {"$\\frac{a}{b}$", "=1+1", "?evil?", "8", "10", "11"} <= {*names}
    assert len({*names}) == len(HOSTILE)
    assert all(len(name) <= 20 and name.isprintable() for name in names)
    assert not any(tick.get_parse_math() for tick in axes.get_yticklabels())


def test_without_rows_there_is_an_empty_figure() -> None:
    """As of a model that was never tested."""
    empty = class_evaluation(CHARACTERS, 0).metrics
    for draw in (confusion_matrix_figure, per_class_figure, prediction_histogram_figure):
        assert draw(empty).axes
