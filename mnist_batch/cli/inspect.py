"""Show what a model file or an input holds, and what in it is worth a look.

MODEL ends in .h5, .keras or .onnx: its layers, what would run it and why, which pixel range it
expects. Where the file does not say that, --data finds it.

INPUT is what predict takes: how many images of which formats and sizes, how many are as MNIST's
are, labels, duplicates, and what cannot be read.

Example: mnist-batch inspect digits/
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.terminal import UNKNOWN, facts, page, table, text, titled
from mnist_batch.cli.shared import groups, parameters

if TYPE_CHECKING:
    from mnist_batch.inference.trials.scale_trials import ScaleTrials
    from mnist_batch.inspection.images import Place
    from mnist_batch.inspection.inputs import Sizes

_NAME, _NAMED = 30, 70
"""Characters of the name of a class, and names that are listed."""

_MODELS = (
    *(".h5", ".hdf5", ".keras", ".onnx"),
    # What becomes of these is one line that says how to make one of the above of them.
    *(".ckpt", ".joblib", ".mlmodel", ".pb", ".pkl", ".pt", ".pt2", ".pth", ".safetensors"),
    ".tflite",
)
"""Suffixes of models; any other name is an INPUT."""

_Names = Annotated[
    list[str], typer.Argument(metavar="MODEL|INPUT", help="One MODEL, or one INPUT or several.")
]
_Data = Annotated[
    str | None,
    parameters.reading(
        metavar="INPUT",
        help="Labelled digits to try the pixel scales of a MODEL on, up to 2,000 of them.",
    ),
]


def inspect(
    names: _Names,
    data: _Data = None,
    *,
    reading: groups.Reading,
    workers: parameters.Threads = None,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    model = _model_among(names, data)
    with terminal.image_bar(quiet=quiet) as progress:
        options: dict[str, Any] = {**vars(reading), "workers": workers, "progress": progress}
        if model:
            found = mnist_batch.inspect_model(model, data=data, **options)
        else:
            held = mnist_batch.inspect_input(names, **options)
    if model:
        if as_json or not quiet:
            terminal.show(found.record() if as_json else model_page(found))
    else:
        terminal.show_result(held, input_page, quiet=quiet, as_json=as_json)


def _model_among(names: Sequence[str], data: str | None) -> str | None:
    """Return the MODEL that the arguments name; None where they name INPUTs."""
    models = [name for name in names if name.lower().endswith(_MODELS)]
    if models and len(names) > 1:
        raise typer.BadParameter(f"{models[0]} is a MODEL, which has to stand alone")
    if data and not models:
        raise typer.BadParameter("--data is for a MODEL, a file that ends in .h5, .keras or .onnx")
    return models[0] if models else None


def model_page(found: "mnist_batch.ModelInspection") -> "terminal.Page":
    """Return what a model file holds, what runs it, how it wants its pixels, and what is odd."""
    values = {
        "model": str(found.path),
        "SHA-256": found.sha256,
        "size": _bytes(found.size_bytes),
        "input": _shape(found.input_shape),
        "output": _output(found),
        "parameters": _number(found.parameters),
        "runs on": f"{found.predictor or 'nothing'}: {found.why}",
        "pixels": _scale(found),
    }
    parts = [facts(values), titled("Layers", _layers(found))]
    if found.trials:
        parts.append(_trials(found, found.trials))
    if found.training:
        record = {name: _value(value) for name, value in found.training.items()}
        parts.append(titled("Training record", facts(record)))
    if found.suspicious:
        sentences = [("-", sentence) for sentence in found.suspicious]
        parts.append(titled("Worth a look", table("ll", sentences, gap=1)))
    return page(*parts)


def _output(found: "mnist_batch.ModelInspection") -> str:
    """Return how many classes a model tells apart, with their names, and how its outputs end."""
    if not found.predictor:
        return found.activation
    output = f"{found.classes.count:,} classes, {found.activation}"
    if found.classes.names is None:
        return output
    names = found.classes.short_names(_NAME)
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{output}: {', '.join(names[:_NAMED])}{more}"


def _layers(found: "mnist_batch.ModelInspection") -> "terminal.Page":
    rows = []
    for layer in found.layers:
        shape, values = _shape(layer.output_shape), _number(layer.parameters)
        rows.append((layer.name, layer.kind, shape, layer.activation or "", values))
    return table("llrlr", rows, header=("name", "type", "output", "activation", "parameters"))


def _trials(found: "mnist_batch.ModelInspection", trials: "ScaleTrials") -> "terminal.Page":
    usual, best = trials.trials[0].prepare, found.best
    marked, rows = None, list[tuple[str, ...]]()
    for index, trial in enumerate(trials.trials):
        verdict = "as good" if trial.as_good else ""
        if trial is best:
            marked, verdict = index, "best"
        scores = (f"{trial.accuracy:.4f}", f"{trial.log_loss:.4f}")
        rows.append((str(trial.prepare), str(trial.scale), *scores, verdict))
    header: tuple[str, ...] = ("prepare", "scale", "accuracy", "log loss", "")
    if all(trial.prepare is usual for trial in trials.trials):
        rows, header = [row[1:] for row in rows], header[1:]
    parts = [table("r" * len(header), rows, header=header, bold=marked)]
    if best:
        options = [
            *([f"--prepare {best.prepare}"] if best.prepare is not usual else []),
            *([f"--scale {best.scale}"] if best.scale is not found.scale else []),
        ]
        parts.append(
            f"pass to predict: {' '.join(options)}"
            if options
            else "predict takes the best without --scale"
        )
    title = f"Pixel scales, tried on {trials.rows:,} labelled images"
    return titled(title, *parts)


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"


def _number(number: int | None) -> str:
    return UNKNOWN if number is None else f"{number:,}"


def _scale(found: "mnist_batch.ModelInspection") -> str:
    if found.scale_source is None:
        return f"{found.scale} is taken, the file does not say it"
    return f"{found.scale}, as {found.scale_source.says}"


def _shape(shape: Sequence[int | None] | None) -> str:
    if shape is None:
        return UNKNOWN
    return "x".join("any" if size is None else str(size) for size in shape)


def _value(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return a value of a training record on one line; an object within an object in brackets."""
    if isinstance(value, dict):
        return ", ".join(
            f"{name} ({_value(inner)})" if isinstance(inner, dict) else f"{name} {_value(inner)}"
            for name, inner in value.items()
        )
    if isinstance(value, list):
        return " ".join(map(_value, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    return UNKNOWN if value is None else str(value)


def input_page(found: "mnist_batch.InputInspection") -> "terminal.Page":
    """Return what INPUTs hold, and what in them is worth a look."""
    images = found.readable
    polarity = {"light on dark": found.light_on_dark, "dark on light": found.dark_on_light}
    is_told = found.in_mnist_form < images and found.classes.are_digits
    others = "; predict brings others to it" if is_told else ""
    values = {
        "rows": f"{found.rows:,}, in {_files(found)}",
        "readable": f"{images:,}",
        "formats": _counts(found.formats),
        "colours": _counts(found.colours),
        "sizes": _sizes(found.sizes),
        "MNIST form": f"{found.in_mnist_form:,} of {images:,}{others}",
        "polarity": _counts(polarity),
        "labelled": f"{found.rows - found.unlabelled:,} of {found.rows:,}",
    }
    if found.passed_over:
        values["passed over"] = _counts(found.passed_over)
    parts = [facts(values)]
    if found.unlabelled < found.rows:
        part = ""
        if len(found.labels) > _ALL:
            part = f": the {_LISTED} most frequent of {len(found.labels):,}"
        parts.append(titled(f"Labels{part}", _labels(found)))
    if odd := list(_odd(found)):
        odd_rows = table("rll", odd, header=("rows", "what", "the first of them"))
        parts.append(titled("Worth a look", odd_rows))
    return page(*parts)


_ALL, _LISTED = 100, 15
"""Classes up to which the labels of all are told, and how many of more: 62 take 11 lines."""


def _labels(found: "mnist_batch.InputInspection") -> "terminal.Page":
    """Return how many rows each label has: of digits in a line, of other classes side by side."""
    counts, width = list(map(str, found.labels)), max(4, len(str(max(found.labels))))
    names = found.classes.short_names(_NAME)
    if len(names) > _ALL:
        most = sorted(range(len(names)), key=lambda place: -found.labels[place])[:_LISTED]
        names, counts = tuple(names[place] for place in most), [counts[place] for place in most]
    if found.classes.are_digits:
        return table("r" * len(names), [counts], header=names, gap=1, width=width)
    across = max(1, terminal.columns() // (max(map(len, names)) + width + 5))
    down = -(-len(names) // across)  # read from top to bottom
    cells = [(names[place], counts[place]) for place in range(len(names))]
    cells += [("", "")] * (across * down - len(cells))
    rows = [[text for pair in cells[line::down] for text in pair] for line in range(down)]
    return table("lr" * across, rows, gap=2, width=width)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or UNKNOWN


def _files(found: "mnist_batch.InputInspection") -> str:
    own = (("image", found.image_files), ("Parquet", found.parquet_files))
    kinds = (*own, *found.other_files.items())
    return " and ".join(
        f"{count:,} {kind} file{'s' if count > 1 else ''}" for kind, count in kinds if count
    )


def _sizes(sizes: "Sizes") -> str:
    least, largest = sizes.least, sizes.largest
    if least is None or largest is None:
        return UNKNOWN
    counts = _counts({f"{size.width}x{size.height}": size.images for size in sizes.commonest})
    if not (others := sizes.distinct - len(sizes.commonest)):
        return counts
    ends = f"{least.width}x{least.height} to {largest.width}x{largest.height}"
    return f"{counts}, and {others:,} other sizes; all from {ends}"


def _odd(found: "mnist_batch.InputInspection") -> "Iterator[tuple[str, str, terminal.Page]]":
    """Yield the kinds of rows that are worth a look: how many, what they are, and the first few."""
    digits = {"no digit found": found.no_digit, "several digits": found.several_digits}
    if not found.classes.are_digits:
        digits = {}  # what is no digit shows none
    for what, rows in {**found.unreadable, **digits}.items():
        if rows.count:
            yield f"{rows.count:,}", what, _lines(map(_place, rows.first), rows.count)
    for what, link, pairs in (
        ("image of an earlier row", "as", found.repeats),
        ("image with several labels", "and", found.conflicts),
    ):
        if pairs.count:
            names = (f"{_place(place)} {link} {_place(other)}" for place, other in pairs.first)
            yield f"{pairs.count:,}", what, _lines(names, pairs.count)


def _lines(names: Iterable[str], count: int) -> "terminal.Page":
    lines = list(names)
    more = [f"and {count - len(lines):,} more"] if count > len(lines) else []
    return text(*lines, *more)


def _place(place: "Place") -> str:
    """Return the name of a row; an image file has but the one row 0."""
    from mnist_batch.schema import holds_rows  # pyarrow: not for --help

    has_rows = holds_rows(place.source)
    return f"{place.source} row {place.row}" if place.row or has_rows else place.source
