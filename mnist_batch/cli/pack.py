"""Decode images once, into Parquet that gives the same predictions but faster.

Every image is a row of raw pixels, in input order, with its source, label and, where it cannot be
read, the reason. The predictions of the file are those of the INPUT, prepared so: for other classes
than digits pass --prepare never, or name them with --class-names.

INPUT is what predict takes.

Example: mnist-batch pack digits/ --out packed.parquet
"""

from typing import Annotated

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.summary import speed
from mnist_batch.cli.shared import gates, groups, parameters
from mnist_batch.options import Prepare

_Out = Annotated[
    str,
    parameters.writing(
        metavar="FILE|DIR/",
        help="The packed file, .parquet, or a folder of such files, here or s3://BUCKET/...",
    ),
]


def pack(
    inputs: parameters.InputList,
    out: _Out,
    prepare: parameters.PrepareChoice = Prepare.AUTO,
    *,
    reading: groups.Reading,
    workers: parameters.Threads = None,
    memory: parameters.Memory = None,
    output_format: parameters.FormatChoice = None,
    max_errors: parameters.MaxErrors = "0",
    overwrite: parameters.Overwrite = False,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    budget = gates.error_budget(max_errors)
    with terminal.image_bar(quiet=quiet) as progress:
        summary = mnist_batch.pack(
            inputs,
            out,
            prepare=prepare,
            **vars(reading),
            workers=workers,
            memory=memory,
            overwrite=overwrite,
            progress=progress,
            format=output_format,
        )
    terminal.show_result(summary, pack_page, quiet=quiet, as_json=as_json)
    gates.check_errors(
        budget,
        summary.errors,
        summary.rows,
        summary.uncounted_sources,
        lacking="an image",
        examples=summary.unreadable,
        out=out,
    )


def pack_page(summary: "mnist_batch.PackSummary") -> "terminal.Page":
    """Return how many images were packed, how large the file is, and how fast that was."""
    labelled = f"{summary.labelled:,}" if summary.labelled else "none"
    counts = f"{summary.rows - summary.errors:,} of {summary.rows:,} rows with an image"
    facts = [("packed", str(summary.out)), ("size", f"{summary.size_bytes / 1e6:,.1f} MB")]
    if summary.images_per_s:
        facts.append(("speed", speed(summary.images_per_s, summary.elapsed_s)))
    return terminal.page(
        terminal.text(f"{counts}; {labelled} with a label"),
        *terminal.reasons("Rows without an image", summary.errors_by_reason),
        "",
        terminal.named_lines(facts),
    )
