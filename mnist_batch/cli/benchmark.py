"""Time a model and an input on this machine, and recommend batch size, workers and device.

Reading, decoding and the network are timed separately, then together. The output ends with the part
that limits the speed and the command line to copy. At most the first 20,000 images are used.

INPUT is what predict takes; without one, digits are drawn.

Example: mnist-batch benchmark digits/ --batch-sizes 256,2048 --seconds 0.2
"""

from functools import partial
from typing import Annotated

import typer

import mnist_batch
from mnist_batch.cli.printing import terminal
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
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    sizes = _sizes(batch_sizes)
    columns = ["bar", "elapsed", "{task.description}"]
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
            progress=progress,
        )
    terminal.show_result(result, benchmark_page, quiet=quiet, as_json=as_json)


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


def benchmark_page(result: "mnist_batch.BenchmarkResult") -> "terminal.Page":
    """Return the speed of each part at each setting, which part binds, and what to run."""
    inputs = ", ".join(result.inputs) or "generated digits, for want of an INPUT"
    used = "all" if result.rows_used == result.rows else f"the first {result.rows_used:,}"
    cpu = result.machine["cpu"] or "unknown processor"
    lines = [
        ("images", f"{used} of {result.rows:,}: {inputs}"),
        ("model", str(result.model["name"])),
        ("machine", f"{cpu}, cores: {result.machine['cores']}"),
    ]
    if result.accuracy is not None:
        lines.append(("accuracy", f"{result.accuracy:.4f} of {result.labelled:,} with a label"))
    speed = result.recommended.images_per_s
    return terminal.page(
        terminal.named_lines(lines),
        "",
        _measurements(result),
        terminal.text(
            *(f"not run: {one.what}: {one.reason}" for one in result.not_run),
            "",
            _binding(result),
            result.binding.advice,
            "",
            f"recommended, for {speed:,.0f} images/s once it has started:",
            result.command,
        ),
    )


def _measurements(result: "mnist_batch.BenchmarkResult") -> "terminal.Page":
    rows = []
    for one in result.measurements:
        runner = f"{one.predictor}, {one.device}" if one.predictor else "cpu"
        setting = (f"{one.batch_size:,}", str(one.workers))
        speed = (f"{one.images_per_s:,.0f}", f"{one.spread:.0%}")
        rows.append((str(one.stage), runner, *setting, *speed))
    header = ("part", "runs on", "batch", "workers", "images/s", "spread")
    bold = result.measurements.index(result.recommended)
    return terminal.table("llrrrr", rows, header=header, bold=bold)


def _binding(result: "mnist_batch.BenchmarkResult") -> str:
    """Return the slowest part and its speed, then the speeds of the others."""
    speeds = dict(result.binding.images_per_s)
    slowest = speeds.pop(result.binding.stage)
    others = ", ".join(f"{part} {speed:,.0f}" for part, speed in speeds.items())
    return f"{result.binding.stage} binds: {slowest:,.0f} images/s; {others}"
