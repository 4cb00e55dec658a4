"""Reading the known members of a zip file from anywhere, in memory and within limits."""

import zipfile
from collections.abc import Collection

from mnist_batch.errors import ModelError
from mnist_batch.models.allowlist import quoted

MAX_MEMBERS = 100

_ENCRYPTED = 0x1  # of the general purpose bits (APPNOTE.TXT 6.3, section 4.4.4)
_REMEDY = "expected a .keras file as Keras saves it"


def read_members(archive: zipfile.ZipFile, known: Collection[str], room: int) -> dict[str, bytes]:
    """Return the content of each known member that there is, by its name; no other is read.

    Args:
        archive: the zip file.
        known: the names of members.
        room: how many bytes all members may have together, in what the archive declares. No member
            gives more than that when it is unpacked (CPython, zipfile.ZipExtFile).

    Raises:
        ModelError: there are too many members or bytes, a name twice or one that leads out of the
            archive, or a member is encrypted.
        Exception: of nearly any type, where it is damaged or declares a false size.
    """
    members = archive.infolist()
    _check(members, room)
    return {member.filename: archive.read(member) for member in members if member.filename in known}


def _check(members: list[zipfile.ZipInfo], room: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise ModelError(f"holds {len(members):,} members; {_REMEDY}")
    names = [member.filename for member in members]
    for member in members:
        name = member.filename
        if names.count(name) > 1:
            raise ModelError(f"holds {quoted(name)} twice; {_REMEDY}")
        parts = name.replace("\\", "/").split("/")
        if not parts[0] or ".." in parts or ":" in parts[0]:
            raise ModelError(f"its member {quoted(name)} lies outside of the archive; {_REMEDY}")
        if member.flag_bits & _ENCRYPTED:
            raise ModelError(f"its member {quoted(name)} is encrypted; {_REMEDY}")
    total = sum(member.file_size for member in members)
    if total > room:
        raise ModelError(f"unpacks to {total:,} bytes, far more than the file; {_REMEDY}")
