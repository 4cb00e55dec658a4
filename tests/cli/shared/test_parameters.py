"""Options that are checked before anything starts."""

import pytest

from tests.support.command import run


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--memory", "2X", "expected a size such as 2G"), ("--min-accuracy", "95", "from 0 to 1")],
)
def test_a_value_out_of_range_is_wrong_usage(option: str, value: str, said: str) -> None:
    """It says what is expected, with status 2, even where the input is not there."""
    done = run("predict", "nowhere", "--out", "p.parquet", option, value)
    assert (done.returncode, said in done.stderr) == (2, True)
