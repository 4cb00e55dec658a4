"""The results as a picture: throughput by way, and over the batch size."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import NETWORK, Result, Run
from benchmarks.table import processor, rounded
from benchmarks.ways import described

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

_INCHES_A_WAY = 0.5


def write_picture(run: Run, path: Path) -> None:
    """Write a PNG: the ways that are compared, and the network by batch size, on log axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    compared = _ways(run)
    height = max(5.5, 1.5 + _INCHES_A_WAY * (len(compared) + len({_of(one) for one in compared})))
    figure = Figure(figsize=(14, height), layout="constrained")
    FigureCanvasAgg(figure)
    network = [result for result in run.groups().get(NETWORK, ()) if result.seconds]
    widths = (3, 2) if network else (1,)
    ways, *sizes = figure.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0]
    _draw_ways(ways, compared)
    if sizes:
        _draw_sizes(sizes[0], network)
    version = run.machine["versions"].get("mnist-batch", "")
    figure.suptitle(
        f"mnist-batch {version} on {run.machine['cores']} cores, {processor(run)}; "
        f"data: {run.data['name']}; {'quick run' if run.quick else 'run'} of {run.time[:10]}"
    )
    figure.savefig(path, dpi=110)


def _ways(run: Run) -> Sequence[Result]:
    """Return what is timed against each other: by what is read, and in it the fastest first."""
    compared = [result for result in run.results if result.row.ratio_of and result.images_per_s]
    groups = list(run.groups())
    return sorted(compared, key=lambda one: (groups.index(one.row.group), -(one.images_per_s or 0)))


def _of(result: Result) -> str:
    """Return what a way reads."""
    return result.row.group.removeprefix("Ways, ")


def _draw_ways(axes: "Axes", results: Sequence[Result]) -> None:
    """Draw a dot for each way, with its interval: bars would have a length that means nothing."""
    place, names, places = 0, [], []
    for k, result in enumerate(results):
        if k == 0 or _of(result) != _of(results[k - 1]):
            axes.text(0, place, _of(result), transform=axes.get_yaxis_transform(), weight="bold")
            place += 1
        ours, speed = result.row.name == result.row.ratio_of, result.images_per_s or 0
        ends = [(result.row.rows or 0) / value for value in reversed(result.interval_s)]
        color = "C0" if ours else "0.35"
        axes.plot(ends, [place, place], color=color, linewidth=2)
        axes.plot([speed], [place], "o", color=color)
        axes.annotate(
            rounded(speed), (speed, place), (0, 6), textcoords="offset points", ha="center",
            fontsize=8, color=color,
        )  # fmt: skip
        what = textwrap.fill(described(result.row.name), 58)
        names.append(f"{result.row.name}\n{what}")
        places.append(place)
        place += 1
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(place, -1)
    if results:
        axes.set_xscale("log")
        axes.margins(x=0.12)
        _label(axes.xaxis)
    axes.grid(alpha=0.3, axis="x", which="both")
    axes.set_xlabel(
        "images/s from disk to written predictions, in warm processes, without a report"
    )
    axes.set_title("By way: the geometric mean of the rounds, and its 95 % interval")


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
    axes.set_ylabel("images/s, pixels in memory to probabilities")
    axes.set_title("The network by batch size")
    axes.grid(alpha=0.3)
    if lines:
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        _label(axes.yaxis)
        axes.set_xticks([16**power for power in range(5)])
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.legend()


def _label(axis: "Axis") -> None:
    """Write whole numbers at 1, 2 and 5 of each power of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:,.0f}")
    axis.set_minor_formatter(NullFormatter())
