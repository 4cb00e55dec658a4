"""mnist-batch from PNG Parquet to predictions, warm, without a report, on a GPU and on the CPU.

`python -m benchmarks.gpu.end_to_end FOLDER UNTIL RUNNER...` prints the rows; a RUNNER is `numpy`,
`keras` or `onnx`.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

import mnist_batch
from benchmarks.gpu.rows import Deadline, Row, measure, not_run, reason_of
from mnist_batch.errors import MnistBatchError

_BATCH = {"gpu": 16_384, "cpu": 2048}

_DIFFERING = 1e-3
"""Share of images that may be another digit: where two are as likely, rounding decides."""


def main(folder: Path, until: Deadline, runners: list[str]) -> None:
    """Say a row for each runner, device and model that it can run."""
    for runner in runners:
        for device in ("cpu",) if runner == "numpy" else ("gpu", "cpu"):
            for model in ("dense",) if runner == "numpy" else ("dense", "cnn"):
                _row(folder, until, runner, device, model)


def _row(folder: Path, until: Deadline, runner: str, device: str, model: str) -> None:
    path = folder / f"{model}.{'onnx' if runner == 'onnx' else 'keras'}"
    library = f"mnist-batch {mnist_batch.__version__} on {runner}"
    row = Row(library, device, model, "PNG Parquet to predictions", _BATCH[device])
    digits, out = folder / "digits.parquet", folder / "out.parquet"
    try:
        loaded = mnist_batch.load_model(
            path,
            predictor=runner,
            scale="0-255" if runner == "onnx" else "0-1",  # the ONNX file scales bytes itself
            device=device,
            batch_size=row.batch_size,
        )
        versions = [f"{name} {value}" for name, value in loaded.versions().items()]
        row = replace(row, library=", ".join([library, *versions]))

        def predict() -> None:
            mnist_batch.predict(digits, out, model=loaded, report=False, overwrite=True)

        if not until.allows(0):
            not_run([row], "no time left")
            return
        predict()
        if not _as_first(folder / f"{model}.npy", pq.read_table(out)["prediction"].to_numpy()):
            not_run([row], "its predictions are others than the first ones")
            return
        measure([row], {row.part: predict}, pq.read_metadata(digits).num_rows, until)
    except (MnistBatchError, ImportError) as error:
        not_run([row], reason_of(error))


def _as_first(path: Path, digits: npt.NDArray[np.int8]) -> bool:
    """Tell whether digits are those of the first run of their model, which are kept at a path."""
    if not path.exists():
        np.save(path, digits)
    return bool(np.mean(np.load(path) != digits) <= _DIFFERING)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Deadline(float(sys.argv[2])), sys.argv[3:])
