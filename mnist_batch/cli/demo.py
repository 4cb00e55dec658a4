"""Write a hundred sample digits to a new folder, so that every command of the README can be tried.

They are PNG files in folders named 0 to 9, the digits that they show.

Example: mnist-batch demo samples
"""

from pathlib import Path
from typing import Annotated

import typer

from mnist_batch.cli.printing import terminal

_Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]

_COUNT = 100


def demo(folder: _Folder = Path("digits"), quiet: _Quiet = False) -> None:
    from mnist_batch.commands.command_lines import as_argument, shell_line
    from mnist_batch.synthetic import generator

    generator.write_folder(folder, _COUNT)
    if not quiet:
        words = ["mnist-batch", "predict", as_argument(folder), "--out", "predictions.parquet"]
        terminal.show(f"{_COUNT} digits in {folder}; to predict them: {shell_line(words)}")
