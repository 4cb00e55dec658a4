"""The command writes to object storage, and says where."""

import json
from pathlib import Path

import pytest

from mnist_batch.cli.predict import _naming_kept_rows
from mnist_batch.errors import MachineError
from tests.support.command import run
from tests.support.s3_server import Bucket


def test_predictions_and_report_are_where_the_options_say(
    tmp_path: Path, digits_folder: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In JSON and in words alike; on this machine nothing is left."""
    monkeypatch.chdir(tmp_path)
    there = bucket.url
    done = run(
        *("predict", digits_folder, "--out", f"{there}/a.csv", "--report", f"{there}/r/", "--json")
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["predictions_file"] == f"{there}/a.csv"
    assert f"{there}/r/metrics.json" in told["report_files"]
    done = run("predict", digits_folder, "--out", f"{there}/b/")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["predictions", f"{there}/b"] in lines
    assert ["report", f"{there}/b.report"] in lines
    found = bucket.objects()
    assert {"a.csv", "r/index.html", "b/_SUCCESS", "b.report/index.html"} <= {*found}
    assert f"--out {there}/b/" in found["b.report/index.html"].decode()
    assert list(tmp_path.iterdir()) == []


def test_what_only_this_machine_holds_is_refused(
    tmp_path: Path, digits_folder: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a line each, and nothing is made of an address."""
    monkeypatch.chdir(tmp_path)
    there = bucket.url
    for line in (
        ["predict", digits_folder, "--out", f"{there}/a.csv", "--save-prepared", f"{there}/p"],
        ["train", "--data", digits_folder, "--out", f"{there}/a.h5"],
    ):
        done = run(*line)
        assert done.returncode == 1
        assert "this machine" in done.stderr
        assert done.stderr.count("\n") == 1
    assert bucket.objects() == {}
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_or_a_store_that_is_not_there_is_one_line(
    digits_folder: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose credentials are in no line."""
    done = run("predict", digits_folder, "--out", "s3://not-there/a.csv")
    assert done.returncode == 1
    assert done.stderr == (
        "error: s3://not-there/a.csv could not be written: no such bucket; name another place\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    done = run("predict", digits_folder, "--out", f"{bucket.url}/a.csv")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {bucket.url}/a.csv")
    assert "S3 cannot be reached" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        "predict IN --out S3://bkt/a.csv",
        "predict IN --out a.csv --report gcs://bkt/a",
        "predict IN --out a.csv --save-prepared s3://bkt/a",
        "pack IN --out s3://bkt/a.parquet",
        "train --data IN --out az://bkt/a.h5",
        "train --data IN --out a.h5 --report s3a://bkt/a",
        "compare a.csv b.csv --out s3://bkt/a",
        "nightly IN --runs abfs://c@a/runs",
        "history HF://bkt/runs",
    ],
)
def test_an_address_that_cannot_be_written_becomes_no_folder(
    digits_folder: Path, tmp_path: Path, line: str
) -> None:
    """One line names it whole."""
    words = [str(digits_folder) if word == "IN" else word for word in line.split()]
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {words[-1]}: ")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("quiet", [False, True])
def test_a_store_that_goes_in_the_middle_of_a_run_is_told_with_resume(
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quiet: bool,
) -> None:
    """The store, which does not answer any more, is not asked for what is kept there."""
    out = f"{bucket.url}/a/"
    with pytest.raises(MachineError), _naming_kept_rows(out, quiet=quiet):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        raise MachineError
    said = f"note: finished parts are kept in {bucket.url}/a.staging/; run again with --resume"
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith(said) for line in lines] == ([] if quiet else [True])
