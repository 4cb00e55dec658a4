"""The process of a command: how it starts and ends."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest


def test_an_interrupt_while_the_command_is_imported_ends_it_as_later_on() -> None:
    """In the first tenths of a second, without a traceback."""
    code = """
import sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from mnist_batch.__main__ import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["--no-such-option"], 2)])
def test_the_module_is_the_command(arguments: list[str], status: int) -> None:
    """`python -m mnist_batch` prints and ends as `mnist-batch` does; all that it printed is out."""
    ended = subprocess.run(
        [sys.executable, "-m", "mnist_batch", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status
    first = [] if status else [f"mnist-batch {version('mnist-batch')}"]
    assert ended.stdout.splitlines()[:1] == first
    assert ("--no-such-option" in ended.stderr) == bool(status)


def test_the_process_that_draws_starts_where_there_will_be_figures() -> None:
    """Ahead of all imports: by the arguments as they are, not parsed."""
    drawing = ["predict d --out a.csv", "predict d --out=a.csv --report r", "evaluate a.csv"]
    drawing += ["nightly d --runs nights"]
    others = ["predict d --out a.csv --no-report", "predict d", "predict --out a.csv --help"]
    others += ["evaluate a.csv --no-report", "pack d --out a.parquet", "--help", ""]
    code = """
import sys
from mnist_batch.__main__ import draw_ahead
from mnist_batch.reports import drawing_process
for line in sys.argv[1:]:
    drawing_process.start_process = lambda: print(line)
    draw_ahead(line.split())
"""
    started = subprocess.run(
        [sys.executable, "-c", code, *drawing, *others], capture_output=True, text=True, check=True
    )
    assert started.stdout.splitlines() == drawing


def test_the_process_that_draws_ends_with_a_command_that_failed(tmp_path: Path) -> None:
    """By SIGKILL, while it may still be importing."""
    code = """
import os, sys
from mnist_batch import __main__
from mnist_batch.reports import drawing_process
drawing_process.available_workers = lambda: 2
os._exit = lambda status: print(status, drawing_process._drawer.process.wait(120))
sys.argv[1:] = ["evaluate", "gone.csv"]
__main__.main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert ended.stdout.splitlines() == ["1 -9"]
