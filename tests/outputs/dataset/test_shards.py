"""Folders of shards, refused with one line that names the one at fault."""

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, part_name
from mnist_batch.inputs.dataset.manifest import DatasetManifest, DatasetPart
from mnist_batch.outputs.dataset.shards import DatasetShards, _ranges, read_shards

RECORD: dict[str, Any] = {
    "version": "1.2.3",
    "model": {"name": "a.h5", "sha256": "ab"},
    "options": {"inputs": ["digits"], "prepare": "auto", "workers": 2},
    "versions": {"python": "3.11.9", "numpy": "2.1"},
}


def _shard(
    folder: Path, shard: str | None, parts: dict[int, list[int]], record: dict[str, Any] = RECORD
) -> Path:
    """Write a folder with parts, which are rows by the number of the part, of a run of four."""
    folder.mkdir()
    written = []
    for number, rows in parts.items():
        path = folder / part_name(number)
        pq.write_table(pa.table({"row": pa.array(rows, pa.int64())}), path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        written.append(DatasetPart(path.name, len(rows), sha256))
    manifest = DatasetManifest("0123456789abcdef", 4, shard, written, record)
    (folder / MANIFEST).write_text(manifest.text())
    (folder / SUCCESS).touch()
    return folder


def _shards(folder: Path) -> list[Path]:
    return [
        _shard(folder / "a", "1/3", {0: [0, 1]}),
        _shard(folder / "b", "2/3", {1: [2]}),
        _shard(folder / "c", "3/3", {2: [3, 4], 3: [5]}),
    ]


def _rows(shards: DatasetShards) -> list[int]:
    return [row for batch in shards.batches() for row in batch.column("row").to_pylist()]


def test_rows_and_files_are_in_the_order_of_the_parts(tmp_path: Path) -> None:
    """However the folders are named."""
    a, b, c = _shards(tmp_path)
    shards = read_shards([c, a, b])
    assert _rows(shards) == [0, 1, 2, 3, 4, 5]
    assert [path for path, _ in shards.files()] == [
        a / part_name(0),
        b / part_name(1),
        c / part_name(2),
        c / part_name(3),
    ]
    assert (shards.run, shards.number_of_parts) == ("0123456789abcdef", 4)


def test_a_whole_folder_is_the_only_shard(tmp_path: Path) -> None:
    """It can be made a file."""
    folder = _shard(tmp_path / "all", None, {0: [0], 1: [1], 2: [2], 3: [3]})
    assert _rows(read_shards([folder])) == [0, 1, 2, 3]


def test_a_share_of_no_part_adds_none(tmp_path: Path) -> None:
    """Its folder holds none."""
    folders = [
        _shard(tmp_path / f"{number}", f"{number}/5", {number - 2: [number]} if number > 1 else {})
        for number in range(1, 6)
    ]
    assert _rows(read_shards(folders)) == [2, 3, 4, 5]


def test_what_a_run_leaves_beside_its_shard_is_none(tmp_path: Path) -> None:
    """As `shard-*/` names it: the report, and parts of a run that was to replace the shard."""
    folders = _shards(tmp_path)
    for name in ("a.report", "c.staging"):
        (tmp_path / name).mkdir()
    assert _rows(read_shards(sorted(tmp_path.iterdir()))) == [0, 1, 2, 3, 4, 5]
    assert len(folders) == 3


def test_a_shard_that_is_unfinished_is_told(tmp_path: Path) -> None:
    """Its parts are there, and not yet in their folder."""
    *others, last = _shards(tmp_path)
    unfinished = last.rename(tmp_path / "c.staging")
    for name in (MANIFEST, SUCCESS):
        (unfinished / name).unlink()
    with pytest.raises(
        PredictionsError, match=r"c\.staging: holds the parts of a shard that is not"
    ):
        read_shards([*others, unfinished])


def test_a_run_without_rows_has_columns(tmp_path: Path) -> None:
    """Each folder holds a part without rows, for readers of the folder."""
    folders = [_shard(tmp_path / f"{number}", f"{number}/2", {0: []}) for number in (1, 2)]
    for folder in folders:
        _change(folder, lambda manifest: replace(manifest, number_of_parts=0))
    shards = read_shards(folders)
    assert (shards.schema.names, _rows(shards)) == (["row"], [])


def test_shards_without_any_part_are_refused(tmp_path: Path) -> None:
    """No run makes them: there is nothing to tell the columns."""
    folder = _shard(tmp_path / "a", "1/1", {})
    with pytest.raises(PredictionsError, match="a: none of the shards has a part"):
        read_shards([folder])


def _lack_one(folders: list[Path]) -> None:
    del folders[1]


def _lack_two(folders: list[Path]) -> None:
    del folders[1:]


def _name_twice(folders: list[Path]) -> None:
    folders.append(folders[0])


def _have_twin(folders: list[Path]) -> None:
    folders.append(_shard(folders[0].parent / "twin", "2/3", {1: [2]}))


def _be_of_four(folders: list[Path]) -> None:
    folders[1] = _shard(folders[0].parent / "four", "2/4", {1: [2]})


def _lack_a_mark(folders: list[Path]) -> None:
    (folders[1] / SUCCESS).unlink()


def _lack_a_part(folders: list[Path]) -> None:
    (folders[2] / part_name(3)).unlink()


def _damage_a_part(folders: list[Path]) -> None:
    (folders[2] / part_name(3)).write_bytes(b"PAR1")


def _be_no_shard(folders: list[Path]) -> None:
    _change(folders[1], lambda manifest: replace(manifest, shard="0/3"))


def _change(folder: Path, change: Callable[[DatasetManifest], DatasetManifest]) -> None:
    manifest = DatasetManifest.of((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_text(change(manifest).text())


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (list.clear, "no shard is named"),
        (_lack_one, 'shard 2/3 is missing; predict with shard="2/3"'),
        (_lack_two, 'shards 2-3 of 3 are missing; predict with shard="2/3", and name all'),
        (_name_twice, "a and .*a are both shard 1/3; name each shard once"),
        (_have_twin, "b and .*twin are both shard 2/3; name each shard once"),
        (_be_of_four, "four is shard 2/4, but .*a is shard 1/3"),
        (_lack_a_mark, "b: is not whole"),
        (_lack_a_part, r"c/part-00003\.parquet: cannot be read: No such file"),
        (_damage_a_part, r"c/part-00003\.parquet: is not the file that its manifest names"),
        (_be_no_shard, "b: its shard is '0/3': expected a share"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, harm: Callable[[list[Path]], object], message: str
) -> None:
    """Missing, there twice, of another cut, unfinished or damaged."""
    folders = _shards(tmp_path)
    harm(folders)
    with pytest.raises(PredictionsError, match=message) as raised:
        _rows(read_shards(folders))
    assert "\n" not in str(raised.value)


def test_parts_of_another_share_are_refused(tmp_path: Path) -> None:
    """A folder that says of itself what it is not."""
    folders = _shards(tmp_path)
    _change(
        folders[1], lambda manifest: replace(manifest, parts=[*manifest.parts, *manifest.parts])
    )
    with pytest.raises(
        PredictionsError, match="b: its parts are not those of shard 2/3 of 4 parts"
    ):
        _rows(read_shards(folders))


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"version": "1.2.4"}, "its version is 1.2.4, not 1.2.3"),
        (
            {"options": {**RECORD["options"], "prepare": "never"}},
            'it was predicted with prepare="never", and the other with prepare="auto"',
        ),
        (
            {"options": {**RECORD["options"], "probabilities": True}},
            "it was predicted with probabilities=True, and the other without probabilities=True",
        ),
        (
            {"options": {**RECORD["options"], "keep_columns": ["a", "b"]}},
            "it was predicted with keep_columns a b, and the other without keep_columns",
        ),
        ({"versions": {"python": "3.13.1", "numpy": "2.2"}}, "its numpy is 2.2, not 2.1"),
        (
            {"options": {**RECORD["options"], "inputs": ["/d"], "workers": 1}},
            "names, sizes or times of the files",
        ),
        ({"options": None}, "it was predicted without prepare, and the other with prepare="),
    ],
)
def test_a_foreign_shard_is_named_with_what_differs(
    tmp_path: Path, changes: dict[str, Any], difference: str
) -> None:
    """As far as the records tell; else it is the files that were read."""
    folders = _shards(tmp_path)
    _change(
        folders[1],
        lambda manifest: replace(manifest, run="f" * 16, record={**RECORD, **changes}),
    )
    with pytest.raises(PredictionsError, match=f"b is of another run than .*a: {difference}"):
        read_shards(folders)


def test_columns_and_rows_are_those_of_the_run(tmp_path: Path) -> None:
    """A part may be right by its sum, and yet be none of the run."""
    folders = _shards(tmp_path)
    path = folders[1] / part_name(1)
    for table in (pa.table({"row": ["2"]}), pa.table({"row": pa.array([2, 3], pa.int64())})):
        pq.write_table(table, path)
        part = DatasetPart(path.name, 1, hashlib.sha256(path.read_bytes()).hexdigest())
        _change(folders[1], partial(replace, parts=[part]))
        with pytest.raises(PredictionsError, match=r"part-00001\.parquet: its columns or rows"):
            _rows(read_shards(folders))


def test_a_manifest_may_say_anything(tmp_path: Path) -> None:
    """It is of a file: what it lacks is one line."""
    folders = _shards(tmp_path)
    (folders[1] / MANIFEST).write_text(json.dumps({"format": 1, "run": 7}))
    with pytest.raises(PredictionsError, match=r"b/_manifest\.json"):
        read_shards(folders)


def test_a_number_of_parts_is_not_believed(tmp_path: Path) -> None:
    """No name is made of parts that are not there: 300 million took 7.7 GB."""
    folder = _shard(tmp_path / "a", None, {0: [0]})
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "number_of_parts": 300_000_000}))
    tracemalloc.start()
    try:
        with pytest.raises(PredictionsError, match="are not those of shard 1/1 of 300,000,000"):
            [*read_shards([folder]).files()]
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_numbers_are_told_as_ranges() -> None:
    """As Slurm's --array takes them."""
    assert _ranges([1, 3, 4, 5, 7, 9, 10]) == "1,3-5,7,9-10"
