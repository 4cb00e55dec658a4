"""Processes that serve `benchmarks.ways`: started, asked, and gone at the end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from benchmarks.processes import cpu_of_processes, peak_of_processes, reset_peak

PROJECT = Path(__file__).parent.parent
PEERS_PYTHON = PROJECT / ".venv-peers" / "bin" / "python"
IN_PEERS = ("Daft", "Ray Data", "Hugging Face datasets", "PyTorch DataLoader")
"""The ways whose packages are in `.venv-peers`, which `make peers` sets up; PyTorch by hand."""

_QUIET = {
    # No message about the run leaves this machine, and nothing is looked up elsewhere.
    "DO_NOT_TRACK": "1",
    "DAFT_ANALYTICS_ENABLED": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Nor are there progress bars and start messages in the log.
    "DAFT_PROGRESS_BAR": "0",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
# Their engines run several batches at once; products on several threads each would only queue.
# Measured for Daft: with one thread more than twice the images of two, on two cores.
_ONE_BLAS_THREAD = ("Daft", "Ray Data")
_GRACE_S = 20


class NotInstalledError(Exception):
    """A way's packages are not there."""


class Worker:
    """A process that predicts in one way, warm between jobs.

    Attributes:
        start_s: what importing the packages and loading the model took.
        versions: of the packages that matter.
    """

    def __init__(self, way: str, model: Path, log: Path) -> None:
        """Start the process and wait until it is ready.

        Raises:
            NotInstalledError: the way's packages are not there.
            RuntimeError: it ended; the message holds the end of its log.
        """
        python = PEERS_PYTHON if way in IN_PEERS else Path(sys.executable)
        if not python.exists():
            raise NotInstalledError("there is no .venv-peers; `make peers` sets it up")
        self._log = log
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                [python, "-m", "benchmarks.ways", way, model],
                cwd=PROJECT,
                env=_environment(way),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        try:
            ready = self._answer()
        except RuntimeError:
            self.close()
            raise
        if "missing" in ready:
            self.close()
            raise NotInstalledError(f"{ready['missing']}; docs/speed.md says how to install it")
        self.start_s: float = ready["start_s"]
        self.versions: Mapping[str, str] = ready["versions"]

    def predict(self, source: Path, out: Path) -> None:
        """Do one job, and return when its output is written.

        Raises:
            RuntimeError: the process ended; the message holds the end of its log.
        """
        assert self._process.stdin is not None
        reset_peak(self._process.pid)
        self._process.stdin.write(json.dumps({"source": str(source), "out": str(out)}) + "\n")
        self._process.stdin.flush()
        self._answer()

    def peak_memory_bytes(self) -> int | None:
        """Return the peak in its last job of the process and those it started, see `memory`."""
        return peak_of_processes(self._process.pid)

    def cpu_s(self) -> float | None:
        """Return the CPU time so far of the process and those it started, in seconds."""
        return cpu_of_processes(self._process.pid)

    def close(self) -> None:
        """End the process and all in its group."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it ended in the middle of a job
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        with suppress(ProcessLookupError):  # it left nobody behind
            os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        """Return the worker, for a `with` that closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise RuntimeError(f"the worker ended:\n{self._log.read_text()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def _environment(way: str) -> dict[str, str]:
    environment = {**os.environ, **_QUIET}
    if way in _ONE_BLAS_THREAD:
        environment["OPENBLAS_NUM_THREADS"] = "1"
    return environment
