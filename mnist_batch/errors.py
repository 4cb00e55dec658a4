"""The exceptions of this package, one tree.

    MnistBatchError
        InputError            an INPUT that cannot be read as images
            ColumnError       a column that the predictions cannot keep
            LabelError        a label of no class, or a label file that cannot be read
        ModelError            a model file that cannot be loaded or does not classify ten digits
        OutputError           an output that exists already or cannot be written
            OutputInUseError  another run is writing it
        PredictionsError      a predictions file that cannot be evaluated
            OtherClassesError two that are compared, and are not of the same classes
        MachineError          memory, threads or files that the machine does not have now
            MissingExtraError a library of an extra of this package, which is not installed

Each message is one line: what is wrong, where, what was expected, what to do next. It is written
with the options of the command line, which prints it and exits with status 1; in a program it tells
them as arguments, `overwrite=True` for `--overwrite`. An image that cannot be read is no exception:
it is a row with a reason (see `mnist_batch.schema.Reason`).
"""

import re

_told_to_command_line = False


def tell_options() -> None:
    """Leave options in messages as they are, from now on: the command line is to print them."""
    global _told_to_command_line
    _told_to_command_line = True


def in_arguments(text: str) -> str:
    """Return a message with the options in it told as arguments of the library.

    `--overwrite` is `overwrite=True`, `--labels none` is `labels="none"`, `--report DIR` is
    `report=DIR`, and `--scale` alone is `scale`. A line of the shell to copy stays as it is.
    """
    told, *line = re.split(_SHELL, text, maxsplit=1)
    return re.sub(_OPTION, _argument, told) + "".join(line)


def _argument(found: re.Match[str]) -> str:
    name, value, rest = found["name"].replace("-", "_"), found["value"], found["rest"] or ""
    name = _OTHER_NAMES.get(name, name)
    if name.startswith("no_"):
        return f"{name.removeprefix('no_')}=False{rest}"
    if name in _FLAGS:
        return f"{name}=True{rest}"
    if value is None:
        return name
    is_number = value.replace(".", "").isdecimal()
    return f"{name}={value}" if value.isupper() or is_number else f'{name}="{value}"'


# Patterns of messages stay text until there is one: to compile these two takes half a millisecond.
_OPTION = (
    r"(?<![\w-])--(?P<name>[a-z]+(?:-[a-z]+)*)"
    r"(?P<rest> (?P<value>[A-Z]{2,}|none|auto|always|never|numpy|keras|onnx|cpu|gpu|ray|split"
    r"|transposed|passed|previous|best|[0-9]+/[0-9]+|-?[0-9.]+-[0-9.]+|[0-9]+(?:\.[0-9]+)?)(?![\w-]|\.\w))?"
)
"""An option, and where one follows its value: a placeholder, a choice, or a scale."""

_SHELL = r"(mnist-batch |python -m |ray start )"
"""How a line of the shell begins."""

_FLAGS = frozenset(
    [
        *("augment", "content_hash", "fail_fast", "overwrite", "probabilities"),
        *("isolate", "require_labels", "resume"),
    ]
)
"""Options without a value."""

_OTHER_NAMES = {"keep_column": "keep_columns", "slice": "slices"}
"""Arguments that are not called as their option."""


class MnistBatchError(Exception):
    """The base of every error that this package raises on purpose."""

    def __str__(self) -> str:
        """Return the message, for the command line or for a program."""
        text = super().__str__()
        return text if _told_to_command_line else in_arguments(text)


class InputError(MnistBatchError):
    """An INPUT does not exist, is of no known kind, or cannot be read as images."""


class ColumnError(InputError):
    """A column of the input that the predictions are to keep is not there, or cannot be kept."""


class LabelError(InputError):
    """A label is neither a digit nor of another class, or a file of labels cannot be read."""


class ModelError(MnistBatchError):
    """A model file cannot be loaded, or its network does not classify 28x28 images of digits."""


class OutputError(MnistBatchError):
    """An output exists already, or cannot be written."""


class OutputInUseError(OutputError):
    """Another run is writing an output."""


class PredictionsError(MnistBatchError):
    """A predictions file cannot be read or lacks the columns of the schema."""


class OtherClassesError(PredictionsError):
    """Two predictions files that are compared do not tell the same classes apart."""


class MachineError(MnistBatchError):
    """The machine lacks memory, threads, open files or a library; nothing is wrong with the data.

    The run stops, and what it has finished is kept: the same run on a healthy machine works.
    """


class MissingExtraError(MachineError):
    """A library is not installed that an extra of this package brings."""
