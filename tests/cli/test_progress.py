"""The bars on a terminal say what is going on and how long it will take."""

import re

import pytest

from mnist_batch.cli.progress import training_bar
from mnist_batch.training.fitting import TrainingProgress


def shown(
    steps: list[TrainingProgress],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """Return the line that stands on a terminal of 80 columns after some epochs."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # to rich, standard error is a terminal then
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with training_bar() as move:
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
