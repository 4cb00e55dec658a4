"""Outputs lie apart from one another, and from what is read."""

import re
from pathlib import Path

import pytest

from mnist_batch.errors import OutputError
from mnist_batch.outputs.places import check_not_read, check_outside


@pytest.mark.parametrize("pattern", ["in/**/*.png", "**/*.png", "in/**"])
def test_folder_of_pictures_is_not_where_a_glob_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """It is not there yet, but the next time the glob would match what is in it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=re.escape(f"in/new: is matched by {pattern}")):
        check_outside([Path("out.csv")], [Path("/elsewhere"), Path("in/new")], [pattern])


@pytest.mark.parametrize("pattern", ["in/*.png", "in/**/*.parquet", "in/7/**/*.png"])
def test_folder_of_pictures_is_where_a_glob_does_not_search(pattern: str) -> None:
    """It goes not so deep, or elsewhere, or matches no pictures."""
    check_outside([Path("out.csv")], [Path("in/new")], [pattern])


def test_an_output_that_is_read_is_refused(tmp_path: Path) -> None:
    """By whatever path it is named; one that does not exist is read by nobody."""
    out = tmp_path / "a.parquet"
    check_not_read([out], [out])
    out.touch()
    (tmp_path / "sub").mkdir()
    check_not_read([out], [tmp_path / "sub" / "a.parquet", tmp_path / "b.parquet"])
    with pytest.raises(OutputError, match=r"a\.parquet: is read by this run; name another place"):
        check_not_read([out], ["other.png", tmp_path / "sub" / ".." / "a.parquet"])
