"""What a notebook shows: a bar while a run goes on, and a result with its figures."""

import base64
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.inference.workers import Progress
from mnist_batch.remote.addresses import Place
from mnist_batch.reports.page import render

StateT = TypeVar("StateT")

_FIGURES = ("samples.png", "mistakes.png", "confusion_matrix.png")
"""The figures of a report that a result shows, in order."""

_PERIOD_S = 0.2
"""Seconds between two states of a bar: each is a message to the browser."""


class BarState(NamedTuple):
    """How far a bar is."""

    done: int
    total: int
    text: str  # what stands beside it


def image_bar() -> "Bar[Progress] | None":
    """Return a bar of images for `progress`; None where this is no notebook."""

    def state(progress: Progress) -> BarState:
        lacking = f", {progress.errors:,} without a prediction" if progress.errors else ""
        text = f"{progress.done:,} of {progress.total:,} images{lacking}"
        return BarState(progress.done, progress.total, text)

    return bar(state)


def bar(state: Callable[[StateT], BarState]) -> "Bar[StateT] | None":
    """Return a bar that shows states; None where this is no notebook.

    Whoever runs a notebook's kernel has imported IPython, and its shell has a kernel; that of a
    terminal has none.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return None if getattr(shell, "kernel", None) is None else Bar(state)


@dataclass
class Bar(Generic[StateT]):
    """A bar in the output of a cell, which the calls move on."""

    state: Callable[[StateT], BarState]
    _handle: Any = None
    _shown_s: float = 0.0

    def __call__(self, progress: StateT) -> None:
        """Show how far the run is, unless that was shown just now; the end always."""
        from IPython.display import display

        now, state = time.monotonic(), self.state(progress)
        if self._handle and now - self._shown_s < _PERIOD_S and state.done < state.total:
            return
        self._shown_s = now
        shown = {"text/plain": state.text, "text/html": render("bar.html", bar=state)}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(shown, raw=True)


def result_html(
    title: str, metrics: Metrics | None, files: Sequence[Place], notes: Sequence[str]
) -> str:
    """Return a result as HTML for the output of a cell, whole without any file.

    Args:
        title: what it is, as the name of the predictions file.
        metrics: what was counted; None for nothing.
        files: of its report; those that are figures and still there, on this machine, are shown.
        notes: what the user should know.
    """
    by_name = {path.name: path for path in files if isinstance(path, Path)}
    figures = [by_name[name] for name in _FIGURES if name in by_name]
    images = [
        (path.name, base64.b64encode(path.read_bytes()).decode())
        for path in figures
        if path.is_file()
    ]
    page = by_name.get("index.html")
    return render(
        "result.html", title=title, metrics=metrics, images=images, page=page, notes=notes
    )


def scores(metrics: Metrics) -> str:
    """Return what was counted in few words, for a short `repr`."""
    accuracy = metrics.accuracy
    accurate = "" if accuracy is None else f", accuracy {accuracy:.4f}"
    lacking = f", {metrics.errors:,} without a prediction" if metrics.errors else ""
    return f"{metrics.rows:,} rows{accurate}{lacking}"
