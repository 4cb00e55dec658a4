"""`mnist-batch train`: its result and its progress bar."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_batch.cli.train import epoch_bar, training_page
from mnist_batch.schema import Classes
from mnist_batch.training.fitting import TrainingProgress
from mnist_batch.training.result import TrainingResult
from tests.support.command import printed, run
from tests.support.example_metrics import METRICS


def test_training_prints_its_recipe_as_json(tmp_path: Path, digits_folder: Path) -> None:
    """What was said on the command line and what was not; nothing else is printed."""
    out = tmp_path / "digits.h5"
    arguments = ("--augment", "--epochs", 2, "--seed", 3, "--no-report", "--json")
    ended = run("train", "--data", digits_folder, "--out", out, *arguments)
    assert ended.stderr == ""
    result = json.loads(ended.stdout)
    recipe = result["training"]
    assert (recipe["epochs"], recipe["seed"], recipe["batch_size"]) == (2, 3, 256)
    assert recipe["augmentation"]["shift_pixels"] > 0
    assert result["epoch"] == recipe["epoch"]
    assert out.exists()


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
    lines = printed(training_page(result))
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


def test_other_classes_are_images() -> None:
    """Clothes are no digits."""
    clothes = replace(TRAINED, classes=Classes(4, ("Coat", "Bag", "Shirt", "Boot")))
    assert after_training(clothes)[0] == "data         60,000 images, in 712 s"


def test_the_last_epoch_is_called_that() -> None:
    """Without validation and without a report there is nothing of them."""
    history = {name: TRAINED.history[name] for name in ("loss", "accuracy")}
    last = replace(TRAINED, epoch=3, history=history, unreadable={}, report_files=[])
    assert after_training(last) == [
        "data         60,000 digits, in 712 s",
        "last epoch   loss 0.1250, accuracy 0.9000",
        "model        MNIST?.h5",
    ]


def test_what_the_report_lacks_is_said() -> None:
    """Where nothing of it could be written, too."""
    partly = replace(TRAINED, report_missing=["a.png", "b.png"])
    assert after_training(partly)[-1] == "report       MNIST.report, without a.png, b.png"
    no_report = replace(partly, report_files=[])
    assert after_training(no_report)[-1] == "report       not written"


def shown(
    steps: list[TrainingProgress],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """Return the line that stands on a terminal of 80 columns after some epochs."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # to rich, standard error is a terminal then
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with epoch_bar(quiet=False) as move:
        assert move is not None
        for step in steps:
            move(step)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    lines = [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]
    assert max(map(len, lines)) <= 80
    return lines[-1]


def step(epoch: int, val_accuracy: float | None = 0.98765) -> TrainingProgress:
    """Return how training is after an epoch of 300."""
    return TrainingProgress(epoch, 300, 0.12345, 0.9, 0.5, val_accuracy)


def test_training_shows_epoch_loss_and_validation_accuracy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the time that is left, once two epochs tell how long one takes."""
    line = shown([step(1), step(2)], monkeypatch, capsys)
    assert line.startswith("Training ")
    assert re.search(r" epoch 2/300 \d:\d\d:\d\d loss 0\.1235, validation accuracy 0\.9877$", line)


def test_without_validation_there_is_only_the_loss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is said of what was not measured."""
    assert shown([step(1, None)], monkeypatch, capsys).endswith(" loss 0.1235")
