"""Whatever a page prints, it is HTML that can be written and holds the text as text."""

import pytest

from mnist_batch.reports import page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\xe9 \u65e5\u672c", "caf\xe9 \u65e5\u672c"),
        ("bad\udcff.png", "bad?.png"),
        ("a\0b\x1bc\x7f", "a?b?c?"),
        ("a\x80b\x9fc", "a?b?c"),
        ("3/\u202egnp.evil.png", "3/?gnp.evil.png"),  # else it shows as 3/gnp.live.png
        ("\u200e\u200f\u061c\u202a\u202d\u2066\u2069", "???????"),
        (
            "\u05e9\u05dc\u05d5\u05dd \u0633\u0644\u0627\u0645",
            "\u05e9\u05dc\u05d5\u05dd \u0633\u0644\u0627\u0645",
        ),
        ("two\nlines\tand tabs", "two\nlines\tand tabs"),
    ],
)
def test_what_no_page_may_hold_is_a_question_mark(text: str, shown: str) -> None:
    """Half a surrogate pair of a file's name could not even be written; Hebrew and Arabic stay."""
    assert page.shown(text) == shown
    shown.encode()


def test_what_a_template_prints_is_escaped() -> None:
    """Text of files stays text."""
    template = page._environment().from_string("<p title='{{ text }}'>{{ text }}</p>")
    assert template.render(text="<script>'\"&") == (
        "<p title='&lt;script&gt;&#39;&#34;&amp;'>&lt;script&gt;&#39;&#34;&amp;</p>"
    )


CHILD = """{% extends "base.html" %}
{% block title %}t{% endblock %}{% block header %}h{% endblock %}
{% block content %}c{% endblock %}{% block footer %}f{% endblock %}"""


def test_a_page_fetches_and_runs_nothing() -> None:
    """As its own policy demands of the browser."""
    text = page._environment().from_string(CHILD).render()
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
