"""Run `predict` into a folder in forks of a process, and kill each before another of its steps.

It is started by test_dataset_sink_killed.py with a JSON object on its command line: `images` (a
folder), `out` (a folder in one that holds nothing else) and `overwrite`. It prints a JSON object
for each run that was killed, after one with the files of an undisturbed run.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from PIL import Image

import mnist_batch
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts
from tests.support.killed_runs import watch


def main() -> None:
    """Do what the command line says."""
    order = json.loads(sys.argv[1])
    images, out, overwrite = Path(order["images"]), Path(order["out"]), order["overwrite"]
    patch = pytest.MonkeyPatch()
    patch.setattr(image_files, "SHARD_ROWS", 16)
    patch.setattr(image_files, "PART_SHARDS", 1)
    patch.setattr(parts, "BLOCKS", 0)
    model = mnist_batch.load_model()
    Image.init()  # here, and not in each fork

    def run(*, resume: bool, kill_before: int | None = None, steps: Path | None = None) -> int:
        """Run in a fork, and return how it ended."""
        process = os.fork()
        if process == 0:
            status = 1
            try:
                if kill_before is not None or steps is not None:
                    watch(out.parent, kill_before, steps)
                written = {"report": False, "overwrite": overwrite, "resume": resume}
                mnist_batch.predict(images, f"{out}/", model=model, **written)
                status = 0
            except Exception as error:  # noqa: BLE001 - the fork ends here, whatever it is
                sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

    def reset() -> None:
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir()
        if overwrite:  # with fewer digits than the run has
            mnist_batch.predict(images / "0", f"{out}/", model=model, report=False)

    def files() -> dict[str, str] | None:
        """Return what is in the folder, the record of the run apart; None for no folder."""
        if not out.exists():
            return None
        found = {path.name: path.read_bytes().hex() for path in out.iterdir()}
        if "_manifest.json" in found:
            manifest = json.loads((out / "_manifest.json").read_text())
            found["_manifest.json"] = json.dumps(manifest["parts"])
        return found

    reset()
    old, log = files(), out.parent.parent / "steps"
    assert run(resume=False, steps=log) == 0
    sys.stdout.write(json.dumps({"old": old, "whole": files()}) + "\n")
    for number, step in enumerate(log.read_text().splitlines()):
        reset()
        killed = run(resume=False, kill_before=number) == -signal.SIGKILL
        before = files()
        status = run(resume=True)
        told = {"step": step, "killed": killed, "before": before, "status": status}
        left = sorted(path.name for path in out.parent.iterdir())
        sys.stdout.write(json.dumps({**told, "after": files(), "left": left}) + "\n")


if __name__ == "__main__":
    main()
