"""A folder of predictions: what is in it, whatever made its parts, and when it is there."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import OutputError
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs import image_files
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS
from mnist_batch.outputs.parts import parts
from mnist_batch.outputs.parts.parts_folder import staging_folder


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)


class _StopError(Exception):
    pass


def _cut_short(source: Path, out: str, rows: int) -> None:
    def stop(progress: Progress) -> None:
        if progress.done >= rows:
            raise _StopError

    with pytest.raises(_StopError):
        mnist_batch.predict(source, out, batch_size=4, progress=stop)


def _bytes_of_parts(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def test_the_parts_together_are_the_single_file(digits_folder: Path, tmp_path: Path) -> None:
    """Rows, order and types; the record of the run is that of the file, its times apart."""
    mnist_batch.predict(digits_folder, tmp_path / "one.parquet", report=False)
    summary = mnist_batch.predict(digits_folder, f"{tmp_path}/all/", report=False)
    folder = tmp_path / "all"
    names = [f"part-0000{number}.parquet" for number in range(4)]
    assert sorted(path.name for path in folder.iterdir()) == [SUCCESS, MANIFEST, *names]
    joined = pa.concat_tables(pq.read_table(folder / name) for name in names)
    one = pq.read_table(tmp_path / "one.parquet")
    assert joined.schema.equals(one.schema)
    assert joined.to_pydict() == one.to_pydict()
    record = json.loads((folder / MANIFEST).read_text())["record"]
    told = json.loads(one.schema.metadata[b"mnist_batch"])
    for times in (record, told):
        times["elapsed_s"] = times["images_per_s"] = times["created_utc"] = None
    images = record.pop("images")
    assert {**told, "images": None} == {**record, "images": None}
    assert sum(images["ink"]) == 30
    assert summary.predictions == folder


def test_the_manifest_has_rows_and_sha_256_of_each_part(
    digits_folder: Path, tmp_path: Path
) -> None:
    """Those that other programs compute."""
    mnist_batch.predict(digits_folder, f"{tmp_path}/all/", report=False)
    manifest = json.loads((tmp_path / "all" / MANIFEST).read_text())
    assert [part["rows"] for part in manifest["parts"]] == [8, 8, 8, 6]
    for part in manifest["parts"]:
        content = (tmp_path / "all" / part["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == part["sha256"]
    assert (manifest["number_of_parts"], manifest["shard"]) == (4, None)
    assert len(manifest["run"]) == 16


@pytest.mark.parametrize("report", [True, False])
def test_the_bytes_of_parts_are_those_of_any_run(
    digits_folder: Path, tmp_path: Path, *, report: bool
) -> None:
    """Of a copy of the input, with another batch size, with a report or without."""
    mnist_batch.predict(digits_folder, f"{tmp_path}/one/", report=False, batch_size=5)
    shutil.copytree(digits_folder, tmp_path / "copy", copy_function=shutil.copyfile)
    mnist_batch.predict(tmp_path / "copy", f"{tmp_path}/two/", report=report, workers=1)
    assert _bytes_of_parts(tmp_path / "one") == _bytes_of_parts(tmp_path / "two")


def test_a_run_that_is_resumed_writes_the_same_parts(digits_folder: Path, tmp_path: Path) -> None:
    """And the same report; nothing is there before, and nothing is left beside it."""
    out = f"{tmp_path}/all/"
    _cut_short(digits_folder, out, rows=26)
    assert not Path(out).exists()
    assert len([*staging_folder(Path(out)).glob("part-*.parquet")]) == 3
    summary = mnist_batch.predict(digits_folder, out, resume=True, batch_size=4)
    whole = mnist_batch.predict(digits_folder, f"{tmp_path}/whole/")
    assert "resumed: 24 of 30 rows were there already" in summary.notes
    assert _bytes_of_parts(Path(out)) == _bytes_of_parts(tmp_path / "whole")
    assert summary.profile == whole.profile
    assert summary.profile.ink is not None
    names = {"all", "all.report", "whole", "whole.report"}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_parts_of_a_single_file_are_no_files_of_a_folder(
    digits_folder: Path, tmp_path: Path
) -> None:
    """A run that was to write a file of the folder's name left them, and is the one to resume."""
    out = tmp_path / "all.parquet"
    _cut_short(digits_folder, str(out), rows=26)
    with pytest.raises(
        OutputError, match=r"cannot continue: \S+ was file, and is dataset now; pre"
    ):
        mnist_batch.predict(digits_folder, out, resume=True, batch_size=4, format="dataset")
    mnist_batch.predict(digits_folder, out, resume=True, batch_size=4)
    assert pq.read_metadata(out).num_rows == 30


def test_a_file_system_without_links_gets_copies(
    digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same files, that may be read as others may."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    mnist_batch.predict(digits_folder, f"{tmp_path}/linked/", report=False)
    monkeypatch.setattr(os, "link", refuse)
    mnist_batch.predict(digits_folder, f"{tmp_path}/copied/", report=False)
    assert _bytes_of_parts(tmp_path / "copied") == _bytes_of_parts(tmp_path / "linked")
    mask = os.umask(0)
    os.umask(mask)
    for path in [*(tmp_path / "copied").iterdir(), *(tmp_path / "linked").iterdir()]:
        assert path.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.fixture
def folders(digits_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """An output that is there."""
    mnist_batch.predict(digits_folder, f"{tmp_path}/all/", report=False)
    yield tmp_path / "all"


def test_predictions_that_are_there_are_replaced_when_told_to(
    digits_folder: Path, folders: Path
) -> None:
    """And refused otherwise, before anything is done."""
    with pytest.raises(OutputError, match="is not empty"):
        mnist_batch.predict(digits_folder, f"{folders}/", report=False)
    mnist_batch.predict(digits_folder, f"{folders}/", report=False, overwrite=True)
    with pytest.raises(OutputError, match="so there is nothing to resume"):
        mnist_batch.predict(digits_folder, f"{folders}/", report=False, resume=True)


def test_a_foreign_file_among_them_is_never_removed(digits_folder: Path, folders: Path) -> None:
    """Nor is a folder of Parquet files of which no manifest says that they are ours."""
    (folders / "notes.txt").touch()
    with pytest.raises(OutputError, match=r"holds notes\.txt, which no earlier run"):
        mnist_batch.predict(digits_folder, f"{folders}/", report=False, overwrite=True)
    (folders / "notes.txt").rename(folders / "part-00004.parquet")
    with pytest.raises(OutputError, match=r"holds part-00004\.parquet, which no earlier run"):
        mnist_batch.predict(digits_folder, f"{folders}/", report=False, overwrite=True)
    (folders / "part-00004.parquet").unlink()
    (folders / MANIFEST).unlink()
    with pytest.raises(OutputError, match="which no earlier run wrote"):
        mnist_batch.predict(digits_folder, f"{folders}/", report=False, overwrite=True)


def test_a_folder_within_the_input_is_refused(digits_folder: Path) -> None:
    """The next run would read its parts."""
    with pytest.raises(OutputError, match="lies in the INPUT folder"):
        mnist_batch.predict(digits_folder, f"{digits_folder}/all/", report=False)


def test_no_rows_are_a_folder_with_the_columns(tmp_path: Path) -> None:
    """As they are a file with them; it reads as a table."""
    (tmp_path / "nothing").mkdir()
    pq.write_table(
        pa.table({"image": pa.array([], pa.binary())}), tmp_path / "nothing" / "a.parquet"
    )
    mnist_batch.predict(tmp_path / "nothing", tmp_path / "all", format="dataset", report=False)
    table = pa_dataset.dataset(tmp_path / "all").to_table()
    assert len(table) == 0
    assert table.schema.names[:4] == ["source", "row", "label", "prediction"]
