"""Tables and charts of the report's page: classes, confidence, slices, reasons, input, training."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from mnist_batch.evaluation.evaluator import Evaluation
from mnist_batch.evaluation.input_profile import INK_BINS, MOST_INK, SIZE_BOUNDS, InputProfile
from mnist_batch.evaluation.metrics import ClassMetrics, Metrics
from mnist_batch.evaluation.proportions import interval
from mnist_batch.evaluation.slices import CONFIDENCE, FILE, FOLDER, PREPARED, Slice
from mnist_batch.reports import charts
from mnist_batch.reports.evaluation.matrix import NAME, isolated
from mnist_batch.reports.number_text import UNKNOWN, count, decimal, percent
from mnist_batch.reports.thumbnails import short_name
from mnist_batch.schema import Classes

SLICES = 20
"""Slices of a kind that are shown."""
SLICES_BYTES = 500_000
"""What the tables of slices take of a page: 60 kinds of 20 slices, or 20 of hostile ones."""
TINY = 30
"""Rows of a slice below which chance decides what its accuracy is."""
CLASSES_DRAWN, CLASSES_LISTED = 30, 100
"""Classes in charts and in the table, where they are not the digits; those in charts are still told
apart on a telephone, and all are in `per_class.csv`."""
REASONS = 12
"""Reasons that are shown."""
EXAMPLES = 3
"""Examples of a reason that are shown."""
_EXAMPLE = 0.9
"""The threshold that is said in words."""
_MOST_STEPS = 1000
"""Points of a learning curve: more could not be told apart."""


class Table(NamedTuple):
    """What the macro `data_table` takes: the columns are pairs of heading and class."""

    caption: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[object]]


class SliceTable(NamedTuple):
    """The slices of a kind, and how many more there are."""

    table: Table
    left_out: int


class Chart(NamedTuple):
    """What the macro `chart` takes."""

    heading: str
    svg: Markup
    text: str


class Reason(NamedTuple):
    """Why rows have no prediction, and some of them: source, row and error."""

    reason: str
    rows: int
    examples: Sequence[tuple[str, int, str]]


def content(evaluation: Evaluation, history: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Return what `report.html` prints beside verdict, matrix, gallery and provenance, by name."""
    metrics = evaluation.metrics
    slices, kinds_left_out = _slice_tables(evaluation.slices if metrics.scored else [])
    return {
        "digits_chart": _classes_chart(metrics),
        "digits_table": _classes_table(metrics),
        "worst_first": "" if metrics.classes.are_digits else _worst_first(metrics),
        "classes_left_out": max(metrics.classes.count - CLASSES_LISTED, 0),
        "reliability_chart": _reliability_chart(metrics),
        "reliability_table": _reliability_table(metrics),
        "coverage_table": _coverage_table(metrics),
        "refusing": _refusing(metrics),
        "slices": slices,
        "kinds_left_out": kinds_left_out,
        "tiny": TINY,
        "reasons": _reasons(evaluation),
        "reasons_left_out": max(len(metrics.errors_by_reason) - REASONS, 0),
        "prepared": _prepared(evaluation.profile),
        "input_charts": list(_input_charts(evaluation.profile, metrics.classes)),
        "curves": list(_curves(history)),
    }


def _in_order(metrics: Metrics) -> list[ClassMetrics]:
    """Return the digits in order; other classes the worst first, those without samples last."""
    if metrics.classes.are_digits:
        return list(metrics.per_class)
    return metrics.worst_first()


def _worst_first(metrics: Metrics) -> str:
    drawn = metrics.classes.count > CLASSES_DRAWN
    return " The worst come first" + (f"; the chart has {CLASSES_DRAWN} of them." if drawn else ".")


def _classes_chart(metrics: Metrics) -> Markup:
    rows, names = [], metrics.classes.short_names(charts.NAME)
    for one in _in_order(metrics)[:CLASSES_DRAWN]:
        right = int(metrics.confusion_matrix[one.digit, one.digit])
        note = f"{percent(one.recall)} of {count(one.support)}" if one.support else "none"
        rows.append(charts.Dot(names[one.digit], one.recall, interval(right, one.support), note))
    return charts.dots(f"Accuracy of each {metrics.classes.noun}, with its 95 % interval", rows)


def _classes_table(metrics: Metrics) -> Table:
    noun, names = metrics.classes.noun, metrics.classes.short_names(NAME)
    heads = ["rows", "accuracy", "95 % interval", "predicted", "precision", "F1"]
    rows: list[list[object]] = []
    for one in _in_order(metrics)[:CLASSES_LISTED]:
        right = int(metrics.confusion_matrix[one.digit, one.digit])
        name = names[one.digit]
        rows.append(
            [
                one.digit if metrics.classes.names is None else isolated(name),
                count(one.support),
                percent(one.recall),
                _range(interval(right, one.support)),
                count(one.predicted),
                percent(one.precision),
                decimal(one.f1),
            ]
        )
    side = "number" if metrics.classes.names is None else "text"
    return Table(f"Scores of each {noun}", [(noun, side), *_numbers(heads)], rows)


def _reliability_chart(metrics: Metrics) -> Markup:
    bins = [
        (one.mean_confidence, one.accuracy, one.accuracy_interval, one.rows)
        for one in metrics.reliability
        if one.mean_confidence is not None and one.accuracy is not None and one.accuracy_interval
    ]
    return charts.calibration("Reliability diagram: accuracy over confidence", bins)


def _reliability_table(metrics: Metrics) -> Table:
    heads = ["confidence", "rows", "mean confidence", "accuracy", "95 % interval"]
    rows = [
        [
            f"{one.low:.3f} to {one.high:.3f}",
            count(one.rows),
            decimal(one.mean_confidence, 3),
            percent(one.accuracy),
            _range(one.accuracy_interval),
        ]
        for one in metrics.reliability
        if one.rows
    ]
    return Table("Confidence and accuracy, by bins of confidence", _numbers(heads), rows)


def _coverage_table(metrics: Metrics) -> Table:
    heads = ["refuse below", "rows that stay", "share", "wrong", "accuracy", "95 % interval"]
    rows = [
        [
            f"{one.threshold:g}" if one.threshold else "nothing",
            count(one.rows),
            percent(one.coverage),
            count(one.rows - one.right),
            percent(one.accuracy),
            _range(one.accuracy_interval),
        ]
        for one in metrics.risk_coverage
    ]
    return Table("What refusing below a confidence leaves", _numbers(heads), rows)


def _refusing(metrics: Metrics) -> str:
    """Return how to read the table, by one of its lines; nothing where refusing helps nothing."""
    for one in metrics.risk_coverage:
        if one.threshold == _EXAMPLE and (one.accuracy or 0.0) > (metrics.accuracy or 0.0):
            stays, right = percent(one.coverage), percent(one.accuracy)
            return f"Refuse below {_EXAMPLE:g}: {stays} of the rows stay, {right} of them right."
    return ""


def _slice_tables(slices: Iterable[Slice]) -> tuple[list[SliceTable], int]:
    """Return a table of each kind, the worst slices first, and how many kinds have no room.

    The kinds of every run come first, where not all rows are one slice: that would say no more than
    the accuracy does.
    """
    kinds: dict[str, list[Slice]] = {kind: [] for kind in _KIND_NAMES}
    for one in slices:
        kinds.setdefault(one.kind, []).append(one)
    told = [
        (kind, members)
        for kind, members in kinds.items()
        if len(members) > 1 or kind not in _KIND_NAMES
    ]
    tables: list[SliceTable] = []
    room = SLICES_BYTES
    for kind, members in told:
        table = _slice_table(kind, members)
        room -= _bytes_of(table.table)
        if room < 0:
            break
        tables.append(table)
    return tables, len(told) - len(tables)


def _slice_table(kind: str, members: Sequence[Slice]) -> SliceTable:
    # Where chance decides, the worst are the smallest: they come last.
    ordered = sorted(
        members,
        key=lambda one: (
            one.accuracy is None,
            one.scored < TINY,
            0.0 if one.accuracy is None else one.accuracy,
            -one.scored,
        ),
    )
    rows = [_slice_row(one) for one in ordered[:SLICES]]
    name = short_name(_KIND_NAMES.get(kind, f"By {kind}"), 100)
    heads = [("value", "text"), *_numbers(["accuracy", "95 % interval", "rows", "wrong"])]
    columns = [*heads, ("no prediction", "number")]
    return SliceTable(Table(name, columns, rows), max(len(ordered) - SLICES, 0))


def _bytes_of(table: Table) -> int:
    """Return about how many bytes a table takes: its texts as escaped, and 40 for each element."""
    texts = [table.caption, table.caption, *(cell for row in table.rows for cell in row)]
    elements = 20 + len(texts)
    return sum(len(escape(text).encode("utf-8", "replace")) for text in texts) + 40 * elements


_KIND_NAMES = {
    FOLDER: "By folder",
    FILE: "By file",
    PREPARED: "By whether the image was prepared",
    CONFIDENCE: "By confidence",
}


_TINY_MARK = Markup(f' <span class="soft">(fewer than {TINY} rows)</span>')


def _slice_row(one: Slice) -> list[object]:
    return [
        _slice_name(one) + (_TINY_MARK if 0 < one.scored < TINY else ""),
        percent(one.accuracy),
        _range(one.accuracy_interval),
        count(one.scored),
        count(one.scored - one.correct),
        count(one.errors),
    ]


def _slice_name(one: Slice) -> Markup:
    if one.is_rest:
        return Markup("<i>all other values</i>")
    if one.value is None:
        return Markup("<i>no value</i>")
    if not one.value:
        return Markup("<i>{}</i>").format("not in a folder" if one.kind == FOLDER else "empty")
    return Markup("<bdi>{}</bdi>").format(one.value)


def _reasons(evaluation: Evaluation) -> list[Reason]:
    """Return why rows have no prediction, the most frequent reasons first."""
    return [
        Reason(
            short_name(reason, 100),
            rows,
            [
                (short_name(one.source), one.row, short_name(one.error))
                for one in evaluation.unreadable.get(reason, ())[:EXAMPLES]
            ],
        )
        for reason, rows in [*evaluation.metrics.errors_by_reason.items()][:REASONS]
    ]


def _prepared(profile: InputProfile) -> str:
    """Return how many images were prepared."""
    if profile.prepared == profile.rows:
        return "All images were prepared: brought to the form of MNIST's."
    if not profile.prepared:
        return "No image was prepared: all came in the form of MNIST's."
    share = percent(profile.prepared / profile.rows)
    return f"{share} of the images were prepared: brought to the form of MNIST's."


def _input_charts(profile: InputProfile, classes: Classes) -> Iterator[Chart]:
    """Yield what the input looks like."""
    if not profile.rows:
        return
    yield _predictions_chart(profile, classes)
    if profile.confidence:
        names = _ends(len(profile.confidence), "0", "0.5", "1")
        bars = charts.bars("Rows by confidence", names, profile.confidence)
        yield Chart("Confidence", bars, f"{decimal(profile.mean_confidence)} in the mean.")
    if profile.ink:
        names = _ends(INK_BINS, "0", f"{MOST_INK / 2:g}", f"{MOST_INK:g}")
        bars = charts.bars("Rows by ink", names, profile.ink)
        yield Chart("Ink", bars, "Mean grey of the images as the network saw them, 0 to 255.")
    if profile.size:
        names = [str(bound) if place % 3 == 0 else "" for place, bound in enumerate(SIZE_BOUNDS)]
        bars = charts.bars("Rows by size", [*names, ""], profile.size)
        yield Chart("Size", bars, "Longer side of the pictures as they were read, in pixels.")


def _predictions_chart(profile: InputProfile, classes: Classes) -> Chart:
    """Return how often each class was predicted; of others than digits the most frequent ones."""
    heading = f"Predicted {classes.noun_of_many}"
    title = f"Share of each predicted {classes.noun}, in per cent"
    text = f"Share of {count(profile.rows)} rows, in per cent."
    if classes.are_digits:
        names = list(map(str, range(classes.count)))
        return Chart(heading, charts.bars(title, names, profile.predictions), text)
    names = list(classes.short_names(charts.NAME))
    order = sorted(range(classes.count), key=lambda one: -profile.predictions[one])
    rows = [(names[one], profile.predictions[one]) for one in order[:CLASSES_DRAWN]]
    if more := classes.count - len(rows):
        text += f" {count(more)} more classes are predicted less often."
    return Chart(heading, charts.lying_bars(title, rows, profile.rows), text)


def _ends(bins: int, first: str, middle: str, last: str) -> list[str]:
    """Return names of bins, of which three are written."""
    names = [""] * bins
    names[0], names[bins // 2], names[-1] = first, middle, last
    return names


def _curves(history: Mapping[str, Sequence[float]]) -> Iterator[Chart]:
    """Yield loss and accuracy over the epochs, those that are there."""
    for name in ("loss", "accuracy"):
        series = [
            charts.Line(label, _thinned(history[key]), colour)
            for key, label, colour in (
                (name, "training", "blue"),
                (f"val_{name}", "validation", "orange"),
            )
            if key in history
        ]
        if series:
            epochs = max(len(history[key]) for key in (name, f"val_{name}") if key in history)
            svg = charts.lines(
                f"{name} of each epoch",
                series,
                ["1", *[""] * (len(series[0].values) - 2), str(epochs)],
                most=1.0 if name == "accuracy" else None,
                as_percent=name == "accuracy",
            )
            yield Chart(name.capitalize(), svg, f"{count(epochs)} epochs.")


def _thinned(values: Sequence[float]) -> list[float | None]:
    """Return up to `_MOST_STEPS` of some values; None for one that is not a number."""
    step = -(-len(values) // _MOST_STEPS) or 1
    return [
        float(value) if value == value and abs(value) < 1e300 else None for value in values[::step]
    ]


def _numbers(heads: Iterable[str]) -> list[tuple[str, str]]:
    return [(head, "number") for head in heads]


def _range(bounds: tuple[float, float] | None) -> str:
    if bounds is None:
        return UNKNOWN
    low, high = map(percent, bounds)
    return f"{low.removesuffix(' %')} to {high}"
