"""The process of a command: how it starts and ends."""

import subprocess
import sys
from importlib.metadata import version

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
    assert ended.stdout == ("" if status else f"mnist-batch {version('mnist-batch')}\n")
    assert ("--no-such-option" in ended.stderr) == bool(status)
