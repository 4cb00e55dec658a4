"""The default model by Keras, on each device that Keras sees on its backend."""

from functools import cache

import numpy as np
import pytest

from benchmarks.data import Digits
from benchmarks.devices import (
    BATCH_SIZES,
    PARTS,
    DeviceNetwork,
    backend,
    devices,
    sweep_images,
    sweep_rows,
)
from benchmarks.recording import Measure, NotRun
from benchmarks.results import NETWORK, Row
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.models.model_file import DEFAULT_MODEL


@cache
def _network(device: str) -> DeviceNetwork:
    return DeviceNetwork(DEFAULT_MODEL, device)


@pytest.mark.parametrize("device", ["cpu", "gpu"])
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("part", PARTS)
def test_a_device_agrees_with_the_reference(
    request: pytest.FixtureRequest,
    digits: Digits,
    not_run: NotRun,
    device: str,
    batch_size: int,
    part: str,
) -> None:
    """The host's pixels are copied and predicted, apart and together."""
    import_keras()  # quietly
    on = f"Keras on {device}"
    if device not in devices():
        not_run.skip(Row(NETWORK, on, None), f"Keras on {backend()} sees no such device here")
    measure: Measure = request.getfixturevalue("measure")
    network = _network(device)
    works = [
        network.parts(network.inputs(images)) for images in sweep_images(digits.images, batch_size)
    ]
    row = Row(
        NETWORK,
        f"{on}, {part}",
        sweep_rows(batch_size),
        batch_size,
        timed="a warm process: pixels in memory are copied to the device, predicted, or both",
    )
    given = measure(lambda: [work[part]() for work in works], row)
    outputs = [network.network(tensor) for tensor in given] if part == "copy" else given
    predictions = np.concatenate(outputs).argmax(axis=1)
    expected = np.concatenate(sweep_images(digits.expected, batch_size))
    assert np.mean(predictions == expected) > 0.999
