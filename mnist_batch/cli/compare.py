"""Compare two runs over the same images, and tell whether the new one is worse beyond chance.

BASE and NEW are predictions, their report folders, or nights. Rows are joined on source and
row, else on path or content. Exit status 5 says that NEW is worse, in all or on a digit.

Example: mnist-batch compare base.parquet new.parquet --out comparison --images digits/
"""

from typing import Annotated

import typer

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.comparison import comparison_page, why_worse
from mnist_batch.cli.shared import gates, parameters

_Base = Annotated[str, typer.Argument(metavar="BASE", help="What NEW is held against.")]
_New = Annotated[str, typer.Argument(metavar="NEW", help="The new run.")]
_Out = Annotated[
    str | None,
    parameters.writing(
        metavar="DIR", help="Write a page, a table of all rows that changed, and a record here."
    ),
]
_Images = Annotated[
    list[str] | None,
    parameters.reading(
        metavar="INPUT",
        help="The INPUT that NEW predicted, to show the images on the page; repeat for several.",
    ),
]
_On = Annotated[
    str | None,
    parameters.reading(
        metavar="COLUMN|content", help="Join rows on this column, instead of source and row."
    ),
]


def compare(
    base: _Base,
    new: _New,
    out: _Out = None,
    images: _Images = None,
    on: _On = None,
    max_drop: parameters.MaxDrop = 0.1,
    overwrite: parameters.Overwrite = False,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    if images and out is None:
        raise typer.BadParameter("they are shown on the page of --out", param_hint="'--images'")
    result = mnist_batch.compare(
        base, new, out=out, images=images, on=on, max_drop=max_drop, overwrite=overwrite
    )
    terminal.show_result(result, comparison_page, quiet=quiet, as_json=as_json)
    if result.comparison.is_worse:
        terminal.say(f"error: {why_worse(result.comparison)}")
        raise typer.Exit(gates.WORSE_STATUS)
