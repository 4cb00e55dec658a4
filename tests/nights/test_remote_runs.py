"""Nights of a folder of object storage are those of a folder of this machine."""

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import mnist_batch
from mnist_batch.errors import InputError, MachineError, OutputError, OutputInUseError
from mnist_batch.nights.night import Night
from mnist_batch.synthetic import generator
from tests.support.command import COMMAND
from tests.support.fault_proxy import Fault, FaultProxy, Request, always, first
from tests.support.nights import night, write_night
from tests.support.s3_server import Bucket


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred generated digits in class folders."""
    folder = tmp_path_factory.mktemp("digits") / "digits"
    generator.write_folder(folder, 100)
    return folder


@pytest.fixture
def proxy(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Stand between this process and the server of S3; boto3 goes around it."""
    with FaultProxy(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


def test_nights_there_have_the_files_and_the_verdicts_of_nights_here(
    bucket: Bucket, digits: Path, tmp_path: Path
) -> None:
    """Two nights and their page; of what lies there, nothing names a place of this machine."""
    runs = f"{bucket.url}/team/nights"
    here = [mnist_batch.nightly(digits, tmp_path / "nights", name=name) for name in "ab"]
    there = [mnist_batch.nightly(digits, runs, name=name) for name in "ab"]
    assert [one.night.gates for one in there] == [one.night.gates for one in here]
    assert there[1].night.against == here[1].night.against
    found = bucket.objects()
    paths = [path for path in (tmp_path / "nights").rglob("*.*") if path.is_file()]
    assert found.keys() == {f"team/{path.relative_to(tmp_path)}" for path in paths}
    assert not [name for name, content in found.items() if b"/mnist-batch-" in content]
    assert there[1].folder == f"{runs}/b"
    assert str(there[1].summary.predictions) == f"{runs}/b/predictions.parquet"
    assert there[1].pages["all nights"] == f"{runs}/index.html"
    assert there[1].pages.keys() == here[1].pages.keys()
    assert Night.of(json.loads(found["team/nights/b/run.json"])) == there[1].night


def test_predictions_are_fetched_of_the_base_alone(
    bucket: Bucket, proxy: FaultProxy, digits: Path, tmp_path: Path
) -> None:
    """However many nights there are, old ones that lost theirs among them: `--keep-nights`."""
    for name in "abc":
        mnist_batch.nightly(digits, tmp_path / "nights", name=name)
    runs = bucket.put_folder(tmp_path / "nights", "nights")
    mnist_batch.nightly(digits, runs, name="d", keep_nights=1)
    read = {request.path for request in proxy.requests if request.method == "GET"}
    assert {path for path in read if path.endswith(".parquet")} == {
        f"/{bucket.name}/nights/c/predictions.parquet"
    }
    kept = [name for name in bucket.objects() if name.endswith(".parquet")]
    assert kept == ["nights/d/predictions.parquet"]
    assert {f"nights/{name}/run.json" for name in "abcd"} <= bucket.objects().keys()


def test_a_name_is_of_one_run(bucket: Bucket, digits: Path) -> None:
    """It is refused where the night is there, and while another machine makes it."""
    runs = f"{bucket.url}/nights"
    first_night = mnist_batch.nightly(digits, runs)
    with pytest.raises(OutputError, match="exists already"):
        mnist_batch.nightly(digits, runs, name=first_night.night.name)
    bucket.put("nights/.mnist-batch/other", b"claimed")
    with pytest.raises(OutputInUseError, match=r"delete s3://.*/\.mnist-batch/other if"):
        mnist_batch.nightly(digits, runs, name="other")
    assert mnist_batch.nightly(digits, runs).night.name != first_night.night.name
    assert [name for name in bucket.objects() if ".mnist-batch" in name] == [
        "nights/.mnist-batch/other"
    ]


def test_a_night_in_the_making_is_none(bucket: Bucket, tmp_path: Path) -> None:
    """What another machine has uploaded so far, or left when it was killed, is passed over."""
    write_night(tmp_path / "nights", night(1), folder="a")
    runs = bucket.put_folder(tmp_path / "nights", "nights")
    bucket.put("nights/.mnist-batch/b", b"claimed")
    bucket.put("nights/b/predictions.parquet", b"PAR1")
    history = mnist_batch.history(runs)
    assert [row.night.name for row in history.nights] == ["a"]
    assert history.notes == []
    assert history.page == f"{runs}/index.html"


def test_the_name_of_a_killed_run_is_free_once_its_claim_is_deleted(
    bucket: Bucket, proxy: FaultProxy, digits: Path, tmp_path: Path
) -> None:
    """As the line says; somebody's own objects keep a name taken."""
    runs, killed = f"{bucket.url}/nights", threading.Event()

    def kill(request: Request) -> Fault | None:
        if request.method == "PUT" and "/a/predictions.report/" in request.path:
            killed.set()
            process.kill()
            return Fault(reset_after=0)
        return None

    proxy.faults = kill
    process = subprocess.Popen(
        [*COMMAND, "nightly", digits, "--runs", runs, "--name", "a", "--no-isolate"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    assert process.wait() == -signal.SIGKILL
    assert killed.is_set()
    proxy.faults = None
    left = bucket.objects("nights/a/")
    assert left
    assert "nights/a/run.json" not in left
    with pytest.raises(OutputInUseError, match="or delete") as raised:
        mnist_batch.nightly(digits, runs, name="a")
    (claim,) = re.findall(r"delete s3://[^/]+/(\S+) if", str(raised.value))
    bucket.client.delete_object(Bucket=bucket.name, Key=claim)
    bucket.put("nights/a/predictions.report/old.png", b"of the killed run")
    assert mnist_batch.nightly(digits, runs, name="a").night.status == 0
    found = bucket.objects("nights/a/")
    assert "nights/a/run.json" in found
    assert "nights/a/predictions.report/old.png" not in found
    bucket.put("nights/b/predictions.parquet", b"PAR1")
    bucket.put("nights/b/notes.txt", b"mine")
    with pytest.raises(OutputError, match="/b exists already"):
        mnist_batch.nightly(digits, runs, name="b")
    assert len(bucket.objects("nights/b/")) == 2


def test_names_that_climb_lead_nowhere(bucket: Bucket, tmp_path: Path) -> None:
    """Whoever writes into the bucket writes no file of this machine."""
    runs = f"{bucket.url}/nights"
    record = (write_night(tmp_path, night(1), folder="a") / "run.json").read_bytes()
    for name in ("a", ".hidden", "n" * 300, "a/b", "a/predictions.report/b"):
        bucket.put(f"nights/{name}/run.json", record)
    history = mnist_batch.history(runs)
    assert [row.night.name for row in history.nights] == ["a"]
    assert history.notes == []
    bucket.put("nights/../up/run.json", record)
    with pytest.raises(InputError, match=r"an empty part, `\.` or `\.\.`") as raised:
        mnist_batch.history(runs)
    assert str(raised.value).startswith(f"{runs}: holds an object")
    assert '"nights/../up/run.json"' in str(raised.value)


def test_a_network_that_fails_costs_time_alone(
    bucket: Bucket, proxy: FaultProxy, digits: Path
) -> None:
    """The reply to each request is lost once: the night is whole, and nothing else is left."""
    proxy.faults = first(1, Fault(reset_after=0))
    result = mnist_batch.nightly(digits, f"{bucket.url}/nights", name="a")
    assert result.night.status == 0
    assert not result.warnings
    written = [one.path for one in proxy.requests if one.method == "PUT" and "/a/" in one.path]
    are_records = [path.endswith("/nights/a/run.json") for path in written]
    assert are_records == sorted(are_records)  # the record, sent twice, comes last
    assert {"nights/a/run.json", "nights/index.html"} <= bucket.objects().keys()
    assert not [name for name in bucket.objects() if ".mnist-batch" in name]


def test_a_night_that_cannot_be_uploaded_is_none(
    bucket: Bucket, proxy: FaultProxy, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names what could not be written."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    proxy.faults = always(Fault(status=503), "PUT", "predictions.parquet")
    with pytest.raises(MachineError, match=r"/nights/a/predictions.parquet: .*503"):
        mnist_batch.nightly(digits, f"{bucket.url}/nights", name="a")
    assert bucket.objects() == {}


def test_inputs_and_nights_lie_apart(bucket: Bucket, digits: Path) -> None:
    """As in folders of this machine."""
    bucket.put_folder(digits, "digits")
    for inputs, runs in (("digits", "digits/nights"), ("digits/1", "digits"), ("a", "a")):
        with pytest.raises(OutputError, match="name another place"):
            mnist_batch.nightly(f"{bucket.url}/{inputs}", f"{bucket.url}/{runs}")
