"""Shards on object storage: joined as those on this machine are, and named where they are."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import OutputError, PredictionsError
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts
from mnist_batch.outputs.stored.copies import shards_here
from tests.support.s3_server import Bucket


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)


@pytest.fixture
def shards(digits_folder: Path, model: Path, bucket: Bucket) -> list[str]:
    """Two shards in a bucket."""
    named = [f"{bucket.url}/shard-{number}/" for number in (1, 2)]
    for number, out in enumerate(named, 1):
        mnist_batch.predict(digits_folder, out, model=model, shard=f"{number}/2", report=False)
    return named


@pytest.fixture
def whole(tmp_path: Path, digits_folder: Path, model: Path) -> pa.Table:
    """What one machine predicts."""
    mnist_batch.predict(digits_folder, tmp_path / "one.parquet", model=model, report=False)
    return pq.read_table(tmp_path / "one.parquet")


def test_they_are_joined_here(tmp_path: Path, shards: list[str], whole: pa.Table) -> None:
    """With the report, as of shards on this machine."""
    summary = mnist_batch.merge(shards, tmp_path / "all.parquet")
    assert pq.read_table(tmp_path / "all.parquet").equals(whole)
    assert summary.predictions == tmp_path / "all.parquet"
    assert (tmp_path / "all.report" / "index.html").exists()


def test_they_are_joined_there(shards: list[str], whole: pa.Table, bucket: Bucket) -> None:
    """Into an object or a folder, with a report beside it; nothing else is left."""
    for out in ("all.parquet", "all/"):
        summary = mnist_batch.merge(shards, f"{bucket.url}/{out}", overwrite=True)
        assert summary.predictions == f"{bucket.url}/{out}".rstrip("/")
        assert (summary.metrics.rows, [*summary.further_predictions]) == (30, [])
        assert summary.run is not None
        assert summary.run["shards"] == 2
        assert f"{bucket.url}/all.report/index.html" in summary.report_files
    found = bucket.objects()
    assert pq.read_table(io.BytesIO(found["all.parquet"])).equals(whole)
    names = [name for name in found if name.startswith("all/part-")]
    tables = [pq.read_table(io.BytesIO(found[name])) for name in names]
    assert pa.concat_tables(tables).to_pydict() == whole.to_pydict()
    assert json.loads(found["all/_manifest.json"])["shard"] is None
    assert not [name for name in found if "staging" in name]


def test_what_is_wrong_is_told_by_its_address(shards: list[str], bucket: Bucket) -> None:
    """Not by the copy, which is gone by then; nothing is written."""
    bucket.client.delete_object(Bucket=bucket.name, Key="shard-2/_SUCCESS")
    with (
        pytest.raises(PredictionsError, match=rf"^{bucket.url}/shard-2: is not whole"),
        shards_here([f"{bucket.url}/shard-1", f"{bucket.url}/shard-2"]),
    ):
        pass
    with pytest.raises(PredictionsError, match=f"{bucket.url}/shard-3 does not exist"):
        mnist_batch.merge([*shards[:1], f"{bucket.url}/shard-3"], f"{bucket.url}/all.csv")
    assert "all.csv" not in bucket.objects()


def test_an_output_in_a_shard_is_refused(shards: list[str]) -> None:
    """There as here."""
    with pytest.raises(OutputError, match="shard-2"):
        mnist_batch.merge(shards, f"{shards[1]}all.csv")
