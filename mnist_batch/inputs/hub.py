"""Download data sets of the Hugging Face hub once, then read them from the cache.

`huggingface_hub` does the work and keeps its own settings: HF_HOME names the cache, HF_TOKEN lets
private data sets in, HF_ENDPOINT names another hub, HF_HUB_OFFLINE=1 forbids the network.

It names files of its cache by what the hub replies: commits, hashes of files, ETags. A reply is
refused where one of these is none, since it could lead out of the cache.
"""

import contextlib
import glob
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mnist_batch.errors import InputError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS
from mnist_batch.machine import extras
from mnist_batch.schema import shortened

# The grammar of `hf://` is https://huggingface.co/docs/huggingface_hub/package_reference/hf_uris;
# two kinds of revision hold a slash, any other one is written with %2F.
_URI = re.compile(
    r"hf://datasets/(?P<dataset>[\w.-]+/[\w.-]+)"
    r"(?:@(?P<revision>refs/(?:convert/[\w.-]+|pr/\d+)|[^/@]+))?"
    r"(?:/(?P<path>.*))?"
)
_INSTEAD = "or pass local files (INPUT, or --data for training): a folder or FILE.parquet"


@dataclass(frozen=True)
class Location:
    """A place in a data set on the hub."""

    uri: str  # as the user wrote it
    dataset: str  # `OWNER/NAME`
    revision: str  # a branch, tag or commit
    path: str  # a file or folder in the data set; empty for all of it

    def patterns(self) -> list[str]:
        """Return which files to download; `*` matches across folders in huggingface_hub.

        With the Parquet files of a folder comes what tells that a packed folder is whole.
        """
        if self.path.lower().endswith(".parquet"):
            return [glob.escape(self.path)]
        folder = glob.escape(self.path)
        return [f"{folder}/{name}".lstrip("/") for name in ("*.parquet", MANIFEST, SUCCESS)]


def local_copy(uri: str) -> Path:
    """Return where the Parquet files of a data set on the hub lie on this machine.

    Parquet files that are not in the cache are downloaded, and with them nothing but the manifest
    and the mark of a folder of parts. Where the hub does not
    answer, the cache is used as it is.

    Args:
        uri: `hf://datasets/OWNER/NAME[@REVISION][/PATH]`; PATH is a file or a folder.

    Returns:
        The file, where PATH ends in `.parquet`, or else the folder that holds the files.

    Raises:
        InputError: the URI is malformed, there is no such data set, revision or file, or it can
            be neither reached nor found in the cache.
        MissingExtraError: huggingface_hub is not installed.
    """
    location = parsed(uri)
    extras.require(uri, extras.HUB)
    try:
        with quiet(), replies_checked():
            path = Path(_download(location)) / location.path
        if path.is_file() or any(path.rglob("*.parquet")):
            return path
    except OddReplyError as error:
        raise InputError(
            f"{uri}: the hub's reply {error}, so nothing was read; check HF_ENDPOINT, {_INSTEAD}"
        ) from error
    except OSError as error:  # as where PATH is too long for a name
        raise InputError(f"{uri}: cannot be read from the cache: {error.strerror}") from error
    raise InputError(f"{uri}: no Parquet files there; check the path, {_INSTEAD}")


def parsed(uri: str) -> Location:
    """Return the parts of an address.

    Raises:
        InputError: it is malformed.
    """
    match = _URI.fullmatch(uri)
    path = (match["path"] or "").strip("/") if match else ""
    revision = unquote(match["revision"] or "main") if match else ""
    if match is None or ".." in [*path.split("/"), *revision.split("/")] or "\0" in path + revision:
        raise InputError(
            f"{uri}: expected hf://datasets/OWNER/NAME[@REVISION][/PATH], such as "
            "hf://datasets/ylecun/mnist"
        )
    return Location(uri, match["dataset"], revision, path)


def _download(location: Location) -> str:
    """Return the folder of the snapshot in the cache, downloaded where necessary."""
    # It takes 0.3 s to import, and only INPUTs on the hub need it.
    from huggingface_hub import constants, snapshot_download

    unreachable = _why_unreachable(location)
    try:
        folder: str = snapshot_download(
            location.dataset,
            repo_type="dataset",
            revision=location.revision,
            allow_patterns=location.patterns(),
            local_files_only=unreachable is not None,
        )
    except OddReplyError:
        raise
    except Exception as error:  # noqa: BLE001 - the types of HTTP errors differ between releases
        if unreachable is None:
            why = f"download failed: {cause(error)}; try again"
        elif constants.HF_HUB_OFFLINE:
            why = "not in the cache, and HF_HUB_OFFLINE forbids the network; unset it"
        else:
            why = (
                f"not in the cache, and {constants.ENDPOINT} cannot be reached "
                f"({cause(unreachable)}); connect to the network"
            )
        raise InputError(f"{location.uri}: {why}, {_INSTEAD}") from (unreachable or error)
    return folder


def _why_unreachable(location: Location) -> Exception | None:
    """Return None if the hub knows the data set, or else why it did not answer.

    `snapshot_download` of huggingface_hub 2.4 asks without a time limit, and up to six times for a
    commit: where packets are dropped it would hang for minutes. So this asks first.

    Raises:
        InputError: the hub answered that there is no such data set or revision.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import (
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        HfApi().dataset_info(
            location.dataset, revision=location.revision, timeout=constants.HF_HUB_ETAG_TIMEOUT
        )
    except OddReplyError:
        raise
    except HFValidationError as error:
        raise InputError(f"{location.uri}: {cause(error)}") from error
    except RevisionNotFoundError as error:
        raise InputError(
            f"{location.uri}: the data set has no revision {location.revision!r}; "
            "name a branch, tag or commit of it"
        ) from error
    except RepositoryNotFoundError as error:
        raise InputError(
            f"{location.uri}: no such data set on {constants.ENDPOINT}, or one that needs a token "
            f"(HF_TOKEN); check the name, {_INSTEAD}"
        ) from error
    except Exception as error:  # noqa: BLE001 - see `_download`
        return error
    return None


def cause(error: Exception) -> str:
    """Return the first line of an error, in short."""
    lines = str(error).strip().splitlines()
    # Some of it is the hub's own words.
    return shortened(lines[0], 200) if lines else type(error).__name__


class OddReplyError(Exception):
    """A reply of the hub with a name that is none; the text says what the reply does."""


@contextlib.contextmanager
def replies_checked() -> Iterator[None]:
    """Refuse replies of the hub whose names could lead out of the cache."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    # Nothing public of 2.4 tells the factory, and it makes a new client after some errors.
    factory = _http._GLOBAL_CLIENT_FACTORY
    set_client_factory(lambda: _checking(factory()))
    try:
        yield
    finally:
        set_client_factory(factory)


def _checking(client: Any) -> Any:  # noqa: ANN401 - of an HTTP library that differs between releases
    """Return an HTTP client that raises `OddReplyError` before anyone sees an odd reply."""
    send: Callable[..., Any] = client.send

    def checked(request: Any, *, stream: bool = False, **options: Any) -> Any:  # noqa: ANN401
        reply = send(request, stream=stream, **options)
        _check_headers(request.method, reply.headers)
        if not stream:  # no bytes of a file
            _check_content(reply.content)
        return reply

    client.send = checked
    return client


# Git's, and SHA-256 of large files. An ETag is one of these, or a word of the storage behind.
_COMMIT, _HASH = re.compile("[0-9a-f]{40}"), re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_ETAG = re.compile(r'(W/)?"?[\w+=-][\w.+=-]{0,127}"?', re.ASCII)


def _check_headers(method: str, headers: Any) -> None:  # noqa: ANN401 - see `_checking`
    """Refuse a reply whose headers name no commit, or for a file no ETag that can be a name."""
    commit = headers.get("X-Repo-Commit")
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise OddReplyError(f"names the commit {shortened(repr(commit))}, which is no hash")
    etag = headers.get("X-Linked-ETag") or headers.get("ETag")
    # HEAD asks what a file is called; elsewhere an ETag names nothing.
    if method == "HEAD" and etag is not None and not _ETAG.fullmatch(etag):
        raise OddReplyError(f"names a file {shortened(repr(etag))}, which is no ETag")


def _check_content(content: bytes) -> None:
    """Refuse JSON with an odd object at any depth, or nested too deeply to be looked through."""
    try:
        unchecked = [json.loads(content)]
    except ValueError:  # not JSON
        return
    except RecursionError as error:
        # Where huggingface_hub reads it, the stack is less deep, and may have room for it.
        raise OddReplyError("is nested too deeply") from error
    while unchecked:
        found = unchecked.pop()
        if isinstance(found, dict):
            _check_object(found)
            unchecked += found.values()
        elif isinstance(found, list):
            unchecked += found


def _check_object(found: dict[str, Any]) -> None:
    """Refuse an object of a reply that names no commit or no hash of a file."""
    if "id" in found and not _COMMIT.fullmatch(str(found.get("sha", "0" * 40))):
        raise OddReplyError(f"names the commit {shortened(repr(found['sha']))}, which is no hash")
    if not _HASH.fullmatch(str(found.get("oid", "0" * 40))):
        raise OddReplyError(f"names the file {shortened(repr(found['oid']))}, which is no hash")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep huggingface_hub from writing to stderr: bars, log messages, warnings."""
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    level, had_bars = hub_logging.get_verbosity(), not are_progress_bars_disabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hub_logging.set_verbosity(logging.CRITICAL)
        disable_progress_bars()
        try:
            yield
        finally:
            hub_logging.set_verbosity(level)
            if had_bars:
                enable_progress_bars()
