"""The options of the commands: choices by name, defaults, and what a run depends on.

The command line needs them for its help, so this module imports nothing that takes time.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypedDict, Unpack

from mnist_batch.errors import OutputError

Inputs = str | Path | Iterable[str | Path]
"""One INPUT or several: folders, files, globs, `hf://` or `-`."""

BATCH_ROWS = 2048
"""Rows of a batch by default: enough that the work per batch is small beside the work per row, and
1.6 MB of pixels, so that a few batches per core take little memory."""

LARGEST_BATCH = 1_000_000
"""The most rows of a batch on the command line: the pixels alone are 3 GB for the network."""

MOST_WORKERS = 1024
"""The most threads on the command line."""

BATCH_SIZES = (256, 1024, 2048, 4096, 16384)
"""Batch sizes that `benchmark` measures by default."""

MNIST = "hf://datasets/ylecun/mnist"
"""The real MNIST on Hugging Face: 60,000 digits for training, 10,000 for the test."""


class TrainingDefaults(NamedTuple):
    """The default settings of `train`."""

    epochs: int
    batch_size: int
    validation_split: float


PLAIN = TrainingDefaults(epochs=100, batch_size=196, validation_split=0.2)
"""The settings of the script that this package grew out of."""

AUGMENTED = TrainingDefaults(epochs=300, batch_size=256, validation_split=0.1)
"""With `--augment`: since no image repeats exactly, more epochs pay."""


class ErrorBudget(NamedTuple):
    """The number or, in percent, the share of rows that may have an error."""

    limit: Decimal
    percent: bool

    @classmethod
    def parse(cls, text: str) -> "ErrorBudget":
        """Return the budget that `10` or `0.5%` stands for.

        Raises:
            ValueError: it is neither a whole number nor a share of 0 to 100 %.
        """
        number = text.removesuffix("%")
        percent = number != text
        # isascii: the methods alone take the digits of every script.
        plain = number.replace(".", "", 1) if percent else number
        if not (plain.isascii() and plain.isdecimal()) or (percent and Decimal(number) > 100):
            raise ValueError(
                f"{text[:60]!r}: expected a number of rows, as 10, or a share, as 0.5%"
            )
        return cls(Decimal(number), percent)

    def allows(self, errors: int, rows: int, uncounted: int = 0) -> bool:
        """Tell whether so many errors among so many rows are within the budget.

        `uncounted` sources are one row with an error each, since nobody knows how many they hold:
        no share of rows allows them, other than all.
        """
        if self.percent and uncounted and self.limit < 100:
            return False
        return errors * 100 <= self.limit * rows if self.percent else errors <= self.limit

    def __str__(self) -> str:
        """Return the budget as it is typed."""
        return f"{self.limit}%" if self.percent else str(self.limit)


LEAST_MEMORY = 512 * 2**20
"""Bytes that a run is given at least: it takes 150 to 400 MiB before any large picture."""

_SIZE = r"(?ia)([0-9]+(?:\.[0-9]+)?)([KMGT])(?:iB)?"


def memory_size(text: str | None) -> int | None:
    """Return the bytes that `2G`, `1.5GiB` or `512M` stands for; None for None, the default.

    K, M, G and T are powers of 1024.

    Raises:
        ValueError: it is no such size, or below `LEAST_MEMORY`.
    """
    if text is None:
        return None
    found = re.fullmatch(_SIZE, text)
    if found is None:
        raise ValueError(f"{text[:60]!r}: expected a size such as 2G or 512M")
    size = int(Decimal(found[1]) * 1024 ** ("KMGT".index(found[2].upper()) + 1))
    if size < LEAST_MEMORY:
        raise ValueError(f"{text[:60]!r}: too little to work with; give at least 512M")
    return size


class Share(NamedTuple):
    """Which share of the parts of a run is predicted: the second of three, say."""

    number: int  # from 1
    total: int

    @classmethod
    def parse(cls, text: str) -> "Share":
        """Return the share that `2/3` stands for.

        Raises:
            ValueError: it is no such share.
        """
        found = re.fullmatch(_SHARE, text)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError(f"{text[:60]!r}: expected a share such as 1/3, 2/3 or 3/3")
        return cls(int(found[1]), int(found[2]))

    def of(self, parts: int) -> range:
        """Return the numbers of its parts, of so many: consecutive, and as many as of the others.

        Each part is in one share; where there are fewer parts than shares, some have none.
        """
        first, end = (number * parts // self.total for number in (self.number - 1, self.number))
        return range(first, end)

    def __str__(self) -> str:
        """Return the share as it is typed."""
        return f"{self.number}/{self.total}"


_SHARE = r"([0-9]{1,9})/([0-9]{1,9})"


class Scale(StrEnum):
    """The range to which a network wants pixels scaled, from black to white."""

    ZERO_TO_ONE = "0-1"
    BYTES = "0-255"
    MINUS_ONE_TO_ONE = "-1-1"
    MINUS_HALF_TO_HALF = "-0.5-0.5"


class PredictorChoice(StrEnum):
    """What runs the network."""

    AUTO = "auto"
    NUMPY = "numpy"
    KERAS = "keras"
    ONNX = "onnx"


class Device(StrEnum):
    """Where Keras or ONNX Runtime runs the network."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class Prepare(StrEnum):
    """Which images are brought to MNIST form: those that are not in it, all, or none.

    With `never`, images of another size are resized.
    """

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Several(StrEnum):
    """What becomes of a picture of two digits or more: a row with an error, or a row per digit."""

    ERROR = "error"
    SPLIT = "split"


class OutputFormat(StrEnum):
    """How predictions are written: as one file, or as a folder of Parquet files."""

    FILE = "file"
    DATASET = "dataset"


class Orientation(StrEnum):
    """How images are stored: as they are seen, or with rows and columns exchanged, as EMNIST's."""

    UPRIGHT = "upright"
    TRANSPOSED = "transposed"


class Style(StrEnum):
    """What drawn digits look like."""

    MNIST = "mnist"
    PAPER = "paper"
    PHOTO = "photo"
    SCREEN = "screen"


NO_LABELS = "none"
"""The value of `ReadOptions.labels` with which no labels are read."""


class ReadArguments(TypedDict, total=False):
    """How inputs are read: arguments of `predict` and of all that reads inputs, and options.

    Attributes:
        image_column: the Parquet column of images, or the array in an .npz file; None to find it.
        label_column: the column of labels; None for `label`, where there is one.
        labels: a CSV file, see Labels in Formats; `none` for none; None for the inputs'.
        label_pattern: a regular expression that finds a label in the name of a file, in its only
            group; None to read none from names.
        class_names: the names of the classes in order, separated by commas, or a file that has one
            a line; None for those of the model, else of the data.
        image_root: the folder of the files that a column of paths names, where there are no bytes.
        orientation: how images are stored, see `options.Orientation`.
    """

    image_column: str | None
    label_column: str | None
    labels: str | Path | None
    label_pattern: str | None
    class_names: str | Path | None
    image_root: str | Path | None
    orientation: Orientation | str


@dataclass(frozen=True)
class ReadOptions:
    """How INPUTs are read; the fields but the last are those of `ReadArguments`."""

    image_column: str | None = None
    label_column: str | None = None
    labels: str | None = None
    label_pattern: str | None = None
    class_names: str | None = None
    image_root: str | None = None
    orientation: Orientation = Orientation.UPRIGHT
    keep_columns: tuple[str, ...] = ()  # of the input, which the predictions keep; each once

    @classmethod
    def of(
        cls, keep_columns: Iterable[str] = (), **arguments: Unpack[ReadArguments]
    ) -> "ReadOptions":
        """Return the options for arguments, some of which may be paths."""
        orientation = Orientation(arguments.get("orientation", Orientation.UPRIGHT))
        texts = {
            name: None if value is None else str(value)
            for name, value in arguments.items()
            if name != "orientation"
        }
        return cls(
            **texts, orientation=orientation, keep_columns=tuple(dict.fromkeys(keep_columns))
        )

    def record(self) -> dict[str, Any]:
        """Return them by name, without those that earlier releases did not know and nobody set."""
        known = {
            "image_column": self.image_column,
            "label_column": self.label_column,
            "labels": self.labels,
        }
        later = {
            "label_pattern": self.label_pattern,
            "class_names": self.class_names,
            "image_root": self.image_root,
            "orientation": _unless_default(self.orientation, Orientation.UPRIGHT),
            "keep_columns": list(self.keep_columns) or None,
        }
        return known | {name: value for name, value in later.items() if value is not None}


def _unless_default(value: StrEnum, default: StrEnum) -> str | None:
    return None if value is default else str(value)


@dataclass(frozen=True)
class ModelOptions:
    """How a model file is loaded and run; the fields are arguments of `load_model`."""

    predictor: PredictorChoice | str = PredictorChoice.AUTO
    scale: Scale | str | None = None
    device: Device | str = Device.AUTO
    batch_size: int = BATCH_ROWS


@dataclass(frozen=True)
class OutputOptions:
    """What a run writes beside the predictions, and what it may replace: arguments of `predict`."""

    report: str | Path | bool = True
    sample_seed: int = 0
    save_prepared: str | Path | None = None
    overwrite: bool = False
    resume: bool = False
    slices: tuple[str, ...] = ()  # kept columns by whose values the report counts
    format: OutputFormat = OutputFormat.FILE


class EngineChoice(StrEnum):
    """Who predicts the parts of a run: threads of this process, or tasks of a Ray cluster."""

    THREADS = "threads"
    RAY = "ray"


PART_TIMEOUT_S = 600.0
"""Seconds that a task of a cluster may take by default: a part of MNIST takes 0.3 s, and one of
large photographs a minute."""

PROCESS_TIMEOUT_S = 3600.0
"""Seconds that a part may take in a worker process by default. The slowest part that was found is
64 MiB of blank scans of 12 megapixels, PNG of 16 KB each: 310 s on a core (2026-11-28). A machine
may be busy with other work, and a part that is given up too early ends a run that would be done."""


@dataclass(frozen=True)
class EngineOptions:
    """Who predicts the parts of a run: arguments of `predict`."""

    engine: EngineChoice = EngineChoice.THREADS
    ray_address: str | None = None  # of the cluster; None for what `RAY_ADDRESS` says
    part_timeout: float | None = None  # seconds that a part may take; None for the two above

    def __post_init__(self) -> None:
        """Refuse what is out of range, and what is of another engine, by a `ValueError`."""
        if self.engine is not EngineChoice.RAY and self.ray_address is not None:
            raise ValueError('ray_address: is about engine="ray" alone')
        if self.part_timeout is not None and not 0 < self.part_timeout < float("inf"):
            raise ValueError(f"part_timeout {self.part_timeout}: expected seconds, more than 0")


@dataclass(frozen=True)
class PredictOptions:
    """What a run of `predict` depends on, beside its inputs and its model: its other arguments.

    The manifest of the parts, the record of the run and the report read them.
    """

    read: ReadOptions = ReadOptions()
    model: ModelOptions = ModelOptions()
    output: OutputOptions = OutputOptions()
    prepare: Prepare = Prepare.AUTO
    workers: int | None = None
    probabilities: bool = False
    fail_fast: bool = False
    memory: int | None = None  # bytes that the run aims to stay below
    content_hash: bool = False  # whether the column `content` is written
    several: Several = Several.ERROR
    isolate: bool = False  # whether worker processes predict, which may die
    share: Share | None = None  # of the parts; None for all
    engine: EngineOptions = EngineOptions()

    def __post_init__(self) -> None:
        """Refuse a time for parts that nobody can end, by a `ValueError`."""
        may_end = self.isolate or self.engine.engine is EngineChoice.RAY
        if self.engine.part_timeout is not None and not may_end:
            raise ValueError('part_timeout: needs isolate=True or engine="ray" too')

    @property
    def is_portable(self) -> bool:
        """Whether several machines may predict parts of the run, and have to agree on them."""
        is_dataset = self.output.format is OutputFormat.DATASET
        return self.share is not None or is_dataset or self.engine.engine is EngineChoice.RAY

    def record(self) -> dict[str, Any]:
        """Return, by name, the options that predictions may depend on; a manifest holds them.

        Those that earlier releases did not know are left out where nobody set them.
        """
        return {
            "prepare": str(self.prepare),
            **self.read.record(),
            "device": str(Device(self.model.device)),
            "batch_size": self.model.batch_size,
            "probabilities": self.probabilities,
            **({"content_hash": True} if self.content_hash else {}),
            **({"several": str(self.several)} if self.several is not Several.ERROR else {}),
        }


def output_format(out: str | Path, chosen: OutputFormat | str | None) -> OutputFormat:
    """Return how an output is written: as it was chosen, else by whether it names a folder.

    It does as text with a slash at its end, which a `Path` does not have.

    Raises:
        OutputError: it names a folder, and a file was chosen.
    """
    if chosen is not None:
        kind = OutputFormat(chosen)
        if kind is OutputFormat.FILE and str(out).endswith("/"):
            raise OutputError(
                f"{out}: the slash at its end says a folder of Parquet files, and --format file "
                "one file; leave one of the two out"
            )
        return kind
    return OutputFormat.DATASET if str(out).endswith("/") else OutputFormat.FILE


def input_list(inputs: Inputs) -> list[str | Path]:
    """Return INPUTs as a list, whether one is given or several."""
    return [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
