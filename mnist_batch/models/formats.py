"""The two formats of model files, told apart by their first bytes and not by the suffix."""

from mnist_batch.errors import ModelError
from mnist_batch.models.hdf5 import read_hdf5
from mnist_batch.models.hdf5_arrays import HDF5_SIGNATURE
from mnist_batch.models.keras_v3 import read_keras_v3
from mnist_batch.models.stored import StoredModel

_READERS = {HDF5_SIGNATURE: read_hdf5, b"PK\x03\x04": read_keras_v3}

SIGNATURES = tuple(_READERS)


def read_stored_model(content: bytes) -> StoredModel:
    """Read a model file by its bytes, which start with one of the `SIGNATURES`.

    Raises:
        ModelError: they are damaged, hold no configuration, or hold what one of the checks
            refuses (`config_allowlist`, `hdf5_arrays`, `zip_members`). The message does not name
            the file.
    """
    [read] = [read for signature, read in _READERS.items() if content.startswith(signature)]
    try:
        return read(content)
    except ModelError:
        raise
    except Exception as error:
        # h5py, zipfile and json raise nearly any type on damaged files, and so does reading a
        # structure that is not Keras's.
        raise ModelError(
            f"damaged or incomplete model file ({_cause(error)}); copy or save it anew"
        ) from error


def _cause(error: Exception) -> str:
    """Return what an exception says in one short line; names in it may be of any characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(character if character.isprintable() else "?" for character in text[:200])
