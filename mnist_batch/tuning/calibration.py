"""A fixed piece of work that says how fast the machine is just now.

It is timed after each round of a benchmark that is saved, on as many threads. It runs nothing that
a user upgrades apart from Python: zlib and SHA-256, which hold no lock of Python's.
"""

import hashlib
import platform
import threading
import zlib
from functools import cache, partial

from mnist_batch.machine.failures import not_started

_BLOCK = 256 * 1024
_BLOCKS = 24
"""Bytes that a thread decompresses at once, and how often: 30 ms (Xeon, 2026-11-27)."""


def signature() -> str:
    """Return what the work is: where it is another one, its times cannot be compared."""
    return f"1, Python {platform.python_version()}, zlib {zlib.ZLIB_RUNTIME_VERSION}"


def calibrate(workers: int) -> None:
    """Do the work on each of `workers` threads.

    Raises:
        MachineError: not so many threads can be started.
    """
    work = partial(_work, _packed())
    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        try:
            thread.start()
        except RuntimeError as error:
            raise not_started(error, "a worker") from error
    for thread in threads:
        thread.join()


@cache
def _packed() -> bytes:
    """Return bytes to decompress, runs and others in turn, as in images of digits."""
    noise = hashlib.shake_256(b"mnist-batch").digest(_BLOCK // 5)
    rows = (noise[start : start + 6].ljust(28, b"\0") for start in range(0, len(noise), 6))
    return zlib.compress(b"".join(rows)[:_BLOCK], 6)


def _work(packed: bytes) -> None:
    for _ in range(_BLOCKS):
        hashlib.sha256(zlib.decompress(packed))
