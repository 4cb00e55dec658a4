"""How often a request is made."""

import pytest

from mnist_batch.errors import MachineError
from mnist_batch.remote.attempts import asked, attempts


@pytest.mark.parametrize(("told", "meant"), [("", 9), ("3", 3), ("0", 1), ("many", 9)])
def test_the_environment_says_how_many_attempts_there_are(
    monkeypatch: pytest.MonkeyPatch, told: str, meant: int
) -> None:
    """AWS_MAX_ATTEMPTS, where it is a number; there is always a first one."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", told)
    assert attempts() == meant


@pytest.mark.parametrize("error", [MachineError("no memory"), KeyError("a"), InterruptedError()])
def test_only_a_broken_connection_is_tried_again(error: Exception) -> None:
    """Any other error comes at once, and as it is."""
    calls = []

    def ask() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)) as raised:
        asked("s3://digits/a", ask)
    assert raised.value is error
    assert len(calls) == 1
