"""Models that Keras itself saved, in ways that are not the plain one, give what Keras gives."""

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.predictors import load_model
from mnist_batch.models.network_config import TRAINING_ONLY
from mnist_batch.options import PredictorChoice

IMAGES = np.random.default_rng(3).integers(0, 256, (6, 28, 28)).astype(np.uint8)


@pytest.fixture(scope="module")
def keras() -> Any:  # noqa: ANN401 - Keras
    """Return Keras."""
    return import_keras()


def given_by(model: Any, inputs: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:  # noqa: ANN401
    """Return what Keras's own model gives for images."""
    return np.asarray(model.predict(inputs.astype(np.float32) / 255, verbose=0))


def network(keras: Any, *layers: Any, shape: tuple[int, ...] = (28, 28)) -> Any:  # noqa: ANN401
    """Return a network of layers that ends in ten classes."""
    ends = (keras.layers.Flatten(), keras.layers.Dense(10, "softmax"))
    return keras.Sequential([keras.Input(shape), *layers, *ends])


def test_arrays_named_on_windows_are_found(keras: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Keras 2.12 to 2.15 parted names of layers with backslashes there, at any depth."""
    inner = keras.Sequential([keras.layers.Dense(9, "relu"), keras.layers.Dense(8)], name="inner")
    model = network(keras, keras.layers.Bidirectional(keras.layers.LSTM(3)), inner)
    model.save(tmp_path / "plain.keras")
    for number, end in enumerate(("/vars", "")):  # up to it, or all of the name
        content = io.BytesIO()
        with (
            zipfile.ZipFile(tmp_path / "plain.keras") as plain,
            h5py.File(io.BytesIO(plain.read("model.weights.h5"))) as arrays,
            h5py.File(content, "w") as renamed,
        ):

            def rename(name: str, item: object) -> None:
                if isinstance(item, h5py.Dataset):
                    folders, *rest = name.rpartition(end) if end else (name,)  # noqa: B023
                    renamed["".join([folders.replace("/", "\\"), *rest])] = item[()]

            arrays.visititems(rename)
        path = tmp_path / f"windows{number}.keras"
        with zipfile.ZipFile(tmp_path / "plain.keras") as plain, zipfile.ZipFile(path, "w") as out:
            out.writestr("config.json", plain.read("config.json"))
            out.writestr("model.weights.h5", content.getvalue())
        found = load_model(path).probabilities(IMAGES)
        np.testing.assert_allclose(found, given_by(model, IMAGES), atol=1e-6)


def test_what_a_model_was_compiled_with_may_be_of_its_own(keras: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Losses, metrics and optimizers do nothing when one predicts; a note names them."""

    def my_loss(truth: Any, given: Any) -> Any:  # noqa: ANN401
        return keras.losses.sparse_categorical_crossentropy(truth, given)

    class Mine(keras.optimizers.SGD):  # type: ignore[misc] # Keras has no types
        """An optimizer."""

    class Hits(keras.metrics.Mean):  # type: ignore[misc]
        """A metric."""

    model = network(keras)
    compilations: dict[str, dict[str, Any]] = {
        "my_loss": {"loss": my_loss},
        "__lambda__": {"loss": lambda truth, given: keras.ops.mean(given - truth)},
        "Mine": {"optimizer": Mine(), "loss": "mse"},
        "Hits": {"metrics": [Hits()], "loss": "mse"},
    }
    for name, compiled in compilations.items():
        model.compile(**compiled)
        for suffix in (".keras", ".h5"):
            path = tmp_path / f"model{suffix}"
            model.save(path)
            loaded = load_model(path)
            np.testing.assert_allclose(
                loaded.probabilities(IMAGES), given_by(model, IMAGES), atol=1e-6
            )
            if suffix == ".keras":  # HDF5 has functions by their bare names
                [note] = loaded.notes
                assert note.startswith("was compiled with") and name in note


def random_layers(keras: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return a layer of each class that is active in training only, where this Keras has it."""
    settings: dict[str, tuple[Any, ...]] = {
        **dict.fromkeys(("AugMix", "CutMix", "MixUp", "RandAugment", "RandomGrayscale"), ()),
        **dict.fromkeys(("RandomFlip", "RandomErasing", "Solarization"), ()),
        **dict.fromkeys(("RandomElasticTransform", "RandomGaussianBlur", "RandomPerspective"), ()),
        "RandomColorJitter": (),
        "RandomPosterization": (4,),
        "RandomTranslation": (0.1, 0.1),
        "RandomShear": (0.1,),
    }
    classes = {name: getattr(keras.layers, name, None) for name in TRAINING_ONLY}
    return {
        name: kind(*settings.get(name, (0.2,)))
        for name, kind in classes.items()
        if kind is not None
    }


def test_layers_that_are_active_in_training_only_do_nothing(keras: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Each of them, on images, before layers that Keras runs and before ones that NumPy runs."""
    layers = [
        layer
        for name, layer in random_layers(keras).items()
        if name not in ("SpatialDropout1D", "SpatialDropout3D")  # not for images
    ]
    assert len(layers) > 25
    for ends in ([], [keras.layers.Conv2D(2, 5)]):
        model = network(keras, *layers, *ends, shape=(28, 28, 3))  # some want colours
        model.save(tmp_path / "model.keras")
        loaded = load_model(tmp_path / "model.keras")
        assert loaded.name is (PredictorChoice.KERAS if ends else PredictorChoice.NUMPY)
        expected = given_by(model, np.stack([IMAGES] * 3, axis=3))
        np.testing.assert_allclose(loaded.probabilities(IMAGES), expected, atol=1e-6)


def test_a_pipeline_of_such_layers_does_nothing(keras: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Keras keeps their settings within its own."""
    layers = keras.layers
    pipeline = layers.Pipeline([layers.RandomFlip(), layers.RandomShear(0.1)])
    model = network(keras, pipeline, layers.Conv2D(2, 5), shape=(28, 28, 1))
    model.save(tmp_path / "model.keras")
    expected = given_by(model, IMAGES[..., np.newaxis])
    found = load_model(tmp_path / "model.keras").probabilities(IMAGES)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_random_layers_pass_whole_numbers_on_as_floats(keras: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """As Keras's own do: a convolution takes no bytes."""
    images = keras.Input((28, 28, 1), dtype="uint8")
    values = keras.layers.Conv2D(2, 5)(keras.layers.RandomRotation(0.1)(images))
    outputs = keras.layers.Dense(10, "softmax")(keras.layers.Flatten()(values))
    model = keras.Model(images, outputs)
    model.save(tmp_path / "model.keras")
    expected = model.predict(IMAGES[..., np.newaxis], verbose=0)
    found = load_model(tmp_path / "model.keras").probabilities(IMAGES)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_a_quantized_model_runs_on_keras(mode: str, keras: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """As it does there, and what runs it says that it is quantized."""
    model = network(keras, keras.layers.Flatten(), keras.layers.Dense(32, "relu"))
    model.quantize(mode)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.name is PredictorChoice.KERAS
    assert f"Dense is quantized ({mode}" in loaded.why
    np.testing.assert_allclose(loaded.probabilities(IMAGES), given_by(model, IMAGES), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "numpy"),
    [
        ((28, 28, 3), True),
        ((28, 28, 3), False),
        ((None, None, 3), False),
        ((3, 28, 28), True),
        ((3, 28, 28), False),
    ],
)
def test_a_model_of_colour_images_gets_the_grey_picture_three_times(
    shape: tuple[int, ...],
    numpy: bool,
    keras: Any,  # noqa: ANN401
    tmp_path: Path,
) -> None:
    """Channels last or first, on NumPy and on Keras; a note says so."""
    first = [] if numpy else [keras.layers.GlobalMaxPooling2D()]
    if None not in shape and not numpy:
        first = [keras.layers.AveragePooling2D(1)]
    model = network(keras, *first, shape=shape)
    model.save(tmp_path / "model.keras")
    colours = np.stack([IMAGES] * 3, axis=1 if shape[0] == 3 else 3)
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.name is (PredictorChoice.NUMPY if numpy else PredictorChoice.KERAS)
    assert loaded.notes[-1] == "takes images in colour: it gets the grey picture three times"
    np.testing.assert_allclose(loaded.probabilities(IMAGES), given_by(model, colours), atol=1e-6)
