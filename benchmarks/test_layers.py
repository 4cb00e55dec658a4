"""The layers apart and together: decoding, the network, and reading with both."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.data import FORMS, Digits
from benchmarks.devices import sweep_images, sweep_rows
from benchmarks.recording import FEW_ROUNDS, Measure
from benchmarks.results import NETWORK, Row
from mnist_batch.decoding.decode import DecodedBatch, decode_batch
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import Predictor, load_model
from mnist_batch.inference.workers import available_workers
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import BATCH_ROWS

BATCH_SIZES = (1, 16, 64, 256, 1024, 4096, 16_384, 65_536)
TIMED = "a warm process: pixels in memory become probabilities"
CORES = available_workers()
THREADS = [1] if CORES == 1 else [1, CORES]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("form", ["parquet-100", "mixed"])
def test_decoding_gives_the_pixels(
    measure: Measure, digits: Digits, form: str, threads: int
) -> None:
    """Encoded bytes in memory become the pixels that Pillow gives."""
    source = digits.source(form)
    batches = [b for shard in open_inputs([source.path]).shards for b in shard.read(BATCH_ROWS)]
    pool = ThreadPoolExecutor(threads)

    def decode() -> list[DecodedBatch]:
        return list(pool.map(decode_batch, batches))

    name = FORMS[form]
    row = Row(
        "Decoding",
        name,
        source.rows,
        batch_size=BATCH_ROWS,
        threads=threads,
        timed="a warm process: encoded images in memory become pixels",
    )
    decoded = measure(decode, row, rounds=FEW_ROUNDS if form == "mixed" else None)
    pool.shutdown()
    assert all(batch.error.null_count == len(batch.error) for batch in decoded)
    images = np.concatenate([batch.images for batch in decoded])
    if form != "mixed":  # which is in another order, and JPEG changes pixels
        np.testing.assert_array_equal(images, digits.images)
    assert len(images) == source.rows


def test_reading_decoding_and_predicting_agree_with_the_reference(
    measure: Measure, digits: Digits
) -> None:
    """Parquet becomes batches of predictions, on all cores."""
    source = digits.source("parquet-100")
    predictor = load_model()

    def predict() -> list[pa.RecordBatch]:
        opened = open_inputs([source.path])
        return [batch.predictions for batch in predict_batches(opened, predictor)]

    row = Row(
        "Reading, decoding and network",
        FORMS[source.form],
        source.rows,
        batch_size=BATCH_ROWS,
        threads=CORES,
        timed="a warm process: a file becomes predictions in memory",
    )
    source.check(pa.Table.from_batches(measure(predict, row)))


@pytest.fixture(scope="module")
def predictors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Predictor]:
    """Return the default model on NumPy, and the same network on ONNX Runtime."""
    default = load_model()
    arrays: dict[str, npt.NDArray[np.float32]] = {}
    nodes, last = [], "images"
    for layer in default.layers:
        assert layer.weights
        arrays |= {f"{layer.name}_{n}": array for n, array in enumerate(layer.weights)}
        product = f"{layer.name}_product"
        given = [last, f"{layer.name}_0", f"{layer.name}_1"]
        operator = "Softmax" if layer.activation == "softmax" else "Relu"
        nodes += [
            helper.make_node("Gemm", given, [product]),
            helper.make_node(operator, [product], [layer.name]),
        ]
        last = layer.name
    graph = helper.make_graph(
        nodes,
        "default",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 784])],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", 10])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("onnx") / "default.onnx"
    path.write_bytes(whole.SerializeToString())
    return {"NumPy": default, "ONNX Runtime": load_model(path)}


@pytest.mark.parametrize("name", ["NumPy", "ONNX Runtime"])
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_the_network_agrees_with_the_reference(
    measure: Measure,
    digits: Digits,
    predictors: dict[str, Predictor],
    batch_size: int,
    name: str,
) -> None:
    """Resident pixels become probabilities, by the default model, which each of them runs."""
    predictor = predictors[name]
    batches = sweep_images(digits.images, batch_size)
    expected = sweep_images(digits.expected, batch_size)
    threads = CORES if name == "NumPy" else 1
    row = Row(NETWORK, name, sweep_rows(batch_size), batch_size, threads, timed=TIMED)
    probabilities = measure(lambda: [predictor.probabilities(batch) for batch in batches], row)
    predictions = np.concatenate(probabilities).argmax(axis=1)
    assert np.mean(predictions == np.concatenate(expected)) > 0.999
