"""Join the shards of a run, which several machines predicted, into one output."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from mnist_batch.commands.command_lines import evaluate_line
from mnist_batch.commands.evaluate import evaluate_joined
from mnist_batch.commands.predictions_files import common_run
from mnist_batch.commands.runs.summary import Summary
from mnist_batch.errors import InputError, OutputError, PredictionsError
from mnist_batch.evaluation.evaluator import Evaluator
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import (
    NO_LABELS,
    Inputs,
    OutputFormat,
    ReadOptions,
    input_list,
    output_format,
)
from mnist_batch.outputs.dataset.shards import DatasetShards
from mnist_batch.outputs.kinds import dataset_sink, locked, output_place
from mnist_batch.outputs.places import (
    Claim,
    check_apart,
    check_outside,
    claims_of_predictions,
    files_written,
)
from mnist_batch.outputs.stored.copies import shards_here
from mnist_batch.outputs.targets import why_failed
from mnist_batch.outputs.writer import Sink
from mnist_batch.remote.addresses import Place, is_remote
from mnist_batch.reports.evaluation.places import AnyReport, report_at, report_place
from mnist_batch.reports.report import WHOLE, claims_of_report
from mnist_batch.schema import BOX, DIGIT


def merge(
    folders: Inputs,
    out: str | Path,
    *,
    report: str | Path | bool = True,
    images: Inputs | None = None,
    image_column: str | None = None,
    overwrite: bool = False,
    format: OutputFormat | str | None = None,
) -> Summary:
    """Join the shards of a run into one output: what a single machine would have written.

    The folders are those that `predict` wrote with `shard`, in any order; those on object storage
    are copied here meanwhile. Each part is verified by its SHA-256. Then the output is evaluated.

    Args:
        folders: those of all shards of a run.
        out: the predictions, a file or a folder, as of `predict`; nothing is there before all of it
            is.
        report: the report's folder; True for `<out without suffix>.report`, False for none.
        images: the inputs that were predicted, for the images of the report; None to leave them
            out.
        image_column: the Parquet column of `images`; None to find it.
        overwrite: replace an output and a report that exist.
        format: `dataset` for a folder without a slash at its end; None for what `out` says.

    Raises:
        PredictionsError: a shard is missing, there twice, of another run, or damaged.
        OutputError: an output exists or cannot be written, or another run is writing it.
        InputError: `images` cannot be read, or have another number of rows than the shards.
    """
    for one in [*input_list(folders), out]:
        _refuse_elsewhere(one)
    kind, place = output_format(out, format), output_place(out)
    wanted = None if images is None else input_list(images)
    named = [output_place(folder) for folder in input_list(folders)]
    is_dataset = kind is OutputFormat.DATASET
    folder = report_place(place, report, is_folder=is_dataset)
    of_report = claims_of_report(folder)
    claims = [*claims_of_predictions(place), *of_report]
    check_apart([*claims, *(Claim(one, "a shard") for one in dict.fromkeys(named))])
    files = files_written(place, of_report, is_dataset=is_dataset)
    check_outside(files, [folder] if folder else [], wanted or [])
    with ExitStack() as entered:
        of_lock = entered.enter_context(locked(place))
        writer = report_at(folder, overwrite=overwrite) if folder else None
        if writer:
            entered.enter_context(writer)
        shards = entered.enter_context(shards_here(named))
        if wanted is not None:
            _check_images(wanted, image_column, shards)
        record = _joined(shards, place, kind, overwrite=overwrite)
        if writer:
            writer.retire()  # it is on other predictions now
        summary = _evaluated(place, writer, wanted, image_column, record)
        notes = [*of_lock, *summary.notes]
        if len({*map(str, (one.get("kernels") for one in shards.records))}) > 1:
            notes.append(_NOTE)
    return replace(summary, run=record, notes=notes)


def _refuse_elsewhere(named: str | Path) -> None:
    """Refuse an address that is not of object storage, as of the hub: no file is called so."""
    if isinstance(named, str) and "://" in named and not is_remote(named):
        raise OutputError(
            f"{named}: shards and what is made of them are files of this machine, or in object "
            "storage; download the folders of shards, and publish what merge wrote"
        )


def _check_images(
    images: Sequence[str | Path], image_column: str | None, shards: DatasetShards
) -> None:
    """Refuse images that are not those of the shards, before anything is written."""
    there = open_inputs(images, ReadOptions(image_column, labels=NO_LABELS)).rows
    if {DIGIT.name, BOX.name} <= {*shards.schema.names}:  # rows are digits, not pictures
        return
    rows = sum(part.rows for shard in shards.shards for part in shard.manifest.parts)
    if there != rows:
        raise InputError(
            f"--images and the shards differ in rows: {there:,} and {rows:,}; name the INPUT that "
            "was predicted, all of it"
        )


def _evaluated(
    out: Place,
    report: "AnyReport | None",
    images: Sequence[str | Path] | None,
    image_column: str | None,
    record: Mapping[str, Any],
) -> Summary:
    """Evaluate what is in place; whatever fails is a note, as of `predict`, no error."""
    note, again = "", "name them to mnist-batch evaluate"
    if report:
        again = evaluate_line([out], report.folder, images=images or (), image_column=image_column)
    for writer in dict.fromkeys([report, None]):
        wanted = images if writer else None
        try:
            summary = evaluate_joined(
                out, writer, images=wanted, image_column=image_column, run=record
            )
        except Exception as error:  # noqa: BLE001 - the report is a guest of the predictions
            what = "no report was made" if report else "nothing was evaluated"
            how = f"the predictions are complete; to make it: {again}"
            note = note or f"{what} ({why_failed(error)}); {how}"
        else:
            if not note:
                return summary
            lacking = [WHOLE] if report else []
            return replace(summary, notes=[*summary.notes, note], report_missing=lacking)
    nothing = Evaluator(0).evaluation()
    return Summary(
        predictions=out,
        metrics=nothing.metrics,
        run=record,
        report_files=[],
        notes=[note],
        profile=nothing.profile,
        unreadable={},
        slices=[],
        report_missing=[WHOLE] if report else [],
    )


_NOTE = (
    "shards were predicted by processors that round differently: the last bits of confidences are "
    "not those of one machine"
)


def _joined(
    shards: DatasetShards, out: Place, kind: OutputFormat, *, overwrite: bool
) -> dict[str, Any]:
    """Write the rows of all shards, and return the record of their run."""
    try:
        record = _record(shards.records)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise PredictionsError(
            f"{shards.shards[0].folder}: its manifest, or that of another shard, has a damaged "
            "record of its run; predict the shards again"
        ) from error
    if kind is OutputFormat.DATASET:
        with dataset_sink(out, shards.schema, shards, overwrite=overwrite) as sink:
            sink.finish(record)
            sink.commit()
        return record
    with Sink(out, shards.schema, overwrite=overwrite) as file:
        for batch in shards.batches():
            file.write(batch)
        file.finish(record)
        file.commit()
    return record


def _record(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the record of the run whose shards have these: what is alike, and the sums.

    Its time is what all machines took together.
    """
    first, last = records[0], max(records, key=lambda one: str(one["created_utc"]))
    counts = [one["counts"] for one in records]
    # Nothing is counted of the images of no row.
    of_images = [
        one["images"]
        for one, counted in zip(records, counts, strict=True)
        if counted["rows"] > sum(counted["errors"].values())
    ]
    elapsed_s = _total([one["elapsed_s"] for one in records])
    rows = _total([one["rows"] for one in counts])
    how = common_run(records) or {}
    # No prediction depends on the seed, and readers of a record expect one.
    seed = {"sample_seed": first["options"]["sample_seed"]}
    return {
        **how,
        "options": {**how.get("options", {}), **seed},
        "counts": _total(counts),
        "images": _total(of_images) if of_images else first["images"],
        "elapsed_s": round(elapsed_s, 3),
        "images_per_s": round(rows / elapsed_s) if elapsed_s else None,
        "data_fingerprint": first["data_fingerprint"],
        "resumed_rows": _total([one["resumed_rows"] for one in records]),
        "created_utc": last["created_utc"],
        "shards": len(records),
    }


def _total(values: Sequence[Any]) -> Any:  # noqa: ANN401 - numbers, lists or dicts of them
    """Return the sum of numbers, of lists place by place, or of dicts by name.

    It is None where one of them is.
    """
    if any(value is None for value in values):
        return None
    if isinstance(values[0], dict):
        names = dict.fromkeys(name for value in values for name in value)
        return {name: _total([value.get(name, 0) for value in values]) for name in names}
    if isinstance(values[0], list):
        return [sum(some) for some in zip(*values, strict=True)]
    return sum(values)
