"""Batch prediction and evaluation for MNIST-style digit classifiers.

    import mnist_batch

    summary = mnist_batch.predict("digits/", "predictions.parquet")
    print(summary.metrics.accuracy)

The names below are loaded when first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnist_batch.errors import (
        InputError,
        LabelError,
        MnistBatchError,
        ModelError,
        OutputError,
        PredictionsError,
    )
    from mnist_batch.evaluation import Metrics
    from mnist_batch.fitting import TrainingProgress
    from mnist_batch.input_inspection import InputInspection, inspect_input
    from mnist_batch.jobs import (
        Progress,
        Summary,
        evaluate,
        predict,
        stream,
    )
    from mnist_batch.model import TrainingResult, train
    from mnist_batch.model_inspection import ModelInspection, inspect_model
    from mnist_batch.packing import PackSummary, pack
    from mnist_batch.predictors import Predictor, load_model
    from mnist_batch.tuning import BenchmarkResult, benchmark

__version__ = "0.4.0"

_MODULES = {
    "BenchmarkResult": "tuning",
    "InputError": "errors",
    "InputInspection": "input_inspection",
    "LabelError": "errors",
    "Metrics": "evaluation",
    "MnistBatchError": "errors",
    "ModelError": "errors",
    "ModelInspection": "model_inspection",
    "OutputError": "errors",
    "PackSummary": "packing",
    "PredictionsError": "errors",
    "Predictor": "predictors",
    "Progress": "jobs",
    "Summary": "jobs",
    "TrainingProgress": "fitting",
    "TrainingResult": "model",
    "benchmark": "tuning",
    "evaluate": "jobs",
    "inspect_input": "input_inspection",
    "inspect_model": "model_inspection",
    "load_model": "predictors",
    "pack": "packing",
    "predict": "jobs",
    "stream": "jobs",
    "train": "model",
}

__all__ = [
    "BenchmarkResult",
    "InputError",
    "InputInspection",
    "LabelError",
    "Metrics",
    "MnistBatchError",
    "ModelError",
    "ModelInspection",
    "OutputError",
    "PackSummary",
    "PredictionsError",
    "Predictor",
    "Progress",
    "Summary",
    "TrainingProgress",
    "TrainingResult",
    "__version__",
    "benchmark",
    "evaluate",
    "inspect_input",
    "inspect_model",
    "load_model",
    "pack",
    "predict",
    "stream",
    "train",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - of whatever type the name is
    """Load a public name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return __all__
