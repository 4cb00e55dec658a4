"""Tests of `mnist_batch.history`."""

import json
from pathlib import Path

import pytest

import mnist_batch
from tests.support.full_disk import limited_file_size
from tests.support.nights import night, write_night


def test_history_makes_the_page_and_returns_the_nights(tmp_path: Path) -> None:
    """The nights come in their order, with what they came to; the record is JSON."""
    for day in (2, 1):
        write_night(tmp_path, night(day))
    (tmp_path / "notes").mkdir()
    result = mnist_batch.history(tmp_path)
    assert Path(result.page).is_file()
    record = json.loads(json.dumps(result.record()))
    assert [one["name"] for one in record["nights"]] == ["2024-11-01", "2024-11-02"]
    assert record["nights"][0]["state"] == "passed"
    assert record["nights"][0]["accuracy"] == pytest.approx(970 / 998)
    assert record["notes"] == [
        f"{tmp_path / 'notes'}: has no run.json, so it is no night; passed over"
    ]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """So is a folder without a night."""
    with pytest.raises(mnist_batch.InputError, match="is no folder"):
        mnist_batch.history(tmp_path / "missing")
    with pytest.raises(mnist_batch.InputError, match="holds no night"):
        mnist_batch.history(tmp_path)


def test_a_full_disk_leaves_the_old_page(tmp_path: Path) -> None:
    """And no other file; the error says what to do."""
    write_night(tmp_path, night(1))
    page = Path(mnist_batch.history(tmp_path).page)
    old = page.read_bytes()
    write_night(tmp_path, night(2))
    with limited_file_size(1000), pytest.raises(mnist_batch.OutputError, match="could not be"):
        mnist_batch.history(tmp_path)
    assert page.read_bytes() == old
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2024-11-01",
        "2024-11-02",
        "index.html",
    ]
