"""Fixtures that several folders share: real data, generated digits, a small model.

Environment variables name the folders of real data; tests of it skip where they are not set.
"""

import gzip
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from mnist_batch import _kernels
from mnist_batch.models import model_file
from mnist_batch.models.formats import read_stored_network
from mnist_batch.synthetic import generator
from tests.support.fault_proxy import Fault, FaultProxy, first
from tests.support.linear_model import write_linear_model
from tests.support.object_stores import AZURE_ACCOUNT, AZURE_KEY, AZURITE, azurite, google_storage
from tests.support.s3_server import Bucket, environment_of, s3_server


def pytest_configure() -> None:
    """Let no program that a test starts be born with signals ignored.

    A shell's background job ignores SIGINT, and one of `nohup` SIGHUP. This process still does
    nothing about them; but what it starts inherits no handler.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def _folder_of(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} does not name a folder of real data")
    return Path(value)


@pytest.fixture(scope="session")
def mnist() -> Path:
    """The folder of the real MNIST, as Parquet in Hugging Face's layout and as IDX."""
    return _folder_of("MNIST_DATA")


@pytest.fixture(scope="session")
def seed_model() -> Path:
    """The original project's model file."""
    return _folder_of("MNIST_SEED") / "MNIST.h5"


@pytest.fixture(scope="session")
def mnist_test_images(mnist: Path) -> npt.NDArray[np.uint8]:
    """MNIST's test images uint8 (10000, 28, 28), from the IDX file."""
    content = gzip.decompress((mnist / "t10k-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)


@pytest.fixture(scope="session")
def mnist_test_labels(mnist: Path) -> npt.NDArray[np.uint8]:
    """MNIST's test labels uint8 (10000,), from the IDX file."""
    content = gzip.decompress((mnist / "t10k-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(content, np.uint8, offset=8)


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty generated digits as PNG files in class folders."""
    folder = tmp_path_factory.mktemp("digits") / "digits"
    generator.write_folder(folder, 30)
    return folder


@pytest.fixture(scope="session")
def digits_parquet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,050 generated digits as Parquet, in row groups of 100."""
    path = tmp_path_factory.mktemp("parquet") / "digits.parquet"
    generator.write_parquet(path, 1050)
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one layer; `linear_model.linear_probabilities` returns what it must predict."""
    path = tmp_path_factory.mktemp("model") / "linear.h5"
    # What it says is random; that it says digits, its record tells.
    write_linear_model(path, record={"class_names": [*"0123456789"]})
    return path


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of a server of S3 on this machine, in a process of its own."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket of that server, which this process and those that it starts find."""
    for name, value in environment_of(s3_endpoint).items():
        monkeypatch.setenv(name, value)
    made = Bucket(f"digits-{uuid.uuid4().hex}", s3_endpoint)
    made.create()
    return made


@pytest.fixture
def gs_folder(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder in a bucket of a server of Google's protocol; each request fails once."""
    made = Bucket(bucket.name.replace("-", ""), bucket.endpoint)  # moto decodes no "%2D" in it
    made.create()
    with google_storage(bucket.endpoint) as server, FaultProxy(server.url) as proxy:
        proxy.faults = first(1, Fault(is_refused=True))
        monkeypatch.setenv("GOOGLE_BASE_URL", proxy.url)
        monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "any")
        yield f"gs://{made.name}/folder"


@pytest.fixture
def az_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder in a container of Azurite, Azure's emulator; each request fails once."""
    if not AZURITE:
        pytest.skip("azurite-blob is not on the PATH: npm install --global azurite")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    place = tmp_path / "azurite"
    place.mkdir()
    with azurite(place, "digits") as url, FaultProxy(url.removesuffix(f"/{AZURE_ACCOUNT}")) as it:
        it.faults = first(1, Fault(is_refused=True))
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{it.url}/{AZURE_ACCOUNT}")
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", AZURE_ACCOUNT)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)
        yield "az://digits/folder"


@pytest.fixture
def removed_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that somebody has removed meanwhile."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()


@pytest.fixture(scope="module")
def models_read_here() -> Iterator[None]:
    """Read model files in this process, for modules of tests that load many.

    The process that reads them otherwise takes a seventh of a second to start. That it finds what
    is found here is a fact of test_reading_process.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_file, "read_in_child", read_stored_network)
        yield


@pytest.fixture(scope="module", params=["plain", "compiled"])
def both_codes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Once without the compiled code, as where there was no compiler, and once with it."""
    with pytest.MonkeyPatch.context() as patch:
        assert _kernels.ready()
        if request.param == "plain":
            patch.setattr(_kernels, "ready", lambda: False)
        yield
