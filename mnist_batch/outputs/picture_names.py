"""Names of sources to names of files, wherever the sources come from and wherever the files go.

A source is a path that was given from outside: it may be absolute, climb by `..`, or hold what a
file system has no name for. Each part is made harmless by `%` and two hexadecimal digits per byte,
as in a URL (RFC 3986, 2.1), so that a name can still be read and no two become one.
"""

import hashlib
import re

SUFFIX = ".png"

_LONGEST_PART = 230
"""Bytes of a part: file systems take 255, of which some are for the suffix and for numbers."""

_LONGEST_NAME = 512
"""Bytes of a name with its folders: systems take 1,024 to 4,096, with what stands before it."""

_FORBIDDEN = frozenset('"%*:<>?\\|')
"""What Windows forbids in names beside control characters, and the sign of what is replaced. See
https://learn.microsoft.com/windows/win32/fileio/naming-a-file, as for the two below."""

_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_NUMBER = re.compile("-?[0-9]+")
_LOST_END = re.compile(r"[. ]$")
_LIKE_A_PICTURE = re.compile(rf"\{SUFFIX}$", re.IGNORECASE)


def picture_name(source: str, row: int) -> str:
    """Return the name of the picture of a row: `/`-separated, relative, below where it starts.

    Of an image file it is the source and `.png`; of a Parquet file's row, or of any but the first
    row of a source, `<source>/<row>.png`. What is too long is cut, and ends in a hash of it all.

    Args:
        source: the column `source` of the predictions; any text.
        row: the column `row`.
    """
    *folders, last = map(_harmless, source.split("/"))
    if source.lower().endswith(".parquet") or row:
        folders, last = [*folders, last], str(row)
    elif _NUMBER.fullmatch(last):  # a file of this name is no row
        last = _first_escaped(last)
    name = "/".join([*(_as_folder(folder) for folder in folders), last])
    if len(name.encode()) > _LONGEST_NAME:
        name = _cut(last, whole=name)
    return name + SUFFIX


def _harmless(part: str) -> str:
    """Return a part of a path that names just one thing, and that in the folder it stands in."""
    if not part:
        return _escaped("/")
    name = "".join(
        _escaped(character) if character in _FORBIDDEN or not character.isprintable() else character
        for character in part
    )
    if _DEVICE.fullmatch(name):
        name = _first_escaped(name)
    # The end of `.` and of `..` too, which then lead nowhere.
    name = _LOST_END.sub(lambda end: _escaped(end[0]), name)
    return name if len(name.encode()) <= _LONGEST_PART else _cut(name, whole=name)


def _as_folder(part: str) -> str:
    """Return a part that no picture has: the one of `a` is called like the folder of `a.png/b`."""
    return _LIKE_A_PICTURE.sub(lambda end: _escaped(".") + end[0][1:], part)


def _first_escaped(name: str) -> str:
    return _escaped(name[0]) + name[1:]


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def _cut(name: str, *, whole: str) -> str:
    """Return the beginning of a name and a hash; `%~` stands in no other name."""
    beginning = name.encode()[:150].decode(errors="ignore")
    return f"{beginning}%~{hashlib.sha256(whole.encode()).hexdigest()[:32]}"
