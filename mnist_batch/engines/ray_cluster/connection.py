"""The connection of this process to a Ray cluster that somebody has started.

Ray itself waits for minutes at a wrong address, starts a cluster of its own where none is named,
takes over SIGTERM, and prints what its daemons have to say into standard output. None of that
happens here.
"""

import faulthandler
import logging
import os
import queue
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_batch.errors import MachineError
from mnist_batch.machine.extras import RAY, require

_ADDRESS = re.compile(r"\[?(?P<host>[^\[\]/]+?)\]?:(?P<port>[0-9]{1,5})", re.ASCII)
_USAGE = "RAY_USAGE_STATS_ENABLED"
_PATIENCE_S = 4.0
"""Seconds that a cluster has to accept a connection, and as many to say which nodes it has."""


def cluster_address(named: str | None) -> str:
    """Return the address of a cluster that accepts connections: the named one, or `RAY_ADDRESS`.

    A program that is connected to a cluster uses that one.

    Raises:
        MissingExtraError: Ray is not installed.
        MachineError: no cluster is named, or nothing answers there.
    """
    require("--engine ray", RAY)
    connected = _connected_to()
    address = named or connected or os.environ.get("RAY_ADDRESS")
    if not address:
        raise MachineError(
            "--engine ray: no cluster is named; pass its address as --ray-address or in "
            "RAY_ADDRESS; to start one: ray start --head"
        )
    if connected:
        if address != connected:
            raise MachineError(
                f"--ray-address {address[:80]!r}: this program is connected to {connected}; leave "
                "one of them out"
            )
        return address
    parts = _ADDRESS.fullmatch(address)
    if not parts:
        raise MachineError(
            f"{'--ray-address' if named else 'RAY_ADDRESS'} {address[:80]!r}: expected HOST:PORT, "
            "as `ray start` prints it; auto and ray:// are not taken"
        )
    _check_token()
    try:
        with socket.create_connection((parts["host"], int(parts["port"])), _PATIENCE_S):
            return address
    except (OSError, OverflowError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise MachineError(
            f"{address}: no Ray cluster answers there ({why}); pass another --ray-address; to "
            "start one: ray start --head"
        ) from error


def _check_token() -> None:
    """Refuse a mode of Ray in which, without a token, it ends the process without a word.

    Where Ray looks for one: https://docs.ray.io/en/latest/ray-security/token-auth.html
    """
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    is_there = named or Path("~/.ray/auth_token").expanduser().is_file()
    if os.environ.get("RAY_AUTH_MODE") == "token" and not is_there:
        raise MachineError(
            "RAY_AUTH_MODE=token: no token is found; set RAY_AUTH_TOKEN, or put that of the "
            "cluster into ~/.ray/auth_token"
        )


def _connected_to() -> str | None:
    """Return the address of the cluster that the program has connected to itself."""
    if "ray" not in sys.modules:
        return None
    import ray

    return ray.get_runtime_context().gcs_address if ray.is_initialized() else None


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected to a cluster meanwhile; a program that is connected to it stays so.

    Raises:
        MachineError: no cluster of the same version answers there, or none of its nodes is on this
            machine.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    _check_cluster(address)
    with _silenced():
        _connect(address)
        try:
            yield
        finally:
            ray.shutdown()


def _connect(address: str) -> None:
    import ray

    in_main_thread = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            log_to_driver=False,
            configure_logging=False,
            logging_level=logging.CRITICAL,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        why = " ".join(str(error).split())
        raise MachineError(f"{address}: Ray does not connect: {why[:400]}") from error
    finally:
        if in_main_thread:
            signal.signal(signal.SIGTERM, handler)


@contextmanager
def _silenced() -> Iterator[None]:
    """Let Ray print nothing in this process meanwhile, and send no statistics of its use.

    After that all is as it was: a program may connect to Ray itself.
    """
    from ray._private import worker

    logger, is_dumping = logging.getLogger("ray"), faulthandler.is_enabled()
    level, printed, usage = logger.level, worker.print_to_stdstream, os.environ.get(_USAGE)
    os.environ[_USAGE] = "0"
    logger.setLevel(logging.CRITICAL)
    # What daemons say of workers that die goes to standard output, `log_to_driver` or not (2.60).
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = printed
        logger.setLevel(level)
        if usage is None:
            del os.environ[_USAGE]
        else:
            os.environ[_USAGE] = usage
        if not is_dumping:
            faulthandler.disable()


@contextmanager
def cluster_errors() -> Iterator[None]:
    """Raise what Ray raises, as of a full object store or a lost daemon, as a `MachineError`."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        why = " ".join(str(error).split())[:300] or type(error).__name__
        raise MachineError(f"the Ray cluster failed: {why}; --resume goes on") from error


def _check_cluster(address: str) -> None:
    """Refuse what is no cluster, or has no node here, as Ray does only after a minute.

    Raises:
        MachineError: it is none, or has none.
    """
    nodes = _node_addresses(address)
    if nodes is None:
        raise MachineError(
            f"{address}: something else than a Ray cluster answers there, or one that is stuck, or "
            "that asks for a token; pass another --ray-address, or set RAY_AUTH_MODE=token"
        )
    if not any(map(_is_of_this_machine, nodes)):
        raise MachineError(
            f"{address}: no node of this Ray cluster is on this machine, and Ray connects through "
            f"one; to start one here: ray start --address={address} --num-cpus=0"
        )


def _node_addresses(address: str) -> list[str] | None:
    """Return where the nodes of a cluster are; None where no cluster says so in time."""
    import ray

    answers = queue.SimpleQueue[Any]()

    def ask() -> None:
        try:
            # Not public, but all that is waits for 40 s and longer (2.60).
            client = ray._raylet.GcsClient(address=address)
            found = client.get_all_node_info(timeout=_PATIENCE_S)
            answers.put([node.node_manager_address for node in found.values() if not node.state])
        except Exception:  # noqa: BLE001 - of whatever type
            answers.put(None)

    threading.Thread(target=ask, daemon=True).start()
    try:
        addresses: list[str] | None = answers.get(timeout=_PATIENCE_S)
    except queue.Empty:
        return None
    return addresses


def _is_of_this_machine(host: str) -> bool:
    """Tell whether this machine has an address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as bound:
            bound.bind((host, 0))
    except OSError:
        return False
    return True
