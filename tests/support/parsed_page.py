"""What is on a page, as the standard library's parser reads it."""

from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "link", "img", "br", "path", "rect", "circle"}


class ParsedPage(HTMLParser):
    """A page.

    Attributes:
        ids: of its elements, in order.
        links: where its links lead to, and their text.
        images: sources of its images.
        tags: names of its elements, in order.
        text: all its text, words separated by one space.
        texts: the text of each element, by its id.
        headings: texts of the headings of the second level, in order.
        unclosed: elements that are not closed, or closed and not open.
    """

    def __init__(self, page: str) -> None:
        """Parse a page."""
        super().__init__()
        self.ids: list[str] = []
        self.links: dict[str, str] = {}
        self.images: list[str] = []
        self.tags: list[str] = []
        self.texts: dict[str, str] = {}
        self.headings: list[str] = []
        self.unclosed: list[str] = []
        self._link = ""
        self._open: list[tuple[str, str | None]] = []
        self._text: list[str] = []
        self.feed(page)
        self.close()
        self.unclosed += [tag for tag, _ in self._open]
        self.text = " ".join("".join(self._text).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element."""
        attributes = dict(attrs)
        name = attributes.get("id")
        self.tags.append(tag)
        if name:
            self.ids.append(name)
            self.texts[name] = ""
        if tag == "a":
            self._link = attributes["href"] or ""
            self.links[self._link] = ""
        if tag == "img":
            self.images.append(attributes["src"] or "")
        if tag == "h2":
            self.headings.append("")
        if tag not in _VOID:
            self._open.append((tag, name))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element without content, as those of SVG."""
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        if self._open and self._open[-1][0] == tag:
            self._open.pop()
        else:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        """Take text."""
        self._text.append(data)
        for tag, name in self._open:
            if name:
                self.texts[name] += data
            if tag == "h2":
                self.headings[-1] += data
            if tag == "a":
                self.links[self._link] += data


def missing_targets(parsed: ParsedPage, folder: Path | None = None) -> set[str]:
    """Return the links of a page that lead nowhere, on it or, where it is given, in its folder."""
    return {
        link
        for link in parsed.links
        if not (
            link[1:] in parsed.ids
            if link.startswith("#")
            else folder is None or (folder / link).is_file()
        )
    }
