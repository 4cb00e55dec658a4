"""The results as a picture: throughput by way, and over the batch size."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import NETWORK, Result, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_picture(run: Run, path: Path) -> None:
    """Write a PNG: the ways that are compared, and the network by batch size, on log axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    ways, sizes = figure.subplots(1, 2)
    _draw_ways(ways, _ways(run))
    _draw_sizes(sizes, run.groups().get(NETWORK, ()))
    cpu = run.machine["cpu"].get("brand_raw", "unknown processor")
    figure.suptitle(f"mnist-batch on {run.machine['cores']} cores, {cpu}; data: {run.data['name']}")
    figure.savefig(path, dpi=120)


def _ways(run: Run) -> Sequence[Result]:
    """Return what is timed against each other, the slowest first."""
    compared = [result for result in run.results if result.row.ratio_of and result.images_per_s]
    return sorted(compared, key=lambda result: result.images_per_s or 0)


def _draw_ways(axes: "Axes", results: Sequence[Result]) -> None:
    names = [f"{result.row.name}\n{result.row.group.removeprefix('Ways, ')}" for result in results]
    speeds = [result.images_per_s or 0 for result in results]
    ours = [result.row.name == result.row.ratio_of for result in results]
    # By number, not by name: two bars may be of the same name.
    bars = axes.barh(range(len(speeds)), speeds, color=["C0" if own else "0.7" for own in ours])
    axes.set_yticks(range(len(speeds)), names, fontsize=8)
    axes.bar_label(bars, [f" {speed:,.0f}" for speed in speeds], fontsize=8)
    if speeds:  # from the power of ten below the slowest, with room for the numbers
        axes.set_xscale("log")
        # From below the slowest: a bar's length on this axis means nothing, but it has to be seen.
        axes.set_xlim(10 ** math.floor(math.log10(min(speeds) / 3)), speeds[-1] * 4)
    axes.set_xlabel("images/s, disk to written predictions")
    axes.set_title("By way")


def _draw_sizes(axes: "Axes", results: Sequence[Result]) -> None:
    lines: dict[str, list[tuple[int, float]]] = {}
    for result in results:
        name = result.row.name
        # On the CPU a copy alone is nearly nothing, and says nothing of the network.
        if result.row.batch_size and result.images_per_s and not name.endswith(", copy"):
            lines.setdefault(name, []).append((result.row.batch_size, result.images_per_s))
    for name, points in lines.items():
        sizes, speeds = zip(*sorted(points), strict=True)
        axes.plot(sizes, speeds, marker="o", label=name)
    axes.set_xlabel("batch size")
    axes.set_ylabel("images/s, network on resident pixels")
    axes.set_title("By batch size")
    axes.grid(alpha=0.3)
    if lines:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.legend()
