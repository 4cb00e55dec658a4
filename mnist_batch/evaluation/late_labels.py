"""Labels that arrive after the predictions, put in the place of those that these have."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.numbering import Numbering
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import DIGITS, LABEL_NAME, PREDICTIONS, Classes, first_rows, shortened

_INSTEAD = "correct it, or evaluate without --labels, with those that the predictions have"
_NO_NAMES = "; where labels are names of other classes, predict again with --class-names"
_LABEL = PREDICTIONS.get_field_index("label")


class LateLabels:
    """A file of labels, and what it has labelled so far."""

    def __init__(self, path: Place, classes: Classes = DIGITS) -> None:
        """Read the file, in any of the forms that `--labels` of `predict` takes.

        `classes` are what the predictions are numbers of.

        Raises:
            LabelError: it cannot be read, or is none.
        """
        instead = _INSTEAD if classes.names else f"{_INSTEAD}{_NO_NAMES}"
        self._file = LabelFile(path, Numbering(classes), instead)
        self._classes = classes
        self._named: str | None = None  # a source of the predictions
        self._labelled = self._rows = 0

    def label(self, batch: pa.RecordBatch, predictions: Path) -> pa.RecordBatch:
        """Return rows of a predictions file with the file's labels alone, null where it has none.

        A label counts only where its picture has one digit. No batch ends within a picture.

        Raises:
            LabelError: the file does not tell rows of a source apart.
        """
        sources, rows = batch.column("source"), batch.column("row")
        if not self._file.has_rows and len(batch) and pc.max(rows).as_py() > 0:
            raise LabelError(
                f"{self._file.path}: no column row, which labels of {predictions} need"
            )
        labels = self._file.lookup(sources.to_pylist(), rows.to_numpy())
        first = first_rows(batch)
        alone = first & np.append(first[1:], True)
        labels = pc.if_else(pa.array(alone), labels, pa.scalar(None, labels.type))
        if self._named is None and len(batch):
            self._named = sources[0].as_py()
        self._rows += len(batch)
        self._labelled += len(batch) - labels.null_count
        batch = batch.set_column(_LABEL, PREDICTIONS.field(_LABEL).with_type(labels.type), labels)
        place = batch.schema.get_field_index(LABEL_NAME.name)
        if place < 0 or not self._classes.names:
            return batch
        return batch.set_column(place, LABEL_NAME, pa.array(self._classes.names).take(labels))

    def notes(self) -> list[str]:
        """Return how many rows have a label, where not all have one.

        Raises:
            LabelError: none has.
        """
        if self._labelled == self._rows:
            return []
        if not self._labelled:
            there = "it names no image"
            if self._file.example is not None:
                there = f"it names images as {shortened(self._file.example)!r}"
            raise LabelError(
                f"{self._file.path}: labels none of the predictions ({self._rows:,}); {there}, "
                f"they as {shortened(self._named or '')!r}; name images as the column source does"
            )
        return [self._file.note(self._labelled, self._rows)]
