"""Predict into the folder of a night, hold it against an earlier one, and tell what changed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

from mnist_batch.commands.command_lines import nightly_line, shell_line
from mnist_batch.commands.compare import comparison_command, images_to_show
from mnist_batch.commands.predict import predict_with
from mnist_batch.commands.runs.summary import Summary
from mnist_batch.errors import OutputError
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs.finding.find import STDIN
from mnist_batch.inputs.finding.listing import glob_root
from mnist_batch.nights.baseline.choice import PASSED, check_against
from mnist_batch.nights.gates import GateLimits
from mnist_batch.nights.history.index import read_history
from mnist_batch.nights.new_night import NewNight, check_name
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_files import publish, write_comparison_page, write_files
from mnist_batch.nights.night_folder import (
    COMPARISON,
    INDEX,
    JUNIT,
    PREDICTIONS,
    REPORT,
    SUMMARY,
    Nights,
    around,
)
from mnist_batch.nights.remote_runs import runs_at
from mnist_batch.nights.retention import remove_old_predictions
from mnist_batch.nights.runs import Runs
from mnist_batch.nights.tonight import Predicted, Tonight
from mnist_batch.options import (
    BATCH_ROWS,
    Device,
    EngineOptions,
    ErrorBudget,
    Inputs,
    ModelOptions,
    OutputOptions,
    PredictOptions,
    PredictorChoice,
    Prepare,
    ReadArguments,
    ReadOptions,
    Scale,
    Several,
    input_list,
    memory_size,
)
from mnist_batch.outputs.places import check_outside, is_inside
from mnist_batch.outputs.targets import output_errors, why_failed
from mnist_batch.reports.notebook import image_bar, result_html, scores
from mnist_batch.schema import shortened

_LONGEST_NAMES = 500
"""Characters of the names of nights in a note: the first one with `--keep-nights` has them all."""


@dataclass(frozen=True)
class NightlyOptions:
    """What `nightly` takes beside the options of `predict`; the fields are its arguments."""

    limits: GateLimits
    name: str | None = None
    against: str = PASSED
    max_drop: float = 0.1
    keep_nights: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is out of range, before anything is written."""
        if self.name is not None:
            check_name(self.name)
        for name, value, low, high in (
            ("max_drop", self.max_drop, 0, 100),
            ("min_accuracy", self.limits.min_accuracy, 0, 1),
            ("patience", self.limits.patience, 1, math.inf),
            ("keep_nights", self.keep_nights, 1, math.inf),
        ):
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}; expected {low} to {high}")


@dataclass(frozen=True)
class NightlyResult:
    """The result of `nightly`.

    Attributes:
        night: what `run.json` holds.
        folder: of the night: a path, or an address of object storage.
        summary: of its predictions, by the names that its files have in the end.
        notes: what the user should know, one sentence each.
        warnings: what was asked for and could not be had, one sentence each: a comparison.
        pages: what there is to be read, by what it is, the most readable first.
    """

    night: Night
    folder: Path | str
    summary: Summary
    notes: Sequence[str]
    warnings: Sequence[str]
    pages: Mapping[str, str]

    def __repr__(self) -> str:
        """Return the night and what was counted, in one line."""
        return f"<NightlyResult {self.night.name}: {scores(self.summary.metrics)}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows of the predictions, with the notes of the night."""
        files, notes = self.summary.report_files, [*self.warnings, *self.notes]
        return result_html(str(self.folder), self.summary.metrics, files, notes)

    def record(self) -> dict[str, Any]:
        """Return what `run.json` holds, warnings and notes, and where the night is."""
        notes = [*self.warnings, *self.notes]
        return {**self.night.record(), "notes": notes, "folder": str(self.folder)}


class PredictArguments(ReadArguments, total=False):
    """The arguments of `predict` that `nightly` takes too, with the same meaning and defaults."""

    model: str | Path | Predictor | None
    predictor: PredictorChoice | str
    scale: Scale | str | None
    device: Device | str
    prepare: Prepare | str
    several: Several | str
    batch_size: int
    workers: int | None
    memory: str | None
    probabilities: bool
    sample_seed: int
    keep_columns: Sequence[str]
    slices: Sequence[str]


def nightly(
    inputs: Inputs,
    runs: str | Path,
    *,
    name: str | None = None,
    against: str | Path = PASSED,
    max_drop: float = 0.1,
    min_accuracy: float | None = None,
    max_errors: str = "0",
    require_labels: bool = False,
    patience: int = 1,
    keep_nights: int | None = None,
    isolate: bool = True,
    part_timeout: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    **predicting: Unpack[PredictArguments],
) -> NightlyResult:
    """Predict into a new folder among those of earlier nights, and tell what changed.

    Args:
        inputs: what to predict: the INPUTs of the command.
        runs: the folder of the nights, made where it is missing; or an address of object storage.
        name: of the night; None for the UTC date, with the time where that date is taken.
        against: `passed` for the last night of the same images that missed no gate, `previous` for
            the one before, `best` for the one with the highest accuracy; the name of a night; or a
            predictions file.
        max_drop: the drop of accuracy in percentage points that is let pass, however sure it is.
        min_accuracy: the least accuracy, 0 to 1.
        max_errors: the rows without a prediction that are let pass, as `10` or `0.5%`.
        require_labels: miss a gate where no row has a label.
        patience: nights in a row on which a gate has to be missed to fail.
        keep_nights: how many nights keep their predictions; None for all.
        isolate: whether worker processes predict, as `predict` says; here they do by default.
        part_timeout: seconds after which a process is ended, and its part tried again; None for
            3600.
        progress: called after each batch, in the calling thread.
        **predicting: arguments of `predict`, see `PredictArguments`.

    Raises:
        MnistBatchError: as of `predict`; no night is left then.
        ValueError: an argument is out of range.
    """
    limits = GateLimits(ErrorBudget.parse(max_errors), min_accuracy, require_labels, patience)
    options = NightlyOptions(limits, name, str(against), max_drop, keep_nights)
    how = replace(
        _predict_options(**predicting),
        isolate=isolate,
        engine=EngineOptions(part_timeout=part_timeout),
    )
    model = predicting.get("model")
    progress = progress or image_bar()
    with runs_at(runs) as there, there.telling():
        return nightly_with(input_list(inputs), there, model, how, options, progress)


def _predict_options(
    *,
    model: object = None,
    predictor: PredictorChoice | str = PredictorChoice.AUTO,
    scale: Scale | str | None = None,
    device: Device | str = Device.AUTO,
    prepare: Prepare | str = Prepare.AUTO,
    batch_size: int = BATCH_ROWS,
    workers: int | None = None,
    memory: str | None = None,
    probabilities: bool = False,
    sample_seed: int = 0,
    keep_columns: Sequence[str] = (),
    slices: Sequence[str] = (),
    several: Several | str = Several.ERROR,
    **reading: Unpack[ReadArguments],
) -> PredictOptions:
    """Return the options of `predict` for arguments of `nightly`."""
    return PredictOptions(
        ReadOptions.of([*keep_columns, *slices], **reading),
        ModelOptions(predictor, scale, device, batch_size),
        OutputOptions(sample_seed=sample_seed, slices=tuple(slices)),
        Prepare(prepare),
        workers,
        probabilities=probabilities,
        memory=memory_size(memory),
        content_hash=True,
        several=Several(several),
    )


def nightly_with(
    inputs: Sequence[str | Path],
    runs: Runs,
    model: str | Path | Predictor | None,
    how: PredictOptions,
    options: NightlyOptions,
    progress: Callable[[Progress], None] | None = None,
) -> NightlyResult:
    """Make a night as `nightly` does.

    Raises:
        OutputError: the folder cannot be written, the name is taken, or inputs and nights lie in
            one another.
        PredictionsError: `against` is neither a night nor a predictions file, or its predictions
            cannot be read.
        MnistBatchError: as of `predict_with`.
    """
    _check_apart(inputs, runs)
    folder = runs.folder
    with output_errors(folder):
        earlier, notes = read_history(folder) if folder.exists() else Nights([], [])
    check_against(runs, earlier, options.against)
    began = datetime.now(UTC)
    command = nightly_line(inputs, str(runs), model, how)
    with (
        runs.claimed(options.name, began) as name,
        NewNight(folder, name, began) as new,
        new.telling(),
    ):
        notes = [*notes, *_tidy(runs, earlier, options)]  # first, for the disk may be full
        summary = predict_with(
            *(inputs, new.folder / PREDICTIONS, model, how, progress, command),
            around=around(new.name, "Summary"),
        )
        tonight = Tonight(
            runs, earlier, _predicted(summary), options.against, options.max_drop / 100
        )
        night = tonight.night(new.name, began, options.limits)
        page_notes = _comparison_page(new, tonight, inputs, runs, options.max_drop)
        notes = [*notes, *tonight.notes, *page_notes]
        told = _told(summary, new, notes)
        said = [*tonight.warnings, *told.notes]
        write_files(new.folder, night, tonight, told.unreadable, said)
        new.commit()
        runs.publish(new.name)
    notes = [*told.notes, *_tidy(runs, [*earlier, night], options)]
    notes += [*_index(runs), *publish(new.place)]
    return _result(runs, new, night, replace(told, notes=notes), tonight.warnings)


def _result(
    runs: Runs, new: NewNight, night: Night, summary: Summary, warnings: Sequence[str]
) -> NightlyResult:
    """Return what is told of a night that is in place."""
    files = {
        "all nights": runs.folder / INDEX,
        "report": new.place / REPORT / INDEX,
        "comparison": new.place / COMPARISON / INDEX,
        "summary": new.place / SUMMARY,
        "JUnit": new.place / JUNIT,
    }
    told = replace(
        summary,
        predictions=runs.shown(Path(summary.predictions)),
        report_files=[runs.shown(Path(file)) for file in summary.report_files],
        notes=list(map(runs.told, summary.notes)),
    )
    return NightlyResult(
        night=night,
        folder=runs.shown(new.place),
        summary=told,
        notes=told.notes,
        warnings=list(map(runs.told, warnings)),
        pages={what: str(runs.shown(path)) for what, path in files.items() if path.is_file()},
    )


def _comparison_page(
    new: NewNight, tonight: Tonight, inputs: Sequence[str | Path], runs: Runs, max_drop: float
) -> list[str]:
    """Write the page of the comparison; return a note where it is missing."""
    held = tonight.held
    base = runs.folder / held.name if held.night else Path(held.name)
    # A list that came on standard input has gone through, and its images with it.
    shown = None if STDIN in inputs else inputs
    command = comparison_command(base, new.place, new.place / COMPARISON, shown, None, max_drop)
    return write_comparison_page(
        new.folder,
        new.place,
        tonight,
        lambda compared: images_to_show(compared, shown) if shown else {},
        command,
    )


def _predicted(summary: Summary) -> Predicted:
    return Predicted(
        file=Path(summary.predictions),
        metrics=summary.metrics,
        profile=summary.profile,
        run=summary.run or {},
        uncounted=summary.uncounted_sources,
    )


def _told(summary: Summary, new: NewNight, notes: Sequence[str]) -> Summary:
    """Return a summary that names the place of the night, not the hidden folder, with notes."""
    return replace(
        summary,
        predictions=new.place / PREDICTIONS,
        report_files=[new.place / REPORT / Path(file).name for file in summary.report_files],
        notes=[*notes, *map(new.told, summary.notes)],
    )


def _check_apart(inputs: Sequence[str | Path], runs: Runs) -> None:
    """Refuse inputs among the nights, and nights among the inputs."""
    check_outside([], [runs.folder], inputs)
    for item in map(str, inputs):
        if item != STDIN and _overlap(item, runs):
            raise OutputError(
                f"{item}: lies in {runs}, which is for the nights alone; name another place for "
                "one of them"
            )


def _overlap(item: str, runs: Runs) -> bool:
    if "://" in item:  # an address, in which the next run would read the nights too
        one, other = (f"{address.rstrip('/')}/" for address in (item, str(runs)))
        return one.startswith(other) or other.startswith(one)
    return is_inside(Path(glob_root(item)), runs.folder)


def _tidy(runs: Runs, nights: Sequence[Night], options: NightlyOptions) -> list[str]:
    """Remove the predictions of old nights where that is wanted; return a note on them."""
    if options.keep_nights is None:
        return []
    try:
        removed = remove_old_predictions(runs, nights, options.keep_nights, options.against)
    except Exception as error:  # noqa: BLE001 - no night is lost by it
        return [f"old predictions in {runs} were not removed ({why_failed(error)})"]
    names = shortened(", ".join(removed), _LONGEST_NAMES)
    return [f"predictions of old nights, removed: {names}"] if removed else []


def _index(runs: Runs) -> list[str]:
    """Make the page of all nights again, which costs no night; return a note where it is old."""
    try:
        runs.write_index()
    except Exception as error:  # noqa: BLE001 - the night is in place
        again = shell_line(["mnist-batch", "history", str(runs)])
        page, why = runs.folder / INDEX, why_failed(error)
        return [f"{page} was not made again ({why}); to make it: {again}"]
    return []
