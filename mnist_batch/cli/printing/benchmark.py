"""What `mnist-batch benchmark` prints."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mnist_batch.cli.printing.terminal import facts, named_lines, page, printable, table, text

if TYPE_CHECKING:
    from mnist_batch.cli.printing.terminal import Page
    from mnist_batch.tuning.comparison import Comparison
    from mnist_batch.tuning.recommendation import BenchmarkResult


def benchmark_page(result: "BenchmarkResult") -> "Page":
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
    return page(
        named_lines(lines),
        "",
        _measurements(result),
        text(
            *(f"not run: {one.what}: {one.reason}" for one in result.not_run),
            "",
            _binding(result),
            result.binding.advice,
            "",
            f"recommended, for {speed:,.0f} images/s once it has started:",
            result.command,
        ),
        *_comparison(result.comparison),
        *([text("", f"saved as {result.saved}")] if result.saved else []),
    )


def _measurements(result: "BenchmarkResult") -> "Page":
    rows = []
    for one in result.measurements:
        runner = f"{one.predictor}, {one.device}" if one.predictor else "cpu"
        setting = (f"{one.batch_size:,}", str(one.workers))
        speed = (f"{one.images_per_s:,.0f}", f"{one.spread:.0%}")
        rows.append((str(one.stage), runner, *setting, *speed))
    header = ("part", "runs on", "batch", "workers", "images/s", "spread")
    bold = result.measurements.index(result.recommended)
    return table("llrrrr", rows, header=header, bold=bold)


def _binding(result: "BenchmarkResult") -> str:
    """Return the slowest part and its speed, then the speeds of the others."""
    speeds = dict(result.binding.images_per_s)
    slowest = speeds.pop(result.binding.stage)
    others = ", ".join(f"{part} {speed:,.0f}" for part, speed in speeds.items())
    return f"{result.binding.stage} binds: {slowest:,.0f} images/s; {others}"


def _comparison(found: "Comparison | None") -> "Iterator[Page]":
    """Yield what a saved run says of this one: the verdict, and how it was come to."""
    if found is None:
        return
    said = f"{found.verdict}"
    if interval := found.interval:
        said += (
            f": {interval.ratio:.2f} times as fast as then "
            f"(95 % interval {interval.low:.2f} to {interval.high:.2f})"
        )
    if found.same_within is not None:
        said += f"; the same within {math.ceil(100 * found.same_within)} %"
    how = {
        "in turns": "the saved model and this one now, in turns",
        "over time": f"with the rounds of then: {found.reason}",
        "not compared": f"not at all: {found.reason}",
    }
    saved = found.saved_utc[:16].replace("T", " ")
    lines = {
        "against": f"{found.against}, saved {saved} UTC",
        "verdict": said,
        "compared": how[found.way],
    }
    if found.machine is not None:
        lines["machine"] = f"{found.machine:.2f} times as fast as then, by the calibration"
    lines["changed"] = ", ".join(found.changed) or "nothing that is known"
    yield text("")
    yield facts({name: printable(value) for name, value in lines.items()})
