"""Open pages in headless Chromium, Debian's, with the network off."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Route, sync_playwright

Colours = Literal["light", "dark"]

_PATIENCE_MS = 120_000
"""How long a browser on a busy machine may take to start, or to do anything."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; skip the tests where there is none."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium on the PATH, which opens the pages; apt-get install chromium")
    with sync_playwright() as playwright:
        sandbox = os.geteuid() != 0  # Chromium refuses to start as root with its sandbox
        browser = playwright.chromium.launch(
            executable_path=found, chromium_sandbox=sandbox, timeout=_PATIENCE_MS
        )
        with browser:
            yield browser


class Opened:
    """A page that is open in the browser, without a network.

    Attributes:
        page: Playwright's page, to click on and to ask.
        requests: addresses that the page asked for besides its own; none was given to it.
        complaints: what the browser's console holds, and errors of scripts.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route("**/*", self._route)

    def _route(self, route: Route, request: Request) -> None:
        if request.is_navigation_request() and request.url.startswith("file:"):
            route.continue_()
        else:
            self.requests.append(request.url)
            route.abort()

    @property
    def overflow(self) -> int:
        """Pixels by which the page itself is wider than its window, which then scrolls sideways."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def violations(self, *rules: str) -> list[str]:
        """Return what axe-core finds: the rule, how to mend it, and the elements.

        Without `rules` it looks for all that it knows.
        """
        options = {"runOnly": list(rules)} if rules else {"resultTypes": ["violations"]}
        found = Axe().run(self.page, options=options).response["violations"]
        return [_told(violation) for violation in found]


def _told(violation: dict[str, Any]) -> str:
    nodes = [f"{node['html'][:300]}: {node['failureSummary']}" for node in violation["nodes"][:3]]
    return f"{violation['id']}: {violation['help']}, {len(violation['nodes'])} times, as {nodes}"


@contextmanager
def opened(
    browser: Browser,
    path: Path,
    *,
    width: int = 1200,
    colours: Colours = "light",
    scripts: bool = True,
) -> Iterator[Opened]:
    """Open a file in a window of its own, `width` pixels wide."""
    with browser.new_context(
        offline=True,
        viewport={"width": width, "height": 900},
        color_scheme=colours,
        java_script_enabled=scripts,
    ) as context:
        context.set_default_timeout(_PATIENCE_MS)
        view = Opened(context.new_page())
        view.page.goto(path.resolve().as_uri())
        yield view
