"""All that a run of `predict` writes: the predictions, their report and pictures."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from mnist_batch.commands.command_lines import evaluate_line
from mnist_batch.commands.runs.run import Run
from mnist_batch.commands.runs.summary import Summary
from mnist_batch.errors import OutputError
from mnist_batch.evaluation.evaluator import Evaluation
from mnist_batch.evaluation.found_images import find_images
from mnist_batch.inputs.dataset.layout import MANIFEST
from mnist_batch.options import OutputFormat, PredictOptions
from mnist_batch.outputs.kinds import (
    absolute,
    check_folder,
    committed_outputs,
    dataset_sink,
    is_file,
    place_in,
    rows_kept,
)
from mnist_batch.outputs.parts.staging import Staging
from mnist_batch.outputs.places import (
    Claim,
    check_apart,
    check_outside,
    claims_of_predictions,
    files_written,
)
from mnist_batch.outputs.prepared_folder import PreparedFolder
from mnist_batch.outputs.targets import why_failed
from mnist_batch.outputs.writer import Sink, check_output
from mnist_batch.remote.addresses import Place, path_here
from mnist_batch.reports.evaluation.places import report_at, report_place
from mnist_batch.reports.page import Around
from mnist_batch.reports.report import claims_of_report

if TYPE_CHECKING:
    from mnist_batch.outputs.dataset.dataset_sink import DatasetSink
    from mnist_batch.outputs.stored.stored_dataset import StoredDataset


class RunOutputs(AbstractContextManager["RunOutputs", None]):
    """The predictions of a run, their report and pictures; a context locks these two.

    Attributes:
        out: the predictions file, or the folder of such files.
        folders: of the report and of the pictures, where they are wanted.
        files: the files that are written by their names: predictions and report.
        pictures: writes the pictures of prepared images; None for none.
        report: writes the report; None for none.
    """

    def __init__(
        self,
        out: Place,
        inputs: Sequence[str | Path],
        options: PredictOptions,
        around: Around | None,
    ) -> None:
        """Refuse what cannot be written, as `predict_with` says; nothing is touched."""
        wanted = options.output
        self.out = out
        self._options = options
        self._around = around
        self._committed = committed_outputs(out) if wanted.resume else frozenset()
        self._is_dataset = wanted.format is OutputFormat.DATASET
        whole = place_in(out, MANIFEST) if self._is_dataset else out
        if wanted.resume and is_file(whole) and not self._may_replace(out):
            raise OutputError(
                f"{out} exists already, and an interrupted run is to replace it; pass "
                "--overwrite too"
                if rows_kept(out)
                else f"{out} exists already, so there is nothing to resume; pass --overwrite to "
                "predict it again"
            )
        check = check_folder if self._is_dataset else check_output
        check(out, overwrite=self._may_replace(out))
        report = report_place(out, wanted.report, is_folder=self._is_dataset)
        pictures = _pictures_folder(wanted.save_prepared)
        self.folders = [folder for folder in (report, pictures) if folder]
        of_report = claims_of_report(report)
        self.files = files_written(out, of_report, is_dataset=self._is_dataset)
        check_apart(
            [
                *claims_of_predictions(out),
                *of_report,
                *([Claim(pictures, "the pictures of --save-prepared")] if pictures else []),
            ]
        )
        check_outside(self.files, self.folders, inputs)
        self.pictures: PreparedFolder | None = None
        if pictures:
            may_replace = self._may_replace(pictures)
            self.pictures = PreparedFolder(pictures, overwrite=may_replace, inputs=inputs)
        self.report = report_at(report, overwrite=self._may_replace(report)) if report else None

    def __enter__(self) -> Self:
        """Lock the folders of the report and of the pictures until the end of the run."""
        with ExitStack() as entered:
            for output in (self.report, self.pictures):
                if output:
                    entered.enter_context(output)
            self._entered = entered.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Unlock them, and remove what is not in place."""
        self._entered.close()

    def sink(self, staging: Staging, schema: pa.Schema) -> "Sink | DatasetSink | StoredDataset":
        """Begin the predictions, of a schema, in the folder of the parts or from its files."""
        may_replace = self._may_replace(self.out)
        if self._is_dataset:
            return dataset_sink(self.out, schema, staging, overwrite=may_replace, shard=self._shard)
        return Sink(self.out, schema, overwrite=may_replace, folder=staging.path)

    def complete(
        self, run: Run, evaluation: Evaluation, record: Mapping[str, Any], command: str
    ) -> None:
        """Put report and pictures beside the predictions, which are in place.

        No failure costs these: what cannot be made is in a note of the summary.
        """
        if self.report:
            self.report.retire()  # it is on other predictions now
        if self.pictures:
            self.pictures.commit()
        if self.report:
            try:
                evaluation = _with_images(evaluation, run)
            except Exception as error:  # noqa: BLE001 - the report is a guest of the predictions
                has_mistakes = evaluation.metrics.correct < evaluation.metrics.scored
                for name in ("samples.png", *(["mistakes.png"] if has_mistakes else [])):
                    self.report.missing[name] = why_failed(error)
                evaluation = evaluation.without_images()
            self.report.stage(evaluation, record, command=command, around=self._around)
            self.report.commit()

    def summary(
        self, run: Run, evaluation: Evaluation, record: Mapping[str, Any], notes: Sequence[str]
    ) -> Summary:
        """Return what was written, and what the user should know of it."""
        pictures, report = self.pictures, self.report
        has_pictures = pictures is not None and pictures.failure is None
        notes = [*notes, *(pictures.notes() if pictures else [])]
        if report:
            again = evaluate_line(
                [self.out],
                report.folder,
                images=run.inputs,
                image_column=self._options.read.image_column,
                sample_seed=self._options.output.sample_seed or None,
            )
            how = f"the predictions are complete; to make it again: {again}"
            notes += [*report.notes, *report.note(how)]
        return Summary(
            predictions=self.out,
            metrics=evaluation.metrics,
            run=record,
            report_files=report.files if report else [],
            report_missing=list(report.missing) if report else [],
            notes=notes,
            profile=evaluation.profile,
            unreadable=evaluation.unreadable,
            slices=evaluation.slices,
            prepared_folder=pictures.target if pictures and has_pictures else None,
            prepared_pictures=pictures.written if pictures else 0,
            uncounted_sources=len(run.opened.uncounted),
            shard=self._shard,
        )

    @property
    def _shard(self) -> str | None:
        return str(self._options.share) if self._options.share else None

    def _may_replace(self, place: Place) -> bool:
        return self._options.output.overwrite or absolute(place) in self._committed


def _pictures_folder(wanted: str | Path | None) -> Path | None:
    """Return the folder of the pictures of `--save-prepared`, None for none."""
    return None if wanted is None else path_here(wanted, "pictures of prepared images are")


def _with_images(evaluation: Evaluation, run: Run) -> Evaluation:
    """Return it with its images; they are read again where an earlier run predicted the rows."""
    if evaluation.has_images:
        return evaluation
    how = run.prepare, run.options.several
    return evaluation.with_images(
        lambda places: find_images(places, run.opened, evaluation.pictures, *how)
    )
