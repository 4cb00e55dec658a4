"""The network of an ONNX file: what it takes, what it gives, and its operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mnist_batch.models.network_config import words

FLOATS = {1: "float32", 10: "float16", 11: "float64"}
WHOLE_NUMBERS = {2: "uint8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 12: "uint32"}
MAPS = "maps"


@dataclass(frozen=True)
class Tensor:
    """What a network takes or gives: a tensor, or a list of maps from class to probability."""

    name: str
    kind: str  # its type of numbers, as `float32`; `maps` for such a list, empty for another
    shape: tuple[int | None, ...] | None  # the batch first; None where the file does not tell


@dataclass(frozen=True)
class Node:
    """One operation of the network."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class OnnxGraph:
    """The network of an ONNX file.

    Attributes:
        input: what it takes.
        output: what it gives for each class; of a list of maps, the tensor that it is made of.
        extra_output: bytes to add to those of the file so that it gives that tensor.
        nodes: its operations in order.
        sizes: the number of values in each stored array, by its name.
        names: of the classes, in order, as the metadata tell; empty where they do not.
        labels: of a classifier's classes, in order; empty where there is none.
        has_learnt_bytes: whether the operation that takes the input holds thresholds, support
            vectors or means that only pixels from 0 to 255 have.
        metadata: what else the file tells of itself.
    """

    input: Tensor
    output: Tensor
    extra_output: bytes = field(repr=False)
    nodes: Sequence[Node] = field(repr=False)
    sizes: Mapping[str, int] = field(repr=False)
    names: tuple[str, ...]
    labels: tuple[str, ...]
    has_learnt_bytes: bool
    metadata: Mapping[str, str]

    def record(self) -> dict[str, Any]:
        """Return it as JSON takes it, for `OnnxGraph.of`."""
        return {
            **vars(self),
            "input": vars(self.input),
            "output": vars(self.output),
            "extra_output": self.extra_output.hex(),
            "nodes": [vars(node) for node in self.nodes],
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "OnnxGraph":
        """Return what `record` gave."""
        nodes = [
            Node(one["name"], one["operator"], tuple(one["inputs"]), tuple(one["outputs"]))
            for one in record["nodes"]
        ]
        return cls(
            **{
                **record,
                "input": _tensor(record["input"]),
                "output": _tensor(record["output"]),
                "extra_output": bytes.fromhex(record["extra_output"]),
                "nodes": nodes,
                "names": tuple(record["names"]),
                "labels": tuple(record["labels"]),
            }
        )

    def values_of(self, node: Node) -> int | None:
        """Return the number of values in the arrays that an operation takes.

        None where it has attributes instead, which nobody counts.
        """
        if node.operator in _LEARNT_AS_ATTRIBUTES:
            return None
        return sum(self.sizes.get(name, 0) for name in node.inputs)

    @property
    def activation(self) -> str:
        """The activation of its outputs as the last operation tells it, as `softmax`."""
        made_by = {name: node for node in self.nodes for name in node.outputs}
        name = self.output.name
        while (node := made_by.get(name)) and node.operator in _SAME_NUMBERS:
            name = node.inputs[0]
        return _ACTIVATIONS.get(node.operator, "linear") if node else "linear"


_LEARNT_AS_ATTRIBUTES = words(
    "LinearClassifier LinearRegressor SVMClassifier SVMRegressor Scaler TreeEnsemble "
    "TreeEnsembleClassifier TreeEnsembleRegressor"
)
"""Operators of ai.onnx.ml that hold what was learnt in lists of numbers, not in arrays."""

_SAME_NUMBERS = frozenset(("Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"))
_ACTIVATIONS = {"Softmax": "softmax", "Sigmoid": "sigmoid", "LogSoftmax": "log_softmax"}


def _tensor(record: Mapping[str, Any]) -> Tensor:
    shape = record["shape"]
    return Tensor(record["name"], record["kind"], None if shape is None else tuple(shape))
