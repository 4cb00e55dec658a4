"""ONNX Runtime: copies, the network and both, on a GPU by its CUDA provider, and on the CPU.

`python -m benchmarks.gpu.onnx_rows FOLDER UNTIL SIZE,SIZE,...` prints the rows. It needs NumPy and
ONNX Runtime alone.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.devices import sweep_rows
from benchmarks.gpu.rows import (
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

_PROVIDERS = {"gpu": "CUDAExecutionProvider", "cpu": "CPUExecutionProvider"}
_TOLERANCE = 1e-2


def main(folder: Path, until: Deadline, sizes: Sequence[int]) -> None:
    """Say all rows, those on a GPU first."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    library = f"ONNX Runtime {onnxruntime.__version__}"
    for device, provider in _PROVIDERS.items():
        for model in ("dense", "cnn"):
            row = Row(library, device, model, "all")
            if provider not in onnxruntime.get_available_providers():
                not_run([row], f"it has no {provider}")
                continue
            try:
                path = str(folder / f"{model}.onnx")
                session = onnxruntime.InferenceSession(path, providers=[provider])
                if provider not in session.get_providers():
                    not_run([row], f"{provider} finds no GPU here")
                    continue
                sweep(folder, until, sizes, row, session)
            except Exception as error:  # noqa: BLE001 - drivers fail in any way
                not_run([row], reason_of(error))


def sweep(folder: Path, until: Deadline, sizes: Sequence[int], row: Row, session: Any) -> None:  # noqa: ANN401
    """Say the rows of a model on a device, for each batch size, once its outputs are right."""
    with np.load(folder / "images.npz") as known:
        images, expected = known["images"].reshape(-1, 784), known[row.model]
    [found] = session.run(None, {"pixels": images})
    if np.abs(found - expected).max() > _TOLERANCE:
        not_run([row], "its outputs are wrong")
        return
    slowest_s = 0.0
    for size in sizes:
        count = max(1, sweep_rows(size) // size)
        works = _works(session, np.resize(images, (size, 784)), count, row.device)
        rows = [Row(row.library, row.device, row.model, part, size) for part in works]
        if why := too_long(size * count * slowest_s):
            not_run(rows, why)
        else:
            slowest_s = slowest_of(measure(rows, works, size * count, until))


def _works(session: Any, pixels: Any, count: int, device: str) -> dict[str, Callable[[], object]]:  # noqa: ANN401
    """Return what is timed, by part: each handles a batch `count` times; scaling is in the file."""
    import onnxruntime

    def times(work: Callable[[], object]) -> Callable[[], object]:
        return lambda: [work() for _ in range(count)]

    both = times(lambda: session.run(None, {"pixels": pixels}))
    if device == "cpu":  # where nothing is copied
        return {"network": both}

    def copy() -> Any:  # noqa: ANN401 - of ONNX Runtime
        return onnxruntime.OrtValue.ortvalue_from_numpy(pixels, "cuda", 0)

    binding, sent = session.io_binding(), copy()
    binding.bind_ortvalue_input("pixels", sent)
    binding.bind_output(session.get_outputs()[0].name, "cuda")

    def network() -> None:
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()

    return {
        "copy of bytes": times(copy),
        "network": times(network),
        "copy of bytes + scaling + network": both,
    }


if __name__ == "__main__":
    if why := quietly_imported("onnxruntime"):
        say(Row("ONNX Runtime", "gpu", "", "all", reason=why))
    else:
        main(Path(sys.argv[1]), Deadline(float(sys.argv[2])), [*map(int, sys.argv[3].split(","))])
