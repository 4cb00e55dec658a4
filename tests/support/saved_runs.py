"""Runs of `mnist-batch benchmark --save`, made up."""

from collections.abc import Sequence

from mnist_batch.options import Device, PredictorChoice, Scale
from mnist_batch.tuning.saved_runs import SavedRun, Setting

SETTING = Setting(
    model="/models/cnn.keras",
    sha256="a" * 64,
    scale=Scale.ZERO_TO_ONE,
    predictor=PredictorChoice.NUMPY,
    device=Device.CPU,
    batch_size=2048,
    workers=2,
)


def saved_run(
    seconds: Sequence[float] = (1e-5, 1.1e-5) * 8, calibration_s: Sequence[float] = (0.05,) * 16
) -> SavedRun:
    """Return a run of some rounds, 16 or others."""
    return SavedRun(
        saved_utc="2026-11-27T19:50:00+00:00",
        setting=SETTING,
        images="b" * 64,
        cpu="Xeon",
        cores=2,
        versions={"mnist_batch": "0.5.0", "numpy": "2.4.0"},
        code="c" * 64,
        calibration="1, Python 3.11.7, zlib 1.3",
        seconds=tuple(seconds),
        calibration_s=tuple(calibration_s),
    )
