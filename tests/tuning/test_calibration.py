"""The fixed work beside saved rounds: the same on every thread, and known by what runs it."""

import platform
import threading
import zlib

import pytest

from mnist_batch.errors import MachineError
from mnist_batch.tuning.calibration import calibrate, signature


def test_each_worker_is_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which decompresses as many blocks as the others, and has ended afterwards."""
    by: list[str] = []
    decompress = zlib.decompress

    def counting(packed: bytes) -> bytes:
        by.append(threading.current_thread().name)
        return decompress(packed)

    monkeypatch.setattr(zlib, "decompress", counting)
    before = {*threading.enumerate()}
    calibrate(3)
    assert {*threading.enumerate()} <= before
    assert sorted(by.count(name) for name in set(by)) == [24] * 3


def test_the_calibration_is_known_by_what_runs_it() -> None:
    """Another Python or zlib is as fast as it is."""
    assert signature().endswith(
        f"Python {platform.python_version()}, zlib {zlib.ZLIB_RUNTIME_VERSION}"
    )


def test_threads_that_do_not_start_are_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it."""

    def fail(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(MachineError, match="a worker"):
        calibrate(1)
