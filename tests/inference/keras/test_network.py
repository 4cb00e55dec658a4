"""Models that Keras runs: whatever NumPy does not, with Keras's own results."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.commands.predict import predict
from mnist_batch.errors import MachineError, ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import load_model
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.synthetic.generator import draw_digits

pytestmark = pytest.mark.usefixtures("models_read_here")

keras = import_keras()
layers = keras.layers
Input, Sequential = keras.Input, keras.Sequential
Conv2D, Dense, Flatten, Rescaling = layers.Conv2D, layers.Dense, layers.Flatten, layers.Rescaling

IMAGES, _ = draw_digits(50, seed=12)
FORMATS = [".h5", ".keras"]


def cnn(shape: tuple[int | None, ...] = (28, 28, 1), **settings: object) -> Any:  # noqa: ANN401
    """Return a small convolutional network."""
    return Sequential(
        [
            Input(shape, **settings),
            Conv2D(3, 5, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            Dense(10, "softmax"),
        ]
    )


def branching(*, rescaled: bool = False) -> Any:  # noqa: ANN401 - Keras
    """Return a network with two ways from the input to the output."""
    entry = Input((28, 28), name="image")
    pixels = Flatten()(Rescaling(1 / 255)(entry) if rescaled else entry)
    total = layers.Add()([Dense(10, "tanh")(pixels), Dense(10)(pixels)])
    return keras.Model({"image": entry}, {"digit": layers.Softmax()(total)})


def with_input(dtype: str) -> Any:  # noqa: ANN401 - Keras
    """Return a Dense network whose input has a number type."""
    return Sequential([Input((784,), dtype=dtype), Rescaling(1 / 255), Dense(10, "softmax")])


def two_inputs() -> Any:  # noqa: ANN401 - Keras
    """Return a network of two images."""
    entries = [Input((784,)), Input((784,))]
    return keras.Model(entries, Dense(10)(layers.Concatenate()(entries)))


def two_outputs() -> Any:  # noqa: ANN401 - Keras
    """Return a network of two answers."""
    entry = Input((784,))
    return keras.Model(entry, {"digit": Dense(10)(entry), "parity": Dense(2)(entry)})


# What is saved, the divisor of its pixels, the reason in the notes, how far sums may be from 1.
MODELS: dict[str, tuple[Callable[[], Any], int, str, float]] = {
    "cnn": (cnn, 255, "Conv2D is not a layer that NumPy runs", 1e-6),
    "cnn of any size": (lambda: cnn((None, None, 1)), 255, "Conv2D is not", 1e-6),
    "cnn of fixed batch": (lambda: cnn(batch_size=32), 255, "Conv2D is not", 1e-6),
    "branching": (branching, 255, "the layers are not a single chain", 1e-6),
    "branching, rescaled": (lambda: branching(rescaled=True), 1, "not a single chain", 1e-6),
    "gelu": (
        lambda: Sequential([Input((784,)), Dense(9, "gelu"), Dense(10, "softmax")]),
        255,
        "activation gelu is not one that NumPy runs",
        1e-6,
    ),
    "mixed_float16": (  # half precision has 11 bits
        lambda: Sequential([Input((784,)), Dense(10, "softmax", dtype="mixed_float16")]),
        255,
        "Dense does not compute in float32",
        5e-3,
    ),
    "bytes": (lambda: with_input("uint8"), 1, "InputLayer does not compute in float32", 1e-6),
    "recurrent": (
        lambda: Sequential([Input((28, 28)), layers.LSTM(4), Dense(10, "softmax")]),
        255,
        "LSTM is not a layer that NumPy runs",
        1e-6,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_keras_runs_what_numpy_does_not(name: str, tmp_path: Path) -> None:
    """The model runs on Keras with Keras's own results, and the notes say why."""
    make, divisor, reason, tolerance = MODELS[name]
    model = make()
    shape = [size or 28 for size in keras.tree.flatten(model.inputs)[0].shape[1:]]
    inputs = (IMAGES / divisor).astype(np.float32).reshape(-1, *shape)
    outputs = model(keras.tree.map_structure(lambda _: inputs, getattr(model, "input", 0)))
    expected = keras.ops.convert_to_numpy(keras.tree.flatten(outputs)[0])
    for suffix in FORMATS:
        model.save(tmp_path / f"model{suffix}")
        predictor = load_model(tmp_path / f"model{suffix}")
        assert predictor.name == "keras"
        assert predictor.scale == ("0-255" if divisor == 1 else "0-1")
        assert predictor.notes[0].startswith("runs on Keras: ")
        assert reason in predictor.notes[0]
        probabilities = predictor.probabilities(IMAGES)
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=max(1e-5, tolerance))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def cnn_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A convolutional network, saved as HDF5."""
    path = tmp_path_factory.mktemp("cnn") / "cnn.h5"
    cnn().save(path)
    return path


def test_prediction_does_not_depend_on_its_batch(cnn_file: Path) -> None:
    """Any cut gives the same to 1e-6, and a cut at the block gives the same bit for bit."""
    predictor = load_model(cnn_file)
    rows = predictor.block_rows + 300
    images = np.resize(IMAGES, (rows, 28, 28))
    images[::3] = np.roll(images[::3], 2, axis=2)
    whole = predictor.probabilities(images)
    for cuts in ([1, 8, 500], [rows // 2]):
        parts = np.concatenate([predictor.probabilities(part) for part in np.split(images, cuts)])
        np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(parts.argmax(axis=1), whole.argmax(axis=1))
    blocks = np.split(images, [predictor.block_rows])
    parts = np.concatenate([predictor.probabilities(part) for part in blocks])
    np.testing.assert_array_equal(parts, whole)


@pytest.mark.parametrize("name", ["CNN.H5", "cnn.hdf5", "cnn"])
def test_keras_model_is_loaded_under_any_name(name: str, cnn_file: Path, tmp_path: Path) -> None:
    """Keras goes by the suffix and refuses `.H5`; the file's content decides here."""
    shutil.copyfile(cnn_file, tmp_path / name)
    probabilities = load_model(tmp_path / name).probabilities(IMAGES)
    np.testing.assert_array_equal(probabilities, load_model(cnn_file).probabilities(IMAGES))


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_device_runs_the_network(device: str, cnn_file: Path) -> None:
    """The CPU gives ten probabilities for each image."""
    assert load_model(cnn_file, device=device).probabilities(IMAGES).shape == (50, 10)


def test_gpu_that_is_not_there_is_an_error(cnn_file: Path) -> None:
    """Without a GPU, --device gpu is refused with what to pass instead."""
    if keras.distribution.list_devices("gpu"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(ModelError, match='sees no GPU here; pass device="cpu" or auto'):
        load_model(cnn_file, device="gpu")


def test_numpy_has_no_gpu(cnn_file: Path) -> None:
    """NumPy is not to be asked for a GPU."""
    with pytest.raises(ModelError, match='numpy" has no device="gpu"; pass predictor="keras"'):
        load_model(cnn_file, device="gpu", predictor="numpy")


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "colour images": (
        lambda: cnn((32, 32, 3)),
        "takes images of 32x32 in colour (3 channels); expected grey images of 28x28",
    ),
    "one number": (
        lambda: Sequential([Input((28, 28, 1)), Conv2D(1, 28), Flatten()]),
        "gives one number, as a regression",
    ),
    "two inputs": (two_inputs, "has 2 inputs and 1 output; expected one of each"),
    "two outputs": (two_outputs, "has 1 input and 2 outputs; expected one of each"),
    "lambda": (
        lambda: Sequential([Input((784,)), layers.Lambda(lambda x: x / 255), Dense(10)]),
        "would run code that is in the file",
    ),
    "unbuilt": (lambda: Sequential([Conv2D(3, 5)]), "does not say the shape of the input; save"),
}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", WRONG)
def test_model_of_another_task_is_refused(name: str, suffix: str, tmp_path: Path) -> None:
    """A model that is no classifier of digits is refused with what it is instead, on one line."""
    make, message = WRONG[name]
    path = tmp_path / f"model{suffix}"
    make().save(path)
    with pytest.raises(ModelError) as caught:
        load_model(path, predictor="keras")
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numpy_refuses_a_convolution(cnn_file: Path) -> None:
    """Asked for NumPy, a convolutional network is refused with the predictor that runs it."""
    with pytest.raises(ModelError) as caught:
        load_model(cnn_file, predictor="numpy")
    assert str(caught.value) == (
        f'{cnn_file}: Conv2D is not a layer that NumPy runs; pass predictor="keras"'
    )


def test_a_graph_is_traced_once(cnn_file: Path, digits_parquet: Path) -> None:
    """Although 1,050 images in batches of 100 and shorter ones do not fill blocks of 400."""
    predictor = load_model(cnn_file, batch_size=400)
    network: Any = predictor._network
    batches = list(predict_batches(open_inputs([digits_parquet]), predictor, batch_size=100))
    assert [len(batch.images) for batch in batches] == [100] * 10 + [50]
    assert network._model.predict_function.experimental_get_tracing_count() == 1
    # The last block of 250 was padded to 400: Keras alone, without padding, gives the same.
    model = keras.models.load_model(cnn_file, compile=False)
    inputs = (draw_digits(1050)[0] / 255).astype(np.float32)[..., None]
    column = pa.concat_arrays([batch.predictions["probabilities"] for batch in batches])
    expected = model.predict(inputs, batch_size=1050, verbose=0)
    np.testing.assert_allclose(column.to_pylist(), expected, rtol=0, atol=1e-6)


def test_originals_come_with_their_rows(cnn_file: Path, digits_parquet: Path) -> None:
    """Although the network sees other batches."""
    predictor = load_model(cnn_file, batch_size=400)
    opened = open_inputs([digits_parquet])
    column = pq.read_table(digits_parquet)["image"].combine_chunks().field("bytes")
    for batch in predict_batches(opened, predictor, batch_size=100, with_originals=True):
        assert batch.originals is not None
        expected = column.take(batch.predictions["row"])
        np.testing.assert_array_equal(batch.originals.images, expected)
    assert next(predict_batches(opened, predictor)).originals is None


def test_a_model_of_a_fixed_batch_gets_just_that(tmp_path: Path) -> None:
    """A network that keeps a state for each of 32 rows takes no other number of them."""
    model = Sequential(
        [Input((28, 28), batch_size=32), layers.LSTM(4, stateful=True), Dense(10, "softmax")]
    )
    model.save(tmp_path / "model.keras")
    predictor = load_model(tmp_path / "model.keras", batch_size=100)
    assert predictor.block_rows == 32
    assert predictor.probabilities(IMAGES).shape == (50, 10)


def test_no_thread_goes_on_when_the_rest_is_not_wanted(
    cnn_file: Path, digits_parquet: Path
) -> None:
    """Neither the one that runs the network nor those that decode."""
    predictor = load_model(cnn_file, batch_size=100)
    before = {*threading.enumerate()}
    batches = predict_batches(open_inputs([digits_parquet]), predictor, batch_size=10, workers=3)
    assert len(next(batches).images) == 10
    batches.close()
    for thread in {*threading.enumerate()} - before:
        thread.join(60)
        assert not thread.is_alive()


class Greedy:
    """Wants more memory than there is for batches of more than `rows_that_fit`.

    It stands in for a layer of Keras: a model file cannot bring one of its own.
    """

    rows_that_fit = 200

    def call(self, inputs: Any) -> Any:  # noqa: ANN401 - a tensor
        """Return the inputs, or fail when the graph runs: as TensorFlow's ResourceExhaustedError.

        That is what TensorFlow makes of a MemoryError here; its own allocator waits 10 s first.
        """
        import tensorflow as tf

        def checked(values: np.ndarray) -> np.ndarray:
            if len(values) > Greedy.rows_that_fit:
                raise MemoryError("OOM when allocating tensor")
            return values

        outputs = tf.numpy_function(checked, [inputs], inputs.dtype)
        return tf.ensure_shape(outputs, inputs.shape)


class Broken:
    """Can be built, and not run on more than one row."""

    def call(self, inputs: Any) -> Any:  # noqa: ANN401 - a tensor
        """Raise an exception while the graph is traced for a number of rows above 1."""
        if inputs.shape[0] not in (None, 1):
            raise ValueError("the layer is broken\nin more than one line")
        return inputs


@pytest.fixture
def saved_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[type[Greedy] | type[Broken]], Path]:
    """Save a network in which ELU does what another class does, and return its path."""

    def save(kind: type[Greedy] | type[Broken]) -> Path:
        monkeypatch.setattr(layers.ELU, "call", kind.call)
        path = tmp_path / "model.keras"
        Sequential([Input((784,)), layers.ELU(), Dense(10, "softmax")]).save(path)
        return path

    return save


Saved = Callable[[type[Greedy] | type[Broken]], Path]


def test_batches_are_halved_where_memory_runs_out(
    saved_with: Saved, tmp_path: Path, digits_parquet: Path
) -> None:
    """The same rows again, 600 to 300 to 150, and so on from there; the notes say so."""
    path = saved_with(Greedy)
    out = tmp_path / "out.parquet"
    summary = predict(
        digits_parquet, out, model=path, batch_size=600, report=False, probabilities=True
    )
    model = keras.models.load_model(path, compile=False)
    images = (draw_digits(1050)[0] / 255).astype(np.float32).reshape(-1, 784)
    expected = model.predict(images, batch_size=150, verbose=0)
    probabilities = pq.read_table(out)["probabilities"].to_pylist()
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-6)
    notes = [note for note in summary.notes if "memory" in note]
    assert notes == [
        "model model.keras: this machine ran out of memory at batches of 600; went on with 300",
        "model model.keras: this machine ran out of memory at batches of 300; went on with 150",
    ]


def test_memory_may_run_out_later(saved_with: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where 7 rows no longer fit, in batches of 3 the last one reaches back: none is lost."""
    path = saved_with(Greedy)
    predictor = load_model(path, batch_size=7)
    whole = predictor.probabilities(IMAGES)
    assert not any("memory" in note for note in predictor.notes)
    monkeypatch.setattr(Greedy, "rows_that_fit", 3)
    np.testing.assert_allclose(predictor.probabilities(IMAGES), whole, rtol=0, atol=1e-6)
    assert predictor.notes[-1] == ("this machine ran out of memory at batches of 7; went on with 3")


def test_memory_that_does_not_do_for_one_image_is_an_error(
    saved_with: Saved, tmp_path: Path, digits_parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, and nothing is written."""
    path = saved_with(Greedy)
    predictor = load_model(path, batch_size=8)
    monkeypatch.setattr(Greedy, "rows_that_fit", 0)
    with pytest.raises(MachineError) as caught:
        predict(digits_parquet, tmp_path / "out.parquet", model=predictor)
    assert str(caught.value) == (
        f"{path}: this machine runs out of memory even at batches of 1; "
        "free memory, or run the model elsewhere"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]


def test_what_a_model_raises_is_one_line(
    saved_with: Saved, tmp_path: Path, digits_parquet: Path
) -> None:
    """The cause, not the layer's name that Keras puts first; and nothing is written."""
    path = saved_with(Broken)
    with pytest.raises(ModelError) as caught:
        predict(digits_parquet, tmp_path / "out.parquet", model=path)
    assert str(caught.value) == f"{path}: Keras cannot run this model: the layer is broken"
    assert [file.name for file in tmp_path.iterdir()] == ["model.keras"]


_PREDICT = (
    "import sys, numpy; from mnist_batch.inference.predictors import load_model; "
    "model = load_model(sys.argv[1]); "
    "print(model.name, model.probabilities(numpy.zeros((3, 28, 28), numpy.uint8)).shape)"
)


def run_alone(path: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Load a model and predict, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", _PREDICT, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def test_keras_is_quiet(tmp_path: Path) -> None:
    """Loading a model on Keras and predicting writes nothing to stderr."""
    branching(rescaled=True).save(tmp_path / "model.keras")
    result = run_alone(tmp_path / "model.keras", KERAS_BACKEND="tensorflow")
    assert (result.returncode, result.stdout, result.stderr) == (0, "keras (3, 10)\n", "")


def test_a_closed_standard_error_does_not_keep_keras_from_starting() -> None:
    """In a program that calls the library; the command has none that is closed."""
    code = (
        "import os; os.close(2)\n"
        "from mnist_batch.inference.keras.network import _silent_stderr\n"
        "with _silent_stderr(): print('imported')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "imported\n")


@pytest.mark.skipif(find_spec("jax") is not None, reason="JAX is installed, Keras runs on it")
def test_keras_backend_is_respected(cnn_file: Path) -> None:
    """Keras starts on the backend of KERAS_BACKEND, and a missing one is named on one line."""
    result = run_alone(cnn_file, KERAS_BACKEND="jax")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "mnist_batch.errors.ModelError: Keras cannot start on jax: No module named 'jax'; "
        "install it, or let KERAS_BACKEND name another backend"
    )


def test_what_is_left_of_keras_is_named_on_one_line(tmp_path: Path) -> None:
    """A package that lacks what Keras has, as after an installation that ended early."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "__init__.py").touch()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from mnist_batch.inference.keras.network import import_keras; import_keras()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.stderr.splitlines()[-1].startswith(
        "mnist_batch.errors.ModelError: Keras cannot start on tensorflow: module 'keras' has no "
    )


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_keras_runs_on_jax(cnn_file: Path) -> None:
    """Where KERAS_BACKEND names an installed backend, the model runs on that."""
    result = run_alone(cnn_file, KERAS_BACKEND="jax")
    assert result.stdout == "keras (3, 10)\n", result.stderr
