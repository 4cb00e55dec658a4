"""Pages in a real browser, without a network: they work for whoever opens them, and however.

Chromium opens the pages that the commands make. Where there is none, the tests are skipped.
"""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Colours, chromium, opened
from tests.support.pages import HOSTILE, make_pages

PROJECT = Path(__file__).parent.parent.parent
PAGES = (
    *("labelled", "unlabelled", "evaluated", "trained"),
    *("nights", "night compared", "hostile", "hostile compared"),
    "62 classes",
    "62 classes compared",
    "hostile classes",
    "hostile classes compared",
)
FOCUSABLE = "a[href], [tabindex='0'], summary"
"""What a key can reach on a page without forms."""

OUTSIDE = """
[...document.querySelectorAll('body *')].filter(
  element => !element.closest('.scroll, svg')
    && element.getBoundingClientRect().right > innerWidth + 1
).map(element => element.outerHTML.slice(0, 200))"""
"""Elements that reach out of the window."""

MADE = """
[...document.querySelectorAll('*')].filter(
  element => ['SCRIPT', 'HOSTILE-TAG'].includes(element.tagName)
    || [...element.attributes].some(one => /^on|^autofocus$/.test(one.name))
    || /^javascript/i.test(element.getAttribute('href') ?? '')
).map(element => element.outerHTML.slice(0, 200))"""
"""Elements that no page has unless a name or a label made them."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this module; each page has a window of its own."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The pages by name; after the browser, without which none is made."""
    return make_pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture(params=PAGES)
def path(request: pytest.FixtureRequest, pages: dict[str, Path]) -> Path:
    """Each page in turn."""
    return pages[request.param]


def _text(page: Page) -> str:
    """Return what is to be read, without the links that lead about on the page."""
    hidden = ".around ul, .contents, .skip, .up"
    page.evaluate(f"document.querySelectorAll('{hidden}').forEach(link => link.remove())")
    return page.locator("body").inner_text()


def test_a_page_that_breaks_the_rules_is_found_out(browser: Browser, tmp_path: Path) -> None:
    """The tests below would see a request, a complaint of the browser, a wide page, a violation."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<title>Bad</title><img src='https://example.org/a.png'><img src='beside.png'>"
        "<script>console.log('ran')</script><p style='width: 2000px; color: #ccc'>Pale</p>"
    )
    with opened(browser, bad) as view:
        assert sorted(view.requests) == [
            (tmp_path / "beside.png").as_uri(),
            "https://example.org/a.png",
        ]
        assert "ran" in view.complaints
        assert view.overflow > 0
        found = "\n".join(view.violations())
        assert "color-contrast" in found
        assert "image-alt" in found


@pytest.mark.parametrize(("colours", "rules"), [("light", []), ("dark", ["color-contrast"])])
def test_a_page_asks_for_nothing_and_is_accessible(
    path: Path, colours: Colours, rules: list[str], browser: Browser
) -> None:
    """No request, no complaint of the browser, no violation of a rule of axe-core."""
    with opened(browser, path, colours=colours) as view:
        page = view.page.locator("html")
        background = page.evaluate("element => getComputedStyle(element).backgroundColor")
        assert (int(re.findall(r"\d+", background)[0]) < 64) == (colours == "dark")
        assert view.violations(*rules) == []
        assert view.requests == []
        assert view.complaints == []


@pytest.mark.parametrize("width", [360, 1600])
def test_a_page_fits_its_window(path: Path, width: int, browser: Browser) -> None:
    """Only its tables scroll sideways; nothing else reaches out of the window."""
    with opened(browser, path, width=width) as view:
        assert view.overflow <= 0
        assert view.page.evaluate(OUTSIDE) == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_shadow_lies_where_a_table_goes_on(
    colours: Colours, pages: dict[str, Path], browser: Browser
) -> None:
    """At the right before it is scrolled, at the left at its end; browsers may hide their bars."""
    with opened(browser, pages["labelled"], width=1000, colours=colours) as found:
        table = found.page.locator(".scroll", has_text="Scores of each digit")

        def has_shadow() -> list[bool]:
            image = np.asarray(Image.open(io.BytesIO(table.screenshot())).convert("L"), np.int64)
            above = image[2]  # the title
            page = above[len(above) // 2]
            return [abs(int(above[place] - page)) > 10 for place in (0, -1)]

        assert has_shadow() == [False, True]
        table.evaluate("element => element.scrollLeft = element.scrollWidth")
        assert has_shadow() == [True, False]


def test_a_page_says_the_same_without_scripts_and_in_print(path: Path, browser: Browser) -> None:
    """In print without the links that lead about; on A4 nothing is cut off."""
    with opened(browser, path) as view:
        said = _text(view.page)
    with opened(browser, path, scripts=False) as view:
        assert _text(view.page) == said
    with opened(browser, path, width=718) as view:  # A4 without the printer's margins
        view.page.emulate_media(media="print")
        assert _text(view.page) == said
        assert view.overflow <= 0
        assert view.page.pdf(format="A4").startswith(b"%PDF")


def test_a_page_is_small_and_its_links_lead_somewhere(path: Path, browser: Browser) -> None:
    """Each to a place on the page, or to a file beside it; no two places have one name."""
    assert path.stat().st_size < (1_000_000 if path.parent.name == "runs" else 2_000_000)
    with opened(browser, path) as view:
        links = view.page.evaluate("[...document.links].map(link => link.getAttribute('href'))")
        ids = view.page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len({*ids})
        for link in links:
            parts = urlsplit(link)
            assert not parts.scheme and not parts.netloc, link
            assert not parts.path or (path.parent / unquote(parts.path)).exists(), link
            assert parts.path or unquote(parts.fragment) in ids, link


def test_a_page_is_used_by_keyboard(path: Path, browser: Browser) -> None:
    """Tab leads in order to each link and each table that scrolls, and shows where it is."""
    with opened(browser, path) as view:
        elements = view.page.locator(FOCUSABLE)
        for number in range(min(elements.count(), 20)):
            view.page.keyboard.press("Tab")
            focused = elements.nth(number)
            expect(focused).to_be_focused()
            expect(focused).to_be_in_viewport()
            outline = focused.evaluate("element => getComputedStyle(element).outlineStyle")
            assert outline != "none"


def test_the_first_link_skips_to_the_content(path: Path, browser: Browser) -> None:
    """It is seen once it has the focus, and the next Tab goes on from the content."""
    with opened(browser, path) as view:
        skip = view.page.locator(".skip")
        expect(skip).not_to_be_in_viewport()
        view.page.keyboard.press("Tab")
        expect(skip).to_be_in_viewport()
        view.page.keyboard.press("Enter")
        expect(view.page.locator("main")).to_be_focused()


def test_a_cell_of_the_confusion_matrix_leads_to_its_images(
    pages: dict[str, Path], browser: Browser
) -> None:
    """A wrong one and a right one, by mouse and by keyboard."""
    with opened(browser, pages["labelled"]) as view:
        for kind in ("wrong", "right"):
            cell = view.page.locator(f".matrix [class^='{kind}'] a").first
            target = view.page.locator(str(cell.get_attribute("href")))
            for by_key in (False, True):
                view.page.evaluate("scrollTo(0, 0)")
                if by_key:
                    cell.press("Enter")
                else:
                    cell.click()
                image = target.locator("img").first
                expect(target).to_be_in_viewport()
                expect(image).to_be_in_viewport()
                assert image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [
                    28,
                    28,
                ]


@pytest.mark.parametrize("name", ["hostile", "hostile compared"])
def test_names_and_labels_stay_text(name: str, pages: dict[str, Path], browser: Browser) -> None:
    """No script runs and no element or handler is made of them; what they say can be read."""
    with opened(browser, pages[name]) as view:
        assert view.page.evaluate(MADE) == []
        assert view.page.evaluate("document.querySelectorAll('style, title').length") == 2
        assert view.page.title() not in {"1", "run"}
        said = view.page.locator("body").inner_text()
        for text in (HOSTILE[0], HOSTILE[3]):
            assert text in said
        assert view.requests == []
        assert view.complaints == []


def test_the_picture_of_the_nights_is_taken(pages: dict[str, Path], tmp_path: Path) -> None:
    """As the README shows it: twice as fine as the screen, and small."""
    out = tmp_path / "nights.png"
    script = PROJECT / "examples" / "nightly" / "picture.py"
    subprocess.run([sys.executable, script, pages["nights"], out], check=True)
    assert Image.open(out).width == 2320
    assert out.stat().st_size < 200_000
