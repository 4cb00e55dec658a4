"""Read an ONNX file as data: what its network takes and gives, and whether it may be run.

ONNX Runtime gets the file only after this: it may bring no other file, no operators of its own and
no loops. The messages and their fields are those of onnx.proto (github.com/onnx/onnx, IR version
13), the operators those of onnx.ai/onnx/operators.
"""

import ast
import itertools
import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mnist_batch.errors import ModelError
from mnist_batch.models.allowlist import quoted
from mnist_batch.models.network_config import words
from mnist_batch.models.onnx import protobuf
from mnist_batch.models.onnx.graph import FLOATS, MAPS, WHOLE_NUMBERS, Node, OnnxGraph, Tensor
from mnist_batch.models.onnx.protobuf import Value, message, text, whole
from mnist_batch.models.other_kinds import in_python

# A message of ONNX as libraries write it: its version, and one of the fields that may follow. A
# producer is a text; Core ML has a message there, which starts with a field 1.
_START = re.compile(
    rb"\x08[\x03-\x20](?!\x12[\x80-\xff]*[\x00-\x7f]\x0a)[\x12\x1a\x22\x2a\x32\x3a\x42]"
)


def is_onnx(content: bytes) -> bool:
    """Tell whether bytes start as an ONNX file does."""
    return _START.match(content) is not None


_TYPES = FLOATS | WHOLE_NUMBERS
_NOT_TAKEN = {3: "int8", 8: "string", 9: "bool", 13: "uint64", 16: "bfloat16"}

_DOMAINS = frozenset(("", "ai.onnx", "ai.onnx.ml"))
_LOOPS = words("If Loop SequenceMap")  # a Scan ends: it goes through a tensor
_RANDOM = words("""
    Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike
    """)
_OF_PIXELS = words("nodes_values offset support_vectors")  # of trees, Scaler, SVM
_ENOUGH = 10_000  # of these numbers; a forest has millions
_NUMBERS = frozenset((7, 8))  # `floats` and `ints` of an attribute
MAX_NODES = 20_000
MAX_DIMENSIONS = 8

_REMEDY = "export it with the operators of ai.onnx and ai.onnx.ml alone"


def read_onnx(content: bytes) -> OnnxGraph:
    """Read the bytes of an ONNX file.

    Raises:
        ModelError: it is damaged; it names another file, an operator of its own, a loop or a random
            number; it does not have one input of an image, or tells no probabilities apart.
    """
    try:
        return _Reader().model(memoryview(content))
    except (UnicodeDecodeError, ValueError, OverflowError, IndexError) as error:
        raise ModelError(f"damaged ONNX file ({error}); export or copy it anew") from error


class _Reader:
    """Reads the messages of one file."""

    def __init__(self) -> None:
        self._fields = protobuf.Fields()
        self._nodes: list[Node] = []
        self._sizes: dict[str, int] = {}
        self._labels: tuple[str, ...] = ()
        self._learnt_bytes: set[str] = set()  # what is taken by operations that show it
        self._within_scan = False

    def model(self, content: memoryview) -> OnnxGraph:
        metadata: dict[str, str] = {}
        graphs = []
        for number, value in self._fields.of(content):
            if number == 7:
                graphs.append(message(value))
            elif number == 14:
                key, said = self._entry(message(value))
                metadata[key] = said
            elif number == 25:
                raise ModelError(
                    "defines functions of its own; inline them: pip install onnx, then in Python: "
                    "import onnx, onnx.inliner; onnx.save(onnx.inliner.inline_local_functions("
                    f"onnx.load({in_python('FILE')})), {in_python('STEM-whole.onnx')})"
                )
        if len(graphs) != 1:
            raise ValueError(f"{len(graphs)} graphs")
        inputs, outputs = self._graph(graphs[0])
        taken = [one for one in inputs if one.name not in self._sizes]
        if len(taken) != 1:
            raise ModelError(f"has {len(taken)} inputs; expected one, an image")
        output, extra = self._output(outputs)
        return OnnxGraph(
            input=_checked_input(taken[0]),
            output=output,
            extra_output=extra,
            nodes=self._nodes,
            sizes=self._sizes,
            names=_stated_names(metadata),
            labels=self._labels,
            has_learnt_bytes=taken[0].name in self._learnt_bytes,
            metadata=metadata,
        )

    def _entry(self, content: memoryview) -> tuple[str, str]:
        """Return key and value of an entry of the metadata."""
        entry = {1: "", 2: ""}
        for number, value in self._fields.of(content):
            if number in entry:
                # Some put large texts there; only short ones are names.
                is_short = not isinstance(value, int) and len(value) <= 4000
                entry[number] = _printable(value) if is_short else ""
        return entry[1], entry[2]

    def _graph(self, content: memoryview) -> tuple[list[Tensor], list[Tensor]]:
        inputs, outputs = [], []
        for number, value in self._fields.of(content):
            if number == 1:
                self._node(message(value))
            elif number == 5:
                self._array(message(value))
            elif number == 11:
                inputs.append(self._value_info(message(value)))
            elif number == 12:
                outputs.append(self._value_info(message(value)))
            elif number == 15:
                raise ModelError(
                    "holds sparse arrays, which are not read; store them as plain ones"
                )
        return inputs, outputs

    def _node(self, content: memoryview) -> None:
        inputs, outputs, name, operator, domain, attributes = [], [], "", "", "", []
        for number, value in self._fields.of(content):
            if number == 1:
                inputs.append(text(value))
            elif number == 2:
                outputs.append(text(value))
            elif number == 3:
                name = _printable(value)
            elif number == 4:
                operator = _printable(value)
            elif number == 5:
                attributes.append(message(value))
            elif number == 7:
                domain = _printable(value)
        if domain not in _DOMAINS:
            raise ModelError(
                f"has the operator {quoted(operator)} of {quoted(domain)}, not run here; {_REMEDY}"
            )
        if operator in _LOOPS:
            raise ModelError(
                f"runs parts of itself in a loop or not at all ({operator}); {_REMEDY}"
            )
        if operator in _RANDOM:
            raise ModelError(f"draws random numbers ({operator}); export it as for prediction")
        for attribute in attributes:
            if self._attribute(attribute, operator):
                self._learnt_bytes.update(inputs[:1])
        self._nodes.append(Node(name, operator, tuple(inputs), tuple(outputs)))
        if len(self._nodes) > MAX_NODES:
            raise ModelError(f"has more than {MAX_NODES:,} operations")

    def _attribute(self, content: memoryview, operator: str) -> bool:
        """Check an attribute; tell whether it holds what only pixels from 0 to 255 have."""
        name, numbers, texts = "", [], []
        # Lists of numbers are long: a forest has millions, each a field of its own.
        for number, value in self._fields.of(content, skipped=_NUMBERS):
            if number == 1:
                name = text(value)
            elif number == 3:
                numbers.append(whole(value))
            elif number in (5, 10):
                self._array(message(value), is_of_graph=False)
            elif number == 6 and operator == "Scan" and not self._within_scan:
                self._scan(message(value))
            elif number in (6, 11):
                raise ModelError(f"holds a network within {quoted(operator)}; {_REMEDY}")
            elif number == 9 and name.startswith("classlabels"):
                texts.append(_printable(value))
            elif number in (22, 23):
                raise ModelError(
                    "holds sparse arrays, which are not read; store them as plain ones"
                )
        if name == "training_mode" and any(numbers):
            raise ModelError(
                f"{operator} computes as in training; export it as for prediction: model.eval()"
            )
        if name.startswith("classlabels"):
            of_list = (value for number, value in self._fields.of(content) if number == 8)
            numbers = [one for value in of_list for one in self._fields.numbers(value)]
        if name.startswith("classlabels") and (texts or numbers):
            self._labels = tuple(texts) or tuple(map(str, numbers))
        return name in _OF_PIXELS and self._are_of_bytes(content)

    def _are_of_bytes(self, content: memoryview) -> bool:
        """Tell whether the first numbers of an attribute are from 0 on, and some well above 1."""
        lists = (value for number, value in self._fields.of(content) if number == 7)
        found: list[float] = []
        for value in itertools.islice(lists, _ENOUGH):
            packed = value.to_bytes(4, "little") if isinstance(value, int) else value[: 4 * _ENOUGH]
            found += (number for (number,) in struct.iter_unpack("<f", packed))
        return bool(found) and min(found) >= 0 and 1.5 < max(found) <= 255.5

    def _scan(self, content: memoryview) -> None:
        """Check the network that goes through a tensor, as scikit-learn's neighbours need it."""
        outer, self._nodes, self._within_scan = self._nodes, [], True
        self._graph(content)
        self._nodes, self._within_scan = outer, False

    def _array(self, content: memoryview, *, is_of_graph: bool = True) -> None:
        """Check a stored array: it lies within the file and is not larger than that.

        One of the graph has a name that operations take; that of an attribute tells nothing.
        """
        dimensions: list[int] = []
        name, size = "", 0
        for number, value in self._fields.of(content):
            if number == 1:
                dimensions += self._fields.numbers(value)
            elif number == 8:
                name = text(value)
            elif number == 13 or (number == 14 and value == 1):
                raise ModelError(
                    "keeps its arrays in another file; store them within: pip install onnx, then "
                    f"in Python: import onnx; onnx.save(onnx.load({in_python('FILE')}), "
                    f"{in_python('STEM-whole.onnx')})"
                )
            elif number in (4, 5, 7, 9, 10, 11):
                size += 8 if isinstance(value, int) else len(value)
            elif number == 6:
                size += 8
        values = math.prod(dimensions)
        if len(dimensions) > MAX_DIMENSIONS or any(one < 0 for one in dimensions):
            raise ValueError("an array of impossible shape")
        if values > 2 * size:  # two numbers of 4 bits take a byte
            raise ValueError(f"an array of {values:,} numbers in {size:,} bytes")
        if name and is_of_graph:
            self._sizes[name] = values

    def _value_info(self, content: memoryview) -> Tensor:
        name, kind, shape = "", "", None
        for number, value in self._fields.of(content):
            if number == 1:
                name = text(value)
            elif number == 2:
                kind, shape = self._type(message(value))
        return Tensor(name, kind, shape)

    def _type(self, content: memoryview) -> tuple[str, tuple[int | None, ...] | None]:
        for number, value in self._fields.of(content):
            if number == 1:
                kind, shape = "", None
                for inner, of in self._fields.of(message(value)):
                    if inner == 1:
                        kind = (_TYPES | _NOT_TAKEN).get(whole(of), "")
                    elif inner == 2:
                        shape = tuple(self._shape(message(of)))
                return kind, shape
            if number == 4 and self._is_of_maps(message(value)):
                return MAPS, None
        return "", None

    def _is_of_maps(self, content: memoryview) -> bool:
        types = [message(value) for number, value in self._fields.of(content) if number == 1]
        return any(number == 5 for one in types for number, _ in self._fields.of(one))

    def _shape(self, content: memoryview) -> Iterator[int | None]:
        for number, value in self._fields.of(content):
            if number == 1:
                sizes = [whole(of) for inner, of in self._fields.of(message(value)) if inner == 1]
                yield sizes[0] if sizes and 0 < sizes[0] < 2**31 else None

    def _output(self, outputs: Sequence[Tensor]) -> tuple[Tensor, bytes]:
        """Return the output that tells the classes apart, and bytes that add it to the file."""
        floats = [one for one in outputs if one.kind in FLOATS.values()]
        maps = [one for one in outputs if one.kind == MAPS]
        if len(floats) == 1:
            return floats[0], b""
        if not floats and len(maps) == 1:
            # Each map is made in Python, row by row; what they are made of is a tensor.
            made = [one for one in self._nodes if maps[0].name in one.outputs]
            if made and made[0].operator == "ZipMap" and made[0].inputs:
                tensor = Tensor(made[0].inputs[0], "float32", None)
                return tensor, protobuf.field(7, protobuf.field(12, _declared(tensor.name)))
        shown = ", ".join(quoted(one.name) for one in outputs[:5])
        if not floats and not maps:
            raise ModelError(f"gives {shown or 'nothing'}, no probabilities; export it with them")
        raise ModelError(f"gives {shown}; expected one output with a number for each class")


def _declared(name: str) -> bytes:
    """Return the message that declares a tensor of float32 of any shape."""
    of_floats = protobuf.field(1, b"\x08\x01")
    return protobuf.field(1, name.encode()) + protobuf.field(2, of_floats)


def _printable(value: Value) -> str:
    found = text(value)
    return found if found.isprintable() else quoted(found)


def _checked_input(taken: Tensor) -> Tensor:
    if taken.kind not in _TYPES.values():
        of = taken.kind or "another type"
        raise ModelError(
            f"its input {quoted(taken.name)} is of {of}, which is not run here; export it with an "
            "image of float32 or uint8"
        )
    if not taken.shape:
        why = f"does not say the shape of its input {quoted(taken.name)}"
        raise ModelError(f"{why}; export it with one, as (n, 1, 28, 28)")
    return taken


def _stated_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the classes that the metadata tell, in order; none where they do not.

    They are a list or an object from number to name, in JSON or as Python writes them, or stand
    between commas. Ultralytics calls them `names`.
    """
    for key in ("class_names", "classes", "names", "labels"):
        said = metadata.get(key, "")
        try:
            found: Any = ast.literal_eval(said)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            # `labels` is said of much else too: there a list or an object has to stand.
            found = () if key == "labels" else said.split(",")
        if isinstance(found, dict):
            found = [found.get(place, found.get(str(place))) for place in range(len(found))]
        if isinstance(found, list | tuple) and len(found) > 1:
            names = tuple(str(name).strip() for name in found)
            if len(set(names)) == len(names) and all(isinstance(one, str | int) for one in found):
                return names
    return ()
