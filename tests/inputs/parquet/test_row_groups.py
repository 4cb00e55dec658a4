"""Row groups: every cut of a file gives the same rows, and damage costs only the rows in it."""

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.errors import InputError, LabelError, MachineError, MnistBatchError
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.parquet.row_groups import RowGroups
from tests.support.damaged_files import damaged_variants
from tests.support.parquet_files import (
    IMAGES,
    LAYOUTS,
    PNGS,
    check_numbered,
    chunk_of,
    damage,
    errors,
    listed,
    nested,
    numbered,
    opened,
    overwrite,
    read,
    refused,
    varint,
    with_fixed,
    write,
)


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
    path = tmp_path_factory.mktemp("property") / "groups.parquet"
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
    assert errors(opened(path)) == ["unreadable file: row group 0: rows missing: 1"] * 4


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


def test_values_of_a_fixed_length_are_few_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow takes as much for a null as for a value, and the pages of nulls are empty."""
    path = with_fixed(tmp_path / "a.parquet", "image.raw", 2**16, rows=100)
    monkeypatch.setattr("mnist_batch.inputs.parquet.row_groups._STEP_BYTES", 2**20)
    steps = []
    iter_batches = pq.ParquetFile.iter_batches

    def spied(file: pq.ParquetFile, step: int, **options: object) -> object:
        steps.append(step)
        return iter_batches(file, step, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spied)
    assert errors(opened(path)) == [None] * 100
    assert steps
    assert max(steps) == 16


@pytest.mark.parametrize("length", [2**20 + 1, 2**31 - 1])
def test_values_of_an_enormous_fixed_length_are_rows(tmp_path: Path, length: int) -> None:
    """No memory is taken for them: pyarrow reads such a column with that of the images."""
    path = with_fixed(tmp_path / "a.parquet", "image.raw", length)
    assert errors(opened(path)) == [f"unreadable file: values of {length} bytes by its schema"] * 3
    path = with_fixed(tmp_path / "b.parquet", "raw", length)
    assert errors(opened(path)) == [None] * 3


@pytest.mark.parametrize("size", [2**50, 2**30])
def test_what_no_machine_has_is_asked_by_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Arrow asks for more than any sound rows take: damage. For as much as these: the machine's."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    with pytest.raises(pa.ArrowMemoryError, match=f"^malloc of size {2**50} failed") as caught:
        pa.allocate_buffer(2**50)
    error = pa.ArrowMemoryError(str(caught.value).replace(str(2**50), str(size)))

    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", failing)
    if size == 2**50:
        assert errors(opened(path)) == [f"unreadable file: row group 0: {error}"] * 3
        monkeypatch.setattr("mnist_batch.inputs.parquet.row_groups.has_room", lambda _: False)
    with pytest.raises(MachineError, match=f"malloc of size {size} failed"):
        errors(opened(path))


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
