"""A bar on standard error that shows how far a job is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from mnist_batch.inference.workers import Progress
from mnist_batch.training.fitting import TrainingProgress

_EPOCHS_S = 600.0  # epochs are slow: with rich's 30 s there would be too few to tell the speed of


@contextmanager
def prediction_bar() -> Iterator[Callable[[Progress], None]]:
    """Yield what moves the bar, to be passed to `jobs.predict`; the bar goes when it is done."""
    columns = (
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def move(progress: Progress) -> None:
            done = f"{progress.done:,}/{progress.total:,} images"
            speed = f"{bar.tasks[0].speed or 0:,.0f}/s"
            bar.update(
                task,
                description=f"{done}  {speed}  errors {progress.errors:,}",
                completed=progress.done,
                total=progress.total,
            )

        yield move


@contextmanager
def training_bar() -> Iterator[Callable[[TrainingProgress], None]]:
    """Yield what moves the bar, to be passed to `model.train`; the bar goes when it is done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[epochs]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[scores]}"),
    )
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, speed_estimate_period=_EPOCHS_S) as bar:
        # Until the first epoch ends there is only this to say; TensorFlow takes its seconds.
        task = bar.add_task("Starting", total=None, epochs="", scores="")

        def move(progress: TrainingProgress) -> None:
            scores = f"loss {progress.loss:.4f}"
            if progress.val_accuracy is not None:
                scores += f", validation accuracy {progress.val_accuracy:.4f}"
            bar.update(
                task,
                description="Training",
                completed=progress.epoch,
                total=progress.epochs,
                epochs=f"epoch {progress.epoch}/{progress.epochs}",
                scores=scores,
            )

        yield move


@contextmanager
def benchmark_bar() -> Iterator[Callable[[str], None]]:
    """Yield what says what is measured, to be passed to `tuning.benchmark`; it goes at the end."""
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda text: bar.update(task, description=text)
