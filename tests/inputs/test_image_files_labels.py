"""Labels of images from files beside them, in the forms that people have."""

import json
from pathlib import Path

import pytest

from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions


def labels_of(*inputs: Path, read: ReadOptions | None = None) -> dict[str, int | None]:
    """Return the label of each source."""
    found: dict[str, int | None] = {}
    for shard in open_inputs(inputs, read).shards:
        for batch in shard.read(7):
            found |= dict(zip(batch.source.to_pylist(), batch.label.to_pylist(), strict=True))
    return found


def touched(folder: Path, *names: str) -> Path:
    """Write empty image files: labels do not depend on what is in them."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


FORMS = {
    "as they are": ["imgs/a.png,7", "imgs/b.png,3"],
    "from the folder on": ["./imgs/a.png,7", "./imgs/b.png,3"],
    "of Windows": [r"imgs\a.png,7", r".\imgs\b.png,3"],
    "names alone": ["a.png,7", "b.png,3"],
    "without suffix": ["imgs/a,7", "imgs/b,3"],
    "names alone without suffix": ["a,7", "b,3"],
    "in another case": ["IMGS/A.PNG,7", "imgs/B.png,3"],
    "some so, some so": ["imgs//a.png,7", "b,3"],
}


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "elsewhere.csv"])
@pytest.mark.parametrize("form", FORMS)
def test_names_may_be_spelled_in_many_ways(tmp_path: Path, form: str, name: str) -> None:
    """In a file in the folder, of either kind, and in one that is named."""
    folder = touched(tmp_path / "in", "imgs/a.png", "imgs/b.png", "imgs/c.png")
    lines = FORMS[form]
    if name.endswith(".jsonl"):
        pairs = (line.split(",") for line in lines)
        lines = [json.dumps({"file_name": n, "label": int(d)}) for n, d in pairs]
    else:
        lines = ["file_name,label", *lines]
    path = tmp_path / name if name == "elsewhere.csv" else folder / name
    path.write_text("\n".join(lines))
    read = ReadOptions(labels=str(path)) if name == "elsewhere.csv" else None
    assert labels_of(folder, read=read) == {"imgs/a.png": 7, "imgs/b.png": 3, "imgs/c.png": None}


def test_an_absolute_path_names_its_own_file(tmp_path: Path) -> None:
    """And no other of the same name."""
    folder = touched(tmp_path / "in", "a.png", "b.png")
    (folder / "metadata.csv").write_text(f"file_name,label\n{folder}/a.png,7\n/home/me/b.png,3\n")
    assert labels_of(folder) == {"a.png": 7, "b.png": None}


def test_a_name_that_may_mean_two_images_means_none(tmp_path: Path) -> None:
    """Nor do two lines that mean one image, and a line of another folder."""
    folder = touched(tmp_path / "in", "x/a.png", "y/a.png", "x/b.png", "x/c.jpg", "x/c.png")
    text = "file_name,label\na.png,7\nb.png,3\nz/d.png,5\nc,6\n"
    (folder / "metadata.csv").write_text(text)
    assert labels_of(folder) == {
        "x/a.png": None, "y/a.png": None, "x/b.png": 3, "x/c.jpg": None, "x/c.png": None,
    }  # fmt: skip


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["file_name,label", "Filename,label", "image,label"])
def test_files_of_labels_have_several_heads(tmp_path: Path, header: str, separator: str) -> None:
    """Separated by commas, semicolons or tabs; the column of names has several names."""
    folder = touched(tmp_path / "in", "a.png")
    (folder / "metadata.csv").write_text(f"{header}\na.png,7\n".replace(",", separator))
    assert labels_of(folder) == {"a.png": 7}


def test_the_next_file_above_tells(tmp_path: Path) -> None:
    """As `imagefolder` has it: a file in the folder of each split, or one for those below."""
    names = ["train/a.png", "train/deep/b.png", "test/a.png", "other/a.png", "a.png"]
    folder = touched(tmp_path / "in", *names)
    text = "file_name,label\na.png,0\nother/a.png,1\ntest/a.png,9\n"
    (folder / "metadata.csv").write_text(text)
    (folder / "train" / "metadata.csv").write_text("file_name,label\na.png,2\ndeep/b.png,3\n")
    (folder / "test" / "metadata.jsonl").write_text('{"file_name": "a.png", "label": 4}\n')
    assert not open_inputs([folder]).passed_over
    assert labels_of(folder) == {
        "a.png": 0, "other/a.png": 1, "test/a.png": 4, "train/a.png": 2, "train/deep/b.png": 3,
    }  # fmt: skip


def test_a_file_without_labels_leaves_the_folders_names(tmp_path: Path) -> None:
    """Its columns are kept all the same."""
    folder = touched(tmp_path / "in", "7/a.png", "3/b.png", "x/c.png")
    (folder / "metadata.csv").write_text("file_name,writer\n7/a.png,anna\n./3/b.png,ben\n")
    assert labels_of(folder) == {"3/b.png": 3, "7/a.png": 7, "x/c.png": None}
    (shard,) = open_inputs([folder], ReadOptions(keep_columns=("writer",))).shards
    (batch,) = shard.read(9)
    assert batch.kept is not None
    assert batch.kept.column("writer").to_pylist() == ["ben", "anna", None]


def test_the_column_of_labels_may_be_named(tmp_path: Path) -> None:
    """In a file in the folder, and in one that is named."""
    folder = touched(tmp_path / "in", "1/a.png")
    (folder / "metadata.csv").write_text("file_name,digit\n1/a.png,7\n")
    assert labels_of(folder) == {"1/a.png": 1}
    assert labels_of(folder, read=ReadOptions(label_column="digit")) == {"1/a.png": 7}
    read = ReadOptions(labels=str(folder / "metadata.csv"), label_column="digit")
    assert labels_of(folder, read=read) == {"1/a.png": 7}


def test_a_file_of_lines_may_hold_anything_more(tmp_path: Path) -> None:
    """Nested objects, and labels as numbers, text or null."""
    folder = touched(tmp_path / "in", "a.png", "b.png", "c.png", "d.png")
    lines = [
        {"file_name": "a.png", "label": 7, "objects": {"bbox": [[1, 2, 3, 4]]}},
        {"file_name": "b.png", "label": "3"},
        {"label": None, "file_name": "c.png"},
        {"file_name": "d.png"},
    ]
    (folder / "metadata.jsonl").write_text("\n\n".join(map(json.dumps, lines)))
    assert [*labels_of(folder).values()] == [7, 3, None, None]
