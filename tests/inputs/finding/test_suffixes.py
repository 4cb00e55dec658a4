"""The suffix of a name tells its format."""

import pytest

from mnist_batch.inputs.finding.suffixes import suffix_of


@pytest.mark.parametrize(
    ("path", "suffix"),
    [
        ("a/b.PNG", ".png"),
        ("a.b/c", ""),
        (".png", ""),
        ("a.png/", ".png"),
        ("labels.csv.gz", ".csv.gz"),
        ("digits.gz", ".gz"),
        ("train-images-idx3-ubyte", ".idx3-ubyte"),
        ("t10k-labels.idx1-ubyte.gz", ".idx1-ubyte.gz"),
        ("idx3-ubyte.png", ".png"),
    ],
)
def test_suffixes_are_in_lower_case(path: str, suffix: str) -> None:
    """Packed files have two, and MNIST's own names end in what stands for one."""
    assert suffix_of(path) == suffix
