"""Tests of the page of all nights."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mnist_batch.nights.history.page import _SENTENCES, RECENT, history_page
from mnist_batch.nights.history.rows import _MARKS, _MISSED, _PASSED, history_rows
from mnist_batch.nights.night import GateResult, Night
from mnist_batch.nights.night_folder import Nights
from tests.support.nights import DOUBTFUL, night

REGRESSED = GateResult("regression", passed=False, message="4 points less", fails=True)
DRIFTED = GateResult("drift", passed=False, message="5 is 98 % of them", fails=True)
ERRORS = GateResult("errors", passed=False, message="61 of 1,000 rows", fails=True)


class _Text(HTMLParser):
    """Gathers the texts of a page, and the addresses that it leads to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("href", "src") and value]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _page(runs: Path, *nights: Night, notes: tuple[str, ...] = ()) -> str:
    return history_page(runs, Nights(nights, notes))


@pytest.mark.parametrize(
    ("changes", "mark", "word", "sentence"),
    [
        ({}, "✓", "passed", "passed"),
        ({"gates": (REGRESSED,)}, "✕", "regressed", "regressed"),
        ({"gates": (DRIFTED,)}, "?", "suspicious", "is suspicious"),
        ({"gates": (ERRORS,)}, "!", "errors", "has too many rows without a prediction"),
        ({"scored": 0, "correct": 0}, "○", "unlabelled", "has no labels"),
        (
            {"against": DOUBTFUL},
            *("○", "too few to tell", "has too few rows to tell"),
        ),
    ],
)
def test_the_first_line_says_what_the_last_night_came_to(
    tmp_path: Path, changes: dict[str, object], mark: str, word: str, sentence: str
) -> None:
    """Each state is a mark and a word, and a sentence at the top."""
    last = night(2, **changes)
    (row,) = history_rows(tmp_path, [last])
    assert (row.mark, row.word) == (mark, word)
    page = _page(tmp_path, night(1), last)
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", page)
    assert heading is not None
    assert re.sub("<[^>]+>", "", heading[1]) == f"The night 2024-11-02 {sentence}"


def test_each_state_has_a_sentence() -> None:
    """Or the page of all nights would not be made."""
    assert {word for _, _, word in (*_MARKS.values(), _PASSED, _MISSED)} <= _SENTENCES.keys()


def test_some_nights_are_named_below_the_charts(tmp_path: Path) -> None:
    """Five of them at their steps, or two where names are long; and each only once."""

    def named(*nights: Night) -> list[tuple[str, str]]:
        axis = _page(tmp_path, *nights).partition('<div class="span"')[2].partition("</div>")[0]
        return re.findall(r'left:(.*?)%">(.*?)<', axis)

    assert named(*map(night, range(1, 11))) == [
        ("5", "2024-11-01"),
        ("25", "2024-11-03"),
        ("45", "2024-11-05"),
        ("75", "2024-11-08"),
        ("95", "2024-11-10"),
    ]
    long = [night(day, name=f"a-name-that-is-long-{day}") for day in range(1, 11)]
    assert [name for _, name in named(*long)] == [long[0].name, long[-1].name]
    assert named(night(1)) == [("50", "2024-11-01")]


def test_orange_has_a_meaning_where_it_is_there(tmp_path: Path) -> None:
    """The legend says it."""
    assert "orange: a night that failed" in _page(tmp_path, night(1, gates=(REGRESSED,)))
    assert "orange: a night that failed" not in _page(tmp_path, night(1))


def test_minor_changes_are_no_headline(tmp_path: Path) -> None:
    """A few new images each night are not what the page begins with."""
    changes = ("the model is another", "46 of 2,300 images are new since x")
    page = _page(tmp_path, night(1, changes=changes, minor=changes[1:]))
    assert changes[0] in page
    assert changes[1] not in page


def test_the_median_of_two_nights_is_between_them(tmp_path: Path) -> None:
    """The mean of the two in the middle, as everywhere."""
    nights = [night(day, scored=1000, correct=correct) for day, correct in ((1, 960), (2, 980))]
    texts = _Text(_page(tmp_path, *nights)).texts
    assert texts[texts.index("Median accuracy") :].index("97.00 %") < 4


def test_nights_come_newest_first(tmp_path: Path) -> None:
    """The table of the last nights begins with the last."""
    table = _page(tmp_path, *map(night, range(1, 6))).partition("<table")[2]
    names = re.findall(r'<th scope="row">(2024-11-\d\d)', table)
    assert names == [f"2024-11-{day:02}" for day in range(5, 0, -1)]


def test_nights_without_labels_keep_their_place(tmp_path: Path) -> None:
    """A page of none but these says so, and shows their drift."""
    page = _page(tmp_path, *(night(day, scored=0, correct=0) for day in (1, 2)))
    assert "None of these nights has labels." in page
    assert "Greatest drift of the input of each night" in page


def test_older_nights_are_there_by_month(tmp_path: Path) -> None:
    """Beyond the last thirty each has a line below its month."""
    nights = [night(1 + number % 28, name=f"n{number}") for number in range(RECENT + 5)]
    page = _page(tmp_path, *nights)
    assert "November 2024" in page
    assert all(f">n{number}<" in page for number in range(RECENT + 5))
    assert page.count("<details") == 1


def test_the_page_needs_no_network_and_no_script(tmp_path: Path) -> None:
    """No address leads elsewhere."""
    found = _Text(_page(tmp_path, *map(night, range(1, 29)), *map(night, range(1, 29))))
    assert "script" not in found.tags
    assert not any("//" in link for link in found.links)


def test_hostile_texts_stay_text(tmp_path: Path) -> None:
    """Names of folders and models, messages and notes come from outside."""
    hostile = '<script>alert("x")</script>'
    last = night(
        2,
        name=hostile.replace("/", "\N{DIVISION SLASH}"),
        version=hostile,
        model={"name": hostile, "sha256": hostile},
        gates=(GateResult("regression", passed=False, message=hostile, fails=True),),
        changes=(hostile,),
        suspicions=(hostile + "!",),
        drift={hostile: (0.9, 0.1)},
    )
    found = _Text(_page(tmp_path, night(1), last, notes=(hostile,)))
    assert "script" not in found.tags
    assert sum(hostile in text for text in found.texts) >= 5


def test_of_very_many_nights_months_are_drawn(tmp_path: Path) -> None:
    """The page says that a step is a month."""
    nights = [night(1 + number % 28, name=f"n{number}") for number in range(450)]
    assert "Each step is a month" in _page(tmp_path, *nights)
    assert "Each step is a month" not in _page(tmp_path, *nights[:50])


def test_a_page_of_nights_with_long_names_stays_small(tmp_path: Path) -> None:
    """Rows for which there is no room are counted."""
    for name in ("0", "\N{CJK UNIFIED IDEOGRAPH-4E00}" * 70, "&" * 230):
        nights = [night(1, name=f"{number:04}{name}") for number in range(6000)]
        for one in nights[-RECENT:]:
            (tmp_path / one.name / "comparison").mkdir(parents=True)
            (tmp_path / one.name / "comparison" / "index.html").touch()
        page = _page(tmp_path, *nights)
        assert len(page.encode()) < 1_000_000
        is_short = name == "0"
        assert is_short or (len(page.encode()) > 700_000 and "nights not listed here" in page)


def test_long_texts_of_a_record_are_cut(tmp_path: Path) -> None:
    """Those of thousands of nights would else make the page as long as they are."""
    long = "&" * 19_000
    gates = (GateResult("errors", passed=False, message=long, fails=True),) * 50
    texts = {"version": long, "model": {"name": long}, "changes": (long,) * 50}
    made = [night(1, gates=gates, suspicions=(long,) * 50, **texts)] * 100
    page = _page(tmp_path, *(replace(one, drift={long: (0.9, 0.1)}) for one in made))
    assert len(page.encode()) < 1_000_000


def test_ten_years_of_nights_stay_below_a_megabyte(tmp_path: Path) -> None:
    """The page of 3,650 nights with drift, a change a year and all links is below 1 MB."""
    pages = tmp_path / "pages"
    for page in ("predictions.report/index.html", "comparison/index.html", "summary.md"):
        (pages / page).parent.mkdir(parents=True, exist_ok=True)
        (pages / page).touch()
    features = ("predictions", "confidence", "prepared", "ink", "size")
    nights = []
    for number in range(3650):
        began = datetime(2017, 1, 1, 2, tzinfo=UTC) + timedelta(days=number)
        made = night(
            1,
            name=f"{began:%Y-%m-%d}",
            created_utc=began.isoformat(timespec="milliseconds"),
            version=f"0.{number // 365}.0",
            correct=960 + number % 30,
            errors=number % 3,
            drift=dict.fromkeys(features, (0.01 + number % 7 / 100, 0.08)),
        )
        nights.append(made)
        (tmp_path / made.name).symlink_to(pages)
    page = _page(tmp_path, *nights)
    assert len(page.encode()) < 1_000_000
    assert "2017-01-01/predictions.report/index.html" in page
