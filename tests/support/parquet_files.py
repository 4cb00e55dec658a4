"""Parquet files of digits in every layout, what reading them gives, and damage to their pages."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.errors import InputError
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.parquet.files import open_parquet
from mnist_batch.inputs.parquet.shard import ParquetShard
from mnist_batch.inputs.shards import ReadSettings

RAMP: NDArray[np.uint8] = (np.arange(784) % 256).astype(np.uint8)
IMAGES = np.stack([RAMP, RAMP[::-1], RAMP // 2]).reshape(3, 28, 28)
PATHS = pa.array([None, "1.png", None], pa.string())


def encoded(image: NDArray[np.uint8]) -> bytes:
    """Return an image as PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


PNGS = [encoded(image) for image in IMAGES]


def write(path: Path, columns: dict[str, Any] | pa.Table, **options: Any) -> Path:  # noqa: ANN401
    """Write a Parquet file."""
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path, **options)
    return path


def opened(
    path: Path,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    label_file: LabelFile | None = None,
    unlabelled: bool = False,
) -> list[ParquetShard]:
    """Return the shards of a file that is called s.parquet."""
    return open_parquet(
        path,
        "s.parquet",
        ReadSettings(image_column, label_column, label_file, unlabelled, alone=True),
    )


def read(
    shards: list[ParquetShard], batch_size: int = 2
) -> tuple[list[tuple[int, int | None, str | None]], NDArray[np.uint8]]:
    """Return row, label and error of all rows, and their images."""
    rows: list[tuple[int, int | None, str | None]] = []
    images = [np.zeros((0, 28, 28), np.uint8)]
    for shard in shards:
        count = 0
        for batch in shard.read(batch_size):
            assert 0 < len(batch) <= batch_size
            assert set(batch.source.to_pylist()) == {"s.parquet"}
            decoded = decode_batch(batch)
            columns = (batch.row.to_pylist(), batch.label.to_pylist(), decoded.error.to_pylist())
            rows += zip(*columns, strict=True)
            images.append(decoded.images)
            count += len(batch)
        assert count == shard.rows
    assert [row for row, _, _ in rows] == [*range(len(rows))]
    return rows, np.concatenate(images)


def refused(path: Path, **options: Any) -> str:  # noqa: ANN401
    """Return the error of opening and reading a file: one line that starts with its path."""
    with pytest.raises(InputError) as caught:
        read(opened(path, **options))
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert len(text.splitlines()) == 1
    return text.removeprefix(f"{path}: ")


def nested(kind: pa.DataType) -> pa.Array:
    """Return the images as lists of 28 lists of 28 numbers."""
    return pa.array(IMAGES.tolist(), kind)


def tensors() -> pa.Array:
    """Return the images as tensors."""
    return pa.FixedShapeTensorArray.from_numpy_ndarray(IMAGES)


LAYOUTS = {
    "struct": pa.StructArray.from_arrays([pa.array(PNGS), PATHS], ["bytes", "path"]),
    "struct, path first": pa.StructArray.from_arrays([PATHS, pa.array(PNGS)], ["path", "bytes"]),
    "struct of bytes": pa.StructArray.from_arrays([pa.array(PNGS)], ["bytes"]),
    "struct of large bytes": pa.StructArray.from_arrays(
        [pa.array(PNGS, pa.large_binary())], ["bytes"]
    ),
    "binary": pa.array(PNGS),
    "large_binary": pa.array(PNGS, pa.large_binary()),
    "binary_view": pa.array(PNGS, pa.binary_view()),
    "dictionary of binary": pa.array(PNGS).dictionary_encode(),
    "binary(784)": pa.array([image.tobytes() for image in IMAGES], pa.binary(784)),
    "dictionary of binary(784)": pa.array(
        [image.tobytes() for image in IMAGES], pa.binary(784)
    ).dictionary_encode(),
    "list": pa.array(IMAGES.reshape(3, 784).tolist()),
    "list of uint8": pa.array(IMAGES.reshape(3, 784).tolist(), pa.list_(pa.uint8())),
    "large_list": pa.array(IMAGES.reshape(3, 784).tolist(), pa.large_list(pa.int16())),
    "fixed_size_list": pa.array(IMAGES.reshape(3, 784).tolist(), pa.list_(pa.uint8(), 784)),
    "list of 0 to 1": pa.array((IMAGES.reshape(3, 784) / 255).tolist()),
    "list of float32": pa.array(IMAGES.reshape(3, 784).tolist(), pa.list_(pa.float32())),
    "list of lists": nested(pa.list_(pa.list_(pa.uint8()))),
    "list of lists of int64": nested(pa.list_(pa.list_(pa.int64()))),
    "fixed_size_list of the same": nested(pa.list_(pa.list_(pa.uint8(), 28), 28)),
    "tensor": tensors(),
}


def with_null(column: pa.Array) -> pa.Array:
    """Return a column of three rows with a null for the second."""
    if isinstance(column, pa.ExtensionArray):
        return pa.ExtensionArray.from_storage(column.type, with_null(column.storage))
    first, _, last = column.to_pylist()
    return pa.array([first, None, last], column.type)


def with_fixed(path: Path, name: str, length: int, *, rows: int = 3) -> Path:
    """Write images, and a column of nulls whose values have a fixed length by the schema alone."""
    table = {"image": PNGS[:1] * rows, name: pa.nulls(rows, pa.binary(99_999))}
    write(path, table, store_schema=False, compression="none")
    content = path.read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8]
    # An i32 in the field after the one before; twice the number, for it is stored zigzag.
    said, forged = (b"\x15" + varint(2 * number) for number in (99_999, length))
    assert footer.count(said) == 1
    footer = footer.replace(said, forged)
    path.write_bytes(
        content[: -8 - size] + footer + len(footer).to_bytes(4, "little") + content[-4:]
    )
    return path


# Row groups and batches


def numbered(n: int) -> pa.Table:
    """Return n images whose first four pixels are their row's number."""
    pixels = np.zeros((n, 784), np.uint8)
    pixels[:, :4] = np.arange(n, dtype=">u4").view(np.uint8).reshape(n, 4)
    image = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(784), n, [None, pa.py_buffer(pixels.tobytes())]
    )
    return pa.table({"image": image, "label": np.arange(n) % 10})


def check_numbered(shards: list[ParquetShard], n: int, batch_size: int) -> None:
    """Fail unless all rows of `numbered` come once, in order, with their images and labels."""
    rows, images = read(shards, batch_size)
    numbers = np.ascontiguousarray(images.reshape(-1, 784)[:, :4]).view(">u4").ravel()
    np.testing.assert_array_equal(numbers, np.arange(n))
    assert rows == [(i, i % 10, None) for i in range(n)]


def errors(shards: list[ParquetShard], batch_size: int = 20) -> list[str | None]:
    """Return the errors of all rows."""
    return [error for _, _, error in read(shards, batch_size)[0]]


def chunk_of(path: Path, group: int, column: int) -> slice:
    """Return where the pages of a column of a row group lie in a file."""
    chunk = pq.read_metadata(path).row_group(group).column(column)
    start = chunk.data_page_offset
    if chunk.has_dictionary_page:
        start = chunk.dictionary_page_offset
    return slice(start, start + chunk.total_compressed_size)


def overwrite(path: Path, place: int, content: bytes) -> None:
    """Write other bytes into a file, which stays the file that it is."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def damage(path: Path, chunk: slice) -> None:
    """Fill a column chunk with what is no page."""
    overwrite(path, chunk.start, b"\xff" * (chunk.stop - chunk.start))


def listed(path: Path, kind: pa.DataType, **options: Any) -> NDArray[np.uint8]:  # noqa: ANN401
    """Write 60 images as lists of numbers, twenty to a row group; return them."""
    images = np.random.default_rng(5).integers(0, 256, (60, 28, 28), np.uint8)
    rows = images.tolist() if pa.types.is_list(kind.value_type) else images.reshape(60, 784)
    write(
        path, {"image": pa.array(list(rows), kind)}, row_group_size=20, data_page_size=10_000,
        use_dictionary=False, compression="none", **options,
    )  # fmt: skip
    return images


def varint(number: int) -> bytes:
    """Return a number in sevens of bits, as Thrift's compact protocol has it."""
    parts = [number >> shift & 127 for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(part | 128 for part in parts[:-1]), parts[-1]])
