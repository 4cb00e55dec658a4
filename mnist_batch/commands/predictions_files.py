"""Predictions files that a user names: files, folders of them, globs; and how they were made."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from glob import has_magic
from pathlib import Path
from typing import Any

import numpy as np

from mnist_batch.errors import InputError, PredictionsError
from mnist_batch.inputs.dataset.layout import has_parts_alone, is_dataset, not_whole
from mnist_batch.inputs.finding.listing import list_glob
from mnist_batch.inputs.finding.natural_order import naturally_sorted
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.outputs.reader import FORMATS, PredictionsFile, holds_predictions
from mnist_batch.outputs.targets import behind_links
from mnist_batch.schema import shortened

_KIND = "predictions"
_SUFFIXES = " or ".join(FORMATS)


def find_predictions(named: Iterable[str | Path]) -> list[Path]:
    """Return predictions files in order: as named, those of a folder or a glob in natural order.

    A folder that `predict` wrote as such is one of them. Of any other these are the files right in
    it that are predictions, not those of folders in it: a report has tables of its own.

    Raises:
        PredictionsError: there are none, a file is named twice, or a folder holds both Parquet and
            CSV, which may be the same rows twice, or parts that a run has not finished.
    """
    files = [path for one in named for path in _find(str(one))]
    if not files:
        raise PredictionsError(f"no predictions file is named; expected {_SUFFIXES} files")
    places: dict[Path, Path] = {}
    for path in files:
        twin = places.setdefault(behind_links(path), path)
        if twin is not path:
            raise PredictionsError(f"{path}: is named twice; name each predictions file once")
    return files


def _find(text: str) -> Sequence[Path]:
    path = Path(text)
    if path.is_dir():
        return [path] if is_dataset(path) else _in_folder(path)
    if has_magic(text) and not path.exists():
        try:
            root, listing = list_glob(text, dict.fromkeys(FORMATS, _KIND))
        except InputError as error:
            raise PredictionsError(*error.args) from error
        if not listing.files:
            raise PredictionsError(f"{text}: matches no predictions; expected {_SUFFIXES} files")
        return [Path(str(root / name)) for name in listing.files[_KIND]]
    return [path]  # which the reader refuses where it is none


def _in_folder(folder: Path) -> Sequence[Path]:
    try:
        names = naturally_sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise PredictionsError(f"{folder}: cannot be listed: {error.strerror}") from error
    if has_parts_alone(names):
        raise PredictionsError(f"{folder}: {not_whole()}")
    found = list(_predictions_among(folder / name for name in names))
    if not found:
        raise PredictionsError(
            f"{folder}: no predictions right in this folder; expected {_SUFFIXES} files that "
            "predict wrote, or name them by a glob, as 'runs/*/predictions.parquet'"
        )
    if len({path.suffix.lower() for path in found}) > 1:
        raise PredictionsError(
            f"{folder}: holds predictions as Parquet and as CSV ("
            f"{', '.join(shortened(path.name) for path in found[:5])}), which may be the same rows "
            f"twice; name one kind, as '{folder}/*.parquet'"
        )
    return found


def _predictions_among(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        may_be = path.suffix.lower() in FORMATS and not path.name.startswith(".")
        if may_be and path.is_file() and holds_predictions(path):
            yield path


def run_of_report(predictions: Path) -> Mapping[str, Any] | None:
    """Return how predictions were made, by the report beside them; a CSV file does not say so.

    None where there is none, or where its rows and the classes read are not those of the file: it
    is of other predictions then.

    Raises:
        PredictionsError: the predictions cannot be read.
        MachineError: the machine lacks memory or open files to read the report.
    """
    path = predictions.with_suffix(".report") / "metrics.json"
    try:
        record = json.loads(path.read_bytes())
        run, told = record["run"], (record["rows"], record["predictions"])
        is_record = isinstance(run["options"], dict)
    except OSError as error:
        raise_if_of_machine(error, str(path))
        return None
    except (ValueError, TypeError, KeyError, RecursionError):  # it is no report, or damaged
        return None
    return run if is_record and told == _counts(predictions) else None


def _counts(predictions: Path) -> tuple[int, list[int]]:
    """Return how many rows there are, and how many are read as each class."""
    with PredictionsFile(predictions) as file:
        count = file.classes.count
        rows, read = 0, np.zeros(count, np.int64)
        for batch in file.batches():
            digits = batch.column("prediction").drop_null().to_numpy()
            rows, read = rows + len(batch), read + np.bincount(digits, minlength=count)
    return rows, read.tolist()


def common_run(runs: Sequence[Mapping[str, Any] | None]) -> Mapping[str, Any] | None:
    """Return the record of the only run; of several what is alike in all of how they predicted."""
    if len(runs) == 1:
        return runs[0]
    told = [{name: run[name] for name in _HOW if name in run} for run in runs if run]
    return _alike(told) or None if len(told) == len(runs) else None


_HOW = ("version", "model", "predictor", "classes", "options", "versions", "kernels")


def _alike(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the entries that all records have alike, those of records in them likewise."""
    alike: dict[str, Any] = {}
    for name in records[0]:
        values: list[Any] = [record.get(name) for record in records]
        if all(isinstance(value, dict) for value in values):
            alike[name] = _alike(values)
        elif all(value == values[0] for value in values):
            alike[name] = values[0]
    return alike
