"""Run `nightly` in forks of a process, kill each before one of its steps, and print what was left.

It is started by test_nightly_killed.py with a JSON object on its command line: `images` (a folder)
and `runs` (a folder of nights that is not there). Of the steps of `predict`, which tests of its own
kill, it takes every 15th, and each that comes after. It prints a JSON object for each night that
was killed.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.nights.night_folder import INDEX, read_nights
from mnist_batch.reports import report
from tests.support.killed_runs import InstantDrawings, watch


def main() -> None:
    """Do what the command line says."""
    order = json.loads(sys.argv[1])
    images, runs = Path(order["images"]), Path(order["runs"])
    first = runs.parent / "first"
    # Drawing is not what is tested, and takes long.
    pytest.MonkeyPatch().setattr(report, "Drawings", InstantDrawings)
    model = mnist_batch.load_model()
    # What a first night imports, here and not in each fork.
    pa.array(["text"])
    Image.init()

    def night(name: str) -> None:
        mnist_batch.nightly(
            images, runs, name=name, model=model, workers=1, keep_nights=1, isolate=False
        )

    night("first")
    runs.rename(first)
    log = runs.parent / "steps"
    shutil.copytree(first, runs)
    assert _in_fork(lambda: night("second"), lambda: watch(runs, None, log)) == 0
    steps = log.read_text().splitlines()
    predicted = next(number for number, step in enumerate(steps) if "comparison" in step)
    for number in (*range(0, predicted, 15), *range(predicted, len(steps))):
        shutil.rmtree(runs)
        shutil.copytree(first, runs)
        killed = _in_fork(lambda: night("second"), lambda: watch(runs, number, None))  # noqa: B023 - the fork is over then
        found = {"step": steps[number], "killed": killed == -signal.SIGKILL, "left": _seen(runs)}
        found["status"] = _in_fork(lambda: night("third"), lambda: None)
        found["after"] = _seen(runs)
        sys.stdout.write(json.dumps(found) + "\n")


def _in_fork(run: Callable[[], None], prepare: Callable[[], None]) -> int:
    """Run in a fork, and return how it ended."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            prepare()
            run()
            status = 0
        except Exception as error:  # noqa: BLE001 - the fork ends here, whatever it is
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _seen(runs: Path) -> dict[str, object]:
    """Return what a reader of the folder sees, and what is hidden there."""
    nights, notes = read_nights(runs)
    page = (runs / INDEX).read_text() if (runs / INDEX).exists() else ""
    return {
        "nights": [night.name for night in nights],
        "whole": [_is_whole(runs / night.name) for night in nights],
        "notes": notes,
        "page": page.rstrip().endswith("</html>"),
        "on_page": [name for name in ("first", "second", "third") if f">{name}<" in page],
        "hidden": sorted(path.name for path in runs.iterdir() if path.name.startswith(".")),
    }


def _is_whole(night: Path) -> bool:
    """Tell whether all files of a night are there; its predictions may have been removed."""
    files = {path.relative_to(night).as_posix() for path in night.rglob("*")}
    return files >= {"summary.md", "junit.xml", "predictions.report/metrics.json"} and (
        night.name == "first" or "comparison/index.html" in files
    )


if __name__ == "__main__":
    main()
