"""Values that do not fit are told in the words of the package."""

import pytest
import typer

from mnist_batch.cli.shared import usage
from tests.support.command import run


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--workers", "0", "1 or more"),
        ("--batch-size", "1000001", "1,000,000 or less"),
        ("--workers", "x", "a whole number"),
        ("--workers", "1.5", "a whole number"),
        ("--sample-seed", "9" * 5000, "a whole number of fewer digits"),
        ("--min-accuracy", "x", "a number"),
    ],
)
def test_a_value_is_told_with_what_was_expected(option: str, value: str, expected: str) -> None:
    """In one sentence, cut where it is long."""
    done = run("predict", "nowhere", "--out", "p.parquet", option, value)
    assert done.returncode == 2
    said = " ".join(done.stderr.replace("│", " ").split())
    assert f"Invalid value for '{option}': {value[:60]!r}: expected {expected} " in said


def test_other_messages_stay() -> None:
    """But for what pydantic puts before those of checks."""
    assert usage.told(typer.BadParameter("Value error, 2: expected 1")) == "2: expected 1"
    assert usage.told(typer.BadParameter("'a' is not one of 'b'")) == "'a' is not one of 'b'"
