"""Row groups of a Parquet file that are brought here from object storage."""

import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.inputs.parquet.columns import ImageColumn
from mnist_batch.inputs.parquet.footers import identity_of, identity_of_object
from mnist_batch.inputs.parquet.open_groups import open_groups
from mnist_batch.remote import objects, transfers
from tests.support.s3_server import Bucket

_ROWS = 3000


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A file with a wide column between the two that are read, in 30 row groups."""
    rng = np.random.default_rng(1)
    columns = {
        "image": [rng.bytes(300) for _ in range(_ROWS)],
        "wide": [rng.bytes(20_000) for _ in range(_ROWS)],
        "label": rng.integers(0, 10, _ROWS),
    }
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=_ROWS // 30)
    return path


def test_only_the_columns_that_are_read_are_fetched(
    bucket: Bucket, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the row groups that are asked for; rows are those of the local file."""
    address = bucket.put("a.parquet", table.read_bytes())
    fetched = list[int]()

    def counted(address: str, etag: str = "", span: tuple[int, int] | None = None) -> bytes:
        content = objects.read(address, etag, span)
        fetched.append(len(content))
        return content

    monkeypatch.setattr(transfers, "read", counted)
    groups, image = range(10, 12), ImageColumn("image", "image")
    remote = identity_of_object(objects.stat(address))
    with open_groups(address, remote, groups, image, ["label"]) as opened:
        rows = [rows.columns for rows in opened.read(groups, 50)]
    local = identity_of(str(table))
    with open_groups(str(table), local, groups, image, ["label"]) as opened:
        assert rows == [rows.columns for rows in opened.read(groups, 50)]
    assert 200 * 300 < sum(fetched) < 3 * 200 * 300


def test_nothing_is_left_on_the_disk(
    bucket: Bucket, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sparse file has no name from the first on, so that no end of the process leaves it."""
    address = bucket.put("a.parquet", table.read_bytes())
    here = tmp_path / "temporary"
    here.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(here))
    remote = identity_of_object(objects.stat(address))
    groups, image = range(2), ImageColumn("image", "image")
    with open_groups(address, remote, groups, image):
        assert [*here.iterdir()] == []
        if sys.platform == "linux":
            (sparse, *_) = [
                link.stat()
                for link in Path("/proc/self/fd").iterdir()
                if os.path.realpath(link).startswith(str(here))
            ]
            assert sparse.st_blocks * 512 < sparse.st_size / 10
    assert [*here.iterdir()] == []
