"""Run the command as a process, and print as it does."""

import subprocess
import sys

from rich.console import Console, RenderableType

COMMAND = [sys.executable, "-m", "mnist_batch"]


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command and return what it said."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )


def printed(content: RenderableType, width: int = 80) -> list[str]:
    """Return the lines that the command prints into a pipe, without spaces at their ends."""
    console = Console(width=width, color_system=None, highlight=False, markup=False)
    with console.capture() as capture:
        console.print(content, soft_wrap=True)
    return [line.rstrip() for line in capture.get().splitlines()]
