"""Predictions that are open for reading, whatever their format."""

import contextlib
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.labelling.tables import csv_cause
from mnist_batch.machine.failures import raise_if_of_machine


class Opened(Protocol):
    """Predictions of one format, opened."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of all columns that can be read."""

    @property
    def run(self) -> Mapping[str, Any] | None:
        """The record of the run; None where there is none."""

    @property
    def probabilities(self) -> int:
        """How many probabilities a row has, 0 for none."""

    @property
    def stored(self) -> Sequence[str]:
        """The columns that hold these."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield all rows, with at least the given columns, the probabilities as one."""

    def check(self) -> None:
        """Check that all files can be opened."""

    def state(self) -> tuple[int, ...]:
        """Return what changes where the predictions do."""

    def close(self) -> None:
        """Close them."""


def is_run(run: Any) -> bool:  # noqa: ANN401 - JSON
    """Tell whether metadata holds what this package reads of a record that `predict` wrote."""
    return (
        isinstance(run, dict)
        and isinstance(run.get("options"), dict)
        and isinstance(run["options"].get("sample_seed"), int)
        and isinstance(run.get("elapsed_s"), int | float)
        and isinstance(run.get("images_per_s"), int | float | None)
    )


@contextlib.contextmanager
def predictions_errors(path: Path) -> Iterator[None]:
    """Raise what Arrow, the decoders and the system say of a damaged file in one line."""
    try:
        yield
    # ValueError: of Arrow, of bytes that are not UTF-8, and of JSON, also for an endless number.
    except (pa.ArrowException, OSError, csv.Error, ValueError, RecursionError) as error:
        raise_if_of_machine(error, str(path))
        of_system = isinstance(error, OSError) and error.errno
        advice = "check the path" if of_system else "it is damaged, or another program wrote it"
        raise PredictionsError(f"{path} cannot be read: {csv_cause(error)}; {advice}") from error
