"""Evaluate a predictions file, without predicting again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_batch.commands.run import Summary
from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.evaluator import Evaluator
from mnist_batch.evaluation.found_images import find_images
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import (
    NO_LABELS,
    Inputs,
    Prepare,
    ReadOptions,
    input_list,
)
from mnist_batch.outputs.places import check_apart, check_outside, claims_of_predictions
from mnist_batch.outputs.reader import PredictionsFile
from mnist_batch.reports.report import Report, claims_of_report, report_folder
from mnist_batch.schema import shortened


def evaluate(
    predictions: str | Path,
    *,
    report: str | Path | bool = True,
    images: Inputs | None = None,
    image_column: str | None = None,
    sample_seed: int | None = None,
    overwrite: bool = False,
) -> Summary:
    """Evaluate a predictions file, and make its report again.

    Args:
        predictions: a file that `predict` wrote, Parquet or CSV.
        report: the report's folder; True for `<predictions without suffix>.report`, False for none.
        images: the inputs that were predicted, for `samples.png`; None to leave it out.
        image_column: the Parquet column of `images`; None to find it.
        sample_seed: chooses the ten images; None for the choice of the run that predicted.
        overwrite: replace a report that exists.

    Raises:
        PredictionsError: the file cannot be read or is no predictions file.
        InputError: `images` cannot be read or are not those that were predicted.
        OutputError: the report exists or cannot be written.
    """
    with PredictionsFile(Path(predictions)) as file:
        inputs = None if images is None else input_list(images)
        folder = report_folder(file.path, report)
        if folder is None:
            return _evaluate(file, inputs, image_column, sample_seed, None)
        check_apart([*claims_of_predictions(file.path), *claims_of_report(folder)])
        check_outside([], [folder], inputs or [])
        with Report(folder, overwrite=overwrite) as writer:
            return _evaluate(file, inputs, image_column, sample_seed, writer)


def _evaluate(
    file: PredictionsFile,
    inputs: Sequence[str | Path] | None,
    image_column: str | None,
    sample_seed: int | None,
    report: Report | None,
) -> Summary:
    """Count the rows of a file, and write its report whole or not at all."""
    options = (file.run or {}).get("options", {})
    if sample_seed is None:
        sample_seed = options.get("sample_seed", 0)
    evaluator = Evaluator(sample_seed, mistakes=report.mistakes if report else None)
    for batch in file.batches():
        evaluator.add(batch)
    evaluation, notes = evaluator.evaluation(), []
    if inputs is not None:
        opened = open_inputs(inputs, ReadOptions(image_column, labels=NO_LABELS))
        prepare = prepare_of(options, file.path)
        evaluation = evaluation.with_images(
            lambda places: find_images(places, opened, evaluator.rows, prepare)
        )
    elif report:
        notes.append("samples.png is not drawn: pass --images INPUT for it")
    if report:
        report.stage(evaluation, file.run)
        report.check_whole()
        report.commit()
        report.check_whole()
        notes += report.notes
    return Summary(
        predictions=file.path,
        metrics=evaluation.metrics,
        run=file.run,
        report_files=report.files if report else [],
        notes=notes,
        profile=evaluation.profile,
        unreadable=evaluation.unreadable,
    )


def prepare_of(options: Mapping[str, Any], file: Path) -> Prepare:
    """Return how the images of a predictions file were prepared."""
    name = options.get("prepare", Prepare.NEVER)  # of releases that had no other way
    try:
        return Prepare(name)
    except ValueError:
        raise PredictionsError(
            f"{file}: its metadata says prepare {shortened(repr(name))}; expected "
            f"{', '.join(Prepare)}; predict again"
        ) from None
