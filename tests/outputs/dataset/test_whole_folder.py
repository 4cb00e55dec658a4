"""The manifest of a folder of predictions: it is read where all of the folder is there."""

import dataclasses
from pathlib import Path

import pytest

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, part_name
from mnist_batch.inputs.dataset.manifest import Contents, DatasetManifest, DatasetPart
from mnist_batch.outputs.dataset.whole_folder import read_dataset, read_manifest

PARTS = [DatasetPart(part_name(number), 8, f"{number:064x}") for number in range(3)]
WHOLE = DatasetManifest("4dfb6138b0f9b8ec", 9, "1/3", PARTS, {"version": "0.5.0"})


def _write(folder: Path, text: str) -> Path:
    (folder / MANIFEST).write_text(text)
    (folder / SUCCESS).touch()
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """All that the manifest says."""
    assert read_manifest(_write(tmp_path, WHOLE.text())) == WHOLE


def test_a_damaged_manifest_is_one_line(tmp_path: Path) -> None:
    """It says what to do."""
    with pytest.raises(PredictionsError, match="cannot be read: it is damaged; predict again"):
        read_manifest(_write(tmp_path, "{}"))


def test_packed_images_are_no_predictions(tmp_path: Path) -> None:
    """Though `pack` writes folders of the same kind."""
    packed = dataclasses.replace(WHOLE, holds=Contents.PACKED)
    with pytest.raises(PredictionsError, match="holds packed images; expected predictions"):
        read_manifest(_write(tmp_path, packed.text()))


@pytest.mark.parametrize("missing", [MANIFEST, SUCCESS])
def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path, missing: str) -> None:
    """As one that was copied in part."""
    _write(tmp_path, WHOLE.text())
    (tmp_path / missing).unlink()
    with pytest.raises(PredictionsError, match=r"is not whole: _manifest\.json and _SUCCESS"):
        read_manifest(tmp_path)


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
