"""IDX files find their labels under every name, and each image is read once."""

from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import InputError
from mnist_batch.inputs.sources import open_inputs
from tests.support.forms.arrays import write_idx
from tests.support.forms.form import IMAGES, LABELS


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"),
        ("emnist-digits-test-images-idx3-ubyte.gz", "emnist-digits-test-labels-idx1-ubyte"),
        ("images.idx3-ubyte", "labels.idx1-ubyte"),
        ("test_images.idx", "test_labels.idx"),
        ("t10k-images-idx3-ubyte/t10k-images-idx3-ubyte",
         "t10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte"),
    ],
)  # fmt: skip
def test_labels_are_found_beside_images(tmp_path: Path, images: str, labels: str) -> None:
    """Packed or not, or in a folder of their own name; and a folder of both is one input."""
    for name in (images, labels):
        (tmp_path / name).parent.mkdir(exist_ok=True)
    path = write_idx(tmp_path, names=(images, labels))
    for given in (path, tmp_path):
        opened = open_inputs([given])
        (batch,) = opened.shards[0].read(200)
        np.testing.assert_array_equal(batch.images, IMAGES)
        assert batch.label.to_pylist() == LABELS.tolist()
        assert not opened.passed_over


def test_a_packed_file_beside_its_twin_is_passed_over(tmp_path: Path) -> None:
    """Torchvision keeps both."""
    write_idx(tmp_path)
    write_idx(tmp_path, names=("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"))
    opened = open_inputs([tmp_path])
    assert opened.rows == 100
    assert opened.passed_over == {".idx3-ubyte.gz": 1, ".idx1-ubyte.gz": 1}


def test_a_file_of_labels_alone_is_refused(tmp_path: Path) -> None:
    """With what to name instead."""
    write_idx(tmp_path)
    with pytest.raises(InputError, match="holds labels, not images"):
        open_inputs([tmp_path / "t10k-labels-idx1-ubyte"])


def test_beside_pictures_they_are_passed_over(tmp_path: Path) -> None:
    """As they were before they could be read."""
    write_idx(tmp_path)
    (tmp_path / "7.png").write_bytes(b"")
    opened = open_inputs([tmp_path])
    assert opened.rows == 1
    assert opened.passed_over == {".idx3-ubyte": 1, ".idx1-ubyte": 1}


def test_a_header_of_too_many_rows_is_refused(tmp_path: Path) -> None:
    """Each would be a row of the output."""
    path = write_idx(tmp_path, labels=None)
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff\xff\xff\xff" + content[8:])
    with pytest.raises(InputError, match="its header counts 4,294,967,295 rows in 78,416 bytes"):
        open_inputs([path])
