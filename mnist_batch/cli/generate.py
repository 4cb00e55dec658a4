"""Draw digits as pen strokes: sample images, to try things with.

They are in MNIST's form, or look like your own handwriting: on paper, scanned or cut out; in a
photo of a sheet; drawn on a screen with a mouse.

Example: mnist-batch generate --style paper --count 200 --out paper.parquet
"""

from pathlib import Path
from typing import Annotated

import typer

from mnist_batch.cli.printing import terminal
from mnist_batch.options import Style

_Out = Annotated[Path, typer.Option(help="A Parquet file (.parquet), or else a new folder.")]
_Count = Annotated[int, typer.Option(min=1, help="How many images, 0 to 9 in turn.")]
_Style = Annotated[
    Style, typer.Option(metavar="STYLE", help=f"What the images look like: {', '.join(Style)}.")
]
_Seed = Annotated[int, typer.Option(min=0, help="Another seed draws other images.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
_Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a Parquet file that exists.")
]


def generate(
    out: _Out,
    count: _Count = 100,
    style: _Style = Style.MNIST,
    seed: _Seed = 0,
    overwrite: _Overwrite = False,
    quiet: _Quiet = False,
) -> None:
    from mnist_batch.synthetic import generator

    if out.suffix.lower() == ".parquet":
        generator.write_parquet(out, count, style=style, seed=seed, overwrite=overwrite)
    else:
        generator.write_folder(out, count, style=style, seed=seed)
    if not quiet:
        terminal.show(f"{count:,} {'digit' if count == 1 else 'digits'} in {out}")
