"""Run all of it, keep to the time, and write the rows as JSON and as a table."""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.gpu.rows import Deadline, Row, shares, table

BATCH_SIZES = (1, 16, 256, 4096, 16_384, 65_536, 262_144)
BACKENDS = ("tensorflow", "jax", "torch")

_LAST_S = 5.0
"""Seconds that are kept for the table, and for a process to end by itself."""

_END_S = 3.0
"""Those of them in which a process may end by itself, after its share of the time."""


def main() -> None:
    """Measure, print the table, and write it into the folder.

    Raises:
        SystemExit: there are no models to measure, and why.
    """
    options = _options()
    until = Deadline(time.time() + options.seconds - _LAST_S)
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        _, why = _ended("models", [folder, str(options.rows)], until, {})
        if why:
            sys.exit(f"the models to measure cannot be made: {why}")
        for name, environment, share, arguments in _processes(folder, until, options.batch_sizes):
            found, why = _ended(name, arguments, share, environment)
            rows += found
            if why:
                rows.append(Row(" ".join([name, *environment.values()]), "", "", "all", reason=why))
    record = {
        "card": _card(),
        "cores": os.cpu_count(),
        "seconds": round(options.seconds - _LAST_S - until.left_s),
        "rows": [{**vars(row), "share_of_limit": share or None} for row, share in shares(rows)],
    }
    (options.out / "benchmark-gpu.json").write_text(json.dumps(record, indent=1) + "\n")
    text = f"{record['card']}, {record['cores']} cores, {record['seconds']} s\n\n{table(rows)}"
    (options.out / "benchmark-gpu.md").write_text(text)
    print(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), help="folder of the results")
    parser.add_argument("--seconds", type=float, default=460, help="how long it may take")
    parser.add_argument("--rows", type=int, default=60_000, help="drawn images, without MNIST_DATA")
    parser.add_argument(
        "--batch-sizes",
        default=",".join(map(str, BATCH_SIZES)),
        help="images at once, of networks alone",
    )
    return parser.parse_args()


def _processes(
    folder: str, until: Deadline, sizes: str
) -> Iterator[tuple[str, dict[str, str], Deadline, list[str]]]:
    """Yield what is run: a module, its environment, its time and its arguments."""
    backends = [name for name in BACKENDS if importlib.util.find_spec(name)]
    # Each may take an equal share of what is left of the time, so that none takes all of it.
    steps: list[tuple[str, dict[str, str], list[str]]] = [
        *(("keras_rows", {"KERAS_BACKEND": name}, [sizes]) for name in backends),
        ("onnx_rows", {}, [sizes]),
        ("end_to_end", {"KERAS_BACKEND": (backends or ["none"])[0]}, ["numpy", "keras", "onnx"]),
        *(("end_to_end", {"KERAS_BACKEND": name}, ["keras"]) for name in backends[1:]),
    ]
    for number, (name, environment, more) in enumerate(steps):
        share = time.time() + until.left_s / (len(steps) - number)
        yield name, environment, Deadline(share), [folder, str(share), *more]


def _ended(
    name: str, arguments: Sequence[str], until: Deadline, environment: dict[str, str]
) -> tuple[list[Row], str | None]:
    """Run a module, and return the rows that it printed, and why there are no more of them."""
    if until.left_s <= 0:
        return [], "no time left"
    command = [sys.executable, "-m", f"benchmarks.gpu.{name}", *arguments]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    with tempfile.TemporaryFile("w+") as errors, tempfile.TemporaryFile("w+") as lines:
        try:
            ended = subprocess.run(
                command,
                env={**os.environ, **quiet, **environment},
                stdout=lines,
                stderr=errors,
                timeout=until.left_s + _END_S,
                check=False,
            )
            code = ended.returncode
        except subprocess.TimeoutExpired:
            code = None
        lines.seek(0)
        rows = [Row(**json.loads(line)) for line in lines if line.endswith("}\n")]
        errors.seek(0)
        last = (errors.read().strip().splitlines() or [""])[-1]
    if code is None:
        return rows, "no time left"
    return rows, f"it ended with status {code}: {last[:200]}" if code else None


def _card() -> str:
    """Return the name of the first GPU, as its driver tells it."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return "no GPU"
    return (told.stdout.splitlines() or ["no GPU"])[0]


if __name__ == "__main__":
    main()
