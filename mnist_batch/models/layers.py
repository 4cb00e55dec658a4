"""The layers of a network as a person reads them, and what is odd about their weights."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mnist_batch.models.network_config import Config, activation_name
from mnist_batch.models.stored import Weights

HUGE_WEIGHT = 1000
"""Weights of networks that learned are of the order of 1; training that diverges goes far above."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a network.

    Attributes:
        name: its name in the model; empty where it has none.
        kind: its class in Keras, as `Dense`.
        output_shape: what it gives for one image, None in the place of an open size; None where
            the whole is not known.
        activation: what it applies to its sums, `linear` for nothing; None where a layer of its
            kind has no such setting.
        weights: its arrays, the kernel of a Dense layer before the bias; None where it is not known
            which they are.
    """

    name: str
    kind: str
    output_shape: tuple[int | None, ...] | None
    activation: str | None
    weights: Weights | None = field(repr=False)

    @property
    def parameters(self) -> int | None:
        """The number of values in the arrays, trained or not; None where that is not known."""
        return None if self.weights is None else sum(array.size for array in self.weights)

    def record(self) -> dict[str, Any]:
        """Return all but the arrays as JSON takes it."""
        return {
            "name": self.name,
            "type": self.kind,
            "output_shape": None if self.output_shape is None else list(self.output_shape),
            "activation": self.activation,
            "parameters": self.parameters,
        }

    def oddities(self) -> Iterator[str]:
        """Yield what weights of a network that learned do not look like, one clause each."""
        for array in self.weights or ():
            wrong = array.size - np.count_nonzero(np.isfinite(array))
            if wrong:
                yield f"{wrong:,} of an array's {array.size:,} weights are NaN or infinite"
            elif array.ndim > 1:  # in a kernel the last axis is that of the units
                yield from _oddities_of_kernel(array.reshape(-1, array.shape[-1]))


def _oddities_of_kernel(kernel: np.ndarray) -> Iterator[str]:
    units = kernel.shape[-1]
    dead = units - np.count_nonzero(kernel.any(axis=0))
    if dead == units:
        yield "a kernel is 0 throughout: what it gives does not depend on the image"
    elif dead:
        yield f"{dead:,} of {units:,} units have no weight but 0"
    largest = np.abs(kernel).max(initial=0)
    if largest > HUGE_WEIGHT:
        yield f"weights of up to {largest:,.0f}, as training that diverged leaves them"


def described(
    config: Config, output_shape: tuple[int | None, ...] | None, weights: Weights | None
) -> Layer:
    """Return a layer by its configuration in the model file."""
    inner = config["config"]
    return Layer(
        name=str(inner.get("name") or config.get("name") or ""),
        kind=config["class_name"],
        output_shape=output_shape,
        activation=activation_name(inner["activation"]) if "activation" in inner else None,
        weights=weights,
    )
