"""The packed file itself: what is on disk, and what is done with one that is not as it says."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import mnist_batch
from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.parquet.files import packed_sources
from mnist_batch.inputs.parquet.packed import PACKED
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions
from mnist_batch.outputs.packed.packed_file import PackedWriter
from mnist_batch.synthetic import generator
from tests.support.damaged_files import damaged_variants
from tests.support.linear_model import linear_probabilities
from tests.support.parquet_files import chunk_of, damage

KEY = b"mnist_batch_packed"


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Five hundred packed digits."""
    generator.write_parquet(tmp_path / "digits.parquet", 500)
    mnist_batch.pack(tmp_path / "digits.parquet", tmp_path / "packed.parquet")
    return tmp_path / "packed.parquet"


def rows(*inputs: Path, options: ReadOptions | None = None) -> list[tuple[str, int, int | None]]:
    """Return source, row and label of all rows, as a reader of this package sees them."""
    return [
        row
        for shard in open_inputs(inputs, options).shards
        for batch in shard.read(2048)
        for row in zip(
            *(column.to_pylist() for column in (batch.source, batch.row, batch.label)), strict=True
        )
    ]


def refused(path: Path) -> str:
    """Return why a packed file is refused: one line that names it."""
    with pytest.raises(InputError) as caught:
        rows(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert len(text.splitlines()) == 1
    return text


def rewrite(path: Path, table: pa.Table, said: bytes = b'{"format": 1}') -> None:
    """Write a table as a file that says that it is packed."""
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({KEY: said})


# On disk


def test_columns_have_these_types(packed: Path) -> None:
    """As any Parquet reader sees them."""
    schema = pq.read_schema(packed).remove_metadata()
    assert [(field.name, str(field.type), field.nullable) for field in schema] == [
        ("image", "fixed_size_binary[784]", True),
        ("label", "int8", True),
        ("source", "string", False),
        ("row", "int64", False),
        ("prepared", "bool", False),
        ("error", "string", True),
    ]
    assert schema.equals(PACKED)


def test_columns_are_stored_to_be_read_fast(packed: Path) -> None:
    """By zstd; images neither by dictionary nor with statistics, sources by dictionary."""
    group = pq.read_metadata(packed).row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert {column.compression for column in columns.values()} == {"ZSTD"}
    assert "RLE_DICTIONARY" not in columns["image"].encodings
    assert not columns["image"].is_stats_set
    assert "RLE_DICTIONARY" in columns["source"].encodings
    assert columns["label"].statistics.max == 9


def test_row_groups_are_cut_where_shards_are(tmp_path: Path) -> None:
    """However the batches come; each can then be read by another worker."""
    path = tmp_path / "packed.parquet"
    writer = PackedWriter(path)
    for start in range(0, 20_000, 1000):
        writer.write(_batch(start, 1000))
    writer.close({"rows": 20_000})
    metadata = pq.read_metadata(path)
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert sizes == [8192, 8192, 3616]
    assert [shard.rows for shard in open_inputs([path]).shards] == sizes
    assert rows(path) == [("a.png", i, None) for i in range(20_000)]


def _batch(start: int, count: int) -> pa.RecordBatch:
    columns = [
        pa.array([bytes(784)] * count, pa.binary(784)),
        pa.nulls(count, pa.int8()),
        pa.array(["a.png"] * count),
        pa.array(np.arange(start, start + count)),
        pa.array([False] * count),
        pa.nulls(count, pa.string()),
    ]
    return pa.record_batch(columns, schema=PACKED)


# Known by its metadata


def test_columns_of_the_same_names_are_no_packed_file(packed: Path, tmp_path: Path) -> None:
    """What does not say that it is packed is a Parquet file like any other."""
    plain = tmp_path / "plain.parquet"
    pq.write_table(pq.read_table(packed).replace_schema_metadata(None), plain)
    assert [source for source, _, _ in rows(plain)] == ["plain.parquet"] * 500
    assert [source for source, _, _ in rows(packed)] == ["digits.parquet"] * 500


def test_what_other_tools_make_of_it_is_no_packed_file(packed: Path) -> None:
    """A selection, or files joined: their rows have new numbers, so that none names two images."""
    table = pq.read_table(packed)
    pq.write_table(pa.concat_tables([table, table]), packed)
    assert [row[:2] for row in rows(packed)] == [("packed.parquet", i) for i in range(1000)]


# Damage


@pytest.mark.parametrize("name", PACKED.names)
def test_a_missing_column_is_named(packed: Path, name: str) -> None:
    """With what was expected."""
    rewrite(packed, pq.read_table(packed).drop_columns([name]))
    text = refused(packed)
    assert f"column {name!r} is missing; expected {PACKED.field(name).type}" in text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("image", pa.binary()),
        ("label", pa.int64()),
        ("source", pa.binary()),
        ("row", pa.int32()),
        ("prepared", pa.int8()),
        ("error", pa.binary()),
    ],
)
def test_a_column_of_another_type_is_named(packed: Path, name: str, kind: pa.DataType) -> None:
    """With what it is and what was expected."""
    table = pq.read_table(packed)
    place = table.column_names.index(name)
    rewrite(packed, table.set_column(place, name, table[name].cast(kind)))
    text = refused(packed)
    assert f"column {name!r} is {kind}; expected {PACKED.field(name).type}" in text


def test_a_column_twice_is_refused(packed: Path) -> None:
    """Which one would count, nobody knows."""
    table = pq.read_table(packed)
    rewrite(packed, table.append_column("source", table["source"]))
    assert "column 'source' is string and string" in refused(packed)


UNTOLD = "unreadable file: this packed file does not tell where the row came from"


@pytest.mark.parametrize("name", ["source", "row", "prepared"])
def test_an_empty_cell_is_a_row_with_an_error(packed: Path, name: str) -> None:
    """It is called by its place in the packed file, as no other row can be; the rest is read."""
    table = pq.read_table(packed)
    place = table.column_names.index(name)
    values = table[name].to_pylist()
    values[123] = None
    column = pa.array(values, PACKED.field(name).type)
    rewrite(packed, table.set_column(place, name, column))
    found = read_errors(packed)
    assert found[123] == ("packed.parquet/", 123, UNTOLD)
    assert {source for source, _, _ in found[:123] + found[124:]} == {"digits.parquet"}
    assert [error for _, _, error in found].count(None) == 499


@pytest.mark.parametrize(
    ("name", "value"),
    [("row", -1), ("row", -(2**63)), ("source", ""), ("source", "packed.parquet/")],
)
def test_an_origin_that_no_row_has_is_none(packed: Path, name: str, value: object) -> None:
    """A number below 0, no name, or the name of rows without an origin: no two rows become one."""
    table = pq.read_table(packed)
    values = table[name].to_pylist()
    values[123] = value
    place = table.column_names.index(name)
    rewrite(packed, table.set_column(place, PACKED.field(name), [values]))
    found = read_errors(packed)
    assert found[123] == ("packed.parquet/", 123, UNTOLD)
    assert [error for _, _, error in found].count(None) == 499


@pytest.mark.parametrize("name", ["source", "error"])
def test_bytes_that_are_no_text_are_rows_with_an_error(packed: Path, name: str) -> None:
    """Some writers put any bytes into a column of text; whoever reads it would fail on them."""
    table = pq.read_table(packed)
    ends = pa.py_buffer(np.minimum(np.arange(501), 1).astype(np.int32))
    column = pa.Array.from_buffers(pa.string(), 500, [None, ends, pa.py_buffer(b"\xff")])
    rewrite(packed, table.set_column(table.column_names.index(name), name, column))
    found = read_errors(packed)
    assert found[0] == ("packed.parquet/", 0, UNTOLD)
    assert len({row[:2] for row in found}) == 500


def read_errors(path: Path) -> list[tuple[str, int, str | None]]:
    """Return source, row and error of all rows."""
    return [
        row
        for shard in open_inputs([path]).shards
        for batch in shard.read(200)
        for row in zip(
            *(column.to_pylist() for column in (batch.source, batch.row, batch.error)), strict=True
        )
    ]


def test_a_reason_that_there_is_not_is_a_detail(packed: Path) -> None:
    """Errors are counted by their reasons, of which there are few, whatever a file says."""
    table = pq.read_table(packed)
    texts = ["truncated: half of it", "no bytes", "a: b", "\x1b[2J", None] * 100
    place = table.column_names.index("error")
    rewrite(packed, table.set_column(place, "error", pa.array(texts)))
    assert [error for _, _, error in read_errors(packed)[:5]] == [
        "truncated: half of it", "no bytes", "corrupt: a: b", "corrupt: ?[2J", None,
    ]  # fmt: skip


def test_sources_are_read_like_rows(packed: Path, tmp_path: Path) -> None:
    """Each is named once, damage costs its rows, and no column takes memory for what it says."""
    assert packed_sources(packed) == sorted(set(pq.read_table(packed)["source"].to_pylist()))
    some = pq.read_table(packed).slice(0, 3)
    rewrite(packed, some.append_column("source.raw", pa.nulls(3, pa.binary(2**20 + 1))))
    with pytest.raises(InputError, match=r"packed\.parquet: .*values of 1048577 bytes"):
        packed_sources(packed)
    rewrite(packed, some)
    damage(packed, chunk_of(packed, 0, PACKED.names.index("source")))
    assert packed_sources(packed) == []


@pytest.mark.parametrize("beside", [False, True])
def test_damaged_origins_leave_rows_their_place(packed: Path, beside: bool) -> None:
    """Rows that do not tell what they are are called by the packed file, and stay unique."""
    column = pq.read_metadata(packed).row_group(0).column(2)
    content = bytearray(packed.read_bytes())
    start = column.dictionary_page_offset
    content[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    packed.write_bytes(content)
    inputs = [packed, packed.with_name("digits.parquet")] if beside else [packed]
    found = rows(*inputs)
    assert [row[:2] for row in found[:500]] == [("packed.parquet/", row) for row in range(500)]
    assert len({row[:2] for row in found}) == len(found) == 500 * len(inputs)


def test_an_empty_image_has_a_reason(packed: Path, model: Path) -> None:
    """Also where the file gives none."""
    table = pq.read_table(packed)
    images = table["image"].to_pylist()
    images[2] = None
    rewrite(packed, table.set_column(0, "image", pa.array(images, pa.binary(784))))
    found = pa.Table.from_batches(mnist_batch.stream(packed, model=model))
    assert found["error"].to_pylist() == [None, None, "no bytes", *[None] * 497]
    assert found["prediction"].null_count == 1


@pytest.mark.parametrize("said", [b"", b"[]", b"no JSON", b"\xff", b"{}", b'{"format": 2}'])
def test_an_unknown_format_is_refused(packed: Path, said: bytes) -> None:
    """A file of a later release, or metadata that is no such thing."""
    rewrite(packed, pq.read_table(packed), said)
    assert "expected format 1" in refused(packed)


def test_a_changed_pixel_is_found(packed: Path) -> None:
    """Any byte of the images' pages that is another one: never other pixels in silence."""
    column = pq.read_metadata(packed).row_group(0).column(0)
    whole = packed.read_bytes()
    start = column.data_page_offset
    random = np.random.default_rng(0)
    for place in random.integers(start + 40, start + column.total_compressed_size, 30):
        content = bytearray(whole)
        content[place] ^= 1
        packed.write_bytes(content)
        found = read_errors(packed)
        assert [row[:2] for row in found] == [("digits.parquet", row) for row in range(500)]
        assert all(str(error).startswith("unreadable file: row group 0: ") for *_, error in found)


@pytest.mark.fuzz
def test_mutants_give_all_rows_each_by_one_name(tmp_path: Path) -> None:
    """Whatever a packed file has become: its rows, no two of one name, or an error of one line."""
    generator.write_parquet(tmp_path / "digits.parquet", 30)
    path = tmp_path / "packed.parquet"
    mnist_batch.pack(tmp_path / "digits.parquet", path)
    for content in damaged_variants([path.read_bytes()], 300):
        path.write_bytes(content)
        try:
            shards = open_inputs([path]).shards
        except InputError as error:
            assert str(error).startswith(str(path))
            assert len(str(error).splitlines()) == 1
            continue
        with suppress(LabelError):
            found = read_errors(path)
            assert len(found) == sum(shard.rows for shard in shards)
            assert len({row[:2] for row in found}) == len(found)


# In MNIST form


def packed_dark(path: Path, options: object, *, prepared: bool = False) -> NDArray[np.uint8]:
    """Rewrite a packed file with its first ten digits dark on white; return them."""
    dark = 255 - generator.draw_digits(10)[0]
    table = pq.read_table(path).slice(0, 10)
    images = pa.array([image.tobytes() for image in dark], pa.binary(784))
    table = table.set_column(0, "image", images)
    marks = pa.array([prepared] * 10)
    table = table.set_column(table.column_names.index("prepared"), PACKED.field("prepared"), marks)
    rewrite(path, table, json.dumps({"format": 1, "options": options}).encode())
    return dark


@pytest.mark.parametrize("choice", ["auto", "always"])
def test_what_was_prepared_is_not_looked_at_again(packed: Path, model: Path, choice: str) -> None:
    """Whatever the images are: here ones that would be changed if they were."""
    dark = packed_dark(packed, {"prepare": choice})
    found = pa.Table.from_batches(mnist_batch.stream(packed, model=model))
    assert found["prepared"].to_pylist() == [False] * 10
    expected = linear_probabilities(dark).argmax(axis=1)
    assert found["prediction"].to_pylist() == expected.tolist()


@pytest.mark.parametrize("options", [{"prepare": "never"}, {}, None, [], {"prepare": ["auto"]}])
def test_what_was_not_prepared_is_looked_at(packed: Path, model: Path, options: object) -> None:
    """Also in the files of earlier releases, which do not say it: digits are turned to light."""
    dark = packed_dark(packed, options)
    found = pa.Table.from_batches(mnist_batch.stream(packed, model=model))
    assert found["prepared"].to_pylist() == [True] * 10
    expected = linear_probabilities(255 - dark).argmax(axis=1)
    assert found["prediction"].to_pylist() == expected.tolist()


@pytest.mark.parametrize("prepared", [False, True])
def test_always_prepares_what_is_marked_only_once(
    packed: Path, model: Path, prepared: bool
) -> None:
    """An image that was changed when it was packed stays; one that was not is changed now."""
    dark = packed_dark(packed, {"prepare": "always"}, prepared=prepared)
    found = pa.Table.from_batches(mnist_batch.stream(packed, model=model, prepare="always"))
    assert found["prepared"].to_pylist() == [True] * 10
    unchanged = linear_probabilities(dark).max(axis=1)
    assert np.allclose(found["confidence"], unchanged, rtol=0, atol=1e-5) == prepared


# Labels from elsewhere


def test_labels_name_the_packed_sources_and_rows(packed: Path, tmp_path: Path) -> None:
    """As they stand in the predictions; without the column row they fit images of row 0 alone."""
    labels = tmp_path / "labels.csv"
    labels.write_text("source,row,label\ndigits.parquet,3,9\nother.parquet,1,5\n")
    options = ReadOptions(labels=str(labels))
    found = [row for row in rows(packed, options=options) if row[2] is not None]
    assert found == [("digits.parquet", 3, 9)]
    labels.write_text("source,label\ndigits.parquet,9\n")
    with pytest.raises(LabelError, match=r"labels\.csv: no column row"):
        rows(packed, options=options)


def test_labels_of_packed_image_files_need_no_rows(tmp_path: Path, digits_folder: Path) -> None:
    """Each is its own source."""
    mnist_batch.pack(digits_folder, tmp_path / "packed.parquet")
    labels = tmp_path / "labels.csv"
    labels.write_text("file_name,label\n7/00017.png,1\n")
    found = rows(tmp_path / "packed.parquet", options=ReadOptions(labels=str(labels)))
    assert [row for row in found if row[2] is not None] == [("7/00017.png", 0, 1)]


# Beside other files


def _names(*inputs: Any) -> list[str]:  # noqa: ANN401
    found = rows(*inputs)
    assert len({row[:2] for row in found}) == len(found)  # (source, row) is unique
    return sorted({source for source, _, _ in found})


def test_beside_other_files_it_is_the_folder_of_its_sources(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its original, with another one packed from the same, in a folder of packed files."""
    monkeypatch.chdir(tmp_path)
    original, inputs = "digits.parquet", tmp_path / "in"
    assert _names(packed) == ["digits.parquet"]
    assert _names(packed, original) == ["digits.parquet", "packed.parquet/digits.parquet"]
    inputs.mkdir()
    for name in ("a.parquet", "b.parquet"):
        mnist_batch.pack(original, inputs / name)
    assert _names(inputs) == ["a.parquet/digits.parquet", "b.parquet/digits.parquet"]
    (tmp_path / "a.parquet").write_bytes((inputs / "a.parquet").read_bytes())
    assert _names("a.parquet", "in/a.parquet") == [
        "a.parquet/digits.parquet",
        "in/a.parquet/digits.parquet",
    ]


def test_a_folder_of_its_name_is_told_apart(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another INPUT holds a folder that is called as the packed file is."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "other" / "packed.parquet"
    folder.mkdir(parents=True)
    generator.write_parquet(folder / "digits.parquet", 5)
    (tmp_path / "in").mkdir()
    packed.rename(tmp_path / "in" / "packed.parquet")
    assert _names("in/packed.parquet", "other") == [
        "in/packed.parquet/digits.parquet",
        "other/packed.parquet/digits.parquet",
    ]


def test_packing_it_beside_others_keeps_the_names_apart(packed: Path, tmp_path: Path) -> None:
    """What is packed again is called as it would be in the predictions."""
    out = tmp_path / "both.parquet"
    mnist_batch.pack([packed, tmp_path / "digits.parquet"], out)
    assert _names(out) == ["digits.parquet", "packed.parquet/digits.parquet"]
