"""The choices a user makes by name, with their values as they are typed."""

from enum import StrEnum


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
