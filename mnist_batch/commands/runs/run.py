"""A run of `predict`: its inputs, its model and its options, its record and its summary."""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch import __version__
from mnist_batch.engines.crashed_rows import UNREAD
from mnist_batch.engines.part_rows import PartRows, write_rows
from mnist_batch.engines.versions import versions_of
from mnist_batch.errors import InputError
from mnist_batch.evaluation.evaluator import Evaluation
from mnist_batch.evaluation.input_profile import ImageCounts
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
from mnist_batch.schema import Reason, error_text, predictions_schema

if TYPE_CHECKING:
    from mnist_batch.engines.part_job import PartJob


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

    def part_job(self, out: Place, staging: Place, *, for_report: bool) -> "PartJob":
        """Return what a worker has to know to predict any part into a folder, on its own."""
        from mnist_batch.engines.part_job import PartJob  # which few runs need

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
            and (
                not any(
                    _is_stale(rows.predictions, with_pictures=with_pictures)
                    for rows in staging.read(part)
                )
                or (
                    not with_pictures
                    and any(_has_crashed(rows.predictions) for rows in staging.read(part))
                )
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

    A file may be readable now. And a picture needs the original, which no part holds.
    """
    errors = kept.column("error")
    unreadable = pc.starts_with(errors, str(Reason.UNREADABLE_FILE))
    may_be_read = pc.and_(unreadable, pc.not_equal(errors, UNREAD))
    return bool(pc.any(may_be_read).as_py()) or (with_pictures and has_pictures(kept))


def _has_crashed(kept: pa.RecordBatch) -> bool:
    """Tell whether rows ended the process that read or decoded them, as they would end this one."""
    known = pa.array([UNREAD, error_text(Reason.CRASHED)], pa.string())
    return bool(pc.any(pc.is_in(kept.column("error"), known)).as_py())
