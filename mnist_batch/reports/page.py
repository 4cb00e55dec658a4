"""Render pages: HTML in one file that needs no network, from the templates of this folder.

What the templates print is escaped, unless it is marked as HTML that this package made.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **content: Any) -> str:  # noqa: ANN401 - what a template prints
    """Return a page.

    Args:
        template: the name of a file in `templates`.
        content: what it prints, by name; one that is missing raises `jinja2.UndefinedError`.
    """
    return _environment().get_template(template).render(**content)


@cache
def _environment() -> "Environment":
    # Takes 30 ms to import, and most of what the package does makes no page.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
