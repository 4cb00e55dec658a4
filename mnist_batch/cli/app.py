"""The command line: each command parses, calls the library once, prints and exits.

Exit status: 0 done; 1 could not be done; 2 usage; 3 done, but more rows with an error than
`--max-errors` allows; 4 done, but below `--min-accuracy`; 130 interrupted, 143 terminated.
"""

import gc
import io
import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_batch import __version__
from mnist_batch.cli.output import (
    benchmark_bar,
    prediction_bar,
    print_result,
    say,
    say_notes,
    saying_what_is_kept,
    show,
    training_bar,
)
from mnist_batch.cli.parameters import (
    MEASURING,
    MODEL,
    OUTPUT,
    READING,
    AsJson,
    ImageColumn,
    InputList,
    LabelColumn,
    Labels,
    MaxErrors,
    MinAccuracy,
    ModelFile,
    NoReport,
    Overwrite,
    PixelScale,
    PredictorName,
    PrepareChoice,
    Quiet,
    ReportFolder,
    Workers,
)
from mnist_batch.errors import MnistBatchError
from mnist_batch.options import (
    AUGMENTED,
    BATCH_ROWS,
    BATCH_SIZES,
    MNIST,
    PLAIN,
    Device,
    ErrorBudget,
    PredictorChoice,
    Prepare,
    Style,
)

# What takes long to import (numpy, pyarrow, keras, matplotlib, rich) is imported by the command
# that needs it: --help answers at once.
if TYPE_CHECKING:
    from mnist_batch.evaluation.metrics import Metrics

app = typer.Typer(
    name="mnist-batch",
    help="Batch prediction and evaluation for MNIST-style digit classifiers.",
    epilog="Example: mnist-batch predict digits/ --out predictions.parquet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

ERRORS_STATUS, GATE_STATUS = 3, 4
STOPPED_STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@app.callback(invoke_without_command=True)
def _main_options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"mnist-batch {__version__}")
        raise typer.Exit


@app.command(
    help="Predict the digit on each image, and evaluate where labels are known.\n\n"
    "Every image is a row of the output, in input order, with a prediction or the reason why "
    "there is none. A report stands beside it: metrics, confusion matrix, accuracy per class and "
    "ten samples.\n\n"
    "INPUT is a folder of images or of Parquet files, an image, a Parquet file, a quoted glob, "
    "hf://datasets/OWNER/NAME, or - for a list of paths on standard input.",
    epilog="Example: mnist-batch predict digits/ --out predictions.parquet",
)
def predict(
    inputs: InputList,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Predictions: .parquet or .csv.", rich_help_panel=OUTPUT),
    ],
    model: ModelFile = None,
    predictor: PredictorName = PredictorChoice.AUTO,
    scale: PixelScale = None,
    device: Annotated[
        Device, typer.Option(help="Where Keras runs it.", rich_help_panel=MODEL)
    ] = Device.AUTO,
    prepare: PrepareChoice = Prepare.AUTO,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    labels: Labels = None,
    batch_size: Annotated[
        int,
        typer.Option(
            min=1,
            help="Images in a batch; Keras runs just so many at once.",
            rich_help_panel=READING,
        ),
    ] = BATCH_ROWS,
    workers: Workers = None,
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            help="Write the probability of each digit; log loss and Brier score need them.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    report: ReportFolder = None,
    no_report: NoReport = False,
    sample_seed: Annotated[
        int, typer.Option(help="Chooses the ten samples.", rich_help_panel=OUTPUT)
    ] = 0,
    save_prepared: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="New folder of pictures: each image that was prepared, beside what the network "
            "saw.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    max_errors: MaxErrors = "0",
    fail_fast: Annotated[
        bool,
        typer.Option(
            "--fail-fast",
            help="Stop at the first row with an error, and write nothing.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    min_accuracy: MinAccuracy = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from what a run that was cut short has finished.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    budget = _error_budget(max_errors)
    _begin_to_draw(no_report=no_report)
    from mnist_batch.commands import predict

    with saying_what_is_kept(out, quiet=quiet), prediction_bar(quiet=quiet) as progress:
        summary = predict.predict(
            inputs,
            out,
            model=model,
            predictor=predictor,
            scale=scale,
            device=device,
            prepare=prepare,
            image_column=image_column,
            label_column=label_column,
            labels=labels,
            batch_size=batch_size,
            workers=workers,
            probabilities=probabilities,
            report=_report(report, no_report=no_report),
            sample_seed=sample_seed,
            save_prepared=save_prepared,
            overwrite=overwrite,
            resume=resume,
            fail_fast=fail_fast,
            progress=progress,
        )
    print_result(summary, quiet=quiet, as_json=as_json)
    missed = _misses(min_accuracy, summary.metrics)
    metrics = summary.metrics
    _check_errors(metrics.errors, metrics.rows, summary.uncounted_sources, budget, "a prediction")
    if missed:
        raise typer.Exit(GATE_STATUS)


@app.command(
    help="Evaluate a predictions file: the same report again, without predicting.",
    epilog="Example: mnist-batch evaluate predictions.parquet --images digits/ --overwrite",
)
def evaluate(
    predictions: Annotated[
        Path, typer.Argument(metavar="FILE", help="What predict wrote, .parquet or .csv.")
    ],
    images: Annotated[
        list[str] | None,
        typer.Option(
            metavar="INPUT",
            help="What was predicted, to draw the samples; repeat for several.",
            rich_help_panel=READING,
        ),
    ] = None,
    image_column: ImageColumn = None,
    report: ReportFolder = None,
    no_report: NoReport = False,
    sample_seed: Annotated[
        int | None,
        typer.Option(help="Chooses other samples than predict did.", rich_help_panel=OUTPUT),
    ] = None,
    min_accuracy: MinAccuracy = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    _begin_to_draw(no_report=no_report)
    from mnist_batch.commands.evaluate import evaluate

    summary = evaluate(
        predictions,
        report=_report(report, no_report=no_report),
        images=images,
        image_column=image_column,
        sample_seed=sample_seed,
        overwrite=overwrite,
    )
    print_result(summary, quiet=quiet, as_json=as_json)
    if _misses(min_accuracy, summary.metrics):
        raise typer.Exit(GATE_STATUS)


@app.command(
    help="Train Dense 128-64-10 on labelled digits, and test it on their test split.\n\n"
    "The model, its report and its learning curves are written; a plain keras.models.load_model "
    "reads the model. Files or folders named train and test, as train-00000-of-00001.parquet, tell "
    "what is for training and what for the test; without such names all is for training.",
    epilog="Example: mnist-batch train --data mnist/ --epochs 20 --out MNIST.h5",
)
def train(
    data: Annotated[
        str,
        typer.Option(
            metavar="INPUT", help="Labelled digits, as for predict.", rich_help_panel=READING
        ),
    ] = MNIST,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The model: .h5 or .keras.", rich_help_panel=OUTPUT),
    ] = Path("MNIST.h5"),
    augment: Annotated[
        bool,
        typer.Option(
            "--augment",
            help="Turn, move, zoom, shear and thicken the digits at random, and keep the best "
            "epoch.",
            rich_help_panel=MODEL,
        ),
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Passes over the data; {PLAIN.epochs}, or {AUGMENTED.epochs} with --augment.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Images per step; {PLAIN.batch_size}, or {AUGMENTED.batch_size} with --augment.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    validation_split: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.99,
            help="Share of the data that is not learned from; "
            f"{PLAIN.validation_split}, or {AUGMENTED.validation_split} with --augment.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=2**32 - 1,
            help="Same seed and machine, same weights.",
            rich_help_panel=MODEL,
        ),
    ] = 0,
    report: ReportFolder = None,
    no_report: NoReport = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    from mnist_batch.commands import train

    with training_bar(quiet=quiet) as progress:
        result = train.train(
            data,
            out,
            augment=augment,
            epochs=epochs,
            batch_size=batch_size,
            validation_split=validation_split,
            seed=seed,
            report=_report(report, no_report=no_report),
            overwrite=overwrite,
            progress=progress,
        )
    from mnist_batch.cli.terminal import training_summary

    show(json.dumps(result.record()) if as_json else training_summary(result))


@app.command(
    help="Decode images once, into one Parquet file that predicts as they do but faster.\n\n"
    "Every image is a row of raw pixels, in input order, with its source, label and, where it "
    "cannot be read, the reason. The predictions of the file are those of the INPUT.\n\n"
    "INPUT is what predict takes.",
    epilog="Example: mnist-batch pack digits/ --out packed.parquet",
)
def pack(
    inputs: InputList,
    out: Annotated[
        Path,
        typer.Option(metavar="FILE", help="The packed file: .parquet.", rich_help_panel=OUTPUT),
    ],
    prepare: PrepareChoice = Prepare.AUTO,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    labels: Labels = None,
    workers: Workers = None,
    max_errors: MaxErrors = "0",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    budget = _error_budget(max_errors)
    from mnist_batch.cli.terminal import pack_summary
    from mnist_batch.commands import pack

    with prediction_bar(quiet=quiet) as progress:
        summary = pack.pack(
            inputs,
            out,
            prepare=prepare,
            image_column=image_column,
            label_column=label_column,
            labels=labels,
            workers=workers,
            overwrite=overwrite,
            progress=progress,
        )
    show(json.dumps(summary.record()) if as_json else pack_summary(summary))
    say_notes(summary.notes, quiet=quiet)
    _check_errors(summary.errors, summary.rows, summary.uncounted_sources, budget, "an image")


@app.command(
    help="Time a model and an input on this machine: which batch size, workers and device to take."
    "\n\nReading, decoding and the network are timed apart, then the whole. The end is the "
    "command line to copy, and which part binds. At most the first 20,000 images are used.\n\n"
    "INPUT is what predict takes; without one, digits are drawn.",
    epilog="Example: mnist-batch benchmark digits/ --batch-sizes 256,2048 --seconds 0.2",
)
def benchmark(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT", help="What to read; several may follow one another."),
    ] = None,
    model: ModelFile = None,
    predictor: PredictorName = PredictorChoice.AUTO,
    scale: PixelScale = None,
    device: Annotated[
        Device,
        typer.Option(help="What to measure; auto is all there is.", rich_help_panel=MODEL),
    ] = Device.AUTO,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    labels: Labels = None,
    batch_sizes: Annotated[
        str,
        typer.Option(metavar="N,N,...", help="Batch sizes to measure.", rich_help_panel=MEASURING),
    ] = ",".join(map(str, BATCH_SIZES)),
    seconds: Annotated[
        float,
        typer.Option(min=0, help="Time for each setting, about.", rich_help_panel=MEASURING),
    ] = 1.0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    sizes = _batch_sizes(batch_sizes)
    from mnist_batch.cli.terminal import benchmark_summary
    from mnist_batch.tuning import measuring

    with benchmark_bar(quiet=quiet) as progress:
        result = measuring.benchmark(
            inputs or [],
            model=model,
            predictor=predictor,
            scale=scale,
            device=device,
            image_column=image_column,
            label_column=label_column,
            labels=labels,
            batch_sizes=sizes,
            seconds=seconds,
            progress=progress,
        )
    show(json.dumps(result.record()) if as_json else benchmark_summary(result))
    say_notes(result.notes, quiet=quiet)


@app.command(
    help="Tell what a model file or an input holds, and what in it is worth a look.\n\n"
    "MODEL ends in .h5 or .keras: its layers, what would run it and why, how it wants its pixels. "
    "Where the file does not say that, --data finds it.\n\n"
    "INPUT is what predict takes: how many images of which formats and sizes, how many are as "
    "MNIST's are, labels, duplicates, and what cannot be read.",
    epilog="Example: mnist-batch inspect digits/",
)
def inspect(
    names: Annotated[
        list[str],
        typer.Argument(metavar="MODEL|INPUT", help="One MODEL, or one INPUT or several."),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="INPUT",
            help="Labelled digits to try the pixel scales of a MODEL on, up to 2,000 of them.",
            rich_help_panel=READING,
        ),
    ] = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    labels: Labels = None,
    workers: Workers = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    model = _model_among(names, data)
    from mnist_batch.cli.terminal_inspection import input_summary, model_summary
    from mnist_batch.inspection import inputs, models

    with prediction_bar(quiet=quiet) as progress:
        if model:
            found = models.inspect_model(
                model,
                data=data,
                image_column=image_column,
                label_column=label_column,
                labels=labels,
                workers=workers,
                progress=progress,
            )
        else:
            contents = inputs.inspect_input(
                names,
                image_column=image_column,
                label_column=label_column,
                labels=labels,
                workers=workers,
                progress=progress,
            )
    if model:
        show(json.dumps(found.record()) if as_json else model_summary(found))
    else:
        show(json.dumps(contents.record()) if as_json else input_summary(contents))
        say_notes(contents.notes, quiet=quiet)


@app.command(
    help="Draw digits as pen strokes: sample images, to try things with.\n\n"
    "They have MNIST's form, or look like handwriting of one's own: on paper, scanned or cut out; "
    "in a photo of a sheet; drawn on a screen with a mouse.",
    epilog="Example: mnist-batch generate --style paper --count 200 --out paper.parquet",
)
def generate(
    out: Annotated[Path, typer.Option(help="A Parquet file (.parquet), or else a new folder.")],
    count: Annotated[int, typer.Option(min=1, help="How many images, 0 to 9 in turn.")] = 100,
    style: Annotated[Style, typer.Option(help="What the images look like.")] = Style.MNIST,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other images.")] = 0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a Parquet file that exists.")
    ] = False,
) -> None:
    from mnist_batch.synthetic import generator

    if out.suffix.lower() == ".parquet":
        generator.write_parquet(out, count, style=style, seed=seed, overwrite=overwrite)
    else:
        generator.write_folder(out, count, style=style, seed=seed)
    print(f"{count:,} digits in {out}")


class _WithoutPandas(MetaPathFinder):
    """Lets `import pandas` fail.

    Where pandas is installed, pyarrow imports it at its first array, which takes 0.2 to 0.5 s and
    is for nothing: no command uses it. PyTorch asks whether it is there, and takes no exception for
    an answer.
    """

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas" and "torch" not in sys.modules:
            raise ModuleNotFoundError("pandas is not needed here", name=fullname)


def main() -> None:
    """Run the command line and exit with the status of the contract."""
    # What the imports make stays; to look through it for garbage every 700 or 2,000 objects, as
    # Python does, takes a seventh of the time of a small run.
    gc.set_threshold(100_000)
    sys.meta_path.insert(0, _WithoutPandas())
    signal.signal(signal.SIGTERM, _stop)
    for output in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks is shown by numbers; it is no error.
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
    # What Pillow remarks on odd images is not for the terminal: each is a row with a reason.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    try:
        app()
    except MnistBatchError as error:
        say(f"error: {error}")
        sys.exit(1)
    except SystemExit as end:
        if not isinstance(end.code, int) or end.code not in STOPPED_STATUSES.values():
            raise
        say("interrupted")
        # A worker may still be in the middle of a large picture; the ordinary exit would take the
        # libraries down under it.
        os._exit(end.code)


def _stop(number: int, _: object) -> None:
    """End as on Ctrl-C, which typer turns into `SystemExit`: what is half written goes."""
    raise SystemExit(STOPPED_STATUSES[signal.Signals(number)])


def _report(folder: Path | None, *, no_report: bool) -> Path | bool:
    """Return the library's argument `report`."""
    if folder and no_report:
        raise typer.BadParameter("--report and --no-report exclude each other")
    return folder or not no_report


def _model_among(names: Sequence[str], data: str | None) -> str | None:
    """Return the model that the arguments of `inspect` name; None where they name INPUTs."""
    models = [name for name in names if name.lower().endswith((".h5", ".keras"))]
    if models and len(names) > 1:
        raise typer.BadParameter(f"{models[0]} is a MODEL, which has to stand alone")
    if data and not models:
        raise typer.BadParameter("--data is for a MODEL, a file that ends in .h5 or .keras")
    return models[0] if models else None


_LARGEST_BATCH = 1_000_000  # its pixels alone are 3 GB for the network


def _batch_sizes(text: str) -> list[int]:
    """Return the numbers of `--batch-sizes`."""
    numbers = [number.strip() for number in text.split(",")]
    # isascii: isdecimal alone takes the digits of every script.
    if not all(
        number.isascii() and number.isdecimal() and 1 <= int(number) <= _LARGEST_BATCH
        for number in numbers
    ):
        raise typer.BadParameter(
            f"{text!r}: expected whole numbers from 1 to {_LARGEST_BATCH}, as in 256,2048",
            param_hint="'--batch-sizes'",
        )
    return [int(number) for number in numbers]


def _begin_to_draw(*, no_report: bool) -> None:
    """Let matplotlib be imported elsewhere while this process imports and does the rest."""
    if not no_report:
        from mnist_batch.evaluation import drawing

        drawing.start_process()


def _error_budget(text: str) -> ErrorBudget:
    """Return what `--max-errors` allows."""
    try:
        return ErrorBudget.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--max-errors'") from error


def _check_errors(
    errors: int, rows: int, uncounted: int, budget: ErrorBudget, lacking: str
) -> None:
    """Say that more rows than allowed lack something, and exit."""
    if budget.allows(errors, rows, uncounted):
        return
    if budget.allows(errors, rows):
        say(
            f"error: sources that cannot be read at all: {uncounted:,}, of which nobody knows what "
            f"share --max-errors {budget} would be; give a number of rows, or leave them out"
        )
    else:
        say(f"error: rows without {lacking}: {errors:,}, more than --max-errors {budget}")
    raise typer.Exit(ERRORS_STATUS)


def _misses(min_accuracy: float | None, metrics: "Metrics") -> bool:
    """Tell whether the accuracy is too low, on standard error as well."""
    if min_accuracy is None:
        return False
    if metrics.accuracy is None:
        say("error: --min-accuracy: no row has both a label and a prediction")
        return True
    if metrics.accuracy < min_accuracy:
        say(f"error: accuracy {metrics.accuracy:.4f} is below --min-accuracy {min_accuracy}")
        return True
    return False
