"""A cluster of three nodes predicts what threads predict, whatever becomes of its processes."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.synthetic import generator
from tests.support.command import run
from tests.support.crashing import KILL, mark
from tests.support.ray_cluster import RayCluster, why_not

if _why := why_not():
    pytest.skip(_why, allow_module_level=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Three nodes of one CPU."""
    with RayCluster(3) as started:
        yield started


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty digits, seven parts of eight and one of four, all of them marked for deeds."""
    folder = tmp_path_factory.mktemp("marked") / "digits"
    generator.write_folder(folder, 60)
    mark([*folder.rglob("*.png")])
    return folder


@pytest.fixture(scope="module")
def expected(digits: Path) -> pa.Table:
    """What threads predict."""
    out = digits.parent / "here.parquet"
    assert run("predict", digits, "--out", out).returncode == 0
    return pq.read_table(out)


def _rows(predictions: Path | pa.Table) -> list[dict[str, object]]:
    table = predictions if isinstance(predictions, pa.Table) else pq.read_table(predictions)
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


def _over(image: Path, flag: Path) -> str:
    """Return the condition that a worker is the first to decode an image."""
    return f"content == {image.read_bytes()!r} and once({str(flag)!r})"


def _held_up(digits: Path) -> str:
    """Return what workers do so that a run ends only by force: its last part takes an hour."""
    last = max(digits.rglob("*.png"))
    return f"content == {last.read_bytes()!r} and time.sleep(3600)"


def _wait_for(is_there: Callable[[], bool]) -> None:
    until = time.monotonic() + 300
    while not is_there():
        assert time.monotonic() < until
        time.sleep(0.02)


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


def _retried(done: subprocess.CompletedProcess[str]) -> str:
    """Return the note on tasks that were tried again, of a run that says nothing else."""
    assert done.returncode == 0, done.stderr
    (note,) = json.loads(done.stdout)["notes"]
    assert done.stderr == f"note: {note}\n"
    return str(note).removeprefix("tasks that were tried again: ")


def test_workers_that_are_killed_or_stopped_in_mid_part_cost_nothing(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Their parts are predicted again: at once, and when the deadline is met. Ray says nothing."""
    out = tmp_path / "out.parquet"
    killed = _over(digits / "1" / "00011.png", tmp_path / "killed")
    stopped = _over(digits / "4" / "00044.png", tmp_path / "stopped")
    done = cluster.run(
        *("predict", digits, "--out", out, "--no-report", "--json", "--part-timeout", 4),
        deed=f"if {killed}: {KILL}\nif {stopped}: {KILL.replace('KILL', 'STOP')}",
    )
    assert _retried(done) == "a worker died 1, met its deadline 1"
    assert _rows(out) == _rows(expected)


def test_a_node_that_is_lost_in_mid_part_costs_nothing(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Its part is predicted on another one."""
    out, flag = tmp_path / "out.parquet", tmp_path / "flag"
    # The driver is connected to the first node, and would be lost with it.
    first, whole = f"node != {cluster.nodes[0]!r} and once({str(flag) + '-'!r})", f"{flag}.tmp"
    tell = f"open({whole!r}, 'w').write(node); os.rename({whole!r}, {str(flag)!r})"
    deed = f"if {first}: {tell}; time.sleep(600)"
    process = cluster.start("predict", digits, "--out", out, "--no-report", "--json", deed=deed)
    _wait_for(flag.exists)
    cluster.remove(flag.read_text())
    cluster.nodes.append(cluster.add())
    said = process.communicate()
    done = subprocess.CompletedProcess("predict", process.returncode, *said)
    assert _retried(done) == "a node was lost 1"
    assert _rows(out) == _rows(expected)


def test_a_part_is_tried_elsewhere_where_a_node_does_not_see_its_files(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """Its rows would say that good images are missing. One worker sees none after its first."""
    out = tmp_path / "out.parquet"
    deed = f"""
if once({str(tmp_path / "blind")!r}):
    import numpy as np
    from mnist_batch.inputs import image_files
    image_files._read_at_once = lambda paths: None
    image_files.read_file = lambda path: (None, "missing file")
    image_files.file_states = lambda paths, portable: np.full((len(paths), 4), -1)
"""
    done = cluster.run("predict", digits, "--out", out, "--no-report", "--json", deed=deed)
    assert _retried(done).startswith("a node did not see the INPUT ")
    assert _rows(out) == _rows(expected)


def test_an_attempt_that_ends_late_changes_nothing(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """It writes the file that the one in its place writes, while that is being written."""
    out = tmp_path / "out.parquet"
    image, second = digits / "2" / "00022.png", tmp_path / "second"
    deed = f"""
if {_over(image, tmp_path / "first")}:
    while not os.path.exists({str(second)!r}):
        time.sleep(0.02)
elif {_over(image, second)}:
    time.sleep(1.5)
"""
    done = cluster.run(
        *("predict", digits, "--out", out, "--no-report", "--json", "--part-timeout", 3),
        deed=deed,
        cancels=False,
    )
    assert _retried(done) == "met its deadline 1"
    assert _rows(out) == _rows(expected)


def test_a_part_that_meets_its_deadline_each_time_ends_the_run(
    cluster: RayCluster, tmp_path: Path, digits: Path
) -> None:
    """In one line; what is finished stays."""
    out = tmp_path / "out.parquet"
    done = cluster.run(
        *("predict", digits, "--out", out, "--part-timeout", 1, "--workers", 1),
        deed="time.sleep(60)",
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: 8 rows from 0/")
    assert line.endswith("were not done within 1 s, 3 times; pass a longer --part-timeout")
    assert not out.exists()


def test_an_image_that_kills_each_worker_is_a_row_with_an_error(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """All other rows are as they were."""
    out = tmp_path / "out.parquet"
    crashing = (digits / "3" / "00033.png").read_bytes()
    deed = f"if content == {crashing!r}: {KILL}"
    done = cluster.run("predict", digits, "--out", out, "--no-report", "--json", deed=deed)
    assert done.returncode == 3
    before, after = _rows(expected), _rows(out)
    changed = [row for row, old in zip(after, before, strict=True) if row != old]
    assert [row["error"] for row in changed] == ["crashed the decoder"]


def test_a_run_whose_driver_is_terminated_goes_on_from_its_parts(
    cluster: RayCluster, tmp_path: Path, digits: Path, expected: pa.Table
) -> None:
    """It ends with the status and the lines that threads have, though Ray takes over SIGTERM."""
    out, staging = tmp_path / "out.parquet", tmp_path / "out.parquet.staging"
    how = "predict", digits, "--out", out, "--no-report"
    process = cluster.start(*how, deed=_held_up(digits))
    _wait_for(lambda: len([*staging.glob("part-*.arrow")]) >= 2)
    process.terminate()
    _, said = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    kept, interrupted = said.splitlines()
    assert kept.endswith("rows are finished and kept; --resume goes on from there")
    assert interrupted == "interrupted"
    done = cluster.run(*how, "--resume", "--json")
    assert done.returncode == 0
    assert any(note.startswith("resumed: ") for note in json.loads(done.stdout)["notes"])
    assert _rows(out) == _rows(expected)
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
    process = cluster.start(*how, deed=_held_up(digits))
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
    assert _rows(pq.read_table([*sorted(after.glob("out/*.parquet"))])) == _rows(expected)
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
