"""`summary.md`: a night in Markdown."""

import re
from dataclasses import replace
from html import unescape

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mnist_batch.nights.night import GateResult
from mnist_batch.nights.summaries.markdown import MOST_BYTES, Digest, Example, escaped, markdown
from tests.support.nights import NIGHT

DIGEST = Digest(
    night=NIGHT,
    why_not_compared="",
    newly_wrong=[Example("a.parquet", 3, "4 read as 9, confidence 0.9100")],
    unreadable={"truncated": [Example("a.parquet", 7, "truncated"), Example("b.png", 0, "x")]},
    has_report=True,
    has_comparison=True,
    notes=["files that are not read, passed over: 3"],
)
HOSTILE = (
    "<script>alert(1)</script> | `rm` [x](http://evil.example) ![i](//e) @all #12 \n- a\r\n# b "
    "**b** _i_ ~~s~~ $m$ \\| &lt; www.evil.example \u202e \x1b[31m {{x}} mailto:a@b.example"
)


def test_it_tells_the_verdict_first_then_what_it_is_made_of() -> None:
    """Verdict, pages, comparison, gates, newly wrong rows, errors, notes."""
    lines = markdown(DIGEST).splitlines()
    assert lines[0].startswith("# No difference beyond chance: accuracy 97.19 % (95.97 to 98.05 %)")
    assert lines[0].endswith("998 rows, +0.10 points against 2024-10-31")
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == ["## Gates", "## Newly wrong: 3", "## Without a prediction: 2", "## Notes"]
    assert "| a.parquet | 3 | 4 read as 9, confidence 0.9100 |" in lines
    assert "and 2 more" in lines
    assert "| truncated | 2 | a.parquet, row 7; b.png, row 0 |" in lines
    (pages,) = (line for line in lines if line.startswith("Pages:"))
    assert re.findall(r"\]\((.*?)\)", pages) == [
        *("predictions.report/index.html", "comparison/index.html", "../index.html")
    ]


def test_it_says_what_could_not_be_compared_and_what_is_suspicious() -> None:
    """And what changed since the night before."""
    night = replace(NIGHT, against=None, suspicions=("too many 5",), changes=("the model is new",))
    text = markdown(replace(DIGEST, night=night, why_not_compared="it is the first night"))
    assert "\nNot compared: it is the first night.\n" in text
    assert "## Suspicious\n\n- too many 5\n" in text
    assert "## What changed\n\n- the model is new\n" in text


def test_gates_stand_in_a_table_with_those_that_fail_in_bold() -> None:
    """A gate that is missed and does not fail yet is no failure."""
    gates = (
        GateResult("regression", passed=False, message="worse", missed_nights=2, fails=True),
        GateResult("accuracy", passed=False, message="low", missed_nights=1),
    )
    text = markdown(replace(DIGEST, night=replace(NIGHT, gates=gates)))
    assert "| regression | **failed** | worse |\n| accuracy | missed | low |\n" in text


def test_hostile_names_are_only_ever_text() -> None:
    """A program that renders Markdown makes no tag, link or cell of them."""
    digest = replace(
        DIGEST,
        newly_wrong=[Example(HOSTILE, 0, HOSTILE)],
        unreadable={HOSTILE: [Example(HOSTILE, 0, HOSTILE)]},
        notes=[HOSTILE],
        night=replace(NIGHT, model={"name": HOSTILE}, errors_by_reason={HOSTILE: 1}),
    )
    text = markdown(digest)
    for hidden in ("<", "`", "@", "://", "www.", "mailto:", "\x1b", "\u202e", "\r"):
        assert hidden not in text
    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tags = re.findall(r"<([^/>][^>]*)>", renderer.render(text))
    names = {tag.split()[0] for tag in tags}
    assert names == {
        *["h1", "h2", "p", "strong", "a", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"]
    }
    pages = ["predictions.report/index.html", "comparison/index.html", "../index.html"]
    assert [tag for tag in tags if tag.startswith("a ")] == [f'a href="{page}"' for page in pages]
    cells = sum(tag.split()[0] in ("td", "th") for tag in tags)
    assert cells == 3 * sum(tag == "tr" for tag in tags)


@given(st.text(st.characters(codec=None), max_size=150))
@example(HOSTILE[:150])
def test_an_escaped_text_shows_just_the_text(text: str) -> None:
    """Undone by the rules of CommonMark, it is the text, with `?` for what cannot be seen."""
    shown = "".join(one if one.isprintable() else "?" for one in text)
    result = escaped(text)
    # Entities are not undone twice: a backslash before `&` is the escape of a backslash.
    undone = re.sub(r"\\([!-/:-@\[-`{-~])", lambda found: f"&#{ord(found[1])};", result)
    assert unescape(undone) == shown


@given(st.text(st.characters(codec=None)))
def test_no_character_of_an_escaped_text_is_structure(text: str) -> None:
    """Each character that means something in Markdown is behind a backslash, or an entity."""
    left = re.sub(r"\\[!-/:-@\[-`{-~]|&(#\d+|lt|gt|amp);", "", escaped(text))
    assert not re.search(r"[\\`*_\[\]<>|~$@#!{}&\n\r]", left)


@pytest.mark.parametrize("character", ["<", "&", "\U0001f600", "_", "a"])
def test_the_summary_stays_below_what_is_shown(character: str) -> None:
    """Whatever is in a million rows, and however long names are."""
    long = character * 10_000
    many = [Example(long, 2**62, long)] * 10_000
    gates = tuple(
        GateResult(f"digit {digit}", passed=False, message=long, fails=True) for digit in range(10)
    )
    night = replace(
        NIGHT,
        gates=gates,
        changes=(long,) * 1000,
        suspicions=(long,) * 1000,
        model={"name": long, "sha256": long},
        errors_by_reason={f"{long}{number}": 2**62 for number in range(1000)},
    )
    unreadable = dict.fromkeys(night.errors_by_reason, many[:9])
    digest = replace(
        DIGEST, night=night, newly_wrong=many, unreadable=unreadable, notes=[long] * 1000
    )
    assert len(markdown(digest).encode()) < MOST_BYTES
