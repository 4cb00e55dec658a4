"""The choices a user makes by name, with their values as they are typed, and common defaults.

The command line needs them for its help, so this module imports nothing that takes time.
"""

from enum import StrEnum
from typing import NamedTuple

BATCH_ROWS = 2048
"""Rows of a batch, unless the user says otherwise: enough that the work per batch is small beside
the work per row, and 1.6 MB of pixels, so that a few batches per core are little memory."""

BATCH_SIZES = (256, 1024, 2048, 4096, 16384)
"""What `benchmark` measures, unless the user says otherwise."""

MNIST = "hf://datasets/ylecun/mnist"
"""The real MNIST on Hugging Face: 60,000 digits for training, 10,000 for the test."""


class TrainingDefaults(NamedTuple):
    """What `train` takes where the user says nothing."""

    epochs: int
    batch_size: int
    validation_split: float


PLAIN = TrainingDefaults(epochs=100, batch_size=196, validation_split=0.2)
"""The settings of the script that this package grew out of."""

AUGMENTED = TrainingDefaults(epochs=300, batch_size=256, validation_split=0.1)
"""With `--augment`: images that are never twice the same can be looked at for longer."""


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


class Device(StrEnum):
    """Where Keras runs the network."""

    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class Prepare(StrEnum):
    """Which images are brought to MNIST form."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Style(StrEnum):
    """What drawn digits look like."""

    MNIST = "mnist"
    PAPER = "paper"
    PHOTO = "photo"
    SCREEN = "screen"
