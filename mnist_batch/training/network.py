"""The network: its layers, how the original recipe compiles it, and its model file."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mnist_batch.errors import OutputError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.mnist import PIXELS
from mnist_batch.models.formats import ATTRIBUTE
from mnist_batch.options import Scale
from mnist_batch.outputs.atomic import StagedFile
from mnist_batch.outputs.targets import output_errors
from mnist_batch.schema import DIGITS, Classes

SCALE = Scale.ZERO_TO_ONE
OPTIMIZER = "adam"
LOSS = "sparse_categorical_crossentropy"


def build_network(classes: Classes = DIGITS) -> Any:  # noqa: ANN401 - Keras has no types
    """Return the network, compiled and with random weights.

    784 inputs, float32 from 0 to 1; 128 and 64 units with ReLU; the probabilities of the classes.
    Adam at Keras' defaults minimizes the cross-entropy with the true class.
    """
    network = _dense("softmax", classes)
    network.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"])
    return network


def build_logits_network(classes: Classes = DIGITS) -> Any:  # noqa: ANN401 - Keras has no types
    """Return the same network without its last softmax, and not compiled.

    Its weights fit `build_network`. A loss of logits is exact, whereas one of probabilities has to
    clip them, as those of a confident network round to 0 and 1.
    """
    return _dense("linear", classes)


def _dense(activation: str, classes: Classes) -> Any:  # noqa: ANN401 - Keras has no types
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((PIXELS,)),
            layers.Dense(128, activation="relu", name="hidden_1"),
            layers.Dense(64, activation="relu", name="hidden_2"),
            layers.Dense(classes.count, activation=activation, name=classes.noun_of_many),
        ],
        name="mnist",
    )


def check_model_suffix(out: Path) -> None:
    """Raise `OutputError` where the suffix of `out` names no format of model files."""
    if out.suffix not in _FORMATS:  # capitals too: Keras would refuse to load the file
        raise OutputError(
            f"{out}: the suffix is {out.suffix or 'missing'}, which is no format of models; "
            f"expected {' or '.join(_FORMATS)}"
        )


def write_model(network: Any, staged: StagedFile) -> None:  # noqa: ANN401 - Keras has no types
    """Write a compiled network, in the format that the suffix of the staged file's target names.

    Raises:
        OutputError: the disk refuses.
    """
    suffix = staged.target.suffix
    # Keras takes the format from the suffix, which a staged file does not have.
    with output_errors(staged.target), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"model{suffix}")
        # HDF5 crashes on a full disk; this raises `OSError`.
        file.write_bytes(bytes(4 * sum(array.nbytes for array in network.get_weights()) + 2**20))
        file.unlink()
        staged.path.write_bytes(_FORMATS[suffix].saved(network, file))


def describe_model(staged: StagedFile, record: Mapping[str, Any]) -> None:
    """Write `record` into a model file, where `models.model_file.read_model_file` finds it.

    Raises:
        OutputError: the disk refuses.
    """
    with output_errors(staged.target):
        content = staged.path.read_bytes()
        described = _FORMATS[staged.target.suffix].described(content, json.dumps(record))
        staged.path.write_bytes(described)


def _saved_hdf5(network: Any, file: Path) -> bytes:  # noqa: ANN401 - Keras has no types
    import h5py

    network.save(file)
    content = io.BytesIO(file.read_bytes())
    with h5py.File(content, "r+") as opened:
        # Two of the optimizer's 14 arrays: Keras 3.15 warns of a part, but not of none.
        del opened["optimizer_weights"]
    return content.getvalue()


def _described_hdf5(content: bytes, record: str) -> bytes:
    import h5py

    changed = io.BytesIO(content)
    with h5py.File(changed, "r+") as file:
        file.attrs[ATTRIBUTE] = record
    return changed.getvalue()


def _saved_zip(network: Any, file: Path) -> bytes:  # noqa: ANN401 - Keras has no types
    # In this format Keras 3.15 warns of none as well, so there are all 14, as before training.
    network.optimizer.build(network.trainable_variables)
    network.save(file)
    return file.read_bytes()


def _described_zip(content: bytes, record: str) -> bytes:
    changed = io.BytesIO(content)
    with zipfile.ZipFile(changed, "a") as archive:
        archive.writestr(f"{ATTRIBUTE}.json", record)
    return changed.getvalue()


class _Format(NamedTuple):
    """A format of model files: how a network is saved, and how a record is added to the file."""

    saved: Callable[[Any, Path], bytes]
    described: Callable[[bytes, str], bytes]


_FORMATS = {
    ".h5": _Format(_saved_hdf5, _described_hdf5),
    ".keras": _Format(_saved_zip, _described_zip),
}
