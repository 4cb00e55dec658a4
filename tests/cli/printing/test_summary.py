"""`mnist-batch evaluate`: every number of the metrics, within 80 columns."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_batch.cli.printing.summary import metrics_page
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.mnist import CLASSES
from mnist_batch.schema import Classes
from tests.support.class_predictions import CHARACTERS, GARMENTS, HOSTILE, class_evaluation
from tests.support.command import printed
from tests.support.example_metrics import METRICS

WITHOUT_LABELS = replace(
    METRICS,
    rows=30,
    labelled=0,
    errors_by_reason={},
    predictions=(0, 27, 0, 0, 0, 0, 0, 0, 0, 3),
    confusion_matrix=np.zeros_like(METRICS.confusion_matrix),
    log_loss=None,
    brier=None,
    calibration_error=None,
)


def shown(metrics: Metrics, width: int = 80) -> list[str]:
    """Return the lines as they come out of a pipe."""
    return printed(metrics_page(metrics), width)


def after(lines: list[str], title: str) -> list[list[str]]:
    """Return the words of each line of the part under `title`."""
    start = lines.index(title) + 1
    end = lines.index("", start) if "" in lines[start:] else len(lines)
    return [line.split() for line in lines[start:end]]


def test_the_accuracy_comes_first() -> None:
    """With its interval and the counts it is made of."""
    metrics = replace(METRICS, confusion_matrix=np.pad(np.array([[9793, 207]]), ((0, 9), (0, 8))))
    assert shown(metrics)[0] == (
        "accuracy 0.9793 (95 % interval 0.9763 to 0.9819), 9,793 of 10,000"
    )


def test_rows_outside_the_accuracy_are_counted_beside_it() -> None:
    """Those without a label and those without a prediction."""
    assert "8,140 rows: 5 without a label, 7 without a prediction" in shown(METRICS)


def test_averages_are_named() -> None:
    """Those over the digits, the first of them at least."""
    assert shown(METRICS)[1].startswith("macro precision 0.99")
    never_right = np.zeros_like(METRICS.confusion_matrix)
    never_right[0, 1] = 3  # so that 0 was never predicted, and has no precision
    metrics = replace(METRICS, confusion_matrix=never_right)
    assert shown(metrics)[1] == "macro recall 0.0000, F1 0.0000"


def test_what_confidence_was_worth_is_named() -> None:
    """With log loss and Brier score where there were probabilities; no line where nothing is."""
    only_confidence = replace(METRICS, log_loss=None, brier=None)
    nothing = replace(only_confidence, calibration_error=None)
    assert shown(METRICS)[2] == ("log loss 0.0712, Brier 0.0321, expected calibration error 0.0123")
    assert shown(only_confidence)[2] == "expected calibration error 0.0123"
    assert len(shown(nothing)) == len(shown(METRICS)) - 1


def test_each_digit_has_a_line() -> None:
    """An absent one says so."""
    header, *body = after(shown(METRICS), "Per digit")
    assert header == ["digit", "support", "precision", "recall", "F1"]
    assert body[4][:4] == ["4", "923", "1.0000", "0.9751"]
    assert body[6] == ["6", "0", *["no", "samples"] * 3]
    assert len(body) == CLASSES


def test_the_confusion_matrix_shows_zeros_as_dots() -> None:
    """The few mistakes are what is looked for."""
    header, *body = after(shown(METRICS), "Confusion matrix: rows true, columns predicted")
    assert header == list("0123456789")
    assert body[4] == ["4", ".", ".", ".", ".", "900", ".", ".", ".", ".", "23"]


def test_the_pairs_most_often_confused_are_in_words() -> None:
    """Most frequent first."""
    assert [" ".join(words) for words in after(shown(METRICS), "Most often confused")] == [
        "4 read as 9: 23 times",
        "7 read as 2: 9 times",
        "3 read as 5: once",
    ]


def test_without_mistakes_there_is_no_list_of_them() -> None:
    """Nor without errors a list of those."""
    perfect = replace(METRICS, confusion_matrix=np.eye(CLASSES, dtype=np.int64))
    assert "Most often confused" not in shown(perfect)
    assert "Rows without a prediction" not in shown(replace(METRICS, errors_by_reason={}))


def test_reasons_come_with_their_counts() -> None:
    """Why rows have no prediction."""
    assert after(shown(METRICS), "Rows without a prediction") == [
        ["5", "not", "an", "image"],
        ["2", "too", "large"],
    ]


def test_without_labels_the_predictions_are_counted() -> None:
    """Nothing is said about right and wrong."""
    lines = shown(WITHOUT_LABELS)
    assert lines[0] == "30 of 30 rows predicted; none with a label"
    header, *body = after(lines, "Predictions per digit")
    assert header == ["digit", "predicted", "share"]
    assert body[1] == ["1", "27", "90.0%"]
    assert not any("accuracy" in line for line in lines)


def test_nothing_predicted_is_no_error() -> None:
    """All images may be unreadable."""
    metrics = replace(WITHOUT_LABELS, predictions=(0,) * CLASSES)
    assert after(shown(metrics), "Predictions per digit")[1] == ["0", "0", "-"]


@pytest.mark.parametrize("width", [80, 120])
def test_six_digits_fit(width: int) -> None:
    """Every count is on its row's line, and no line is broken or too wide."""
    metrics = replace(METRICS, confusion_matrix=np.full((CLASSES, CLASSES), 123456))
    lines = shown(metrics, width)
    assert max(len(line) for line in lines) <= width
    body = after(lines, "Confusion matrix: rows true, columns predicted")[1:]
    assert body == [[str(digit), *["123456"] * CLASSES] for digit in range(CLASSES)]


def test_only_ascii_is_shown() -> None:
    """A pipe or a console of any encoding can take it."""
    assert all(line.isascii() for line in shown(METRICS) + shown(WITHOUT_LABELS))


def test_foreign_text_is_shown_as_it_is() -> None:
    """Rich's markup in it is text; it neither colours nor fails."""
    metrics = replace(METRICS, errors_by_reason={"[bold]not[/] an [link=x]image": 1, "[/]": 1})
    lines = shown(metrics)
    assert any("[bold]not[/] an [link=x]image" in line for line in lines)
    assert any("[/]" in line for line in lines)


@pytest.mark.parametrize(
    "classes", [GARMENTS, CHARACTERS, Classes(200), Classes(len(HOSTILE), HOSTILE)]
)
def test_any_number_of_classes_fits_a_terminal(classes: Classes) -> None:
    """In 80 columns and a screen and a half, whatever they are called."""
    metrics = class_evaluation(classes, 5000).metrics
    unlabelled = replace(
        metrics, labelled=0, confusion_matrix=np.zeros_like(metrics.confusion_matrix)
    )
    for one in (metrics, unlabelled):
        lines = shown(one)
        assert max(map(len, lines)) <= 80
        assert len(lines) <= 60
        assert all(line.isprintable() for line in lines)
        assert not any("digit" in line for line in lines)


def test_a_few_classes_have_their_matrix_by_number_and_name() -> None:
    """The columns are numbers, for names side by side would be too wide."""
    metrics = class_evaluation(GARMENTS, 500).metrics
    lines = shown(metrics)
    head, *rows = after(lines, "Confusion matrix: rows true, columns predicted")
    assert head == ["0", "1", "2", "3"]
    counts = metrics.confusion_matrix.tolist()
    assert rows[0] == ["0", "T-shirt/top", *map(str, counts[0])]
    assert rows[3] == ["3", "Ankle", "boot", *map(str, counts[3])]
    true, predicted, count = metrics.confused_pairs()[0]
    pair = f"{GARMENTS.name(true)} read as {GARMENTS.name(predicted)}: {count} times"
    assert pair in lines


def test_many_classes_that_are_all_right_have_no_worst() -> None:
    """Which of them are listed is said."""
    metrics = class_evaluation(CHARACTERS, 5000).metrics
    right = np.diag(metrics.confusion_matrix.sum(axis=1))
    lines = shown(replace(metrics, confusion_matrix=right))
    title = "Per class: the 15 first in order, for all have a recall of 1, of 62"
    assert title in lines


def test_many_classes_have_their_worst_and_their_pairs() -> None:
    """Instead of a matrix of 62 times 62."""
    metrics = class_evaluation(CHARACTERS, 5000).metrics
    lines = shown(metrics)
    head, *rows = after(lines, "Per class: the 15 with the lowest recall, of 62")
    assert head == ["class", "support", "precision", "recall", "F1"]
    assert [row[0] for row in rows] == [
        CHARACTERS.name(one.digit) for one in metrics.worst_first()[:15]
    ]
    assert not any(line.startswith("Confusion matrix") for line in lines)
    pairs = after(lines, "Most often confused")
    assert len(pairs) == 10
    true, predicted, count = metrics.confused_pairs()[0]
    first = f"{CHARACTERS.name(true)} read as {CHARACTERS.name(predicted)}: {count} times"
    assert " ".join(pairs[0]) == first
