"""Compare the predictions of two runs over the same images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mnist_batch.commands.command_lines import as_argument, shell_line
from mnist_batch.commands.evaluate import prepare_of
from mnist_batch.commands.predictions_files import run_of_report
from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.comparing import Compared, compare_predictions
from mnist_batch.evaluation.comparison.result import Comparison
from mnist_batch.evaluation.found_images import FoundImage, find_images
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.nights.baseline.changes import changes, setting_of
from mnist_batch.options import NO_LABELS, Inputs, ReadOptions, Several, input_list
from mnist_batch.outputs.atomic import StagedFolder
from mnist_batch.outputs.output_lock import OutputLock
from mnist_batch.outputs.places import Claim, check_apart, check_outside
from mnist_batch.outputs.targets import output_errors
from mnist_batch.remote.addresses import is_remote, path_here
from mnist_batch.reports.comparison.comparison_folder import (
    FILES,
    comparison_record,
    write_comparison,
)
from mnist_batch.reports.comparison.comparison_page import places_to_show


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """The result of `compare`.

    Attributes:
        comparison: the verdict, and all that was counted.
        base, new: the predictions files.
        base_run, new_run: how they were made; None where a file does not say.
        changed: what is not as in the base, beside the predictions, a sentence each: the model,
            the version, options.
        files: those that are written: page, rows that changed, record; empty without `out`.
        notes: what the user should know, one sentence each.
    """

    comparison: Comparison
    base: Path
    new: Path
    base_run: Mapping[str, Any] | None
    new_run: Mapping[str, Any] | None
    changed: Sequence[str]
    files: Sequence[Path]
    notes: Sequence[str]
    _record: Mapping[str, Any]

    def __repr__(self) -> str:
        """Return the files and the verdict, in one line."""
        return f"<ComparisonResult {self.base} and {self.new}: {self.comparison.verdict}>"

    def record(self) -> dict[str, Any]:
        """Return what `comparison.json` holds, the notes, and where the files are."""
        files = [str(path) for path in self.files]
        return {**self._record, "notes": list(self.notes), "files": files}


def compare(
    base: str | Path,
    new: str | Path,
    *,
    out: str | Path | None = None,
    images: Inputs | None = None,
    on: str | None = None,
    max_drop: float = 0.1,
    overwrite: bool = False,
) -> ComparisonResult:
    """Compare two predictions files, row by row, and tell a regression from chance.

    Args:
        base: what the new run is held against: a predictions file, its report, or a night's folder.
        new: the new run, likewise.
        out: a folder for the page, the rows that changed and the record; None to write nothing.
        images: the inputs that the new run predicted, to be shown on the page; None for none.
        on: the column that tells that two rows are one image: `path`, `content` or one that was
            kept; None for source and row, or where the files have other names, what tells it.
        max_drop: the drop of accuracy in percentage points that is let pass, however sure it is.
        overwrite: replace a comparison that exists.

    Raises:
        PredictionsError: a file cannot be read, or these are not runs over the same images.
        InputError: `images` cannot be read or are not those that were predicted.
        OutputError: `out` exists or cannot be written.
        ValueError: `max_drop` is not from 0 to 100, or `images` are given without `out`.
    """
    if not 0 <= max_drop <= 100:
        raise ValueError(f"max_drop is {max_drop}; expected percentage points from 0 to 100")
    if images is not None and out is None:
        raise ValueError("images are shown on a page: name a folder for it, out")
    for one in (base, new):
        if is_remote(one):
            raise PredictionsError(
                f"{one}: compare reads files of this machine; copy it here first"
            )
    inputs = None if images is None else input_list(images)
    if out is None:
        return _result(_compare(Path(base), Path(new), on, max_drop))
    folder = StagedFolder(
        path_here(out, "a comparison is"),
        overwrite=overwrite,
        ours=lambda path: path.name in FILES,
    )
    check_outside([], [folder.target], inputs or [])
    with OutputLock(folder.target) as in_use:
        folder.check()
        compared = _compare(Path(base), Path(new), on, max_drop)
        files = [Claim(compared.base, "the base"), Claim(compared.new, "the new predictions")]
        check_apart([*files, Claim(folder.target, "the comparison")])
        found = {} if inputs is None else images_to_show(compared, inputs)
        _write(folder, compared, found, comparison_command(base, new, out, inputs, on, max_drop))
    return _result(compared, [folder.target / name for name in FILES], in_use.notes)


def _write(
    folder: StagedFolder, compared: Compared, images: Mapping[int, FoundImage], command: str
) -> None:
    """Put the folder of a comparison in its place, whole."""
    try:
        with output_errors(folder.target):
            begun, changed = folder.begin(), _changed(compared)
            write_comparison(begun, compared, images=images, changed=changed, command=command)
        folder.commit()
    finally:
        folder.discard()


def _compare(base: Path, new: Path, on: str | None, max_drop: float) -> Compared:
    compared = compare_predictions(base, new, on=on, max_drop=max_drop / 100)
    return replace(
        compared,
        base_run=compared.base_run or run_of_report(compared.base),
        new_run=compared.new_run or run_of_report(compared.new),
    )


def _result(
    compared: Compared, files: Sequence[Path] = (), notes: Sequence[str] = ()
) -> ComparisonResult:
    changed = _changed(compared)
    return ComparisonResult(
        comparison=compared.comparison,
        base=compared.base,
        new=compared.new,
        base_run=compared.base_run,
        new_run=compared.new_run,
        changed=changed,
        files=files,
        notes=[*compared.comparison.notes, *_unknown(compared), *notes],
        _record=comparison_record(compared, changed),
    )


def _unknown(compared: Compared) -> Iterator[str]:
    """Yield which CSV file does not say how it was made, so that nobody knows what changed."""
    for path, run in ((compared.base, compared.base_run), (compared.new, compared.new_run)):
        if run is None and path.suffix.lower() == ".csv":
            yield (
                f"{path}: a CSV file does not say which model made it, so nobody knows whether it "
                "changed; write Parquet, or keep the report beside the file"
            )


def _changed(compared: Compared) -> list[str]:
    """Return what is not as in the base, as far as both files say how they were made."""
    if compared.base_run is None or compared.new_run is None:
        return []
    settings = (setting_of(run, None) for run in (compared.base_run, compared.new_run))
    return list(changes("the base", *settings))


def images_to_show(compared: Compared, inputs: Sequence[str | Path]) -> Mapping[int, FoundImage]:
    """Return the images that the page shows, by index, from the inputs of the new run.

    Raises:
        InputError: these cannot be read or are not those that were predicted.
    """
    options = (compared.new_run or {}).get("options", {})
    column = options.get("image_column")
    read = ReadOptions(column if isinstance(column, str) else None, labels=NO_LABELS)
    prepare = prepare_of(options, compared.new)
    pictures, several = compared.comparison.new_rows, Several.ERROR
    if compared.pictures is not None:
        pictures, several = compared.pictures, Several.SPLIT
    places, opened = places_to_show(compared), open_inputs(inputs, read)
    return find_images(places, opened, pictures, prepare, several)


def comparison_command(
    base: str | Path,
    new: str | Path,
    out: str | Path,
    inputs: Sequence[str | Path] | None,
    on: str | None,
    max_drop: float,
) -> str:
    """Return the command that makes the folder again, to be copied into a shell."""
    words = ["mnist-batch", "compare", as_argument(base), as_argument(new), "--out", str(out)]
    words.append("--overwrite")
    for item in inputs or []:
        words += ["--images", str(item)]
    if on is not None:
        words += ["--on", on]
    if max_drop != 0.1:
        words += ["--max-drop", f"{max_drop:g}"]
    return shell_line(words)
