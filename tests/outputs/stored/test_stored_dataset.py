"""A folder of predictions on object storage: whole with its mark, and nobody else's."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import OutputError
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts
from mnist_batch.remote import objects
from tests.support.s3_server import Bucket


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)


def _tables(contents: Sequence[bytes]) -> pa.Table:
    return pa.concat_tables(pq.read_table(io.BytesIO(content)) for content in contents)


def test_its_parts_are_those_of_a_folder_on_this_machine(
    tmp_path: Path, digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """Byte for byte, with their checksums in the manifest; nothing else is left."""
    here = tmp_path / "here"
    mnist_batch.predict(digits_folder, f"{here}/", model=model, report=False)
    summary = mnist_batch.predict(digits_folder, f"{bucket.url}/a/", model=model, report=False)
    assert summary.predictions == f"{bucket.url}/a"
    found = bucket.objects()
    assert [key.removeprefix("a/") for key in found] == sorted(p.name for p in here.iterdir())
    for path in here.glob("part-*"):
        assert found[f"a/{path.name}"] == path.read_bytes()
    manifests = [
        json.loads(one)
        for one in (found["a/_manifest.json"], (here / "_manifest.json").read_bytes())
    ]
    assert manifests[0]["parts"] == manifests[1]["parts"]
    assert len(manifests[0]["parts"]) == 4
    assert found["a/_SUCCESS"] == b""


def test_an_earlier_folder_is_replaced_on_demand(
    digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """And then no part of it stays."""
    out = f"{bucket.url}/a/"
    mnist_batch.predict(digits_folder, out, model=model, report=False)
    before = bucket.objects()
    with pytest.raises(OutputError, match="is not empty; name a new folder, or pass overwrite"):
        mnist_batch.predict(digits_folder, out, model=model, report=False)
    assert bucket.objects() == before
    (one, *_) = digits_folder.rglob("*.png")
    mnist_batch.predict(one, out, model=model, report=False, overwrite=True)
    assert [*bucket.objects()] == ["a/_SUCCESS", "a/_manifest.json", "a/part-00000.parquet"]


def test_the_mark_goes_before_all_else(
    digits_folder: Path, model: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a request of its own: one that deletes several has no order that readers can trust."""
    out = f"{bucket.url}/a/"
    mnist_batch.predict(digits_folder, out, model=model, report=False)
    calls: list[list[str]] = []
    monkeypatch.setattr(objects, "delete", lambda names: calls.append([*names]))
    with pytest.raises(OutputError, match="is not empty"):  # since nothing was deleted
        mnist_batch.predict(digits_folder, out, model=model, report=False, overwrite=True)
    of_folder = [call for call in calls if call and call[0].startswith(out)]
    assert of_folder[:2] == [[f"{out}_SUCCESS"], [f"{out}_manifest.json"]]


@pytest.mark.parametrize("name", ["part-00000.parquet", "mine.parquet", "a/_manifest.json"])
def test_what_no_run_wrote_is_never_touched(
    digits_folder: Path, model: Path, bucket: Bucket, name: str
) -> None:
    """Even where a folder is to be replaced."""
    bucket.put(f"a/{name}", b"mine")
    with pytest.raises(OutputError, match=f"holds {name}, which no earlier run wrote"):
        mnist_batch.predict(digits_folder, f"{bucket.url}/a/", model=model, overwrite=True)
    assert bucket.objects() == {f"a/{name}": b"mine"}


def test_a_folder_of_no_rows_has_a_part_with_the_columns(
    tmp_path: Path, model: Path, bucket: Bucket
) -> None:
    """As on this machine."""
    empty = tmp_path / "empty.parquet"
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), empty)
    mnist_batch.predict(empty, f"{bucket.url}/a/", model=model, report=False)
    found = bucket.objects()
    assert [*found] == ["a/_SUCCESS", "a/_manifest.json", "a/part-00000.parquet"]
    table = _tables([found["a/part-00000.parquet"]])
    assert (len(table), table.column_names[:2]) == (0, ["source", "row"])


def test_a_part_that_no_manifest_names_is_somebodys(
    digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """So is a manifest that is none."""
    out = f"{bucket.url}/a/"
    mnist_batch.predict(digits_folder, out, model=model, report=False)
    bucket.put("a/part-00099.parquet", b"mine")
    before = bucket.objects()
    with pytest.raises(OutputError, match=r"holds part-00099\.parquet, which no earlier run"):
        mnist_batch.predict(digits_folder, out, model=model, report=False, overwrite=True)
    assert bucket.objects() == before
    bucket.put("a/_manifest.json", b"{}")
    with pytest.raises(OutputError, match=r"holds _manifest\.json, which no earlier run"):
        mnist_batch.predict(digits_folder, out, model=model, report=False, overwrite=True)
