"""Make the page of all nights again from their folders, and print the last ones.

Folders that were removed, damaged or copied from another machine do no harm.

Example: mnist-batch history nights
"""

from typing import Annotated

import typer

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.nights import nights_page
from mnist_batch.cli.shared import parameters

_Runs = Annotated[
    str, typer.Argument(metavar="DIR", help="Folder of the nights, that --runs of nightly names.")
]


def history(
    runs: _Runs, quiet: parameters.Quiet = False, as_json: parameters.AsJson = False
) -> None:
    result = mnist_batch.history(runs)
    terminal.show_result(result, nights_page, quiet=quiet, as_json=as_json)
