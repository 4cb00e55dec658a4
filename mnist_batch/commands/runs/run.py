"""A run of `predict`: its inputs, its model and its options, its record and its summary."""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch import __version__, _kernels
from mnist_batch.engines.part_job import PartJob, versions_of
from mnist_batch.engines.part_rows import PartRows, write_rows
from mnist_batch.errors import InputError
from mnist_batch.evaluation.evaluator import Evaluation, Unreadable
from mnist_batch.evaluation.input_profile import ImageCounts, InputProfile
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.slices import Slice
from mnist_batch.inference.pipeline import PredictedBatch, predict_batches
from mnist_batch.inference.predictors import Predictor, load_model
from mnist_batch.inference.preparing import wanted_prepare
from mnist_batch.inference.workers import available_workers
from mnist_batch.inputs.kept import check_names_beside_split, further_columns
from mnist_batch.inputs.shards import sha256_of
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.options import OutputFormat, PredictOptions, Prepare, Several
from mnist_batch.outputs.parts.manifest import Manifest
from mnist_batch.outputs.parts.part_file import PartKind
from mnist_batch.outputs.parts.parts import Part, parts_of, parts_of_share
from mnist_batch.outputs.parts.staging import Staging
from mnist_batch.outputs.prepared_folder import has_pictures
from mnist_batch.remote.addresses import Place
from mnist_batch.reports.notebook import result_html, scores
from mnist_batch.reports.records import metrics_record, slice_records
from mnist_batch.schema import Reason, predictions_schema, shortened

_NAMED = 5
"""Names in a note, at most."""


@dataclass(frozen=True)
class Summary:
    """The result of `predict` or `evaluate`.

    `predict` makes report and pictures when the predictions are in place. No failure of these
    raises: `report_missing`, `prepared_folder` and a note say what is not there.

    Attributes:
        predictions: the predictions file, written or evaluated; of several the first.
        metrics: counts and, where labels are known, accuracy and all that goes with it.
        run: how the predictions were made, as in the file's metadata; of several files what is
            alike in all; None where that says nothing.
        report_files: the files of the report that are in place; empty without one.
        notes: what the user should know, one sentence each.
        profile: what the input looks like, labels or not.
        unreadable: the first rows without a prediction, per reason.
        slices: accuracy of parts of the rows.
        prepared_folder: where the pictures of prepared images are; None where none were wanted.
        prepared_pictures: the number of these pictures.
        uncounted_sources: the number of sources that are one row with an error each, since nobody
            knows how many rows they hold.
        further_predictions: the others where several files were evaluated as one.
        report_missing: the names of files of the report that could not be made; a note says why.
    """

    predictions: Place
    metrics: Metrics
    run: Mapping[str, Any] | None
    report_files: Sequence[Place]
    notes: Sequence[str]
    profile: InputProfile
    unreadable: Mapping[str, Sequence[Unreadable]]
    slices: Sequence[Slice]
    prepared_folder: Path | None = None
    prepared_pictures: int = 0
    uncounted_sources: int = 0
    report_missing: Sequence[str] = ()
    further_predictions: Sequence[Place] = ()

    def __repr__(self) -> str:
        """Return the file and what was counted, in one line."""
        return f"<Summary of {self.predictions}: {scores(self.metrics)}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the figures of the report too."""
        title = str(self.predictions)
        return result_html(title, self.metrics, self.report_files, self.notes)

    def record(self) -> dict[str, Any]:
        """Return what `metrics.json` holds, the notes, and where the files are."""
        return {
            **metrics_record(self.metrics, self.run),
            "slices": slice_records(self.slices),
            "notes": list(self.notes),
            "predictions_file": str(self.predictions),
            "further_predictions_files": [str(path) for path in self.further_predictions],
            "report_files": [str(path) for path in self.report_files],
            "report_missing": list(self.report_missing),
            "prepared_folder": str(self.prepared_folder) if self.prepared_folder else None,
            "prepared_pictures": self.prepared_pictures,
        }


class Run:
    """Inputs, cut into parts, and the model that predicts them.

    Attributes:
        inputs: the INPUTs as the user wrote them.
        options: all that the run depends on beside its inputs and its model.
        predictor: the loaded model.
        opened: the INPUTs, listed; with `--shard` what is predicted of them.
        all_parts: their shards, in input order.
        parts: those that are predicted.
        classes: what labels and predictions are numbers of: as many as the model has; names come
            from `--class-names`, or else the model file, or else the data.
        wanted: how images are prepared, and why not where they are not.
        prepare: the same without the reason: with `--prepare auto` what the model wants.
        schema: of the predictions that are written.
    """

    def __init__(
        self,
        inputs: Sequence[str | Path] | OpenInputs,
        model: str | Path | Predictor | None,
        options: PredictOptions,
    ) -> None:
        """Load the model, unless it is loaded, list the inputs and cut them into parts.

        Inputs that are opened are pictures in memory.

        Raises:
            ModelError: the model cannot be loaded.
            InputError: an input cannot be listed, or digits are to be split that nobody prepares.
            LabelError: a file of labels cannot be read.
        """
        self.options = options
        if not isinstance(model, Predictor):
            model = load_model(model, **vars(options.model))
        self.predictor = model
        self.inputs: Sequence[str | Path] = []
        if isinstance(inputs, OpenInputs):
            self.opened = inputs
        else:
            self.inputs = inputs
            self.opened = open_inputs(
                inputs, options.read, model.classes, portable=options.is_portable
            )
        if options.several is Several.SPLIT:
            check_names_beside_split(self.opened.kept)
        self.classes = self.opened.classes or self.predictor.classes
        self.wanted = wanted_prepare(self.predictor, self.classes, options.prepare)
        self.prepare = self.wanted.prepare
        if options.several is Several.SPLIT and self.prepare is Prepare.NEVER:
            raise InputError(
                "--several split finds the digits of a picture when it prepares it; leave out "
                "--several split, or pass another --prepare than never"
            )
        self.all_parts = parts_of(self.opened.shards, self.predictor.block_rows)
        self.parts = parts_of_share(self.all_parts, options.share)
        if options.share:
            own = [shard for part in self.parts for shard in part.shards]
            self.opened = self.opened.of_shards(own)
        self.schema = predictions_schema(
            with_probabilities=options.probabilities,
            further=further_columns(self.opened.kept, content_hash=options.content_hash),
            classes=self.classes,
            split=options.several is Several.SPLIT,
        )

    def predict(
        self, parts: Sequence[Part], *, with_originals: bool = False, for_report: bool = False
    ) -> Generator[PredictedBatch, None, None]:
        """Yield the predictions of some parts, in order, as `pipeline.predict_batches` does."""
        return predict_batches(
            replace(self.opened, shards=[shard for part in parts for shard in part.shards]),
            self.predictor,
            prepare=self.prepare,
            several=self.options.several,
            batch_size=self.options.model.batch_size,
            workers=self.options.workers,
            block_ends=frozenset(accumulate(part.rows for part in parts)),
            with_originals=with_originals,
            content_hash=self.options.content_hash,
            for_report=for_report,
        )

    def part_job(self, out: Place, staging: Place, *, for_report: bool) -> PartJob:
        """Return what a worker has to know to predict any part into a folder, on its own."""
        return PartJob(
            out=out,
            staging=staging,
            run=self.manifest().run(),
            inputs=replace(self.opened, shards=(), files=(), labels=None),
            predictor=self.predictor,
            options=self.options,
            prepare=self.prepare,
            schema=self.schema,
            for_report=for_report,
            kind=self.part_kind,
        )

    @property
    def part_kind(self) -> PartKind:
        """What the files of parts are: Parquet where they are the output."""
        is_dataset = self.options.output.format is OutputFormat.DATASET
        return PartKind.PARQUET if is_dataset else PartKind.ARROW

    def rows(
        self, staging: Staging, *, with_pictures: bool, for_report: bool
    ) -> Iterator[PartRows]:
        """Yield all rows in order, part by part: as an earlier run left them, or predicted.

        A part that is predicted is kept in the folder once it is complete. `with_pictures` keeps
        originals for the pictures of `--save-prepared`, `for_report` gathers what a report shows of
        images. Errors are those of `predict`.
        """
        kept = self.kept(staging, with_pictures=with_pictures)
        missing = [part for part in self.parts if part.number not in kept]
        # What images tell is in a file that stays, report or not: its bytes are the same.
        shown = for_report or self.part_kind is PartKind.PARQUET
        batches = self.predict(missing, with_originals=with_pictures, for_report=shown)
        with closing(batches):
            for part in self.parts:
                if part.number in kept:
                    yield from self.kept_rows(staging, part)
                else:
                    with staging.writing(part, self.schema) as writer:
                        yield from write_rows(part, batches, writer, self.schema)

    def kept(self, staging: Staging, *, with_pictures: bool) -> frozenset[int]:
        """Return the numbers of the parts that an earlier run left, and that are of use."""
        return frozenset(
            part.number
            for part in self.parts
            if part.number in staging.found
            and not any(
                _is_stale(rows.predictions, with_pictures=with_pictures)
                for rows in staging.read(part)
            )
        )

    def kept_rows(self, staging: Staging, part: Part) -> Iterator[PartRows]:
        """Yield the rows of such a part."""
        for predictions, note in staging.read(part):
            counts = ImageCounts.of_record(json.loads(note)) if note else None
            self.look_up(predictions)
            yield PartRows(predictions, None, counts)

    def look_up(self, predictions: pa.RecordBatch) -> None:
        """Look up the labels of rows that were not read here: their file tells of all."""
        if self.opened.labels:
            sources, rows = predictions.column("source"), predictions.column("row")
            self.opened.labels.lookup(sources.to_pylist(), rows.to_numpy())

    def manifest(self) -> Manifest:
        """Return what the predictions depend on, bit by bit."""
        return self._manifest

    @cached_property
    def _manifest(self) -> Manifest:
        return Manifest(
            version=__version__,
            model=self.predictor.model.sha256,
            options={
                **self.options.record(),
                "prepare": str(self.prepare),
                "predictor": str(self.predictor.name),
                "scale": str(self.predictor.scale),
                **self._told_classes,
                **self._versions,
            },
            parts=self.all_parts,
            kernels=self.predictor.kernels(),
            share=self.options.share,
            output=self.options.output.format,
        )

    def record(
        self, evaluation: Evaluation, predicted_rows: int, elapsed_s: float
    ) -> dict[str, Any]:
        """Return how the predictions were made, for the metadata of the output and the report.

        `elapsed_s` are the seconds from the first read to the last write.
        """
        import platform

        metrics = evaluation.metrics
        model, slices = self.predictor.model, self.options.output.slices
        return {
            "version": __version__,
            "model": {"name": model.file_name, "sha256": model.sha256},
            "predictor": str(self.predictor.name),
            **self._told_classes,
            "options": {
                "inputs": [str(item) for item in self.inputs],
                **self.options.record(),
                "prepare": str(self.prepare),
                "workers": self.options.workers or available_workers(),
                "sample_seed": self.options.output.sample_seed,
                "scale": str(self.predictor.scale),
                **({"slices": list(slices)} if slices else {}),
            },
            "counts": {
                "rows": metrics.rows,
                "labelled": metrics.labelled,
                "prepared": metrics.prepared,
                "errors": dict(metrics.errors_by_reason),
            },
            "images": evaluation.profile.of_images(),
            "elapsed_s": round(elapsed_s, 3),
            "images_per_s": round(predicted_rows / elapsed_s) if elapsed_s else None,
            "data_fingerprint": self._data_fingerprint(),
            "resumed_rows": metrics.rows - predicted_rows,
            "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {"python": platform.python_version(), **self._versions},
            "kernels": self.predictor.kernels(),
        }

    @property
    def _told_classes(self) -> dict[str, Any]:
        """The classes as records tell them; nothing of digits."""
        classes = self.classes
        if classes.are_digits:
            return {}
        names = None if classes.names is None else [*classes.names]
        return {"classes": {"count": classes.count, "names": names}}

    def _data_fingerprint(self) -> str:
        """Return what names the input without reading it: 32 hexadecimal digits of a SHA-256.

        It is over the name of the first file, the rows, and the bytes as far as they are known, of
        each piece of the input; of image files these are pieces of 8,192 or of 16 MB.
        """
        pieces = [piece for part in self.all_parts for piece in part.pieces]
        texts = (f"{one.shard.source}/{one.shard.rows}/{one.size_bytes}" for one in pieces)
        return sha256_of(texts)[:32]

    @cached_property
    def _versions(self) -> dict[str, str]:
        """The versions of the code that the predictions depend on."""
        return versions_of(self.predictor)


def _is_stale(kept: pa.RecordBatch, *, with_pictures: bool) -> bool:
    """Tell whether rows that an earlier run predicted have to be predicted again.

    A file may be readable now; and a picture needs the original, which no part holds.
    """
    unreadable = pc.starts_with(kept.column("error"), str(Reason.UNREADABLE_FILE))
    return bool(pc.any(unreadable).as_py()) or (with_pictures and has_pictures(kept))


def reading_notes(
    opened: OpenInputs, prepare: Prepare, rows: int, labelled: int, prepared: int
) -> list[str]:
    """Return what the user should know of how inputs were read, one sentence each.

    The last three are the rows read, those with a label, and those whose image was changed.
    """
    notes = [*_kernels.notes(), *opened.notes]
    if opened.uncounted:
        notes.append(
            f"sources that cannot be read at all, one row each: {_enumerated(opened.uncounted)}"
        )
    if opened.passed_over:
        kinds = [f"{shortened(kind)} {n:,}" for kind, n in opened.passed_over.most_common()]
        notes.append(
            f"files that are not read, passed over: {opened.passed_over.total():,} "
            f"({_enumerated(kinds)})"
        )
    if prepared:
        notes.append(
            f"images that were not 28x28, resized: {prepared:,}"
            if prepare is Prepare.NEVER
            else f"images that were not in MNIST form, brought to it: {prepared:,}"
        )
    if rows and not labelled and (note := opened.label_note()):
        notes.append(note)
    if opened.labels and labelled < rows:
        notes.append(opened.labels.note(labelled, rows))
    return notes


def _enumerated(texts: Sequence[str]) -> str:
    more = len(texts) - _NAMED
    return f"{', '.join(texts[:_NAMED])}{f' and {more:,} more' if more > 0 else ''}"


def without_digit_note(
    prepare: Prepare, rows: int, errors_by_reason: Mapping[str, int]
) -> Iterator[str]:
    """Yield what to do where most of the rows that were prepared have no digit."""
    missing = errors_by_reason.get(Reason.NO_DIGIT, 0)
    if prepare is not Prepare.NEVER and 2 * missing > rows:
        yield (
            f"no digit was found in {missing:,} of {rows:,} rows: if the images show something "
            f"else, pass --prepare never, or name their classes with --class-names A,B,..."
        )
