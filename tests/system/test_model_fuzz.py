"""Damaged model files: each is a model of plain numbers still, or refused in one line."""

import io
import json
import signal
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import h5py
import numpy as np
import pytest

from mnist_batch.errors import ModelError
from mnist_batch.models import reading_process
from mnist_batch.models.allowlist import checked_config
from mnist_batch.models.formats import SIGNATURES, StoredNetwork, read_stored_network, room_for
from tests.support.damaged_files import damaged_variants
from tests.support.model_files import CONFIG, DENSE, config_of, hdf5_model, keras_model, stored_in


def packed(file: h5py.File) -> None:
    """Add an array in chunks, as some tools store them."""
    file.create_dataset("extra", data=np.ones(99), chunks=(10,), compression="gzip", shuffle=True)


# With few numbers, most of what is damaged is the structure around them.
SMALL = np.ones((3, 2), np.float32)
SMALL = np.ones((3, 2), np.float32)
HDF5 = [
    hdf5_model(kernel=SMALL, training_config={"loss": "mse"}, mnist_batch={"scale": "0-1"}),
    hdf5_model(kernel=SMALL, chunked=True),
    hdf5_model(change=packed),
]
KERAS = [
    keras_model(kernel=SMALL),
    keras_model(kernel=SMALL, compression=zipfile.ZIP_DEFLATED),
    keras_model(change=packed),
]
LEAKY = {"class_name": "LeakyReLU", "config": {"negative_slope": 0.1}}
NESTED = config_of(config_of({**DENSE, "config": {"name": "e", "units": 3, "activation": LEAKY}}))
CONFIGS = [json.dumps(checked_config(config)).encode() for config in (CONFIG, NESTED)]


def damaged_hdf5(count: int) -> Iterator[bytes]:
    """Yield damaged HDF5 files."""
    yield from damaged_variants(HDF5, count)


def damaged_keras(count: int) -> Iterator[bytes]:
    """Yield damaged Keras v3 files."""
    yield from damaged_variants(KERAS, count)


def damaged_weights(count: int) -> Iterator[bytes]:
    """Yield whole zip files with damaged weights in them: no checksum shields HDF5 then."""
    weights = [zipfile.ZipFile(io.BytesIO(model)).read("model.weights.h5") for model in KERAS]
    for content in damaged_variants(weights, count):
        yield repacked(CONFIGS[0], content)


def damaged_configuration(count: int) -> Iterator[bytes]:
    """Yield whole files with damaged JSON in them."""
    weights = zipfile.ZipFile(io.BytesIO(KERAS[0])).read("model.weights.h5")
    for config in damaged_variants(CONFIGS, count):
        yield repacked(config, weights)


def repacked(config: bytes, weights: bytes) -> bytes:
    """Return a Keras v3 file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", weights)
    return content.getvalue()


KINDS: dict[Callable[[int], Iterator[bytes]], int] = {
    damaged_hdf5: 150,
    damaged_keras: 150,
    damaged_weights: 100,
    damaged_configuration: 300,
}


def outcome(content: bytes) -> str:
    """Return what reading a file here ends in: `model`, or the message."""
    # HDF5 1.14.6 can loop without end on damaged structures: the process is ended then.
    signal.alarm(5)
    try:
        model = read_stored_network(content)
    except ModelError as error:
        return str(error)
    finally:
        signal.alarm(0)
    check(model, content)
    return "model"


def check(model: StoredNetwork, content: bytes) -> None:
    """Check that a model that was read is what its types say, and no larger than it may be."""
    assert checked_config(model.config) == model.config
    arrays = [array for layer in model.weights for array in layer]
    assert all(array.dtype.kind in "biuf" for array in arrays)
    assert sum(array.nbytes for array in arrays) <= room_for(len(content))
    assert 0 <= model.optimizer_bytes <= room_for(len(content))


def outcome_in_child(content: bytes) -> str:
    """Return the same of the way that files really go."""
    try:
        check(stored_in(content), content)
    except ModelError as error:
        return str(error)
    return "model"


class Pool:
    """A process that reads files one after another, replaced when one of them ends it."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"))

    def outcome(self, content: bytes) -> str:
        """Return what reading a file ends in; in a child of its own if it ends this one."""
        try:
            return self._pool.submit(outcome, content).result()
        except BrokenProcessPool:
            self._start()
            return outcome_in_child(content)

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """The process for all tests of this module."""
    pool = Pool()
    yield pool
    pool.close()


@pytest.mark.fuzz
@pytest.mark.parametrize("damaged", KINDS, ids=lambda damaged: damaged.__name__)
def test_damaged_models_are_read_or_refused_in_a_line(
    damaged: Callable[[int], Iterator[bytes]], pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most are read in one process; each thirtieth, and what ends that, as files really are."""
    monkeypatch.setattr(reading_process, "CPU_S", 3)
    outcomes = []
    for number, content in enumerate(damaged(KINDS[damaged])):
        if content.startswith(SIGNATURES):
            read = outcome_in_child if number % 30 == 0 else pool.outcome
            outcomes.append(read(content))
    assert all(message.isprintable() and len(message) < 500 for message in outcomes)
    assert "model" in outcomes
    assert len(set(outcomes)) > 5
