"""The manifest of a folder of predictions: what is written is read, and nothing else is."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.errors import PredictionsError
from mnist_batch.outputs.dataset.layout import MANIFEST, SUCCESS, part_name
from mnist_batch.outputs.dataset.manifest import (
    DatasetManifest,
    DatasetPart,
    read_dataset,
    read_manifest,
)

PARTS = [DatasetPart(part_name(number), 8, f"{number:064x}") for number in range(3)]
WHOLE = DatasetManifest("4dfb6138b0f9b8ec", 9, "1/3", PARTS, {"version": "0.5.0"})


def _write(folder: Path, text: str) -> Path:
    (folder / MANIFEST).write_text(text)
    (folder / SUCCESS).touch()
    return folder


@given(
    rows=st.lists(st.integers(0, 2**40), max_size=5),
    shard=st.none() | st.text(),
    record=st.dictionaries(st.text(), st.integers() | st.text()),
)
def test_what_is_written_is_read(
    rows: list[int], shard: str | None, record: dict[str, int | str]
) -> None:
    """Whatever the record holds; it is plain JSON."""
    parts = [
        DatasetPart(part_name(number), count, f"{count:064x}") for number, count in enumerate(rows)
    ]
    manifest = DatasetManifest("run", len(rows), shard, parts, record)
    assert DatasetManifest.of(manifest.text().encode()) == manifest
    assert json.loads(manifest.text())["record"] == record


def test_a_part_is_a_line(tmp_path: Path) -> None:
    """So that a person can read 100,000 of them."""
    assert '\n  {"name": "part-00001.parquet", "rows": 8, "sha256": "00' in WHOLE.text()
    assert read_manifest(_write(tmp_path, WHOLE.text())) == WHOLE


@pytest.mark.parametrize("missing", [MANIFEST, SUCCESS])
def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path, missing: str) -> None:
    """As one that was copied in part."""
    _write(tmp_path, WHOLE.text())
    (tmp_path / missing).unlink()
    with pytest.raises(PredictionsError, match=r"is not whole: _manifest\.json and _SUCCESS"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"run": 7},
        {"number_of_parts": "9"},
        {"number_of_parts": -3},
        {"shard": 1},
        {"record": []},
        {"parts": None},
        {"parts": [{"name": "../a.parquet", "rows": 1, "sha256": "0" * 64}]},
        {"parts": [{"name": part_name(0), "rows": -1, "sha256": "0" * 64}]},
        {"parts": [{"name": part_name(0), "rows": 1, "sha256": "0"}]},
        {"parts": [{"name": 1, "rows": 1, "sha256": "0" * 64}]},
        {"parts": [{"rows": 1, "sha256": "0" * 64}]},
    ],
)
def test_what_is_no_manifest_is_refused_in_a_line(
    tmp_path: Path, change: dict[str, object]
) -> None:
    """No name leads out of the folder, and a later format is not guessed at."""
    _write(tmp_path, json.dumps(json.loads(WHOLE.text()) | change))
    with pytest.raises(PredictionsError, match=r"_manifest.json: cannot be read: its? .*; predict"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"format": 1}', "\x00"])
def test_what_is_no_json_is_damaged(tmp_path: Path, text: str) -> None:
    """One line, whatever the bytes."""
    with pytest.raises(PredictionsError, match="cannot be read: it is damaged; predict again"):
        read_manifest(_write(tmp_path, text))


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    """Not as one that was copied in part."""
    (tmp_path / "file").touch()
    with pytest.raises(PredictionsError, match="file: is a file; name the folder of a shard"):
        read_manifest(tmp_path / "file")
    with pytest.raises(PredictionsError, match="none: does not exist"):
        read_manifest(tmp_path / "none")


def test_a_part_that_the_manifest_does_not_name_is_refused(tmp_path: Path) -> None:
    """Other readers would read its rows."""
    _write(tmp_path, WHOLE.text())
    (tmp_path / part_name(0)).touch()
    (tmp_path / "notes.txt").touch()
    assert read_dataset(tmp_path) == WHOLE
    (tmp_path / part_name(7)).touch()
    with pytest.raises(PredictionsError, match=r"part-00007\.parquet: is a part that _manifest"):
        read_dataset(tmp_path)
