"""Batch prediction and evaluation for MNIST-style digit classifiers.

    import mnist_batch

    summary = mnist_batch.predict("digits/", "predictions.parquet")
    print(summary.metrics.accuracy)

The names below are loaded when first used, so that importing the package costs nothing.
"""

from importlib import import_module

# The name that type checkers know, without the import of `typing`: in its 4 ms the command does not
# listen to signals yet, and Python meets Ctrl-C with a traceback.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any

    from mnist_batch.commands.compare import ComparisonResult, compare
    from mnist_batch.commands.evaluate import evaluate
    from mnist_batch.commands.history import History, history
    from mnist_batch.commands.images import predict_images, prepare_images
    from mnist_batch.commands.merge import merge
    from mnist_batch.commands.nightly import NightlyResult, nightly
    from mnist_batch.commands.pack import PackSummary, pack
    from mnist_batch.commands.predict import predict, stream
    from mnist_batch.commands.runs.summary import Summary
    from mnist_batch.commands.train import train
    from mnist_batch.errors import (
        ColumnError,
        InputError,
        LabelError,
        MachineError,
        MnistBatchError,
        ModelError,
        OutputError,
        PredictionsError,
    )
    from mnist_batch.evaluation.metrics import Metrics
    from mnist_batch.inference.predictors import Predictor, load_model
    from mnist_batch.inference.workers import Progress
    from mnist_batch.inspection.inputs import InputInspection, inspect_input
    from mnist_batch.inspection.models import ModelInspection, inspect_model
    from mnist_batch.nights.night import GateResult, Night
    from mnist_batch.training.fitting import TrainingProgress
    from mnist_batch.training.result import TrainingResult
    from mnist_batch.tuning.benchmark import benchmark
    from mnist_batch.tuning.recommendation import BenchmarkResult

__version__ = "0.5.0.dev0"

_MODULES = {
    name: module
    for module, names in {
        "commands.compare": "ComparisonResult compare",
        "commands.evaluate": "evaluate",
        "commands.history": "History history",
        "commands.images": "predict_images prepare_images",
        "commands.merge": "merge",
        "commands.nightly": "NightlyResult nightly",
        "commands.pack": "PackSummary pack",
        "commands.predict": "predict stream",
        "commands.runs.summary": "Summary",
        "commands.train": "train",
        "errors": "ColumnError InputError LabelError MachineError MnistBatchError ModelError "
        "OutputError PredictionsError",
        "evaluation.metrics": "Metrics",
        "inference.predictors": "Predictor load_model",
        "inference.workers": "Progress",
        "inspection.inputs": "InputInspection inspect_input",
        "inspection.models": "ModelInspection inspect_model",
        "nights.night": "GateResult Night",
        "training.fitting": "TrainingProgress",
        "training.result": "TrainingResult",
        "tuning.benchmark": "benchmark",
        "tuning.recommendation": "BenchmarkResult",
    }.items()
    for name in names.split()
}

__all__ = [
    "BenchmarkResult",
    "ColumnError",
    "ComparisonResult",
    "GateResult",
    "History",
    "InputError",
    "InputInspection",
    "LabelError",
    "MachineError",
    "Metrics",
    "MnistBatchError",
    "ModelError",
    "ModelInspection",
    "Night",
    "NightlyResult",
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
    "compare",
    "evaluate",
    "history",
    "inspect_input",
    "inspect_model",
    "load_model",
    "merge",
    "nightly",
    "pack",
    "predict",
    "predict_images",
    "prepare_images",
    "stream",
    "train",
]


def __getattr__(name: str) -> "Any":  # noqa: ANN401 - of whatever type the name is
    """Load a public name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return __all__
