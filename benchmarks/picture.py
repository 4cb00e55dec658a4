"""The results as a picture: throughput by way, and over the batch size."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import NETWORK, Result, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_picture(run: Run, path: Path) -> None:
    """Write a PNG: the ways that are compared, on a log axis, and the network by batch size."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    ways, sizes = figure.subplots(1, 2)
    _draw_ways(ways, _ways(run))
    _draw_sizes(sizes, run.groups().get(NETWORK, ()))
    cpu = run.machine["cpu"].get("brand_raw", "unknown processor")
    figure.suptitle(f"mnist-batch on {run.machine['cores']} cores, {cpu}; data: {run.data['name']}")
    figure.savefig(path, dpi=120)


def _ways(run: Run) -> Sequence[Result]:
    """Return those that are timed against each other, each by the most images that it had."""
    best: dict[str, Result] = {}
    for result in run.results:
        if result.row.ratio_of and result.images_per_s:
            before = best.get(result.row.name)
            if before is None or (result.row.rows or 0) > (before.row.rows or 0):
                best[result.row.name] = result
    return sorted(best.values(), key=lambda result: result.images_per_s or 0)


def _draw_ways(axes: "Axes", results: Sequence[Result]) -> None:
    names = [f"{result.row.name}\n{result.row.rows:,} images" for result in results]
    speeds = [result.images_per_s or 0 for result in results]
    colours = ["C0" if name.startswith("mnist-batch") else "0.6" for name in names]
    bars = axes.barh(names, speeds, color=colours)
    axes.bar_label(bars, [f" {speed:,.0f}" for speed in speeds])
    axes.set_xscale("log")
    axes.set_xlim(right=max(speeds, default=1) * 4)  # room for the numbers
    axes.set_xlabel("images/s, disk to written predictions")
    axes.set_title("By way")


def _draw_sizes(axes: "Axes", results: Sequence[Result]) -> None:
    lines: dict[str, list[tuple[int, float]]] = {}
    for result in results:
        name = result.row.name.partition(", batch ")[0]
        # On the CPU a copy alone is nearly nothing, and says nothing of the network.
        if result.row.batch_size and result.images_per_s and not name.endswith("copy alone"):
            lines.setdefault(name, []).append((result.row.batch_size, result.images_per_s))
    for name, points in lines.items():
        sizes, speeds = zip(*sorted(points), strict=True)
        axes.plot(sizes, speeds, marker="o", label=name)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("batch size")
    axes.set_ylabel("images/s, network on resident pixels")
    axes.set_title("By batch size")
    axes.grid(alpha=0.3)
    if lines:
        axes.legend()
