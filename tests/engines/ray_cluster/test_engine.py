"""A cluster of three nodes predicts what threads predict."""

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.command import run
from tests.support.ray_cluster import RayCluster
from tests.support.ray_runs import held_up, rows, wait_for


def test_a_cluster_predicts_what_threads_do(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Bit for bit, with the same report; standard output is the result alone."""
    out = tmp_path / "out.parquet"
    done = cluster.run("predict", digits, "--out", out, "--json", "--memory", "1G")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["rows"] == 60
    assert pq.read_table(out).replace_schema_metadata().equals(expected.replace_schema_metadata())
    pictures = [
        (folder / "samples.png").read_bytes()
        for folder in (tmp_path / "out.report", digits.parent / "here.report")
    ]
    assert pictures[0] == pictures[1]
    assert not (tmp_path / "out.parquet.staging").exists()


_PROGRAM = """
import faulthandler, logging, os, signal, sys
import ray
from ray._private import worker
import mnist_batch

def state():
    level, handler = logging.getLogger("ray").level, signal.getsignal(signal.SIGTERM)
    usage, printed = os.environ.get("RAY_USAGE_STATS_ENABLED"), worker.print_to_stdstream
    by_value = ray.cloudpickle.list_registry_pickle_by_value()
    return level, handler, usage, printed, by_value, faulthandler.is_enabled(), ray.is_initialized()

digits, one, other = sys.argv[1:]
os.environ["RAY_USAGE_STATS_ENABLED"] = "of the program"
before = state()
mnist_batch.predict(digits, one, engine="ray", report=False)
assert state() == before, (state(), before)
ray.init(os.environ["RAY_ADDRESS"], log_to_driver=False, logging_level="WARNING")
before = state()
mnist_batch.predict(digits, other, engine="ray", report=False)
assert state() == before, (state(), before)
assert ray.is_initialized()
"""


def test_a_program_finds_its_ray_as_it_was(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Whether it is connected to the cluster itself, or not; what Ray logs is its own affair."""
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    done = cluster.run_program(_PROGRAM, digits, one, other)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert rows(one) == rows(other) == rows(expected)


def test_a_run_whose_driver_is_terminated_goes_on_from_its_parts(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """It ends with the status and the lines that threads have, though Ray takes over SIGTERM."""
    out, staging = tmp_path / "out.parquet", tmp_path / "out.parquet.staging"
    how = "predict", digits, "--out", out, "--no-report"
    process = cluster.start(*how, deed=held_up(digits))
    wait_for(lambda: len([*staging.glob("part-*.arrow")]) >= 2)
    process.terminate()
    _, said = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    kept, interrupted = said.splitlines()
    assert kept.endswith("rows are finished and kept; --resume goes on from there")
    assert interrupted == "interrupted"
    done = cluster.run(*how, "--resume", "--json")
    assert done.returncode == 0
    assert any(note.startswith("resumed: ") for note in json.loads(done.stdout)["notes"])
    assert rows(out) == rows(expected)
    assert not staging.exists()


def _with_store(cluster: RayCluster, bucket: str, what: str, argument: object) -> None:
    words = [sys.executable, "-m", "tests.support.ray_store", cluster.endpoint, bucket, what]
    subprocess.run(cluster.inside([*words, str(argument)]), env=cluster.environ, check=True)


def test_from_object_storage_to_object_storage(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Killed and resumed; no reader sees an output before all of it is there."""
    _with_store(cluster, "handwriting", "put", digits)
    before, after = tmp_path / "before", tmp_path / "after"
    how = "predict", "s3://handwriting/digits", "--out", "s3://handwriting/out/", "--no-report"
    process = cluster.start(*how, deed=held_up(digits))
    _with_store(cluster, "handwriting", "wait", 2)
    process.kill()
    process.wait()
    _with_store(cluster, "handwriting", "get", before)
    assert {path.name for path in before.iterdir()} == {"digits", "out.staging"}
    done = cluster.run(*how, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert any(note.startswith("resumed: ") for note in json.loads(done.stdout)["notes"])
    _with_store(cluster, "handwriting", "get", after)
    assert {path.name for path in after.iterdir()} == {"digits", "out"}
    assert rows(pq.read_table([*sorted(after.glob("out/*.parquet"))])) == rows(expected)
    parts = json.loads((after / "out" / "_manifest.json").read_bytes())["parts"]
    sums = [hashlib.sha256((after / "out" / one["name"]).read_bytes()) for one in parts]
    assert [one.hexdigest() for one in sums] == [one["sha256"] for one in parts]


def test_a_file_on_object_storage_and_its_report_are_those_of_threads(
    cluster: RayCluster, tmp_path: Path, digits: Path
) -> None:
    """What workers bring there is joined by the driver."""
    _with_store(cluster, "joined", "put", digits)
    done = cluster.run("predict", "s3://joined/digits", "--out", "s3://joined/a/one.csv")
    assert (done.returncode, done.stderr) == (0, "")
    _with_store(cluster, "joined", "get", tmp_path / "there")
    here, there = tmp_path / "here", tmp_path / "there" / "a"
    assert run("predict", digits, "--out", here / "one.csv").returncode == 0
    names = {path.relative_to(here) for path in here.rglob("*.*") if path.is_file()}
    assert names == {path.relative_to(there) for path in there.rglob("*.*") if path.is_file()}
    for name in ("one.csv", "one.report/samples.png", "one.report/per_class.csv"):
        assert (there / name).read_bytes() == (here / name).read_bytes()


def test_without_a_cluster_the_command_says_how_to_start_one(
    tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts none, and writes nothing."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    done = run("predict", digits, "--out", tmp_path / "out.parquet", "--engine", "ray")
    assert done.returncode == 1
    assert done.stderr == (
        "error: --engine ray: no cluster is named; pass its address as --ray-address or in "
        "RAY_ADDRESS; to start one: ray start --head\n"
    )
    assert [*tmp_path.iterdir()] == []
