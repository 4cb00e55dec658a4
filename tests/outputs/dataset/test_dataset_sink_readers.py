"""Programs that read data sets take a folder of predictions for one table, in order."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts


@pytest.fixture(scope="module")
def folder(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty predictions in four parts, and the single file beside them."""
    place = tmp_path_factory.mktemp("read")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_files, "SHARD_ROWS", 8)
        patch.setattr(image_files, "PART_SHARDS", 1)
        patch.setattr(parts, "BLOCKS", 0)
        for out in (f"{place}/all/", place / "one.parquet"):
            mnist_batch.predict(digits_folder, out, report=False, probabilities=True)
    return place / "all"


@pytest.fixture(scope="module")
def sources(folder: Path) -> list[str]:
    """The sources in the single file."""
    column: list[str] = pq.read_table(folder.with_name("one.parquet"))["source"].to_pylist()
    return column


def test_pyarrow_reads_it(folder: Path, sources: list[str]) -> None:
    """With the types of the single file."""
    one = pq.read_table(folder.with_name("one.parquet"))
    read = pa_dataset.dataset(folder).to_table()
    assert read.schema.equals(one.schema)
    assert read.to_pydict() == one.to_pydict()
    assert pq.read_table(folder)["source"].to_pylist() == sources


def test_pandas_reads_it(folder: Path) -> None:
    """As it reads the single file."""
    one = pd.read_parquet(folder.with_name("one.parquet"))
    pd.testing.assert_frame_equal(pd.read_parquet(folder), one)


def test_polars_reads_its_parquet_files(folder: Path) -> None:
    """By a glob, or by a prefix: else Polars takes each file for a table, the manifest too."""
    one = pl.read_parquet(folder.with_name("one.parquet"))
    assert pl.read_parquet(folder / "*.parquet").equals(one)
    assert pl.scan_parquet(folder / "*.parquet").collect().equals(one)
    assert pl.scan_parquet(folder, hidden_file_prefix="_").collect().equals(one)


def test_duckdb_reads_it(folder: Path, sources: list[str]) -> None:
    """By a glob, in order, and without."""
    with duckdb.connect() as connection:
        for name in (folder, folder / "*.parquet"):
            rows = connection.execute(f"SELECT source FROM read_parquet('{name}')").fetchall()
            assert [source for (source,) in rows] == sources


_READ_WITH_RAY = """
import json, sys
import ray
ray.init(
    num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=80 * 2**20,
    _temp_dir=sys.argv[2],
)
table = ray.data.read_parquet(sys.argv[1])
print(json.dumps(sorted(row["source"] for row in table.take_all())))
"""


def _can_isolate() -> bool:
    """Tell whether a process may have a network of its own."""
    unshare = shutil.which("unshare")
    return (
        unshare is not None
        and not subprocess.run(
            [unshare, "-rn", "ip", "link", "set", "lo", "up"], capture_output=True, check=False
        ).returncode
    )


@pytest.mark.skipif(not _can_isolate(), reason="Ray listens on all interfaces, and unshare fails")
def test_ray_data_reads_it(
    folder: Path, sources: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In whatever order, which Ray does not keep by default."""
    pytest.importorskip("ray")
    place = tmp_path_factory.mktemp("r")  # short: sockets have paths of at most 107 bytes
    inside = f"ip link set lo up && exec {sys.executable} -c \"$1\" '{folder}' '{place}'"
    ended = subprocess.run(
        ["unshare", "-rn", "sh", "-c", inside, "sh", _READ_WITH_RAY],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == sorted(sources)
