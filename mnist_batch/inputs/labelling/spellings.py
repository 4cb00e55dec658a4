"""Find the images that a file of labels names, however it spells their paths."""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence, Set

_MOST_DEPTHS = 32
"""Numbers of folders in names that are tried, at most."""


def find_spellings(images: Mapping[str, str], lines: Set[str]) -> dict[str, str]:
    r"""Return for images that no line names just so the line that names them in another way.

    A line names an image by the end of its path: `./a.png`, `../imgs/a.png`, `imgs\a.png` and
    `a.png` for `imgs/a.png`, also without the suffix, in another case or in another form of
    Unicode, as file systems change it. It has to end just one path, and no other line may name the
    same one: `0.png` names neither `train/0.png` nor `test/0.png` where both are there.

    Args:
        images: the path of each image by its name.
        lines: what the file calls images; a set, or the keys of a mapping.
    """
    found: dict[str, str] = {}
    if all(name in lines for name in images) or all(line in images for line in lines):
        return found
    images = {name: os.path.abspath(path) for name, path in images.items()}  # noqa: PTH100
    for form in _FORMS:
        known = {*found.values()}
        left = [line for line in lines if line not in images and line not in known]
        names = [name for name in images if name not in lines and name not in found]
        if not (left and names):
            break
        paths = {name: _parts(form(images[name])) for name in names}
        found |= _by_ends(paths, {line: _parts(form(line)) for line in left})
    return found


def _by_ends(
    paths: Mapping[str, Sequence[str]], lines: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Return the line of each image whose path ends as the line, where this tells both."""
    by_depth = defaultdict[int, dict[tuple[str, ...], list[str]]](dict)
    for line, parts in lines.items():
        by_depth[len(parts)].setdefault(tuple(parts), []).append(line)
    found: dict[str, str] = {}
    for depth in sorted(by_depth, reverse=True)[:_MOST_DEPTHS]:  # what tells most comes first
        ends: dict[tuple[str, ...], list[str]] = {}
        for name, parts in paths.items():
            if name not in found:
                ends.setdefault(tuple(parts[-depth:]), []).append(name)
        for end, same in by_depth[depth].items():
            if len(same) == 1 and len(ends.get(end, ())) == 1:
                found[ends[end][0]] = same[0]
    return found


def _parts(path: str) -> list[str]:
    return path.split("/")


def same_path(path: str) -> str:
    """Return a path without `./` and `//`: of names of one file on any system the same."""
    return _NOTHING.sub("/", path).removeprefix("./")


def _plain(path: str) -> str:
    """Return a path with `/` between its folders, without `.` and `//`, in one Unicode form.

    Of a path with `..` that is what comes after the last: its end, from whichever folder it leads.
    """
    path = unicodedata.normalize("NFC", path).replace("\\", "/")
    return same_path(_UP.sub("", path))


_UP = re.compile(r"^(.*/)?\.\./", re.DOTALL)
_NOTHING = re.compile(r"/(\./|/)*(?:\./)*")


def _without_suffix(path: str) -> str:
    return os.path.splitext(_plain(path))[0]  # noqa: PTH122 - text in, text out


_FORMS: Sequence[Callable[[str], str]] = (
    _plain,
    _without_suffix,
    lambda path: _plain(path).casefold(),
    lambda path: _without_suffix(path).casefold(),
)
