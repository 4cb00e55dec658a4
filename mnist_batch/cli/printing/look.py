"""Print a quick look: a few images, each with the digit that it was read as."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mnist_batch.cli.printing import terminal
from mnist_batch.mnist import CLASSES


@dataclass(frozen=True)
class RunnerUp:
    """The second most probable digit, and its probability, 0 to 1."""

    digit: int
    probability: float


@dataclass(frozen=True)
class Row:
    """A row of the predictions, with the digit that came next; see `schema.PREDICTIONS`."""

    source: str
    row: int
    label: int | None
    prediction: int | None
    confidence: float | None
    prepared: bool
    error: str | None
    runner_up: RunnerUp | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Row":
        """Return a row of `stream`, with its probabilities."""
        names = (field.name for field in fields(cls) if field.name != "runner_up")
        probabilities = row["probabilities"]
        second = None
        if probabilities is not None:
            others = {*range(CLASSES)} - {row["prediction"]}
            digit = max(sorted(others), key=probabilities.__getitem__)
            second = RunnerUp(digit, probabilities[digit])
        return cls(**{name: row[name] for name in names}, runner_up=second)

    def record(self) -> dict[str, Any]:
        """Return the row as `--json` prints it."""
        return asdict(self)

    def name(self, inputs: Sequence[str]) -> str:
        """Return the file as it was typed and, where a file has several rows, which it is."""
        has_rows = self.row or self.source.lower().endswith(".parquet")
        file = as_typed(self.source, inputs)
        return f"{file}, row {self.row:,}" if has_rows else file


def as_typed(source: str, inputs: Sequence[str]) -> str:
    """Return the path of a source, from the INPUT that named it; the source where none is known."""
    from mnist_batch.inputs.listing import glob_root  # pyarrow: not for --help

    for item in inputs:
        if item.rpartition("/")[2] == source:
            return item
        root = item.rstrip("/") if Path(item).is_dir() else str(glob_root(item))
        path = f"{root}/{source}"
        if os.path.lexists(path):  # as `Path.exists`, but for links to nowhere and longest names
            return path
    return source


def look_page(rows: Sequence[Row], inputs: Sequence[str]) -> "terminal.Page":
    """Return a line per image: digit, confidence, the runner-up, and the file.

    The file is last, as it was typed, so that it can be copied; a reason follows where there is no
    digit.
    """
    lines = [("digit", "confidence", "runner-up", "file")]
    for row in rows:
        digit, confidence, runner_up = (terminal.UNKNOWN,) * 3
        if row.runner_up and row.confidence is not None:
            digit, confidence = str(row.prediction), f"{row.confidence:.4f}"
            runner_up = f"{row.runner_up.digit} {row.runner_up.probability:.4f}"
        name = row.name(inputs)
        name = f"{name}: {row.error}" if row.error else name
        lines.append((digit, confidence, runner_up, name))
    return terminal.text(
        *(f"{digit:>5}  {sure:>10}  {next_one:>9}  {name}" for digit, sure, next_one, name in lines)
    )
