"""Time a model and an input on this machine, and recommend batch size, workers and device.

Reading, decoding and the network are timed separately, then together. The output ends with the part
that limits the speed and the command line to copy. At most the first 20,000 images are used.

INPUT is what predict takes; without one, digits are drawn.

--save NAME keeps this run in .mnist-batch/benchmarks of the working folder; --against NAME says
whether a later run is faster, slower, or that nobody can tell.

Example: mnist-batch benchmark digits/ --batch-sizes 256,2048 --seconds 0.2
"""

from functools import partial
from typing import Annotated

import typer

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.benchmark import benchmark_page
from mnist_batch.cli.shared import groups, parameters
from mnist_batch.options import BATCH_SIZES, LARGEST_BATCH, Device, PredictorChoice

_measuring = partial(typer.Option, rich_help_panel="Measuring")
"""An option in a panel of this command's help."""

_DEFAULT_SIZES = ",".join(map(str, BATCH_SIZES))

_Inputs = Annotated[
    list[str] | None,
    typer.Argument(metavar="INPUT", help="What to read; several may follow one another."),
]
_Device = Annotated[
    Device, parameters.running(help="Device to measure; auto measures every one there is.")
]
_BatchSizes = Annotated[str, _measuring(metavar="N,N,...", help="Batch sizes to measure.")]
_Seconds = Annotated[
    float, _measuring(min=0, max=3600, help="Seconds to measure each setting, about.")
]


def _run_name(name: str | None) -> str | None:
    """Refuse what is no name of a saved run."""
    if name is not None:
        from mnist_batch.tuning.saved_runs import path_of

        try:
            path_of(name)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    return name


_Save = Annotated[
    str | None,
    _measuring(
        metavar="NAME",
        callback=_run_name,
        help="Save this run as NAME, to hold later runs against it.",
    ),
]
_Against = Annotated[
    str | None,
    _measuring(metavar="NAME", callback=_run_name, help="Judge this run by the one saved as NAME."),
]


def benchmark(
    inputs: _Inputs = None,
    model: parameters.ModelFile = None,
    predictor: parameters.PredictorName = PredictorChoice.AUTO,
    scale: parameters.PixelScale = None,
    device: _Device = Device.AUTO,
    *,
    reading: groups.Reading,
    batch_sizes: _BatchSizes = _DEFAULT_SIZES,
    seconds: _Seconds = 1.0,
    save: _Save = None,
    against: _Against = None,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    from mnist_batch.tuning.benchmark import NotSavedError

    sizes = _sizes(batch_sizes)
    columns = ["bar", "elapsed", "{task.description}"]
    show = partial(terminal.show_result, page=benchmark_page, quiet=quiet, as_json=as_json)
    try:
        with terminal.progress_bar(columns, _bar_fields, quiet=quiet) as progress:
            result = mnist_batch.benchmark(
                inputs or [],
                model=model,
                predictor=predictor,
                scale=scale,
                device=device,
                **vars(reading),
                batch_sizes=sizes,
                seconds=seconds,
                save=save,
                against=against,
                progress=progress,
            )
    except NotSavedError as error:
        show(error.result)  # for what was measured need not be measured again
        raise
    show(result)


def _bar_fields(measured: str, _: float) -> dict[str, str]:
    """Return the fields of the bar, which has no end and names what is being measured."""
    return {"description": measured}


def _sizes(batch_sizes: str) -> list[int]:
    """Return the numbers of `--batch-sizes`."""
    numbers = [number.strip() for number in batch_sizes.split(",")]
    # isascii: isdecimal alone takes the digits of every script. And `int` takes no 5,000 digits.
    if not all(
        number.isascii()
        and number.isdecimal()
        and len(number) <= len(str(LARGEST_BATCH))
        and 1 <= int(number) <= LARGEST_BATCH
        for number in numbers
    ):
        raise typer.BadParameter(
            f"{batch_sizes[:60]!r}: expected whole numbers from 1 to {LARGEST_BATCH}, "
            "as in 256,2048",
            param_hint="'--batch-sizes'",
        )
    return [int(number) for number in numbers]
