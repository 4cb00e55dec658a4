"""The labelled digits of a data set: those to train on, and those to test on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_batch.inputs.finding.find import HUB
from mnist_batch.options import Prepare, ReadOptions
from mnist_batch.training.data import LabelledImages, UnlabelledError, has_labels, read_images
from mnist_batch.training.splits import find_splits

_NAMED = 3
"""Files without labels that are named, at most."""


@dataclass(frozen=True, eq=False)
class Digits:
    """The labelled digits to train on and to test on."""

    name: str  # a data set of the hub as the user wrote it; of a path the last part
    training: LabelledImages  # those for validation included
    test: LabelledImages | None  # None without a test split
    test_inputs: Sequence[str]  # of the test, for the pipeline that tests the saved file
    read: ReadOptions  # how the inputs are read
    notes: Sequence[str]  # what the user should know of them

    @property
    def rows(self) -> int:
        """How many there are to train on."""
        return len(self.training.labels)

    @property
    def unreadable(self) -> Counter[str]:
        """Rows of both that are left out, per reason."""
        return Counter(self.training.unreadable) + Counter(
            self.test.unreadable if self.test else {}
        )


def read_digits(data: str, read: ReadOptions, prepare: Prepare | None) -> Digits:
    """Read the digits of an INPUT, divided into splits as `find_splits` finds them.

    A test split without any label is left out, and a note says so.

    Args:
        data: the INPUT.
        read: how it is read.
        prepare: which images are brought to MNIST form; None as `read_images` takes it.

    Raises:
        InputError: the data cannot be read.
        LabelError: a row to train on has no label, or some to test on have none.
    """
    splits = find_splits(data)
    training = read_images(splits.train, read, prepare=prepare)
    test, test_inputs, notes = None, splits.test, list[str]()
    try:
        if test_inputs:
            test = read_images(test_inputs, read, training.classes, training.prepare)
    except UnlabelledError:
        if has_labels(test_inputs, read, training.classes):
            raise
        test_inputs = []  # as test.csv of Kaggle's contests
        names = ", ".join(Path(one).name for one in splits.test[:_NAMED])
        more = f" and {len(splits.test) - _NAMED} more" if len(splits.test) > _NAMED else ""
        notes.append(f"the model is complete, but not tested: no row of {names}{more} has a label")
    return Digits(
        # Model files go to other people; a whole path would show them this machine's folders.
        name=data if data.startswith(HUB) else Path(data).absolute().name,
        training=training,
        test=test,
        test_inputs=test_inputs,
        read=read,
        notes=notes,
    )
