"""The libraries that only some uses need, and the extras of this package that install them."""

import os
import sys
from importlib.util import find_spec
from typing import NamedTuple

from mnist_batch.errors import MissingExtraError

TENSORFLOW = "tensorflow"
HUB = "huggingface_hub"
ONNX_RUNTIME = "onnxruntime"
RAY = "ray"
OBSTORE = "obstore"


class _Library(NamedTuple):
    """What a library is called, and the extra that it belongs to."""

    title: str
    extra: str


LIBRARIES = {
    "keras": _Library("Keras", "keras"),
    TENSORFLOW: _Library("TensorFlow", "keras"),
    HUB: _Library("huggingface_hub", "hub"),
    ONNX_RUNTIME: _Library("ONNX Runtime", "onnx"),
    RAY: _Library("Ray", "ray"),
    OBSTORE: _Library("obstore", "remote"),
}
"""The libraries by the names that they are imported by."""


def for_keras() -> list[str]:
    """Return the libraries that Keras needs on the backend that `KERAS_BACKEND` names.

    Other backends than TensorFlow are of no extra; where one is missing, `import_keras` says so.
    """
    on_tensorflow = os.environ.get("KERAS_BACKEND", TENSORFLOW) == TENSORFLOW
    return ["keras", TENSORFLOW] if on_tensorflow else ["keras"]


def require(what: str, *libraries: str) -> None:
    """Refuse what cannot be done without libraries that are not installed; none is imported.

    Args:
        what: what needs them, for the message.
        libraries: keys of `LIBRARIES`.

    Raises:
        MissingExtraError: one is not installed; the message says how to install all that are not.
    """
    missing = [LIBRARIES[name] for name in dict.fromkeys(libraries) if not _is_installed(name)]
    if not missing:
        return
    *first, last = [library.title for library in missing]
    titles = f"{', '.join(first)} and {last}" if first else last
    extras = ",".join(dict.fromkeys(library.extra for library in missing))
    raise MissingExtraError(
        f"{what} needs {titles}, which {'are' if first else 'is'} not installed; "
        f"pip install 'mnist-batch[{extras}]'"
    )


def _is_installed(name: str) -> bool:
    if name in sys.modules:
        return sys.modules[name] is not None  # None lets its import fail
    spec = find_spec(name)
    # Any folder of that name on the path is found, as a package in parts (PEP 420): without a file.
    return spec is not None and spec.origin is not None
