"""Predict into the folder of a night, hold it against an earlier one, and tell what changed."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnist_batch.commands.predict import predict_with
from mnist_batch.commands.run import Summary
from mnist_batch.errors import OutputError
from mnist_batch.evaluation.input_profile import InputProfile
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs.listing import glob_root
from mnist_batch.nights.base import (
    PASSED,
    check_against,
    hold_against,
    setting_of_night,
)
from mnist_batch.nights.changes import changes, setting_of
from mnist_batch.nights.contents import read_contents
from mnist_batch.nights.gates import Evidence, GateLimits, ask_gates, status_of
from mnist_batch.nights.new_night import NewNight, check_name
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_folder import (
    JUNIT,
    PREDICTIONS,
    RECORD,
    REPORT,
    SUMMARY,
    read_nights,
)
from mnist_batch.nights.summaries.junit import junit
from mnist_batch.nights.summaries.markdown import Digest, Example, markdown
from mnist_batch.options import (
    BATCH_ROWS,
    Device,
    ErrorBudget,
    Inputs,
    ModelOptions,
    OutputOptions,
    PredictOptions,
    PredictorChoice,
    Prepare,
    ReadOptions,
    Scale,
    input_list,
    memory_size,
)
from mnist_batch.outputs.places import check_outside, is_inside
from mnist_batch.outputs.targets import output_errors, why_failed
from mnist_batch.schema import reason

_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown GitHub Actions shows on the page of a job."""

_EXAMPLES = 3
"""Rows without a prediction that are named per reason."""


@dataclass(frozen=True)
class NightlyOptions:
    """What `nightly` takes beside the options of `predict`; the fields are its arguments."""

    limits: GateLimits
    name: str | None = None
    against: str = PASSED
    max_drop: float = 0.1
    keep_nights: int | None = None


@dataclass(frozen=True)
class NightlyResult:
    """The result of `nightly`.

    Attributes:
        night: what `run.json` holds.
        folder: of the night.
        summary: of its predictions, by the names that its files have in the end.
        notes: what the user should know, one sentence each.
    """

    night: Night
    folder: Path
    summary: Summary
    notes: Sequence[str]

    def record(self) -> dict[str, Any]:
        """Return what `run.json` holds, the notes, and where the night is."""
        return {**self.night.record(), "notes": list(self.notes), "folder": str(self.folder)}


class PredictArguments(TypedDict, total=False):
    """The arguments of `predict` that `nightly` takes too, with the same meaning and defaults."""

    model: str | Path | Predictor | None
    predictor: PredictorChoice | str
    scale: Scale | str | None
    device: Device | str
    prepare: Prepare | str
    image_column: str | None
    label_column: str | None
    labels: str | Path | None
    batch_size: int
    workers: int | None
    memory: str | None
    probabilities: bool
    sample_seed: int


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
    progress: Callable[[Progress], None] | None = None,
    **predicting: Unpack[PredictArguments],
) -> NightlyResult:
    """Predict into a new folder among those of earlier nights, and tell what changed.

    Args:
        inputs: what to predict: the INPUTs of the command.
        runs: the folder of the nights, made where it is missing.
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
        progress: called after each batch, in the calling thread.
        **predicting: arguments of `predict`, see `PredictArguments`.

    Raises:
        MnistBatchError: as of `predict`; no night is left then.
        ValueError: an argument is out of range.
    """
    limits = GateLimits(ErrorBudget.parse(max_errors), min_accuracy, require_labels, patience)
    options = NightlyOptions(limits, name, str(against), max_drop, keep_nights)
    model, how = predicting.get("model"), _predict_options(**predicting)
    return nightly_with(input_list(inputs), Path(runs), model, how, options, progress)


def _predict_options(
    model: object = None,
    predictor: PredictorChoice | str = PredictorChoice.AUTO,
    scale: Scale | str | None = None,
    device: Device | str = Device.AUTO,
    prepare: Prepare | str = Prepare.AUTO,
    image_column: str | None = None,
    label_column: str | None = None,
    labels: str | Path | None = None,
    batch_size: int = BATCH_ROWS,
    workers: int | None = None,
    memory: str | None = None,
    probabilities: bool = False,
    sample_seed: int = 0,
) -> PredictOptions:
    """Return the options of `predict` for arguments of `nightly`."""
    return PredictOptions(
        ReadOptions.of(image_column, label_column, labels),
        ModelOptions(predictor, scale, device, batch_size),
        OutputOptions(sample_seed=sample_seed),
        Prepare(prepare),
        workers,
        probabilities=probabilities,
        memory=memory_size(memory),
    )


def nightly_with(
    inputs: Sequence[str | Path],
    runs: Path,
    model: str | Path | Predictor | None,
    how: PredictOptions,
    options: NightlyOptions,
    progress: Callable[[Progress], None] | None = None,
) -> NightlyResult:
    """Make a night as `nightly` does.

    Raises:
        OutputError: the folder cannot be written, the name is taken, or inputs and nights lie in
            one another.
        PredictionsError: `against` is neither a night nor a predictions file.
        MnistBatchError: as of `predict_with`.
    """
    if options.name:
        check_name(options.name)
    _check_apart(inputs, runs)
    earlier: Sequence[Night] = []
    with output_errors(runs):
        if runs.exists():
            earlier, notes = read_nights(runs)
    check_against(runs, earlier, options.against)
    began = datetime.now(UTC)
    with NewNight(runs, options.name, began) as new, new.telling():
        summary = predict_with(inputs, new.folder / PREDICTIONS, model, how, progress)
        making = _Making(runs, earlier, options, new, began)
        night = making.night(summary)
        _write(new.folder, night, making.digest(night, summary))
        new.commit()
    told = replace(
        summary,
        predictions=new.place / PREDICTIONS,
        report_files=[new.place / REPORT / path.name for path in summary.report_files],
        notes=[new.told(note) for note in summary.notes],
    )
    notes = [*told.notes, *_publish(new.place)]
    return NightlyResult(night, new.place, told, notes)


def _check_apart(inputs: Sequence[str | Path], runs: Path) -> None:
    """Refuse inputs among the nights, and nights among the inputs."""
    check_outside([], [runs], inputs)
    for item in map(str, inputs):
        if "://" not in item and item != "-" and is_inside(Path(glob_root(item)), runs):
            raise OutputError(
                f"{item}: lies in {runs}, which is for the nights alone; name another place for "
                "one of them"
            )


class _Making:
    """What a night is made of, once it is predicted."""

    def __init__(
        self,
        runs: Path,
        earlier: Sequence[Night],
        options: NightlyOptions,
        new: NewNight,
        began: datetime,
    ) -> None:
        self._runs, self._earlier, self._options = runs, earlier, options
        self._new, self._began = new, began
        self._contents = read_contents(new.folder / PREDICTIONS)
        self._held = hold_against(runs, earlier, options.against, self._contents)

    def night(self, summary: Summary) -> Night:
        """Return what `run.json` holds."""
        metrics, run = summary.metrics, summary.run or {}
        data = self._contents.digest if self._contents else ""
        setting = setting_of(run, data)
        evidence = Evidence(
            metrics, summary.uncounted_sources, self._held.name, None, self._held.why, []
        )
        gates = ask_gates(evidence, self._options.limits, self._earlier)
        return Night(
            name=self._new.name,
            created_utc=self._began.isoformat(timespec="milliseconds"),
            version=setting.version,
            model=setting.model,
            data=data,
            options=setting.options,
            rows=metrics.rows,
            scored=metrics.scored,
            correct=metrics.correct,
            errors=metrics.errors,
            errors_by_reason=metrics.errors_by_reason,
            per_digit=tuple(
                (int(row.sum()), int(row[digit]))
                for digit, row in enumerate(metrics.confusion_matrix)
            ),
            profile=_profile(summary),
            elapsed_s=run["elapsed_s"],
            images_per_s=run["images_per_s"],
            against=None,
            drift={},
            gates=gates,
            changes=tuple(self._changes(run, data)),
            suspicions=(),
            status=status_of(gates),
        )

    def digest(self, night: Night, summary: Summary) -> Digest:
        """Return what the summary tells."""
        return Digest(
            night=night,
            why_not_compared=self._held.why,
            newly_wrong=[],
            unreadable=_unreadable(summary.predictions),
            has_report=bool(summary.report_files),
            has_comparison=False,
            notes=[self._new.told(note) for note in summary.notes],
        )

    def _changes(self, run: Mapping[str, Any], data: str) -> Sequence[str]:
        """Return what is not as in the night before, nor as in the one that it is held against."""
        nights = [*self._earlier[-1:], *([self._held.night] if self._held.night else [])]
        by_name = {night.name: night for night in nights}
        now = setting_of(run, data)
        return [
            sentence
            for night in by_name.values()
            for sentence in changes(night.name, setting_of_night(night), now)
        ]


def _profile(summary: Summary) -> InputProfile:
    metrics = summary.metrics
    rows = sum(metrics.predictions)
    return InputProfile(rows, metrics.predictions, metrics.prepared, None, None, None, None)


def _unreadable(predictions: Path) -> dict[str, list[Example]]:
    """Return a few rows without a prediction per reason."""
    found: dict[str, list[Example]] = {}
    with pq.ParquetFile(predictions) as file:
        for batch in file.iter_batches(columns=["source", "row", "error"]):
            for row in batch.filter(pc.is_valid(batch.column("error"))).to_pylist():
                examples = found.setdefault(reason(row["error"]), [])
                if len(examples) < _EXAMPLES:
                    examples.append(Example(row["source"], row["row"], row["error"]))
    return found


def _write(folder: Path, night: Night, digest: Digest) -> None:
    """Write what is told of a night into its folder."""
    with output_errors(folder):
        record = json.dumps(night.record(), indent=1) + "\n"
        (folder / RECORD).write_text(record, encoding="utf-8")
        (folder / SUMMARY).write_text(markdown(digest), encoding="utf-8")
        (folder / JUNIT).write_bytes(junit(night))


def _publish(folder: Path) -> list[str]:
    """Append the summary where GitHub Actions shows it; return a note where that cannot be."""
    place = os.environ.get(_STEP_SUMMARY)
    if not place:
        return []
    try:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write((folder / SUMMARY).read_text(encoding="utf-8"))
    except OSError as error:
        return [f"the summary was not appended to {place} ({why_failed(error)})"]
    return []
