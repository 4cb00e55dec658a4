"""A part that stays a file of the output: rows and notes as they were written, and no more."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch.outputs.parts.part_file import PartIdentity, PartKind, read_part, write_part
from mnist_batch.schema import PREDICTIONS


def _rows(count: int) -> pa.RecordBatch:
    columns = {
        "source": ["a.png"] * count,
        "row": range(count),
        "label": [None] * count,
        "prediction": [3] * count,
        "confidence": [0.5] * count,
        "prepared": [False] * count,
        "error": [None] * count,
    }
    return pa.record_batch(columns, schema=PREDICTIONS)


def _write(folder: Path, run: str, number: int, ends: list[int], note: bytes) -> tuple[Path, int]:
    identity = PartIdentity(run, number, 20, PartKind.PARQUET)
    with write_part(folder, folder / "out", identity, PREDICTIONS) as writer:
        for start, end in zip([0, *ends], [*ends, 20], strict=True):
            writer.write(_rows(20).slice(start, end - start), note)
    assert writer.content is not None
    return folder / identity.file_name(writer.checksum), writer.checksum


def test_rows_come_back_with_the_sum_of_the_notes(tmp_path: Path) -> None:
    """Once, with the first rows."""
    path, checksum = _write(tmp_path, "f" * 16, 7, [3, 11], b'{"ink": [1, 2], "size": [5]}')
    assert path.name == f"part-{'f' * 16}-000007-20-{checksum:08x}.parquet"
    identity = PartIdentity("f" * 16, 7, 20, PartKind.PARQUET)
    first, *others = read_part(pa.py_buffer(path.read_bytes()), identity, checksum)
    assert json.loads(first.note) == {"ink": [3, 6], "size": [15]}
    assert all(not kept.note for kept in others)
    read = pa.Table.from_batches([first.predictions, *(kept.predictions for kept in others)])
    assert read.to_pydict() == _rows(20).to_pydict()


def test_the_bytes_depend_on_the_rows_alone(tmp_path: Path) -> None:
    """Neither on the run, nor on the number of the part, nor on where batches end."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, _ = _write(tmp_path / "one", "f" * 16, 7, [3, 11], b"")
    two, _ = _write(tmp_path / "two", "0" * 16, 1, [], b"")
    assert one.read_bytes() == two.read_bytes()
    assert [path.name for path in (tmp_path / "one").iterdir()] == [one.name]


def test_it_is_a_table_for_any_reader(tmp_path: Path) -> None:
    """With the types of the predictions."""
    path, _ = _write(tmp_path, "f" * 16, 0, [], b"")
    assert pq.read_table(path).schema.equals(PREDICTIONS)
