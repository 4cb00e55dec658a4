"""Data to train on: the split of the files into training and test data, and their pixels."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inference.workers import available_workers, map_batches
from mnist_batch.inputs.dataset.layout import is_part_name
from mnist_batch.inputs.parquet.files import packed_sources
from mnist_batch.inputs.read_ahead import fetched_ahead
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.mnist import SIDE
from mnist_batch.options import BATCH_ROWS, Prepare, ReadOptions
from mnist_batch.preprocessing.mnist_form import prepare_batch
from mnist_batch.schema import DIGITS, Classes, ImageBatch, Images, Reason, reason, shortened
from mnist_batch.training.splits import TEST, TRAIN, by_split

Labels = npt.NDArray[np.int8] | npt.NDArray[np.int16]
"""True classes (n,) from 0 on: int8, or int16 of over 128 classes."""


class UnlabelledError(LabelError):
    """A row has no label."""


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images with their true digits or other classes, in input order.

    `sha256` names the digits whatever file they came in and in whatever order: SHA-256 over the
    sorted SHA-256 of each row, which is its 784 pixels and its label as one byte, or as two of over
    128 classes.
    """

    images: Images  # uint8 (n, 28, 28), 0 black to 255 white
    labels: Labels
    sha256: str
    unreadable: dict[str, int]  # rows that are left out, per reason
    classes: Classes = DIGITS
    prepare: Prepare = Prepare.AUTO  # how the images were prepared

    def shuffled_if_sorted(self, seed: int) -> tuple[Images, Labels]:
        """Return images and labels shuffled if they come digit by digit, else as they are.

        Folders named 0 to 9 are read one after the other: with the last fifth for validation the
        network would train without eights and nines. In a random order nine of ten neighbours
        differ; where less than half do, the rows are taken as sorted.
        """
        if np.count_nonzero(np.diff(self.labels)) >= len(self.labels) // 2:
            return self.images, self.labels
        order = np.random.default_rng(seed).permutation(len(self.labels))
        return self.images[order], self.labels[order]


def read_images(
    inputs: Sequence[str],
    read: ReadOptions | None = None,
    classes: Classes | None = None,
    prepare: Prepare | None = None,
) -> LabelledImages:
    """Read all images and labels of INPUTs into memory, 785 bytes a row.

    Args:
        inputs: what to read.
        read: how it is read.
        classes: what labels are numbers of; None for what the data itself tells: digits, other
            classes that it names or numbers, or folders named for classes.
        prepare: which images are brought to MNIST form; None for those of digits that are not in
            it, and for none of other classes.

    Raises:
        InputError: there are no rows, or none that can be read, or a file is packed from both
            training and test data.
        UnlabelledError: a row has no label.
        LabelError: a label is of no class, or there is only one class.
    """
    opened = open_inputs(inputs, read, classes, named_by_folders=True)
    classes = opened.classes or DIGITS
    _check_classes(classes, inputs[0])
    if prepare is None:
        prepare = Prepare.AUTO if classes.are_digits else Prepare.NEVER
    for name, files in groupby(filter(_is_parquet, opened.files), _packed_as):
        _refuse_packed_together(name, map(Path, files))
    images = np.empty((opened.rows, SIDE, SIDE), np.uint8)
    labels = np.empty(opened.rows, classes.dtype.to_pandas_dtype())
    unreadable: Counter[str] = Counter()
    rows = 0
    batches = map_batches(
        fetched_ahead(opened.shards),
        lambda shard: shard.read(BATCH_ROWS),
        lambda batch: _readable_rows(batch, prepare),
        workers=available_workers(),
    )
    for some, digits, reasons in batches:
        end = rows + len(digits)
        images[rows:end], labels[rows:end] = some, digits
        unreadable.update(reasons)
        rows = end
    if not rows:
        causes = ", ".join(f"{count} x {text}" for text, count in unreadable.items()) or "no rows"
        more = f" and {len(inputs) - 1} more" if len(inputs) > 1 else ""
        advice = ""
        if 2 * unreadable[Reason.NO_DIGIT] > unreadable.total():
            advice = (
                "; if the images show something else, pass --prepare never, or name their classes "
                "with --class-names A,B,..."
            )
        raise InputError(
            f"{inputs[0]}{more}: no images to train on or to test on: {causes}{advice}"
        )
    images, labels = images[:rows], labels[:rows]
    sha256 = _sha256(images, labels)
    return LabelledImages(images, labels, sha256, dict(unreadable), classes, prepare)


def has_labels(inputs: Sequence[str], read: ReadOptions, classes: Classes) -> bool:
    """Tell whether any row of INPUTs that can be opened has a label; as few are read as tell it."""
    opened = open_inputs(inputs, read, classes)
    return any(True for shard in opened.shards for _ in shard.label_texts())


_FEWEST = 2


def _check_classes(classes: Classes, where: str) -> None:
    """Raise `LabelError` for a single class, and for names that no model file may hold."""
    if classes.count < _FEWEST:
        raise LabelError(f"{where}: all labels are {classes.name(0)!r}; expected two or more")
    wrong = next((name for name in classes.names or () if not name.isprintable()), None)
    if wrong is not None:
        raise LabelError(
            f"{where}: the class {shortened(wrong)!r} has a character that does not print; rename "
            "it, be it a folder or a label, or pass --class-names where labels are numbers"
        )


def _is_parquet(file: str) -> bool:
    return file.lower().endswith(".parquet")


def _packed_as(file: str) -> str:
    """Return the folder of a part of a packed folder, or else the file."""
    folder, _, name = file.rpartition("/")
    return folder if is_part_name(name) else file


def _refuse_packed_together(name: str, files: Iterable[Path]) -> None:
    """Raise `InputError` for a file or a folder that is packed from training and from test data."""
    sources = list[str]()
    for file in files:
        with suppress(InputError):  # it is one row with an error
            sources += packed_sources(file)
    splits = by_split(sources, whole=True)
    if TRAIN in splits and TEST in splits:
        raise InputError(
            f"{name}: is packed from data for training ({splits[TRAIN][0]}) and for the test "
            f"({splits[TEST][0]}); pack each into its own file, as train.parquet and test.parquet"
        )


def _readable_rows(batch: ImageBatch, prepare: Prepare) -> tuple[Images, Labels, Counter[str]]:
    """Return the rows of a batch that can be read, and how many cannot, per reason."""
    decoded = prepare_batch(batch, prepare)
    unlabelled = pc.and_(batch.label.is_null(), decoded.error.is_null())
    if (row := pc.index(unlabelled, True).as_py()) >= 0:
        raise UnlabelledError(
            f"{batch.source[row]}, row {batch.row[row]}: no label, and training needs one; "
            "expected a Parquet column label, a folder named by its digit, or metadata.csv; "
            "--label-column and --label-pattern name others"
        )
    readable = decoded.error.is_null()
    labels = batch.label.filter(readable).to_numpy()
    unreadable = Counter(map(reason, decoded.error.drop_null().to_pylist()))
    return decoded.images[readable.to_numpy(zero_copy_only=False)], labels, unreadable


class DigitsHash:
    """Adds up `LabelledImages.sha256` over batches."""

    def __init__(self) -> None:
        self._rows: list[bytes] = []

    def add(self, images: Images, labels: Labels) -> None:
        """Add rows."""
        for image, label in zip(images, labels, strict=True):
            self._rows.append(hashlib.sha256(image.tobytes() + label.tobytes()).digest())

    def hexdigest(self) -> str:
        """Return the hash of all rows, in hexadecimal."""
        return hashlib.sha256(b"".join(sorted(self._rows))).hexdigest()


def _sha256(images: Images, labels: Labels) -> str:
    digits = DigitsHash()
    digits.add(images, labels)
    return digits.hexdigest()
