"""`summary.md`: a night in Markdown, for the page of a job or a mail.

Names of files and of classes of errors come from outside, and a page shows what they say: each is
escaped, so that a name is only ever text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mnist_batch.nights.gates import folded
from mnist_batch.nights.night import GateResult, Night
from mnist_batch.nights.verdict import against, drift, headline, outcome

MOST_BYTES = 900_000
"""GitHub shows no summary of a step above 1 MiB, and other steps may write there too."""

_MOST_EXAMPLES, _MOST_REASONS, _MOST_SENTENCES = 50, 20, 30
_LONGEST_NAME, _LONGEST_SENTENCE = 200, 600
"""Characters; one takes 6 bytes at most, so the summary stays far below `MOST_BYTES`."""


class Example(NamedTuple):
    """A row that the reader should look at."""

    source: str
    row: int
    what: str  # what is wrong with it, in words


@dataclass(frozen=True)
class Digest:
    """What a summary tells of a night, beside what is in its record.

    Attributes:
        night: the night.
        why_not_compared: a sentence; empty where it was compared.
        newly_wrong: rows that the base read correctly, the most confident first.
        unreadable: rows without a prediction, a few per reason.
        has_report, has_comparison: whether the pages are there.
        notes: what the user should know, a sentence each.
    """

    night: Night
    why_not_compared: str
    newly_wrong: Sequence[Example]
    unreadable: Mapping[str, Sequence[Example]]
    has_report: bool
    has_comparison: bool
    notes: Sequence[str]


def markdown(digest: Digest) -> str:
    """Return the summary of a night."""
    return "\n".join([*_lines(digest), ""])


def _lines(digest: Digest) -> Iterator[str]:
    night = digest.night
    yield f"# {escaped(headline(night))}"
    yield ""
    yield _facts(night)
    yield from _links(digest)
    for sentence in filter(None, (against(night), drift(night))):
        yield from ("", f"{escaped(_sentence(sentence), _LONGEST_SENTENCE)}")
    if digest.why_not_compared:
        yield from ("", f"Not compared: {escaped(digest.why_not_compared, _LONGEST_SENTENCE)}.")
    yield from _listed("What changed", night.changes)
    yield from _listed("Suspicious", night.suspicions)
    yield from _gates(night.gates)
    yield from _examples("Newly wrong", _newly_wrong(night), digest.newly_wrong)
    yield from _errors(night.errors_by_reason, digest.unreadable)
    yield from _listed("Notes", digest.notes)


def _facts(night: Night) -> str:
    model = f"{night.model.get('name', 'unknown')} ({night.model.get('sha256', '')[:12]})"
    speed = f", {night.images_per_s:,.0f} images/s" if night.images_per_s else ""
    return (
        f"Night **{escaped(night.name)}**, begun {escaped(night.created_utc)}: "
        f"{night.rows:,} rows, {night.errors:,} without a prediction; model {escaped(model)}; "
        f"mnist-batch {escaped(night.version)}; {night.elapsed_s:.2f} s{speed}."
    )


def _links(digest: Digest) -> Iterator[str]:
    links = []
    if digest.has_report:
        links.append("[report](predictions.report/index.html)")
    if digest.has_comparison:
        links.append("[comparison](comparison/index.html)")
    links.append("[all nights](../index.html)")
    yield from ("", f"Pages: {', '.join(links)}.")


def _gates(gates: Sequence[GateResult]) -> Iterator[str]:
    yield from ("", "## Gates", "", "| gate | | why |", "| --- | --- | --- |")
    for gate in folded(gates):
        word = f"**{outcome(gate)}**" if gate.fails else outcome(gate)
        yield f"| {escaped(gate.name)} | {word} | {escaped(gate.message, _LONGEST_SENTENCE)} |"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _newly_wrong(night: Night) -> int:
    return night.against.newly_wrong if night.against else 0


def _examples(title: str, total: int, examples: Sequence[Example]) -> Iterator[str]:
    if not examples:
        return
    yield from ("", f"## {title}: {total:,}", "", "| source | row | |", "| --- | ---: | --- |")
    for example in examples[:_MOST_EXAMPLES]:
        yield f"| {escaped(example.source)} | {example.row} | {escaped(example.what)} |"
    if total > len(examples[:_MOST_EXAMPLES]):
        yield from ("", f"and {total - len(examples[:_MOST_EXAMPLES]):,} more")


def _errors(reasons: Mapping[str, int], examples: Mapping[str, Sequence[Example]]) -> Iterator[str]:
    if not reasons:
        return
    yield from ("", f"## Without a prediction: {sum(reasons.values()):,}", "")
    yield from ("| reason | rows | as |", "| --- | ---: | --- |")
    for reason, rows in [*reasons.items()][:_MOST_REASONS]:
        named = (f"{one.source}, row {one.row}" for one in examples.get(reason, [])[:3])
        yield f"| {escaped(reason)} | {rows:,} | {'; '.join(map(escaped, named))} |"
    if len(reasons) > _MOST_REASONS:
        yield from ("", f"and {len(reasons) - _MOST_REASONS:,} reasons more")


def _listed(title: str, sentences: Sequence[str]) -> Iterator[str]:
    if not sentences:
        return
    yield from ("", f"## {title}", "")
    for sentence in sentences[:_MOST_SENTENCES]:
        yield f"- {escaped(sentence, _LONGEST_SENTENCE)}"
    if len(sentences) > _MOST_SENTENCES:
        yield f"- and {len(sentences) - _MOST_SENTENCES:,} more"


_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "@": "&#64;", "`": "&#96;"}
# What makes a link of a plain text, in GitHub's Markdown.
_LINKS = re.compile(r"(?<=[a-z])://|(?<=www)\.|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)


def escaped(text: str, most: int = _LONGEST_NAME) -> str:
    """Return a text as Markdown that shows just it, on one line, in a table or out of one.

    A character that is not printable is `?`, and a longer text than `most` characters ends in an
    ellipsis. CommonMark 0.31, sections 2.4 and 2.5: escapes and entities are never structure.
    """
    text = "".join(character if character.isprintable() else "?" for character in text)
    text = text if len(text) <= most else f"{text[:most]}…"
    text = "".join(_ENTITIES.get(character, character) for character in text)
    text = re.sub(r"([\\*_\[\]~$!#{}])", r"\\\1", text.replace("&#", "\0")).replace("\0", "&#")
    return _LINKS.sub(lambda found: f"&#{ord(found[0][0])};{found[0][1:]}", text)
