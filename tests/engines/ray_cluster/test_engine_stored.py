"""A cluster predicts from object storage to object storage, the driver killed and resumed."""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.synthetic import generator
from tests.support import s3_server
from tests.support.command import run
from tests.support.crashing import mark
from tests.support.ray_cluster import RayCluster, why_not

if _why := why_not():
    pytest.skip(_why, allow_module_level=True)

_PORT = 9000  # in the network of the cluster, where nobody else listens
_ENDPOINT = f"http://127.0.0.1:{_PORT}"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty digits, seven parts of eight and one of four, all of them marked for deeds."""
    folder = tmp_path_factory.mktemp("marked") / "digits"
    generator.write_folder(folder, 60)
    mark([*folder.rglob("*.png")])
    return folder


@pytest.fixture(scope="module")
def cluster(digits: Path) -> Iterator[RayCluster]:
    """Three nodes of one CPU, and a store with the digits beside them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment_of(_ENDPOINT).items():
            patch.setenv(name, value)
        with RayCluster(3) as started, s3_server.s3_server(started.inside, _PORT):
            _move(started, "put", digits, "in")
            yield started


def _move(cluster: RayCluster, what: str, folder: Path, key: str) -> None:
    line = [sys.executable, "-m", s3_server.__name__, what, _ENDPOINT, "digits", str(folder), key]
    subprocess.run(cluster.inside(line), check=True)


def _found(cluster: RayCluster, folder: Path, key: str) -> list[str]:
    """Download what begins with a key, and return the names."""
    _move(cluster, "get", folder, key)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_driver_that_is_killed_leaves_no_output_and_is_resumed(
    cluster: RayCluster, digits: Path, tmp_path: Path
) -> None:
    """To the rows that threads predict from a folder: the parts are those of the manifest."""
    flag, image = tmp_path / "flag", digits / "5" / "00055.png"
    deed = f"if content == {image.read_bytes()!r} and once({str(flag)!r}): time.sleep(600)"
    line = ("predict", "s3://digits/in", "--out", "s3://digits/out/", "--no-report", "--json")
    process = cluster.start(*line, deed=deed)
    until = time.monotonic() + 60
    while not flag.exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    process.communicate()
    left = _found(cluster, tmp_path / "left", "out")
    assert all(name.startswith("out.staging/") for name in left)
    assert any(name.startswith("out.staging/part-") for name in left)

    done = cluster.run(*line, "--resume")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    (note,) = json.loads(done.stdout)["notes"]
    assert note.startswith("resumed: ")
    there = tmp_path / "there"
    names = _found(cluster, there, "out")
    assert names == [
        "out/_SUCCESS",
        "out/_manifest.json",
        *(f"out/part-{number:05}.parquet" for number in range(8)),
    ]
    parts = json.loads((there / "out" / "_manifest.json").read_bytes())["parts"]
    contents = [there / "out" / part["name"] for part in parts]
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in contents]
    assert sums == [part["sha256"] for part in parts]

    here = tmp_path / "here.parquet"
    assert run("predict", digits, "--out", here, "--no-report").returncode == 0
    found = pa.concat_tables([pq.read_table(path) for path in contents])
    expected = pq.read_table(here).replace_schema_metadata()
    assert found.replace_schema_metadata().equals(expected)


def test_a_file_and_its_report_are_those_of_threads(
    cluster: RayCluster, digits: Path, tmp_path: Path
) -> None:
    """What workers bring to the store is joined by the driver."""
    done = cluster.run("predict", "s3://digits/in", "--out", "s3://digits/a/one.csv")
    assert (done.returncode, done.stderr) == (0, "")
    _found(cluster, tmp_path, "a/")
    assert run("predict", digits, "--out", tmp_path / "here.csv").returncode == 0
    assert (tmp_path / "a" / "one.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    for name in ("samples.png", "confusion_matrix.png", "per_class.csv"):
        made = [tmp_path / folder / name for folder in ("a/one.report", "here.report")]
        assert made[0].read_bytes() == made[1].read_bytes()
