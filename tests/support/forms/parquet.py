"""Parquet files whose images are in one column."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.forms.form import FILES, IMAGES, LABELS, Form


def table(path: Path, column: pa.Array) -> Path:
    """Write a column of images with their labels."""
    pq.write_table(pa.table({"image": column, "label": LABELS}), path / "digits.parquet")
    return path / "digits.parquet"


def hugging_face(folder: Path) -> Path:
    """Write images as Hugging Face's `datasets` does."""
    contents = [path.read_bytes() for path in FILES]
    names = [path.name for path in FILES]
    return table(folder, pa.StructArray.from_arrays([contents, names], ["bytes", "path"]))


def encoded(folder: Path) -> Path:
    """Write images as encoded files in a binary column."""
    return table(folder, pa.array([path.read_bytes() for path in FILES]))


def raw(folder: Path) -> Path:
    """Write images as 784 bytes each."""
    return table(folder, pa.array([image.tobytes() for image in IMAGES], pa.binary(784)))


def lists(folder: Path) -> Path:
    """Write images as lists of 784 numbers."""
    return table(folder, pa.array(IMAGES.reshape(-1, 784).tolist()))


def nested(folder: Path) -> Path:
    """Write images as lists of 28 lists of 28 numbers."""
    return table(folder, pa.array(IMAGES.tolist()))


def tensors(folder: Path) -> Path:
    """Write images as Arrow's tensors."""
    return table(folder, pa.FixedShapeTensorArray.from_numpy_ndarray(IMAGES))


FORMS = {
    "Parquet of Hugging Face (`struct<bytes, path>`)": Form(hugging_face),
    "Parquet, encoded images in a binary column": Form(encoded),
    "Parquet, `binary(784)`": Form(raw),
    "Parquet, lists of 784 numbers": Form(lists),
    "Parquet, lists of 28 lists of 28 numbers": Form(nested),
    "Parquet, 28x28 tensors": Form(tensors),
}
