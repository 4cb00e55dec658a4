"""Writing a trained network into a model file that says how it was made."""

import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mnist_batch.errors import OutputError
from mnist_batch.model_file import ATTRIBUTE
from mnist_batch.staging import StagedFile, translated


def check_model_suffix(out: Path) -> None:
    """Raise `OutputError` where no format of models has the suffix of `out`."""
    if out.suffix not in _FORMATS:  # capitals too: Keras would refuse to load the file
        raise OutputError(
            f"{out}: the suffix is {out.suffix or 'missing'}, which is no format of models; "
            f"expected {' or '.join(_FORMATS)}"
        )


def write_model(network: Any, staged: StagedFile) -> None:  # noqa: ANN401 - Keras has no types
    """Write a compiled network; the suffix of the staged file's target tells the format.

    Raises:
        OutputError: the disk refuses.
    """
    suffix = staged.target.suffix
    # Keras tells the format by the suffix, which a staged file does not have.
    with translated(staged.target), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"model{suffix}")
        _FORMATS[suffix].write(network, file)
        staged.path.write_bytes(file.read_bytes())


def describe_model(staged: StagedFile, record: Mapping[str, Any]) -> None:
    """Put `record` into a model file, where `model_file.read_model_file` finds it.

    Raises:
        OutputError: the disk refuses.
    """
    with translated(staged.target):
        _FORMATS[staged.target.suffix].describe(staged.path, json.dumps(record))


def _write_hdf5(network: Any, path: Path) -> None:  # noqa: ANN401 - Keras has no types
    import h5py

    network.save(path)
    with h5py.File(path, "r+") as file:
        # Two of the optimizer's 14 arrays: Keras 3.15 warns of a part, but not of none.
        del file["optimizer_weights"]


def _describe_hdf5(path: Path, record: str) -> None:
    import h5py

    with h5py.File(path, "r+") as file:
        file.attrs[ATTRIBUTE] = record


def _write_zip(network: Any, path: Path) -> None:  # noqa: ANN401 - Keras has no types
    # In this format Keras 3.15 warns of none as well, so there are all 14, as before training.
    network.optimizer.build(network.trainable_variables)
    network.save(path)


def _describe_zip(path: Path, record: str) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{ATTRIBUTE}.json", record)


class _Format(NamedTuple):
    """How a kind of model file is written, and how it is told what it says of itself."""

    write: Callable[[Any, Path], None]
    describe: Callable[[Path, str], None]


_FORMATS = {
    ".h5": _Format(_write_hdf5, _describe_hdf5),
    ".keras": _Format(_write_zip, _describe_zip),
}
