"""Render pages: HTML in one file that needs no network, from the templates of this folder.

What the templates print is escaped, unless it is marked as HTML that this package made. The filters
are those of `number_text`.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_batch.reports import number_text

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE_BYTES = 2_000_000
"""What a page is below, whatever it is about: it opens at once, and can be mailed."""

_UNSHOWN = bytes(byte for byte in (*range(32), 127) if byte not in b"\t\n\r")
"""Control characters: HTML has none of them. In UTF-8 they are bytes of their own."""
_SHOWN = bytes.maketrans(_UNSHOWN, b"?" * len(_UNSHOWN))


def render(template: str, **content: Any) -> str:  # noqa: ANN401 - what a template prints
    """Return a page, which can be encoded as UTF-8.

    A character that HTML cannot hold, as half of a surrogate pair in the name of a file, is `?`.

    Args:
        template: the name of a file in `templates`.
        content: what it prints, by name; one that is missing raises `jinja2.UndefinedError`.
    """
    return shown(_environment().get_template(template).render(**content))


def shown(text: str) -> str:
    """Return text with `?` in the place of each character that HTML cannot hold."""
    return text.encode("utf-8", "replace").translate(_SHOWN).decode()


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
