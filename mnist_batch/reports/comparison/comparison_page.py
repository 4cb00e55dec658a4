"""The page of a comparison: what `comparison.html` prints of it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from mnist_batch.evaluation.comparison.changes import Change
from mnist_batch.evaluation.comparison.comparing import Compared
from mnist_batch.evaluation.comparison.result import Comparison, PairedScores, Verdict
from mnist_batch.evaluation.found_images import FoundImage, Place
from mnist_batch.reports import charts
from mnist_batch.reports.evaluation.matrix import NAME, isolated
from mnist_batch.reports.number_text import (
    UNKNOWN,
    confidence,
    count,
    counted,
    p_value,
    percent,
    points,
)
from mnist_batch.reports.page import Around, render
from mnist_batch.reports.thumbnails import Group, Picture, Shown, fit, short_name
from mnist_batch.schema import Classes

_GALLERY_BYTES = 1_600_000
"""What of `page.PAGE_BYTES` the images may take."""

_MOST_OF_A_KIND = 1_500
"""Rows of one kind of change whose images are looked up: more do not fit on the page."""

_CLASSES_DRAWN, _CLASSES_LISTED, _CLASSES_NAMED = 30, 100, 10
"""Classes in the chart, in the table and in the sentence, where they are not the digits."""

_GROUPS = 100
"""Groups of a kind of change that are shown, of other classes than digits."""

_LISTED = 20
"""Rows without an image that are listed, of each kind."""

_STATES = {
    Verdict.IMPROVED: "good",
    Verdict.REGRESSED: "bad",
    Verdict.TOO_FEW: "unsure",
    Verdict.NO_DIFFERENCE: "plain",
    Verdict.UNLABELLED: "plain",
}

Row = dict[str, Any]
"""A row of `changes.CHANGES`."""

_ID = {
    Change.NEWLY_WRONG: "newly-wrong",
    Change.NEWLY_RIGHT: "newly-right",
    Change.OTHERWISE_WRONG: "otherwise-wrong",
    Change.UNLABELLED: "unlabelled",
    Change.GAINED: "gained",
    Change.LOST: "lost",
}


def places_to_show(compared: Compared) -> list[Place]:
    """Return the rows of the new run whose images the page shows, in its order."""
    rows = (row for change in _SHOWN for row in _rows(compared, change, _MOST_OF_A_KIND))
    names = ("index", "source", "row", "content_key", "digit", "picture")
    places = [Place(**{name: row[name] for name in names if name in row}) for row in rows]
    return sorted(places, key=lambda place: place.index)


def comparison_page(
    compared: Compared,
    *,
    images: Mapping[int, FoundImage],
    changed: Sequence[str],
    command: str | None,
    around: Around | None = None,
) -> str:
    """Return the page of a comparison, below `page.PAGE_BYTES` as UTF-8.

    Args:
        compared: what was compared.
        images: those of `places_to_show`, by index; none where the images are not at hand.
        changed: what is not as in the base, beside the predictions, a sentence each.
        command: the line that makes the page again.
        around: what the page belongs to; None for nothing.
    """
    found = compared.comparison
    return render(
        "comparison.html",
        comparison=found,
        around=around,
        state=_STATES[found.verdict],
        sentence=_sentence(found),
        why=_why(found),
        base_name=_name(compared.base),
        new_name=_name(compared.new),
        facts=_facts(compared),
        changed=changed,
        table=_table(found.overall),
        chart=_chart(found),
        noun=found.classes.noun,
        digits=_classes(found),
        side="number" if found.classes.names is None else "text",
        classes_left_out=found.classes.count - len(_shown(found, _CLASSES_LISTED)),
        sections=list(_sections(compared, images)),
        has_images=bool(images),
        lost=_listed(compared, Change.LOST),
        provenance=list(_provenance(compared)),
        command=None if command is None else short_name(command),
    )


def _sentence(found: Comparison) -> str:
    """Return the verdict."""
    before, now = found.overall.base_accuracy, found.overall.new_accuracy
    if before is None or now is None:
        verb = "is" if found.changed_unlabelled == 1 else "are"
        one = "digit" if found.classes.are_digits else "image"
        changed = f"{found.changed_unlabelled:,} of {counted(found.pairs, one)} {verb}"
        return f"No labels to tell by; {changed} read otherwise"
    change = f"{percent(now)} are read correctly, {percent(before)} before"
    return {
        Verdict.IMPROVED: f"Improved: {change}",
        Verdict.REGRESSED: f"Regressed: {change}",
        Verdict.TOO_FEW: f"Too few rows to tell: {change}",
        Verdict.NO_DIFFERENCE: f"No difference beyond chance: {change}",
        Verdict.UNLABELLED: "",
    }[found.verdict]


def _why(found: Comparison) -> Markup:
    """Return what a reader wants to know next: which classes, and which mistakes are new."""
    sentences: list[Markup] = []
    names = _names(found.classes)
    if worse := found.regressed_digits:
        noun = found.classes.noun if len(worse) == 1 else found.classes.noun_of_many
        named = Markup(", ").join(names[number] for number in worse[:_CLASSES_NAMED])
        more = f" and {len(worse) - _CLASSES_NAMED} more" if len(worse) > _CLASSES_NAMED else ""
        sentences.append(Markup("Worse beyond chance: the {} {}{}.").format(noun, named, more))
    if found.newly_confused:
        named = Markup(", ").join(
            Markup("{} as {} ({})").format(names[true], names[read], count(rows))
            for true, read, rows in found.newly_confused[:3]
        )
        sentences.append(Markup("Most often newly misread: {}.").format(named))
    return Markup(" ").join(sentences)


def _names(classes: Classes) -> list[str]:
    """Return what each class is called: a number, or a name on its own."""
    names = classes.short_names(NAME)
    return [*names] if classes.names is None else [isolated(name) for name in names]


def _facts(compared: Compared) -> list[tuple[str, str, str]]:
    """Return the key figures."""
    found, facts = compared.comparison, []
    if found.overall.interval:
        low, high = found.overall.interval
        note = f"95 % interval {points(low)} to {points(high)}"
        facts += [
            ("Difference", f"{points(found.overall.difference)} points", note),
            ("p value", p_value(found.overall.p_value), "McNemar, mid-p"),
            ("Newly wrong", count(found.newly_wrong), ""),
            ("Newly right", count(found.newly_right), ""),
        ]
    facts.append(("Images compared", count(found.pairs), _of_which(found)))
    if found.lost or found.gained:
        facts.append(("Predictions lost", count(found.lost), f"{found.gained:,} gained"))
    if (before := _speed(compared.base_run)) and (now := _speed(compared.new_run)):
        facts.append(("Speed", f"{now:,.0f} images/s", f"{before:,.0f} before; decides nothing"))
    return facts


def _of_which(found: Comparison) -> str:
    """Return what the images that are compared are of, and how many of them are scored."""
    sets = f"of {found.base_rows:,} before and {found.new_rows:,} now"
    said = [] if found.base_rows == found.new_rows == found.pairs else [sets]
    scored = found.overall.pairs + found.repeats
    if 0 < scored < found.pairs:
        said.append(f"{scored:,} with a label and both predictions")
    return "; ".join(said)


def _speed(run: Mapping[str, Any] | None) -> float | None:
    return (run or {}).get("images_per_s")


def _table(scores: PairedScores) -> list[list[object]]:
    """Return the pairs by whether the base and the new run read them correctly."""
    newly_wrong = _linked(scores.newly_wrong, Change.NEWLY_WRONG)
    newly_right = _linked(scores.newly_right, Change.NEWLY_RIGHT)
    return [
        ["Right before", count(scores.both_right), newly_wrong],
        ["Wrong before", newly_right, count(scores.both_wrong)],
    ]


def _linked(number: int, change: Change) -> str:
    """Return a count that leads to its images, if there are any."""
    link = Markup('<a href="#{}" aria-label="{} {}">{}</a>')
    shown = count(number)
    return link.format(_ID[change], shown, change, shown) if number else shown


def _shown(found: Comparison, most: int) -> Sequence[PairedScores]:
    """Return the digits in order; of other classes those that changed the most for the worse."""
    if found.classes.are_digits:
        return found.per_digit
    return sorted(
        found.per_digit,
        key=lambda one: (one.difference is None, one.difference or 0.0, -one.pairs),
    )[:most]


def _chart(found: Comparison) -> Markup:
    names = found.classes.short_names(charts.NAME)
    shown = _shown(found, _CLASSES_DRAWN)
    rows = [("all", found.overall), *((names[one.digit or 0], one) for one in shown)]
    return charts.differences(
        f"Difference of accuracy with its 95 % interval, of all and of each {found.classes.noun}",
        [
            charts.Difference(name, scores.difference, scores.interval, points(scores.difference))
            for name, scores in rows
        ],
    )


def _classes(found: Comparison) -> list[list[object]]:
    names = _names(found.classes)
    return [
        [
            names[scores.digit or 0],
            count(scores.pairs),
            percent(scores.base_accuracy),
            percent(scores.new_accuracy),
            count(scores.newly_wrong),
            count(scores.newly_right),
            points(scores.difference),
            _interval(scores),
            p_value(scores.adjusted_p),
            "worse" if scores.digit in found.regressed_digits else "",
        ]
        for scores in _shown(found, _CLASSES_LISTED)
    ]


def _interval(scores: PairedScores) -> str:
    return " to ".join(map(points, scores.interval)) if scores.interval else UNKNOWN


_SHOWN = (
    Change.NEWLY_WRONG,
    Change.NEWLY_RIGHT,
    Change.OTHERWISE_WRONG,
    Change.UNLABELLED,
    Change.GAINED,
)
"""Kinds of change that are shown with images, in this order."""


_GROUPED_BY = {
    Change.NEWLY_WRONG: ["label", "new_prediction"],
    Change.NEWLY_RIGHT: ["label", "base_prediction"],
}


class Section(NamedTuple):
    """A kind of changes.

    Attributes:
        id: what links to it name.
        name: the kind.
        groups: its pictures, by what they are and how they are read.
        rows: how many rows there are in all.
        groups_left_out: how many more groups there are.
    """

    id: str
    name: Change
    groups: Sequence[Shown]
    rows: int
    groups_left_out: int


def _sections(compared: Compared, images: Mapping[int, FoundImage]) -> Iterator[Section]:
    """Yield the kinds of changes that there are; the first kinds have room first."""
    room = _GALLERY_BYTES
    most = None if compared.comparison.classes.are_digits else _GROUPS
    for change in _SHOWN:
        groups = list(_groups(compared, change, images))
        if groups:
            shown = fit(groups[:most], room)
            room -= sum(len(one.html.encode("utf-8", "replace")) for one in shown)
            yield Section(
                _ID[change],
                change,
                shown,
                sum(one.rows for one in groups),
                len(groups) - len(shown),
            )


def _groups(
    compared: Compared, change: Change, images: Mapping[int, FoundImage]
) -> Iterator[Group]:
    """Yield the rows of a kind of change by what they are and how they are read, the most first."""
    names = compared.comparison.classes.short_names(NAME)
    columns = _GROUPED_BY.get(change, ["label", "base_prediction", "new_prediction"])
    counts = {
        tuple(group[name] for name in columns): group["count_all"]
        for group in _of_kind(compared, change)
        .group_by(columns, use_threads=False)
        .aggregate([([], "count_all")])
        .to_pylist()
    }
    pictures: dict[tuple[int | None, ...], list[Picture]] = {key: [] for key in counts}
    for row in _rows(compared, change, _MOST_OF_A_KIND):
        pictures[tuple(row[name] for name in columns)].append(_picture(row, images, names))
    for key in sorted(counts, key=lambda key: -counts[key]):
        name = f"{_ID[change]}-{'-'.join(map(str, key))}"
        yield Group(name, _heading(change, key, names), counts[key], pictures[key])


def _heading(change: Change, key: tuple[int | None, ...], names: Sequence[str]) -> str:
    label, *read = (None if number is None else names[number] for number in key)
    if change is Change.NEWLY_WRONG:
        return f"{label} read as {read[0]}"
    if change is Change.NEWLY_RIGHT:
        return f"{label}, read as {read[0]} before"
    before, now = read
    told = "Read" if label is None else f"{label} read"
    return f"{told} as {now}" if change is Change.GAINED else f"{told} as {now}, as {before} before"


def _picture(row: Row, images: Mapping[int, FoundImage], names: Sequence[str]) -> Picture:
    found = images.get(row["index"])
    now = _reading(row["new_prediction"], row["new_confidence"], names)
    before = _reading(row["base_prediction"], row["base_confidence"], names)
    label = "" if row["label"] is None else f"{names[row['label']]} "
    return Picture(
        f"{label}read as {names[row['new_prediction']]}",
        f"{now}, was {before}",
        row["source"],
        row["row"],
        found.image if found else None,
        found.original if found else None,
        row.get("digit"),
    )


def _reading(prediction: int | None, sure: float | None, names: Sequence[str]) -> str:
    if prediction is None:
        return "nothing"
    name = names[prediction]
    return name if sure is None else f"{name} ({confidence(sure)})"


def _rows(compared: Compared, change: Change, most: int) -> list[Row]:
    """Return the first rows of a kind of change."""
    rows: list[Row] = _of_kind(compared, change).slice(0, most).to_pylist()
    return rows


def _of_kind(compared: Compared, change: Change) -> pa.Table:
    return compared.changes.filter(pc.equal(compared.changes["change"], str(change)))


def _listed(compared: Compared, change: Change) -> list[list[object]]:
    classes = compared.comparison.classes
    names: Sequence[object] = range(classes.count) if classes.names is None else _names(classes)
    return [
        [
            short_name(row["source"]),
            count(row["row"]),
            names[row["base_prediction"]],
            row["error"] or "",
        ]
        for row in _rows(compared, change, _LISTED)
    ]


def _name(path: Path) -> str:
    """Return what a run is called: its file, or the folder of a night."""
    return short_name(path.parent.name if path.stem == "predictions" else path.name) or str(path)


def _provenance(compared: Compared) -> Iterator[list[object]]:
    """Yield what is known of the two runs: name, of the base, of the new run."""
    base, new = compared.base_run or {}, compared.new_run or {}
    yield ["file", short_name(str(compared.base)), short_name(str(compared.new))]
    for name, keys in (
        ("predicted", ("created_utc",)),
        ("mnist-batch", ("version",)),
        ("model", ("model", "name")),
        ("its SHA-256", ("model", "sha256")),
        ("predictor", ("predictor",)),
    ):
        yield [name, _text(base, keys), _text(new, keys)]


def _text(run: Mapping[str, Any], keys: Sequence[str]) -> str:
    found: Any = run
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return UNKNOWN if found is None else short_name(str(found))
