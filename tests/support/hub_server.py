"""A Hugging Face hub on this machine, with the part of its protocol that data sets need."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
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

            def do_POST(self) -> None:
                reply = self._reply()
                self.wfile.write(reply.body)

            do_PUT = do_POST  # noqa: N815 - http.server's name

            def do_HEAD(self) -> None:
                self._reply()

            def log_message(self, *_: object) -> None:
                """Write nothing to stderr."""

            def _reply(self) -> Reply:
                path = unquote(urlsplit(self.path).path)
                hub.requests.append(f"{self.command} {path}")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b"".join(_chunks(self.rfile))
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                reply = hub.written(path, body, token) or hub.answer(path)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                return reply

        return Handler

    def commit_of(self, dataset: str) -> str:
        """Return the commit that a data set is at."""
        return hashlib.sha1(dataset.encode()).hexdigest()

    def written(self, path: str, body: bytes, token: str) -> Reply | None:
        """Answer a request that is about writing; None for any other one."""
        del path, body, token
        return None

    def answer(self, path: str) -> Reply:
        """Answer a request for `/api/datasets/...` or `/datasets/OWNER/NAME/resolve/...`."""
        parts = path.removeprefix("/api").removeprefix("/datasets").strip("/").split("/")
        dataset, (route, revision, *rest) = "/".join(parts[:2]), [*parts[2:], "", ""][:]
        if dataset not in self._datasets:
            return _not_found("RepoNotFound")
        folder = self._datasets[dataset]
        commit = self.commit_of(dataset)
        if revision not in ("main", commit):
            return _not_found("RevisionNotFound")
        if route == "revision":
            return _json({"id": dataset, "sha": commit, "siblings": []})
        if route == "tree":
            there = folder.joinpath(*rest)
            if not there.is_dir():
                return _not_found("EntryNotFound")
            files = (file for file in sorted(there.rglob("*")) if file.is_file())
            return _json([_entry(folder, file) for file in files])
        file = folder.joinpath(*rest)
        return _file(file, commit) if file.is_file() else _not_found("EntryNotFound")


def _chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    """Yield the chunks of a body, https://www.rfc-editor.org/rfc/rfc9112#section-7.1."""
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


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


class WritableHub(HubServer):
    """A hub with one data set, into which one token may write.

    Attributes:
        commits: what each commit so far said of itself, and the names of its files.
        before_commit: called when a commit comes, before it is looked at.
    """

    TOKEN = "hf_tokenOfATest"

    def __init__(self, dataset: str, folder: Path) -> None:
        """Keep the files of a data set in a folder."""
        super().__init__({dataset: folder})
        self.commits: list[tuple[str, list[str]]] = []
        self.before_commit: Callable[[], None] = lambda: None
        self._dataset, self._folder = dataset, folder
        self._large: dict[str, bytes] = {}

    def commit_of(self, dataset: str) -> str:
        """Return another commit after each one that was made."""
        return hashlib.sha1(f"{dataset} {len(self.commits)}".encode()).hexdigest()

    def written(self, path: str, body: bytes, token: str) -> Reply | None:
        """Answer as the hub does: which way files go, large ones by LFS, and one commit of all."""
        if path.startswith("/upload/"):
            self._large[path.removeprefix("/upload/")] = body
            return _json({})
        route = path.removeprefix("/api").removeprefix(f"/datasets/{self._dataset}").lstrip("/.")
        if not route.startswith(("auth-check", "preupload", "git/info/lfs", "commit")):
            return None
        if token != self.TOKEN:
            return Reply(HTTPStatus.FORBIDDEN, {}, b"")
        if route.startswith("auth-check"):
            return _json({})
        if route.startswith("preupload"):
            return _json({"files": [_way(file["path"]) for file in json.loads(body)["files"]]})
        if route.startswith("git"):
            return _json(
                {"transfer": "basic", "objects": [*map(self._uploads, json.loads(body)["objects"])]}
            )
        return self._committed([json.loads(line) for line in body.splitlines()])

    def _uploads(self, found: dict[str, Any]) -> dict[str, Any]:
        return {**found, "actions": {"upload": {"href": f"{self.url}/upload/{found['oid']}"}}}

    def _committed(self, lines: list[dict[str, Any]]) -> Reply:
        """Make a commit of what the lines say, where its parent is the newest one.

        https://huggingface.co/docs/hub/api: a line each for header, files and deleted files.
        """
        self.before_commit()
        header, *changes = lines
        if header["value"]["parentCommit"] != self.commit_of(self._dataset):
            return Reply(HTTPStatus.PRECONDITION_FAILED, {}, b"")
        for change in changes:
            value = change["value"]
            file = self._folder / value["path"]
            if change["key"] == "deletedFile":
                file.unlink()
                continue
            if change["key"] == "lfsFile":
                content = self._large[value["oid"]]
                assert hashlib.sha256(content).hexdigest() == value["oid"]
            else:
                content = base64.b64decode(value["content"])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        self.commits.append(
            (header["value"]["summary"], [change["value"]["path"] for change in changes])
        )
        commit = self.commit_of(self._dataset)
        url = f"{self.url}/datasets/{self._dataset}/commit/{commit}"
        return _json({"success": True, "commitOid": commit, "commitUrl": url})


def _way(path: str) -> dict[str, Any]:
    return {
        "path": path,
        "uploadMode": "lfs" if path.endswith(".parquet") else "regular",
        "shouldIgnore": False,
    }
