"""The line that repeats a run in a shell, whether the command line or Python started it."""

import os
import shlex
import string
from collections.abc import Mapping, Sequence
from pathlib import Path

from mnist_batch.inference.predictors import Predictor
from mnist_batch.inputs.finding.find import STDIN
from mnist_batch.options import (
    BATCH_ROWS,
    Device,
    EngineChoice,
    EngineOptions,
    Orientation,
    OutputFormat,
    PredictOptions,
    PredictorChoice,
    Prepare,
    ReadOptions,
    Several,
)


def predict_line(
    inputs: Sequence[str | Path],
    out: str | Path,
    model: str | Path | Predictor | None,
    options: PredictOptions,
) -> str:
    """Return the line of `mnist-batch predict`, with the outputs that were named."""
    words = ["predict", *map(as_argument, inputs), "--out", _out_word(out, options)]
    words += _option_words(model, options)
    words += ["--isolate"] if options.isolate else []
    words += _engine_words(options.engine)
    words += ["--content-hash"] if options.content_hash else []
    report, pictures = options.output.report, options.output.save_prepared
    if report is False:
        words.append("--no-report")
    elif report is not True:
        words += ["--report", str(report)]
    if pictures is not None:
        words += ["--save-prepared", str(pictures)]
    if options.share:
        words += ["--shard", str(options.share)]
    return shell_line(["mnist-batch", *words])


def _engine_words(options: EngineOptions) -> list[str]:
    """Return the options of a cluster, whose address is that of the day."""
    words = ["--engine", str(options.engine)] if options.engine is EngineChoice.RAY else []
    if options.part_timeout is not None:
        words += ["--part-timeout", f"{options.part_timeout:g}"]
    return words


def _out_word(out: str | Path, options: PredictOptions) -> str:
    is_folder = options.output.format is OutputFormat.DATASET
    return f"{str(out).rstrip('/')}/" if is_folder else str(out)


def nightly_line(
    inputs: Sequence[str | Path],
    runs: str | Path,
    model: str | Path | Predictor | None,
    options: PredictOptions,
) -> str:
    """Return the line of `mnist-batch nightly`; its gates are not what a report is about."""
    words = ["nightly", *map(as_argument, inputs), "--runs", str(runs)]
    words += _option_words(model, options)
    return shell_line(["mnist-batch", *words])


def evaluate_line(
    files: Sequence[str | Path],
    report: str | Path,
    *,
    labels: str | Path | None = None,
    slices: Sequence[str] = (),
    images: Sequence[str | Path] = (),
    image_column: str | None = None,
    sample_seed: int | None = None,
) -> str:
    """Return the line of `mnist-batch evaluate` that makes a report again.

    The arguments are those of `evaluate`. Where `images` hold a list that came on standard input,
    which has gone through, all of them are left out, and so the samples are.
    """
    words = ["evaluate", *map(as_argument, files)]
    words += ["--labels", str(labels)] if labels is not None else []
    words += [word for name in slices for word in ("--slice", name)]
    if STDIN not in images:
        words += [word for one in images for word in ("--images", str(one))]
    words += ["--image-column", image_column] if image_column is not None else []
    words += ["--sample-seed", str(sample_seed)] if sample_seed is not None else []
    return shell_line(["mnist-batch", *words, "--report", str(report), "--overwrite"])


def train_line(
    data: str | Path,
    out: Path,
    settings: Mapping[str, float | str | None],
    *,
    augment: bool,
    read: ReadOptions,
) -> str:
    """Return the line of `mnist-batch train`.

    Args:
        data: the INPUT.
        out: the model file.
        settings: by the names of the options; None for what is so by default.
        augment: whether the images were augmented.
        read: how the INPUT is read.
    """
    words = ["train", "--data", str(data), "--out", str(out)]
    words += ["--augment"] if augment else []
    values = {f"--{name.replace('_', '-')}": value for name, value in settings.items()}
    for name, value in {**_reading_values(read), **values}.items():
        if value is not None:
            words += [name, str(value)]
    return shell_line(["mnist-batch", *words])


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
        "--several": _unless(options.several, Several.ERROR),
        **_reading_values(read),
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


def _reading_values(read: ReadOptions) -> dict[str, object]:
    """Return the values of the options of reading but `--keep-column`; None for what is default."""
    return {
        "--image-column": read.image_column,
        "--label-column": read.label_column,
        "--labels": read.labels,
        "--label-pattern": read.label_pattern,
        "--class-names": read.class_names,
        "--image-root": read.image_root,
        "--orientation": _unless(read.orientation, Orientation.UPRIGHT),
    }


def _unless(value: object, default: object) -> object:
    return None if value == default else value


def as_argument(path: str | Path) -> str:
    """Return a path as an argument that is no option; `-` alone is standard input."""
    text = str(path)
    return f"./{text}" if text.startswith("-") and text != STDIN else text


def shell_line(words: Sequence[str]) -> str:
    """Return a command as a line that can be copied into a shell."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    """Return a word as a shell takes it, without a character that a terminal does not show."""
    if word.isprintable():
        return shlex.quote(word)
    plain = (string.ascii_letters + string.digits + "/._-").encode()
    shown = (chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(shown)}'"
