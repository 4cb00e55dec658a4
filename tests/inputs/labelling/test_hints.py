"""What would give images labels, where none has one."""

from pathlib import Path

import pyarrow as pa
import pytest

from mnist_batch.inputs.labelling.hints import hint_of_columns, hint_of_files
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions
from mnist_batch.schema import DIGITS, Classes


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"class": [1, 2, 7]}, "class"),
        ({"Label": ["1", "2", None]}, "Label"),
        ({"id": [1, 2, 3], "y": [3.0, 4.0, float("nan")]}, "y"),
        ({"fold": [0, 1, 0], "digit": [7, 7, 7]}, "digit"),
        ({"writer": ["anna", "ben", "carl"], "shown": [1, 5, -1]}, "shown"),
        ({"class": ["cat", "dog", "cat"]}, None),
        ({"width": [28, 28, 28], "y": [1.5, 2.0, 3.0]}, None),
        ({"only": [1, 1, 1]}, None),
        ({}, None),
    ],
)
def test_a_column_of_digits_looks_like_labels(columns: dict[str, list[object]], name: str) -> None:
    """One that is called as labels are comes first."""
    expected = f"the column {name!r} looks like labels: pass --label-column {name}" if name else ""
    assert hint_of_columns(pa.table(columns)) == expected


FORMS = {
    "img_{i:03}_{d}.png": r"'_(\d)\.'",
    "{d}-{i:03}.jpg": r"'^(\d)-'",
    "digit_{d}/{i}.png": r"'/digit_(\d)/'",
    "0{d}/{i:04}.png": r"'/0(\d)/'",
    "{d}/writer{w}/x{i}.png": r"'/(\d)/'",
    "num(3)_{d} of {i:05}.png": r"'\)_(\d) of '",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_pattern_is_named_that_fits_the_names(tmp_path: Path, form: str) -> None:
    """And it finds the digit in all of them."""
    names = [form.format(i=i, d=i * 7 % 10, w=i % 3) for i in range(20, 50)]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    opened = open_inputs([tmp_path])
    note = opened.label_note()
    assert note is not None
    assert note.startswith("no image has a label: if the digit in the")
    assert note.endswith(f" is the label, pass --label-pattern {FORMS[form]}")
    labelled = open_inputs([tmp_path], ReadOptions(label_pattern=FORMS[form].strip("'")))
    (shard,) = labelled.shards
    (batch,) = shard.read(100)
    places = {name: i * 7 % 10 for name, i in zip(names, range(20, 50), strict=True)}
    assert batch.label.to_pylist() == [places[name] for name in batch.source.to_pylist()]


def note_on(folder: Path, **files: str) -> str:
    """Return the note on a folder of two images and further files."""
    for name in ("a.png", "b.png"):
        (folder / name).touch()
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    note = open_inputs([folder]).label_note()
    assert note is not None
    return note.removeprefix("no image has a label: ")


def test_counters_in_names_are_no_labels(tmp_path: Path) -> None:
    """Where each digit is there once, they count the files."""
    for number in range(10):
        (tmp_path / f"img_{number}.png").touch()
    note = open_inputs([tmp_path]).label_note()
    assert note is not None
    assert note.endswith(
        "put images into folders called 0 to 9, or pass --labels FILE.csv (file_name,label)"
    )


def test_files_of_labels_beside_images_are_named(tmp_path: Path) -> None:
    """With their column of labels, where it is called otherwise."""
    folder = tmp_path / "in"
    folder.mkdir()
    said = note_on(folder, notes="a,b\n1,2\n", labels="image,label\na.png,1\n")
    assert said == f"pass --labels {folder}/labels.csv, which names them"
    said = note_on(folder, labels="Filename,Class\na.png,1\nb.png,2\n")
    assert said == f"pass --labels {folder}/labels.csv --label-column Class"


def test_what_metadata_lacks_is_said(tmp_path: Path) -> None:
    """The column of labels, or names as the images have them."""
    said = note_on(tmp_path, metadata="file_name,digit\na.png,1\nb.png,2\n")
    assert said == (
        f"in {tmp_path}/metadata.csv the column 'digit' looks like labels: pass --label-column "
        "digit"
    )
    said = note_on(tmp_path, metadata="file_name,label\n/home/me/a.png,1\n")
    assert said.startswith(
        f"{tmp_path}/metadata.csv names images as '/home/me/a.png', and they are"
    )


def test_a_pattern_that_finds_nothing_is_said(tmp_path: Path) -> None:
    """With a name that it does not fit."""
    (tmp_path / "a.png").touch()
    opened = open_inputs([tmp_path], ReadOptions(label_pattern=r"_(\d)"))
    assert opened.label_note() == (
        r"no image has a label: --label-pattern '_(\\d)' finds none in the names, such as 'a.png'"
    )


def test_nothing_is_said_where_no_labels_are_read(tmp_path: Path) -> None:
    """With `--labels none`."""
    (tmp_path / "a.png").touch()
    assert open_inputs([tmp_path], ReadOptions(labels="none")).label_note() is None


def test_any_names_give_a_hint() -> None:
    """Short paths, one file, and names without digits."""
    for name in ("a", "a.png", "1", "x/1/2"):
        assert hint_of_files([name], [f"/{name}"], {}, None)


def test_folders_called_by_words_are_told(tmp_path: Path) -> None:
    """The pattern that is named reads them."""
    for name in ("seven/a.png", "Three/b.png", "three/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    pattern = "/([a-zA-Z]+)/[^/]*$"
    assert open_inputs([tmp_path]).label_note() == (
        f"no image has a label: their folders are called by words: pass --label-pattern '{pattern}'"
    )
    (shard,) = open_inputs([tmp_path], ReadOptions(label_pattern=pattern)).shards
    (batch,) = shard.read(9)
    labels = dict(zip(batch.source.to_pylist(), batch.label.to_pylist(), strict=True))
    assert labels == {"seven/a.png": 7, "Three/b.png": 3, "three/c.png": 3}


def test_only_files_that_name_the_images_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No predictions, and no labels of other images; the path is as the INPUT was typed."""
    usual = "put images into folders called 0 to 9, or pass --labels FILE.csv (file_name,label)"
    folder = tmp_path / "in"
    folder.mkdir()
    written = "source,row,label,prediction,confidence\na.png,0,,7,0.9\nb.png,0,,1,0.9\n"
    (tmp_path / "o.csv").write_text(written)
    (tmp_path / "p.csv").write_text("file_name,label\nc.png,1\nd.png,2\n")
    assert note_on(folder) == usual
    (tmp_path / "z.csv").write_text("file_name,label\n./in/a.png,1\nin/b.png,2\n")
    assert note_on(folder) == f"pass --labels {tmp_path}/z.csv, which names them"
    monkeypatch.chdir(tmp_path)
    assert note_on(Path("in")) == "pass --labels z.csv, which names them"
    monkeypatch.chdir(folder)
    assert note_on(Path()) == "pass --labels ../z.csv, which names them"


GARMENTS = Classes.of(3, ["Ankle boot", "Bag", "Coat"])


def touched(folder: Path, *names: str) -> Path:
    """Make empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("classes", "names", "note"),
    [
        (
            DIGITS,
            [f"{name}/{number}.png" for name in ("Coat", "Bag") for number in range(5)],
            "their folders are called 'Bag', 'Coat', which are no digits: to predict other classes "
            "pass their --model (train makes one), to pack them pass --class-names",
        ),
        (
            GARMENTS,
            ["Shirt/0.png", "Hat/0.png"],
            "their folders are called 'Hat', 'Shirt', which are no classes of the model "
            "('Ankle boot', 'Bag', 'Coat'): rename them, or pass --labels FILE.csv "
            "(file_name,label)",
        ),
        (
            GARMENTS,
            ["a/0_1.png", "a/0_2.png"],
            "put images into folders called as the classes of the model ('Ankle boot', 'Bag', "
            "'Coat'), or pass --labels FILE.csv (file_name,label)",
        ),
        (
            Classes(26),
            ["a/0_1.png", "b/0_2.png"],
            "put images into folders called 0 to 25, or pass --labels FILE.csv (file_name,label)",
        ),
    ],
)
def test_hints_are_of_the_classes(
    tmp_path: Path, classes: Classes, names: list[str], note: str
) -> None:
    """Folders have names of these classes, or it is said that they have not."""
    opened = open_inputs([touched(tmp_path / "in", *names)], classes=classes)
    assert opened.label_note() == f"no image has a label: {note}"


def test_columns_of_other_classes_look_like_labels(tmp_path: Path) -> None:
    """By their names, in the metadata of a folder as well."""
    table = pa.table({"kind": ["bag", "coat", "bag"], "lot": ["1", "2", "3"]})
    said = "the column 'kind' looks like labels: pass --label-column kind"
    assert hint_of_columns(table, GARMENTS) == said
    assert hint_of_columns(table) == said.replace("kind", "lot")
    touched(tmp_path, "a.png", "b.png")
    (tmp_path / "metadata.csv").write_text("file_name,kind\na.png,Bag\nb.png,Coat\n")
    note = open_inputs([tmp_path], classes=GARMENTS).label_note()
    assert note == f"no image has a label: in {tmp_path}/metadata.csv {said}"


def test_folders_of_no_class_are_noted_beside_others(tmp_path: Path) -> None:
    """Where some are named for classes; not where labels come from elsewhere."""
    touched(tmp_path, "Bag/0.png", "Shoe/0.png", "coat/0.png")
    assert open_inputs([tmp_path], classes=GARMENTS).notes == [
        "folders that are named for none of the 3 classes: 1 ('Shoe'); their images have no label"
    ]
    assert open_inputs([tmp_path], ReadOptions(labels="none"), GARMENTS).notes == []
    assert open_inputs([tmp_path / "Bag"], classes=GARMENTS).notes == []
