"""Images to probabilities: agreement with Keras on MNIST, scales, logits, and no TensorFlow."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.special import softmax as scipy_softmax

from mnist_batch.errors import ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.predictors import load_model
from mnist_batch.models.model_file import DEFAULT_MODEL
from mnist_batch.options import Scale
from mnist_batch.schema import Images
from mnist_batch.synthetic.generator import draw_digits

pytestmark = pytest.mark.usefixtures("models_read_here")

keras = import_keras()
Input, Sequential, Dense = keras.Input, keras.Sequential, keras.layers.Dense

IMAGES, _ = draw_digits(600, seed=13)


@pytest.fixture(params=["seed", "default"])
def dense_model(request: pytest.FixtureRequest) -> Path:
    """The original MNIST.h5, and the model that comes with this package."""
    if request.param == "default":
        return DEFAULT_MODEL
    seed: Path = request.getfixturevalue("seed_model")
    return seed


def test_numpy_and_keras_agree_on_mnist(
    dense_model: Path, mnist_test_images: Images, mnist_test_labels: npt.NDArray[np.uint8]
) -> None:
    """On all 10,000 test images: 1e-5 in probability, the same digit; and so does Keras alone."""
    images, labels = mnist_test_images, mnist_test_labels
    assert images.shape == (10_000, 28, 28)
    ours = load_model(dense_model)
    assert (ours.name, list(ours.notes), ours.scale) == ("numpy", [], "0-1")
    on_numpy = ours.probabilities(images)
    on_keras = load_model(dense_model, predictor="keras").probabilities(images)
    model = keras.models.load_model(dense_model, compile=False)
    inputs = (images / 255).astype(np.float32).reshape(-1, *model.input_shape[1:])
    for expected in (on_keras, model.predict(inputs, batch_size=1000, verbose=0)):
        np.testing.assert_allclose(on_numpy, expected, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(on_numpy.argmax(axis=1), expected.argmax(axis=1))
    assert (on_numpy.argmax(axis=1) == labels).mean() > 0.97


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models: logits.h5, sigmoid.h5, softmax.h5 and softmax.keras."""
    folder = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(3)
    entry: list[Any] = [Input((784,)), Dense(32, "relu")]
    for name, activation in [("logits", None), ("sigmoid", "sigmoid"), ("softmax", "softmax")]:
        Sequential([*entry, Dense(10, activation)]).save(folder / f"{name}.h5")
    Sequential([*entry, Dense(10, "softmax")]).save(folder / "softmax.keras")
    return folder


def outputs(path: Path, inputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return what Keras itself gives for inputs."""
    model = keras.models.load_model(path, compile=False)
    values = model(inputs.reshape(-1, 784).astype(np.float32))
    return keras.ops.convert_to_numpy(values)  # type: ignore[no-any-return]


def test_what_runs_a_model_is_told_with_the_reason(folder: Path) -> None:
    """NumPy where it can; Keras where it was asked for, or has to."""
    chosen = load_model(folder / "softmax.h5")
    assert (chosen.name, chosen.why) == (
        "numpy",
        "all of its layers are ones that NumPy runs",
    )
    asked = load_model(folder / "softmax.h5", predictor="keras")
    assert (asked.name, asked.why) == ("keras", "it was asked for")


@pytest.mark.parametrize("predictor", ["numpy", "keras"])
def test_logits_become_probabilities(predictor: str, folder: Path) -> None:
    """Outputs without activation are taken as logits, and the notes say so."""
    model = load_model(folder / "logits.h5", predictor=predictor)
    probabilities = model.probabilities(IMAGES)
    expected = scipy_softmax(outputs(folder / "logits.h5", IMAGES / 255), axis=1)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=1e-6)
    assert model.notes == ["its outputs (linear) were taken as logits: softmax was applied"]


@pytest.mark.parametrize("predictor", ["numpy", "keras"])
def test_sigmoids_become_probabilities(predictor: str, folder: Path) -> None:
    """Ten sigmoids are divided by their sum, and the notes say so."""
    model = load_model(folder / "sigmoid.h5", predictor=predictor)
    probabilities = model.probabilities(IMAGES)
    sigmoids = outputs(folder / "sigmoid.h5", IMAGES / 255)
    np.testing.assert_allclose(
        probabilities, sigmoids / sigmoids.sum(axis=1, keepdims=True), rtol=0, atol=1e-5
    )
    assert model.notes == [
        "its ten sigmoid outputs were divided by their sum to give probabilities"
    ]


@pytest.mark.parametrize(
    ("bias", "expected"),
    [(-200.0, np.full(10, 0.1)), (np.arange(10) - 5.0, None)],
    ids=["all off", "some on"],
)
def test_sigmoids_that_are_all_off_favour_no_digit(
    bias: Any,  # noqa: ANN401 - a number or an array
    expected: npt.NDArray[np.float64] | None,
    tmp_path: Path,
) -> None:
    """Ten zeros give each digit a tenth; others give their shares of the sum."""
    model = Sequential([Input((784,)), Dense(10, "sigmoid")])
    model.set_weights([np.zeros((784, 10)), np.broadcast_to(bias, 10)])
    model.save(tmp_path / "model.h5")
    [row] = load_model(tmp_path / "model.h5", predictor="numpy").probabilities(IMAGES[:1])
    if expected is None:
        expected = expit(bias) / expit(bias).sum()
    np.testing.assert_allclose(row, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("scale", "inputs"),
    [
        ("0-1", IMAGES / 255),
        ("0-255", IMAGES.astype(np.float64)),
        ("-1-1", IMAGES / 127.5 - 1),
        ("-0.5-0.5", IMAGES / 255 - 0.5),
        (None, IMAGES / 255),
    ],
)
def test_scale_is_the_range_of_pixels(
    scale: str | None, inputs: npt.NDArray[np.float64], folder: Path
) -> None:
    """Black and white go to the two ends of the range that was named; to 0 and 1 by default."""
    model = load_model(folder / "softmax.keras", scale=scale)
    assert model.scale == (scale or Scale.ZERO_TO_ONE)
    expected = outputs(folder / "softmax.keras", inputs)
    # This network was not trained: inputs up to 255 give sums in the hundreds, and round so.
    atol = 1e-3 if scale == "0-255" else 1e-5
    np.testing.assert_allclose(model.probabilities(IMAGES), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("name", ["softmax.h5", "softmax.keras", "logits.h5", "sigmoid.h5"])
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, len(IMAGES)), max_size=12).map(sorted))
def test_prediction_does_not_depend_on_its_batch(name: str, folder: Path, cuts: list[int]) -> None:
    """Any cut of the images, even into empty batches, gives the same digits, and 1e-6 at most."""
    model = load_model(folder / name)
    whole = model.probabilities(IMAGES)
    parts = np.concatenate([model.probabilities(part) for part in np.split(IMAGES, cuts)])
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(parts.argmax(axis=1), whole.argmax(axis=1))


@pytest.mark.parametrize("predictor", ["numpy", "keras"])
def test_batches_of_whole_blocks_give_the_same_bits(predictor: str, folder: Path) -> None:
    """Batches that end where blocks end give the same bit for bit as all images at once."""
    model = load_model(folder / "softmax.h5", predictor=predictor)
    images = np.resize(IMAGES, (2 * model.block_rows + 100, 28, 28))
    cuts = [model.block_rows, 2 * model.block_rows]
    parts = np.concatenate([model.probabilities(part) for part in np.split(images, cuts)])
    np.testing.assert_array_equal(parts, model.probabilities(images))


def test_other_images_of_a_batch_do_not_matter(folder: Path) -> None:
    """An image in the same place of a batch has the same probabilities beside any others."""
    model = load_model(folder / "softmax.h5")
    others = IMAGES.copy()
    others[1::2] = 255 - others[1::2]
    np.testing.assert_array_equal(
        model.probabilities(IMAGES)[::2], model.probabilities(others)[::2]
    )


def test_no_images_give_no_rows(folder: Path) -> None:
    """An empty batch gives an empty result of ten columns."""
    assert load_model(folder / "softmax.h5").probabilities(IMAGES[:0]).shape == (0, 10)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize(
    ("shape", "units", "message"),
    [
        (
            (32, 32, 3),
            10,
            "takes images of 32x32 in colour (3 channels); expected grey images of 28x28",
        ),
        (
            (28, 28),
            1,
            "gives one number, as a regression or a network for two classes does; "
            "expected 2 to 1,000 classes",
        ),
    ],
)
def test_dense_model_of_another_task_is_refused(
    shape: tuple[int, ...], units: int, message: str, suffix: str, tmp_path: Path
) -> None:
    """A model of other images or classes is refused with its path and what it is."""
    path = tmp_path / f"model{suffix}"
    Sequential([Input(shape), keras.layers.Flatten(), Dense(units, "softmax")]).save(path)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("predictor", ["numpy", "keras"])
def test_model_of_nan_is_refused(predictor: str, tmp_path: Path) -> None:
    """A network whose training ended in NaN is refused, for its digits would be made up."""
    model = Sequential([Input((784,)), Dense(10, "softmax")])
    model.set_weights([np.full((784, 10), np.nan), np.zeros(10)])
    model.save(tmp_path / "model.h5")
    with pytest.raises(ModelError, match="the network gives NaN"):
        load_model(tmp_path / "model.h5", predictor=predictor)


@pytest.mark.parametrize("name", ["softmax.h5", "softmax.keras"])
def test_dense_model_needs_no_tensorflow(name: str, folder: Path) -> None:
    """Loading a Dense model and predicting imports neither TensorFlow nor Keras."""
    code = (
        "import sys, numpy; from mnist_batch.inference.predictors import load_model; "
        "load_model(sys.argv[1]).probabilities(numpy.zeros((3, 28, 28), numpy.uint8)); "
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder / name)], capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")
