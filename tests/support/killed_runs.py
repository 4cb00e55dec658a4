"""Run `predict` in forks of a process, kill each at a chosen moment, and print how it ended.

It is started by test_crashes.py with a JSON object on its command line: `images` (a folder), `out`
(a file in a folder that holds nothing else), `overwrite`, and `kills`: `steps` for a run that is
killed before each of its steps on the file system in turn, or a number of kills at random points.
It prints a JSON object for each run that was killed, after one with the `output` of an undisturbed
run of the same parts.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.commands.predict import predict
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts, parts_folder
from mnist_batch.reports import report

# What the audit hook of Python tells of before it happens (audit_events table of its library).
_STEPS = ("open", "os.link", "os.rename", "os.remove", "os.rmdir", "os.mkdir")
OLD = b"an older output"


class InstantDrawings(AbstractContextManager["InstantDrawings", None]):
    """Takes the place of `drawing_process.Drawings`, and draws nothing."""

    def request(self, make: object, content: object, path: Path) -> None:
        """Write a file at once."""
        path.write_bytes(b"a picture")

    def wait(self, path: Path) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


def main() -> None:
    """Do what the command line says."""
    order = json.loads(sys.argv[1])
    images, out = Path(order["images"]), Path(order["out"])
    # Small parts, so that a run has many; and drawing is not what is tested.
    patch = pytest.MonkeyPatch()
    for module, name, value in (
        (image_files, "SHARD_ROWS", 8),
        (image_files, "PART_SHARDS", 1),
        (parts, "BLOCKS", 0),
        (report, "Drawings", InstantDrawings),
    ):
        patch.setattr(module, name, value)
    model = mnist_batch.load_model()
    # What a first run imports, here and not in each fork: pandas at Arrow's first array.
    pa.array(["text"])
    Image.init()

    def run(
        *, resume: bool = False, kill_before: int | None = None, steps: Path | None = None
    ) -> int:
        """Start a run in a fork, and return its process."""
        process = os.fork()
        if process == 0:
            status = 1
            try:
                if kill_before is not None or steps is not None:
                    watch(out.parent, kill_before, steps)
                predict(
                    images,
                    out,
                    model=model,
                    resume=resume,
                    overwrite=order["overwrite"],
                    probabilities=True,
                    save_prepared=out.parent / "seen",
                )
                status = 0
            except Exception as error:  # noqa: BLE001 - the fork ends here, whatever it is
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(status)
        return process

    _reset(out, overwrite=order["overwrite"])
    log = out.parent.parent / "steps" if order["kills"] == "steps" else None
    started = time.perf_counter()
    assert os.waitpid(run(steps=log), 0)[1] == 0
    elapsed = time.perf_counter() - started
    sys.stdout.write(json.dumps({"output": out.read_bytes().hex()}) + "\n")
    if log:
        for number, step in enumerate(log.read_text().splitlines()):
            _reset(out, overwrite=order["overwrite"])
            _tell(step, out, run(kill_before=number), run)
        return
    moments = random.Random(0)
    for _ in range(order["kills"]):
        _reset(out, overwrite=order["overwrite"])
        moment = moments.uniform(0, elapsed)
        process = run()
        time.sleep(moment)
        os.kill(process, signal.SIGKILL)
        _tell(f"{moment:.4f} s", out, process, run)


def report_of(out: Path) -> Path:
    """Return the folder of the report."""
    return out.with_suffix(".report")


def _reset(out: Path, *, overwrite: bool) -> None:
    shutil.rmtree(out.parent, ignore_errors=True)
    out.parent.mkdir()
    if overwrite:
        out.write_bytes(OLD)
        report_of(out).mkdir()
        for name in report.FILES:
            (report_of(out) / name).write_bytes(OLD)


def watch(folder: Path, kill_before: int | None, log: Path | None) -> None:
    """Kill this process before a step in a folder, by its number, or write down what they are."""
    count = 0

    def step(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if event not in _STEPS or str(folder) not in os.fsdecode(str(arguments[0])):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        if log and count >= 0:
            number, count = count, -1  # what is written here is no step
            with log.open("a") as file:
                file.write(f"{event} {Path(arguments[0]).relative_to(folder)}\n")
            count = number
        if count == kill_before:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    sys.addaudithook(step)


def _tell(step: str, out: Path, process: int, run: Any) -> None:  # noqa: ANN401 - see main
    killed = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL
    content = out.read_bytes() if out.exists() else None
    kept = parts_folder.rows_kept(out)
    # By name whether a file is of the old report; nothing where the folder holds no report.
    reported = {path.name: path.read_bytes() == OLD for path in report_of(out).glob("*.*")}
    if "metrics.json" not in reported:
        reported = {}
    # All is done but that the last of what is in the staging folder goes.
    through = content not in (None, OLD) and not parts_folder.committed_outputs(out)
    resumed = os.waitstatus_to_exitcode(os.waitpid(run(resume=True), 0)[1])
    found = {
        "step": step,
        "killed": killed,
        "kept": kept,
        "through": through,
        "report": reported,
        "before": None if content is None else content.hex(),
        "status": resumed,
        "after": out.read_bytes().hex() if out.exists() else None,
        "left": sorted(str(path.relative_to(out.parent)) for path in out.parent.rglob("*")),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
