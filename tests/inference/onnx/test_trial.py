"""Networks that would do harm end in the child process that tries them, with one line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper

from mnist_batch.errors import ModelError
from mnist_batch.inference.predictors import load_model
from mnist_batch.models import reading_process
from tests.support.onnx_files import BIAS, KERNEL, model


def network(
    nodes: Sequence[Any], arrays: dict[str, npt.NDArray[Any]], rows: int | str = "n"
) -> bytes:
    """Return a network of some operations from `images` to `more`, and a dense layer."""
    dense = helper.make_node("Gemm", ["more", "kernel", "bias"], ["digits"])
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, [rows, 784])
    digits = helper.make_tensor_value_info("digits", TensorProto.FLOAT, [rows, 10])
    stored = {"kernel": KERNEL, "bias": BIAS, **arrays}
    return model([*nodes, dense], [images], [digits], stored)


def refusal(content: bytes, folder: Path) -> str:
    """Return why a model is refused, one line."""
    path = folder / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_constant_of_any_size_is_refused(tmp_path: Path) -> None:
    """100 GB of zeros are a few bytes in the file, and would be made when it is opened."""
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Add", ["images", "sum"], ["more"]),
    ]
    message = refusal(network(nodes, {"size": np.array([25 * 10**9])}), tmp_path)
    assert "ONNX Runtime cannot run this model" in message or "trying it crashed" in message


def test_an_image_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    """Each step a hundred times as large."""
    nodes, last = [], "images"
    for step in range(5):
        nodes.append(helper.make_node("Tile", [last, "times"], [f"t{step}"]))
        last = f"t{step}"
    nodes += [
        helper.make_node("ReduceMax", [last, "axis"], ["most"]),
        helper.make_node("Add", ["images", "most"], ["more"]),
    ]
    arrays = {"times": np.array([1, 100]), "axis": np.array([1])}
    message = refusal(network(nodes, arrays), tmp_path)
    assert "ONNX Runtime cannot run this model" in message or "trying it crashed" in message


def test_time_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large products, one after the other."""
    monkeypatch.setattr(reading_process, "CPU_S", 2)
    nodes, last = [helper.make_node("Expand", ["one", "size"], ["square"])], "square"
    for step in range(200):
        nodes.append(helper.make_node("MatMul", [last, "square"], [f"m{step}"]))
        last = f"m{step}"
    nodes += [
        helper.make_node("ReduceMean", [last], ["mean"], keepdims=0),
        helper.make_node("Add", ["images", "mean"], ["more"]),
    ]
    arrays = {"one": np.ones(1, np.float32), "size": np.array([4000, 4000])}
    assert "trying it takes more than 2 s" in refusal(network(nodes, arrays), tmp_path)


def test_a_row_that_depends_on_the_others_is_refused(tmp_path: Path) -> None:
    """As with the averages of a batch that training takes."""
    nodes = [
        helper.make_node("Slice", ["images", "first", "second", "rows"], ["one"]),
        helper.make_node("Add", ["images", "one"], ["more"]),
    ]
    arrays = {"first": np.array([1]), "second": np.array([2]), "rows": np.array([0])}
    assert "depends on the others" in refusal(network(nodes, arrays), tmp_path)


def test_operations_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """ONNX Runtime says why, in one line."""
    nodes = [helper.make_node("Reshape", ["images", "size"], ["more"])]
    assert "ONNX Runtime cannot run this model: " in refusal(
        network(nodes, {"size": np.array([1, 5])}), tmp_path
    )
    unknown = [helper.make_node("Unheard", ["images"], ["more"])]
    assert "Unheard" in refusal(network(unknown, {}), tmp_path)


def test_a_network_that_was_exported_for_one_image_runs_one_at_a_time(tmp_path: Path) -> None:
    """Though it says that it takes any number."""
    nodes = [helper.make_node("Reshape", ["images", "size"], ["more"])]
    (tmp_path / "model.onnx").write_bytes(network(nodes, {"size": np.array([1, 784])}))
    loaded = load_model(tmp_path / "model.onnx")
    assert loaded.block_rows == 1
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)
    logits = images.reshape(-1, 784) / 255 @ KERNEL + BIAS
    assert (loaded.probabilities(images).argmax(axis=1) == logits.argmax(axis=1)).all()


def expanded(times: int, rows: int | str = "n") -> bytes:
    """Return a network that makes each image so many times as large and small again."""
    nodes = [
        helper.make_node("Reshape", ["images", "apart"], ["one"]),
        helper.make_node("Expand", ["one", "size"], ["many"]),
        helper.make_node("ReduceMax", ["many"], ["more"], axes=[1], keepdims=0),
    ]
    arrays = {"apart": np.array([-1, 1, 784]), "size": np.array([1, times, 784])}
    return network(nodes, arrays, rows)


def test_a_network_gets_as_many_images_as_fit_the_memory(tmp_path: Path) -> None:
    """25 MB an image would be 6.4 GB for a block of 256; half as many, until it runs in 1 GiB."""
    (tmp_path / "model.onnx").write_bytes(expanded(8000))
    loaded = load_model(tmp_path / "model.onnx")
    assert loaded.block_rows in (16, 32, 64)  # as the address space of Python leaves room
    [note] = [note for note in loaded.notes if "takes much memory" in note]
    assert f"it gets {loaded.block_rows} images at once, not 256" in note
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28)).astype(np.uint8)
    logits = images.reshape(-1, 784) / 255 @ KERNEL + BIAS
    assert (loaded.probabilities(images).argmax(axis=1) == logits.argmax(axis=1)).all()


def test_an_image_that_takes_more_than_the_memory_is_refused(tmp_path: Path) -> None:
    """4 GB for each."""
    assert "ONNX Runtime cannot run this model" in refusal(expanded(1_300_000), tmp_path)


@pytest.mark.parametrize("rows", [2**15 + 1, 2_000_000_000])
def test_a_fixed_number_of_images_has_a_limit(rows: int, tmp_path: Path) -> None:
    """It is checked before memory is taken."""
    message = refusal(network([helper.make_node("Relu", ["images"], ["more"])], {}, rows), tmp_path)
    assert f"takes {rows:,} images at once; expected 32,768 at most; export it with" in message
