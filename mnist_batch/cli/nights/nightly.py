"""Predict every night into a folder of its own, and tell what changed since an earlier night.

The night has its predictions, a report, a comparison with the night it is held against, a summary
in Markdown, and its gates as JUnit XML. Exit status 3, 4 and 5 say that a gate failed.

Example: mnist-batch nightly digits/ --runs nights
"""

from typing import Annotated

import typer

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.night import night_page, why_failed
from mnist_batch.cli.shared import gates, groups, parameters


def _name(text: str | None) -> str | None:
    """Refuse what cannot be the name of a night before anything starts."""
    from mnist_batch.nights.new_night import check_name

    if text is not None:
        try:
            check_name(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    return text


_Runs = Annotated[
    str,
    parameters.writing(
        metavar="DIR",
        help="Folder of the nights; each is a folder in it, index.html shows all. It may be one of "
        "object storage, s3://BUCKET/DIR.",
    ),
]
_Name = Annotated[
    str | None,
    parameters.writing(
        callback=_name,
        help="Name of the night; by default the UTC date, with the time where that is taken.",
    ),
]
_Against = Annotated[
    str,
    parameters.gating(
        metavar="NIGHT|FILE",
        help="What the night is held against: passed, the last night of the same images that "
        "passed; previous, the one before; best, the most accurate one; a night by its name; or a "
        "predictions file or folder.",
    ),
]
_RequireLabels = Annotated[
    bool,
    parameters.gating(
        "--require-labels",
        help="Exit with status 4 where no row has a label.",
    ),
]
_Patience = Annotated[
    int,
    parameters.gating(
        min=1,
        metavar="N",
        help="Let a gate fail only on the Nth night in a row that misses it.",
    ),
]
_KeepNights = Annotated[
    int | None,
    parameters.writing(
        min=1,
        metavar="N",
        help="Remove the predictions, never metrics, of all but the last N nights.",
    ),
]


def nightly(
    inputs: parameters.InputList,
    runs: _Runs,
    name: _Name = None,
    against: _Against = "passed",
    max_drop: parameters.MaxDrop = 0.1,
    min_accuracy: parameters.MinAccuracy = None,
    max_errors: parameters.MaxErrors = "0",
    require_labels: _RequireLabels = False,
    patience: _Patience = 1,
    keep_nights: _KeepNights = None,
    model: parameters.ModelFile = None,
    *,
    running: groups.Running,
    reading: groups.Reading,
    predicting: groups.Predicting,
    isolating: groups.Isolating,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    budget = gates.error_budget(max_errors)
    with terminal.image_bar(quiet=quiet) as progress:
        result = mnist_batch.nightly(
            inputs,
            runs,
            name=name,
            against=against,
            max_drop=max_drop,
            min_accuracy=min_accuracy,
            max_errors=max_errors,
            require_labels=require_labels,
            patience=patience,
            keep_nights=keep_nights,
            model=model,
            **vars(running),
            **vars(reading),
            **predicting.arguments(),
            **vars(isolating),
            progress=progress,
        )
    terminal.show_result(result, night_page, quiet=quiet, as_json=as_json)
    for warning in result.warnings:  # with -q too: a gate that could not be asked is no good night
        terminal.say(f"warning: {warning}")
    for message in why_failed(result, is_shown=not (quiet or as_json)):
        terminal.say(f"error: {message}")
    metrics = result.summary.metrics
    if any(gate.name == "errors" and gate.fails for gate in result.night.gates):
        gates.check_errors(
            budget,
            metrics.errors,
            metrics.rows,
            result.summary.uncounted_sources,
            lacking="a prediction",
            examples=gates.first_of_each(result.summary.unreadable),
            out=result.summary.predictions,
        )
    if result.night.status:
        raise typer.Exit(result.night.status)
