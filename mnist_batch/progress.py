"""A bar on standard error that shows how far a job is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from mnist_batch.jobs import Progress


@contextmanager
def prediction_bar() -> Iterator[Callable[[Progress], None]]:
    """Yield what moves the bar, to be passed to `jobs.predict`; the bar goes when it is done."""
    columns = (
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,} images"),
        TextColumn("{task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[errors]:,} errors"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=0, rate=0.0, errors=0)

        def move(progress: Progress) -> None:
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                rate=bar.tasks[0].speed or 0.0,
                errors=progress.errors,
            )

        yield move
