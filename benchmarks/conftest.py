"""What the benchmarks share: the digits, the measurement, and what is written beside the results.

`--quick` takes a sixth of the images, never ten times as many, and fewer peers.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import machine
from benchmarks.data import Digits
from benchmarks.plain_network import PlainNetwork, read_network
from benchmarks.recording import Measure, NotRun
from mnist_batch.models.model_file import DEFAULT_MODEL

ROWS, QUICK_ROWS = 60_000, 10_000
ROUNDS = 5

# The order of the table; and TensorFlow, once imported, stays in the process and in its peaks.
_ORDER = ("layers", "commands", "scaling", "start", "memory", "peers", "devices", "cnn")

# More than half a minute for their start and their rounds.
_SLOW_WAYS = ("image_dataset_from_directory", "tf.data, predict", "Ray Data")

_not_run = pytest.StashKey[NotRun]()
_facts = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--quick`."""
    parser.addoption("--quick", action="store_true", help="fewer images and peers")


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing left out."""
    config.stash[_not_run] = NotRun()
    config.stash[_facts] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let ways take turns: a benchmark that asks for `turn` comes once a round, all ways in each.

    This comes before the benchmark's own parameters, so that they vary faster.
    """
    if "turn" in metafunc.fixturenames:
        metafunc.parametrize("turn", range(ROUNDS))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the modules in the order of the table; a quick run leaves out what takes long."""
    items.sort(key=lambda item: _ORDER.index(item.path.stem.removeprefix("test_")))
    if config.getoption("--quick"):
        chosen = [item for item in items if not _takes_long(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Add cores, memory and versions."""
    machine_info.update(machine.describe())


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add what was not run, and on what data the rest was."""
    output_json["not_run"] = config.stash[_not_run].records
    output_json["data"] = config.stash[_facts]
    output_json["quick"] = config.getoption("--quick")


@pytest.fixture(scope="session")
def quick(request: pytest.FixtureRequest) -> bool:
    """Whether there are fewer images."""
    chosen: bool = request.config.getoption("--quick")
    return chosen


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder for gigabytes, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="mnist-batch-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def network() -> PlainNetwork:
    """The default model, by the reference."""
    return read_network(DEFAULT_MODEL)


@pytest.fixture(scope="session")
def digits(folder: Path, network: PlainNetwork, quick: bool) -> Digits:
    """What is predicted."""
    return Digits(folder, QUICK_ROWS if quick else ROWS, network)


@pytest.fixture(scope="session")
def not_run(request: pytest.FixtureRequest) -> NotRun:
    """Where a benchmark says that it cannot be run here."""
    return request.config.stash[_not_run]


@pytest.fixture(scope="session")
def facts(request: pytest.FixtureRequest, digits: Digits) -> Mapping[str, str]:
    """The data and the model."""
    found = request.config.stash[_facts]
    found.update(
        name=digits.name,
        sha256=digits.sha256,
        model=DEFAULT_MODEL.name,
        model_sha256=hashlib.sha256(DEFAULT_MODEL.read_bytes()).hexdigest(),
    )
    return found


@pytest.fixture
def measure(benchmark: BenchmarkFixture, facts: Mapping[str, str]) -> Measure:
    """What times a benchmark."""
    beside = {"data": facts["name"], "data_sha256": facts["sha256"]}
    beside |= {key: facts[key] for key in ("model", "model_sha256")}
    return Measure(ROUNDS, beside, benchmark)


def _takes_long(item: pytest.Item) -> bool:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return (
        bool(parameters.get("large"))
        or parameters.get("way") in _SLOW_WAYS
        or parameters.get("form") == "mixed"  # Pillow, an image at a time
        or ("way" in parameters and parameters.get("form") == "folder")  # no peer is left there
    )
