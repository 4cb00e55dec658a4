"""Thumbnails: small grey images as PNG within the page, in few bytes.

Sixteen greys look the same as 256 at this size, and a digit of MNIST then takes 190 bytes instead
of 270.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

from mnist_batch.reports.drawing import png_file
from mnist_batch.schema import Grey

LONGEST_NAME = 300
"""Characters of a name on a page; of a longer one the middle is left out."""

_BITS = 4


def png(image: Grey) -> bytes:
    """Return an image as PNG of sixteen greys.

    With four bits a pixel, level i of 0 to 15 is shown as 17 i.

    Args:
        image: uint8 (h, w), h and w at least 1.
    """
    height, width = image.shape
    levels = (image.astype(np.uint16) + 8) // 17
    if width % 2:
        levels = np.pad(levels, ((0, 0), (0, 1)))
    lines = np.zeros((height, 1 + levels.shape[1] // 2), np.uint8)  # each begins with filter 0
    lines[:, 1:] = levels[:, ::2] << 4 | levels[:, 1::2]
    # Level 9 would save 2 bytes of 190, and take twice as long.
    return png_file.png(lines, width, bits=_BITS, colour=png_file.GREY, level=5)


def data_url(image: Grey) -> str:
    """Return an image as the address of an `<img>`."""
    return f"data:image/png;base64,{b64encode(png(image)).decode()}"


def short_name(name: str, longest: int = LONGEST_NAME) -> str:
    """Return a name, of a long one both ends and how many characters are left out."""
    if len(name) <= longest:
        return name
    end = longest // 3
    left_out = len(name) - longest
    return f"{name[: longest - end]} [… {left_out:,} characters …] {name[-end:]}"


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of a gallery, with what is written below it.

    Attributes:
        read: what the image shows and what it was read as, as `4 read as 9`.
        title: the first line, as `0.998`; empty for none.
        source: the file.
        row: the row in it.
        image: as the network saw it; None where it is not at hand.
        original: of what it was prepared from; None for none.
        digit: its number in a picture that was split; None for others.
    """

    read: str
    title: str
    source: str
    row: int
    image: Grey | None
    original: Grey | None = None
    digit: int | None = None

    def html(self, *, with_source: bool) -> Markup:
        """Return the item of the list, without more bytes than it needs: there are thousands."""
        images = "".join(
            f'<img alt="{alt}" src="{data_url(image)}">'
            for alt, image in ((escape(self.read), self.image), ("original", self.original))
            if image is not None
        )
        title = f"<b>{escape(self.title)}</b>" if self.title else ""
        name = f"<bdi>{escape(short_name(self.source))}</bdi>" if with_source else ""
        which = f"row {self.row}" + ("" if self.digit is None else f", digit {self.digit}")
        return Markup(f"<li>{images}{title}{name}<span>{which}</span></li>")


@dataclass(frozen=True, eq=False)
class Group:
    """Pictures of a page that belong together.

    Attributes:
        id: what links to the group name, unique on the page.
        heading: what they have in common.
        rows: how many rows there are of them in all.
        pictures: those that could be shown, the first ones first; each is made when it is.
    """

    id: str
    heading: str
    rows: int
    pictures: Sequence[Picture]


class Shown(NamedTuple):
    """A group, and its pictures that are shown.

    Attributes:
        group: the group.
        html: the items of the list.
        left_out: how many rows are not shown.
        source: the file of all pictures of all groups, said once; None where it is in each item.
        is_narrow: whether an item is as wide as an image: it has no source and no original.
    """

    group: Group
    html: Markup
    left_out: int
    source: str | None
    is_narrow: bool


def fit(groups: Sequence[Group], most_bytes: int) -> list[Shown]:
    """Return the groups with as many pictures as fit into some bytes of HTML.

    The first one of each group comes first, then the second ones, and so on.
    """
    pictures = [picture for group in groups for picture in group.pictures]
    sources = {picture.source for picture in pictures}
    source = short_name(sources.pop()) if len(sources) == 1 else None
    is_narrow = source is not None and all(picture.original is None for picture in pictures)
    items: list[list[Markup]] = [[] for _ in groups]
    for picture, chosen in _in_turn(groups, items):
        html = picture.html(with_source=source is None)
        most_bytes -= len(html.encode("utf-8", "replace")) + 1  # and the end of its line
        if most_bytes < 0:
            break
        chosen.append(html)
    return [
        Shown(group, Markup("\n").join(chosen), group.rows - len(chosen), source, is_narrow)
        for group, chosen in zip(groups, items, strict=True)
    ]


def _in_turn(
    groups: Sequence[Group], items: Sequence[list[Markup]]
) -> Iterator[tuple[Picture, list[Markup]]]:
    """Yield the first picture of each group, then the second ones, with where it goes."""
    for rank in range(max((len(group.pictures) for group in groups), default=0)):
        for group, chosen in zip(groups, items, strict=True):
            if rank < len(group.pictures):
                yield group.pictures[rank], chosen
