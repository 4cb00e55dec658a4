"""Splits are found by names, as on the Hugging Face hub."""

from pathlib import Path

import pytest

from mnist_batch.errors import InputError
from mnist_batch.training.data import read_images
from mnist_batch.training.splits import Splits, find_splits
from tests.support.forms.arrays import npz, write_idx
from tests.support.forms.form import IMAGES, LABELS
from tests.support.s3_server import Bucket


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet"),
        ("train.parquet", "test.parquet"),
        ("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"),
        ("mnist/train-00000-of-00001.parquet", "mnist/test-00000-of-00001.parquet"),
        ("my_train_file.parquet", "test1.parquet"),
        ("digits.training.parquet", "digits evaluation.parquet"),
        ("5/train-1.png", "5/eval-1.png"),
    ],
)
def test_names_of_files_tell_the_splits(tmp_path: Path, train: str, test: str) -> None:
    """Words as in the hub's guide "File names and splits", between what is no letter."""
    touch(tmp_path, train, test)
    assert splits_of(tmp_path) == ([train], [test])


def test_names_tell_the_splits_in_object_storage_too(bucket: Bucket) -> None:
    """Of a folder, and of a glob; a single file is all for training."""
    for name in ("train-0.parquet", "train-1.parquet", "test-0.parquet"):
        bucket.put(f"mnist/{name}", b"")
    for data in (f"{bucket.url}/mnist", f"{bucket.url}/mnist/*.parquet"):
        splits = find_splits(data)
        assert [*splits.train] == [f"{bucket.url}/mnist/train-{place}.parquet" for place in (0, 1)]
        assert [*splits.test] == [f"{bucket.url}/mnist/test-0.parquet"]
    assert [*find_splits(f"{bucket.url}/mnist/train-0.parquet").train] == [
        f"{bucket.url}/mnist/train-0.parquet"
    ]


@pytest.mark.parametrize(
    ("train", "test"),
    [("train", "test"), ("training", "testing"), ("Train", "Test"), ("a/my-train", "a/2_test_b")],
)
def test_names_of_folders_tell_the_splits_of_all_in_them(
    tmp_path: Path, train: str, test: str
) -> None:
    """The folders themselves become INPUTs, so that their labels are found; capitals will do."""
    touch(tmp_path, *(f"{folder}/{digit}/1.png" for folder in (train, test) for digit in range(10)))
    assert splits_of(tmp_path) == ([train], [test])


def test_shards_of_a_split_come_in_natural_order(tmp_path: Path) -> None:
    """The tenth file does not come before the second."""
    names = [f"train-{number}-of-12.parquet" for number in (1, 2, 10, 12)]
    touch(tmp_path, *reversed(names))
    assert splits_of(tmp_path) == (names, [])


def test_names_of_folders_go_before_names_of_files(tmp_path: Path) -> None:
    """As on the hub; what lies outside of such folders is then for nothing."""
    touch(tmp_path, "train/test-pictures.png", "test/1.png", "train-0.png")
    assert splits_of(tmp_path) == (["train"], ["test"])


def test_files_for_validation_are_neither_trained_nor_tested_on(tmp_path: Path) -> None:
    """Whatever they are called."""
    names = ("validation.parquet", "valid.parquet", "val.parquet", "dev.parquet")
    touch(tmp_path, "train.parquet", *names)
    assert splits_of(tmp_path) == (["train.parquet"], [])


@pytest.mark.parametrize("name", ["digits.parquet", "latest.parquet", "trained.parquet", "3/7.png"])
def test_a_folder_without_split_names_is_all_training_data(tmp_path: Path, name: str) -> None:
    """A split's word within a longer word does not count, nor does the name of the folder."""
    folder = tmp_path / "test"
    touch(folder, name)
    assert find_splits(str(folder)) == Splits([str(folder)], [])


def test_a_single_file_is_training_data(tmp_path: Path) -> None:
    """A test split beside it is not looked for."""
    touch(tmp_path, "train.parquet", "test.parquet")
    file = str(tmp_path / "train.parquet")
    assert find_splits(file) == Splits([file], [])


def test_files_of_a_glob_are_told_apart_too(tmp_path: Path) -> None:
    """What is tested on is not trained on, however the files are named; folders above are not."""
    folder = tmp_path / "test_bench"
    touch(folder, "a/train.parquet", "a/test.parquet", "b/7.parquet", "notes.txt")
    found = find_splits(f"{folder}/*/*.parquet")
    assert found == Splits([f"{folder}/a/train.parquet"], [f"{folder}/a/test.parquet"])
    assert find_splits(f"{folder}/b/*.parquet") == Splits([f"{folder}/b/*.parquet"], [])


def test_a_glob_of_images_gives_the_files_and_not_their_folders(tmp_path: Path) -> None:
    """What the glob leaves out stays out."""
    touch(tmp_path, "train/7/1.png", "train/8/1.png", "test/7/1.png")
    found = find_splits(f"{tmp_path}/*/7/*.png")
    assert found == Splits([f"{tmp_path}/train/7/1.png"], [f"{tmp_path}/test/7/1.png"])


def test_a_test_split_alone_is_refused(tmp_path: Path) -> None:
    """Training on what is called a test would go unseen."""
    touch(tmp_path, "test.parquet", "val.parquet")
    with pytest.raises(InputError, match=r"are for test and validation, none for training"):
        find_splits(str(tmp_path))


def test_a_name_of_two_splits_is_refused(tmp_path: Path) -> None:
    """It could be both trained on and tested on."""
    touch(tmp_path, "train_test.parquet")
    with pytest.raises(InputError, match=r"train_test.parquet: the name says train and test"):
        find_splits(str(tmp_path))


def test_arrays_of_an_npz_file_are_its_splits(tmp_path: Path) -> None:
    """As those of files in a folder; the file may lie in one."""
    few = (IMAGES[:3], LABELS[:3])
    path = npz(x_train=IMAGES, y_train=LABELS, x_test=few[0], y_test=few[1])(tmp_path)
    for data in (path, tmp_path):
        splits = find_splits(str(data))
        assert splits == Splits([f"{path}/x_train"], [f"{path}/x_test"])
    assert read_images(splits.train).labels.tolist() == LABELS.tolist()
    assert read_images(splits.test).labels.tolist() == LABELS[:3].tolist()


def test_t10k_is_the_test_of_a_folder_of_idx_files(tmp_path: Path) -> None:
    """So MNIST calls it; the files of labels are read with the images."""
    write_idx(tmp_path, IMAGES[:3], LABELS[:3])
    names = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
    train = write_idx(tmp_path, names=names)
    splits = find_splits(str(tmp_path))
    assert splits == Splits([str(train)], [str(tmp_path / "t10k-images-idx3-ubyte")])
    assert read_images(splits.train).labels.tolist() == LABELS.tolist()
    assert read_images(splits.test).labels.tolist() == LABELS[:3].tolist()


def touch(folder: Path, *names: str) -> None:
    """Make empty files; what they are for is told by their names alone."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def splits_of(folder: Path) -> tuple[list[str], list[str]]:
    """Return what is found for training and for the test, relative to the folder."""
    splits = find_splits(str(folder))
    train, test = (
        [Path(found).relative_to(folder).as_posix() for found in inputs]
        for inputs in (splits.train, splits.test)
    )
    return train, test
