"""The finished parts of an output on object storage: kept, resumed, removed, and nobody else's."""

import io
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts
from mnist_batch.remote import attempts
from tests.support.fault_proxy import Fault, FaultProxy, Request
from tests.support.s3_server import Bucket


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)


def _stop_at(rows: int) -> Callable[[Progress], None]:
    def stop(progress: Progress) -> None:
        if progress.done >= rows:
            raise KeyboardInterrupt

    return stop


def _table(content: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(content))


def _whole(tmp_path: Path, digits_folder: Path, model: Path) -> pa.Table:
    path = tmp_path / "whole.parquet"
    mnist_batch.predict(digits_folder, path, model=model, report=False)
    return pq.read_table(path)


def _parts_of(bucket: Bucket, out: str) -> list[str]:
    """Return the numbers of the parts that are kept."""
    return [key.split("-")[2] for key in bucket.objects(f"{out}.staging/part-")]


@pytest.mark.parametrize("out", ["a/out.parquet", "a/out/"])
def test_an_interrupted_run_is_resumed(
    tmp_path: Path, digits_folder: Path, model: Path, bucket: Bucket, out: str
) -> None:
    """From the parts that are there, to the predictions of an undisturbed one; nothing is left."""
    address, key = f"{bucket.url}/{out}", out.rstrip("/")
    with pytest.raises(KeyboardInterrupt):
        mnist_batch.predict(
            digits_folder, address, model=model, report=False, progress=_stop_at(20), workers=1
        )
    kept = _parts_of(bucket, key)
    assert kept[:2] == ["000000", "000001"]
    assert len(kept) < 4
    assert not any(name.startswith(f"{key}/") or name == key for name in bucket.objects())
    summary = mnist_batch.predict(digits_folder, address, model=model, report=False, resume=True)
    assert any("of 30 rows were there already" in note for note in summary.notes)
    found = bucket.objects()
    assert not any(".staging" in name for name in found)
    tables = [_table(found[name]) for name in found if name.endswith(".parquet")]
    expected = _whole(tmp_path, digits_folder, model)
    assert pa.concat_tables(tables).equals(expected)


def test_parts_that_are_not_resumed_are_removed(
    digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """A note says so."""
    out = f"{bucket.url}/out.csv"
    with pytest.raises(KeyboardInterrupt):
        mnist_batch.predict(
            digits_folder, out, model=model, report=False, progress=_stop_at(20), workers=1
        )
    summary = mnist_batch.predict(digits_folder, out, model=model, report=False)
    assert any("that an interrupted run had finished were removed" in n for n in summary.notes)
    assert [*bucket.objects()] == ["out.csv"]


def test_a_damaged_part_is_predicted_again(
    tmp_path: Path, digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """So is one of another run; a note names each."""
    out = f"{bucket.url}/out.parquet"
    with pytest.raises(KeyboardInterrupt):
        mnist_batch.predict(
            digits_folder, out, model=model, report=False, progress=_stop_at(20), workers=1
        )
    (first, content), *_ = bucket.objects("out.parquet.staging/part-").items()
    bucket.put(first, content[:-1])
    other = f"out.parquet.staging/part-{'0' * 16}-000003-6-00000000.arrow"
    bucket.put(other, b"late")
    summary = mnist_batch.predict(digits_folder, out, model=model, report=False, resume=True)
    damaged = [note for note in summary.notes if "predicted again" in note]
    assert [note.partition(": ")[2].partition(";")[0] for note in damaged] == [
        "of another run",
        "damaged",
    ]
    assert _table(bucket.get("out.parquet")).equals(_whole(tmp_path, digits_folder, model))


@pytest.mark.parametrize("name", ["mine.txt", "manifest.json", "a/part.arrow"])
def test_foreign_objects_are_never_removed(
    digits_folder: Path, model: Path, bucket: Bucket, name: str
) -> None:
    """They stop the run before anything is done."""
    bucket.put(f"out.csv.staging/{name}", b"mine")
    with pytest.raises(OutputError, match=f"holds {name}, which no run left there"):
        mnist_batch.predict(digits_folder, f"{bucket.url}/out.csv", model=model)
    assert bucket.objects() == {f"out.csv.staging/{name}": b"mine"}


def test_of_two_runs_the_one_that_began_last_commits(
    digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """The other one ends with a line, and leaves all to it."""
    out = f"{bucket.url}/out.csv"
    later = list[mnist_batch.Summary]()

    def begin_another(progress: Progress) -> None:
        if not later:
            later.append(mnist_batch.predict(digits_folder, out, model=model, report=False))

    with pytest.raises(OutputError, match=r"removed by another run in mid-run; predict again"):
        mnist_batch.predict(digits_folder, out, model=model, report=False, progress=begin_another)
    assert later[0].metrics.rows == 30
    assert bucket.get("out.csv").count(b"\n") == 31


def test_a_run_whose_options_changed_is_not_resumed(
    digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """A line says what changed, and the parts stay."""
    out = f"{bucket.url}/out.csv"
    with pytest.raises(KeyboardInterrupt):
        mnist_batch.predict(
            digits_folder, out, model=model, report=False, progress=_stop_at(20), workers=1
        )
    before = bucket.objects()
    with pytest.raises(OutputError, match=r"batch-size was 2048, and is 7 now"):
        mnist_batch.predict(
            digits_folder, out, model=model, report=False, resume=True, batch_size=7
        )
    assert bucket.objects() == before


def test_parts_that_are_left_are_read_several_at_once(
    digits_folder: Path, model: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else thousands of them would each cost the way of a request and its answer."""
    out, together = f"{bucket.url}/out.csv", threading.Barrier(2)
    met, first_two = list[int](), iter(range(2))

    def meet(request: Request) -> None:
        is_part = request.method == "GET" and "/part-" in request.path
        if is_part and next(first_two, None) is not None:
            met.append(together.wait(timeout=120))

    with FaultProxy(bucket.endpoint, meet) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with pytest.raises(KeyboardInterrupt):
            mnist_batch.predict(
                digits_folder, out, model=model, report=False, progress=_stop_at(25), workers=1
            )
        mnist_batch.predict(digits_folder, out, model=model, report=False, resume=True)
    assert sorted(met) == [0, 1]


def test_of_two_runs_that_end_at_once_one_commits(
    digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """The one whose request to commit is the first; the other one leaves all to it."""
    out = f"{bucket.url}/out.csv"

    def commit_another(_: Progress) -> None:
        bucket.put("out.csv.staging/committed", b'["of the other one", []]')

    with pytest.raises(OutputInUseError, match="another run has begun to write it"):
        mnist_batch.predict(digits_folder, out, model=model, report=False, progress=commit_another)
    left = bucket.objects()
    assert "out.csv" not in left
    assert left["out.csv.staging/committed"] == b'["of the other one", []]'
    # It ended, so that the next run has the output to itself.
    mnist_batch.predict(digits_folder, out, model=model, report=False, resume=True)
    assert [*bucket.objects()] == ["out.csv"]


@pytest.mark.parametrize("out", ["out.parquet", "out/"])
def test_an_interrupted_run_does_not_wait_for_a_store_that_hangs(
    digits_folder: Path,
    model: Path,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    out: str,
) -> None:
    """What it cleans up may stay: it ends after a moment, and the next run goes on from there."""
    monkeypatch.setattr(attempts, "LAST_PATIENCE", timedelta(seconds=0.1))
    interrupted, over = threading.Event(), threading.Event()
    waited_for = list[Request]()

    def hang(request: Request) -> Fault | None:
        if not interrupted.is_set():
            return None
        if not over.wait(50):
            waited_for.append(request)
        return Fault(is_refused=True)  # the store carries out nothing late, in the next run's midst

    def stop(progress: Progress) -> None:
        if progress.done >= 20:
            interrupted.set()
            raise KeyboardInterrupt

    address = f"{bucket.url}/{out}"
    predict = partial(mnist_batch.predict, digits_folder, address, model=model, report=False)
    with FaultProxy(bucket.endpoint, faults=hang) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        try:
            with pytest.raises(KeyboardInterrupt):
                predict(progress=stop, workers=1)
            assert not waited_for
        finally:
            over.set()
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    predict(resume=True)
    assert not any(".staging" in name for name in bucket.objects())
