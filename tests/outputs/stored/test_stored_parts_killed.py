"""A run that is killed at any of its requests leaves no half of an output, and can be resumed."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from tests.support import stored_runs
from tests.support.fault_proxy import Fault, FaultProxy, Request
from tests.support.s3_server import Bucket


@dataclass
class Runs:
    """Runs of `predict`, each in a process that the next request may end.

    Attributes:
        bucket: what they write to.
        proxy: between them and the bucket's server.
        folder: an empty one, for notes.
    """

    bucket: Bucket
    proxy: FaultProxy
    folder: Path
    orders: IO[str]
    statuses: IO[str]

    def __call__(
        self,
        key: str,
        *,
        resume: bool = False,
        overwrite: bool = False,
        fault: Callable[[int, Request], Fault | None] = lambda *_: None,
    ) -> int:
        """Write an output, and return the status; `fault` takes the process and a request."""
        told = self.folder / "process"
        told.unlink(missing_ok=True)
        self.proxy.faults = lambda request: fault(int(told.read_text()), request)
        order = {"out": f"{self.bucket.url}/{key}", "resume": resume, "overwrite": overwrite}
        self.orders.write(json.dumps({**order, "told": str(told)}) + "\n")
        self.orders.flush()
        return int(self.statuses.readline())

    def requests(self, key: str, *, overwrite: bool = False) -> int:
        """Write an output, undisturbed, and return how many requests wrote something."""
        before = len(self.proxy.requests)
        assert self(key, overwrite=overwrite) == 0
        made = self.proxy.requests[before:]
        return sum(request.method not in ("GET", "HEAD") for request in made)


@pytest.fixture
def runs(bucket: Bucket, tmp_path: Path, digits_folder: Path, model: Path) -> Iterator[Runs]:
    """Runs of this test, over parts of eight images."""
    with FaultProxy(bucket.endpoint) as proxy:
        # A run that is killed leaves its temporary folder.
        temporary = {"TMPDIR": str(tmp_path)}
        environment = {**os.environ, **temporary, "AWS_ENDPOINT_URL": proxy.url}
        process = subprocess.Popen(
            [sys.executable, "-m", stored_runs.__name__, str(digits_folder), str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        with process:
            assert process.stdin and process.stdout
            yield Runs(bucket, proxy, tmp_path, process.stdin, process.stdout)
            process.stdin.close()


def _killing(number: int) -> Callable[[int, Request], Fault | None]:
    """Return what kills a process after one of its requests that write, which the store does."""
    writing = 0

    def fault(process: int, request: Request) -> Fault | None:
        nonlocal writing
        writing += request.method not in ("GET", "HEAD")
        if writing != number or request.method in ("GET", "HEAD"):
            return None
        os.kill(process, signal.SIGKILL)
        return Fault(reset_after=0)

    return fault


def _whole(found: Mapping[str, bytes], key: str) -> pa.Table | None:
    """Return the output where it is there, which has to be whole then; None where it is not."""
    if not key.endswith("/"):
        content = found.get(key)
        return None if content is None else pq.read_table(io.BytesIO(content))
    if f"{key}_SUCCESS" not in found:
        return None
    parts = json.loads(found[f"{key}_manifest.json"])["parts"]
    contents = [found[f"{key}{part['name']}"] for part in parts]
    assert [hashlib.sha256(one).hexdigest() for one in contents] == [p["sha256"] for p in parts]
    return pa.concat_tables(pq.read_table(io.BytesIO(content)) for content in contents)


@pytest.mark.parametrize("name", ["out.parquet", "out/"])
def test_no_half_of_an_output_is_there_and_resuming_completes_it(
    runs: Runs, tmp_path: Path, digits_folder: Path, model: Path, name: str
) -> None:
    """Whichever request was the last of the run that was killed."""
    here = tmp_path / "here.parquet"
    mnist_batch.predict(digits_folder, here, model=model, report=False)
    expected = pq.read_table(here)
    count = runs.requests(name)
    assert count >= 8  # a manifest, four parts, what is committed, the output, what is removed
    undisturbed = runs.bucket.objects()
    for number in range(1, count + 1):
        key = f"{number}/{name}"
        killed = runs(key, fault=_killing(number)) == -signal.SIGKILL
        there = _whole(runs.bucket.objects(f"{number}/"), key)
        assert there is None or there.equals(expected)
        again = runs(key, resume=True)
        found = runs.bucket.objects(f"{number}/")
        # With the last request all was done, and then there is nothing to resume.
        assert again == 0 or number == count
        assert killed or number == count
        assert {one.removeprefix(f"{number}/") for one in found} == undisturbed.keys()
        whole = _whole(found, key)
        assert whole is not None
        assert whole.equals(expected)


@pytest.mark.parametrize("name", ["out.parquet", "out/"])
def test_an_earlier_output_is_whole_or_gone_until_the_new_one_is_there(
    runs: Runs, name: str
) -> None:
    """A file is replaced by one request; a folder has no mark while it is replaced."""
    runs.requests(name)
    earlier = runs.bucket.objects()
    expected = _whole(earlier, name)
    assert expected is not None
    # From the last part on: before, nothing but the staging changes.
    for number in range(5, runs.requests(name, overwrite=True) + 1, 2):
        key = f"{number}/{name}"
        for one, content in earlier.items():
            runs.bucket.put(f"{number}/{one}", content)
        runs(key, overwrite=True, fault=_killing(number))
        there = _whole(runs.bucket.objects(f"{number}/"), key)
        assert there.equals(expected) if there else name == "out/"
        assert runs(key, resume=True, overwrite=True) == 0
        found = runs.bucket.objects(f"{number}/")
        assert {one.removeprefix(f"{number}/") for one in found} == earlier.keys()
        whole = _whole(found, key)
        assert whole is not None
        assert whole.equals(expected)


@pytest.mark.parametrize("last", ["part-00003.parquet", "_manifest.json"])
def test_what_is_not_whole_can_be_predicted_anew(runs: Runs, last: str) -> None:
    """Without `--resume` or `--overwrite`, whichever object was the last that came."""

    def fault(process: int, request: Request) -> Fault | None:
        if request.method != "PUT" or not request.path.endswith(f"/out/{last}"):
            return None
        os.kill(process, signal.SIGKILL)
        return Fault(reset_after=0)

    assert runs("out/", fault=fault) == -signal.SIGKILL
    assert f"out/{last}" in runs.bucket.objects("out/")
    assert runs("out/") == 0
    assert _whole(runs.bucket.objects("out/"), "out/") is not None
    assert runs("out/") == 1
