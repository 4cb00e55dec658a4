"""The classes that two predictions files are compared by."""

from typing import Never

import numpy as np
from numpy.typing import NDArray

from mnist_batch.errors import OtherClassesError
from mnist_batch.evaluation.comparison.predicted_rows import PredictedRows
from mnist_batch.schema import Classes, shortened


def common_classes(
    base: PredictedRows, new: PredictedRows
) -> tuple[Classes, NDArray[np.int64] | None]:
    """Return the classes of both, by their numbers in the new run: names of either.

    With them the number in the new run of each class of the base, int64 (classes,); None where the
    base has them in the same order.

    Raises:
        OtherClassesError: they are not the same ones.
    """
    first, second = base.classes, new.classes
    if first.count != second.count and base.run and new.run:
        raise OtherClassesError(
            f"{new.path} has {second.count:,} classes, {base.path} {first.count:,}; compare runs "
            "of models that tell the same classes apart"
        )
    if first.names and second.names and not (_may_be(base, second) or _may_be(new, first)):
        numbers = first.numbers_in(second)
        if numbers is None:
            _refuse_names(base, new)
        return second, numbers
    for one, other in ((base, new), (new, base)):
        if one.run and one.classes.are_digits and other.classes.names:
            raise OtherClassesError(
                f"{one.path} has the digits 0 to 9, {other.path} classes with names, such as "
                f"{shortened(other.classes.names[0])!r}; compare runs of models that tell the same "
                "classes apart: of one, predict again with --class-names where its model knows no "
                "names"
            )
    # A file that does not say how many there are has at least those that it holds.
    return max(first, second, key=lambda one: (one.count, one.names is not None)), None


def _may_be(rows: PredictedRows, classes: Classes) -> bool:
    """Tell whether the classes of a file are these in their order, as far as the file says.

    One without a record, as CSV is, names those of its rows, and the others by their numbers.
    """
    if rows.classes == classes or rows.run is not None:
        return rows.classes == classes
    names = enumerate(rows.classes.names or ())
    return rows.classes.count <= classes.count and all(
        name in (str(number), classes.name(number)) for number, name in names
    )


def _refuse_names(base: PredictedRows, new: PredictedRows) -> Never:
    """Refuse classes with other names: the message tells one that only one of them has."""
    first, second = base.classes.names or (), new.classes.names or ()
    for rows, names, others in ((new, second, first), (base, first, second)):
        for name in names:
            if name not in others:
                other = base if rows is new else new
                raise OtherClassesError(
                    f"{rows.path} has a class {shortened(name)!r}, and {other.path} has not; "
                    "compare runs of models that tell the same classes apart"
                )
    raise OtherClassesError(
        f"{new.path} and {base.path} have a class of the same name twice; name each another with "
        "--class-names, and predict again"
    )
