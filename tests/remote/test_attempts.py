"""How often a request is made, and what ends the wait for it."""

import os
import signal
import socket
import subprocess

import pytest

from mnist_batch.errors import MachineError
from mnist_batch.remote.attempts import asked, attempts
from tests.support.command import COMMAND
from tests.support.s3_server import environment_of


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_wait_for_a_server_that_never_answers(number: signal.Signals) -> None:
    """It does so in mid-request; else the command would wait a minute for each attempt."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
        command = subprocess.Popen(
            [*COMMAND, "inspect", "s3://digits/a.npz"],
            env=os.environ | environment_of(endpoint),
            stderr=subprocess.PIPE,
        )
        connection, _ = server.accept()
        with command, connection:
            assert connection.recv(1)  # the request has been sent
            command.send_signal(number)
            _, said = command.communicate(timeout=120)
    assert (command.returncode, said) == (128 + number, b"interrupted\n")
