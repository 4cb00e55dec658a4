"""The whole command, from object storage to object storage, over a network that fails."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.command import run
from tests.support.fault_proxy import Fault, FaultProxy, Request, always, first
from tests.support.s3_server import ACCESS_KEY, SECRET_KEY, Bucket

FAULTS = [
    Fault(status=503),
    Fault(is_refused=True),
    Fault(reset_after=0),
    Fault(reset_after=100),
    Fault(status=500),
    Fault(delay_s=0.2),
]


@pytest.fixture
def proxy(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Stand between the command and the server of S3; boto3 goes around it."""
    with FaultProxy(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


def _in_turn(proxy: FaultProxy) -> None:
    """Let each request meet a fault the first time, another one than the request before."""
    once = [first(1, fault) for fault in FAULTS]
    turns: dict[tuple[str, str, str], int] = {}
    number = count()

    def choose(request: Request) -> Fault | None:
        turn = turns.setdefault((request.method, request.path, request.query), next(number))
        return once[turn % len(once)](request)

    proxy.faults = choose


@pytest.mark.parametrize("name", ["predictions.parquet", "predictions/"])
def test_faults_cost_time_alone(
    bucket: Bucket, proxy: FaultProxy, digits_folder: Path, model: Path, tmp_path: Path, name: str
) -> None:
    """Images and the model come, predictions and report go: as on this machine."""
    inputs = bucket.put_folder(digits_folder, "digits")
    there = bucket.put("models/linear.h5", model.read_bytes())
    here = tmp_path / "here.parquet"
    run("predict", digits_folder, "--model", model, "--out", here, "--no-report")
    _in_turn(proxy)
    out = f"{bucket.url}/out/{name}"
    done = run("predict", inputs, "--model", there, "--out", out, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    found = {key: content for key, content in bucket.objects().items() if key.startswith("out/")}
    assert not [key for key in found if "staging" in key]
    assert "out/predictions.report/index.html" in found
    if name.endswith("/"):
        assert found["out/predictions/_SUCCESS"] == b""
    (part,) = (key for key in found if key.endswith(".parquet"))
    (tmp_path / "there.parquet").write_bytes(found[part])
    assert pq.read_table(tmp_path / "there.parquet").equals(pq.read_table(here))


@pytest.mark.parametrize(
    ("method", "part"), [("GET", "digits/"), ("GET", "linear.h5"), ("PUT", "out/"), ("", "")]
)
def test_what_cannot_be_done_is_one_line(
    bucket: Bucket,
    proxy: FaultProxy,
    digits_folder: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    part: str,
) -> None:
    """No output is there, no row is called damaged for it, and no line has a credential."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    inputs = bucket.put_folder(digits_folder, "digits")
    there = bucket.put("models/linear.h5", model.read_bytes())
    proxy.faults = always(Fault(status=503), method, part)
    out = f"{bucket.url}/out/predictions.parquet"
    done = run("predict", inputs, "--model", there, "--out", out, "--quiet")
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(f"error: {bucket.url}/")
    assert done.stderr.count("\n") == 1
    assert "nothing is wrong with the data" in done.stderr
    assert not {ACCESS_KEY, SECRET_KEY} & set(done.stderr.replace("=", " ").split())
    assert "out/predictions.parquet" not in bucket.objects()
