"""The exceptions of this package, one tree.

    MnistBatchError
        InputError            an INPUT that cannot be read as images
            ColumnError       a column that the predictions cannot keep
            LabelError        a label that is not a digit, or a label file that cannot be read
        ModelError            a model file that cannot be loaded or does not classify ten digits
        OutputError           an output that exists already or cannot be written
            OutputInUseError  another run is writing it
        PredictionsError      a predictions file that cannot be evaluated
        MachineError          memory, threads or files that the machine does not have now

Each message is one line: what is wrong, where, what was expected, what to do next. The command
line prints it and exits with status 1. An image that cannot be read is no exception: it is a row
with a reason (see `mnist_batch.schema.Reason`).
"""


class MnistBatchError(Exception):
    """The base of every error that this package raises on purpose."""


class InputError(MnistBatchError):
    """An INPUT does not exist, is of no known kind, or cannot be read as images."""


class ColumnError(InputError):
    """A column of the input that the predictions are to keep is not there, or cannot be kept."""


class LabelError(InputError):
    """A label is not a digit from 0 to 9, or a file of labels cannot be read."""


class ModelError(MnistBatchError):
    """A model file cannot be loaded, or its network does not classify 28x28 images of digits."""


class OutputError(MnistBatchError):
    """An output exists already, or cannot be written."""


class OutputInUseError(OutputError):
    """Another run is writing an output."""


class PredictionsError(MnistBatchError):
    """A predictions file cannot be read or lacks the columns of the schema."""


class MachineError(MnistBatchError):
    """The machine lacks memory, threads, open files or a library; nothing is wrong with the data.

    The run stops, and what it has finished is kept: the same run on a healthy machine works.
    """
