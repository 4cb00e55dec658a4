"""Pages in a real browser, without a network: they work for whoever opens them, and however.

Chromium opens the pages that the commands make. Where there is none, the tests are skipped.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import chromium, opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of this module; each page has a window of its own."""
    with chromium() as started:
        yield started


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
