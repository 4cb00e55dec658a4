"""Which files of a folder are read, and as what."""

import pytest

from mnist_batch.inputs.arrays.headers import IDX_TYPES
from mnist_batch.inputs.finding.suffixes import suffix_of
from mnist_batch.inputs.formats import FORMATS, IDX, IDX_SUFFIXES, IMAGES
from mnist_batch.schema import holds_rows


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("a/7.PNG", ".png"),
        ("train.csv.gz", ".csv.gz"),
        ("train-images-idx3-ubyte", ".idx3-ubyte"),
        ("t10k-images.idx3-ubyte", ".idx3-ubyte"),
        ("raw/emnist-letters-test-labels-idx1-ubyte.gz", ".idx1-ubyte.gz"),
        ("a.b/none", ""),
        ("a/.png", ""),
        ("digits.png/", ".png"),
    ],
)
def test_a_suffix_is_what_tells_the_format(path: str, suffix: str) -> None:
    """Of packed files and of MNIST's own names too, in lower case."""
    assert suffix_of(path) == suffix


def test_all_but_pictures_hold_rows() -> None:
    """So that row 0 of them is named as such."""
    for one in FORMATS:
        for suffix in one.suffixes | one.unread:
            assert holds_rows(f"a/digits{suffix}") == (one is not IMAGES)
    assert holds_rows("a/digits.PARQUET")
    assert holds_rows("digits.npz/x_test")
    assert holds_rows("train-images-idx3-ubyte.gz")
    assert holds_rows("train.csv.gz")
    assert not holds_rows("a/7.png")
    assert not holds_rows("a/7")


def test_idx_files_are_known_by_the_types_that_are_read() -> None:
    """Each has a suffix and a first four bytes, for up to as many axes as MNIST and EMNIST have."""
    assert {content[2] for content in IDX.begins} == IDX_TYPES.keys()
    assert {".idx", ".idx3-ubyte", ".idx3-ubyte.gz", ".idx1-double"} <= IDX_SUFFIXES
    assert len(IDX_SUFFIXES) == 2 * (1 + 4 * len(IDX_TYPES))
