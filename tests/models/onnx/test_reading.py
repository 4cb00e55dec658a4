"""What an ONNX file says of its network, written by `onnx`, and what is refused before it runs."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mnist_batch.errors import ModelError
from mnist_batch.models.onnx.graph import OnnxGraph, Tensor
from mnist_batch.models.onnx.reading import is_onnx, read_onnx
from tests.support.onnx_files import BIAS, KERNEL, dense, model

NAMES = tuple("abcdefghij")


def test_a_network_is_described() -> None:
    """Its input, its output, its operations with the values that they store."""
    content = dense(("n", 1, 28, 28), metadata={"note": "any"})
    assert is_onnx(content)
    graph = read_onnx(content)
    assert graph.input == Tensor("images", "float32", (None, 1, 28, 28))
    assert graph.output == Tensor("ended", "float32", (None, 10))
    assert [node.operator for node in graph.nodes] == ["Cast", "Reshape", "Gemm", "Softmax"]
    assert [graph.values_of(node) for node in graph.nodes] == [0, 2, KERNEL.size + BIAS.size, 0]
    assert (graph.activation, graph.names) == ("softmax", ())
    assert graph.metadata == {"note": "any"}
    assert OnnxGraph.of(graph.record()) == graph


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ({"names": "{0: 'a', 1: 'b', 2: 'c'}"}, ("a", "b", "c")),
        ({"names": '{"1": "b", "0": "a"}'}, ("a", "b")),
        ({"classes": '["a", "b"]'}, ("a", "b")),
        ({"class_names": "a, b,c d"}, ("a", "b", "c d")),
        ({"labels": "['a', 'a']"}, ()),
        ({"labels": "a"}, ()),
        ({"labels": "mnist, test"}, ()),
        ({"labels": '["a", "b"]'}, ("a", "b")),
        ({"names": '{"1": "b", "2": "a"}'}, ()),
        ({"author": "a,b"}, ()),
        ({"names": "__import__('os').system('true')"}, ()),
    ],
)
def test_names_of_classes_stand_in_the_metadata(
    metadata: dict[str, str], names: tuple[str, ...]
) -> None:
    """In JSON, as Python writes them, or between commas; nothing of it is run."""
    assert read_onnx(dense(metadata=metadata)).names == names


def with_node(operator: str, domain: str = "", **attributes: Any) -> bytes:  # noqa: ANN401 - onnx
    """Return a network with one more operation."""

    def change(whole: onnx.ModelProto) -> None:
        node = helper.make_node(operator, ["rows"], ["more"], "more", domain=domain, **attributes)
        whole.graph.node.insert(2, node)

    return dense(change=change)


def inner() -> onnx.GraphProto:
    """Return a network within the network."""
    node = helper.make_node("Identity", ["a"], ["b"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "ab"]
    return helper.make_graph([node], "inner", ends[:1], ends[1:])


def elsewhere(whole: onnx.ModelProto) -> None:
    """Let an array lie in another file."""
    array = whole.graph.initializer[0]
    array.data_location = TensorProto.EXTERNAL
    array.external_data.add(key="location", value="/etc/passwd")


def larger(whole: onnx.ModelProto) -> None:
    """Let an array declare more numbers than it has."""
    whole.graph.initializer[0].dims[:] = [2**40, 2**20]


def negative(whole: onnx.ModelProto) -> None:
    """Let an array declare fewer than none."""
    whole.graph.initializer[0].dims[:] = [-1, 10]


def sparse(whole: onnx.ModelProto) -> None:
    """Add a sparse array."""
    whole.graph.sparse_initializer.add()


def of_its_own(whole: onnx.ModelProto) -> None:
    """Add a function."""
    whole.functions.add(name="f", domain="")


def two_inputs(whole: onnx.ModelProto) -> None:
    """Add an input."""
    whole.graph.input.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 784]))


def labels_alone(whole: onnx.ModelProto) -> None:
    """Let the output be whole numbers."""
    whole.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64


def two_outputs(whole: onnx.ModelProto) -> None:
    """Add an output."""
    whole.graph.output.append(helper.make_tensor_value_info("digits", TensorProto.FLOAT, None))


def no_graph(whole: onnx.ModelProto) -> None:
    """Drop the network."""
    whole.ClearField("graph")


def no_shape(whole: onnx.ModelProto) -> None:
    """Let the input be of any shape."""
    whole.graph.input[0].type.tensor_type.ClearField("shape")


REFUSED = {
    "another file": (dense(change=elsewhere), "keeps its arrays in another file; store them"),
    "an array of any size": (dense(change=larger), "an array of .* numbers in 31,360 bytes"),
    "a negative size": (dense(change=negative), "an array of impossible shape"),
    "a sparse array": (dense(change=sparse), "holds sparse arrays"),
    "a function": (dense(change=of_its_own), "functions of its own; inline them"),
    "another domain": (with_node("Evil", "evil.ops"), "'Evil' of 'evil.ops', not run here"),
    "Microsoft's": (with_node("FusedGemm", "com.microsoft"), "of 'com.microsoft'"),
    "a loop": (with_node("Loop", body=inner()), r"in a loop or not at all \(Loop\)"),
    "a branch": (with_node("If", then_branch=inner(), else_branch=inner()), r"\(If\)"),
    "a network within": (with_node("Identity", any=inner()), "holds a network within 'Identity'"),
    "random numbers": (with_node("RandomNormalLike"), "draws random numbers"),
    "as in training": (with_node("BatchNormalization", training_mode=1), "as in training"),
    "two inputs": (dense(change=two_inputs), "has 2 inputs; expected one"),
    "labels alone": (dense(change=labels_alone), "no probabilities"),
    "two outputs": (dense(change=two_outputs), "expected one output with a number for each class"),
    "no graph": (dense(change=no_graph), "damaged ONNX file"),
    "no shape": (dense(change=no_shape), "does not say the shape of its input 'images'"),
    "texts": (dense(kind=TensorProto.STRING), "its input 'images' is of string, which is not run"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_run_is_refused_with_what_to_do(name: str) -> None:
    """Before ONNX Runtime sees it, in one line."""
    content, why = REFUSED[name]
    with pytest.raises(ModelError, match=why) as caught:
        read_onnx(content)
    assert "\n" not in str(caught.value)


def test_a_scan_is_checked_within() -> None:
    """It goes through a tensor and so ends; what it does there is held to the same rules."""
    body = inner()
    read_onnx(with_node("Scan", body=body, num_scan_inputs=1))
    body.node.append(helper.make_node("Evil", ["a"], ["c"], domain="evil"))
    with pytest.raises(ModelError, match="'Evil'"):
        read_onnx(with_node("Scan", body=body, num_scan_inputs=1))
    outer = inner()
    outer.node.append(helper.make_node("Scan", ["a"], ["c"], body=inner(), num_scan_inputs=1))
    with pytest.raises(ModelError, match="holds a network within 'Scan'"):
        read_onnx(with_node("Scan", body=outer, num_scan_inputs=1))


def test_a_damaged_file_is_refused_wherever_it_is_cut() -> None:
    """Or read, where the cut leaves a whole message; nothing else is raised."""
    content = dense()
    for size in range(0, len(content), 97):
        try:
            read_onnx(content[:size])
        except ModelError as error:
            assert "\n" not in str(error)


def test_changed_bytes_are_refused_or_read() -> None:
    """Nothing but an error of models is raised, whatever the bytes say."""
    content, random = dense(metadata={"names": "a,b"}), np.random.default_rng(0)
    heads = [*range(200), *range(len(content) - 600, len(content))]  # the arrays lie between
    for _ in range(500):
        changed = bytearray(content)
        for place in random.choice(heads, 3):
            changed[place] = random.integers(256)
        try:
            read_onnx(bytes(changed))
        except ModelError as error:
            assert "\n" not in str(error)


def test_labels_of_a_classifier_are_names() -> None:
    """Of scikit-learn's operators; whole numbers from 0 on are places."""

    def classifier(**labels: Any) -> bytes:  # noqa: ANN401 - of onnx
        node = helper.make_node("ZipMap", ["p"], ["maps"], "zip", domain="ai.onnx.ml", **labels)
        nodes = [helper.make_node("MatMul", ["images", "kernel"], ["p"]), node]
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [None, 784])
        kind = helper.make_map_type_proto(
            TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
        )
        maps = helper.make_value_info("maps", helper.make_sequence_type_proto(kind))
        return model(nodes, [images], [maps], {"kernel": KERNEL})

    graph = read_onnx(classifier(classlabels_strings=list(NAMES)))
    assert graph.labels == NAMES
    assert graph.output.name == "p"
    added = onnx.ModelProto.FromString(classifier() + graph.extra_output)
    assert [one.name for one in added.graph.output] == ["maps", "p"]
    assert read_onnx(classifier(classlabels_int64s=[0, 1, 2])).labels == ("0", "1", "2")
    assert read_onnx(classifier(classlabels_int64s=[3, 5])).labels == ("3", "5")


def test_the_array_of_an_attribute_takes_no_name_of_the_input() -> None:
    """A constant may be called as the input is."""

    def named(whole: onnx.ModelProto) -> None:
        one = numpy_helper.from_array(np.ones(1, np.float32), "images")
        whole.graph.node.append(helper.make_node("Constant", [], ["one"], value=one))

    assert read_onnx(dense(change=named)).input.name == "images"


def test_a_type_that_is_not_run_is_named() -> None:
    """Numbers of 8 bits with a sign reach 127 alone."""
    with pytest.raises(ModelError, match="its input 'images' is of int8, which is not run here"):
        read_onnx(dense(kind=TensorProto.INT8))
