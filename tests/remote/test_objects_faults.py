"""A network that fails costs time alone; what cannot be done is one line, and nothing is half."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mnist_batch.errors import MachineError
from mnist_batch.machine.failures import ReplacedError
from mnist_batch.remote import objects, transfers
from tests.support.fault_proxy import Fault, FaultProxy, always, first
from tests.support.s3_server import Bucket

FAULTS = {
    "busy": Fault(status=503),
    "broken server": Fault(status=500),
    "refused": Fault(is_refused=True),
    "reply lost": Fault(reset_after=0),
    "reply cut off": Fault(reset_after=3),
    "slow": Fault(delay_s=0.1),
}
LARGE = bytes(range(256)) * 40_000
"""10.24 MB, which go in two parts."""


@pytest.fixture
def proxy(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Stand between this process and the server of S3; boto3 goes around it."""
    with FaultProxy(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


def _written(bucket: Bucket, folder: Path) -> None:
    del folder
    objects.put(f"{bucket.url}/new", b"digits")
    assert bucket.get("new") == b"digits"


def _created(bucket: Bucket, folder: Path) -> None:
    del folder
    objects.put(f"{bucket.url}/new", b"digits", create=True)
    assert bucket.get("new") == b"digits"


def _read(bucket: Bucket, folder: Path) -> None:
    del folder
    assert objects.read(bucket.put("a", b"digits")) == b"digits"
    assert objects.read_ranges(f"{bucket.url}/a", [(0, 2), (2, 6)]) == [b"di", b"gits"]
    assert objects.stat(f"{bucket.url}/a").size == 6


def _listed(bucket: Bucket, folder: Path) -> None:
    del folder
    addresses = [bucket.put(f"a/{number}", b"digits") for number in range(3)]
    assert [found.address for found in objects.listed(f"{bucket.url}/a")] == addresses


def _copied(bucket: Bucket, folder: Path) -> None:
    del folder
    objects.copy(bucket.put("a", b"digits"), f"{bucket.url}/b")
    assert bucket.objects() == {"a": b"digits", "b": b"digits"}


def _deleted(bucket: Bucket, folder: Path) -> None:
    del folder
    objects.delete([bucket.put("a", b"digits"), bucket.put("b", b"digits")])
    assert bucket.objects() == {}


def _downloaded(bucket: Bucket, folder: Path) -> None:
    transfers.download(bucket.put("large", LARGE), folder / "large")
    assert (folder / "large").read_bytes() == LARGE


def _uploaded(bucket: Bucket, folder: Path) -> None:
    (folder / "large").write_bytes(LARGE)
    transfers.upload(folder / "large", f"{bucket.url}/large")
    assert bucket.objects() == {"large": LARGE}


DONE = [_written, _created, _read, _listed, _copied, _deleted, _downloaded, _uploaded]


@pytest.mark.parametrize("done", DONE, ids=lambda done: done.__name__.strip("_"))
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_fails_once_is_done_all_the_same(
    bucket: Bucket,
    proxy: FaultProxy,
    tmp_path: Path,
    fault: Fault,
    done: Callable[[Bucket, Path], None],
) -> None:
    """Each request meets the fault the first time; the result is that of a good network."""
    proxy.faults = first(1, fault)
    done(bucket, tmp_path)
    assert proxy.requests


@pytest.mark.parametrize("done", DONE, ids=lambda done: done.__name__.strip("_"))
@pytest.mark.parametrize("fault", ["busy", "refused"])
def test_what_always_fails_is_one_line(
    bucket: Bucket,
    proxy: FaultProxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    done: Callable[[Bucket, Path], None],
) -> None:
    """It is a failure of the machine, which names the address, and it ends after the attempts."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    proxy.faults = always(FAULTS[fault])
    with pytest.raises(MachineError) as raised:
        done(bucket, tmp_path)
    assert str(raised.value).startswith(f"{bucket.url}/")
    assert "\n" not in str(raised.value)
    assert max(proxy.counted().values()) <= 4  # two chunks at once, twice each


def test_a_lost_reply_lets_nobody_else_win(bucket: Bucket, proxy: FaultProxy) -> None:
    """Whoever creates an object and hears nothing has created it, unless another one has."""
    address = f"{bucket.url}/manifest"
    proxy.faults = first(1, Fault(reset_after=0), "PUT")
    objects.put(address, b"mine", create=True)
    with pytest.raises(FileExistsError):
        objects.put(address, b"theirs", create=True)
    assert bucket.get("manifest") == b"mine"


def test_what_is_cut_off_is_no_object(bucket: Bucket, proxy: FaultProxy, tmp_path: Path) -> None:
    """Of an upload in parts that breaks off for good, nobody sees any."""
    (tmp_path / "large").write_bytes(LARGE)
    proxy.faults = lambda request: Fault(status=503) if "partNumber=2" in request.query else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_MAX_ATTEMPTS", "2")
        with pytest.raises(MachineError):
            transfers.upload(tmp_path / "large", f"{bucket.url}/large")
    assert bucket.objects() == {}


def test_no_request_takes_the_whole_of_a_large_object(bucket: Bucket, proxy: FaultProxy) -> None:
    """Of a reply of over 8 MiB only the head is waited for; spans follow, of the same object."""
    address = bucket.put("large", LARGE)
    assert objects.read(address) == LARGE
    ranges = [request.headers.get("range") for request in proxy.requests]
    assert ranges == [None, "bytes=0-8388607", f"bytes=8388608-{len(LARGE) - 1}"]
    proxy.requests.clear()
    assert objects.read(address, span=(5, 2**23 + 9)) == LARGE[5 : 2**23 + 9]
    assert len(proxy.requests) == 3


def test_only_what_was_listed_can_be_replaced(bucket: Bucket, proxy: FaultProxy) -> None:
    """A server may answer 412 to any request; without a condition that says nothing of the data."""
    address = bucket.put("a", b"digits")
    found = objects.stat(address)
    bucket.put("a", b"others")
    with pytest.raises(ReplacedError, match=r"^replaced after it was listed$"):
        objects.read(address, found.etag)
    proxy.faults = always(Fault(status=412))
    for ask in (objects.stat, objects.read):
        with pytest.raises(MachineError, match=f"^{address}: .*412.*; nothing is wrong with the"):
            ask(address)
