"""What a person reads: every number, within 80 columns, and nothing a file name could fake."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mnist_batch.cli.terminal import (
    benchmark_summary,
    evaluation_summary,
    pack_summary,
    printable,
    training_summary,
)
from mnist_batch.commands.pack import PackSummary
from mnist_batch.commands.train import TrainingResult
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.mnist import CLASSES
from mnist_batch.options import Device, PredictorChoice
from mnist_batch.tuning.measuring import BenchmarkResult
from mnist_batch.tuning.recommendation import Measurement, NotRun, Part, Timing, binding

COUNTS = 900 * np.eye(CLASSES, dtype=np.int64)
COUNTS[4, 9] = 23
COUNTS[7, 2] = 9
COUNTS[3, 5] = 1
COUNTS[6] = 0

METRICS = Metrics(
    rows=8140,
    labelled=8135,
    prepared=0,
    errors_by_reason={"not an image": 5, "too large": 2},
    predictions=(900,) * CLASSES,
    confusion_matrix=COUNTS,
    log_loss=0.0712,
    brier=0.0321,
    calibration_error=0.0123,
)
WITHOUT_LABELS = replace(
    METRICS,
    rows=30,
    labelled=0,
    errors_by_reason={},
    predictions=(0, 27, 0, 0, 0, 0, 0, 0, 0, 3),
    confusion_matrix=np.zeros_like(COUNTS),
    log_loss=None,
    brier=None,
    calibration_error=None,
)


def shown(metrics: Metrics, width: int = 80) -> list[str]:
    """Return the lines as they come out of a pipe."""
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(evaluation_summary(metrics))
    return capture.get().splitlines()


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
    never_right = np.zeros_like(COUNTS)
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


@pytest.mark.parametrize("character", ["\x1b", "\n", "\r", "\x07", "\x9b", "\u202e", "\udcff"])
def test_control_characters_are_replaced(character: str) -> None:
    """Escape sequences, line breaks, reversed writing, bytes that are no text."""
    assert printable(f"a{character}b") == "a?b"
    lines = shown(replace(METRICS, errors_by_reason={f"a{character}b": 1}))
    assert any("a?b" in line for line in lines)
    assert not any(character in line for line in lines)


def test_letters_of_all_languages_are_printable() -> None:
    """Only what has no shape is replaced."""
    assert printable("Bild größer als 28 mal 28, 数字") == "Bild größer als 28 mal 28, 数字"


TRAINED = TrainingResult(
    out=Path("MNIST\x1b.h5"),
    sha256="",
    rows=60_000,
    test_rows=8_140,
    unreadable={"not an image": 1_200},
    data_sha256="",
    history={
        "loss": [0.5, 0.25, 0.125],
        "accuracy": [0.7, 0.8, 0.9],
        "val_loss": [0.4, 0.2, 0.3],
        "val_accuracy": [0.75, 0.85, 0.8],
    },
    epoch=2,
    recipe={},
    metrics=METRICS,
    report_files=[Path("MNIST.report/metrics.json")],
    elapsed_s=712.4,
)


def after_training(result: TrainingResult) -> list[str]:
    """Return the lines about a training, without those of the test."""
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(training_summary(result))
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    return lines[-next(i for i, line in enumerate(reversed(lines)) if not line) :]


def test_training_says_which_epoch_was_taken() -> None:
    """With the numbers of that epoch."""
    assert after_training(TRAINED) == [
        "data         60,000 digits, in 712 s",
        "epoch 2      loss 0.2500, accuracy 0.8000, validation accuracy 0.8500",
        "left out     not an image: 1,200",
        "model        MNIST?.h5",
        "report       MNIST.report",
    ]


def test_the_last_epoch_is_called_that() -> None:
    """Without validation and without a report there is nothing of them."""
    history = {name: TRAINED.history[name] for name in ("loss", "accuracy")}
    last = replace(TRAINED, epoch=3, history=history, unreadable={}, report_files=[])
    assert after_training(last) == [
        "data         60,000 digits, in 712 s",
        "last epoch   loss 0.1250, accuracy 0.9000",
        "model        MNIST?.h5",
    ]


def test_packing_says_rows_errors_size_and_speed() -> None:
    """And where the file is."""
    summary = PackSummary(
        out=Path("packed\x1b.parquet"),
        rows=600_000,
        labelled=0,
        prepared=0,
        errors_by_reason={"not an image": 1200, "truncated": 3},
        size_bytes=99_566_140,
        elapsed_s=2.5,
        notes=[],
    )
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(pack_summary(summary))
    assert [line.rstrip() for line in capture.get().splitlines()] == [
        "598,797 of 600,000 rows with an image; none with a label",
        "",
        "Rows without an image",
        "1,200  not an image",
        "    3  truncated",
        "",
        "packed       packed?.parquet",
        "size         99.6 MB",
        "speed        240,000 images/s, 2.50 s from the first read to the last write",
    ]


def test_a_benchmark_is_a_table_and_a_command() -> None:
    """What was not run has no number; the command stands alone on its line, to be copied."""
    keras, gpu = PredictorChoice.KERAS, Device.GPU
    measurements = [
        Measurement(Part.READ, 16, 2048, Timing(2_000_000, [1, 1, 1])),
        Measurement(Part.DECODE, 16, 2048, Timing(900_000, [1, 1, 1])),
        Measurement(Part.NETWORK, 16, 16384, Timing(1_000_000, [1, 1, 1]), keras, gpu),
        Measurement(Part.WHOLE, 16, 16384, Timing(800_000, [1, 1, 1.2]), keras, gpu),
    ]
    result = BenchmarkResult(
        machine={"cores": 16, "cpu": None},
        model={"name": "cnn.keras"},
        inputs=["digits\x1b"],
        rows=60_000,
        rows_used=20_000,
        labelled=19_000,
        accuracy=0.9876,
        measurements=measurements,
        not_run=[NotRun("network on cpu in batches of 16384", "a batch would take about 9 s")],
        recommended=measurements[-1],
        binding=binding(measurements),
        command="mnist-batch predict digits --out p.parquet",
        notes=[],
    )
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(benchmark_summary(result))
    assert [line.rstrip() for line in capture.get().splitlines()] == [
        "images       the first 20,000 of 60,000: digits?",
        "model        cnn.keras",
        "machine      unknown processor, cores: 16",
        "accuracy     0.9876 of 19,000 with a label",
        "",
        "part      runs on       batch   workers    images/s   spread",
        "read      cpu           2,048        16   2,000,000       0%",
        "decode    cpu           2,048        16     900,000       0%",
        "network   keras, gpu   16,384        16   1,000,000       0%",
        "whole     keras, gpu   16,384        16     800,000      10%",
        "not run: network on cpu in batches of 16384: a batch would take about 9 s",
        "",
        "decode binds: 900,000 images/s; read 2,000,000, network 1,000,000",
        "pack the images once: mnist-batch pack INPUT --out packed.parquet",
        "",
        "recommended, for 800,000 images/s once it has started:",
        "mnist-batch predict digits --out p.parquet",
    ]
