"""The report as a page: what `report.html` prints of an evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any

from markupsafe import Markup

from mnist_batch.evaluation.evaluator import Evaluation
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.reports.evaluation import tables
from mnist_batch.reports.evaluation.matrix import (
    MOST,
    NAME,
    RIGHT,
    UNLABELLED,
    WRONG,
    groups,
    isolated,
    matrix,
    pairs,
)
from mnist_batch.reports.number_text import count, counted, percent
from mnist_batch.reports.page import PAGE_BYTES, Around, render
from mnist_batch.reports.thumbnails import Shown, fit, short_name

_MARGIN_BYTES = 20_000
"""What lists of images take beside their items: a hundred bytes for each of 120 groups."""
_FACT = 60
"""Characters of a key figure."""
_COMMAND = 4000
"""Characters of a command: one may name thousands of files."""


@dataclass(frozen=True)
class _Texts:
    """Reads what a run's record says: of files of any origin, so that anything may be there."""

    run: Mapping[str, Any]

    def __call__(self, *keys: str) -> str | None:
        """Return the text or number under some keys, None where there is none."""
        found = self._found(keys)
        return short_name(str(found)) if isinstance(found, str | int | float) else None

    def pairs(self, *keys: str) -> list[tuple[str, str]]:
        """Return names and values of the mapping under some keys, up to 40."""
        found = self._found(keys)
        items = found.items() if isinstance(found, Mapping) else ()
        return [(short_name(str(name)), short_name(_plain(value))) for name, value in items][:40]

    def _found(self, keys: Sequence[str]) -> object:
        found: object = self.run
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


def report_page(
    evaluation: Evaluation,
    run: Mapping[str, Any] | None,
    *,
    command: str | None = None,
    history: Mapping[str, Sequence[float]] | None = None,
    has_mistakes: bool = True,
    around: Around | None = None,
) -> str:
    """Return the page of a report, below `page.PAGE_BYTES` as UTF-8.

    Args:
        evaluation: what is reported.
        run: how the predictions were made; of a training the record of the model.
        command: the line that repeats the run.
        history: one number per epoch and name, of a training.
        has_mistakes: whether `mistakes.csv` is beside the page.
        around: what it belongs to; None for nothing.
    """
    content = tables.content(evaluation, history or {})
    kinds = groups(evaluation.gallery, evaluation.metrics.classes)
    pictures = [group for kind in kinds.values() for group in kind.groups]
    left_out = {name: kind.left_out for name, kind in kinds.items()}

    def page(shown: Sequence[Shown]) -> str:
        return _rendered(
            evaluation,
            _Texts(run or {}),
            content,
            shown,
            left_out,
            command=command,
            is_training=history is not None,
            has_mistakes=has_mistakes,
            around=around,
        )

    # Images take what all else leaves them: text of files may be long, and longer once escaped.
    room = PAGE_BYTES - _MARGIN_BYTES - len(page(fit(pictures, 0)).encode())
    return page(fit(pictures, room))


def _rendered(
    evaluation: Evaluation,
    texts: _Texts,
    content: Mapping[str, Any],
    shown: Sequence[Shown],
    groups_left_out: Mapping[str, int],
    *,
    command: str | None,
    is_training: bool,
    has_mistakes: bool,
    around: Around | None,
) -> str:
    """Return the page with some images."""
    metrics = evaluation.metrics
    of_kind = {
        kind: [one for one in shown if one.group.id.startswith(kind)]
        for kind in (WRONG, RIGHT, UNLABELLED)
    }
    return render(
        "report.html",
        metrics=metrics,
        profile=evaluation.profile,
        around=around,
        is_training=is_training,
        sentence=_sentence(metrics, texts, is_training=is_training),
        why=_why(metrics),
        facts=_facts(metrics, texts, is_training=is_training),
        sections=list(_sections(evaluation, of_kind, content["slices"], is_training=is_training)),
        noun=metrics.classes.noun,
        matrix=matrix(metrics, linked := {one.group.id for one in shown}),
        is_part=metrics.classes.count > MOST,
        pairs=pairs(metrics, linked),
        matrix_digits=len(f"{metrics.confusion_matrix.max():,}"),
        most_wrong=max((n for _, _, n in metrics.confused_pairs(1)), default=0),
        mistakes=of_kind[WRONG],
        mistakes_rest=", in mistakes.csv" if has_mistakes else "",
        groups_left_out=groups_left_out,
        has_mistakes=has_mistakes,
        right=of_kind[RIGHT],
        unlabelled=of_kind[UNLABELLED],
        has_images=any(one.image is not None for c in evaluation.gallery for one in c.images),
        **content,
        command=None if command is None else short_name(command, _COMMAND),
        provenance=list(_provenance(texts)),
    )


def _sections(
    evaluation: Evaluation,
    of_kind: Mapping[str, Sequence[Shown]],
    slices: Sequence[object],
    *,
    is_training: bool,
) -> Iterator[tuple[str, str]]:
    """Yield id and name of the sections there are, in order.

    Without labels what was read comes first.
    """
    metrics, predicted = evaluation.metrics, evaluation.profile.rows > 0
    sections = {
        "training": ("Training", is_training),
        "input": ("Input", predicted and not metrics.scored),
        "matrix": ("Confusion matrix", metrics.scored),
        "mistakes": ("Mistakes", of_kind[WRONG]),
        "digits": (f"Each {metrics.classes.noun}", metrics.scored),
        "confidence": ("Confidence", metrics.reliability),
        "slices": ("Slices", slices),
        "unlabelled": ("Least sure", of_kind[UNLABELLED]),
        "errors": ("Without a prediction", metrics.rows),
        "input-of-labelled": ("Input", predicted and metrics.scored),
        "unsure": ("Right, and least sure", of_kind[RIGHT]),
        "provenance": ("How this was made", True),
    }
    for name, (title, is_there) in sections.items():
        if is_there:
            yield name.removesuffix("-of-labelled"), title


def _sentence(metrics: Metrics, texts: _Texts, *, is_training: bool) -> str:
    """Return the verdict."""
    one = "digit" if metrics.classes.are_digits else "image"
    what = f"test {one}s" if is_training else f"{one}s"
    if metrics.scored:
        wrong = metrics.scored - metrics.correct
        if not wrong:
            whole = f"All {metrics.scored:,} {what} are" if metrics.scored > 1 else f"The {one} is"
            return f"{whole} read correctly"
        if not metrics.correct:
            whole = f"None of the {metrics.scored:,} {what}" if metrics.scored > 1 else f"The {one}"
            return f"{whole} is {'' if metrics.scored > 1 else 'not '}read correctly"
        verb = "is" if wrong == 1 else "are"
        share = percent(metrics.accuracy)
        return f"{share} of {metrics.scored:,} {what} are read correctly; {wrong:,} {verb} not"
    if is_training:
        rows = texts("data", "rows")
        return f"Trained on {int(rows):,} {one}s, and not tested" if rows else "Not tested"
    predicted = sum(metrics.predictions)
    if not metrics.rows:
        return "There are no rows"
    if not predicted:
        return f"None of {counted(metrics.rows, 'row')} could be read"
    read = f"{counted(predicted, one)} {'is' if predicted == 1 else 'are'} read"
    if metrics.labelled:
        return f"{read}, and none of those with a label"
    return f"{read}; no labels tell how many correctly"


def _why(metrics: Metrics) -> Markup:
    """Return what a reader wants to know next: where the mistakes are, and what is missing."""
    sentences: list[str] = []
    confused = metrics.confused_pairs()
    if confused:
        names: Sequence[str] = metrics.classes.short_names(NAME)
        if metrics.classes.names:
            names = [isolated(name) for name in names]
        named = Markup(", ").join(
            Markup("{} as {} ({})").format(names[true], names[predicted], count(rows))
            for true, predicted, rows in confused
        )
        sentences.append(Markup("Most often misread: {}.").format(named))
    if metrics.errors and sum(metrics.predictions):
        verb = "has" if metrics.errors == 1 else "have"
        sentences.append(f"{counted(metrics.errors, 'row')} {verb} no prediction.")
    if 0 < metrics.labelled < metrics.rows:
        missing = metrics.rows - metrics.labelled
        verb = "has" if missing == 1 else "have"
        sentences.append(f"{counted(missing, 'row')} {verb} no label.")
    if metrics.rows and not metrics.labelled and sum(metrics.predictions):
        sentences.append("What was read, and where the network was least sure, is below.")
    return Markup(" ").join(sentences)


def _facts(metrics: Metrics, texts: _Texts, *, is_training: bool) -> list[tuple[str, str, str]]:
    """Return the key figures; of a model that was not tested those of rows say nothing."""
    facts = []
    if interval := metrics.accuracy_interval:
        low, high = map(percent, interval)
        note = f"95 % interval {low.removesuffix(' %')} to {high}"
        facts.append(("Accuracy", percent(metrics.accuracy), note))
    unread = f"{percent(metrics.errors / metrics.rows)} of the rows" if metrics.errors else ""
    prepared = f"{metrics.prepared:,} prepared" if metrics.prepared else ""
    if metrics.rows or not is_training:
        facts.append(("Without a prediction", count(metrics.errors), unread))
        facts.append(("Rows", count(metrics.rows), prepared))
    if name := texts("model", "name"):
        facts.append(("Model", short_name(name, _FACT), (texts("model", "sha256") or "")[:12]))
    if data := _data(texts):
        facts.append(("Data", *data))
    if created := texts("created_utc"):
        facts.append(("When", *_day_and_time(created)))
    elapsed = texts("elapsed_s")
    if speed := texts("images_per_s"):
        facts.append(("Speed", f"{_count_of(speed)} images/s", f"{elapsed} s" if elapsed else ""))
    elif elapsed:
        facts.append(("Time", f"{elapsed} s", ""))
    return facts


def _data(texts: _Texts) -> tuple[str, str] | None:
    """Return the name of the data, and how many more there are."""
    options = texts.run.get("options")
    inputs = options.get("inputs") if isinstance(options, Mapping) else None
    if isinstance(inputs, Sequence) and inputs and not isinstance(inputs, str):
        more = len(inputs) - 1
        first = PurePath(str(inputs[0])).name or str(inputs[0])
        return short_name(first, _FACT), f"and {counted(more, 'more', 'more')}" if more else ""
    name = texts("data", "name")
    return None if name is None else (short_name(name, _FACT), "")


def _day_and_time(created: str) -> tuple[str, str]:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return short_name(created, _FACT), ""
    return f"{moment.day} {moment:%b %Y}", f"{moment:%H:%M} UTC"


def _count_of(text: str) -> str:
    return count(int(text)) if text.isdecimal() else text


def _provenance(texts: _Texts) -> Iterator[tuple[str, str]]:
    """Yield what there is to say of how the numbers came about: names and values."""
    single = {
        "Model": ("model", "name"),
        "SHA-256 of the model": ("model", "sha256"),
        "Predictor": ("predictor",),
        "Rows of an earlier run that were kept": ("resumed_rows",),
        "Data": ("data", "name"),
        "SHA-256 of the training rows": ("data", "sha256"),
        "SHA-256 of the test rows": ("data", "test_sha256"),
        "Fingerprint of the data, over names, sizes and rows of its files": ("data_fingerprint",),
    }
    for name, keys in single.items():
        if (value := texts(*keys)) is not None and value != "0":
            yield name, value
    if version := texts("version"):
        versions = [("mnist-batch", version), *texts.pairs("versions")]
        yield "Versions", ", ".join(f"{name} {value}" for name, value in versions)
    for name, key in (("Kernels", "kernels"), ("Options", "options"), ("Training", "training")):
        if options := texts.pairs(key):
            yield name, ", ".join(f"{option} {value}" for option, value in options)


def _plain(value: object) -> str:
    """Return a value of JSON as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "none" if value is None else str(value)
