"""A cluster is named, and found or refused in one line, before anything starts."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mnist_batch.engines.ray_cluster.connection import (
    _check_cluster,
    _is_of_this_machine,
    cluster_address,
    cluster_errors,
)
from mnist_batch.errors import MachineError
from tests.support.closed_port import closed_port


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    pytest.importorskip("ray")  # how long that takes is not what is tested


@contextmanager
def _silent_server() -> Iterator[str]:
    """Accept connections and say nothing; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_cluster_is_named_by_an_argument_or_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The argument comes first; where neither is there, a line says how to start one."""
    with _silent_server() as one, _silent_server() as other:
        monkeypatch.setenv("RAY_ADDRESS", other)
        assert cluster_address(None) == other
        assert cluster_address(one) == one
    monkeypatch.delenv("RAY_ADDRESS")
    with pytest.raises(
        MachineError, match=r'engine="ray": no cluster is named; .* to start one: ray start --head'
    ):
        cluster_address(None)


@pytest.mark.parametrize("address", ["auto", "ray://127.0.0.1:10001", "127.0.0.1", "a b:c"])
def test_an_address_is_a_host_and_a_port(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's other words for one lead to what it finds itself; the line names where it stands."""
    with pytest.raises(MachineError, match=r"ray_address .*expected HOST:PORT"):
        cluster_address(address)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(MachineError, match=r"RAY_ADDRESS .*expected HOST:PORT"):
        cluster_address(None)


def test_a_port_at_which_nothing_listens_is_refused_at_once() -> None:
    """Ray would wait for minutes."""
    with (
        closed_port() as address,
        pytest.raises(MachineError, match=f"{address}: no Ray cluster answers there"),
    ):
        cluster_address(address)
    with pytest.raises(MachineError, match="no Ray cluster answers there"):
        cluster_address("127.0.0.1:99999")


def test_what_listens_and_is_no_cluster_is_refused_before_ray_gives_up() -> None:
    """Which takes 40 s."""
    with _silent_server() as address:
        started = time.monotonic()
        with pytest.raises(MachineError, match=f"{address}: something else than a Ray cluster"):
            _check_cluster(address)
        assert time.monotonic() - started < 40
    assert threading.current_thread() is threading.main_thread()


def test_a_node_is_of_this_machine_if_its_address_is() -> None:
    """Ray would look for one here for a minute. 192.0.2.0/24 is nobody's (RFC 5737)."""
    assert _is_of_this_machine("127.0.0.1")
    assert not _is_of_this_machine("192.0.2.1")
    assert not _is_of_this_machine("2001:db8::1")


def test_a_cluster_that_asks_for_a_token_is_not_tried_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray ends the process without a word then."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    with pytest.raises(MachineError, match=r"RAY_AUTH_MODE=token: no token is found; set"):
        cluster_address("127.0.0.1:1")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("a" * 64)
    with pytest.raises(MachineError, match=r"127\.0\.0\.1:1: no Ray cluster answers there"):
        cluster_address("127.0.0.1:1")


def test_what_ray_raises_is_one_line() -> None:
    """Of a full object store it writes several; what is finished is kept."""
    exceptions = pytest.importorskip("ray.exceptions")
    with pytest.raises(MachineError) as raised, cluster_errors():
        raise exceptions.ObjectStoreFullError("no room for the job\n  on 10.0.0.2")
    (line,) = str(raised.value).splitlines()
    assert line.startswith("the Ray cluster failed: ")
    assert "no room for the job on 10.0.0.2" in line
    assert line.endswith("; resume=True goes on")
    with pytest.raises(KeyError), cluster_errors():
        raise KeyError
