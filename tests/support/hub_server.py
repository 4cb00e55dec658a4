"""A Hugging Face hub on this machine, with the part of its protocol that downloads a data set."""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Reply:
    """A reply to a request."""

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes


class HubServer:
    """Serves folders as data sets while its `with` block runs; set HF_ENDPOINT to `url`.

    Attributes:
        url: where it listens, `http://127.0.0.1:PORT`.
        requests: `METHOD /path` of each request so far.
    """

    def __init__(self, datasets: Mapping[str, Path]) -> None:
        """Take the folder of each data set, by `OWNER/NAME`; they are read at each request."""
        self.requests: list[str] = []
        self._datasets = datasets
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                reply = self._reply()
                self.wfile.write(reply.body)

            def do_HEAD(self) -> None:
                self._reply()

            def log_message(self, *_: object) -> None:
                """Write nothing to stderr."""

            def _reply(self) -> Reply:
                path = unquote(urlsplit(self.path).path)
                hub.requests.append(f"{self.command} {path}")
                reply = hub.answer(path)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                return reply

        return Handler

    def answer(self, path: str) -> Reply:
        """Answer a request for `/api/datasets/...` or `/datasets/OWNER/NAME/resolve/...`."""
        parts = path.removeprefix("/api").removeprefix("/datasets").strip("/").split("/")
        dataset, (route, revision, *rest) = "/".join(parts[:2]), [*parts[2:], "", ""][:]
        if dataset not in self._datasets:
            return _not_found("RepoNotFound")
        folder = self._datasets[dataset]
        commit = hashlib.sha1(dataset.encode()).hexdigest()
        if revision not in ("main", commit):
            return _not_found("RevisionNotFound")
        if route == "revision":
            return _json({"id": dataset, "sha": commit, "siblings": []})
        if route == "tree":
            return _json([_entry(folder, file) for file in sorted(folder.rglob("*.*"))])
        file = folder.joinpath(*rest)
        return _file(file, commit) if file.is_file() else _not_found("EntryNotFound")


def _not_found(code: str) -> Reply:
    return Reply(HTTPStatus.NOT_FOUND, {"X-Error-Code": code}, b"")


def _json(content: Any) -> Reply:  # noqa: ANN401 - JSON
    headers = {"Content-Type": "application/json"}
    return Reply(HTTPStatus.OK, headers, json.dumps(content).encode())


def _entry(folder: Path, file: Path) -> dict[str, Any]:
    return {
        "type": "file",
        "path": file.relative_to(folder).as_posix(),
        "size": file.stat().st_size,
        "oid": _git_id(file.read_bytes()),
    }


def _file(file: Path, commit: str) -> Reply:
    content = file.read_bytes()
    headers = {"ETag": f'"{_git_id(content)}"', "X-Repo-Commit": commit}
    return Reply(HTTPStatus.OK, headers, content)


def _git_id(content: bytes) -> str:
    """Return the name that git gives a file, which is what the hub gives as its ETag."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
