"""A proxy on this machine, between a client and a server of HTTP, that counts and does harm.

It forwards whole requests. What harm it does to one is decided by a function, which tests give.
"""

import http.client
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Request:
    """A request of the client.

    Attributes:
        method: as `GET`.
        path: decoded, with its first slash and without the query.
        query: as it was sent.
        headers: by names in small letters.
        size: bytes of its body.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    size: int


@dataclass(frozen=True)
class Fault:
    """What is done to a request; the server sees it unless `status` or `is_refused`.

    Attributes:
        delay_s: waited before anything else.
        status: the reply, in the server's place, 500 or 503.
        is_refused: the connection is reset before the server sees the request.
        reset_after: bytes of the reply's body after which the connection is reset; 0 loses the
            whole reply to a request that the server has carried out.
    """

    delay_s: float = 0
    status: int | None = None
    is_refused: bool = False
    reset_after: int | None = None


Faults = Callable[[Request], Fault | None]
"""Says what is done to a request; None for nothing. It is called in the thread of a connection."""


def first(count: int, fault: Fault, method: str = "", part: str = "") -> Faults:
    """Return what does harm to the first requests of a method whose path has `part`, each path."""
    seen: Counter[tuple[str, str, str]] = Counter()
    lock = threading.Lock()

    def choose(request: Request) -> Fault | None:
        if not request.method.startswith(method) or part not in request.path:
            return None
        # An upload in parts that begins anew has another number, and asks for the same.
        asked = request.method, request.path, re.sub("uploadId=[^&]*", "", request.query)
        with lock:
            seen[asked] += 1
            return fault if seen[asked] <= count else None

    return choose


def always(fault: Fault, method: str = "", part: str = "") -> Faults:
    """Return what does harm to each request of a method whose path has `part`."""
    return lambda request: (
        fault if request.method.startswith(method) and part in request.path else None
    )


@dataclass
class FaultProxy:
    """Forwards to a server while its `with` block runs.

    Attributes:
        server: where that listens, `http://127.0.0.1:PORT`.
        faults: may be set anew at any time; None for none.
        renamed: names of headers of requests, in small letters, that the server knows by other
            names, with the value there where it is another one.
        requests: those that came so far.
        url: where the proxy listens.
    """

    server: str
    faults: Faults | None = None
    renamed: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Choose a free port of loopback."""
        self._listening = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._listening.server_port}"

    def __enter__(self) -> Self:
        # It looks so often, in seconds, whether it is to end.
        threading.Thread(target=self._listening.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown()
        self._listening.server_close()

    def counted(self) -> Counter[str]:
        """Return how many requests of each method came."""
        return Counter(request.method for request in self.requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a client may hold its connection open to the end
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Write nothing to stderr: clients go as they like."""


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    server = urlsplit(proxy.server).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # which keeps connections, as storage does
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None:
            """Write nothing to stderr."""

        def _forward(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): text for name, text in self.headers.items()}
            request = Request(self.command, unquote(path), query, headers, len(body))
            proxy.requests.append(request)
            fault = (proxy.faults(request) if proxy.faults else None) or Fault()
            time.sleep(fault.delay_s)
            if fault.is_refused:
                self._reset()
            elif fault.status:
                self._reply(fault.status, (), b"")
            else:
                self._reply(*self._asked(headers, body), reset_after=fault.reset_after)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _forward  # noqa: N815 - http.server's names

        def _asked(
            self, headers: Mapping[str, str], body: bytes
        ) -> tuple[int, Iterable[tuple[str, str]], bytes]:
            """Return what the server replies: status, headers and body."""
            connection = http.client.HTTPConnection(server, timeout=60)
            try:
                sent = dict(_renamed(headers, proxy.renamed))
                connection.request(self.command, self.path, body, sent)
                reply = connection.getresponse()
                return reply.status, reply.getheaders(), reply.read()
            finally:
                connection.close()

        def _reply(
            self,
            status: int,
            headers: Iterable[tuple[str, str]],
            body: bytes,
            *,
            reset_after: int | None = None,
        ) -> None:
            if reset_after == 0:
                self._reset()
                return
            self.send_response_only(status)
            size = str(len(body))
            for name, text in headers:
                if name.lower() == "content-length" and self.command == "HEAD":
                    size = text  # of the object, which does not follow
                elif name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, text)
            if status >= 200 and status != 204:
                self.send_header("Content-Length", size)
            self.end_headers()
            self.wfile.write(body[:reset_after])
            if reset_after is not None:
                self._reset()

        def _reset(self) -> None:
            """End the connection with RST, as closing with a linger of 0 s does (socket(7))."""
            self.wfile.flush()
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()  # which would keep the socket open
            self.connection.close()

    return Handler


def _renamed(
    headers: Mapping[str, str], names: Mapping[str, tuple[str, str | None]]
) -> Iterable[tuple[str, str]]:
    for name, text in headers.items():
        other, value = names.get(name, (name, None))
        yield other, text if value is None else value
