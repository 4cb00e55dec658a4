"""The report: a folder of metrics, tables and pictures, a guest of the result it is about."""

import contextlib
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mnist_batch.errors import OutputError
from mnist_batch.evaluation.evaluator import Evaluation
from mnist_batch.outputs.atomic import StagedFile
from mnist_batch.outputs.kinds import place_in
from mnist_batch.outputs.mistakes import Mistakes
from mnist_batch.outputs.output_lock import OutputLock
from mnist_batch.outputs.places import Claim
from mnist_batch.outputs.targets import behind_links, check_writable, output_errors, why_failed
from mnist_batch.remote.addresses import Place
from mnist_batch.reports import contact_sheet, figures
from mnist_batch.reports.drawing_process import Drawings
from mnist_batch.reports.evaluation import class_figures
from mnist_batch.reports.page import Around
from mnist_batch.reports.records import (
    confusion_table,
    history_table,
    metrics_record,
    per_class_table,
    slice_records,
    slices_table,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILES = (
    "metrics.json",
    "index.html",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "per_class.csv",
    "per_class.png",
    "slices.csv",
    "mistakes.csv",
    "predictions.png",
    "samples.png",
    "mistakes.png",
    "history.csv",
    "learning_curves.png",
)
"""Every name a report may use; other files in its folder are never touched."""


WHOLE = "metrics.json"
"""The file that stands for the whole report: it goes first, and comes last."""

_OF_IMAGES = ("samples.png", "mistakes.png")
"""The files that can only be made where the images are at hand."""


class Report(AbstractContextManager["Report", None]):
    """A report in its folder: `stage` makes its files, `commit` puts them in place.

    A file that cannot be made, for whatever reason, does not keep the others from being made: it is
    `missing`. The context keeps other runs from the folder.

    A reader takes a report for one where `metrics.json` is there, and all files of a report beside
    it are of the run that it names. For it is removed before another file changes, and comes when
    all others are in place; a run that is killed in between leaves a folder without it.

    Attributes:
        folder: where the files go; the context makes it if it does not exist.
        files: the files that are in place.
        kept: names of files of an earlier report on the same predictions that stay; after `stage`.
        missing: why, by name, for each file that belongs to the report and is not in place.
        notes: what the user should know of the folder, one sentence each.
        mistakes: takes the wrong rows, for `mistakes.csv`, before the files are made.
    """

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        """Check that a report can be written; nothing is touched.

        Raises:
            OutputError: `folder` is a file, or cannot be written or made, or holds files of a
                report and `overwrite` is false.
        """
        self.folder = folder
        self.files: list[Path] = []
        self.missing: dict[str, str] = {}
        self._overwrite = overwrite
        self._staged: dict[str, StagedFile] = {}
        self.kept: list[str] = []
        self.mistakes = Mistakes(folder)
        self._lock = OutputLock(folder, inside=True)
        self.notes = self._lock.notes
        self._check()

    def __enter__(self) -> Self:
        """Keep other runs from the folder.

        Raises:
            OutputInUseError: another run writes a report there.
            OutputError: the folder cannot be written, or another run has written a report there
                since and `overwrite` is false.
        """
        with ExitStack() as entered:
            entered.enter_context(self._lock)
            self._check()
            entered.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is not in place, and let other runs in."""
        self.mistakes.close()
        for staged in self._staged.values():
            staged.discard()
        self._lock.__exit__()

    def retire(self) -> None:
        """Let an earlier report that is to be replaced no longer pass for one."""
        if self._overwrite:
            with self._making(WHOLE):
                behind_links(self.folder / WHOLE).unlink(missing_ok=True)  # a link stays one

    def stage(
        self,
        evaluation: Evaluation,
        run: Mapping[str, Any] | None,
        *,
        command: str | None = None,
        history: Mapping[str, Sequence[float]] | None = None,
        around: Around | None = None,
    ) -> None:
        """Make all files, under temporary names.

        With scored rows, they are the confusion matrix and the numbers per class; without, the
        histogram of the predictions.

        Args:
            evaluation: what is reported; samples are drawn if they have images.
            run: how the predictions were made, put into `metrics.json` as it is.
            command: the line that repeats the run in a shell; None where nobody knows it.
            history: one number per epoch and name, as Keras' `History.history`.
            around: what the page belongs to; None for nothing.
        """
        metrics = evaluation.metrics

        def page() -> str:
            # Takes 30 ms to import, and is not needed by who writes no report.
            from mnist_batch.reports.evaluation.report_page import report_page

            return report_page(
                evaluation,
                run,
                command=command,
                history=history,
                has_mistakes="mistakes.csv" in self._staged,
                around=around,
            )

        record = {**metrics_record(metrics, run), "slices": slice_records(evaluation.slices)}
        with Drawings() as drawings:  # while the rest is made
            requested = self._request_figures(drawings, evaluation, run, history)
            if metrics.scored:
                self._stage_table("confusion_matrix.csv", confusion_table(metrics))
                self._stage_table("per_class.csv", per_class_table(metrics))
                self._stage_table("slices.csv", slices_table(evaluation.slices))
                self._stage("mistakes.csv", self.mistakes.write_to)
            if history is not None:
                self._stage_table("history.csv", history_table(history))
            with self._making("samples.png"):
                if not evaluation.has_images and self._is_of(record):
                    # Drawn when the images were at hand.
                    self.kept = [name for name in _OF_IMAGES if (self.folder / name).exists()]
            self._stage("index.html", lambda path: path.write_text(page(), encoding="utf-8"))
            for name in requested:
                self._stage(name, drawings.wait)
        text = json.dumps(record, indent=2) + "\n"
        self._stage(WHOLE, lambda path: path.write_text(text, encoding="utf-8"))

    def _request_figures(
        self,
        drawings: Drawings,
        evaluation: Evaluation,
        run: Mapping[str, Any] | None,
        history: Mapping[str, Sequence[float]] | None,
    ) -> list[str]:
        """Let the figures be drawn, and return the names of their files."""
        metrics, samples, caption = evaluation.metrics, evaluation.samples, figures.made_by(run)
        drawn = figures if metrics.classes.are_digits else class_figures
        wanted: dict[str, tuple[Callable[..., Figure], tuple[object, ...]]] = {}
        if metrics.scored:
            of_metrics = metrics, caption
            wanted["confusion_matrix.png"] = drawn.confusion_matrix_figure, of_metrics
            wanted["per_class.png"] = drawn.per_class_figure, of_metrics
        elif metrics.rows:
            wanted["predictions.png"] = drawn.prediction_histogram_figure, (metrics, caption)
        if samples.images is not None and len(samples.index):
            tiles = contact_sheet.sample_tiles(samples, metrics.classes)
            wanted["samples.png"] = contact_sheet.samples_figure, (tiles,)
        if mistakes := contact_sheet.mistake_tiles(evaluation.gallery, metrics.classes):
            count = metrics.scored - metrics.correct
            wanted["mistakes.png"] = contact_sheet.mistakes_figure, (mistakes, count, caption)
        if history is not None:
            wanted["learning_curves.png"] = figures.learning_curves_figure, (history,)
        for name, (make, content) in wanted.items():
            with self._making(name):
                drawings.request(make, content, self._begin(name).path)
        return [name for name in wanted if name in self._staged]

    def commit(self) -> None:
        """Rename the files to their names, and remove those of an earlier report."""
        self.retire()
        for name in [name for name in self._staged if name != WHOLE]:
            self._put(name)
        for name in {*FILES} - {WHOLE} - {*self.kept} - {path.name for path in self.files}:
            with self._making(WHOLE):
                self._clear(self.folder / name)
        if WHOLE not in self.missing:
            self._put(WHOLE)

    def check_whole(self) -> None:
        """Raise `OutputError` where a file is missing."""
        for name, why in self.missing.items():
            raise OutputError(
                f"{self.folder / name} could not be made: {why}; make room, or name another place"
            )

    def note(self, again: str) -> list[str]:
        """Return a sentence on what is missing, none if nothing is; `again` says how to make it."""
        return missing_note(self.folder, self.missing, again)

    def _check(self) -> None:
        with output_errors(self.folder):  # which may not be looked into
            if not self.folder.is_dir():
                if self.folder.exists():
                    raise OutputError(f"{self.folder} is a file; name a folder for the report")
                check_writable(self.folder, overwrite=self._overwrite)
                return
            for name in FILES:
                if (self.folder / name).exists() and not self._overwrite:
                    raise OutputError(
                        f"{self.folder} holds a report already ({name}); name another by "
                        "--report, or pass --overwrite"
                    )
                check_writable(self.folder / name, overwrite=self._overwrite)

    def _is_of(self, record: Mapping[str, Any]) -> bool:
        """Tell whether the report in the folder is on the same predictions, however sliced."""
        path = self.folder / WHOLE
        if not path.is_file():
            return False
        try:
            earlier = json.loads(path.read_bytes())
        except (ValueError, RecursionError):  # not of this package
            return False
        now = json.loads(json.dumps(record))
        return isinstance(earlier, dict) and {**earlier, "slices": 0} == {**now, "slices": 0}

    def _stage_table(self, name: str, rows: Iterable[Sequence[object]]) -> None:
        def write(path: Path) -> None:
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)

        self._stage(name, write)

    def _begin(self, name: str) -> StagedFile:
        """Return the file of a name, which is begun if it is not."""
        if name not in self._staged:
            self._staged[name] = StagedFile(self.folder / name, overwrite=self._overwrite)
        return self._staged[name]

    def _stage(self, name: str, write: Callable[[Path], object]) -> None:
        with self._making(name):
            staged = self._begin(name)
            try:
                write(staged.path)
            except Exception:
                self._staged.pop(name).discard()  # a full disk has room for the others then
                raise

    def _put(self, name: str) -> None:
        with self._making(name):
            self._staged[name].commit()
            self.files.append(self._staged[name].target)

    def _clear(self, path: Path) -> None:
        """Remove a file that is not of this report; what may not be removed must not be there."""
        if self._overwrite:
            path.unlink(missing_ok=True)
        else:
            check_writable(path, overwrite=False)

    @contextlib.contextmanager
    def _making(self, name: str) -> Iterator[None]:
        """Let a file be missing if it cannot be made: matplotlib may raise anything."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the report is a guest of the result
            self.missing.setdefault(name, why_failed(error))


def missing_note(folder: Place, missing: Mapping[str, str], again: str) -> list[str]:
    """Return a sentence on what a report lacks, and why, by name; none if nothing."""
    if not missing:
        return []
    names, why = ", ".join(missing), next(iter(missing.values()))
    return [f"the report {folder} lacks {names} ({why}); {again}"]


def report_folder(out: Path, report: str | Path | bool, *, is_folder: bool = False) -> Path | None:
    """Return where the report on `out` goes: True for `<out without suffix>.report`.

    A folder has no suffix: the report on `runs.5/` is `runs.5.report`.
    """
    if report is True:
        return out.with_name(f"{out.name}.report") if is_folder else out.with_suffix(".report")
    return Path(report) if report else None


def claims_of_report(folder: Place | None) -> list[Claim]:
    """Return where a report is written, for `places.check_apart`."""
    if folder is None:
        return []
    files = [Claim(place_in(folder, name), "the report") for name in FILES]
    return [Claim(folder, "the report", is_shared=True), *files]
