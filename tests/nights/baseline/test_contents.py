"""What images a night is over."""

from pathlib import Path

import pytest

from mnist_batch.errors import PredictionsError
from mnist_batch.nights.baseline.contents import Contents, read_contents
from tests.support.predictions_files import write_predictions


def _contents(path: Path, hashes: list[str | None]) -> Contents:
    some: list[int | None] = [1] * len(hashes)
    return read_contents(write_predictions(path, some, some, further={"content": hashes}))


def test_the_digest_is_of_the_images_whatever_their_order_and_labels(tmp_path: Path) -> None:
    """How often an image is there counts; rows without one do not."""
    path = tmp_path / "p.parquet"
    digest = _contents(path, ["a", "b", "b"]).digest
    assert len(digest) == 64
    assert _contents(path, ["b", None, "a", "b"]).digest == digest
    assert _contents(path, ["a", "b"]).digest != digest
    assert _contents(path, ["a", "b", "c"]).digest != digest


@pytest.mark.parametrize(
    ("one", "other", "is_mostly"),
    [
        (["a", "b"], ["b", "a"], True),
        (["a", "b"], ["b", "c"], True),
        (["a", "b", "c"], ["c", "d", "e"], False),
        (["a"], ["a", "b", "c"], False),
        (["a", "b", "b", "b"], ["b", "c", "c", "c"], True),
        ([], [], False),
    ],
)
def test_two_nights_are_over_the_same_images_where_half_of_both_is_shared(
    tmp_path: Path, one: list[str | None], other: list[str | None], is_mostly: bool
) -> None:
    """An image that is there twice is one image; it is so both ways round."""
    found = _contents(tmp_path / "1.parquet", one), _contents(tmp_path / "2.parquet", other)
    assert found[0].is_mostly(found[1]) is found[1].is_mostly(found[0]) is is_mostly


def test_new_images_are_counted(tmp_path: Path) -> None:
    """Each row counts; what is not there any more does not."""
    earlier = _contents(tmp_path / "a.parquet", ["a", "b", "z"])
    assert _contents(tmp_path / "b.parquet", ["a", "c", "c", "d"]).new_since(earlier) == 3


def test_a_file_without_contents_shares_none(tmp_path: Path) -> None:
    """As one that `predict` wrote without `--content-hash`."""
    contents = read_contents(write_predictions(tmp_path / "p.parquet", [1], [1]))
    assert len(contents.hashes) == 0


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    """So that the night can say what it could not be compared with."""
    path = tmp_path / "p.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(PredictionsError, match=r"p\.parquet: cannot be read"):
        read_contents(path)
