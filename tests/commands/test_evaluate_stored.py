"""Predictions on object storage are evaluated as those on this machine are."""

import csv
from pathlib import Path

import pytest

import mnist_batch
from mnist_batch.errors import OutputError, PredictionsError
from tests.support.fault_proxy import FaultProxy
from tests.support.s3_server import Bucket


@pytest.mark.parametrize("out", ["a/out.parquet", "a/out.csv", "a/out/"])
def test_the_report_is_made_again_beside_them(
    digits_folder: Path, model: Path, bucket: Bucket, out: str
) -> None:
    """With the same files, and the address in all that is said."""
    address = f"{bucket.url}/{out}"
    predicted = mnist_batch.predict(digits_folder, address, model=model)
    before = bucket.objects("a/out.report/")
    with pytest.raises(OutputError, match="holds a report already"):
        mnist_batch.evaluate(address, images=digits_folder)
    summary = mnist_batch.evaluate(address, images=digits_folder, overwrite=True)
    assert (summary.predictions, summary.notes) == (address.rstrip("/"), [])
    assert summary.metrics.accuracy == predicted.metrics.accuracy
    assert sorted(summary.report_files) == sorted(predicted.report_files)
    after = bucket.objects("a/out.report/")
    for name in ("samples.png", "confusion_matrix.csv", "mistakes.csv"):
        assert after[f"a/out.report/{name}"] == before[f"a/out.report/{name}"]
    page = after["a/out.report/index.html"].decode()
    assert f"evaluate {address.rstrip('/')} " in page


def test_several_are_one_wherever_they_are(
    tmp_path: Path, digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """Their report has to be named; a second file of a name is another one."""
    here, there = tmp_path / "out.csv", f"{bucket.url}/out.csv"
    for out in (here, there):
        mnist_batch.predict(digits_folder, out, model=model, report=False)
    with pytest.raises(OutputError, match="2 predictions files: no place for their report"):
        mnist_batch.evaluate([here, there])
    summary = mnist_batch.evaluate([here, there], report=tmp_path / "report")
    assert (summary.predictions, summary.further_predictions) == (here, [there])
    assert summary.metrics.rows == 60
    with (tmp_path / "report" / "per_class.csv").open() as file:
        assert sum(int(row["support"]) for row in csv.DictReader(file)) == 60


def test_what_is_not_there_or_damaged_is_named_by_its_address(bucket: Bucket) -> None:
    """Not by a copy, which is gone by then."""
    bucket.put("damaged.parquet", b"PAR1")
    for name in ("none.parquet", "none/", "damaged.parquet"):
        address = f"{bucket.url}/{name}"
        with pytest.raises(PredictionsError, match=f"^{address.rstrip('/')}") as raised:
            mnist_batch.evaluate(address)
        assert "mnist-batch-" not in str(raised.value)
    with pytest.raises(PredictionsError, match=r"^s3://not-there/a\.csv: no such bucket"):
        mnist_batch.evaluate("s3://not-there/a.csv")


@pytest.mark.parametrize("lost", [["_SUCCESS"], ["_SUCCESS", "_manifest.json"]])
def test_a_folder_that_is_not_whole_is_refused_before_anything_is_fetched(
    digits_folder: Path,
    model: Path,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    lost: list[str],
) -> None:
    """As a run leaves it that is killed when it publishes."""
    out = f"{bucket.url}/a"
    mnist_batch.predict(digits_folder, f"{out}/", model=model, report=False)
    for name in lost:
        bucket.client.delete_object(Bucket=bucket.name, Key=f"a/{name}")
    with FaultProxy(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        for named in (out, f"{out}/"):
            with pytest.raises(PredictionsError, match=f"^{out}: is not whole"):
                mnist_batch.evaluate(named, report=False)
        assert not [one.path for one in proxy.requests if "part-" in one.path]
