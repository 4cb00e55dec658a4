"""Evaluate predictions files, without predicting again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mnist_batch.commands.command_lines import evaluate_line
from mnist_batch.commands.predictions_files import common_run, find_predictions
from mnist_batch.commands.runs.summary import Summary
from mnist_batch.errors import OutputError, PredictionsError
from mnist_batch.evaluation.evaluator import Evaluation, Evaluator
from mnist_batch.evaluation.found_images import FoundImage, find_images
from mnist_batch.evaluation.found_images import Place as ImagePlace
from mnist_batch.evaluation.late_labels import LateLabels
from mnist_batch.inputs.dataset.layout import is_dataset
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.nights.night_folder import around_report
from mnist_batch.options import (
    NO_LABELS,
    Inputs,
    Orientation,
    Prepare,
    ReadOptions,
    Several,
    input_list,
)
from mnist_batch.outputs.kinds import place_in
from mnist_batch.outputs.places import (
    check_apart,
    check_not_read,
    check_outside,
    claims_of_predictions,
)
from mnist_batch.outputs.reader import PredictionsFile
from mnist_batch.outputs.stored.copies import copies_here
from mnist_batch.remote.addresses import Place, is_remote, place_of
from mnist_batch.reports.evaluation.places import AnyReport, report_at, report_place
from mnist_batch.reports.report import claims_of_report
from mnist_batch.schema import renumbered, shortened


def evaluate(
    predictions: Inputs,
    *,
    labels: str | Path | None = None,
    slices: Sequence[str] = (),
    report: str | Path | bool = True,
    images: Inputs | None = None,
    image_column: str | None = None,
    sample_seed: int | None = None,
    overwrite: bool = False,
) -> Summary:
    """Evaluate predictions, and make their report again; several files are evaluated as one.

    Args:
        predictions: files or folders that `predict` wrote, folders of such files, or globs.
        labels: a CSV file of labels that came later, see Labels in Formats; they alone count then.
            None for the labels in the files.
        slices: columns that the predictions keep, by whose values the report counts; where none
            is given, those of the run that predicted the first file.
        report: the report's folder; True for `<predictions without suffix>.report`, for one file
            alone; False for none.
        images: the inputs that were predicted, for the images of the report; None to leave them
            out.
        image_column: the Parquet column of `images`; None to find it.
        sample_seed: chooses the ten images; None for the choice of the run that predicted.
        overwrite: replace a report that exists.

    Raises:
        PredictionsError: a file cannot be read or is no predictions file; no file has a column to
            slice by.
        LabelError: the file of labels cannot be read, or names none of the predictions.
        InputError: `images` cannot be read or are not those that were predicted.
        OutputError: the report exists or cannot be written, or has no place.
    """
    named = input_list(predictions)
    stored = [one.rstrip("/") for one in named if isinstance(one, str) and is_remote(one)]
    with copies_here(stored) as copies:
        by_address = dict(zip(stored, copies, strict=True))
        files = find_predictions(by_address.get(str(one).rstrip("/"), one) for one in named)
        addresses = dict(zip(copies, stored, strict=True))
        wanted = _Wanted(
            files=files,
            names=[addresses.get(path, path) for path in files],
            labels=labels,
            slices=tuple(dict.fromkeys(slices)),
            inputs=None if images is None else input_list(images),
            image_column=image_column,
            sample_seed=sample_seed,
        )
        return _reported(wanted, report, overwrite=overwrite)


def evaluate_joined(
    out: Place,
    report: "AnyReport | None",
    *,
    images: Sequence[str | Path] | None,
    image_column: str | None,
    run: Mapping[str, Any],
) -> Summary:
    """Evaluate what `merge` wrote, into a report that it has locked.

    Args:
        out: the predictions.
        report: the report to make; None for none.
        images: as of `evaluate`.
        image_column: as of `evaluate`.
        run: how the predictions were made, which a CSV file does not say itself.
    """
    with copies_here([out] if isinstance(out, str) else []) as copies:
        files = copies or [Path(out)]
        wanted = _Wanted(files, [out], None, (), images, image_column, None, run)
        return _evaluate(wanted, report)


def _reported(wanted: "_Wanted", report: str | Path | bool, *, overwrite: bool) -> Summary:
    """Evaluate into a report, where one is wanted, which lies apart from all that is read."""
    folder = _report_place(wanted, report)
    if folder is None:
        return _evaluate(wanted, None)
    claims = claims_of_report(folder)
    for name in wanted.names:
        check_apart([*claims_of_predictions(name), *claims])
    check_outside([], [folder], wanted.inputs or [])
    written = [claim.path for claim in claims if not claim.is_shared]
    labels = [] if wanted.labels is None else [wanted.labels]
    check_not_read(written, [*wanted.names, *labels])
    with report_at(folder, overwrite=overwrite) as writer:
        return _evaluate(wanted, writer)


def _report_place(wanted: "_Wanted", report: str | Path | bool) -> Place | None:
    """Return where the report goes, None for none: that on several files has to be named."""
    if report is True and len(wanted.files) > 1:
        raise OutputError(
            f"{len(wanted.files):,} predictions files: no place for their report; name its folder "
            "with --report DIR, or pass --no-report"
        )
    return report_place(wanted.names[0], report, is_folder=is_dataset(wanted.files[0]))


@dataclass(frozen=True)
class _Wanted:
    """What is to be evaluated, and how: the arguments of `evaluate`."""

    files: Sequence[Path]
    names: Sequence[Place]  # of the files: they are copies of what lies on object storage
    labels: str | Path | None
    slices: Sequence[str]
    inputs: Sequence[str | Path] | None
    image_column: str | None
    sample_seed: int | None
    run: Mapping[str, Any] | None = None  # how files were made that do not say it themselves

    def command(self, report: Place) -> str:
        """Return the line that makes the report again in a shell."""
        return evaluate_line(
            self.names,
            report,
            labels=self.labels,
            slices=self.slices,
            images=self.inputs or (),
            image_column=self.image_column,
            sample_seed=self.sample_seed,
        )


class _Read:
    """The rows of all files, and what is known of them once they are read.

    Attributes:
        runs: the record of each file's run, None where it has none.
        notes: what the user should know, one sentence each.
    """

    def __init__(self, wanted: _Wanted) -> None:
        self.runs: list[Mapping[str, Any] | None] = []
        self.notes: list[str] = []
        self._wanted = wanted
        self._labels: LateLabels | None = None

    def evaluator(self, report: "AnyReport | None") -> Evaluator:
        """Read all rows, and return the evaluator that has them."""
        evaluator, wanted = None, self._wanted
        slices, found = wanted.slices, set[str]()
        listed = _further(wanted.files) if report else []  # in mistakes.csv
        for path in wanted.files:
            with PredictionsFile(path) as file:
                run = file.run or wanted.run
                self.runs.append(run)
                if evaluator is None:
                    classes = file.classes
                    if wanted.labels is not None:
                        self._labels = LateLabels(place_of(wanted.labels), classes)
                    slices = slices or _slices_of(file, run)
                    seed = wanted.sample_seed
                    if seed is None:
                        seed = _options(run).get("sample_seed", 0)
                    mistakes = report.mistakes if report else None
                    shown = report is not None
                    evaluator = Evaluator(
                        seed,
                        slices,
                        mistakes=mistakes,
                        with_gallery=shown,
                        classes=classes,
                    )
                numbers = file.classes.numbers_in(classes)
                if numbers is None:
                    raise PredictionsError(
                        f"{path}: its {file.classes.count} {file.classes.noun_of_many} are not "
                        f"those of {wanted.files[0]} ({classes.count}); evaluate them apart"
                    )
                columns = list(dict.fromkeys([*listed, *slices]))
                there = [name for name in columns if name in file.further]
                found |= {*there}
                for batch in self._batches(file, there, numbers):
                    evaluator.add(_with_columns(batch, columns))
        for name in slices:
            if name not in found:
                raise PredictionsError(
                    f"{wanted.files[0]}: no column {name!r} to slice by; predict again with "
                    f"--slice, or evaluate by one that is there"
                )
        if self._labels:
            self.notes += self._labels.notes()
        assert evaluator is not None  # there is at least one file
        return evaluator

    def _batches(
        self, file: PredictionsFile, further: Sequence[str], numbers: NDArray[np.int64]
    ) -> Iterator[pa.RecordBatch]:
        for read in file.batches(further):
            batch = renumbered(read, numbers)
            yield self._labels.label(batch, file.path) if self._labels else batch

    def ways_to_prepare(self) -> Sequence[Prepare]:
        """Return how the images of all files may have been prepared, the likeliest way first.

        It is one, unless no file says how it was made, as no CSV file does.

        Raises:
            PredictionsError: some otherwise than others, or in an unknown way.
        """
        ways = {
            prepare_of(_options(run), path): path
            for run, path in zip(self.runs, self._wanted.files, strict=True)
            if run is not None
        }
        if not ways:
            return (Prepare.AUTO, Prepare.NEVER, Prepare.ALWAYS)
        if len(ways) > 1:
            (one, path), (other, second) = list(ways.items())[:2]
            raise PredictionsError(
                f"{path} was predicted with --prepare {one}, {second} with {other}; evaluate them "
                "apart, or without --images"
            )
        return [*ways]

    def open_images(self, inputs: Sequence[str | Path]) -> OpenInputs:
        """Return the inputs that were predicted, as they were read then.

        Raises:
            PredictionsError: of some files rows and columns were changed over, of others not.
        """
        stated = {
            str(_options(run).get("orientation", Orientation.UPRIGHT))
            for run in self.runs
            if run is not None
        }
        if len(stated) > 1:
            raise PredictionsError(
                "some of the files were predicted with --orientation transposed, others without; "
                "evaluate them apart, or without --images"
            )
        transposed = stated == {str(Orientation.TRANSPOSED)}
        return open_inputs(
            inputs,
            ReadOptions(
                self._wanted.image_column,
                labels=NO_LABELS,
                orientation=Orientation.TRANSPOSED if transposed else Orientation.UPRIGHT,
            ),
        )


def _further(files: Sequence[Path]) -> list[str]:
    """Return the further columns that files have, each once."""
    names: dict[str, None] = {}
    for path in files:
        with PredictionsFile(path) as file:
            names |= {name: None for name in file.further if file.further.count(name) == 1}
    return [*names]


def _slices_of(file: PredictionsFile, run: Mapping[str, Any] | None) -> Sequence[str]:
    """Return the columns by which the run of a file was sliced, so far as they are there."""
    names = _options(run).get("slices")
    return [name for name in names if name in file.further] if isinstance(names, list) else []


def _options(run: Mapping[str, Any] | None) -> Mapping[str, Any]:
    options: Mapping[str, Any] = (run or {}).get("options", {})
    return options


def _with_columns(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """Return rows with columns of text in order, null where their file has none of the name."""
    for name in names:
        if name not in batch.schema.names:
            batch = batch.append_column(name, pa.nulls(len(batch), pa.string()))
    return batch.select([name for name in batch.schema.names if name not in names] + [*names])


def _evaluate(wanted: _Wanted, report: "AnyReport | None") -> Summary:
    """Count the rows of all files, and write their report whole or not at all."""
    read = _Read(wanted)
    evaluator = read.evaluator(report)
    evaluation, notes = evaluator.evaluation(), read.notes
    if wanted.inputs is not None:
        opened = read.open_images(wanted.inputs)
        evaluation = _with_images(evaluation, opened, read.ways_to_prepare())
    of_images = [(run or {}).get("images") for run in read.runs]
    evaluation = replace(evaluation, profile=evaluation.profile.with_images(of_images))
    run = common_run(read.runs)
    if report:
        around = around_report(report.folder) if isinstance(report.folder, Path) else None
        report.stage(evaluation, run, command=wanted.command(report.folder), around=around)
        report.check_whole()
        if wanted.inputs is None:
            notes.append(_without_images(report))
        report.commit()
        report.check_whole()
        notes += report.notes
    return Summary(
        predictions=wanted.names[0],
        metrics=evaluation.metrics,
        run=run,
        report_files=report.files if report else [],
        notes=notes,
        profile=evaluation.profile,
        unreadable=evaluation.unreadable,
        slices=evaluation.slices,
        further_predictions=wanted.names[1:],
    )


def _without_images(report: AnyReport) -> str:
    """Return the note that the page has no images, be it that the earlier one had."""
    page = f"{place_in(report.folder, 'index.html')} shows no images"
    if report.kept:
        files = " and ".join(report.kept)
        return f"{page}, {files} are of the earlier report: pass --images INPUT to show them again"
    return f"{page}, and samples.png is not drawn: pass --images INPUT for them"


def _with_images(evaluation: Evaluation, opened: OpenInputs, ways: Sequence[Prepare]) -> Evaluation:
    """Return an evaluation with images, read from the inputs that were predicted.

    Of several ways to prepare them it is the first one that prepares just those images that are
    prepared by the predictions; the first of all where none does.
    """
    prepared = {one.index: one.prepared for cell in evaluation.gallery for one in cell.images}

    several = Several.SPLIT if evaluation.is_split else Several.ERROR

    def find(places: Sequence[ImagePlace]) -> Mapping[int, FoundImage]:
        attempts = (find_images(places, opened, evaluation.pictures, way, several) for way in ways)
        first = next(attempts)
        for found in chain([first], attempts):
            if all(found[index].prepared == told for index, told in prepared.items()):
                return found
        return first

    return evaluation.with_images(find)


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
