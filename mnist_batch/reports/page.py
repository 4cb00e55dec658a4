"""Render pages: HTML in one file that needs no network, from the templates of this folder.

What the templates print is escaped, unless it is marked as HTML that this package made. The filters
are those of `number_text`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_batch.reports import number_text

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE_BYTES = 2_000_000
"""What a page is below, whatever it is about: it opens at once, and can be mailed."""

_UNSHOWN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters: HTML has none of them
    # Those of the Unicode Bidirectional Algorithm (UAX #9), by which the name of a file shows as
    # another one. Letters that run from right to left need none of them.
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


_MORE = "<!-- more pages -->"
"""Where `with_page` puts a link, see `around` in `macros.html`."""


@dataclass(frozen=True)
class Around:
    """What a page belongs to, and where it leads.

    Attributes:
        name: what it belongs to, as `Night 2026-11-27`.
        pages: name and address of the other pages there.
    """

    name: str
    pages: Sequence[tuple[str, str]]


def with_page(page: str, name: str, address: str) -> str:
    """Return a page with a link to one that was made later, beside those of its `Around`."""
    link = f'<li><a href="{address}">{name}</a></li>\n'
    return page.replace(_MORE, f"{link}{_MORE}", 1)


def render(template: str, **content: Any) -> str:  # noqa: ANN401 - what a template prints
    """Return a page, which can be encoded as UTF-8.

    What `shown` replaces is `?`.

    Args:
        template: the name of a file in `templates`.
        content: what it prints, by name; one that is missing raises `jinja2.UndefinedError`.
    """
    return shown(_environment().get_template(template).render(**content))


def shown(text: str) -> str:
    """Return text with `?` in the place of each character that no page may hold.

    HTML cannot hold it, as half of a surrogate pair in the name of a file, or it turns the
    direction of what is written.
    """
    return _UNSHOWN.sub("?", text).encode("utf-8", "replace").decode()


@cache
def _environment() -> "Environment":
    # Takes 30 ms to import, and most of what the package does makes no page.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": number_text.count,
        "percent": number_text.percent,
        "decimal": number_text.decimal,
        "counted": number_text.counted,
    }
    return environment
