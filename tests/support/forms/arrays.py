"""NumPy's and IDX files."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.forms.form import IMAGES, LABELS, Form

Numbers = NDArray[Any]
IMAGES_NAME, LABELS_NAME = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(numbers: Numbers) -> bytes:
    """Return an array as an IDX file (Yann LeCun's description of the format)."""
    kinds = {"uint8": (8, "u1"), "int32": (12, ">i4"), "float32": (13, ">f4")}
    kind, stored = kinds[str(numbers.dtype)]
    sizes = struct.pack(f">{numbers.ndim}I", *numbers.shape)
    return bytes([0, 0, kind, numbers.ndim]) + sizes + numbers.astype(stored).tobytes()


def write_idx(
    folder: Path,
    images: Numbers = IMAGES,
    labels: Numbers | None = LABELS,
    *,
    names: tuple[str, str] = (IMAGES_NAME, LABELS_NAME),
) -> Path:
    """Write images and labels as MNIST's files, packed where the names end in `.gz`."""
    contents = [images] if labels is None else [images, labels.astype(np.uint8)]
    for name, numbers in zip(names, contents, strict=False):
        pack = gzip.compress if name.endswith(".gz") else bytes
        (folder / name).write_bytes(pack(idx(numbers)))
    return folder / names[0]


def npz(*, compressed: bool = False, **arrays: Numbers) -> Callable[[Path], Path]:
    """Return what writes arrays into an .npz file."""

    def make(folder: Path) -> Path:
        path = folder / "digits.npz"
        (np.savez_compressed if compressed else np.savez)(path, **arrays)  # type: ignore[arg-type]
        return path

    return make


def _packed(folder: Path) -> Path:
    return write_idx(folder, names=(f"{IMAGES_NAME}.gz", f"{LABELS_NAME}.gz"))


def _dotted(folder: Path) -> Path:
    return write_idx(folder, names=("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"))


def _both_splits(folder: Path) -> Path:
    write_idx(folder, IMAGES[60:], LABELS[60:])
    names = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
    write_idx(folder, IMAGES[:60], LABELS[:60], names=names)
    return folder


def _other_length(folder: Path) -> Path:
    return write_idx(folder, labels=LABELS[1:])


def _npy(folder: Path) -> Path:
    np.save(folder / "x_test.npy", IMAGES)
    np.save(folder / "y_test.npy", LABELS)
    return folder / "x_test.npy"


def _pickled(folder: Path) -> Path:
    labels = np.array([str(label) for label in LABELS], object)
    return npz(x_test=IMAGES, y_test=labels)(folder)


FORMS = {
    "`.npz` with `x_test` and `y_test`": Form(npz(x_test=IMAGES, y_test=LABELS)),
    "`.npz`, compressed, with `X` and `y`, 784 floats a row": Form(
        npz(compressed=True, X=IMAGES.reshape(-1, 784) / 255, y=LABELS)
    ),
    "`.npz` with `images` and `labels`, (n, 28, 28, 1)": Form(
        npz(images=IMAGES[..., None], labels=LABELS)
    ),
    "`.npz` with `arr_0` and `arr_1`, (n, 1, 28, 28)": Form(
        npz(arr_0=IMAGES[:, None], arr_1=LABELS)
    ),
    "`.npz` with `x_train`, `y_train`, `x_test` and `y_test`": Form(
        npz(x_train=IMAGES[:60], y_train=LABELS[:60], x_test=IMAGES[60:], y_test=LABELS[60:])
    ),
    "`.npz` with pictures of other sizes": Form(
        npz(images=np.pad(IMAGES, ((0, 0), (2, 2), (2, 2))), labels=LABELS), images=None
    ),
    "`.npz` with labels of ten numbers, one of them 1": Form(
        npz(x=IMAGES, y=np.eye(10, dtype=np.float32)[LABELS])
    ),
    "`.npz` without labels": Form(npz(images=IMAGES), labels=None),
    "`.npz` with Python objects (a pickle)": Form(_pickled, refused="pickle"),
    "`.npz` with more labels than images": Form(
        npz(x_test=IMAGES[1:], y_test=LABELS), refused="100 labels for 99 images"
    ),
    "`.npy` of images, that of labels beside it": Form(_npy),
    "IDX, `t10k-images-idx3-ubyte` with its labels beside it": Form(write_idx),
    "IDX packed by gzip": Form(_packed),
    "IDX, `t10k-images.idx3-ubyte`": Form(_dotted),
    "IDX, a folder of `train` and `t10k`": Form(_both_splits),
    "IDX without the file of labels": Form(
        lambda folder: write_idx(folder, labels=None), labels=None
    ),
    "IDX with another number of labels": Form(_other_length, refused="99 labels for 100 images"),
}
