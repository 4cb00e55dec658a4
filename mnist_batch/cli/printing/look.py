"""Print a quick look: a few images, each with the class that it was read as."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_batch.cli.printing import terminal

if TYPE_CHECKING:
    from mnist_batch.schema import Classes

_NAME = 16
"""Characters of the name of a class."""


@dataclass(frozen=True)
class RunnerUp:
    """The second most probable class, and its probability, 0 to 1."""

    digit: int
    probability: float


@dataclass(frozen=True)
class Row:
    """A row of the predictions, with the class that came next; see `schema.PREDICTIONS`."""

    source: str
    row: int
    label: int | None
    prediction: int | None
    confidence: float | None
    prepared: bool
    error: str | None
    runner_up: RunnerUp | None
    digit: int | None = None
    box: Sequence[int] | None = None

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Row":
        """Return a row of `stream`, with its probabilities."""
        names = (field.name for field in fields(cls) if field.name in row)
        probabilities = row["probabilities"]
        second = None
        if probabilities is not None:
            others = {*range(len(probabilities))} - {row["prediction"]}
            number = max(sorted(others), key=probabilities.__getitem__)
            second = RunnerUp(number, probabilities[number])
        return cls(**{name: row[name] for name in names}, runner_up=second)

    def record(self, classes: "Classes") -> dict[str, Any]:
        """Return the row as `--json` prints it: of a picture's digits with number and box."""
        record = asdict(self)
        if self.digit is None:
            record = _without(record, "digit", "box")
        if classes.are_digits:
            return record
        if second := self.runner_up:
            record["runner_up"] = {"class": second.digit, "probability": second.probability}
        if classes.names:
            named: dict[int | None, str | None] = {None: None, **dict(enumerate(classes.names))}
            record["label_name"] = named[self.label]
            record["prediction_name"] = named[self.prediction]
            if second:
                record["runner_up"]["name"] = named[second.digit]
        return record

    def name(self, inputs: Sequence[str]) -> str:
        """Return the file as it was typed and, where a file has several rows, which it is."""
        from mnist_batch.schema import holds_rows  # pyarrow: not for --help

        has_rows = self.row or holds_rows(self.source)
        file = as_typed(self.source, inputs)
        row = f", row {self.row:,}" if has_rows else ""
        digit = "" if self.digit is None else f", digit {self.digit}"
        return f"{file}{row}{digit}"


def _without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def as_typed(source: str, inputs: Sequence[str]) -> str:
    """Return the path of a source, from the INPUT that named it; the source where none is known."""
    from mnist_batch.inputs.finding.listing import glob_root  # pyarrow: not for --help

    for item in inputs:
        if item.rpartition("/")[2] == source:
            return item
        root = item.rstrip("/") if Path(item).is_dir() else str(glob_root(item))
        path = f"{root}/{source}"
        if os.path.lexists(path):  # as `Path.exists`, but for links to nowhere and longest names
            return path
    return source


def look_page(rows: Sequence[Row], inputs: Sequence[str], classes: "Classes") -> "terminal.Page":
    """Return a line per image: class, confidence, the runner-up, and the file.

    The file is last, as it was typed, so that it can be copied; a reason follows where there is no
    class.
    """
    from rich.cells import cell_len, set_cell_size  # some letters are two columns wide

    names = classes.short_names(_NAME)
    lines = [(classes.noun, "confidence", "runner-up", "file")]
    for row in rows:
        read, confidence, runner_up = (terminal.UNKNOWN,) * 3
        if row.runner_up and row.prediction is not None and row.confidence is not None:
            read, confidence = names[row.prediction], f"{row.confidence:.4f}"
            runner_up = f"{names[row.runner_up.digit]} {row.runner_up.probability:.4f}"
        name = row.name(inputs)
        name = f"{name}: {row.error}" if row.error else name
        lines.append((read, confidence, runner_up, name))
    if classes.names is None:
        return terminal.text(
            *(f"{read:>5}  {sure:>10}  {second:>9}  {name}" for read, sure, second, name in lines)
        )
    first, third = (max(cell_len(line[place]) for line in lines) for place in (0, 2))
    return terminal.text(
        *(
            f"{set_cell_size(read, first)}  {sure:>10}  {set_cell_size(second, third)}  {name}"
            for read, sure, second, name in lines
        )
    )
