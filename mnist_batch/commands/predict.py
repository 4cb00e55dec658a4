"""Predict inputs into one file, with a report beside it."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch import __version__
from mnist_batch.commands.run import Summary, library_versions, reading_notes, run_record
from mnist_batch.errors import InputError, OutputError
from mnist_batch.evaluation.metrics import Metrics, PredictionCounts
from mnist_batch.evaluation.report import Report, report_folder, staged_report
from mnist_batch.evaluation.samples import SampleChooser, find_images
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import Predictor, load_model
from mnist_batch.inference.scale_search import LabelledImages, is_settled, scale_note
from mnist_batch.inference.workers import Progress, available_workers
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.options import (
    BATCH_ROWS,
    Device,
    Inputs,
    PredictorChoice,
    Prepare,
    ReadOptions,
    Scale,
    input_list,
)
from mnist_batch.outputs.atomic import check_not_read, check_outside
from mnist_batch.outputs.parts import Manifest, parts_of
from mnist_batch.outputs.parts_folder import PartsFolder, Rows, predict_parts, put_there, rows_kept
from mnist_batch.outputs.prepared_folder import PreparedFolder, has_pictures
from mnist_batch.outputs.writer import Sink, check_output
from mnist_batch.schema import Reason, predictions_schema


def stream(
    inputs: Inputs,
    *,
    model: str | Path | Predictor | None = None,
    prepare: Prepare | str = Prepare.AUTO,
    image_column: str | None = None,
    label_column: str | None = None,
    labels: str | Path | None = None,
    batch_size: int = BATCH_ROWS,
    workers: int | None = None,
    probabilities: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Yield predictions lazily, as Arrow record batches of `schema.predictions_schema`.

    Args:
        inputs: folders, files, globs, `hf://` or `-`, as `sources.open_inputs` takes them.
        model: a model file, a loaded model, or None for the one of this package.
        prepare: which images are brought to MNIST form: `auto` those that are not in it, `always`
            all, `never` none; then images of another size are resized.
        image_column: the Parquet column of images; None to find it.
        label_column: the Parquet column of labels; None for `label`, where there is one.
        labels: a CSV file of labels; `none` to read none; None for what the inputs carry.
        batch_size: rows in a batch at most; Keras runs just so many at once, if `model` is none
            loaded before (see `load_model`). The predictions do not depend on it.
        workers: threads; None for one a core. The predictions do not depend on it.
        probabilities: add the column `probabilities`.

    Raises:
        InputError: while iterating, an input cannot be read.
        LabelError: while iterating, a label is not a digit.
        ModelError: while iterating, the model cannot be loaded or run.
    """
    opened = open_inputs(input_list(inputs), ReadOptions.of(image_column, label_column, labels))
    predictor = model if isinstance(model, Predictor) else load_model(model, batch_size=batch_size)
    names = predictions_schema(with_probabilities=probabilities).names
    parts = parts_of(opened.shards, predictor.block_rows)
    for batch in predict_batches(
        replace(opened, shards=[shard for part in parts for shard in part.shards]),
        predictor,
        prepare=Prepare(prepare),
        batch_size=batch_size,
        workers=workers,
        block_ends=frozenset(accumulate(part.rows for part in parts)),
    ):
        yield batch.predictions.select(names)


def predict(
    inputs: Inputs,
    out: str | Path,
    *,
    model: str | Path | Predictor | None = None,
    predictor: PredictorChoice | str = PredictorChoice.AUTO,
    scale: Scale | str | None = None,
    device: Device | str = Device.AUTO,
    prepare: Prepare | str = Prepare.AUTO,
    image_column: str | None = None,
    label_column: str | None = None,
    labels: str | Path | None = None,
    batch_size: int = BATCH_ROWS,
    workers: int | None = None,
    probabilities: bool = False,
    report: str | Path | bool = True,
    sample_seed: int = 0,
    save_prepared: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    fail_fast: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Summary:
    """Predict all images of the inputs into one file, with a report beside it.

    Every row of the input is a row of the output, in input order. Nothing is at `out` before all
    of it is. On an error or a crash what is finished stays in `<out>.staging/`, by parts of
    8,192 image files or 8 MiB of them, or of 32,768 rows of Parquet or 64 MiB, if there is any.

    Args:
        inputs: as for `stream`.
        out: the predictions file; its suffix, `.parquet` or `.csv`, tells the format.
        model: as for `stream`.
        predictor: what runs the model, see `load_model`; not for a loaded model.
        scale: how the model wants its pixels, see `load_model`; not for a loaded model.
        device: where Keras runs the model, see `load_model`; not for a loaded model.
        prepare: as for `stream`.
        image_column: as for `stream`.
        label_column: as for `stream`.
        labels: as for `stream`.
        batch_size: as for `stream`.
        workers: as for `stream`.
        probabilities: add the ten probabilities of each row; log loss and Brier score need them.
        report: the report's folder; True for `<out without suffix>.report`, False for none.
        sample_seed: chooses the ten images of `samples.png`.
        save_prepared: a new or empty folder, for a picture of each image that was prepared and of
            each without a digit: the original beside what the network saw. See
            `prepared_folder.PreparedFolder`.
        overwrite: replace an output, a report and pictures that exist.
        resume: go on from what a run that was cut short has finished; the predictions are bit for
            bit those of a run that was not. Without it that is removed.
        fail_fast: stop at the first row without a prediction.
        progress: called after each batch, in the calling thread.

    Raises:
        OutputError: an output exists, cannot be written, is being written by another run, or lies
            within an input folder or within `save_prepared`; or `resume` is true and the run that
            was cut short had other inputs, options or another model.
        InputError: an input cannot be read, or with `fail_fast` a row has no prediction.
        LabelError: a label is not a digit.
        ModelError: the model cannot be loaded or run.
    """
    inputs, out, prepare = input_list(inputs), Path(out), Prepare(prepare)
    shown = None if save_prepared is None else Path(save_prepared)
    ours = put_there(out) if resume else frozenset()

    def may_replace(path: Path) -> bool:
        return overwrite or str(path.absolute()) in ours

    if resume and out.is_file() and not may_replace(out):
        raise OutputError(
            f"{out} exists already, and a run that was cut short is to replace it; pass "
            "--overwrite too"
            if rows_kept(out)
            else f"{out} exists already, so there is nothing to resume; pass --overwrite to "
            "predict it anew"
        )
    # What can be refused at once is refused before a model is loaded or a large folder listed.
    check_output(out, overwrite=may_replace(out))
    folder = report_folder(out, report)
    check_outside(out, [one for one in (folder, shown) if one], inputs)
    apart = [out, *([folder] if folder else []), *inputs]
    pictures = PreparedFolder(shown, overwrite=may_replace(shown), apart=apart) if shown else None
    report_writer = Report(folder, overwrite=may_replace(folder)) if folder else None
    loaded = _loaded(model, predictor, scale, device, batch_size)
    opened = open_inputs(inputs, ReadOptions.of(image_column, label_column, labels))
    check_not_read(out, [*opened.files, *([labels] if labels else [])])
    found = _Findings(SampleChooser(sample_seed), None if is_settled(loaded) else LabelledImages())
    # What the predictions depend on, and what else is said of how they were made.
    how = {
        "prepare": str(prepare),
        "image_column": image_column,
        "label_column": label_column,
        "labels": None if labels is None else str(labels),
        "device": str(Device(device)),
        "batch_size": batch_size,
        "probabilities": probabilities,
    }
    versions = library_versions(loaded)
    parts = parts_of(opened.shards, loaded.block_rows)
    manifest = Manifest(
        version=__version__,
        model=loaded.model.sha256,
        options={
            **how,
            "predictor": str(loaded.name),
            "scale": str(loaded.scale),
            **versions,
        },
        parts=[part.record for part in parts],
    )
    started = time.perf_counter()
    with (
        PartsFolder(out, parts, manifest, resume=resume) as staging,
        Sink(
            out, with_probabilities=probabilities, overwrite=may_replace(out), folder=staging.path
        ) as sink,
        pictures or nullcontext(),
    ):
        for rows in predict_parts(
            opened,
            parts,
            staging,
            lambda missing, block_ends: predict_batches(
                missing,
                loaded,
                prepare=prepare,
                batch_size=batch_size,
                workers=workers,
                block_ends=block_ends,
                with_originals=pictures is not None,
            ),
            schema=predictions_schema(with_probabilities=probabilities),
            again=lambda kept: _is_to_be_read_again(kept, with_pictures=pictures is not None),
        ):
            sink.write(rows.predictions)
            if pictures and rows.batch:
                pictures.write(found.counts.rows, rows.batch)
            found.add(rows)
            if progress:
                progress(Progress(found.counts.rows, opened.rows, found.counts.errors))
            if fail_fast and found.counts.errors:
                raise _first_error(rows.predictions)
        metrics, samples = found.counts.metrics(), found.samples.samples()
        # Of rows that an earlier run has predicted the images are not at hand.
        if report_writer and len(samples.index) and samples.images is None:
            samples = samples.with_images(find_images(samples, opened, metrics.rows, prepare))
        run = run_record(
            loaded,
            metrics,
            time.perf_counter() - started,
            found.predicted,
            {
                "inputs": [str(item) for item in inputs],
                **how,
                "workers": workers or available_workers(),
                "sample_seed": sample_seed,
            },
            versions,
        )
        sink.finish(run)
        with staged_report(report_writer, metrics, samples, run):
            staging.announce(sink.path, [one for one in (folder, shown) if one])
            sink.commit()
            if pictures:
                pictures.commit()
        staging.remove()
    return Summary(
        predictions=out,
        metrics=metrics,
        run=run,
        report_files=report_writer.files if report_writer else [],
        notes=[
            *staging.notes,
            *_notes(loaded, opened, metrics, prepare, labels, found.kept),
            *(pictures.notes() if pictures else []),
        ],
        prepared_folder=shown,
        prepared_pictures=pictures.written if pictures else 0,
        uncounted_sources=len(opened.uncounted),
    )


def _loaded(
    model: str | Path | Predictor | None,
    predictor: PredictorChoice | str,
    scale: Scale | str | None,
    device: Device | str,
    batch_size: int,
) -> Predictor:
    if isinstance(model, Predictor):
        return model
    return load_model(model, predictor=predictor, scale=scale, device=device, batch_size=batch_size)


@dataclass
class _Findings:
    """What is gathered over the rows of a run.

    Attributes:
        samples: those that are drawn.
        kept: images to search the scale of the pixels with; None where that is settled.
        counts: of all rows.
        predicted: how many rows this run has predicted itself.
    """

    samples: SampleChooser
    kept: LabelledImages | None
    counts: PredictionCounts = field(default_factory=PredictionCounts)
    predicted: int = 0

    def add(self, rows: Rows) -> None:
        """Add the next rows."""
        images = rows.batch.images if rows.batch else None
        self.samples.add(self.counts.rows, rows.predictions, images)
        self.counts.add(rows.predictions)
        if images is not None:
            self.predicted += len(images)
            if self.kept:
                self.kept.add(rows.predictions, images)


def _is_to_be_read_again(kept: pa.RecordBatch, *, with_pictures: bool) -> bool:
    """Tell whether predictions of an earlier run do not do: files may be readable now."""
    unreadable = pc.starts_with(kept.column("error"), str(Reason.UNREADABLE_FILE))
    return bool(pc.any(unreadable).as_py()) or (with_pictures and has_pictures(kept))


def _first_error(predictions: pa.RecordBatch) -> InputError:
    """Return what is raised for the first row without a prediction."""
    place = predictions.column("prediction").is_null().index(True).as_py()
    source, row, error = (predictions.column(name)[place] for name in ("source", "row", "error"))
    return InputError(
        f"{source}, row {row}: {error}; mend it or leave it out, or predict without --fail-fast"
    )


def _notes(
    predictor: Predictor,
    opened: OpenInputs,
    metrics: Metrics,
    prepare: Prepare,
    labels: str | Path | None,
    kept: LabelledImages | None,
) -> list[str]:
    note = scale_note(predictor, metrics.accuracy, kept) if kept else None
    of_model = [*predictor.notes, *([note] if note else [])]
    return [
        *(f"model {predictor.model.path.name}: {note}" for note in of_model),
        *reading_notes(
            opened,
            rows=metrics.rows,
            labelled=metrics.labelled,
            prepared=metrics.prepared,
            prepare=prepare,
            labels=labels,
        ),
    ]
