"""Shards of any format: a toy format of one class and one line goes through every command."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import InputError
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs import formats, sources
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.files.states import file_states
from mnist_batch.inputs.formats import Format, one_by_one
from mnist_batch.inputs.shards import ReadSettings, Shard, sha256_of
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.outputs.parts import parts
from mnist_batch.outputs.parts.parts import parts_of
from mnist_batch.schema import ImageBatch
from mnist_batch.synthetic.generator import draw_digits

ROWS = 30


@dataclass(frozen=True)
class ToyShard(Shard):
    """Ten rows of a file of records, each a label and 784 pixels in bytes."""

    path: Path
    source: str
    first_row: int
    rows: int = 10
    encoded: bool = False

    @classmethod
    def open(cls, path: Path, source: str, settings: ReadSettings) -> "list[ToyShard]":
        """Return the shards of a file."""
        del settings
        rows, rest = divmod(path.stat().st_size, 785)
        if rest:
            raise InputError(f"{path}: expected records of 785 bytes")
        return [cls(path, source, first) for first in range(0, rows, 10)]

    def read_from(self) -> Sequence[str | bytes]:
        """Return file and place."""
        return [self.source, file_states([self.path]).tobytes(), str(self.first_row)]

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows."""
        records = np.frombuffer(self.path.read_bytes(), np.uint8).reshape(-1, 785)
        for start in range(self.first_row, self.first_row + self.rows, batch_size):
            stop = min(start + batch_size, self.first_row + self.rows)
            yield ImageBatch(
                source=pa.array([text_of_path(self.source)] * (stop - start)),
                row=pa.array(range(start, stop), pa.int64()),
                label=pa.array(records[start:stop, 0].astype(np.int8)),
                images=np.ascontiguousarray(records[start:stop, 1:]).reshape(-1, 28, 28),
                error=pa.nulls(stop - start, pa.string()),
            )


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one toy file, of a registered format; each shard makes a part."""
    toys = Format("toy files", {".toy"}, one_by_one(ToyShard.open))
    for registry in (formats, sources):  # which imports it
        monkeypatch.setattr(registry, "FORMATS", [*formats.FORMATS, toys])
    for module in ("shards", "joined"):
        monkeypatch.setattr(f"mnist_batch.inputs.{module}.SHARD_ROWS", 10)
    monkeypatch.setattr(parts, "BLOCKS", 0)
    images, labels = draw_digits(ROWS)
    records = np.hstack([np.reshape(labels, (-1, 1)), images.reshape(-1, 784)]).astype(np.uint8)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.toy").write_bytes(records.tobytes())
    return tmp_path / "in"


def test_it_is_predicted_as_the_same_images_in_parquet(toy: Path, tmp_path: Path) -> None:
    """Its rows in order, with labels and predictions."""
    records = np.frombuffer((toy / "a.toy").read_bytes(), np.uint8).reshape(-1, 785)
    pixels = pa.array([record[1:].tobytes() for record in records], pa.binary(784))
    pq.write_table(
        pa.table({"image": pixels, "label": pa.array(records[:, 0].astype(np.int64))}),
        tmp_path / "b.parquet",
    )
    tables = []
    for source in (toy, tmp_path / "b.parquet"):
        out = tmp_path / f"{source.name}.out.parquet"
        assert mnist_batch.predict(source, out, report=False).metrics.rows == ROWS
        tables.append(pq.read_table(out))
    assert set(tables[0]["source"].to_pylist()) == {"a.toy"}
    others = [name for name in tables[0].column_names if name != "source"]
    assert tables[0].select(others).equals(tables[1].select(others))


def test_it_is_resumed_to_the_same_bytes(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interrupt behind the first part, whose rows are not predicted again."""
    whole, out = tmp_path / "whole.csv", tmp_path / "out.csv"
    mnist_batch.predict(toy, whole, workers=1, report=False)

    def interrupt(progress: Progress) -> None:
        if progress.done > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mnist_batch.predict(toy, out, workers=1, report=False, progress=interrupt)
    read: list[int] = []
    read_all = ToyShard.read

    def noted(self: ToyShard, batch_size: int) -> Iterator[ImageBatch]:
        read.append(self.first_row)
        return read_all(self, batch_size)

    monkeypatch.setattr(ToyShard, "read", noted)
    mnist_batch.predict(toy, out, workers=1, report=False, resume=True)
    assert read
    assert 0 not in read
    assert out.read_bytes() == whole.read_bytes()


def test_a_changed_file_is_not_resumed(toy: Path, tmp_path: Path) -> None:
    """Its fingerprint differs."""
    [before, *_] = open_inputs([toy]).shards
    fingerprint = before.fingerprint()
    (toy / "a.toy").write_bytes((toy / "a.toy").read_bytes() + bytes(785 * 10))
    assert before.fingerprint() != fingerprint == fingerprint.lower()


def test_it_is_packed_and_inspected(toy: Path, tmp_path: Path) -> None:
    """A packed file predicts as it does; all of its rows are counted."""
    mnist_batch.pack(toy, tmp_path / "packed.parquet")
    packed = pq.read_table(tmp_path / "packed.parquet")
    assert packed["row"].to_pylist() == list(range(ROWS))
    assert set(packed["source"].to_pylist()) == {"a.toy"}
    assert mnist_batch.inspect_input(toy).rows == ROWS


def test_its_images_are_found_again_for_a_report(toy: Path, tmp_path: Path) -> None:
    """Evaluating with `--images` draws samples, and refuses other images."""
    out = tmp_path / "out.parquet"
    mnist_batch.predict(toy, out, report=False)
    mnist_batch.evaluate(out, report=tmp_path / "report", images=toy)
    assert (tmp_path / "report" / "samples.png").is_file()
    (toy / "a.toy").rename(toy / "b.toy")
    with pytest.raises(InputError, match=r"has b\.toy \(row \d+\) where the predictions have a"):
        mnist_batch.evaluate(out, report=tmp_path / "other", images=toy)


def test_a_file_that_cannot_be_opened_is_a_row(toy: Path) -> None:
    """Or the end of the run, if there is no other."""
    (toy / "b.toy").write_bytes(b"short")
    opened = open_inputs([toy])
    assert (opened.rows, opened.uncounted) == (ROWS + 1, ["b.toy"])
    (batch,) = opened.shards[-1].read(7)
    assert batch.error.to_pylist() == ["unreadable file: expected records of 785 bytes"]
    (toy / "a.toy").unlink()
    with pytest.raises(InputError, match=r"b\.toy: expected records of 785 bytes"):
        open_inputs([toy])


def test_rows_are_taken_and_named_by_their_places(toy: Path) -> None:
    """By reading, where a format knows no better way."""
    shard = open_inputs([toy]).shards[1]
    assert shard.place(3) == ("a.toy", 13)
    with pytest.raises(IndexError):
        shard.place(10)
    for batch_size in (1, 3, 20):
        taken = shard.take(np.array([2, 3, 9]))
        assert taken.rows == 3
        rows = [row for batch in taken.read(batch_size) for row in batch.row.to_pylist()]
        assert rows == [12, 13, 19]
    assert list(shard.take(np.zeros(0, np.int64)).read(5)) == []


def test_shards_of_a_format_become_parts(toy: Path) -> None:
    """Each of as many rows as a shard of image files."""
    found = parts_of(open_inputs([toy]).shards, block_rows=1)
    assert [part.rows for part in found] == [10, 10, 10]


def test_texts_count_with_their_lengths() -> None:
    """So that no other texts are the same bytes: the SHA-256 of `2 ab1 c`, by coreutils."""
    expected = "1ed4c7358c05c0b11ed88a8718a5eeaacd4021b38d8afc5cfc51ce57f61cd416"
    assert sha256_of(["ab", b"c"]) == expected != sha256_of(["a", "bc"])


def test_a_listed_file_that_is_not_there_is_a_row(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the format: its opener may raise what the system raises."""
    listed = io.BytesIO(f"{toy / 'a.toy'}\n{toy / 'gone.toy'}\n".encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(listed))
    *_, missing = open_inputs(["-"]).shards
    (batch,) = missing.read(8)
    assert batch.error.to_pylist() == ["missing file"]
