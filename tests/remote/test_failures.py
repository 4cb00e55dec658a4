"""What object storage answers, in the words of this package."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mnist_batch.errors import InputError, MachineError
from mnist_batch.remote import objects
from mnist_batch.remote.failures import told
from tests.support.s3_server import SECRET_KEY, Bucket, environment_of


def test_a_server_that_is_not_there_is_a_failure_of_the_machine(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the attempts that AWS_MAX_ATTEMPTS allows there is one line, without a secret."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(MachineError) as raised:
        objects.read(f"{bucket.url}/a")
    assert str(raised.value) == (
        f"{bucket.url}/a: S3 cannot be reached (connection refused); nothing is wrong with the "
        "data; see to it that the store can be reached, and run again"
    )
    assert SECRET_KEY not in str(raised.value)


def test_a_panic_of_the_library_is_a_failure_of_the_machine() -> None:
    """Which Python sees as no `Exception`; pyo3 makes its type where nothing can import it."""
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    said = "s3://digits/a: obstore failed within"
    with pytest.raises(MachineError, match=said), told("s3://digits/a"):
        raise panic("called `Result::unwrap()` on an `Err` value")
    with pytest.raises(KeyboardInterrupt), told("s3://digits/a"):
        raise KeyboardInterrupt


def test_a_bucket_that_is_not_there_is_missing(bucket: Bucket) -> None:
    """Listing and reading say that there is no such bucket."""
    for ask in (objects.read, lambda address: [*objects.listed(address)]):
        with pytest.raises(FileNotFoundError, match="no such bucket"):
            ask(f"{bucket.url}-other/a")


@pytest.fixture
def replied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], None]]:
    """Start a server of all stores; what is returned takes the status and body that it replies."""
    reply = [(200, "")]

    class Replies(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = reply[-1]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_HEAD = do_GET  # noqa: N815 - the name that the base class calls

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Replies) as server:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        others = {
            "GOOGLE_BASE_URL": endpoint,
            "GOOGLE_BEARER_TOKEN": "any",
            "AZURE_STORAGE_ENDPOINT": endpoint,
            "AZURE_STORAGE_ACCOUNT_NAME": "any",
            "AZURE_STORAGE_ACCOUNT_KEY": "YW55",
        }
        for name, value in (environment_of(endpoint) | others | {"AWS_MAX_ATTEMPTS": "1"}).items():
            monkeypatch.setenv(name, value)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield lambda status, body: reply.append((status, body))
        server.shutdown()
        thread.join()


def _coded(code: str) -> str:
    return f"<Error><Code>{code}</Code></Error>"


@pytest.mark.parametrize(
    ("scheme", "status", "body", "said"),
    [
        ("s3", 401, "", "access is refused (401 Unauthorized)"),
        ("s3", 403, _coded("AccessDenied"), "access is refused (403 Forbidden AccessDenied)"),
        ("s3", 301, _coded("PermanentRedirect"), "lies in another region"),
        ("s3", 301, _coded("PermanentRedirect"), "set AWS_REGION"),
        ("s3", 400, _coded("AuthorizationHeaderMalformed"), "lies in another region"),
        ("s3", 400, _coded("ExpiredToken"), "have expired (400 Bad Request ExpiredToken)"),
        ("s3", 403, _coded("InvalidToken"), "the credentials have expired"),
        ("s3", 503, "", "the request failed (503 Service Unavailable)"),
        ("gs", 301, "", "check GOOGLE_BASE_URL"),
        ("az", 301, "", "check AZURE_STORAGE_ENDPOINT"),
        ("gs", 401, "", "access is refused (401 Unauthorized)"),
    ],
)
def test_the_status_and_the_code_say_the_cause(
    replied: Callable[[int, str], None], scheme: str, status: int, body: str, said: str
) -> None:
    """Words in the address say nothing, nor do those in which the library puts the status."""
    replied(status, body)
    with pytest.raises(MachineError) as raised:
        objects.read(f"{scheme}://credentials/TimedOut/TokenRequest")
    assert said in str(raised.value)
    assert "no credentials" not in str(raised.value)


def test_a_reply_without_a_code_says_what_its_status_may_mean(
    replied: Callable[[int, str], None],
) -> None:
    """A HEAD's has none: of an expired token, say, S3 tells 400 alone."""
    replied(400, "")
    with pytest.raises(MachineError, match="have not expired, and AWS_REGION"):
        objects.stat("s3://credentials/a")
    replied(401, "")
    with pytest.raises(MachineError, match="access is refused"):
        objects.stat("s3://credentials/a")


def test_an_object_that_cannot_be_named_is_named_with_escapes(
    replied: Callable[[int, str], None],
) -> None:
    """In one line, whatever is in its key."""
    replied(
        200,
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a/x&#9;y&#10;.png</Key>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>x</ETag><Size>1</Size>"
        "</Contents></ListBucketResult>",
    )
    with pytest.raises(InputError) as raised:
        [*objects.listed("s3://digits/a")]
    assert str(raised.value) == (
        "s3://digits/a: holds an object whose name has an empty part, `.` or `..`, or a control "
        r'character, "a/x\ty\n.png"; rename or delete it'
    )
