"""Name a file that is no model of Keras and no ONNX, and say how to turn it into one.

Kinds are told by their first bytes, by the members of a zip file and by the files of a folder.
Nothing is loaded: a pickle, and so most of what PyTorch and scikit-learn save, is a program.
"""

import re
import shlex
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mnist_batch.remote.addresses import Place, name_of

EXPECTED = "expected a file of Keras (.h5, .keras) or ONNX (.onnx)"


def in_python(name: str) -> str:
    """Return what stands in a remedy for a text of Python; `with_names` puts it in.

    `FILE` in it is the name of the file, and `STEM` that without folder and suffix.
    """
    return f"<python {name}>"


def in_shell(name: str) -> str:
    """Return the same for a word of the shell."""
    return f"<shell {name}>"


_NAMES = re.compile(r"<(python|shell) ([^<>]*)>")


class _Kind(NamedTuple):
    """A kind of files, and what to do with one."""

    name: str
    remedy: str = ""


_TRUSTED = "it is a program: load it only where you trust who made it"
_OF_784 = "; for a network of rows of 784 write torch.zeros(1, 784)"


def _exported(net: str) -> str:
    return (
        f"torch.onnx.export({net}, (torch.zeros(1, 1, 28, 28),), {in_python('STEM.onnx')}, "
        'dynamo=False, input_names=["images"], dynamic_axes={"images": {0: "n"}})' + _OF_784
    )


def _with_tf2onnx(options: str) -> str:
    convert = f"python -m tf2onnx.convert {options} --output {in_shell('STEM.onnx')}"
    return f"pip install tensorflow tf2onnx, then: {convert}"


def _with_onnxmltools(library: str, lines: str) -> str:
    return (
        f"pip install {library} onnx onnxmltools, then in Python: import onnx, onnxmltools, "
        f"{library}; from onnxmltools.convert.common.data_types import FloatTensorType; {lines}, "
        f'initial_types=[("x", FloatTensorType([None, 784]))]), {in_python("STEM.onnx")})'
    )


_TORCH = _Kind(
    "a PyTorch file",
    f"pip install torch onnx, then in Python, once net is built as for training: import torch; "
    f"net.load_state_dict(torch.load({in_python('FILE')}, weights_only=True)); "
    + _exported("net.eval()"),
)
_TORCH_SCRIPT = _Kind(
    "a TorchScript file",
    f"{_TRUSTED}; pip install torch onnx, then in Python: import torch; "
    + _exported(f"torch.jit.load({in_python('FILE')}).eval()"),
)
_TORCH_EXPORT = _Kind(
    "a program of torch.export",
    f"{_TRUSTED}; pip install torch onnx, then in Python: import torch; "
    + _exported(f"torch.export.load({in_python('FILE')}).module()"),
)
_SAFETENSORS = _Kind(
    "a safetensors file, weights without a network",
    "pip install torch onnx safetensors, then in Python, once net is built as for training: "
    "import torch, safetensors.torch; "
    f"net.load_state_dict(safetensors.torch.load_file({in_python('FILE')})); "
    + _exported("net.eval()"),
)
_SKLEARN = _Kind(
    "a pickle of scikit-learn",
    f"{_TRUSTED}; pip install joblib scikit-learn skl2onnx, then in Python: import joblib, numpy, "
    f'skl2onnx; open({in_python("STEM.onnx")}, "wb").write(skl2onnx.to_onnx(joblib.load('
    f'{in_python("FILE")}), numpy.zeros((1, 784), "float32")).SerializeToString())',
)
_PICKLE = _Kind(
    "a pickle",
    f"{_TRUSTED}; load it where it was saved and export the model to ONNX: torch.onnx.export for "
    "PyTorch, skl2onnx.to_onnx for scikit-learn",
)
_XGBOOST = _Kind(
    "a model of XGBoost",
    _with_onnxmltools(
        "xgboost",
        f"model = xgboost.XGBClassifier(); model.load_model({in_python('FILE')}); "
        "onnx.save(onnxmltools.convert_xgboost(model",
    ),
)
_LIGHTGBM = _Kind(
    "a model of LightGBM",
    _with_onnxmltools(
        "lightgbm",
        f"onnx.save(onnxmltools.convert_lightgbm(lightgbm.Booster(model_file={in_python('FILE')})",
    ),
)
_TFLITE = _Kind("a TensorFlow Lite file", _with_tf2onnx(f"--tflite {in_shell('FILE')}"))
_SAVED_MODEL = _Kind("a TensorFlow SavedModel", _with_tf2onnx(f"--saved-model {in_shell('FILE')}"))
_FROZEN = _Kind(
    "a frozen graph of TensorFlow",
    _with_tf2onnx(f"--graphdef {in_shell('FILE')} --inputs INPUT:0 --outputs OUTPUT:0")
    + " (INPUT and OUTPUT: its nodes)",
)
_CHECKPOINT = _Kind(
    "a part of a TensorFlow checkpoint, weights without a network",
    "build the network as for training, then, in the version of Keras that wrote it: "
    f"model.load_weights({in_python('STEM')}); model.save({in_python('STEM.h5')})",
)
_CORE_ML = _Kind(
    "a Core ML model",
    "export what it was made from instead; for PyTorch: import torch; " + _exported("net.eval()"),
)
_LFS = _Kind("a Git LFS pointer, in place of a file that was not downloaded", "run: git lfs pull")
_PACKED = _Kind("a packed file", "unpack it first")

_STARTS: Sequence[tuple[bytes, _Kind]] = (
    # Pickles of PyTorch before 1.6 start with its magic number; later ones are zip files.
    (rb"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", _TORCH),
    (rb"\x80[\x02-\x05].*\b(sklearn|imblearn)", _SKLEARN),
    (rb"\x80[\x02-\x05]", _PICKLE),
    (rb".{4}TFL3", _TFLITE),
    # A message: its version, then one that starts with a field 1. Of TensorFlow that has tags.
    (rb"\x08\x01\x12.*\bserve\b", _SAVED_MODEL),
    (rb"\x08[\x01-\x20]\x12[\x80-\xff]*[\x00-\x7f]\x0a", _CORE_ML),
    (rb"\x08\x01\x12", _SAVED_MODEL),
    (rb"\x0a[\x80-\xff]*[\x00-\x7f]\x0a[\x01-\x7f][\w./-]+\x12[\x01-\x40][A-Z]\w+", _FROZEN),
    (rb"GGUF", _Kind("a GGUF file")),
    (rb".{8}\{\s*\"", _SAFETENSORS),
    (rb"\x93NUMPY", _Kind("a NumPy array")),
    (rb"\s*\{[^}]*\"class_name\"", _Kind("the configuration of a network without its weights")),
    (rb"\{\s*\"learner\"|\{\"version\".{0,40}\"learner\"|\{L.{8}learner|binf", _XGBOOST),
    (rb"tree\s+version=v", _LIGHTGBM),
    (rb"model_checkpoint_path:", _CHECKPOINT),
    (rb"\x1f\x8b|BZh|\xfd7zXZ\x00", _PACKED),
    (rb"version https://git-lfs", _LFS),
    (rb"\s*<", _Kind("a page of HTML or XML")),
    (rb"$", _Kind("an empty file")),
)
_LOOKED_AT = 100_000  # bytes; the modules that a pickle names stand at its start

_TABLE_END = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
"""How the index of a checkpoint ends (TensorFlow, tsl/lib/io/table_format.txt)."""

_MEMBERS = (
    (r"(.*/)?constants\.pkl", _TORCH_SCRIPT),
    (r"(.*/)?(archive_format|serialized_exported_program\.json)", _TORCH_EXPORT),
    (r"(.*/)?data\.pkl", _TORCH),
    (r"(.*/)?saved_model\.pb", _Kind("a packed TensorFlow SavedModel", "unpack it first")),
    (r"(.*/)?[^/]+\.mlpackage/.*|(.*/)?model\.mlmodel", _CORE_ML),
    (r".*\.npy", _Kind("arrays of NumPy without a network")),
    (
        r".*\.(h5|hdf5|keras|onnx)",
        _Kind("a packed folder with a model in it", "unpack it first"),
    ),
)

_FOLDERS = (
    ("saved_model.pb", _SAVED_MODEL),
    ("Manifest.json", _CORE_ML),
    (
        "model.weights.h5",
        _Kind(
            "an unpacked .keras file",
            f"pack it: cd {in_shell('FILE')} && zip -r {in_shell('../STEM.keras')} .",
        ),
    ),
    ("checkpoint", _CHECKPOINT),
    ("model.safetensors", _SAFETENSORS),
    ("pytorch_model.bin", _TORCH),
)


def said_of_file(content: bytes, name: str) -> str:
    """Return what a file is that is not read, and what to do; one clause each.

    Its first bytes have to be neither those of Keras's formats nor those of ONNX. `with_names`
    puts its name in.
    """
    start = content[:_LOOKED_AT]
    if content.endswith(_TABLE_END) or re.search(r"\.data-\d{5}-of-\d{5}$", name):
        return _said(_CHECKPOINT)
    kind = _of_start(start)
    if kind is None or kind is _PACKED:
        # joblib packs pickles with zlib, or as gzip does (47: either).
        inner = _of_start(_unpacked(start))
        kind = inner if inner in (_SKLEARN, _PICKLE) else kind
    return _said(kind)


def _of_start(start: bytes) -> _Kind | None:
    return next((kind for first, kind in _STARTS if re.match(first, start, re.DOTALL)), None)


def _unpacked(start: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=47).decompress(start, _LOOKED_AT)
    except zlib.error:
        return b"?"


def said_of_zip(names: Sequence[str]) -> str:
    """Return the same of a zip file without a `config.json`, by the names of its members."""
    kinds = (kind for pattern, kind in _MEMBERS if any(re.fullmatch(pattern, n) for n in names))
    return _said(next(kinds, _Kind("a zip file without a config.json")))


def said_of_folder(path: Path) -> str:
    """Return the same of a folder, by the names of the files in it."""
    kind = next((kind for name, kind in _FOLDERS if (path / name).exists()), None)
    return _said(kind._replace(name=f"a folder with {kind.name}") if kind else _Kind("a folder"))


def _said(kind: _Kind | None) -> str:
    if kind is None:
        return f"not a Keras model, nor one of another kind that is known; {EXPECTED}"
    return f"{kind.name}, which is not read; {kind.remedy or EXPECTED}"


def with_names(said: str, path: Place) -> str:
    """Return what is said of a file with its name in it, quoted for Python or for the shell."""
    stem = re.sub(r"(\.index|\.data-\d{5}-of-\d{5}|\.\w+)$", "", name_of(str(path)))

    def quoted(found: re.Match[str]) -> str:
        language, name = found.groups()
        name = str(path) if name == "FILE" else name.replace("STEM", stem)
        if language == "python":
            return repr(name)
        # A name that begins with a dash is none of an option.
        return shlex.quote(f"./{name}" if name.startswith("-") else name)

    return _NAMES.sub(quoted, said)
