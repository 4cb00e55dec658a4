"""Files of labels: what they may hold, and what they say of it."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.label_file import LabelFile


def write(path: Path, text: str) -> Path:
    """Write a file as UTF-8, bytes as they are."""
    path.write_bytes(text.encode())
    return path


def label_of(file: LabelFile, source: str, row: int = 0) -> int | None:
    """Return the label of one image."""
    label: int | None = file.lookup([source], np.array([row]))[0].as_py()
    return label


def test_label_file_names_images(tmp_path: Path) -> None:
    """Each file_name has its label; other images have none."""
    path = write(tmp_path / "labels.csv", "file_name,label\na.png,3\nb/c.png,7\n")
    file = LabelFile(path)
    assert not file.has_rows
    assert file.lookup(["b/c.png", "x.png", "a.png"], np.zeros(3, np.int64)).to_pylist() == [
        7, None, 3,
    ]  # fmt: skip


@pytest.mark.parametrize("step", [1, 2, 4])
def test_the_image_without_a_line_does_not_depend_on_who_looks_up_how_many(
    tmp_path: Path, step: int
) -> None:
    """Threads and worker processes name the same."""
    file = LabelFile(write(tmp_path / "labels.csv", "file_name,row,label\na.png,0,3\n"))
    names, rows = ["d.png", "b.png", "b.png", "c.png"], np.array([0, 7, 5, 0])
    for start in range(0, 4, step):
        file.lookup(names[start : start + step], rows[start : start + step])
    assert "it has no line for 'b.png', row 5;" in file.note(0, 4)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("\ufefffile_name,label\na.png,3\n", "a.png"),
        ("file_name,label\r\na.png,3\r\n", "a.png"),
        ("file_name,label\na.png,3", "a.png"),
        ('"file_name","label"\n"a.png","3"\n', "a.png"),
        ('file_name,label\n"a,b.png",3\n', "a,b.png"),
        ('file_name,label\n"a""b"".png",3\n', 'a"b".png'),
        ('file_name,label\n"a\nb.png",3\n', "a\nb.png"),
        ("label,comment,file_name\n3,x,a.png\n", "a.png"),
        ("file_name,label\nß 三.png, 3 \n", "ß 三.png"),
        ("file_name,source,label\na.png,b.png,3\n", "a.png"),
        ("source,label\na.png,3.0\n", "a.png"),
        ("file_name,label\n-a.png,3\n", "-a.png"),
        ("file_name,label\n'-a.png,3\n", "'-a.png"),
        ("source,label\n'-a.png,3\n", "-a.png"),  # as this package guards it
        ("source,label\n''-a.png,3\n", "'-a.png"),
        ("source,label\n'a'.png,3\n", "'a'.png"),
        ("source,label\n\\udcff.png,3\n", r"\udcff.png"),  # not UTF-8 on disk
    ],
)
def test_label_file_is_read_as_it_is_written(tmp_path: Path, text: str, source: str) -> None:
    """Quotes, a BOM, line ends, odd names and further columns do no harm."""
    assert label_of(LabelFile(write(tmp_path / "labels.csv", text)), source) == 3


def test_empty_cells_are_no_label(tmp_path: Path) -> None:
    """An empty label is none, and so is NA."""
    file = LabelFile(write(tmp_path / "labels.csv", "file_name,label\na,\nb,NA\nc,0\n"))
    assert file.lookup(["a", "b", "c"], np.zeros(3, np.int64)).to_pylist() == [None, None, 0]


def test_label_file_without_lines_labels_nothing(tmp_path: Path) -> None:
    """A header alone is a file of labels."""
    assert label_of(LabelFile(write(tmp_path / "labels.csv", "file_name,label\n")), "a") is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "not a readable CSV"),
        (
            "file_name,text\na,b\n",
            "no column label: it has 'file_name', 'text';",
        ),
        (
            "name,label\na,1\n",
            "no column file_name or source: it has 'name', 'label';",
        ),
        ("file_name|label\na|1\n", "it has 'file_name|label'; expected file_name"),
        ("a,b,c,d,e,f,g\n", "it has 'a', 'b', 'c', 'd', 'e' and 2 more;"),
        ("file_name,label,label\na,1,1\n", "its first line has 2 columns label;"),
        ("file_name,file_name,label\na,a,1\n", "once each"),
        ("file_name,label\na,1,2\n", "not a readable CSV"),
        ("file_name,label\na,1\nb,10\n", "line 3: label '10'"),
        ("file_name,label\na,1\nb,2\na,1\n", "line 4: its image has a label already"),
        ("file_name,label\na,1\n,2\n", "line 3: a label without a file_name"),
        ("source,row,label\na,x,1\n", "not a readable CSV"),
        ("source,row,label\na,,1\n", "column row has empty cells"),
        ("source,row,label\na,1,1\na,1,2\n", "line 3: its image has a label already"),
        ("source,row,label\na,1,1\na,-1,2\n", "line 3: row -1; expected a number from 0 on"),
        ("source,row,label\na,1099511627776,1\n", "line 2: row 1099511627776; expected"),
        ("file_name,label\na.png,\0\n", r"line 2: label '\x00' is not a digit"),
        ("file_name,label\na.png,\x1b[2J\n", r"line 2: label '\x1b[2J' is not a digit"),
        ("file_name,label\na.png,eleven\n", "line 2: label 'eleven' is not a digit"),
        ("file_name,label\na.png,3.7\n", "line 2: label '3.7' is not a digit"),
        (f"file_name,label\na.png,{'9' * 10**5}\n", "label of 100,000 characters is not a digit"),
        (f"file_name,label\n{'x' * 10**5},1\n{'x' * 10**5},1\n", "line 3: its image has"),
        (f"file_name,label\n{'x' * 3 * 10**6},1\n", "not a readable CSV"),
        (
            f"file_name,{'x' * 10**5}\n",
            "it has 'file_name', of 100,000 characters; expected",
        ),
    ],
)
def test_bad_label_file_is_an_error_of_one_line(tmp_path: Path, text: str, part: str) -> None:
    """The error names the file, what is wrong, and the line where there is one."""
    path = write(tmp_path / "labels.csv", text)
    with pytest.raises(LabelError) as caught:
        LabelFile(path)
    assert str(caught.value).startswith(str(path))
    assert part in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "text",
    [
        "S3CRET-0123456789abc\n",
        "S3CRET-0123456789abc\nroot:x,S3CRET\n",
        "S3CRET,S3CRET-0123456789abc,label\n1,2\n",
        "file_name,label\na.png,S3CRET-0123456789abc\n",
        "file_name,label\nS3CRET-0123456789abc,1\nS3CRET-0123456789abc,1\n",
        "file_name,label\nS3CRET-0123456789abc\n",
        "file_name,row,label\na.png,S3CRET,1\n",
        '"S3CRET\n',
    ],
)
def test_a_message_shows_nothing_of_a_file_of_secrets(tmp_path: Path, text: str) -> None:
    """A `metadata.csv` may be a link to any file; a short word in the column of labels is shown."""
    (tmp_path / "secrets").write_text(text)
    (tmp_path / "metadata.csv").symlink_to("secrets")
    with pytest.raises(LabelError) as caught:
        LabelFile(tmp_path / "metadata.csv")
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize("content", [b"file_name,label\n\xff.png,3\n", "file_name,label\na,3\n"])
def test_label_file_must_be_utf_8(tmp_path: Path, content: bytes | str) -> None:
    """Latin-1 names and UTF-16 are errors that name the file."""
    path = tmp_path / "labels.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-16"))
    with pytest.raises(LabelError, match=r"labels\.csv: "):
        LabelFile(path)


@pytest.mark.parametrize("name", ["", "missing.csv", "n" * 300])
def test_label_file_that_cannot_be_opened_is_an_error(tmp_path: Path, name: str) -> None:
    """A folder, a missing file and a name too long are label errors."""
    with pytest.raises(
        LabelError, match="; expected a CSV file of labels; check the path"
    ) as caught:
        LabelFile(tmp_path / name)
    assert str(tmp_path) in str(caught.value)


def test_label_file_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody may ever write into it."""
    os.mkfifo(tmp_path / "labels.csv")
    with pytest.raises(LabelError, match=r"labels\.csv: not a regular file; expected a CSV"):
        LabelFile(tmp_path / "labels.csv")


def test_rows_that_no_file_has_have_no_label(tmp_path: Path) -> None:
    """A packed file may name any row; none of them gets the label of another image."""
    text = "source,row,label\n" + "".join(f"{i},0,{i % 10}\n" for i in range(20))
    file = LabelFile(write(tmp_path / "labels.csv", text))
    rows = np.array([0, 2**40, 2**40 * 5, -(2**40), 2**63 - 1])
    assert file.lookup(["3"], rows).to_pylist() == [3, None, None, None, None]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_label_file_in_a_closed_file_is_an_error(tmp_path: Path) -> None:
    """A label file without read permission is a label error."""
    path = write(tmp_path / "labels.csv", "file_name,label\n")
    path.chmod(0)
    with pytest.raises(LabelError, match=r"labels\.csv"):
        LabelFile(path)


@settings(deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["a", "b", "c/d", ""]), st.integers(0, 2**40 - 1)),
        st.one_of(st.none(), st.integers(0, 9)),
    ),
    st.randoms(use_true_random=False),
)
def test_rows_are_found_whatever_their_order(
    tmp_path_factory: pytest.TempPathFactory,
    labels: dict[tuple[str, int], int | None],
    random: Any,  # noqa: ANN401 - of Hypothesis
) -> None:
    """A file with rows gives each (source, row) its label, and no other pair one."""
    labels = {(f"{source}.parquet", row): label for (source, row), label in labels.items()}
    lines = [f"{s},{r},{'' if label is None else label}" for (s, r), label in labels.items()]
    random.shuffle(lines)
    path = tmp_path_factory.mktemp("labels") / "rows.csv"
    file = LabelFile(write(path, "\n".join(["source,row,label", *lines]) + "\n"))
    assert file.has_rows
    for source in ("a.parquet", "b.parquet", "x.parquet"):
        rows = sorted({row for _, row in labels} | {0, 1, 2**40 - 1})
        found = file.lookup([source], np.array(rows))
        assert found.type == pa.int8()
        assert found.to_pylist() == [labels.get((source, row)) for row in rows]


def test_two_spellings_of_a_path_are_one_image(tmp_path: Path) -> None:
    """`./a.png` is `a.png`: the second line is named, in JSON lines by its place in the file."""
    path = tmp_path / "labels.csv"
    path.write_text("file_name,label\nx/a.png,7\nb.png,1\n./x//a.png,3\n")
    with pytest.raises(LabelError, match=r"labels\.csv, line 4: its image has a label already"):
        LabelFile(path)
    path = tmp_path / "metadata.jsonl"
    path.write_text('{"file_name": "a.png", "label": 7}\n\n{"file_name": "b.png", "label": "x"}\n')
    with pytest.raises(LabelError, match=r"metadata\.jsonl, line 3: label 'x' is not a digit"):
        LabelFile(path)
    path.write_text('{"file_name": "a.png", "label": 7}\n{"file_name": "./a.png", "label": 7}\n')
    with pytest.raises(LabelError, match=r"metadata\.jsonl, line 2: its image has a label"):
        LabelFile(path)
    path.write_text(
        '{"file_name": "./a.png", "row": 0, "label": 7}\n'
        '{"file_name": "a.png", "row": 1, "label": 3}\n'
    )
    assert LabelFile(path).lookup(["a.png"], np.array([0, 1])).to_pylist() == [7, 3]
