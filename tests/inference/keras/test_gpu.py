"""Networks on a GPU: pixels are copied and scaled there, while the network runs on other ones.

There need be no GPU: TensorFlow runs on the CPU what asks for a device that is absent, so the same
code gives what Keras gives on the host.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.commands.predict import predict
from mnist_batch.errors import MachineError, ModelError
from mnist_batch.inference.keras.gpu import KerasGpuNetwork
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import load_model
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import Scale
from mnist_batch.synthetic.generator import draw_digits

pytestmark = pytest.mark.usefixtures("models_read_here", "seeming_gpu")

keras = import_keras()
layers = keras.layers
IMAGES, _ = draw_digits(50, seed=12)


@pytest.fixture
def seeming_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU as far as Keras says."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow runs elsewhere what asks for a device that is absent")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind=None: [f"{kind}:0"])


def cnn(shape: tuple[int, ...], **settings: Any) -> Any:  # noqa: ANN401 - Keras
    """Return a small convolutional network."""
    convolved = [layers.Conv2D(3, 5, 3, activation="relu"), layers.Flatten()]
    return keras.Sequential(
        [keras.Input(shape, **settings), *convolved, layers.Dense(10, "softmax")]
    )


MODELS: dict[str, Callable[[], Any]] = {
    "grey": lambda: cnn((28, 28, 1)),
    "colour": lambda: cnn((28, 28, 3)),
    "fixed batch": lambda: cnn((28, 28, 1), batch_size=32),
    "recurrent": lambda: keras.Sequential(
        [keras.Input((28, 28)), layers.LSTM(4), layers.Dense(10, "softmax")]
    ),
}


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("name", MODELS)
def test_a_gpu_gives_what_the_cpu_gives(name: str, scale: Scale, tmp_path: Path) -> None:
    """Bit for bit, here where both are the same processor: for full blocks and the last one."""
    MODELS[name]().save(tmp_path / "model.keras")
    options: dict[str, Any] = {"scale": scale, "batch_size": 16}
    found, expected = (
        load_model(tmp_path / "model.keras", device=device, **options).probabilities(IMAGES)
        for device in ("gpu", "cpu")
    )
    np.testing.assert_array_equal(found, expected)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small convolutional network, saved."""
    cnn((28, 28, 1)).save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_a_gpu_takes_a_model_that_numpy_runs() -> None:
    """A note says that NumPy runs it too, and Keras gives what NumPy gives."""
    predictor = load_model(device="gpu")
    assert predictor.name == "keras"
    assert predictor.notes[0] == (
        "runs on Keras: the GPU was asked for; NumPy runs it too, on the CPU"
    )
    expected = load_model().probabilities(IMAGES)
    np.testing.assert_allclose(predictor.probabilities(IMAGES), expected, rtol=0, atol=5e-6)


def test_a_gpu_is_taken_where_there_is_one(model: Path) -> None:
    """With `auto` too; not with `cpu`."""
    assert load_model(model).threads == load_model(model, device="gpu").threads == 2
    assert load_model(model, device="cpu").threads == 1


def test_files_give_the_same_on_a_gpu(model: Path, tmp_path: Path) -> None:
    """Rows in order, whichever of two threads a block is on; parts end where they do on the CPU."""
    images = np.resize(IMAGES, (3000, 28, 28))
    images[::3] = np.roll(images[::3], 2, axis=2)
    table = pa.table({"image": pa.array(map(bytes, images), pa.binary(784))})
    pq.write_table(table, tmp_path / "raw.parquet", row_group_size=700)
    tables = []
    for device in ("cpu", "gpu"):
        predictor = load_model(model, device=device, batch_size=64)
        out = tmp_path / f"{device}.parquet"
        predict(tmp_path / "raw.parquet", out, model=predictor, report=False, probabilities=True)
        tables.append(pq.read_table(out).replace_schema_metadata())
    assert tables[0].equals(tables[1])


def test_a_block_is_copied_while_the_network_runs(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network waits here, at its first block, for the copy of the second."""
    copied = threading.Semaphore(0)
    predictor = load_model(model, device="gpu", batch_size=64)
    sent, run = KerasGpuNetwork._sent, keras.Model.predict_on_batch
    waits: list[list[bool]] = []

    def sending(self: KerasGpuNetwork, block: Any) -> Any:  # noqa: ANN401 - a tensor
        tensor = sent(self, block)
        copied.release()
        return tensor

    def waiting(self: Any, given: Any) -> Any:  # noqa: ANN401 - Keras
        if not waits:
            waits.append([copied.acquire(timeout=60) for _ in range(2)])
        return run(self, given)

    monkeypatch.setattr(KerasGpuNetwork, "_sent", sending)
    monkeypatch.setattr(keras.Model, "predict_on_batch", waiting)
    images = np.resize(IMAGES, (640, 28, 28))
    table = pa.table({"image": pa.array(map(bytes, images), pa.binary(784))})
    pq.write_table(table, tmp_path / "raw.parquet")
    batches = predict_batches(open_inputs([tmp_path / "raw.parquet"]), predictor)
    assert sum(len(batch.images) for batch in batches) == 640
    assert waits == [[True, True]]


def test_memory_of_a_gpu_may_run_out(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the network runs: batches are halved; where blocks are copied: the host scales them."""
    predictor = load_model(model, device="gpu", batch_size=64)
    images = np.resize(IMAGES, (300, 28, 28))
    expected = load_model(model, device="cpu", batch_size=64).probabilities(images)
    run, convert = keras.Model.predict_on_batch, keras.ops.convert_to_tensor

    def greedy(self: Any, given: Any) -> Any:  # noqa: ANN401 - Keras
        if len(given) > 16:
            raise MemoryError
        return run(self, given)

    def full(value: Any, **options: Any) -> Any:  # noqa: ANN401 - Keras
        if options.get("dtype") == "uint8":
            raise MemoryError
        return convert(value, **options)

    monkeypatch.setattr(keras.ops, "convert_to_tensor", full)
    np.testing.assert_allclose(predictor.probabilities(images), expected, rtol=0, atol=1e-6)
    assert not any("memory" in note for note in predictor.notes)
    monkeypatch.setattr(keras.ops, "convert_to_tensor", convert)
    monkeypatch.setattr(keras.Model, "predict_on_batch", greedy)
    np.testing.assert_allclose(predictor.probabilities(images), expected, rtol=0, atol=1e-6)
    assert predictor.notes[-2:] == [
        "the GPU ran out of memory at batches of 64; went on with 32",
        "the GPU ran out of memory at batches of 32; went on with 16",
    ]


def test_a_driver_that_fails_to_copy_is_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the path of the model and what the driver says."""
    predictor = load_model(model, device="gpu", batch_size=4)

    def failing(*_: Any, **__: Any) -> None:  # noqa: ANN401 - Keras
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(keras.ops, "convert_to_tensor", failing)
    with pytest.raises(ModelError, match=r"model\.keras: Keras cannot run this model: CUDA error"):
        predictor.probabilities(IMAGES)


def test_no_block_is_copied_that_the_gpu_has_no_room_for(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once memory has run out for full blocks, the host scales the later ones."""
    predictor = load_model(model, device="gpu", batch_size=64)
    run, sent = keras.Model.predict_on_batch, KerasGpuNetwork._sent
    copied: list[int] = []

    def greedy(self: Any, given: Any) -> Any:  # noqa: ANN401 - Keras
        if len(given) > 32:
            raise MemoryError
        return run(self, given)

    def sending(self: KerasGpuNetwork, block: Any) -> Any:  # noqa: ANN401 - a tensor
        copied.append(len(block))
        return sent(self, block)

    monkeypatch.setattr(keras.Model, "predict_on_batch", greedy)
    monkeypatch.setattr(KerasGpuNetwork, "_sent", sending)
    for _ in range(3):
        predictor.probabilities(IMAGES)
    assert copied == [64]


def test_what_a_model_raises_on_a_gpu_is_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is; nor does memory do for one image."""
    predictor = load_model(model, device="gpu", batch_size=4)
    for error, raised, said in (
        (ValueError("broken"), ModelError, "Keras cannot run this model: broken"),
        (MemoryError(), MachineError, "the GPU runs out of memory even at batches of 1"),
    ):

        def failing(*_: Any, error: Exception = error) -> None:  # noqa: ANN401 - Keras
            raise error

        monkeypatch.setattr(keras.Model, "predict_on_batch", failing)
        with pytest.raises(raised, match=said):
            predictor.probabilities(IMAGES)
