"""What the user should know of a run: of its model, and of how its inputs were read."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnist_batch import _kernels
from mnist_batch.commands.runs.run import Run
from mnist_batch.evaluation.evaluator import Evaluation
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.inference.trials.kept_images import KeptImages
from mnist_batch.inference.trials.notes import (
    is_settled,
    orientation_note,
    prepare_note,
    scale_note,
)
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.options import Prepare
from mnist_batch.outputs.targets import why_failed
from mnist_batch.schema import Reason, shortened

if TYPE_CHECKING:
    from mnist_batch.engines.part_job import Engine

_NAMED = 5
"""Names in a note, at most."""


def notes_of(
    run: Run, evaluation: Evaluation, kept: KeptImages, engine: "Engine | None"
) -> list[str]:
    """Return what the user should know of the model and of how the inputs were read.

    `engine` has predicted the parts; None for threads here.
    """
    predictor, metrics = run.predictor, evaluation.metrics
    accuracy = metrics.accuracy
    advice = list[str | None]()
    try:
        advice.append(orientation_note(predictor, accuracy, kept, run.options.read.orientation))
        if not is_settled(predictor):
            advice.append(scale_note(predictor, accuracy, kept))
        if not any(advice) and _can_read_again(run, metrics.errors_by_reason, engine):
            advice.append(prepare_note(predictor, accuracy, run.opened, run.prepare))
    except Exception as error:  # noqa: BLE001 - all is predicted, and this is only advice
        why = why_failed(error)
        advice.append(
            f"whether it reads the images better in another way was not found out ({why})"
        )
    of_model = [*predictor.notes, *filter(None, [run.wanted.note, *advice])]
    counts = metrics.rows, metrics.labelled, metrics.prepared
    return [
        *(f"model {predictor.model.file_name}: {note}" for note in of_model),
        *reading_notes(run.opened, run.prepare, *counts),
        *without_digit_note(run.prepare, metrics.rows, metrics.errors_by_reason),
        *_notes_on_several_digits(evaluation),
        *_labels_from_1(metrics),
        *_empty_share(run),
    ]


def _can_read_again(run: Run, errors: Mapping[str, int], engine: "Engine | None") -> bool:
    """Tell whether this process may read images of the input: it would end over one that crashes.

    An engine, or that of the run that is resumed, gives a row up as `Reason.CRASHED`, and a shard
    as `Reason.UNREADABLE_FILE`; and it notes each process that ended.
    """
    if Reason.CRASHED in errors or (engine and engine.notes):
        return False
    may_crash = engine or run.options.output.resume
    return not may_crash or Reason.UNREADABLE_FILE not in errors


def _empty_share(run: Run) -> Iterator[str]:
    """Yield that a shard has no rows, where there are more shards than parts."""
    share, count = run.options.share, len(run.all_parts)
    if share and not run.parts:
        total = share.total
        why = (
            f"one part, too small to share, and shard {total}/{total} has all rows"
            if count == 1
            else f"{count:,} parts, fewer than the {total:,} shards"
        )
        yield (
            f"shard {share} has no rows: the input is {why}; merge needs this folder all the same"
        )


def _labels_from_1(metrics: Metrics) -> Iterator[str]:
    """Yield that labels may be counted otherwise than the classes of the model are.

    EMNIST numbers its 26 letters from 1 on; of its 62 classes they are 10 to 35.
    """
    labels = np.flatnonzero(metrics.confusion_matrix.sum(axis=1))
    count, last = metrics.classes.count, len(labels)
    is_from_1 = last > 1 and labels[0] == 1 and labels[-1] == last
    if is_from_1 and not metrics.classes.are_digits and 2 * metrics.correct < metrics.scored:
        yield (
            f"the labels are 1 to {last} of {count} classes, which are 0 to {count - 1}, and most "
            "predictions differ from them: they may begin at 1, or number other classes; pass "
            "labels that are names or numbers of these classes, or --labels none"
        )


def _notes_on_several_digits(evaluation: Evaluation) -> Iterator[str]:
    """Yield what became of pictures of several digits, where there are any."""
    refused = evaluation.metrics.errors_by_reason.get(str(Reason.SEVERAL_DIGITS), 0)
    if refused and not evaluation.is_split:
        yield f"pictures that show several digits: {refused:,}; --several split reads each digit"
    if evaluation.split_pictures:
        yield (
            f"pictures that show several digits: {evaluation.split_pictures:,} of "
            f"{evaluation.pictures:,}; each digit is a row, which makes "
            f"{evaluation.metrics.rows:,}, and a label counts only where a picture shows one"
        )


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
