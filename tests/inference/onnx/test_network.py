"""Networks of ONNX files give what the same networks give on NumPy, Keras and scikit-learn."""

import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mnist_batch.errors import MachineError, ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.onnx.network import OnnxNetwork
from mnist_batch.inference.predictors import load_model
from mnist_batch.models.model_file import OnnxFile, read_model_file
from mnist_batch.options import Device, PredictorChoice, Scale
from tests.support.onnx_files import BIAS, KERNEL, dense, model

IMAGES = np.random.default_rng(7).integers(0, 256, (300, 28, 28)).astype(np.uint8)
PIXELS = IMAGES.reshape(-1, 784).astype(np.float64) / 255
LOGITS = PIXELS @ KERNEL + BIAS


def softmax(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return exp(x) over its sum."""
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def written(content: bytes, folder: Path) -> Path:
    """Write a model file."""
    path = folder / "model.onnx"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "shape",
    [
        ("n", 784),
        (None, 784),
        (None, None),
        ("n", 28, 28),
        ("n", 1, 28, 28),
        ("n", 28, 28, 1),
        ("n", 1, None, None),
        ("n", None, None, 1),
        (1, 784),
        (7, 1, 28, 28),
    ],
)
def test_a_digit_is_taken_in_each_shape(shape: Sequence[Any], tmp_path: Path) -> None:
    """Of one image or of a fixed or an open number of them."""
    loaded = load_model(written(dense(shape), tmp_path))
    assert loaded.name is PredictorChoice.ONNX
    np.testing.assert_allclose(loaded.probabilities(IMAGES), softmax(LOGITS), atol=1e-6)
    assert any("one image at a time" in note for note in loaded.notes) == (shape[0] == 1)


@pytest.mark.parametrize("shape", [("n", 3, 28, 28), ("n", 28, 28, 3)])
def test_colour_images_are_the_grey_picture_three_times(
    shape: Sequence[Any], tmp_path: Path
) -> None:
    """A third of the weights for each colour gives the same."""
    last = shape[-1] == 3
    third = KERNEL / 3
    kernel = np.repeat(third, 3, axis=0) if last else np.concatenate([third] * 3)
    loaded = load_model(written(dense(shape, kernel=kernel), tmp_path))
    np.testing.assert_allclose(loaded.probabilities(IMAGES), softmax(LOGITS), atol=1e-6)
    assert "takes images in colour: it gets the grey picture three times" in loaded.notes


@pytest.mark.parametrize(
    ("kind", "largest"),
    [
        (TensorProto.DOUBLE, 1),
        (TensorProto.UINT8, 255),
        (TensorProto.INT64, 255),
        (TensorProto.INT32, 255),
        (TensorProto.FLOAT16, 1),
    ],
)
def test_numbers_are_taken_in_each_type(kind: int, largest: int, tmp_path: Path) -> None:
    """Whole numbers are pixels from 0 to 255, and a note says so."""
    loaded = load_model(written(dense(kernel=KERNEL / largest, kind=kind), tmp_path))
    tolerance = 1e-3 if kind == TensorProto.FLOAT16 else 1e-6
    np.testing.assert_allclose(loaded.probabilities(IMAGES), softmax(LOGITS), atol=tolerance)
    assert loaded.scale is (Scale.BYTES if largest == 255 else Scale.ZERO_TO_ONE)
    assert any(
        "takes pixels as 0-255, as its input type says" in note for note in loaded.notes
    ) == (largest == 255)


@pytest.mark.parametrize("ends", ["", "LogSoftmax", "Softmax", "Sigmoid"])
def test_outputs_become_probabilities(ends: str, tmp_path: Path) -> None:
    """Softmax is applied to logits; ten sigmoids are divided by their sum."""
    loaded = load_model(written(dense(ends=ends), tmp_path))
    expected = softmax(LOGITS)
    if ends == "Sigmoid":
        sigmoids = 1 / (1 + np.exp(-LOGITS))
        expected = sigmoids / sigmoids.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loaded.probabilities(IMAGES), expected, atol=1e-6)
    assert len(loaded.notes) == (ends != "Softmax")


def test_a_softmax_that_is_written_out_is_known_by_its_values(tmp_path: Path) -> None:
    """Numbers from 0 on that sum to 1 are probabilities, whatever the operators are called."""
    nodes = [
        helper.make_node("Gemm", ["images", "kernel", "bias"], ["digits"]),
        helper.make_node("Exp", ["digits"], ["exp"]),
        helper.make_node("ReduceSum", ["exp", "axis"], ["sum"]),
        helper.make_node("Div", ["exp", "sum"], ["shares"]),
    ]
    ends = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 784]),
        helper.make_tensor_value_info("shares", TensorProto.FLOAT, ["n", 10]),
    ]
    arrays = {"kernel": KERNEL, "bias": BIAS, "axis": np.array([1])}
    loaded = load_model(written(model(nodes, ends[:1], ends[1:], arrays), tmp_path))
    np.testing.assert_allclose(loaded.probabilities(IMAGES), softmax(LOGITS), atol=1e-6)
    assert loaded.notes == []


def test_the_same_network_gives_the_same_on_keras(tmp_path: Path) -> None:
    """A convolution, to 1e-5."""
    keras = import_keras()
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(4, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, "softmax"),
        ]
    )
    kernel, bias, dense_kernel, dense_bias = network.get_weights()
    nodes = [
        helper.make_node("Conv", ["images", "kernel", "bias"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Flatten", ["t"], ["f"]),
        helper.make_node("Gemm", ["f", "dense", "dense_bias"], ["d"]),
        helper.make_node("Softmax", ["d"], ["s"]),
    ]
    arrays = {
        "kernel": kernel.transpose(3, 2, 0, 1),
        "bias": bias,
        "dense": dense_kernel,
        "dense_bias": dense_bias,
    }
    ends = [
        helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 28, 28]),
        helper.make_tensor_value_info("s", TensorProto.FLOAT, ["n", 10]),
    ]
    network.save(tmp_path / "model.keras")
    on_keras = load_model(tmp_path / "model.keras")
    on_onnx = load_model(written(model(nodes, ends[:1], ends[1:], arrays), tmp_path))
    assert (on_keras.name, on_onnx.name) == (PredictorChoice.KERAS, PredictorChoice.ONNX)
    np.testing.assert_allclose(
        on_onnx.probabilities(IMAGES), on_keras.probabilities(IMAGES), atol=1e-5
    )


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("texts", [True, False])
def test_classifiers_of_scikit_learn_give_their_probabilities(
    texts: bool, zipmap: bool, tmp_path: Path
) -> None:
    """As tensors or as maps from label to probability; labels as text become names."""
    digits = np.arange(300) % 10
    labels = digits.astype(str) if texts else digits
    pixels = (PIXELS + digits[:, None]).astype(np.float32)
    shifted = LogisticRegression(max_iter=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few iterations do
        for classifier in (shifted, MLPClassifier((8,), max_iter=5)):
            classifier.fit(pixels, labels)
            options = {id(classifier): {"zipmap": zipmap}}
            content = to_onnx(classifier, pixels[:1], options=options).SerializeToString()
            loaded = load_model(written(content, tmp_path))
            np.testing.assert_allclose(
                loaded.probabilities(IMAGES),
                classifier.predict_proba(PIXELS.astype(np.float32)),
                atol=1e-5,
            )
            assert loaded.notes == []


def test_a_forest_agrees_in_nearly_all_of_its_votes(tmp_path: Path) -> None:
    """ONNX compares in float32: a value at a threshold may fall to the other side."""
    digits = np.arange(300) % 10
    forest = RandomForestClassifier(30, random_state=0).fit(PIXELS.astype(np.float32), digits)
    content = to_onnx(forest, PIXELS[:1].astype(np.float32)).SerializeToString()
    found = load_model(written(content, tmp_path)).probabilities(IMAGES)
    expected = forest.predict_proba(PIXELS.astype(np.float32))
    assert np.mean(np.abs(found - expected) < 1e-5) > 0.95


def test_rows_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    """Bit for bit, for batches of 1, 7 and all: a block is always of the same size."""
    loaded = load_model(written(dense(), tmp_path))
    whole = loaded.probabilities(IMAGES)
    for size in (1, 7):
        parts = [loaded.probabilities(IMAGES[start : start + size]) for start in range(0, 56, size)]
        np.testing.assert_allclose(np.concatenate(parts), whole[:56], atol=5e-6)


def test_a_predictor_can_be_pickled_and_take_another_scale(tmp_path: Path) -> None:
    """The bytes of the file travel with it."""
    path = written(dense(), tmp_path)
    loaded = load_model(path)
    path.unlink()
    again = pickle.loads(pickle.dumps(loaded))
    np.testing.assert_array_equal(again.probabilities(IMAGES), loaded.probabilities(IMAGES))
    expected = softmax(PIXELS * 255 @ KERNEL + BIAS)
    found = again.at_scale(Scale.BYTES).probabilities(IMAGES)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_names_of_classes_come_from_the_file(tmp_path: Path) -> None:
    """Where there is one for each class."""
    names = tuple("abcdefghij")
    path = written(dense(metadata={"names": ",".join(names)}), tmp_path)
    assert load_model(path).classes.names == names
    path = written(dense(metadata={"names": "a,b"}), tmp_path)
    assert load_model(path).classes.names is None
    path = written(dense(kernel=KERNEL[:, :4], metadata={"names": "a,b,c,d"}), tmp_path)
    assert load_model(path).classes.names == tuple("abcd")


def test_other_tasks_are_refused_with_what_they_are(tmp_path: Path) -> None:
    """By shapes, as with models of Keras."""
    with pytest.raises(ModelError, match=r"model\.onnx: takes images of 8x8; expected grey"):
        load_model(written(dense(("n", 1, 8, 8), kernel=KERNEL[:64]), tmp_path))
    with pytest.raises(ModelError, match="gives one number"):
        load_model(written(dense(kernel=KERNEL[:, :1], ends="Sigmoid"), tmp_path))


class Small:
    """A session that has memory for a few images."""

    def __init__(self, session: Any, most: int) -> None:  # noqa: ANN401 - no types
        """Take the session that runs them."""
        self.session, self.most = session, most

    def run(self, names: Any, given: dict[str, Any]) -> Any:  # noqa: ANN401 - no types
        """Run it, or fail."""
        [images] = given.values()
        if len(images) > self.most:
            raise MemoryError
        return self.session.run(names, given)


def test_where_memory_runs_out_batches_get_half_as_many(tmp_path: Path) -> None:
    """With a note each time; the results stay, and where not even one fits a line says so."""
    file = read_model_file(written(dense(ends=""), tmp_path))
    assert isinstance(file, OnnxFile)
    notes: list[str] = []
    network = OnnxNetwork(file, Device.CPU, 2048, notes.append)
    inputs = PIXELS[:256].astype(np.float32)
    network._session = Small(network._session, 100)
    np.testing.assert_allclose(network.outputs(inputs), LOGITS[:256], atol=1e-4)
    assert notes == [
        "this machine ran out of memory at batches of 256; went on with 128",
        "this machine ran out of memory at batches of 128; went on with 64",
    ]
    network._session.most = 0
    with pytest.raises(MachineError, match="even at batches of 1; free memory"):
        network.outputs(inputs)


@pytest.mark.parametrize("largest", [1, 255])
@pytest.mark.parametrize(
    "classifier",
    [
        RandomForestClassifier(5, random_state=0),
        SVC(),
        make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=30, random_state=0)),
    ],
    ids=["forest", "SVC", "scaler"],
)
def test_what_was_learnt_tells_the_range_of_the_pixels(
    classifier: Any,  # noqa: ANN401 - of scikit-learn
    largest: int,
    tmp_path: Path,
) -> None:
    """Thresholds, support vectors and means above 1 are of pixels from 0 to 255."""
    pixels = (PIXELS * largest).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few iterations do
        classifier.fit(pixels, np.arange(300) % 10)
    content = to_onnx(classifier, pixels[:1], options={"zipmap": False}).SerializeToString()
    loaded = load_model(written(content, tmp_path))
    assert loaded.scale is (Scale.BYTES if largest == 255 else Scale.ZERO_TO_ONE)
    note = "takes pixels as 0-255, as its first operation says"
    assert (note in loaded.notes) == (largest == 255)
