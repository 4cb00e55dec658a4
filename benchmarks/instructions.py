"""Instructions by image, counted by Valgrind: `python -m benchmarks.instructions`.

They are the same however busy the machine is, so that slower code is seen where times say nothing:
those of each compiled kernel, and those of the loop from a Parquet file to written predictions.
What the repository keeps of them is compared only where all that a count depends on is the same:
for kernels the processor's kind, the code for it, the compiler and the digits; for the loop Python
and the packages too.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.counted import DIGITS, FEW, KERNELS, LOOP, MANY, ROWS
from benchmarks.workers import PROJECT
from mnist_batch._kernels import library

KEPT = PROJECT / "benchmarks" / "results" / "instructions.json"

TOLERANCE = {"kernels": 0.01, "loop": 0.02}
"""By how much more a count may be, as a share. Counts of the kernels were equal in five runs on a
machine that other programs kept busy, those of the loop within 0.01 % in two (2026-11-27); less
than this is not worth a word."""

_PACKAGES = ("numpy", "pyarrow")

_OF_KERNELS = ("machine", "kernels", "compiler", "digits")
"""What the counts of kernels depend on."""


@dataclass(frozen=True)
class Instructions:
    """What was counted.

    Attributes:
        depends: all that a count depends on but the code of this project.
        counts: instructions by image, by `counted.KERNELS` and `counted.LOOP`.
    """

    depends: Mapping[str, str]
    counts: Mapping[str, float]

    def others(self, kept: "Instructions", name: str) -> list[str]:
        """Return what a count depends on that is not the same as for the one that is kept."""
        keys = self.depends if name == LOOP else _OF_KERNELS
        return [key for key in keys if kept.depends.get(key) != self.depends.get(key)]

    def more_than(self, kept: "Instructions") -> list[str]:
        """Return what takes more instructions than is kept of it, by more than `TOLERANCE`."""
        return [
            name
            for name, count in self.counts.items()
            if name in kept.counts
            and not self.others(kept, name)
            and count > kept.counts[name] * (1 + TOLERANCE["loop" if name == LOOP else "kernels"])
        ]


def depends() -> Mapping[str, str]:
    """Return all that a count depends on but the code of this project."""
    digest = hashlib.sha256()
    for path in sorted(DIGITS.rglob("*.png")):
        digest.update(path.read_bytes())
    return {
        "machine": platform.machine(),
        "kernels": library.described(),
        "compiler": _compiler(),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
        "digits": digest.hexdigest()[:16],
    }


def count(*, loop: bool) -> Instructions:
    """Count those of the kernels, in seconds, and those of the loop, in a minute.

    Raises:
        FileNotFoundError: there is no Valgrind.
        RuntimeError: Valgrind fails, and what it says.
    """
    totals = _totals("kernels")
    counts = {name: totals[k] / ROWS for k, name in enumerate(KERNELS)}
    if loop:
        few, many = _totals(LOOP)
        counts[LOOP] = (many - few) / (MANY - FEW)
    return Instructions(depends(), {name: round(value, 1) for name, value in counts.items()})


def kept() -> Instructions:
    """Return what the repository keeps."""
    return Instructions(**json.loads(KEPT.read_text()))


def main() -> int:
    """Count, print what is kept beside it, and return 1 where something takes more."""
    parser = argparse.ArgumentParser(description="Count instructions by image with Valgrind.")
    parser.add_argument("--keep", action="store_true", help="replace what the repository keeps")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("there is no valgrind; on Debian: apt-get install valgrind")
    try:
        now = count(loop=True)
    except RuntimeError as error:
        sys.exit(str(error))
    if options.keep:
        KEPT.write_text(json.dumps(asdict(now), indent=1) + "\n")
    before = kept()
    print(f"{'instructions by image':28}{'kept':>12}{'now':>12}")
    for name, value in now.counts.items():
        old = before.counts.get(name)
        others = now.others(before, name)
        why = f"  not to be compared: another {', '.join(others)}" if others else ""
        print(f"{name:28}{'' if old is None else f'{old:,.1f}':>12}{value:12,.1f}{why}")
    more = now.more_than(before)
    print(f"more than kept: {', '.join(more) or 'none'}")
    return 1 if more else 0


def totals(paths: Sequence[Path]) -> list[int]:
    """Return the instructions of each file of Callgrind, https://valgrind.org/docs/manual/cl-format.html."""
    found = [re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE) for path in paths]
    return [int(one[1]) for one in found if one]


def _compiler() -> str:
    """Return the compiler of the kernels, as it names itself in what it makes."""
    code = Path(library.get()._name).read_bytes()
    found = re.search(rb"GCC: \([^)]*\) [\d.]+|clang version [\d.]+", code)
    return found[0].decode() if found else "unknown"


def _totals(part: str) -> list[int]:
    """Return the instructions of each piece of a part, see `benchmarks.counted`."""
    with tempfile.TemporaryDirectory(prefix="mnist-batch-") as name:
        out = Path(name) / "callgrind.out"
        work = [sys.executable, "-m", "benchmarks.counted", part, name]
        subprocess.run([*work, "--prepare"], cwd=PROJECT, check=True)
        ended = subprocess.run(
            # What was counted until then is written at each of these calls, and counting begins
            # anew; else nothing makes them.
            ["valgrind", "--tool=callgrind", "--dump-before=getppid",
             f"--callgrind-out-file={out}", *work],
            cwd=PROJECT, env=_environment(), check=False, capture_output=True, text=True,
        )  # fmt: skip
        if ended.returncode:
            said = "\n".join(ended.stderr.strip().splitlines()[-10:])
            raise RuntimeError(f"valgrind ended with status {ended.returncode}:\n{said}")
        # The first is of the imports, those after it are numbered, and the last has no number.
        pieces = sorted(out.parent.glob("callgrind.out.*"), key=lambda path: int(path.suffix[1:]))
        return totals([*pieces[1:], out])


def _environment() -> Mapping[str, str]:
    # One thread that multiplies: others would wait in loops, which count. Hashes in one order.
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


if __name__ == "__main__":
    sys.exit(main())
