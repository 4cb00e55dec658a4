"""Objects of object storage: listed, read, written, copied and deleted, by their addresses.

Every function raises what `failures.told` lists: Python's errors of files for what is not there or
is there already, and a `MachineError` for what the network or the credentials refuse.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from mnist_batch.machine.failures import ReplacedError
from mnist_batch.remote.addresses import parsed, type_of
from mnist_batch.remote.attempts import asked
from mnist_batch.remote.stores import store_of

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta, PutMode


class RemoteObject(NamedTuple):
    """An object, and what tells it from another of its name."""

    address: str
    size: int  # bytes
    etag: str  # changes with the content; empty where a store gives none


def stat(address: str) -> RemoteObject:
    """Return what is known of an object, by one request."""
    place = parsed(address)
    store = store_of(place)
    import obstore  # late: local runs do without

    found = asked(address, lambda: obstore.head(store, place.key))
    return RemoteObject(address, found["size"], found["e_tag"] or "")


def stat_or_none(address: str) -> RemoteObject:
    """Do what `stat` does; an object that is not there has -1 bytes."""
    try:
        return stat(address)
    except FileNotFoundError:
        return RemoteObject(address, -1, "")


def is_there(address: str) -> bool:
    """Tell whether there is an object of an address."""
    return stat_or_none(address).size >= 0


def listed(folder: str) -> Iterator[RemoteObject]:
    """Yield the objects in a folder and in folders below, in byte order of their keys.

    One request lists 1,000. The mark of the folder itself is left out, an object that consoles make
    with its key and a slash. Those of folders below are yielded without their slash, which the
    listing loses.
    """
    place = parsed(folder)
    store = store_of(place)
    import obstore  # late: local runs do without

    start = f"{place.scheme}://{place.bucket}/"
    pages = obstore.list(store, place.key or None)
    last: str | None = None

    def next_page() -> "Sequence[ObjectMeta] | None":
        nonlocal pages
        try:
            return next(pages, None)
        except obstore.exceptions.BaseError:
            pages = obstore.list(store, place.key or None, offset=last)  # for the next attempt
            raise

    while found := asked(folder, next_page):
        for one in found:
            if one["path"] == place.key:
                continue
            yield RemoteObject(start + one["path"], one["size"], one["e_tag"] or "")
        last = found[-1]["path"]


def listed_here(folder: str) -> list[RemoteObject]:
    """Return the objects right in a folder, without its mark, as of `listed`."""
    place = parsed(folder)
    store = store_of(place)
    import obstore  # late: local runs do without

    start = f"{place.scheme}://{place.bucket}/"
    found = asked(folder, lambda: obstore.list_with_delimiter(store, place.key or None))
    return [
        RemoteObject(start + one["path"], one["size"], one["e_tag"] or "")
        for one in found["objects"]
        if one["path"] != place.key
    ]


SPAN = 2**23
"""Bytes of one request's answer, at most: 8 MiB pass in a minute at 1.2 Mbit/s."""


def read(address: str, etag: str = "", span: tuple[int, int] | None = None) -> bytes:
    """Return the content of an object, or a span of it, by a request for each 8 MiB.

    Args:
        address: the object.
        etag: what it has to be still; empty for whatever it is.
        span: the first byte and the one behind the last; None for all.

    Raises:
        ReplacedError: it is another by now.
    """
    place = parsed(address)
    store = store_of(place)
    import obstore  # late: local runs do without

    options: GetOptions = {"if_match": etag} if etag else {}
    if span is not None:
        options["range"] = span

    def ask() -> "bytes | ObjectMeta":
        try:
            reply = obstore.get(store, place.key, options=options)
        except obstore.exceptions.PreconditionError as error:
            if not etag:
                raise
            raise ReplacedError("replaced after it was listed") from error
        first, last = reply.range
        # What the head of a reply says comes before its content, which may be left there.
        return reply.meta if last - first > SPAN else reply.bytes().to_bytes()

    found = asked(address, ask)
    if isinstance(found, bytes):
        return found
    first, last = span or (0, found["size"])
    starts = range(first, min(last, found["size"]), SPAN)
    spans = [(start, min(start + SPAN, last)) for start in starts]
    return b"".join(read(address, etag or found["e_tag"] or "", one) for one in spans)


def read_ranges(address: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Return ranges of an object's bytes, each `(start, stop)`, requested at once.

    Ranges that nearly touch are requested together. One that ends behind the object is cut.
    """
    if not ranges:
        return []
    place = parsed(address)
    store = store_of(place)
    import obstore  # late: local runs do without

    starts, stops = zip(*ranges, strict=True)
    found = asked(address, lambda: obstore.get_ranges(store, place.key, starts=starts, ends=stops))
    return [content.to_bytes() for content in found]


def put(address: str, content: bytes, *, create: bool = False) -> None:
    """Write a small object, by one request: it is there whole or not at all.

    Args:
        address: the object.
        content: what it will hold.
        create: whether it must not be there yet; of several that create it one wins. Where it is
            there with the same content, an answer may have been lost, and it counts as created.

    Raises:
        FileExistsError: it was to be created, and is there with another content.
    """
    place = parsed(address)
    store = store_of(place)
    import obstore  # late: local runs do without

    mode: PutMode = "create" if create else "overwrite"
    try:
        asked(
            address,
            lambda: obstore.put(
                *(store, place.key, content),
                mode=mode,
                use_multipart=False,
                attributes={"Content-Type": type_of(address)},
            ),
        )
    except FileExistsError:
        if read(address) != content:
            raise


def copy(source: str, target: str) -> None:
    """Copy an object within its bucket, by the store itself; a target is replaced."""
    start, end = parsed(source), parsed(target)
    store = store_of(start)
    import obstore  # late: local runs do without

    asked(source, lambda: obstore.copy(store, start.key, end.key))


def delete(addresses: Iterable[str]) -> None:
    """Delete objects of one bucket, 1,000 a request; those that are not there are no error."""
    places = [parsed(address) for address in addresses]
    if not places:
        return
    store = store_of(places[0])
    import obstore  # late: local runs do without

    keys = [place.key for place in places]
    address = str(places[0])
    try:
        asked(address, lambda: obstore.delete(store, keys))
    except FileNotFoundError:  # Azure and Google say so, and may leave the others
        for key in keys:
            with suppress(FileNotFoundError):
                asked(address, lambda: obstore.delete(store, key))  # noqa: B023 - called at once
