"""Tables of labels, as they are read."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.tables import check_once, name_column, read_table


def test_a_table_comes_with_the_hash_of_its_file(tmp_path: Path) -> None:
    """Columns have the types asked for, and the SHA-256 is that of the bytes."""
    path = tmp_path / "labels.csv"
    path.write_bytes(b"file_name,label\n1.png,7\n")
    table, sha256 = read_table(path, {"label": pa.string()})
    assert table.to_pydict() == {"file_name": ["1.png"], "label": ["7"]}
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
