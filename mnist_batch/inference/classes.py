"""The classes that a network tells apart, as its file names them."""

from collections.abc import Sequence

from mnist_batch.errors import ModelError
from mnist_batch.inputs.labelling.names import digits_of
from mnist_batch.models.allowlist import quoted
from mnist_batch.models.model_file import AnyModelFile, OnnxFile
from mnist_batch.schema import DIGITS, Classes


def classes_of_network(
    file: AnyModelFile, count: int, notes: list[str]
) -> tuple[Classes, Sequence[int] | None]:
    """Return the classes that a network tells apart, by the names that its file gives them.

    Those of an ONNX file that are digits, in any order or some of them, are these digits: then the
    digit of each output is returned too.

    Args:
        file: the model file.
        count: how many outputs its network has.
        notes: gets what the user should know of the names.

    Raises:
        ModelError: the file tells of other classes than its network has outputs.
    """
    names = file.class_names()
    if not isinstance(file, OnnxFile):
        if names is not None and len(names) != count:
            why = f"names {len(names):,} classes, and tells {count:,} apart"
            raise ModelError(f"{file.path}: {why}")
        return Classes.of(count, names), None
    known = len(file.labels)
    if known > 3 and count == known * (known - 1) // 2:
        raise ModelError(
            f"{file.path}: gives {count} numbers for its {known} classes, one for each pair; "
            "export one for each class: SVC(decision_function_shape='ovr')"
        )
    if names is not None and len(names) != count:  # in the metadata anything may stand
        notes.append(f"names {len(names):,} classes and tells {count:,} apart: goes without names")
        return Classes(count), None
    digits = names and digits_of(names)
    if digits:
        return DIGITS, None if digits == tuple(range(DIGITS.count)) else digits
    if names is not None:
        first = ", ".join(f"{place} is {quoted(name)}" for place, name in enumerate(names[:3]))
        notes.append(f"numbers its classes as its file names them: {first}; so do labels")
    return Classes.of(count, names), None
