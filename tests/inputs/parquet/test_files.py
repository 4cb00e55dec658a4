"""Parquet files: every layout of images, every cut into row groups, and every kind of damage."""

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.errors import InputError, LabelError, MnistBatchError
from mnist_batch.inputs.labels import LabelFile
from mnist_batch.inputs.parquet.files import ParquetShard, open_parquet
from mnist_batch.inputs.parquet.row_groups import RowGroups
from mnist_batch.inputs.shards import ReadSettings
from tests.support.damaged_files import damaged_variants

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


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("null", [False, True])
def test_every_layout_gives_the_same_images(
    tmp_path: Path,
    layout: str,
    null: bool,
) -> None:
    """Encoded or raw, nested or flat: the images are these; a null row is a row with a reason."""
    column, expected = LAYOUTS[layout], IMAGES.copy()
    if null:
        column, expected[1] = with_null(column), 0
    path = write(tmp_path / "a.parquet", {"image": column, "label": [7, 0, None]})
    rows, images = read(opened(path))
    assert rows == [(0, 7, None), (1, 0, "no bytes" if null else None), (2, None, None)]
    np.testing.assert_array_equal(images, expected)


def with_null(column: pa.Array) -> pa.Array:
    """Return a column of three rows with a null for the second."""
    if isinstance(column, pa.ExtensionArray):
        return pa.ExtensionArray.from_storage(column.type, with_null(column.storage))
    first, _, last = column.to_pylist()
    return pa.array([first, None, last], column.type)


def test_null_bytes_and_null_structs_are_rows_without_bytes(tmp_path: Path) -> None:
    """Null bytes, a null struct, and empty bytes have no bytes; text is not an image."""
    image = pa.array(
        [
            {"bytes": PNGS[0], "path": None},
            {"bytes": None, "path": "x.png"},
            None,
            {"bytes": b"", "path": None},
            {"bytes": b"text", "path": None},
            {"bytes": PNGS[2], "path": "x.png"},
        ]
    )
    rows, images = read(opened(write(tmp_path / "a.parquet", {"image": image})))
    assert [error for _, _, error in rows] == [
        None, "no bytes", "no bytes", "no bytes", "not an image", None,
    ]  # fmt: skip
    np.testing.assert_array_equal(images[[0, 5]], IMAGES[[0, 2]])
    assert not images[1:5].any()


def test_bad_pixels_are_rows(tmp_path: Path) -> None:
    """A wrong count, NaN, a negative number and 256 are each a row with its reason."""
    good = RAMP.astype(float).tolist()
    lists = [good, good[:-1], [float("nan"), *good[1:]], [-1.0, *good[1:]], [256.0, *good[1:]], []]
    rows, images = read(opened(write(tmp_path / "a.parquet", {"pixels": lists})))
    assert [error for _, _, error in rows] == [
        None,
        "bad pixels: expected 784 of them",
        *["bad pixels: expected numbers from 0 to 255"] * 3,
        "bad pixels: expected 784 of them",
    ]
    np.testing.assert_array_equal(images[0], IMAGES[0])
    assert not images[1:].any()


# Which columns


def test_image_column_is_found(tmp_path: Path) -> None:
    """`image` is taken before others; a single column of images by any name is found."""
    other = {"text": ["a"] * 3, "number": [1, 2, 3], "flags": [True] * 3}
    path = write(tmp_path / "a.parquet", {"raw": PNGS[::-1], "image": PNGS, **other})
    np.testing.assert_array_equal(read(opened(path))[1], IMAGES)
    np.testing.assert_array_equal(read(opened(path, image_column="raw"))[1], IMAGES[::-1])
    path = write(tmp_path / "b.parquet", {**other, "the digit": PNGS})
    np.testing.assert_array_equal(read(opened(path))[1], IMAGES)


@pytest.mark.parametrize("name", ["my.image", "image.bytes", "a.bytes", "列", "new\nline", "."])
@pytest.mark.parametrize("layout", ["struct", "binary", "list", "fixed_size_list"])
def test_columns_may_have_any_name(tmp_path: Path, name: str, layout: str) -> None:
    """Dots, blanks and other letters in names of columns do no harm."""
    path = write(tmp_path / "a.parquet", {name: LAYOUTS[layout], f"{name}.x": [4, 5, 6]})
    rows, images = read(opened(path, image_column=name, label_column=f"{name}.x"))
    assert [label for _, label, _ in rows] == [4, 5, 6]
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize("layout", ["struct", "binary", "list", "fixed_size_list"])
def test_another_column_may_seem_to_lie_within_that_of_images(tmp_path: Path, layout: str) -> None:
    """Parquet's paths have dots, and so have the names of flattened tables."""
    lists = [[7] * 784] * len(IMAGES)
    for inner in ("image.raw", "image.bytes.x"):
        columns = {inner: lists, "image": LAYOUTS[layout], "label": [1, 2, 3]}
        for names in ([*columns], [*columns][::-1]):
            path = write(tmp_path / "a.parquet", {name: columns[name] for name in names})
            rows, images = read(opened(path))
            assert [(label, error) for _, label, error in rows] == [(1, None), (2, None), (3, None)]
            np.testing.assert_array_equal(images, IMAGES)


def test_only_what_is_needed_is_read(tmp_path: Path) -> None:
    """A struct's other fields and other columns are not read, be they damaged or large."""
    image = pa.array([{"bytes": png, "thumbnail": os.urandom(10**5)} for png in PNGS])
    path = write(tmp_path / "a.parquet", {"image": image}, compression="none")
    content = bytearray(path.read_bytes())
    thumbnails = pq.read_metadata(path).row_group(0).column(1)
    assert thumbnails.path_in_schema == "image.thumbnail"
    start = thumbnails.dictionary_page_offset
    content[start : start + 100] = bytes(100)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(opened(path))[1], IMAGES)


@pytest.mark.parametrize(
    ("columns", "options", "parts"),
    [
        ({"text": ["a"]}, {}, ["no column of images", "text (string)", "784 raw pixels"]),
        ({}, {}, ["no column of images among no columns"]),
        ({"image": ["a"]}, {}, ["no column of images", "image (string)"]),
        ({"image": [{"path": "a.png"}]}, {}, ["no column of images"]),
        ({"image": [{"bytes": "text"}]}, {}, ["no column of images"]),
        ({"a": [b"x"], "b": [[1, 2]]}, {}, ["several columns", "a, b", "--image-column"]),
        ({"image": [b"x"]}, {"image_column": "img"}, ["no column 'img'", "image (binary)"]),
        ({"image": [b"x"]}, {"label_column": "y"}, ["no column 'y'", "image (binary)"]),
        ({"image": [b"x"], "y": [1]}, {"image_column": "y"}, ["'y' is int64", "784 raw pixels"]),
        ({"image": [b"x"]}, {"image_column": "image.bytes"}, ["no column 'image.bytes'"]),
        (
            pa.Table.from_arrays([pa.array([b"x"])] * 2, ["image", "image"]),
            {},
            ["2 columns 'image'"],
        ),
        (
            pa.Table.from_arrays([pa.array([b"x"]), *[pa.array([1])] * 2], ["i", "label", "label"]),
            {},
            ["2 columns 'label'"],
        ),
    ],
)
def test_columns_not_as_expected_are_an_error(
    tmp_path: Path,
    columns: Any,  # noqa: ANN401 - a dict or a table
    options: dict[str, str],
    parts: list[str],
) -> None:
    """The error says which columns there are and what would do."""
    text = refused(write(tmp_path / "a.parquet", columns), **options)
    for part in parts:
        assert part in text


def test_two_columns_of_another_name_do_no_harm(tmp_path: Path) -> None:
    """Columns that are not read may be called alike."""
    table = pa.Table.from_arrays([pa.array(PNGS), *[pa.array([1, 2, 3])] * 2], ["image", "x", "x"])
    np.testing.assert_array_equal(read(opened(write(tmp_path / "a.parquet", table)))[1], IMAGES)


# Labels


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([3, None, 9], pa.int64()), pa.array([3, None, 9], pa.uint8()),
        pa.array([3, None, 9], pa.float64()), pa.array(["3", None, "9"]),
        pa.array(["3", None, "9"], pa.string_view()),
        pa.array(["3", None, "9"]).dictionary_encode(),
        pa.array([3, None, 9]).dictionary_encode(),
    ],
    ids=lambda labels: str(labels.type),
)  # fmt: skip
def test_label_columns_of_any_type_are_read(tmp_path: Path, labels: pa.Array) -> None:
    """Integers, floats, text and dictionaries of them are labels, by any name of the column."""
    for name, option in (("label", None), ("y", "y")):
        path = write(tmp_path / "a.parquet", {"image": PNGS, name: labels})
        for batch_size in (1, 3):
            rows, _ = read(opened(path, label_column=option), batch_size)
            assert [label for _, label, _ in rows] == [3, None, 9]


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
@pytest.mark.parametrize("value", [10, -1])
def test_bad_label_names_file_row_and_column(tmp_path: Path, batch_size: int, value: int) -> None:
    """The row is counted in the file, whatever the batches and row groups."""
    labels = [i % 10 for i in range(250)]
    labels[137] = value
    path = write(tmp_path / "a.parquet", {"image": PNGS[:1] * 250, "y": labels}, row_group_size=100)
    with pytest.raises(LabelError) as caught:
        read(opened(path, label_column="y"), batch_size)
    assert str(caught.value).startswith(
        f"{path}, row 137, column y: label {value} is not a digit from 0 to 9"
    )
    rows, _ = read(opened(path, label_column="y", unlabelled=True))
    assert {label for _, label, _ in rows} == {None}


def test_labels_of_another_type_are_an_error(tmp_path: Path) -> None:
    """A column of booleans or of structs holds no labels."""
    for labels in ([True, False, None], [{"a": 1}] * 3, [[1]] * 3):
        path = write(tmp_path / "a.parquet", {"image": PNGS, "label": labels})
        with pytest.raises(LabelError, match=r"a\.parquet, row 0, column label: labels of type "):
            read(opened(path))


def test_label_file_counts_alone(tmp_path: Path) -> None:
    """Labels from a file replace the column's, which is not even read; other rows have none."""
    path = write(tmp_path / "a.parquet", {"image": PNGS, "label": [1, 99, 1]})
    csv = tmp_path / "labels.csv"
    csv.write_text("source,row,label\ns.parquet,2,8\ns.parquet,0,4\nother.parquet,1,5\n")
    for batch_size in (1, 3):
        rows, _ = read(opened(path, label_file=LabelFile(csv)), batch_size)
        assert [label for _, label, _ in rows] == [4, None, 8]


def test_label_file_must_tell_rows_apart(tmp_path: Path) -> None:
    """Labels of Parquet rows need the column row."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    csv = tmp_path / "labels.csv"
    csv.write_text("file_name,label\na,1\n")
    with pytest.raises(LabelError, match=r"labels\.csv: no column row"):
        opened(path, label_file=LabelFile(csv))


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


@pytest.mark.parametrize(
    ("n", "group_rows"), [(250, 100), (30_000, 30_000), (20_000, 100), (8193, 8192), (25, 1)]
)
@pytest.mark.parametrize("batch_size", [100, 2048, 100_000])
def test_row_groups_do_not_show(tmp_path: Path, n: int, group_rows: int, batch_size: int) -> None:
    """Small row groups, one giant one, and any batch size give the same rows."""
    path = write(tmp_path / "a.parquet", numbered(n), row_group_size=group_rows)
    shards = opened(path)
    assert sum(shard.rows for shard in shards) == n
    assert all(shard.rows >= 8192 for shard in shards[:-1])
    assert all(shard.rows < 8192 + group_rows for shard in shards)
    check_numbered(shards, n, batch_size)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([0, 1, 2, 3, 50]), max_size=8),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_any_row_groups_give_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], batch_size: int, shard_rows: int
) -> None:
    """Empty row groups before, between and after full ones lose no row, however shards are cut."""
    table = numbered(sum(sizes))
    path = tmp_path_factory.getbasetemp() / "groups.parquet"
    at = 0
    with pq.ParquetWriter(path, table.schema) as writer:
        for size in sizes:
            writer.write_table(table.slice(at, size))
            at += size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnist_batch.inputs.parquet.files.SHARD_ROWS", shard_rows)
        check_numbered(opened(path), len(table), batch_size)


def test_empty_row_groups_are_no_rows(tmp_path: Path) -> None:
    """Empty row groups before, between and after full ones stream as if they were not there."""
    table = numbered(3)
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, table.schema) as writer:
        for at, size in ((0, 0), (0, 2), (2, 0), (2, 0), (2, 1), (3, 0)):
            writer.write_table(table.slice(at, size))
    assert pq.read_metadata(path).num_row_groups == 6
    check_numbered(opened(path), 3, 2)


@pytest.mark.parametrize("empty", ["no row groups", "no rows"])
def test_empty_files_have_no_shards(tmp_path: Path, empty: str) -> None:
    """A Parquet file without rows or row groups is read, and holds nothing."""
    path = tmp_path / "a.parquet"
    schema = pa.schema([("image", pa.binary())])
    with pq.ParquetWriter(path, schema) as writer:
        if empty == "no rows":
            writer.write_table(schema.empty_table())
    assert opened(path) == []


def test_large_images_come_in_small_batches(tmp_path: Path) -> None:
    """Of images of a megabyte no batch holds more than a handful, whatever was asked for."""
    images = [os.urandom(2**20) for _ in range(12)]
    path = write(tmp_path / "a.parquet", {"image": images}, compression="none")
    (shard,) = opened(path)
    found = []
    for batch in shard.read(2048):
        assert isinstance(batch.images, pa.Array)
        assert len(batch) <= 4
        found += batch.images.to_pylist()
    assert found == images


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    """A shard can be read again, and left in the middle."""
    (shard,) = opened(write(tmp_path / "a.parquet", numbered(20)))
    next(iter(shard.read(3)))
    check_numbered([shard], 20, 3)
    check_numbered([shard], 20, 4)


# Damage


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"text", b"\x89PNG\r\n", bytes(999)]
)
def test_what_is_not_parquet_is_an_error(tmp_path: Path, content: bytes) -> None:
    """Zero bytes, text and pictures with the suffix are errors that name the file."""
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert refused(path).startswith("not a readable Parquet file: ")


def test_missing_file_folder_and_pipe_are_errors(tmp_path: Path) -> None:
    """A file that went away, a folder, a pipe and a name too long are errors that name it."""
    assert refused(tmp_path / "gone.parquet").startswith("not a readable Parquet file: ")
    assert refused(tmp_path).startswith("not a regular file")
    os.mkfifo(tmp_path / "pipe.parquet")
    assert refused(tmp_path / "pipe.parquet").startswith("not a regular file")
    assert refused(tmp_path / ("n" * 300)).startswith("not a readable Parquet file: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_closed_file_is_an_error(tmp_path: Path) -> None:
    """A file without read permission is an error that names it."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_file_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    """A Parquet file that lacks its end is no Parquet file, wherever it was cut."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    content = path.read_bytes()
    for size in (*range(0, len(content), 97), len(content) - 1, len(content) - 8):
        path.write_bytes(content[:size])
        assert refused(path).startswith("not a readable Parquet file: ")


def errors(shards: list[ParquetShard], batch_size: int = 20) -> list[str | None]:
    """Return the errors of all rows."""
    return [error for _, _, error in read(shards, batch_size)[0]]


@pytest.mark.parametrize("change", ["gone", "cut", "another", "the same", "a pipe", "a folder"])
@pytest.mark.parametrize("layout", ["binary", "binary(784)"])
def test_file_that_changes_after_it_was_listed_is_rows(
    tmp_path: Path, change: str, layout: str
) -> None:
    """Cut, gone or replaced, be it by as many rows: all rows it had have an error, at each try."""
    path = write(tmp_path / "a.parquet", {"image": LAYOUTS[layout], "label": [1, 2, 3]})
    shards, content = opened(path), path.read_bytes()
    path.rename(tmp_path / "moved")
    if change == "another":
        write(path, {"image": LAYOUTS[layout], "label": [4, 5, 6]})
    elif change in ("cut", "the same"):
        path.write_bytes(content if change == "the same" else content[:500])
    elif change == "a pipe":
        os.mkfifo(path)
    elif change == "a folder":
        path.mkdir()
    if change == "gone":
        error = "missing file"
    elif change in ("a pipe", "a folder"):
        error = "unreadable file: not a regular file"
    else:
        error = "unreadable file: replaced after it was listed"
    for _ in range(2):
        rows, images = read(shards)
        assert rows == [(row, None, error) for row in range(3)]
        assert not images.any()


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


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_damaged_row_group_costs_its_own_rows(tmp_path: Path, batch_size: int) -> None:
    """Those before and behind it are read; its labels are, which stand in another column."""
    path = write(tmp_path / "a.parquet", numbered(250), row_group_size=50)
    damage(path, chunk_of(path, 2, 0))
    rows, images = read(opened(path), batch_size)
    lost = [error is not None for _, _, error in rows]
    assert lost == [100 <= row < 150 for row in range(250)]
    assert {error for _, _, error in rows[100:150] if error} == {rows[100][2]}
    assert str(rows[100][2]).startswith("unreadable file: row group 2: ")
    assert [label for _, label, _ in rows] == [row % 10 for row in range(250)]
    good = np.delete(np.arange(250), slice(100, 150))
    numbers = np.ascontiguousarray(images.reshape(-1, 784)[:, :4]).view(">u4").ravel()
    np.testing.assert_array_equal(numbers[good], good)
    assert not images[100:150].any()


def test_damaged_labels_are_rows_with_an_error(tmp_path: Path) -> None:
    """Without a label they would pass for rows that never had one; --labels none reads them."""
    path = write(tmp_path / "a.parquet", numbered(250), row_group_size=50)
    damage(path, chunk_of(path, 2, 1))
    rows, _ = read(opened(path), 20)
    assert [label is None for _, label, _ in rows] == [100 <= row < 150 for row in range(250)]
    assert [error is None for _, _, error in rows] == [not 100 <= row < 150 for row in range(250)]
    assert errors(opened(path, unlabelled=True)) == [None] * 250


@pytest.mark.parametrize("rows", [3000, 40_000])
@pytest.mark.parametrize("labelled", [True, False])
def test_damaged_page_costs_the_rest_of_its_row_group(
    tmp_path: Path, rows: int, labelled: bool
) -> None:
    """What stands before it in the row group is read but for 64 rows, however large the group."""
    path = write(
        tmp_path / "a.parquet",
        numbered(rows),
        row_group_size=rows // 2,
        data_page_size=100_000,
        use_dictionary=False,
        compression="none",
    )
    chunk = chunk_of(path, 0, 0)
    page = path.read_bytes().index(b"\x15\x00\x15", chunk.start + 500_000)
    overwrite(path, page, b"\xff" * 20)
    found = [error is not None for error in errors(opened(path, unlabelled=not labelled), 2048)]
    first = found.index(True)
    before = (page - chunk.start) // 785
    assert before - 64 <= first <= before
    assert found == [first <= row < rows // 2 for row in range(rows)]


@pytest.mark.parametrize("labelled", [True, False])
def test_rows_that_a_page_conceals_move_no_others(tmp_path: Path, labelled: bool) -> None:
    """A page that says it holds fewer: nobody knows which, and of that row group none is given."""
    path = write(
        tmp_path / "a.parquet", numbered(300), row_group_size=100, use_dictionary=False,
        compression="none", write_statistics=False,
    )  # fmt: skip
    chunk = chunk_of(path, 1, 0)
    # In the page's header the number of values: field 1, type i32, 100 in zigzag.
    place = path.read_bytes().index(b"\x15\xc8\x01", chunk.start)
    assert place < chunk.start + 20
    overwrite(path, place, b"\x15\xb4\x01")
    rows, images = read(opened(path, unlabelled=not labelled), 64)
    assert [error is None for _, _, error in rows] == [not 100 <= row < 200 for row in range(300)]
    numbers = np.ascontiguousarray(images.reshape(-1, 784)[:, :4]).view(">u4").ravel()
    np.testing.assert_array_equal(numbers[200:], np.arange(200, 300))


@pytest.mark.parametrize("counted", [41, 10**12, 2**62])
def test_rows_that_are_only_counted(tmp_path: Path, counted: int) -> None:
    """A few too many are rows with an error; more than any file can hold are refused at once."""
    path = write(tmp_path / "a.parquet", {"image": PNGS[:1] * 40})
    start = pq.read_metadata(path).serialized_size
    content = path.read_bytes()
    pages, footer = content[: -start - 8], content[-start - 8 :]
    # Type i64, 40 in zigzag (Thrift, compact): the counts of the file, of the row group, of values.
    footer = footer[:-8].replace(b"\x16\x50", b"\x16" + varint(2 * counted))
    path.write_bytes(pages + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    if counted == 41:
        rows, _ = read(opened(path))
        assert {error for _, _, error in rows} == {
            "unreadable file: row group 0: its pages hold 40 values, the footer says otherwise"
        }
        assert len(rows) == 41
    else:
        assert f"its footer counts {counted} rows in {len(path.read_bytes())} bytes" in refused(
            path
        )


def test_rows_of_lists_that_are_only_counted(tmp_path: Path) -> None:
    """A page of lists does not say how many rows it holds: none is given until all of them are."""
    path = write(tmp_path / "a.parquet", {"image": nested(pa.list_(pa.list_(pa.uint8())))})
    content = path.read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    pages, footer = content[: -length - 8], content[-length - 8 :]
    assert footer.count(b"\x16\x06") == 2  # the counts of the file and of its row group: 3
    path.write_bytes(pages + footer.replace(b"\x16\x06", b"\x16\x08"))
    assert (
        errors(opened(path))
        == ["unreadable file: row group 0: 1 rows fewer than the footer says"] * 4
    )


def listed(path: Path, kind: pa.DataType, **options: Any) -> NDArray[np.uint8]:  # noqa: ANN401
    """Write 60 images as lists of numbers, twenty to a row group; return them."""
    images = np.random.default_rng(5).integers(0, 256, (60, 28, 28), np.uint8)
    rows = images.tolist() if pa.types.is_list(kind.value_type) else images.reshape(60, 784)
    write(
        path, {"image": pa.array(list(rows), kind)}, row_group_size=20, data_page_size=10_000,
        use_dictionary=False, compression="none", **options,
    )  # fmt: skip
    return images


@pytest.mark.parametrize("row", range(20))
@pytest.mark.parametrize("batch_size", [7, 2048])
def test_list_that_grows_moves_no_others(tmp_path: Path, row: int, batch_size: int) -> None:
    """A byte of the levels that tell where lists begin: its row group is lost, and no other."""
    path = tmp_path / "a.parquet"
    images = listed(path, pa.list_(pa.uint8()))
    # Levels of a list of 784: one run of eight, 0 and seven times 1; then 776 times 1.
    levels, content = b"\x03\xfe\x90\x0c\x01", path.read_bytes()
    place = -1
    for _ in range(row + 1):
        place = content.index(levels, place + 1)
    assert place < chunk_of(path, 0, 0).stop
    overwrite(path, place, b"\x0b")  # not one run of eight but five
    rows, found = read(opened(path), batch_size)
    assert [error is None for _, _, error in rows] == [row >= 20 for row in range(60)]
    assert not found[:20].any()
    np.testing.assert_array_equal(found[20:], images[20:])


@pytest.mark.parametrize("kind", [pa.list_(pa.uint8()), pa.list_(pa.list_(pa.uint8()))], ids=str)
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("statistics", [True, False])
def test_damaged_lists_are_their_own_image_or_an_error(
    tmp_path: Path, kind: pa.DataType, version: str, statistics: bool
) -> None:
    """Single bits flipped: but for a pixel that it may be in, no row has another image."""
    path = tmp_path / "a.parquet"
    images = listed(path, kind, data_page_version=version, write_statistics=statistics)
    content, chunks = path.read_bytes(), [chunk_of(path, group, 0) for group in range(3)]
    random = np.random.default_rng(7)
    for trial in range(60):
        chunk = chunks[trial % 3]
        reach = 400 if trial % 4 else chunk.stop - chunk.start
        damaged = bytearray(content)
        damaged[chunk.start + random.integers(reach)] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        rows, found = read(opened(path), 16)
        for (row, _, error), image in zip(rows, found, strict=True):
            if error is None:
                most = 1 if row // 20 == trial % 3 else 0
                assert np.count_nonzero(image != images[row]) <= most


@pytest.mark.parametrize("odd", [[0] * 783, [0] * 785, [0] * 783 + [None], [], None])
def test_list_of_another_length_costs_its_own_row(
    tmp_path: Path, odd: list[int | None] | None
) -> None:
    """In a sound file: the footer counts other than 784 a row, or a null."""
    lists: list[list[int | None] | None] = [*IMAGES.reshape(3, 784).tolist()] * 2
    lists[1] = odd
    path = write(tmp_path / "a.parquet", {"image": pa.array(lists, pa.list_(pa.uint8()))})
    rows, images = read(opened(path))
    error = "no bytes" if odd is None else "bad pixels: expected 784 of them"
    assert [found for _, _, found in rows] == [None, error, None, None, None, None]
    np.testing.assert_array_equal(images[[0, 2, 3, 4, 5]], IMAGES[[0, 2, 0, 1, 2]])


@pytest.mark.parametrize(("at", "byte"), [(0, b"\x01"), (0, b"\x0b"), (4, b"\x00")])
def test_damage_beside_a_list_of_another_length_stays_in_its_row_group(
    tmp_path: Path, at: int, byte: bytes
) -> None:
    """Where lengths tell nothing, the number of rows does: those behind are their own images."""
    lists = np.random.default_rng(5).integers(0, 256, (60, 784), np.uint8)
    path = write(
        tmp_path / "a.parquet", {"image": pa.array([lists[0, :776], *lists[1:]])},
        row_group_size=20, use_dictionary=False, compression="none",
    )  # fmt: skip
    overwrite(path, path.read_bytes().index(b"\x03\xfe\x90\x0c\x01") + at, byte)
    rows, found = read(opened(path), 5)
    assert [error for _, _, error in rows[20:]] == [None] * 40
    np.testing.assert_array_equal(found[20:].reshape(40, 784), lists[20:])
    assert None not in {error for _, _, error in rows[:20]}


def varint(number: int) -> bytes:
    """Return a number in sevens of bits, as Thrift's compact protocol has it."""
    parts = [number >> shift & 127 for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(part | 128 for part in parts[:-1]), parts[-1]])


def test_counts_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """The footer's own count is that of all row groups."""
    path = write(tmp_path / "a.parquet", {"image": PNGS[:1] * 40})
    before, _, after = path.read_bytes().rpartition(b"\x16\x50")
    path.write_bytes(before + b"\x16\x52" + after)
    assert "its row groups do not have the 40 rows that its footer counts" in refused(path)


def test_labels_from_elsewhere_stay_with_lost_rows(tmp_path: Path) -> None:
    """A file of labels tells them whatever became of the images."""
    path = write(tmp_path / "a.parquet", numbered(3))
    csv = tmp_path / "labels.csv"
    csv.write_text("source,row,label\ns.parquet,2,8\n")
    shards = opened(path, label_file=LabelFile(csv))
    path.unlink()
    assert read(shards)[0] == [
        (0, None, "missing file"), (1, None, "missing file"), (2, 8, "missing file"),
    ]  # fmt: skip


@pytest.mark.parametrize("layout", ["struct", "binary(784)", "list of lists"])
def test_damaged_files_give_all_rows(tmp_path: Path, layout: str) -> None:
    """Whatever bytes are overwritten: all rows come, or an error of this package of one line."""
    path = write(tmp_path / "a.parquet", {"image": LAYOUTS[layout], "label": [1, 2, 3]})
    whole = path.read_bytes()
    random = np.random.default_rng(3)
    for trial in range(150):
        content = bytearray(whole)
        start = 0 if trial % 3 else max(0, len(whole) - 1500)  # the footer
        for place in random.integers(start, len(whole), 1 + trial % 3):
            content[place] = random.integers(256)
        path.write_bytes(content)
        try:
            shards = opened(path)
            rows, _ = read(shards)
        except MnistBatchError as error:
            assert str(path) in str(error)
            assert len(str(error).splitlines()) == 1
        else:
            assert len(rows) == sum(shard.rows for shard in shards)


def test_a_column_that_the_footer_does_not_tell_of_is_rows(tmp_path: Path) -> None:
    """One changed byte of it; pyarrow 26 ends the process if it is asked for that column."""
    path = write(tmp_path / "a.parquet", {"image": PNGS, "label": [1, 2, 3]})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x1c\x15\x0c", b"\x2c\x15\x0c", 1))
    assert errors(opened(path)) == ["unreadable file: its footer is damaged, or encrypted"] * 3


@pytest.mark.parametrize("layout", ["binary", "list"])
def test_a_footer_that_tells_of_enormous_rows_does_not_split_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    """Lost rows come in batches; 300,000 of them one by one would take minutes."""
    images = LAYOUTS[layout]
    images = images.to_pylist() if isinstance(images, pa.Array) else list(images)
    path = write(tmp_path / "a.parquet", {"image": images * 200}, use_dictionary=False)
    start = pq.read_metadata(path).row_group(0).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[start] ^= 0xFF
    path.write_bytes(content)
    monkeypatch.setattr(RowGroups, "_size", lambda *_: 2**60)
    (shard,) = opened(path)
    sizes = [len(batch) for batch in shard.read(500)]
    assert sum(sizes) == 600
    assert len(sizes) < 20


def test_type_of_a_column_that_is_not_the_schemas_is_an_error(tmp_path: Path) -> None:
    """Asked for the statistics of such a column, pyarrow 26 ends the process."""
    lists = pa.array(IMAGES.reshape(-1, 784).tolist(), pa.list_(pa.int64()))
    path = write(tmp_path / "a.parquet", {"image": lists})
    assert errors(opened(path)) == [None] * len(lists)
    # ColumnChunk: meta_data, field 3 after 2, a struct, with its type; INT64 becomes INT96.
    content = path.read_bytes()
    assert content.count(b"\x1c\x15\x04") == 1
    path.write_bytes(content.replace(b"\x1c\x15\x04", b"\x1c\x15\x06"))
    found = errors(opened(path))
    assert len(found) == len(lists)
    assert {str(error).partition(":")[0] for error in found} == {"unreadable file"}


@pytest.mark.fuzz
@pytest.mark.parametrize("codec", ["none", "snappy", "zstd"])
def test_mutants_give_all_rows(tmp_path: Path, codec: str) -> None:
    """Whatever a file has become: each row it counts, in its place, or an error of one line."""
    path = tmp_path / "a.parquet"
    contents = [
        write(path, {"image": layout, "label": [1, 2, 3]}, compression=codec).read_bytes()
        for layout in LAYOUTS.values()
    ]
    for size, page in ((3, 10**6), (40, 500)):
        table = {"image": PNGS * 20, "label": [1, 2, 3] * 20}
        options = {"row_group_size": size, "data_page_size": page, "compression": codec}
        contents.append(write(path, table, **options).read_bytes())
    for content in damaged_variants(contents, 100):
        path.write_bytes(content)
        try:
            shards = opened(path)
        except InputError as error:
            assert str(error).startswith(f"{path}: ")
            assert len(str(error).splitlines()) == 1
            continue
        with suppress(LabelError):
            rows, images = read(shards, 7)
            assert len(rows) == len(images) == sum(shard.rows for shard in shards)


def test_damaged_name_of_a_column_is_an_error(tmp_path: Path) -> None:
    """A footer with a column name that is not UTF-8 is an error that names the file."""
    path = write(tmp_path / "a.parquet", {"imagery": PNGS}, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"imagery", b"im\xffgery"))
    assert refused(path).startswith("not a readable Parquet file: ")


# The real MNIST


@pytest.mark.parametrize("batch_size", [2048, 777])
def test_real_mnist_is_that_of_the_idx_files(
    mnist: Path,
    mnist_test_images: NDArray[np.uint8],
    mnist_test_labels: NDArray[np.uint8],
    batch_size: int,
) -> None:
    """Hugging Face's Parquet of the test split decodes to just the IDX files' images and labels."""
    rows, images = read(opened(mnist / "test-00000-of-00001.parquet"), batch_size)
    assert rows == [(i, label, None) for i, label in enumerate(mnist_test_labels.tolist())]
    np.testing.assert_array_equal(images, mnist_test_images)
