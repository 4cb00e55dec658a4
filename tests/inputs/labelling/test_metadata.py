"""Columns of the metadata.csv of a folder of images."""

from pathlib import Path

import pytest

from mnist_batch.errors import ColumnError, LabelError
from mnist_batch.inputs.labelling.metadata import MetadataColumns
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions


def _written(folder: Path, text: str) -> Path:
    path = folder / "metadata.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_are_text_just_as_written(tmp_path: Path) -> None:
    """Neither 007 nor NA nor a formula is taken for anything else; an empty cell is null."""
    text = 'file_name,lot,note\na.png,007,NA\nb.png,,"=1+1, ""x""\nline"\nc.png,1e3,nan\n'
    columns = MetadataColumns(_written(tmp_path, text), ["note", "lot", "other"])
    assert columns.names == ["note", "lot"]
    files = ["c.png", "a.png", "unknown.png", "b.png"]
    assert columns.column("lot", files).to_pylist() == ["1e3", "007", None, None]
    assert columns.column("note", files).to_pylist() == ["nan", "NA", None, '=1+1, "x"\nline']
    assert columns.column("other", files).to_pylist() == [None] * 4
    assert columns.column("lot", []).to_pylist() == []


def test_what_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    """Two columns of a name, an image named twice, and a file without names."""
    with pytest.raises(ColumnError, match="2 columns 'lot'; rename all but one"):
        MetadataColumns(_written(tmp_path, "file_name,lot,lot\na.png,1,2\n"), ["lot"])
    with pytest.raises(ColumnError, match=r"metadata.csv, line 4: its image is named already"):
        MetadataColumns(_written(tmp_path, "file_name,lot\na,1\nb,1\na,1\n"), ["lot"])
    with pytest.raises(LabelError, match="no column file_name or source"):
        MetadataColumns(_written(tmp_path, "name,lot\na,1\n"), ["lot"])


@pytest.mark.parametrize("labels", [None, "none"])
def test_the_columns_of_a_folder_travel_with_its_files(
    tmp_path: Path, digits_folder: Path, labels: str | None
) -> None:
    """Also where no labels are read; the files of another folder are null."""
    first = tmp_path / "first"
    first.mkdir()
    pictures = sorted(digits_folder.rglob("*.png"))[:3]
    for number, path in enumerate(pictures):
        (first / f"{number}.png").write_bytes(path.read_bytes())
    _written(first, "file_name,label,lot\n0.png,1,x\n2.png,2,z\n")
    read = ReadOptions(labels=labels, keep_columns=("lot",))
    opened = open_inputs([first, digits_folder], read)
    assert [(field.name, str(field.type)) for field in opened.kept] == [("lot", "string")]
    found = [
        value
        for shard in opened.shards
        for batch in shard.read(2)
        if batch.kept is not None
        for value in batch.kept.column("lot").to_pylist()
    ]
    assert found == ["x", None, "z", *[None] * 30]
    with pytest.raises(ColumnError, match="'station' cannot be kept"):
        open_inputs([first], ReadOptions(keep_columns=("station",)))


def test_columns_are_part_of_what_predictions_depend_on(tmp_path: Path) -> None:
    """Else a run could be resumed with the values of another day."""
    (tmp_path / "0.png").write_bytes(b"")

    def fingerprint(lot: str) -> str:
        _written(tmp_path, f"file_name,label,lot\n0.png,1,{lot}\n")
        opened = open_inputs([tmp_path], ReadOptions(keep_columns=("lot",)))
        return opened.shards[0].fingerprint()

    assert fingerprint("a") == fingerprint("a") != fingerprint("b")
