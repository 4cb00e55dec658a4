"""The page of a comparison: what changed, with the images, below two megabytes."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.evaluation.comparison.comparing import Compared, compare_predictions
from mnist_batch.evaluation.found_images import FoundImage
from mnist_batch.reports.comparison.comparison_page import comparison_page, places_to_show
from mnist_batch.reports.page import PAGE_BYTES
from mnist_batch.schema import Classes
from tests.support.class_comparison import class_comparison
from tests.support.class_predictions import CHARACTERS, GARMENTS, HOSTILE
from tests.support.predictions_files import write_predictions


def compared(
    tmp_path: Path,
    labels: list[int | None],
    before: list[int | None],
    now: list[int | None],
    source: str = "a",
) -> Compared:
    """Return a comparison of rows of one source."""
    sources = [source] * len(labels)
    base = write_predictions(tmp_path / "base.parquet", labels, before, sources=sources)
    new = write_predictions(tmp_path / "new.parquet", labels, now, sources=sources)
    return compare_predictions(base, new)


def page(found: Compared, images: dict[int, FoundImage] | None = None) -> str:
    """Return its page."""
    return comparison_page(found, images=images or {}, changed=[], command=None)


class _Page(HTMLParser):
    """Collects the texts by the tag they stand in, the ids, and the links within the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.ids: list[str] = []
        self.links: list[str] = []
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href" and (value or "").startswith("#"):
                self.links.append((value or "").removeprefix("#"))

    def handle_data(self, data: str) -> None:
        text = data.replace("\N{NO-BREAK SPACE}", " ").strip()
        if text:
            self.texts.setdefault(self._tag, []).append(text)


def test_the_page_begins_with_the_verdict(tmp_path: Path) -> None:
    """In a sentence, with both accuracies; and what is newly misread."""
    labels: list[int | None] = [4] * 400
    found = _Page(page(compared(tmp_path, labels, labels, [*[9] * 40, *labels[40:]])))
    assert found.texts["h1"] == ["Regressed: 90.00 % are read correctly, 100.00 % before"]
    assert any("4 as 9 (40)" in text for text in found.texts["p"])
    assert any("digit 4" in text for text in found.texts["p"])


def test_changes_stand_in_groups_the_newly_wrong_first(tmp_path: Path) -> None:
    """By how they are read; every link of the page leads somewhere, and no id is there twice."""
    text = page(
        compared(
            tmp_path,
            [1, 1, 1, 2, 3, None, 5, 6],
            [1, 1, 1, 7, 8, 8, 5, None],
            [7, 9, 7, 2, 9, 9, None, 6],
        )
    )
    found = _Page(text)
    assert [one for one in found.texts["h3"] if "ead as" in one] == [
        "1 read as 7",
        "1 read as 9",
        "2, read as 7 before",
        "3 read as 9, as 8 before",
        "Read as 9, as 8 before",
        "6 read as 6",
    ]
    assert set(found.links) <= set(found.ids)
    assert len(set(found.ids)) == len(found.ids)
    assert "truncated" in found.texts["td"]  # why a prediction was lost
    assert "5 with a label and both predictions" in found.texts["span"]


def test_the_images_are_those_of_the_new_run(tmp_path: Path) -> None:
    """One for each row that changed and has one."""
    found = compared(tmp_path, [1, 2, 3, 4], [1, 2, 3, 4], [1, 7, 3, None])
    (place,) = places_to_show(found)
    assert (place.index, place.source, place.row) == (1, "a", 1)
    several = compared(tmp_path, [1, 2, 3], [1, 7, 8], [7, 2, 9])
    assert [one.index for one in places_to_show(several)] == [0, 1, 2]
    image = FoundImage(np.full((28, 28), 200, np.uint8))
    assert page(found, {1: image}).count("<img") == 1
    assert "<img" not in page(found)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\"'&", "x" * 10_000])
def test_a_hostile_name_stays_text(tmp_path: Path, name: str) -> None:
    """Whatever is in it."""
    text = page(compared(tmp_path, [1, 2], [1, 2], [7, None], source=name))
    assert "<script" not in text
    assert len(text) < 60_000
    assert any(name[:20] in one for one in _Page(text).texts["bdi"])


def test_a_page_of_many_changes_is_small(tmp_path: Path) -> None:
    """50,000 images of noise, which is the worst to compress; the rest is counted."""
    rows, draw = 50_000, np.random.default_rng(0)
    labels: list[int | None] = [*map(int, draw.integers(0, 10, rows))]
    before, now = ([*map(int, draw.integers(0, 10, rows))] for _ in range(2))
    found = compared(tmp_path, labels, [*before], [*now])
    noise = FoundImage(draw.integers(0, 256, (28, 28), np.uint8), None)
    text = page(found, {place.index: noise for place in places_to_show(found)})
    assert len(text.encode()) < PAGE_BYTES
    assert "; all are in changes.csv" in text


def test_runs_that_do_not_differ_have_a_page(tmp_path: Path) -> None:
    """It says so, and shows no gallery."""
    labels: list[int | None] = [4] * 400
    found = _Page(page(compared(tmp_path, labels, labels, labels)))
    assert found.texts["h1"] == [
        "No difference beyond chance: 100.00 % are read correctly, 100.00 % before"
    ]
    assert "newly-wrong" not in found.ids


def test_runs_without_labels_have_a_page(tmp_path: Path) -> None:
    """With what is read otherwise."""
    found = _Page(page(compared(tmp_path, [None] * 3, [1, 2, 3], [1, 2, 4])))
    assert found.texts["h1"] == ["No labels to tell by; 1 of 3 digits is read otherwise"]
    assert "accuracy" not in found.ids


@pytest.mark.parametrize(
    "classes", [GARMENTS, CHARACTERS, Classes(200), Classes(len(HOSTILE), HOSTILE)]
)
def test_the_page_of_any_number_of_classes_names_them(classes: Classes) -> None:
    """Below its limit, with its links whole, and without a word of digits."""
    text = page(class_comparison(classes, 20_000))
    assert len(text.encode()) < PAGE_BYTES
    found = _Page(text)
    assert {link.removeprefix("#") for link in found.links if link.startswith("#")} <= {
        *found.ids,
        "content",
    }
    assert "digit" not in text.partition("</style>")[2]
    assert "<script" not in text
    assert "Worse beyond chance: the classes" in text
