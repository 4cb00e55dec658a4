"""Which layer of a functional model takes what, as versions of Keras wrote it, for Keras 3."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mnist_batch.errors import ModelError
from mnist_batch.models.network_config import Config, is_model, layer_name

KerasConfig = dict[str, Any]


class Graph:
    """The layers of a functional model by their names in the file, and the calls of them.

    A tensor is [layer, number of its call, number of its output]. Keras before 3 wrote the calls
    of a layer as lists of tensors; the call with which a model within the model was made it
    counted as well, but not always. It wrote only calls that something uses, so the least number
    in use is that of the first. Keras 3 counts that call only in the outputs of a model, and only
    of a functional one.
    """

    def __init__(
        self,
        layers: Sequence[Config],
        names: Mapping[str, str],
        outputs: Any,  # noqa: ANN401
    ) -> None:
        self._names = names
        calls = [node for layer in layers for node in layer.get("inbound_nodes", [])]
        self._before_3 = any(isinstance(call, list) for call in calls)
        self._first: dict[str, int] = {}
        models = {layer_name(layer) for layer in layers if is_model(layer)}
        for name, call, *_ in self._references([calls, outputs] if self._before_3 else []):
            if name in models:
                self._first[name] = min(call, self._first.get(name, call))
        self._functional = {
            layer_name(layer)
            for layer in layers
            if is_model(layer) and layer["class_name"] != "Sequential"
        }

    def call(self, call: Any) -> Any:  # noqa: ANN401 - JSON
        """Return a call of a layer as Keras 3 writes it."""
        if not isinstance(call, list):
            return call
        entries = [call] if call and isinstance(call[0], str) else call
        tensors = [self._tensor(entry) for entry in entries]
        settings = entries[0][3] if entries and len(entries[0]) > 3 else {}
        return {
            "args": tensors if len(tensors) == 1 else [tensors],
            "kwargs": {
                key: self._tensor(value) if self._is_reference(value) else value
                for key, value in settings.items()
                if value is not None
            },
        }

    def ends(self, tensors: Any) -> Any:  # noqa: ANN401 - JSON
        """Return the inputs or the outputs of the model as Keras 3 writes them."""
        if isinstance(tensors, dict):
            return {key: self.ends(value) for key, value in tensors.items()}
        if not self._is_reference(tensors):
            return [self.ends(value) for value in tensors]
        name, call, output = tensors
        if self._before_3:
            call += (name in self._functional) - self._first.get(name, 0)
        return [self._name(name), call, output]

    def _tensor(self, reference: Sequence[Any]) -> KerasConfig:
        name, call, output = reference[:3]
        # Keras finds the tensor by its history; its true shape and type are those of that.
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": [1],
                "dtype": "float32",
                "keras_history": [self._name(name), call - self._first.get(name, 0), output],
            },
        }

    def _name(self, name: str) -> str:
        if name not in self._names:
            raise ModelError(f"something takes what layer {name} gives, but there is no such layer")
        return self._names[name]

    def _references(self, value: Any) -> Iterator[Sequence[Any]]:  # noqa: ANN401 - JSON
        if self._is_reference(value):
            yield value
        if isinstance(value, list | dict):
            for inner in value if isinstance(value, list) else value.values():
                yield from self._references(inner)

    def _is_reference(self, value: Any) -> bool:  # noqa: ANN401 - JSON
        return (
            isinstance(value, list)
            and len(value) in (3, 4)
            and isinstance(value[0], str)
            and value[0] in self._names
            and isinstance(value[1], int)
        )
