"""What the formats of predictions have in common: their errors, and records of runs."""

from pathlib import Path

import pyarrow as pa
import pytest

from mnist_batch.errors import MachineError, PredictionsError
from mnist_batch.outputs.formats.opened import is_run, predictions_errors

PATH = Path("predictions.parquet")


def test_errors_become_one_line_with_advice() -> None:
    """By what they are of: the system, or the file."""
    for error, text in (
        (FileNotFoundError(2, "no"), "cannot be read: No such file or directory; check the path"),
        (pa.ArrowInvalid("bad\n page"), "cannot be read: bad page; it is damaged, or another"),
    ):
        with pytest.raises(PredictionsError, match=text), predictions_errors(PATH):
            raise error


def test_a_failure_of_the_machine_is_none_of_the_file() -> None:
    """As a lack of open files."""
    with pytest.raises(MachineError), predictions_errors(PATH):
        raise OSError(24, "Too many open files")


def test_a_record_has_what_is_read_of_it() -> None:
    """Anything may be under its name in a file."""
    record = {"options": {"sample_seed": 0}, "elapsed_s": 0.5, "images_per_s": 3}
    assert is_run(record)
    for name, value in (("options", []), ("elapsed_s", None), ("images_per_s", "3")):
        assert not is_run({**record, name: value})
    assert not is_run([record])
