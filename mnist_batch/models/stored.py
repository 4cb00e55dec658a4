"""What a model file stores, whichever its format, and the checked JSON in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.models.allowlist import check_record, checked_config
from mnist_batch.models.network_config import Config, parsed_config

ATTRIBUTE = "mnist_batch"
"""Where a model trained by this package says in JSON how it was made."""

MAX_JSON = 4 * 2**20

Weights = list[npt.NDArray[np.float32]]


class ArrayOrder(StrEnum):
    """In which order a file has the arrays of a layer that is made of layers, or is a model."""

    TRAINED_FIRST = "those that are trained, of all its layers, before those that are not"
    BY_LAYER = "layer by layer"


@dataclass(frozen=True)
class Origin:
    """What wrote a model file.

    Attributes:
        array_order: how it orders arrays.
        keras_version: the version of Keras, as `2.2.4-tf`; empty where the file does not say.
        backend: what Keras ran on, as `theano`; empty where the file does not say.
    """

    array_order: ArrayOrder
    keras_version: str
    backend: str


@dataclass(frozen=True)
class StoredModel:
    """What is in a model file.

    Attributes:
        config: the network as Keras describes it, checked by `config_allowlist`.
        weights: the arrays of each of the model's layers that has any, in the order of the
            layers; those of a layer that is made of layers, or is a model, come as one list.
        origin: what wrote it; that says how such a list is ordered.
        training: what our own `train` wrote; empty for other models.
        optimizer_bytes: how many bytes are the state of the optimizer, which is not read.
    """

    config: Config
    weights: Sequence[Weights]
    origin: Origin
    training: Config
    optimizer_bytes: int


def room_for(size: int) -> int:
    """Return how many bytes the content of a file of `size` bytes may take when it is unpacked.

    Arrays that were trained hardly shrink when they are packed; those of zeros are small.
    """
    return min(64 * 2**20 + 4 * size, 2**31)


def config_in(text: str | bytes) -> Config:
    """Return the configuration of a network, checked.

    Raises:
        ModelError: it is too long, nested too deep, or refused by `config_allowlist`.
        ValueError: it is not JSON.
    """
    return checked_config(parsed(text, "configuration"))


def record_in(text: str | bytes | None) -> Config:
    """Return what our own `train` wrote, empty for None.

    Raises:
        ModelError: it is too long, nested too deep, or has texts that cannot be printed.
        ValueError: it is not a JSON object.
    """
    record = parsed("{}" if text is None else text, "training record")
    if not isinstance(record, dict):
        raise ValueError(f"its record {ATTRIBUTE} is not a JSON object")
    check_record(record)
    return record


def parsed(text: str | bytes, what: str) -> Any:  # noqa: ANN401 - JSON
    """Parse the JSON in a model file.

    Raises:
        ModelError: it is too long or nested too deep.
        ValueError: it is not JSON.
    """
    if len(text) > MAX_JSON:
        raise ModelError(f"its {what} is too long, {len(text):,} characters; save it anew")
    try:
        return parsed_config(text)
    except RecursionError as error:
        raise ModelError(f"its {what} is nested too deep; save it anew") from error
