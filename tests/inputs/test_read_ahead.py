"""The next shards in object storage come while one is worked on."""

import gc
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.inputs import joined
from mnist_batch.inputs.joined import JoinedShards
from mnist_batch.inputs.parquet import open_groups
from mnist_batch.inputs.read_ahead import fetched_ahead
from mnist_batch.inputs.shards import SHARD_BYTES, Shard
from mnist_batch.inputs.sources import open_inputs
from tests.inputs.test_shards_spread import Numbered
from tests.support.fault_proxy import FaultProxy, Request
from tests.support.s3_server import Bucket


@dataclass(frozen=True, eq=False)
class Sized(Numbered):
    """A shard that notes when it is fetched."""

    size: int = 0
    fetched: list[Shard] = field(default_factory=list)

    def fetching(self) -> Shard:
        """Note it."""
        self.fetched.append(self)
        return self


@given(sizes=st.lists(st.integers(0, 70), max_size=40))
def test_as_many_are_fetched_ahead_as_are_small_enough(sizes: Sequence[int]) -> None:
    """In order, one ahead at least; several only as far as they fit, 16 at most."""
    fetched: list[Shard] = []
    shards = [Sized(0, 1, size=one * SHARD_BYTES // 64, fetched=fetched) for one in sizes]
    taken = 0
    for shard in fetched_ahead(shards):
        assert shard is shards[taken]
        taken += 1
        ahead = sizes[taken : len(fetched)]
        assert len(ahead) <= 16
        assert len(ahead) <= 1 or sum(ahead) <= 64
        if taken < len(sizes):
            assert ahead
    assert taken == len(sizes)


@pytest.fixture
def folder(bucket: Bucket, tmp_path: Path) -> str:
    """Five Parquet files of 20 rows in object storage, whose labels count on."""
    for number in range(5):
        columns = {
            "image": [np.random.default_rng(number).bytes(100 + row) for row in range(20)],
            "label": pa.array([number] * 20, pa.int8()),
        }
        pq.write_table(pa.table(columns), tmp_path / f"{number}.parquet")
    return f"{bucket.put_folder(tmp_path, 'digits')}/"


def test_the_next_files_are_fetched_while_one_is_worked_on(
    bucket: Bucket, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of the first are there, and nobody asks for more: the last file comes all the same."""
    asked_last = threading.Event()

    def note(request: Request) -> None:
        if request.path.endswith("4.parquet") and is_listed:
            asked_last.set()

    is_listed = False
    with FaultProxy(bucket.endpoint, faults=note) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        monkeypatch.setattr(joined, "SHARD_ROWS", 20)
        shards = open_inputs([folder]).shards
        is_listed = True
        ahead = fetched_ahead(shards)  # once it is freed, what nobody has begun is cancelled
        first = next(ahead).read(10)
        assert next(first).label.to_pylist() == [0] * 10
        assert asked_last.wait(60)


@pytest.mark.parametrize("together", [False, True])
def test_all_rows_come_in_order(folder: str, together: bool) -> None:
    """Each shard by itself, or all as one; read again they are the same."""
    (shard,) = open_inputs([folder]).shards
    shards = [shard] if together else [*shard.joined]
    for _ in range(2):
        read = [batch for one in fetched_ahead(shards) for batch in one.read(7)]
        labels = [label for batch in read for label in batch.label.to_pylist()]
        assert labels == [number for number in range(5) for _ in range(20)]
        assert sum(batch.error.null_count for batch in read) == 100


def test_a_shard_that_was_fetched_is_read_again(folder: str) -> None:
    """What was fetched is read once; then it is fetched again."""
    (shard,) = open_inputs([folder]).shards
    fetched = JoinedShards(shard.joined).fetching()
    first, second = ([*fetched.read(100)] for _ in range(2))
    assert [batch.images for batch in first] == [batch.images for batch in second]


def test_what_is_replaced_meanwhile_is_told_of_its_rows(bucket: Bucket, folder: str) -> None:
    """As where nothing is fetched ahead: the others come."""
    (shard,) = open_inputs([folder]).shards
    bucket.put("digits/2.parquet", b"another")
    errors = [error for batch in shard.read(7) for error in batch.error.to_pylist()]
    assert errors == [
        "unreadable file: replaced after it was listed" if place // 20 == 2 else None
        for place in range(100)
    ]


def test_what_is_fetched_ahead_of_shards_joined_comes_once(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of them too, which comes before the others are asked for."""
    paths: list[str] = []
    fetched = open_groups._fetched

    def note(path: str, *wanted: Any) -> open_groups._Fetched:  # noqa: ANN401 - passed on
        paths.append(path)
        return fetched(path, *wanted)

    monkeypatch.setattr(open_groups, "_fetched", note)
    (shard,) = open_inputs([folder]).shards
    assert isinstance(shard, JoinedShards)
    (coming,) = fetched_ahead([shard])
    assert len([*coming.read(10)]) == 10
    assert sorted(paths) == [f"{folder}{number}.parquet" for number in range(5)]


def test_shards_that_were_worked_on_are_freed() -> None:
    """The last ones too, while others of them wait."""
    shards = fetched_ahead(Sized(0, 1) for _ in range(3))
    first = weakref.ref(next(shards))
    second = weakref.ref(next(shards))
    gc.collect()
    assert first() is None
    assert second() is None
