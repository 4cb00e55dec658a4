"""Every row that is trained on has pixels and a label."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch import pack
from mnist_batch.errors import InputError, LabelError
from mnist_batch.outputs.packed import packed_folder
from mnist_batch.synthetic.generator import draw_digits, write_folder, write_parquet
from mnist_batch.training.data import LabelledImages, read_images
from mnist_batch.training.splits import find_splits


def write_rows(path: Path, images: list[bytes | None], labels: list[int | None]) -> None:
    """Write a Parquet file of encoded images and labels."""
    pq.write_table(pa.table({"image": pa.array(images, pa.binary()), "label": labels}), path)


def test_the_hash_is_that_of_the_sorted_rows(tmp_path: Path) -> None:
    """Computed here from two rows as the docstring says."""
    images, labels = draw_digits(2)
    write_parquet(tmp_path / "digits.parquet", 2)
    rows = [images[k].tobytes() + bytes([labels[k]]) for k in (0, 1)]
    digests = sorted(hashlib.sha256(row).digest() for row in rows)
    expected = hashlib.sha256(digests[0] + digests[1]).hexdigest()
    assert read_images([str(tmp_path)]).sha256 == expected


def test_the_same_digits_have_the_same_hash_in_any_layout(tmp_path: Path) -> None:
    """A folder of images, one Parquet file, or two; other digits have another."""
    write_folder(tmp_path / "folder", 40)
    write_parquet(tmp_path / "digits.parquet", 40)
    write_parquet(tmp_path / "other.parquet", 40, seed=1)
    table = pq.read_table(tmp_path / "digits.parquet")
    halves = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    for half, start in zip(halves, (20, 0), strict=True):
        pq.write_table(table.slice(start, 20), half)
    expected = read_images([str(tmp_path / "digits.parquet")]).sha256
    assert read_images([str(tmp_path / "folder")]).sha256 == expected
    assert read_images(halves).sha256 == expected
    assert read_images([str(tmp_path / "other.parquet")]).sha256 != expected


def test_another_label_gives_another_hash(tmp_path: Path) -> None:
    """The labels are part of the data."""
    table = pq.read_table(written(tmp_path / "digits.parquet", 10))
    labels = pa.array([1, *table["label"].to_pylist()[1:]])
    pq.write_table(table.set_column(1, "label", labels), tmp_path / "relabelled.parquet")
    first = read_images([str(tmp_path / "digits.parquet")])
    second = read_images([str(tmp_path / "relabelled.parquet")])
    assert first.sha256 != second.sha256


def written(path: Path, count: int) -> Path:
    """Write digits and return where."""
    write_parquet(path, count)
    return path


def test_unreadable_images_are_left_out_and_counted(tmp_path: Path) -> None:
    """Rows around them keep their own labels."""
    pngs = pq.read_table(written(tmp_path / "digits.parquet", 3))["image"].to_pylist()
    good = [png["bytes"] for png in pngs]
    images = [good[0], b"text", good[1], None, b"more text", good[2]]
    write_rows(tmp_path / "mixed.parquet", images, [0, 9, 1, 9, 9, 2])
    read = read_images([str(tmp_path / "mixed.parquet")])
    np.testing.assert_array_equal(read.images, draw_digits(3)[0])
    assert read.labels.tolist() == [0, 1, 2]
    assert read.unreadable == {"not an image": 2, "no bytes": 1}


def test_a_missing_label_is_an_error_that_names_the_row(tmp_path: Path) -> None:
    """The first one in input order, as file and row."""
    pngs = pq.read_table(written(tmp_path / "digits.parquet", 4))["image"].to_pylist()
    images = [png["bytes"] for png in pngs]
    write_rows(tmp_path / "gaps.parquet", images, [0, 1, None, None])
    with pytest.raises(LabelError, match=r"^gaps.parquet, row 2: no label"):
        read_images([str(tmp_path / "gaps.parquet")])


def test_data_without_labels_is_an_error(tmp_path: Path) -> None:
    """The first row is named, and where labels are looked for."""
    table = pq.read_table(written(tmp_path / "digits.parquet", 4)).drop_columns("label")
    pq.write_table(table, tmp_path / "bare.parquet")
    with pytest.raises(LabelError, match=r"bare.parquet, row 0: no label.*expected a Parquet col"):
        read_images([str(tmp_path / "bare.parquet")])


def test_an_image_in_no_digits_folder_is_an_error(tmp_path: Path) -> None:
    """A folder per digit is how images carry labels."""
    write_folder(tmp_path / "digits", 10)
    (tmp_path / "digits" / "5").rename(tmp_path / "digits" / "five")
    with pytest.raises(LabelError, match=r"five/00005.png, row 0: no label"):
        read_images([str(tmp_path / "digits")])


def test_no_rows_are_one_clear_error(tmp_path: Path) -> None:
    """An empty Parquet file is no data."""
    write_rows(tmp_path / "empty.parquet", [], [])
    with pytest.raises(
        InputError, match=r"empty.parquet: no images to train on or to test on: no rows"
    ):
        read_images([str(tmp_path / "empty.parquet")])


def test_nothing_but_unreadable_rows_is_one_clear_error(tmp_path: Path) -> None:
    """The reasons are counted in the message."""
    write_rows(tmp_path / "bad.parquet", [b"text", None, b"text"], [1, 2, 3])
    with pytest.raises(InputError, match=r"on: 2 x not an image, 1 x no bytes"):
        read_images([str(tmp_path / "bad.parquet")])


def labelled(labels: list[int]) -> LabelledImages:
    """Return images whose pixels all hold their place."""
    images = np.repeat(np.arange(len(labels), dtype=np.uint8), 784).reshape(-1, 28, 28)
    return LabelledImages(images, np.array(labels, np.int8), "", {})


def test_rows_that_come_digit_by_digit_are_mixed() -> None:
    """Each image keeps its label; the last fifth is not all eights and nines any more."""
    data = labelled([digit for digit in range(10) for _ in range(20)])
    images, labels = data.shuffled_if_sorted(seed=0)
    assert sorted(images[:, 0, 0].tolist()) == list(range(200))
    assert labels.tolist() == [place // 20 for place in images[:, 0, 0].tolist()]
    assert len(set(labels[-40:].tolist())) > 5


def test_rows_in_any_other_order_stay_as_they_are() -> None:
    """So that Keras sets aside the rows that the original set aside."""
    data = labelled([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4])
    images, labels = data.shuffled_if_sorted(seed=0)
    assert images is data.images
    assert labels is data.labels


def test_the_same_seed_mixes_alike() -> None:
    """Another one does not."""
    data = labelled([digit for digit in range(10) for _ in range(20)])
    first, again, other = (data.shuffled_if_sorted(seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_packed_training_and_test_data_are_refused_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packed file remembers what it was packed from, and so does a folder of such files.

    One of either is as good as the original.
    """
    folder = tmp_path / "mnist"
    folder.mkdir()
    write_parquet(folder / "train-00000-of-00001.parquet", 30)
    write_parquet(folder / "test-00000-of-00001.parquet", 20, seed=1)
    pack(folder, tmp_path / "all.parquet")
    with pytest.raises(
        InputError, match=r"all\.parquet: is packed from data for training \(train-"
    ):
        read_images([str(tmp_path / "all.parquet")])
    monkeypatch.setattr(packed_folder, "PART_ROWS", 20)  # the test's twenty are a part
    pack(folder, f"{tmp_path}/all/")
    with pytest.raises(InputError, match=r"all: is packed from data for training \(train-"):
        read_images([f"{tmp_path}/all/"])
    (tmp_path / "packed").mkdir()
    for split in ("train", "test"):
        pack(folder / f"{split}-00000-of-00001.parquet", tmp_path / "packed" / f"{split}.parquet")
    packed, original = find_splits(str(tmp_path / "packed")), find_splits(str(folder))
    assert read_images(packed.train).sha256 == read_images(original.train).sha256
    for split in ("train", "test"):
        pack(folder / f"{split}-00000-of-00001.parquet", f"{tmp_path}/folders/{split}/")
    folders = find_splits(f"{tmp_path}/folders/")
    assert read_images(folders.train).sha256 == read_images(original.train).sha256
    assert len(read_images(folders.test).images) == 20
    assert read_images(packed.test).sha256 == read_images(original.test).sha256


def test_a_packed_folder_of_digits_is_all_training_data(tmp_path: Path) -> None:
    """As the folder is."""
    write_folder(tmp_path / "digits", 20)
    pack(tmp_path / "digits", tmp_path / "test.parquet")
    read = read_images([str(tmp_path / "test.parquet")])
    assert read.sha256 == read_images([str(tmp_path / "digits")]).sha256


def test_images_and_labels_come_in_input_order(tmp_path: Path) -> None:
    """Several batches and row groups; the pixels are those that were written."""
    write_parquet(tmp_path / "digits.parquet", 2500, seed=3)
    read = read_images([str(tmp_path / "digits.parquet")])
    images, labels = draw_digits(2500, seed=3)
    np.testing.assert_array_equal(read.images, images)
    np.testing.assert_array_equal(read.labels, labels)
    assert read.labels.dtype == np.int8
    assert read.unreadable == {}
