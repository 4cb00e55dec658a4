"""A cluster of three nodes predicts what threads predict, whatever becomes of its processes."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.command import run
from tests.support.ray_cluster import RayCluster, why_not

if _why := why_not():
    pytest.skip(_why, allow_module_level=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Three nodes."""
    with RayCluster(3) as started:
        yield started


def test_a_cluster_predicts_what_threads_do(
    cluster: RayCluster, tmp_path: Path, digits_folder: Path
) -> None:
    """Bit for bit."""
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    run("predict", digits_folder, "--out", here)
    done = cluster.run("predict", digits_folder, "--out", there)
    assert (done.returncode, done.stderr) == (0, "")
    expected, found = pq.read_table(here), pq.read_table(there)
    assert found.replace_schema_metadata().equals(expected.replace_schema_metadata())
