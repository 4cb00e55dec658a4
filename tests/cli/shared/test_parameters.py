"""Options that are checked before anything starts."""

import pytest

from tests.support.command import run


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--memory", "2X", "expected a size such as 2G"),
        ("--min-accuracy", "95", "from 0 to 1"),
        ("--part-timeout", "0", "0: expected seconds, more than 0"),
        ("--part-timeout", "nan", "expected seconds"),
        ("--part-timeout", "5", "needs --isolate or --engine ray too"),
    ],
)
def test_a_value_out_of_range_is_wrong_usage(option: str, value: str, said: str) -> None:
    """It says what is expected, with status 2, even where the input is not there."""
    done = run("predict", "nowhere", "--out", "p.parquet", option, value)
    assert (done.returncode, said in done.stderr) == (2, True)


@pytest.mark.parametrize("command", [("predict", "--out", "p.parquet"), ("nightly", "--runs", "r")])
def test_a_time_for_parts_needs_processes_that_can_be_ended(command: tuple[str, ...]) -> None:
    """A night has them unless it is told otherwise."""
    done = run(*command, "nowhere", "--no-isolate", "--part-timeout", "5")
    assert (done.returncode, "needs --isolate" in done.stderr) == (2, True)
    done = run(*command, "nowhere", "--isolate", "--part-timeout", "5")
    assert (done.returncode, "nowhere" in done.stderr) == (1, True)
