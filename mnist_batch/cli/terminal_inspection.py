"""What `inspect` found as text for a terminal; like `terminal`, in ASCII and within 80 columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mnist_batch.cli.terminal import number_table, printable, titled
from mnist_batch.inference.scale_search import ScaleTrials
from mnist_batch.inspection.images import Place, Rows
from mnist_batch.inspection.inputs import InputInspection, Pairs, Sizes
from mnist_batch.inspection.models import ModelInspection
from mnist_batch.mnist import CLASSES

_UNKNOWN = "-"


def model_summary(found: ModelInspection) -> Group:
    """Return what a model file holds, what runs it, how it wants its pixels, and what is odd."""
    facts = {
        "model": str(found.path),
        "SHA-256": found.sha256,
        "size": _bytes(found.size_bytes),
        "input": _shape(found.input_shape),
        "output": f"{CLASSES} classes, {found.activation}" if found.predictor else found.activation,
        "parameters": _UNKNOWN if found.parameters is None else f"{found.parameters:,}",
        "runs on": f"{found.predictor or 'nothing'}: {found.why}",
        "pixels": _scale(found),
    }
    parts: list[RenderableType] = [_facts(facts), titled("Layers", _layers(found))]
    if found.trials:
        parts.append(_trials(found, found.trials))
    if found.training:
        record = {name: _value(value) for name, value in found.training.items()}
        parts.append(titled("Training record", _facts(record)))
    if found.suspicious:
        parts.append(titled("Worth a look", _listed(found.suspicious)))
    return Group(*parts)


def input_summary(found: InputInspection) -> Group:
    """Return what INPUTs hold, and what in them is worth a look."""
    images = found.readable
    facts = {
        "rows": f"{found.rows:,}, in {_files(found)}",
        "readable": f"{images:,}",
        "formats": _counts(found.formats),
        "colours": _counts(found.colours),
        "sizes": _sizes(found.sizes),
        "MNIST form": f"{found.in_mnist_form:,} of {images:,}"
        + ("" if found.in_mnist_form == images else "; predict brings others to it"),
        "polarity": _counts(
            {"light on dark": found.light_on_dark, "dark on light": found.dark_on_light}
        ),
        "labelled": f"{found.rows - found.unlabelled:,} of {found.rows:,}",
    }
    if found.passed_over:
        facts["passed over"] = _counts(found.passed_over)
    parts: list[RenderableType] = [_facts(facts)]
    if found.unlabelled < found.rows:
        parts.append(titled("Labels", _labels(found.labels)))
    if odd := list(_odd(found)):
        table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold")
        table.add_column("rows", justify="right", no_wrap=True)
        table.add_column("what")
        table.add_column("the first of them", overflow="fold")
        for count, what, first in odd:
            table.add_row(f"{count:,}", Text(printable(what)), Text(first))
        parts.append(titled("Worth a look", table))
    return Group(*parts)


def _facts(facts: Mapping[str, str]) -> Table:
    """Return names and values side by side, as wide as the widest name in any summary."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=11)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(Text(printable(name)), Text(printable(value)))
    return table


def _listed(sentences: Iterable[str]) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    for sentence in sentences:
        table.add_row("-", Text(printable(sentence)))
    return table


def _layers(found: ModelInspection) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold")
    for name in ("name", "type"):
        table.add_column(name, overflow="fold")
    table.add_column("output", justify="right", overflow="fold")
    table.add_column("activation", overflow="fold")
    table.add_column("parameters", justify="right", overflow="fold")
    for layer in found.layers:
        table.add_row(
            Text(printable(layer.name)),
            Text(printable(layer.kind)),
            _shape(layer.output_shape),
            Text(printable(layer.activation or "")),
            _UNKNOWN if layer.parameters is None else f"{layer.parameters:,}",
        )
    return table


def _trials(found: ModelInspection, trials: ScaleTrials) -> Group:
    table = number_table("scale", "accuracy", "log loss", "")
    for trial in trials.trials:
        best = trial.scale is found.best_scale
        table.add_row(
            str(trial.scale),
            f"{trial.accuracy:.4f}",
            f"{trial.log_loss:.4f}",
            "best" if best else "as good" if trial.as_good else "",
            style="bold" if best else "",
        )
    title = f"Pixel scales, tried on {trials.rows:,} labelled images"
    if found.best_scale is None:
        return titled(title, table)
    if found.best_scale is found.scale:
        return titled(title, Group(table, "predict takes the best without --scale"))
    return titled(title, Group(table, f"pass to predict: --scale {found.best_scale}"))


def _bytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"


def _scale(found: ModelInspection) -> str:
    if found.scale_source is None:
        return f"{found.scale} is taken, the file does not say it"
    return f"{found.scale}, as {found.scale_source.says}"


def _shape(shape: Sequence[int | None] | None) -> str:
    if shape is None:
        return _UNKNOWN
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
    return _UNKNOWN if value is None else str(value)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or _UNKNOWN


def _files(found: InputInspection) -> str:
    kinds = [
        f"{count:,} {kind} file{'s' if count > 1 else ''}"
        for kind, count in (("image", found.image_files), ("Parquet", found.parquet_files))
        if count
    ]
    return " and ".join(kinds)


def _sizes(sizes: Sizes) -> str:
    if sizes.least is None or sizes.largest is None:
        return _UNKNOWN
    text = _counts({f"{size.width}x{size.height}": size.images for size in sizes.commonest})
    if sizes.distinct > len(sizes.commonest):
        least, largest = sizes.least, sizes.largest
        text += (
            f", and {sizes.distinct - len(sizes.commonest):,} other sizes; "
            f"all from {least.width}x{least.height} to {largest.width}x{largest.height}"
        )
    return text


def _labels(labels: Sequence[int]) -> Table:
    table = number_table(*map(str, range(CLASSES)), gap=1)
    for column in table.columns:
        column.min_width = max(4, len(str(max(labels))))
    table.add_row(*map(str, labels))
    return table


def _odd(found: InputInspection) -> Iterator[tuple[int, str, str]]:
    """Yield what is worth a look: how many rows, what of them, and the first few."""
    for reason, rows in found.unreadable.items():
        yield rows.count, reason, _first(rows)
    for what, rows in (
        ("no digit found", found.no_digit),
        ("several digits", found.several_digits),
    ):
        if rows.count:
            yield rows.count, what, _first(rows)
    if found.repeats.count:
        yield found.repeats.count, "image of an earlier row", _pairs(found.repeats, "as")
    if found.conflicts.count:
        yield found.conflicts.count, "image with several labels", _pairs(found.conflicts, "and")


def _first(rows: Rows) -> str:
    return _lines(map(_place, rows.first), rows.count)


def _pairs(pairs: Pairs, link: str) -> str:
    texts = (f"{_place(place)} {link} {_place(other)}" for place, other in pairs.first)
    return _lines(texts, pairs.count)


def _lines(texts: Iterable[str], count: int) -> str:
    lines = [printable(text) for text in texts]
    return "\n".join([*lines, f"and {count - len(lines):,} more"] if count > len(lines) else lines)


def _place(place: Place) -> str:
    """Return the name of a row; an image file has but the one row 0."""
    parquet = place.source.lower().endswith(".parquet")
    return f"{place.source} row {place.row}" if place.row or parquet else place.source
