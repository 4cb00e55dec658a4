"""INPUTs: what each one is, what its rows are called, and in which order they come."""

import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.options import ReadOptions
from tests.support.deep_folders import deep_folder

Row = tuple[str, int, int | None, int | None]


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All INPUTs are typed relative to a folder of the test's own."""
    monkeypatch.chdir(tmp_path)


def png(grey: int) -> bytes:
    """Return a grey image as PNG."""
    file = io.BytesIO()
    Image.new("L", (28, 28), grey).save(file, "PNG")
    return file.getvalue()


def images(*names: str) -> None:
    """Write image files; the grey of each is its place in the list."""
    for grey, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(png(grey))


def parquet(name: str, greys: Iterable[int], **columns: list[int]) -> None:
    """Write a Parquet file of grey images."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    encoded = pa.array([png(grey) for grey in greys], pa.binary())
    pq.write_table(pa.table({"image": encoded, **columns}), name)


def typed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Put bytes on standard input, as a UTF-8 terminal would decode them."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))


def read(opened: OpenInputs, batch_size: int = 7) -> list[Row]:
    """Return source, row, label and grey (None where there is an error) of all rows."""
    rows: list[Row] = []
    for shard in opened.shards:
        count = 0
        for batch in shard.read(batch_size):
            decoded = decode_batch(batch)
            greys = [
                None if error else int(image[0, 0])
                for image, error in zip(decoded.images, decoded.error.to_pylist(), strict=True)
            ]
            columns = (batch.source, batch.row, batch.label)
            rows += zip(*(column.to_pylist() for column in columns), greys, strict=True)
            count += len(batch)
        assert count == shard.rows
    assert len(rows) == opened.rows
    assert len({row[:2] for row in rows}) == len(rows)  # (source, row) is unique
    return rows


def sources(*inputs: str) -> list[str]:
    """Return the sources of all rows of INPUTs."""
    return [row[0] for row in read(open_inputs(inputs))]


def refused(*inputs: str, options: ReadOptions | None = None) -> str:
    """Return the error of INPUTs, which is one line."""
    with pytest.raises(InputError) as caught:
        read(open_inputs(inputs, options))
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


# What an INPUT may be


def test_folder_of_images(tmp_path: Path) -> None:
    """A folder is searched, in natural order; names are relative to it; the rest is counted."""
    images("in/7/2.png", "in/7/10.png", "in/3/1.png", "in/x.png")
    Path("in/notes.txt").write_text("x")
    Path("in/.hidden.png").write_text("x")
    expected = [("3/1.png", 0, 3, 2), ("7/2.png", 0, 7, 0), ("7/10.png", 0, 7, 1),
                ("x.png", 0, None, 3)]  # fmt: skip
    for name in ("in", "in/", "./in", "in/../in", str(tmp_path / "in")):
        opened = open_inputs([name])
        assert read(opened) == expected
        assert (opened.rows, opened.passed_over.total()) == (4, 2)
    assert read(open_inputs([Path("in")])) == expected


def test_working_directory_is_a_folder() -> None:
    """The folder `.` is named like any other."""
    images("3/a.png", "b.png")
    assert sources(".") == ["3/a.png", "b.png"]


def test_image_file_is_an_input() -> None:
    """A file is called by its name, and labelled by its folder."""
    images("in/7/2.PNG")
    assert read(open_inputs(["in/7/2.PNG"])) == [("2.PNG", 0, 7, 0)]


def test_parquet_file_is_an_input() -> None:
    """Rows of a Parquet file are counted in it."""
    parquet("in/a.parquet", [5, 6, 7], label=[1, 2, 3])
    expected = [("a.parquet", 0, 1, 5), ("a.parquet", 1, 2, 6), ("a.parquet", 2, 3, 7)]
    for batch_size in (1, 7):
        assert read(open_inputs(["in/a.parquet"]), batch_size) == expected


def test_folder_of_parquet_files() -> None:
    """A folder of Parquet files is read file by file in natural order, empty ones and all."""
    parquet("in.parquet/part-10.parquet", [3])
    parquet("in.parquet/part-2.parquet", [1, 2])
    parquet("in.parquet/part-1.PARQUET", [])
    parquet("in.parquet/sub/part-0.parquet", [4])
    Path("in.parquet/_SUCCESS").touch()
    opened = open_inputs(["in.parquet"])
    assert read(opened) == [
        ("part-2.parquet", 0, None, 1),
        ("part-2.parquet", 1, None, 2),
        ("part-10.parquet", 0, None, 3),
        ("sub/part-0.parquet", 0, None, 4),
    ]
    assert opened.passed_over.total() == 1


def test_glob_is_an_input() -> None:
    """A quoted glob names files of one kind, relative to its last folder without a `*`."""
    images("in/7/2.png", "in/7/10.png", "in/3/1.png")
    parquet("in/a.parquet", [5])
    parquet("in/sub/b.parquet", [6])
    assert read(open_inputs(["in/*/*.png"])) == [
        ("3/1.png", 0, 3, 2), ("7/2.png", 0, 7, 0), ("7/10.png", 0, 7, 1),
    ]  # fmt: skip
    assert sources("in/**/*.parquet") == ["a.parquet", "sub/b.parquet"]
    assert sources("*/*.parquet") == ["in/a.parquet"]
    assert sources("in/7/[0-9].png") == ["2.png"]


def test_glob_follows_no_link_to_a_folder() -> None:
    """A folder that holds a link to itself gives each file once."""
    parquet("in/a.parquet", [5])
    Path("in/latest").symlink_to(".")
    assert sources("in/**/*.parquet") == ["a.parquet"]
    assert sources("in") == ["a.parquet"]


def test_file_is_taken_by_its_name_before_its_pattern() -> None:
    """A file or folder whose name holds a wildcard is itself."""
    images("a[1].png", "a1.png", "b*/c.png", "b2/d.png")
    assert read(open_inputs(["a[1].png"])) == [("a[1].png", 0, None, 0)]
    assert sources("b*") == ["c.png"]


def test_list_of_paths_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are paths, in the order given, called as they are written; a folder is searched."""
    images("7/2.png", "7/10.png", "3/1.png", "5/a.png", "5/b.png")
    typed(monkeypatch, b"7/10.png\n\n3/1.png\r\n5\ngone/4/9.png\n7/2.png")
    opened = open_inputs(["-"])
    assert read(opened) == [
        ("7/10.png", 0, 7, 1),
        ("3/1.png", 0, 3, 2),
        ("a.png", 0, 5, 3),
        ("b.png", 0, 5, 4),
        ("gone/4/9.png", 0, 4, None),  # a file that is gone is a row with its reason
        ("7/2.png", 0, 7, 0),
    ]


def test_list_may_name_parquet_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet files and images may be listed together; each keeps its place."""
    images("a.png", "b.png")
    parquet("in/c.parquet", [5, 6])
    typed(monkeypatch, b"b.png\nin/c.parquet\na.png\n")
    assert read(open_inputs(["-"])) == [
        ("b.png", 0, None, 1),
        ("in/c.parquet", 0, None, 5),
        ("in/c.parquet", 1, None, 6),
        ("a.png", 0, None, 0),
    ]


@pytest.mark.parametrize(
    ("line", "source"),
    [
        (b"caf\xe9.png", "caf\\udce9.png"),
        ("ß三.png".encode(), "ß三.png"),
        (b"n" * 300 + b".png", "n" * 300 + ".png"),
        (b"a\0b.png", "a\0b.png"),
        (b" a.png ", " a.png "),
        (b"\x1b[31m.png", "\x1b[31m.png"),
        (b"*.png", "*.png"),
    ],
)
def test_any_line_is_one_row(monkeypatch: pytest.MonkeyPatch, line: bytes, source: str) -> None:
    """Bytes that are not UTF-8, and paths that no file can have, are rows with a reason."""
    images("a.png")
    typed(monkeypatch, line + b"\na.png\n")
    assert read(open_inputs(["-"])) == [(source, 0, None, None), ("a.png", 0, None, 0)]


def test_listed_pipe_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only regular files are read: a pipe is a row, or an error where Parquet was due."""
    os.mkfifo("a.png")
    typed(monkeypatch, b"a.png\n")
    assert read(open_inputs(["-"])) == [("a.png", 0, None, None)]
    os.mkfifo("a.parquet")
    typed(monkeypatch, b"a.parquet\n")
    assert refused("-").startswith("a.parquet: not a regular file")


def test_empty_list_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `find` that found nothing does not pass for a run without fault."""
    typed(monkeypatch, b"\n\n")
    assert refused("-").startswith("-: no path came on standard input")


def test_several_inputs_keep_their_order() -> None:
    """INPUTs of all kinds follow each other as typed."""
    images("z/1.png", "a/2.png", "3.png")
    parquet("m.parquet", [7])
    assert sources("z", "m.parquet", "a", "3.png") == ["1.png", "m.parquet", "2.png", "3.png"]


def test_more_files_than_a_shard_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of more files than a shard holds is several shards, and loses none."""
    monkeypatch.setattr("mnist_batch.inputs.image_files.SHARD_ROWS", 8)
    images(*(f"in/{i}.png" for i in range(20)))
    opened = open_inputs(["in"])
    assert [shard.rows for shard in opened.shards] == [8, 8, 4]
    assert [row[::3] for row in read(opened)] == [(f"{i}.png", i) for i in range(20)]


# What it is called


def test_inputs_that_collide_are_told_apart() -> None:
    """Where two INPUTs hold one name, all sources get their INPUT as typed in front."""
    images("a/1.png", "b/1.png", "b/2.png", "c.png")
    assert sources("a", "b/2.png") == ["1.png", "2.png"]
    assert sources("a/", "./b", "c.png") == ["a/1.png", "./b/1.png", "./b/2.png", "c.png"]
    assert sources("a/1.png", "b/1.png") == ["a/1.png", "b/1.png"]
    assert sources("a/*.png", "b") == ["a/1.png", "b/1.png", "b/2.png"]


def test_parquet_files_that_collide_are_told_apart() -> None:
    """Two Parquet files of one name keep their rows apart."""
    parquet("a/x.parquet", [1, 2])
    parquet("b/x.parquet", [3])
    assert [row[:2] for row in read(open_inputs(["a", "b/x.parquet"]))] == [
        ("a/x.parquet", 0), ("a/x.parquet", 1), ("b/x.parquet", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "inputs", [["a", "a"], ["a", "a/1.png"], ["a/1.png", "a/1.png"], ["a/*.png", "a"], ["a", "a/"]]
)
def test_one_file_named_twice_is_an_error(inputs: list[str]) -> None:
    """A row cannot be in the output twice; the error names the file."""
    images("a/1.png")
    assert refused(*inputs) == "a/1.png: named by two INPUTs; name each file once"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.sets(st.sampled_from(["1.png", "2.png", "d/1.png", "d.png"]), min_size=1),
        min_size=1,
        max_size=3,
    )
)
def test_any_folders_give_unique_names(
    tmp_path_factory: pytest.TempPathFactory, folders: list[set[str]]
) -> None:
    """Whatever names folders share, each row is told apart and all of them come."""
    root = tmp_path_factory.mktemp("folders")
    inputs = [str(root / str(place)) for place in range(len(folders))]
    for folder, names in zip(inputs, folders, strict=True):
        images(*(f"{folder}/{name}" for name in names))
    assert len(read(open_inputs(inputs))) == sum(map(len, folders))


# What a file is by its first bytes, and what lies beside


@pytest.mark.parametrize("name", ["in/a.pq", "in/a.PARQ", "in/part-00000", "in/a.parquet.snappy"])
def test_parquet_under_other_names_is_an_input(name: str) -> None:
    """Named itself, a file is what its first bytes say where its suffix says nothing."""
    parquet(name, [4, 5], label=[1, 2])
    own = Path(name).name
    assert read(open_inputs([name])) == [(own, 0, 1, 4), (own, 1, 2, 5)]


def test_an_image_without_a_suffix_is_an_input() -> None:
    """As a download may be called."""
    images("in/picture")
    assert sources("in/picture") == ["picture"]


def test_files_without_a_suffix_are_inputs_where_there_are_no_others() -> None:
    """`part-00000` of Spark; beside files that have a suffix they are passed over."""
    parquet("in/part-00000", [4])
    parquet("in/part-00001", [5])
    Path("in/_SUCCESS").touch()
    assert sources("in") == ["part-00000", "part-00001"]
    assert sources("in/part-*") == ["part-00000", "part-00001"]
    parquet("in/a.pq", [6])
    opened = open_inputs(["in"])
    assert [row[0] for row in read(opened)] == ["a.pq"]
    assert opened.passed_over == {"no suffix": 3}


def test_a_list_may_name_files_without_a_suffix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is read as what it begins as, and is an image where that says nothing."""
    parquet("a", [4])
    images("b")
    Path("c").write_bytes(b"%PDF-1.4")
    typed(monkeypatch, b"a\nb\nc\n")
    assert [(row[0], row[3]) for row in read(open_inputs(["-"]))] == [
        ("a", 4),
        ("b", 0),
        ("c", None),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "digits.parquet.gz",
            b"\x1f\x8b\x08",
            "no file of digits, but compressed by gzip, unpack it",
        ),
        ("digits.zip", b"PK\3\4", "no file of digits, but a ZIP archive, unpack it"),
        ("digits.txt", b"0 1 2", "by its suffix no file of digits"),
    ],
)
def test_what_a_file_is_that_holds_no_digits_is_said(name: str, content: bytes, said: str) -> None:
    """With what to do about it."""
    Path(name).write_bytes(content)
    assert refused(name).startswith(f"{name}: {said}; expected a file with the suffix .bmp")


def test_marks_and_logs_are_passed_over() -> None:
    """Of Parquet, files and folders whose names begin with `_`; images may be called so."""
    parquet("in/a.parquet", [4])
    parquet("in/_delta_log/1.checkpoint.parquet", [5])
    parquet("in/_temporary/0/b.parquet", [6])
    parquet("in/_year=2026/c.parquet", [7])
    opened = open_inputs(["in"])
    assert [row[0] for row in read(opened)] == ["_year=2026/c.parquet", "a.parquet"]
    assert opened.passed_over == {"name with a _": 2}
    assert sources("in/**/*.parquet") == ["_year=2026/c.parquet", "a.parquet"]
    assert sources("in/_temporary/*/*.parquet") == ["0/b.parquet"]
    images("pictures/_DSC0001.jpg", "pictures/_new/1.png")
    assert sources("pictures") == ["_DSC0001.jpg", "_new/1.png"]


def test_the_log_of_a_table_is_a_note() -> None:
    """It says that rows that were deleted may be read, and what to do."""
    parquet("in/a.parquet", [4])
    assert open_inputs(["in"]).notes == []
    parquet("in/_delta_log/1.checkpoint.parquet", [5])
    (note,) = open_inputs(["in"]).notes
    assert note.startswith(
        "in: a table whose log (_delta_log) is not read, so rows that were deleted"
    )
    assert 'DeltaTable("in").to_pyarrow_table()' in note
    parquet("ice/data/a.parquet", [4])
    Path("ice/metadata").mkdir()
    Path("ice/metadata/v1.metadata.json").touch()
    (note,) = open_inputs(["ice"]).notes
    assert note.startswith("ice: a table whose log (metadata) is not read")


def test_pictures_that_cannot_be_read_are_rows() -> None:
    """Beside pictures; beside Parquet files they are no input."""
    images("in/1.png")
    for name in ("in/2.HEIC", "in/3.pdf"):
        Path(name).write_bytes(b"\0\0\0\x18ftypheic")
    assert read(open_inputs(["in"])) == [
        ("1.png", 0, None, 0),
        ("2.HEIC", 0, None, None),
        ("3.pdf", 0, None, None),
    ]
    parquet("data/a.parquet", [4])
    Path("data/readme.pdf").touch()
    opened = open_inputs(["data"])
    assert [row[0] for row in read(opened)] == ["a.parquet"]
    assert opened.passed_over == {"pictures that cannot be read": 1}


def test_parquet_without_images_is_no_input_beside_pictures() -> None:
    """As a table of other things, or one that is damaged: pictures are read all the same."""
    images("in/1.png")
    pq.write_table(pa.table({"writer": ["anna"]}), "in/writers.parquet")
    Path("in/damaged.parquet").write_bytes(b"PAR1")
    opened = open_inputs(["in"])
    assert [row[0] for row in read(opened)] == ["1.png"]
    assert opened.passed_over == {"Parquet files without images": 2}


# What is no INPUT


def test_folder_of_images_and_parquet_is_an_error() -> None:
    """The error names the two choices; either of them works."""
    images("in/x/a.png")
    parquet("in/b.parquet", [5])
    text = refused("in")
    assert text.startswith("in: holds images (1) and Parquet files (1)")
    assert "'in/**/*.parquet'" in text
    assert "folder that holds the images alone" in text
    assert sources("in/**/*.parquet") == ["b.parquet"]
    assert sources("in/x") == ["a.png"]
    assert refused("in/**").startswith("in/**: matches images (1) and Parquet files (1)")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gone", "gone: no such file or folder"),
        ("http://a.org/b.png", "http://a.org/b.png: addresses are not read, but for hf://"),
        ("http://a/*.parquet?x", "http://a/*.parquet?x: addresses are not read, but for hf://"),
        ("gone.png", "gone.png: no such file or folder"),
        ("gone/*.png", "gone: folder cannot be read: No such file or directory"),
        ("*.parquet", "*.parquet: matches no file of digits"),
        ("notes.txt", "notes.txt: by its suffix no file of digits"),
        ("notes.*", "notes.*: matches no file of digits"),
        ("empty", "empty: a folder that holds no files; expected"),
        ("others", "others: a folder that holds only files of other kinds (2); expected"),
        ("pipe.png", "pipe.png: not a regular file"),
        ("notes.txt/a.png", "notes.txt/a.png: no such file or folder"),
        ("loop.png", "loop.png: no such file or folder"),
        ("dangling.png", "dangling.png: no such file or folder"),
        ("n" * 300, "n" * 300 + ": cannot be read: File name too long"),
        ("a\0b", "a\0b: no such file or folder"),
        ("", "an INPUT is empty"),
    ],
)
def test_what_holds_no_digits_is_an_error(text: str, message: str) -> None:
    """The error names the INPUT and says what was expected."""
    Path("empty").mkdir()
    Path("others").mkdir()
    for name in ("notes.txt", "others/a.txt", "others/.b.png"):
        Path(name).touch()
    os.mkfifo("pipe.png")
    Path("loop.png").symlink_to("loop.png")
    Path("dangling.png").symlink_to("gone")
    assert refused(text).startswith(message)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into any folder")
def test_file_in_a_closed_folder_is_an_error() -> None:
    """A file that may not even be looked at is an error that says so."""
    images("in/a.png")
    Path("in").chmod(0)
    assert refused("in/a.png") == "in/a.png: cannot be read: Permission denied; check the path"
    assert refused("in").startswith("in: folder cannot be read: Permission denied")
    Path("in").chmod(0o700)


def test_bad_file_among_parquet_files_is_a_row() -> None:
    """Nobody knows how many rows it has, so it is one, in its place; the others are read."""
    parquet("in/a.parquet", [5])
    Path("in/b.parquet").write_bytes(b"text")
    pq.write_table(pa.table({"text": ["a"]}), "in/c.parquet")
    Path("in/d.parquet").symlink_to("gone")
    parquet("in/e.parquet", [6])
    opened = open_inputs(["in"])
    assert opened.rows == 5
    batches = [batch for shard in opened.shards for batch in shard.read(10)]
    sources = [source for batch in batches for source in batch.source.to_pylist()]
    texts = [error for batch in batches for error in batch.error.to_pylist()]
    errors = dict(zip(sources, texts, strict=True))
    assert [row for batch in batches for row in batch.row.to_pylist()] == [0] * 5
    assert sources == [f"{name}.parquet" for name in "abcde"]
    assert errors["b.parquet"].startswith("unreadable file: not a readable Parquet file: Parquet")
    assert errors["c.parquet"].startswith("unreadable file: no column of images among text (string")
    assert errors["d.parquet"] == "missing file"
    assert errors["a.parquet"] is errors["e.parquet"] is None


def test_only_bad_parquet_files_are_an_error() -> None:
    """Where none of them can be opened, the first one's error says why; images are not counted."""
    images("in/a.png")
    Path("b.parquet").write_bytes(b"text")
    Path("c.parquet").write_bytes(b"")
    assert refused("b.parquet").startswith("b.parquet: not a readable Parquet file")
    with pytest.raises(InputError, match=r"^b\.parquet: not a readable Parquet file"):
        open_inputs(["in", "b.parquet", "c.parquet"])


@pytest.mark.parametrize("name", ["labels", "row"])
def test_labels_of_a_bad_file_stay_an_error(name: str) -> None:
    """A label file that fits no Parquet file is no damage of one."""
    parquet("in/a.parquet", [5])
    Path("in/b.parquet").write_bytes(b"text")
    Path("labels.csv").write_text("file_name,label\na.png,5\n" if name == "row" else "text")
    with pytest.raises(LabelError, match=r"^labels\.csv: "):
        open_inputs(["in"], ReadOptions(labels="labels.csv"))


@pytest.mark.parametrize("pattern", ["in", "in/**/*.p*"])
@pytest.mark.parametrize("kind", ["images", "parquet"])
def test_folder_that_cannot_be_listed_is_a_row(kind: str, pattern: str) -> None:
    """What is in it nobody knows; it is one row, without a label, and all else is read."""
    deep = deep_folder("in")
    if kind == "images":
        images("in/a.png", "in/e.png")
    else:
        parquet("in/a.parquet", [5])
        parquet("in/e.parquet", [6])
    batches = [batch for shard in open_inputs([pattern]).shards for batch in shard.read(10)]
    rows = [
        row
        for batch in batches
        for row in zip(
            batch.source.to_pylist(), batch.label.to_pylist(), batch.error.to_pylist(), strict=True
        )
    ]
    ((source, label, error),) = (row for row in rows if row[2])
    assert source.startswith("d" * 250 + "/d")
    assert source.endswith("/")
    assert len(source) >= len(deep)
    assert (label, len(rows)) == (None, 3)
    assert error.startswith("unreadable file: ")
    assert error.endswith(
        "File name too long" if kind == "images" else "a folder that cannot be listed"
    )


def test_folder_of_which_nothing_can_be_listed_is_an_error() -> None:
    """Where there is nothing else, the folder says why it cannot be read."""
    deep_folder("in")
    assert refused("in").endswith("folder cannot be read: File name too long")


# Labels


def test_metadata_file_labels_a_folder() -> None:
    """metadata.csv counts in place of folder names, and is no file passed over."""
    images("in/7/a.png", "in/b.png", "in/c.png")
    Path("in/metadata.csv").write_text('\ufefffile_name,label\n"7/a.png",1\nb.png,2\nx.png,3\n')
    Path("in/notes.txt").touch()
    opened = open_inputs(["in"])
    assert [row[::2] for row in read(opened)] == [("7/a.png", 1), ("b.png", 2), ("c.png", None)]
    assert opened.passed_over.total() == 1


def test_metadata_file_counts_for_its_own_folder_only() -> None:
    """Names collide no more in labels than in sources: each folder has its own metadata.csv."""
    images("a/1.png", "b/1.png", "7/1.png")
    Path("a/metadata.csv").write_text("file_name,label\n1.png,3\n")
    Path("b/metadata.csv").write_text("file_name,label\n1.png,4\n")
    assert [row[::2] for row in read(open_inputs(["a", "b", "7"]))] == [
        ("a/1.png", 3), ("b/1.png", 4), ("7/1.png", 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("name,label\na.png,1\n", "its first line has no column file_name or source: it has"),
        ("file_name,label\na.png,1\na.png,1\n", "line 3"),
        ("file_name,label\na.png,12\n", "line 2: label '12'"),
        ("", "not a readable CSV"),
    ],
)
def test_bad_metadata_file_is_an_error_unless_labels_come_from_elsewhere(
    content: str, part: str
) -> None:
    """A metadata.csv that cannot be used names itself; --labels none goes without it."""
    images("in/a.png")
    Path("in/metadata.csv").write_text(content)
    Path("labels.csv").write_text("file_name,label\na.png,5\n")
    with pytest.raises(LabelError) as caught:
        open_inputs(["in"])
    assert str(caught.value).startswith("in/metadata.csv")
    assert part in str(caught.value)
    assert read(open_inputs(["in"], ReadOptions(labels="none"))) == [("a.png", 0, None, 0)]
    assert read(open_inputs(["in"], ReadOptions(labels="labels.csv"))) == [("a.png", 0, 5, 0)]


def test_labels_from_a_file_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """--labels FILE counts alone, for images of all INPUTs by their sources; none reads none."""
    images("in/7/a.png", "in/b.png", "c.png", "3/d.png")
    Path("labels.csv").write_text("file_name,label\n7/a.png,1\nc.png,2\n3/d.png,\n")
    typed(monkeypatch, b"3/d.png\n")
    opened = open_inputs(["in", "c.png", "-"], ReadOptions(labels="labels.csv"))
    assert [row[::2] for row in read(opened)] == [
        ("7/a.png", 1), ("b.png", None), ("c.png", 2), ("3/d.png", None),
    ]  # fmt: skip
    opened = open_inputs(["in"], ReadOptions(labels="none"))
    assert [row[2] for row in read(opened)] == [None, None]


def test_labels_of_parquet_rows_from_a_file() -> None:
    """A predictions file as CSV labels rows by source and row, collisions and all."""
    parquet("a/x.parquet", [1, 2], label=[0, 99])
    parquet("b/x.parquet", [3], label=[99])
    Path("labels.csv").write_text(
        "source,row,label,prediction\na/x.parquet,1,6,5\nb/x.parquet,0,8,8\n"
    )
    options = ReadOptions(labels="labels.csv")
    assert [row[:3] for row in read(open_inputs(["a", "b"], options))] == [
        ("a/x.parquet", 0, None), ("a/x.parquet", 1, 6), ("b/x.parquet", 0, 8),
    ]  # fmt: skip


def test_missing_label_file_is_an_error() -> None:
    """A label file that is not there is an error that names it."""
    images("a.png")
    text = refused("a.png", options=ReadOptions(labels="gone.csv"))
    assert text.startswith("gone.csv: No such file or directory; expected a CSV file of labels")


def test_columns_are_named() -> None:
    """--image-column and --label-column choose columns of Parquet files."""
    encoded = pa.array([png(5)])
    pq.write_table(pa.table({"image": pa.array([png(6)]), "scan": encoded, "y": [4]}), "a.parquet")
    options = ReadOptions(image_column="scan", label_column="y")
    assert read(open_inputs(["a.parquet"], options)) == [("a.parquet", 0, 4, 5)]
    text = refused("a.parquet", options=ReadOptions(image_column="y"))
    assert text.startswith("a.parquet: column 'y' is int64")


def test_nothing_but_names_and_footers_is_read_at_first() -> None:
    """Opening says how many rows there are; a label in the last row is an error only when read."""
    parquet("a.parquet", range(5), label=[1, 2, 3, 4, 55])
    opened = open_inputs(["a.parquet"])
    assert opened.rows == 5
    with pytest.raises(LabelError, match=r"^a\.parquet, row 4, column label: label 55 is not"):
        read(opened, 2)


@pytest.mark.parametrize("batch_size", [1, 7, 50])
def test_rows_do_not_depend_on_batches(batch_size: int) -> None:
    """Batches of 1, 7 and all rows give the same rows, over images and Parquet."""
    images(*(f"in/{i % 3}/{i}.png" for i in range(20)))
    parquet("b.parquet", range(30), label=list(np.arange(30) % 10))
    expected = [
        (f"{digit}/{i}.png", 0, digit, i) for digit in range(3) for i in range(digit, 20, 3)
    ]
    expected += [("b.parquet", i, i % 10, i) for i in range(30)]
    assert read(open_inputs(["in", "b.parquet"]), batch_size) == expected


def test_a_line_that_never_ends_is_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a picture itself, or a device, is given on standard input."""
    typed(monkeypatch, b"\0" * 2**20)
    with pytest.raises(InputError, match=r"^-: a line of over 65536 bytes; expected paths$"):
        open_inputs(["-"])
