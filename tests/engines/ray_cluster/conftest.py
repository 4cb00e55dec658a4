"""A cluster, and what is predicted on it."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.synthetic import generator
from tests.support.command import run
from tests.support.crashing import mark
from tests.support.ray_cluster import RayCluster, why_not


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Three nodes of one CPU."""
    if why := why_not():
        pytest.skip(why)
    with RayCluster(3, looks_often=True) as started:
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
