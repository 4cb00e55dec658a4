"""Keras on one backend: copies, the network, both, and what the device can do.

`python -m benchmarks.gpu.keras_rows FOLDER UNTIL SIZE,SIZE,...` prints the rows; `KERAS_BACKEND`
names the backend. It needs NumPy and Keras alone.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.devices import DeviceNetwork, backend, devices, sweep_rows, wait_for
from benchmarks.gpu.rows import (
    BANDWIDTH,
    PEAK,
    Deadline,
    Row,
    measure,
    not_run,
    quietly_imported,
    reason_of,
    say,
    slowest_of,
    too_long,
)

PARTS = (
    *("copy", "network", "copy + network"),
    *("copy of bytes", "copy of bytes + scaling + network", "the same, two threads"),
)
PINNED = "copy of bytes, pinned memory"

_AT_ONCE = 4
"""Batches of a round at least, so that two threads have something to overlap."""

_TOLERANCE = 1e-2
"""Tensor cores multiply with the ten bits of TF32."""

_FLOATS = {"cpu": 2**24, "gpu": 2**27}
_SIDE = {"cpu": 2048, "gpu": 8192}
"""Sizes of the arrays by which bandwidth and peak are measured: far more than a cache holds."""


def main(folder: Path, until: Deadline, sizes: Sequence[int]) -> None:
    """Say all rows, those on a GPU first."""
    import keras

    library = f"Keras {keras.__version__}, {backend()}"
    for device in ("gpu", "cpu"):
        models = ("dense", "cnn")
        if device not in devices():
            rows = [Row(library, device, model, "all") for model in models]
            not_run(rows, f"{backend()} sees no {device.upper()} here")
            continue
        try:
            limits(library, device, until)
            for model in models:
                sweep(folder, until, sizes, Row(library, device, model, "all"))
        except Exception as error:  # noqa: BLE001 - drivers fail in any way
            not_run([Row(library, device, "", "all the rest")], reason_of(error))


def limits(library: str, device: str, until: Deadline) -> None:
    """Say the bandwidth of memory, by a copy, and the peak, by a product of large matrices."""
    import keras

    with keras.device(f"{device}:0"):
        vector = keras.ops.ones((_FLOATS[device],), "float32")
        matrix = keras.ops.ones((_SIDE[device],) * 2, "float32")

        def copy() -> None:
            wait_for(keras.ops.negative(vector))

        def product() -> None:
            wait_for(keras.ops.matmul(matrix, matrix))

        # Each number is read and written.
        copied = 2 * 4 * _FLOATS[device]
        measure([Row(library, device, "", BANDWIDTH)], {BANDWIDTH: copy}, copied, until)
        operations = 2 * _SIDE[device] ** 3
        measure([Row(library, device, "", PEAK)], {PEAK: product}, operations, until)


def sweep(folder: Path, until: Deadline, sizes: Sequence[int], row: Row) -> None:
    """Say the rows of a model on a device, for each batch size, once its outputs are right."""
    network = DeviceNetwork(folder / f"{row.model}.keras", row.device)
    with np.load(folder / "images.npz") as known:
        images, expected = known["images"], known[row.model]
    outputs = network.network(network.scaled(network.copy(network.pixels(images))))
    if np.abs(outputs - expected).max() > _TOLERANCE:
        not_run([row], "its outputs are wrong")
        return
    slowest_s = 0.0
    parts = [*PARTS, *([PINNED] if network.pinned(images[:1]) is not None else [])]
    if row.device == "cpu":  # where nothing is copied
        parts = ["network", "copy + network"]
    for size in sizes:
        rows = [Row(row.library, row.device, row.model, part, size) for part in parts]
        count = max(_AT_ONCE, sweep_rows(size) // size)
        if why := too_long(size * count * slowest_s):
            not_run(rows, why)
            continue
        try:
            works = _works(network, np.resize(images, (size, 28, 28)), count)
            slowest_s = slowest_of(measure(rows, works, size * count, until))
        except Exception as error:  # noqa: BLE001 - as where memory runs out, and in any way
            not_run(rows, reason_of(error))
            return


def _works(network: DeviceNetwork, images: Any, count: int) -> dict[str, Callable[[], object]]:  # noqa: ANN401
    """Return what is timed, by part: each handles a batch `count` times."""
    inputs, pixels = network.inputs(images), network.pixels(images)
    tensor = network.copy(inputs)
    pinned = network.pinned(pixels)

    def times(work: Callable[[], object]) -> Callable[[], object]:
        return lambda: [work() for _ in range(count)]

    def of_bytes() -> object:
        return network.network(network.scaled(network.copy(pixels)))

    lock = threading.Lock()

    def in_turn(_: int) -> None:
        sent = network.copy(pixels)
        with lock:
            network.network(network.scaled(sent))

    pool = ThreadPoolExecutor(2)
    return {
        "copy": times(lambda: network.copy(inputs)),
        "network": times(lambda: network.network(tensor)),
        "copy + network": times(lambda: network.network(network.copy(inputs))),
        "copy of bytes": times(lambda: network.copy(pixels)),
        "copy of bytes + scaling + network": times(of_bytes),
        "the same, two threads": lambda: list(pool.map(in_turn, range(count))),
        PINNED: times(lambda: _copied(pinned)),
    }


def _copied(pinned: Any) -> None:  # noqa: ANN401 - PyTorch's tensor
    wait_for(pinned.to("cuda:0", non_blocking=True))


if __name__ == "__main__":
    if why := quietly_imported("keras"):
        say(Row("Keras", "gpu", "", "all", reason=why))
    else:
        main(Path(sys.argv[1]), Deadline(float(sys.argv[2])), [*map(int, sys.argv[3].split(","))])
