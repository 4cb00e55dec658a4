"""The line that repeats a run in a shell, whether the command line or Python started it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mnist_batch.commands.run import shell_line
from mnist_batch.inference.predictors import Predictor
from mnist_batch.options import BATCH_ROWS, Device, PredictOptions, PredictorChoice, Prepare


def predict_line(
    inputs: Sequence[str | Path],
    out: Path,
    model: str | Path | Predictor | None,
    options: PredictOptions,
) -> str:
    """Return the line of `mnist-batch predict`."""
    words = ["predict", *_input_words(inputs), "--out", str(out), *_option_words(model, options)]
    if options.content_hash:
        words.append("--content-hash")
    return shell_line(["mnist-batch", *words])


def nightly_line(
    inputs: Sequence[str | Path],
    runs: Path,
    model: str | Path | Predictor | None,
    options: PredictOptions,
) -> str:
    """Return the line of `mnist-batch nightly`; its gates are not what a report is about."""
    words = ["nightly", *_input_words(inputs), "--runs", str(runs), *_option_words(model, options)]
    return shell_line(["mnist-batch", *words])


def train_line(
    data: str | Path, out: Path, settings: Mapping[str, float | None], *, augment: bool
) -> str:
    """Return the line of `mnist-batch train`.

    Args:
        data: the INPUT.
        out: the model file.
        settings: by the names of the options; None for what is so by default.
        augment: whether the images were augmented.
    """
    words = ["train", "--data", str(data), "--out", str(out)]
    words += ["--augment"] if augment else []
    for name, value in settings.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shell_line(["mnist-batch", *words])


def _input_words(inputs: Sequence[str | Path]) -> list[str]:
    return [
        f"./{item}" if len(str(item)) > 1 and str(item)[0] == "-" else str(item) for item in inputs
    ]


def _option_words(model: str | Path | Predictor | None, options: PredictOptions) -> list[str]:
    """Return the options that are not as they are by default, and change what is predicted."""
    read, running = options.read, options.model
    file = model.model.path if isinstance(model, Predictor) else model
    values = {
        "--model": file,
        "--predictor": _unless(running.predictor, PredictorChoice.AUTO),
        "--scale": running.scale,
        "--device": _unless(running.device, Device.AUTO),
        "--prepare": _unless(options.prepare, Prepare.AUTO),
        "--image-column": read.image_column,
        "--label-column": read.label_column,
        "--labels": read.labels,
        "--batch-size": _unless(running.batch_size, BATCH_ROWS),
        "--workers": options.workers,
        "--sample-seed": options.output.sample_seed or None,
    }
    words = [
        word for name, value in values.items() if value is not None for word in (name, str(value))
    ]
    slices = options.output.slices
    for column in read.keep_columns:
        words += ["--slice" if column in slices else "--keep-column", column]
    return [*words, *(["--probabilities"] if options.probabilities else [])]


def _unless(value: object, default: object) -> object:
    return None if value == default else value
