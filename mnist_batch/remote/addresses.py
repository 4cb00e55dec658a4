"""Addresses of object storage: `s3://BUCKET/KEY`, `gs://BUCKET/KEY`, `az://CONTAINER/KEY`.

An address is text. A `Path` would fold the two slashes into one.
"""

import re
from pathlib import Path
from typing import NamedTuple

from mnist_batch.errors import InputError, OutputError

STORES = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}
"""The stores by the schemes of their addresses."""

_LIKE_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BEGINNING = re.compile(rf"({'|'.join(STORES)})://")
# The names that the three stores give, one grammar for all: they say themselves what is too long.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]+")


Place = Path | str
"""Where a file lies: a path on this machine, or an address as text."""


class ImpossibleNameError(InputError):
    """No object can have the name that an address gives."""


class Address(NamedTuple):
    """Where an object lies, or the objects whose keys begin with a folder's name."""

    scheme: str  # a key of `STORES`
    bucket: str  # the container, in Azure
    key: str  # without a slash at either end; empty for the whole bucket

    def __str__(self) -> str:
        """Return the address as text, a folder's without a slash at its end."""
        return f"{self.scheme}://{self.bucket}/{self.key}".rstrip("/")


def is_remote(place: object) -> bool:
    """Tell whether what names an input or an output is text, and an address of object storage."""
    return isinstance(place, str) and _BEGINNING.match(place) is not None


def looks_like_address(place: object) -> bool:
    """Tell whether what names a place is text that begins as an address does, of any scheme."""
    return isinstance(place, str) and _LIKE_ADDRESS.match(place) is not None


def refuse_unknown(place: str | Path, *more: str) -> None:
    """Refuse text that looks like an address and is of no store: a path would be made of it.

    Args:
        place: what a user names for something that is written.
        more: schemes that are known there too.

    Raises:
        OutputError: it is one.
    """
    known = [*STORES, *more]
    if looks_like_address(place) and str(place).partition("://")[0] not in known:
        names = ", ".join(f"{scheme}://" for scheme in known)
        raise OutputError(
            f"{place}: no such addresses are known; expected {names} or a path of this machine"
        )


def path_here(place: str | Path, what: str) -> Path:
    """Return the path of what is written to this machine alone.

    Raises:
        OutputError: it is an address.
    """
    if looks_like_address(place):
        raise OutputError(f"{place}: {what} written to this machine alone; name a path of it")
    return Path(place)


def place_of(text: str | Path) -> Place:
    """Return what names a file as a path, or as it is where it is an address."""
    return text if isinstance(text, str) and is_remote(text) else Path(text)


def parsed(text: str) -> Address:
    """Return an address in its parts.

    Raises:
        InputError: it names no bucket, holds credentials, or names a version of an object.
        ImpossibleNameError: its key has an empty part or one that is `.` or `..`, which not every
            store takes.
    """
    scheme, _, rest = text.partition("://")
    bucket, _, key = rest.partition("/")
    if "@" in bucket:
        raise InputError(
            f"{scheme}://...@{bucket.rpartition('@')[2]}: an address holds no credentials; "
            "pass them in the environment, and remove what stands before the @"
        )
    if not _NAME.fullmatch(bucket):
        raise InputError(f"{text}: names no bucket; expected {scheme}://BUCKET/KEY")
    plain, version, _ = key.partition("?versionId=")
    if version:
        raise InputError(
            f"{scheme}://{bucket}/{plain}: of an object its newest version is read and no other; "
            "remove ?versionId=, or copy that version to an object of its own"
        )
    key = key.removesuffix("/")
    if key and not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise ImpossibleNameError(
            f"{text}: a part between two slashes is empty, `.` or `..`; name another"
        )
    return Address(scheme, bucket, key)


def joined(folder: str, name: str) -> str:
    """Return the address of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}"


def type_of(address: str) -> str:
    """Return the media type of what an address names, by which browsers open or save it."""
    return _TYPES.get(name_of(address).rpartition(".")[2].lower(), "application/octet-stream")


_TYPES = {
    "css": "text/css",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "xml": "application/xml",
}
"""https://www.iana.org/assignments/media-types/; texts say their encoding themselves."""


def name_of(address: str) -> str:
    """Return the last part of an address, the name of a file or a folder."""
    return address.rstrip("/").rpartition("/")[2]
