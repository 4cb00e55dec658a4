"""INPUTs in object storage give what the same files give on this machine."""

import io
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import InputError
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.options import ReadOptions
from tests.support.s3_server import Bucket


def _rows(opened: OpenInputs) -> list[tuple[object, ...]]:
    """Return source, row, label, image and error of every row."""
    rows = list[tuple[object, ...]]()
    for shard in opened.shards:
        for batch in shard.read(7):
            images = batch.images
            pictures = [*images] if isinstance(images, np.ndarray) else images.to_pylist()
            shown = [one.tobytes() if isinstance(one, np.ndarray) else one for one in pictures]
            columns = (batch.source, batch.row, batch.label, batch.error)
            source, row, label, error = (column.to_pylist() for column in columns)
            rows += zip(source, row, label, shown, error, strict=True)
    return rows


def test_a_folder_of_images_has_the_rows_of_the_local_folder(
    bucket: Bucket, digits_folder: Path
) -> None:
    """Sources, labels by folders, bytes and order are the same; `2.png` comes before `10.png`."""
    address = bucket.put_folder(digits_folder, "some/digits")
    for text in (address, f"{address}/"):
        assert _rows(open_inputs([text])) == _rows(open_inputs([digits_folder]))


def test_objects_come_in_natural_order(bucket: Bucket, digits_folder: Path) -> None:
    """S3 lists `10.png` before `2.png`, and `b.png` before what lies in the folder `b`."""
    content = next(digits_folder.rglob("*.png")).read_bytes()
    for name in ("10.png", "2.png", "b/1.png", "b.png", "b-1.png", "a/x/3.png"):
        bucket.put(f"order/{name}", content)
    rows = _rows(open_inputs([f"{bucket.url}/order"]))
    names = ["2.png", "10.png", "a/x/3.png", "b/1.png", "b-1.png", "b.png"]
    assert [row[0] for row in rows] == names


def test_hidden_files_and_files_of_other_kinds_are_passed_over(
    bucket: Bucket, digits_folder: Path
) -> None:
    """They are counted by their suffixes, as in a local folder; marks of folders are nothing."""
    content = next(digits_folder.rglob("*.png")).read_bytes()
    bucket.put("mixed/1.png", content)
    bucket.put("mixed/.hidden.png", content)
    bucket.put("mixed/notes.txt", b"")
    bucket.client.put_object(Bucket=bucket.name, Key="mixed/below/")
    bucket.put("mixed/below/2.png", content)
    opened = open_inputs([f"{bucket.url}/mixed"])
    assert [row[0] for row in _rows(opened)] == ["1.png", "below/2.png"]
    assert opened.passed_over == {".txt": 1, "hidden": 1}


def test_a_glob_matches_objects(bucket: Bucket, digits_folder: Path) -> None:
    """Names are relative to the last folder without a wildcard, and `**` stands for any folders."""
    address = bucket.put_folder(digits_folder, "digits")
    for pattern in ("3/*.png", "**/*.png", "[12]/*"):
        found = _rows(open_inputs([f"{address}/{pattern}"]))
        assert found == _rows(open_inputs([f"{digits_folder}/{pattern}"]))


def test_labels_lie_in_a_file_of_the_folder(bucket: Bucket, digits_folder: Path) -> None:
    """`metadata.csv` beside the images labels them, and so does a file that is named."""
    content = next(digits_folder.rglob("*.png")).read_bytes()
    for name in ("1.png", "2.png"):
        bucket.put(f"told/{name}", content)
    labels = bucket.put("told/metadata.csv", b"file_name,label\n1.png,7\n2.png,3\n")
    assert [row[2] for row in _rows(open_inputs([f"{bucket.url}/told"]))] == [7, 3]
    bucket.put("other/1.png", content)
    opened = open_inputs([f"{bucket.url}/other"], ReadOptions(labels=labels))
    assert [row[2] for row in _rows(opened)] == [7]


def test_an_image_that_went_or_changed_is_a_row_with_an_error(
    bucket: Bucket, digits_folder: Path
) -> None:
    """What is listed is read, or it is said why not: what took its place is not read."""
    content = next(digits_folder.rglob("*.png")).read_bytes()
    for name in ("1.png", "2.png", "3.png"):
        bucket.put(f"going/{name}", content)
    opened = open_inputs([f"{bucket.url}/going"])
    bucket.client.delete_object(Bucket=bucket.name, Key="going/1.png")
    bucket.put("going/2.png", b"another")
    errors = [row[4] for row in _rows(opened)]
    assert errors == ["missing file", "unreadable file: replaced after it was listed", None]


def test_a_parquet_file_has_the_rows_of_the_local_one(bucket: Bucket, digits_parquet: Path) -> None:
    """So has a folder of such files, and a glob."""
    address = bucket.put("set/digits.parquet", digits_parquet.read_bytes())
    expected = _rows(open_inputs([digits_parquet]))
    for text in (address, f"{bucket.url}/set", f"{bucket.url}/*/*.parquet"):
        found = _rows(open_inputs([text]))
        assert [row[1:] for row in found] == [row[1:] for row in expected]


def test_a_parquet_file_that_changed_gives_rows_with_errors(
    bucket: Bucket, digits_parquet: Path, digits_folder: Path
) -> None:
    """None of its rows is read from what took its place."""
    address = bucket.put("digits.parquet", digits_parquet.read_bytes())
    opened = open_inputs([address])
    bucket.put("digits.parquet", digits_parquet.read_bytes() + b"PAR1")
    assert {row[4] for row in _rows(opened)} == {"unreadable file: replaced after it was listed"}


@pytest.mark.parametrize("name", ["x_test.npy", "both.npz", "both.npz/x_test", "table.csv"])
def test_other_files_are_read_as_local_ones(bucket: Bucket, tmp_path: Path, name: str) -> None:
    """Labels in a file beside an array's are found there too."""
    images = np.random.default_rng(1).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    labels = np.arange(20) % 10
    np.save(tmp_path / "x_test.npy", images)
    np.save(tmp_path / "y_test.npy", labels)
    np.savez(tmp_path / "both.npz", x_test=images, y_test=labels)
    table = np.concatenate([labels[:, None], images.reshape(20, 784)], axis=1)
    header = ",".join(["label", *(f"pixel{place}" for place in range(784))])
    np.savetxt(tmp_path / "table.csv", table, "%d", ",", header=header, comments="")
    address = bucket.put_folder(tmp_path, "arrays")
    rows = _rows(open_inputs([f"{address}/{name}"]))
    assert rows == _rows(open_inputs([tmp_path / name]))
    assert [row[2] for row in rows] == labels.tolist()


def test_a_list_of_paths_names_objects_too(
    bucket: Bucket, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside local files, in the order of the list; one that is not there is a row that says so."""
    local = next(digits_folder.rglob("*.png"))
    there = bucket.put("1.png", local.read_bytes())
    folder = bucket.put_folder(digits_folder / "3", "three")
    lines = [there, str(local), f"{bucket.url}/none.png", f"{folder}/"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(lines).encode())))
    rows = _rows(open_inputs(["-"]))
    assert [row[0] for row in rows][:3] == lines[:3]
    assert [row[4] for row in rows][:3] == [None, None, "missing file"]
    assert rows[0][3] == rows[1][3] == local.read_bytes()
    assert len(rows) == 3 + len([*(digits_folder / "3").iterdir()])


@pytest.mark.parametrize("name", ["a//b.png", "a//b", "a/../b.png", "a\tb.png"])
def test_a_listed_name_that_no_object_can_have_is_a_missing_one(
    bucket: Bucket, digits_folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A row, as on this machine, with the address as it came; the others are read."""
    content = next((digits_folder / "3").iterdir()).read_bytes()
    lines = [bucket.put("1.png", content), f"{bucket.url}/{name}", bucket.put("2.png", content)]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("\n".join(lines).encode())))
    rows = _rows(open_inputs(["-"]))
    assert [row[0] for row in rows] == lines
    assert rows[1][4] == "missing file"


def test_messages_name_the_address(bucket: Bucket, digits_folder: Path) -> None:
    """Not that of a local copy, or of a part of it."""
    for name in ("a.parquet", "a.npz", "a.csv"):
        address = bucket.put(name, b"nothing of the kind")
        with pytest.raises(InputError, match=f"^{address}: "):
            open_inputs([address])
    with pytest.raises(InputError, match=f"^{bucket.url}/none: no such object; check the address"):
        open_inputs([f"{bucket.url}/none"])
    with pytest.raises(InputError, match=f"^image_root {bucket.url}: an address; "):
        open_inputs([digits_folder], ReadOptions(image_root=bucket.url))
    with pytest.raises(InputError, match="no such bucket; check the address"):
        open_inputs([f"{bucket.url}-other/digits"])


def test_a_fingerprint_changes_with_the_etag(bucket: Bucket, digits_folder: Path) -> None:
    """It is the same at the next listing, and another once an object holds other bytes."""
    content = next(digits_folder.rglob("*.png")).read_bytes()
    bucket.put("known/1.png", content)
    first, again = (open_inputs([f"{bucket.url}/known"]).shards[0] for _ in range(2))
    assert first.fingerprint() == again.fingerprint()
    bucket.put("known/1.png", content[::-1])
    assert open_inputs([f"{bucket.url}/known"]).shards[0].fingerprint() != first.fingerprint()


def test_local_and_remote_inputs_go_together(bucket: Bucket, digits_folder: Path) -> None:
    """Where both hold the same names, sources have their INPUTs in front."""
    one = digits_folder / "3"
    address = bucket.put_folder(one, "three")
    rows = _rows(open_inputs([one, address]))
    names = sorted(path.name for path in one.iterdir())
    assert [row[0] for row in rows] == [
        f"{folder}/{name}" for folder in (str(one).lstrip(), address) for name in names
    ]
