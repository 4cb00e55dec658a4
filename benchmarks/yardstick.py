"""Work that is always the same, timed beside each round: how fast the machine is just then.

Two runs are compared by their rounds' times relative to it, so that a machine that is slower as a
whole, because of other programs or of its clock, is not taken for slower code. It inflates and
multiplies on all cores, as what is measured does, by zlib and NumPy: none of it is this project's.
"""

import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

_INFLATED = 2**22
_FLOATS = 2**20
_TIMES = 20


class Yardstick:
    """The work, some 40 ms of each core."""

    def __init__(self, threads: int) -> None:
        """Prepare as much of it for each of some threads."""
        random = np.random.default_rng(0)
        self._pool = ThreadPoolExecutor(threads)
        # Of 16 values, so that it is deflated to about half.
        self._deflated = zlib.compress(random.integers(0, 16, _INFLATED, np.uint8).tobytes(), 1)
        self._floats = [random.random(_FLOATS, np.float32) for _ in range(threads)]

    def time(self) -> float:
        """Do it once, and return the seconds."""
        began = time.perf_counter()
        list(self._pool.map(self._work, self._floats))
        return time.perf_counter() - began

    def _work(self, floats: npt.NDArray[np.float32]) -> None:
        zlib.decompress(self._deflated)
        for _ in range(_TIMES):  # products of BLAS would take threads of their own
            np.multiply(floats, np.float32(1), out=floats)
