"""Tables of labels, as they are read."""

import hashlib
import os
from pathlib import Path

import pyarrow as pa
import pytest

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.tables import (
    MOST_JSON_BYTES,
    MOST_LINE_BYTES,
    check_once,
    name_column,
    read_table,
)


def test_a_table_comes_with_the_hash_of_its_file(tmp_path: Path) -> None:
    """Columns have the types asked for, and the SHA-256 is that of the bytes."""
    path = tmp_path / "labels.csv"
    path.write_bytes(b"file_name,label\n1.png,7\n")
    table, sha256, lines = read_table(path, {"label": pa.string()})
    assert table.to_pydict() == {"file_name": ["1.png"], "label": ["7"]}
    assert [*lines] == [2]
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_column_has_to_be_there_once() -> None:
    """`file_name` goes before `source`; what is missing or double is named."""
    table = pa.table({"file_name": ["a"], "source": ["b"]})
    assert name_column(Path("x.csv"), table) == "file_name"
    assert name_column(Path("x.csv"), table.select(["source"])) == "source"
    with pytest.raises(LabelError, match=r"^x.csv: its first line has no column label: it has "):
        check_once(Path("x.csv"), table, "label")
    double = pa.Table.from_arrays([*table.columns], names=["label", "label"])
    with pytest.raises(LabelError, match="its first line has 2 columns label"):
        check_once(Path("x.csv"), double, "label")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"file_name": "a.png"}\n\n[1]\n', "line 3 is no JSON object"),
        (b'{"file_name": "a.png"}\nnone\n', "line 2 is no JSON object"),
        (b'{"label": ' + b"7" * 5000 + b"}", "line 1 is no JSON object"),
        (b"[" * 100_000, "line 1 is no JSON object"),
        (b'{"file_name": "a.png", "row": 1e400}', ""),
        (b'{"file_name": "a.png", "row": 1' + b"0" * 30 + b"}", ""),
        (
            b'{"file_name": "a.png"}\n{"note": "' + b"x" * MOST_LINE_BYTES,
            "line 2 has more than 1 MiB",
        ),
    ],
)
def test_json_lines_that_are_none_are_refused(tmp_path: Path, content: bytes, why: str) -> None:
    """By their line, and without what Python would advise."""
    path = tmp_path / "metadata.jsonl"
    path.write_bytes(content)
    with pytest.raises(LabelError) as caught:
        read_table(path, {"label": pa.string(), "row": pa.int64()})
    assert str(caught.value).startswith(f"{path}: not a readable JSON lines file of labels: {why}")
    assert "sys." not in str(caught.value)


def test_a_large_file_of_json_lines_is_not_read(tmp_path: Path) -> None:
    """Its size is looked at before anything is taken into memory."""
    path = tmp_path / "metadata.jsonl"
    path.touch()
    os.truncate(path, MOST_JSON_BYTES + 1)
    with pytest.raises(LabelError, match="more than 256 MiB; write a CSV file instead"):
        read_table(path, {})


def test_json_lines_know_their_lines(tmp_path: Path) -> None:
    """Blank ones count, and columns may begin late."""
    path = tmp_path / "metadata.jsonl"
    path.write_text('\ufeff{"image": "a.png"}\n\n{"image": "b.png", "label": 7, "x": []}\n')
    table, sha256, lines = read_table(path, {"label": pa.string(), "file_name": pa.string()})
    assert table.to_pydict() == {
        "file_name": ["a.png", "b.png"],
        "label": [None, "7"],
        "x": [None, None],
    }
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [*lines] == [1, 3]
