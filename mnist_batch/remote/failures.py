"""What object storage answers, told as Python tells it of files, or as a failure of the machine.

What the libraries say of a failed request may hold what signs it, as the address of a request to
Azure does. So no message quotes them: it names the address, the status and the store's own code.
"""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from mnist_batch.errors import MachineError
from mnist_batch.remote.addresses import STORES, ImpossibleNameError

CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""The variables of the environment that a user sets first; there are other ways."""


@contextmanager
def told(address: str) -> Iterator[None]:
    """Translate what requests raise.

    Args:
        address: what is asked for, for messages.

    Raises:
        FileNotFoundError: there is no such object, or no such bucket.
        FileExistsError: an object that was to be created is there already.
        ImpossibleNameError: no object can have the address.
        MachineError: the store cannot be reached or refuses, for want of a permission say.
    """
    from obstore import exceptions  # late: local runs do without

    try:
        yield
    except FileNotFoundError as error:
        what = "no such bucket" if _code(error) in _NO_BUCKET else "no such object"
        raise FileNotFoundError(errno.ENOENT, what, address) from error
    except exceptions.AlreadyExistsError as error:
        raise FileExistsError(errno.EEXIST, "exists already", address) from error
    except exceptions.InvalidPathError as error:
        key = re.search(r'\n\s*path: ("(?:[^"\\]|\\.)*")', str(error))  # with escapes
        raise ImpossibleNameError(
            f"{address}: holds an object whose name has an empty part, `.` or `..`, or a control "
            f"character{f', {key[1]}' if key else ''}; rename or delete it"
        ) from error
    except ValueError as error:
        raise ImpossibleNameError(
            f"{address}: no object can have this name; name another"
        ) from error
    except exceptions.BaseError as error:
        if _code(error) in _NO_BUCKET:
            raise FileNotFoundError(errno.ENOENT, "no such bucket", address) from error
        raise _of_machine(error, address) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of pyo3, which cannot be imported
            raise
        raise MachineError(
            f"{address}: obstore failed within; nothing is wrong with the data; check the "
            "variables that name the store and its credentials, and run again"
        ) from error


_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_REFUSED = {"401", "403"}
_EXPIRED = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
"""https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


def _of_machine(error: Exception, address: str) -> MachineError:
    """Return the failure of the machine that a failed request is, in one line."""
    scheme = address.partition(":")[0]
    signs, status, code = _signs(error), _status(error), _code(error)
    found = " ".join(filter(None, (status, code)))
    if _NO_CREDENTIALS.search(signs):
        what, remedy = "no credentials are found", f"set {CREDENTIALS[scheme]}"
    elif code in _EXPIRED:
        what, remedy = "the credentials have expired", "get new ones"
    elif status[:3] in _REFUSED:
        what, remedy = "access is refused", f"check {CREDENTIALS[scheme]}, and what they permit"
    elif "inner: BareRedirect" in signs or code == "AuthorizationHeaderMalformed":
        what, remedy = _ELSEWHERE[scheme]
    elif status[:3] == "400" and not code and scheme == "s3":  # a HEAD's, which has no code
        what = "the request is refused"
        remedy = f"check that {CREDENTIALS[scheme]} have not expired, and AWS_REGION"
    else:
        what = f"{STORES[scheme]} cannot be reached" if not status else "the request failed"
        remedy = "see to it that the store can be reached, and run again"
        found = found or next((words for sign, words in _CAUSES.items() if sign in signs), "")
    shown = f" ({found})" if found else ""
    return MachineError(f"{address}: {what}{shown}; nothing is wrong with the data; {remedy}")


_ELSEWHERE = {
    "s3": ("the bucket lies in another region", "set AWS_REGION to it"),
    "gs": ("the server sends the request elsewhere", "check GOOGLE_BASE_URL"),
    "az": ("the server sends the request elsewhere", "check AZURE_STORAGE_ENDPOINT"),
}
"""What a redirect without a place means, and what to do."""

_NO_CREDENTIALS = re.compile(r"^ *source: (TokenRequest|MissingAccount|\w*Credential)", re.M)
"""What the library says where it finds none, or cannot get them from a cloud's machine."""

_OF_MACHINE = re.compile(r"^ *http://(169\.254\.169\.254|\[fd00:ec2::254\])/.*$", re.M)
"""The request for the credentials that a machine has in its cloud."""

_ADDRESSES = re.compile(r"^ *(path: |url: |https?://).*\n", re.M)


def _signs(error: Exception) -> str:
    """Return the library's own structures in an error, without the address that was asked for.

    What it says in words has the address between, in which any word may stand.
    """
    structures = str(error).partition("\n\nDebug source:\n")[2]
    structures = _OF_MACHINE.sub("source: TokenRequest", structures)
    return _ADDRESSES.sub("", structures)


_CAUSES = {
    "dns error": "no such host",
    "ConnectionRefused": "connection refused",
    "ConnectionReset": "connection reset",
    "BadScheme": "the endpoint is no http:// or https:// address",
    "TimedOut": "timed out",
    "kind: Timeout": "timed out",
    "IncompleteMessage": "the connection was closed",
}
"""What the libraries say of connections, and what it means."""


def is_broken(error: MachineError) -> bool:
    """Tell whether a connection broke within a request that obstore has not repeated."""
    text = str(error.__cause__)
    is_cut = "error sending request" in text or "body error" in text
    return is_cut and not re.search(r"after \d+ retries", text)


def _status(error: Exception) -> str:
    """Return the status of HTTP in an error, as `403 Forbidden`; empty where there is none."""
    found = re.search(r"non-2xx status code: (\d{3}(?: [A-Z][A-Za-z' -]*)?)", str(error))
    return found[1].strip() if found else ""


def _code(error: Exception) -> str:
    """Return the code in a store's answer, as `NoSuchKey`; empty where there is none."""
    found = re.search(r"<Code>(\w{1,64})</Code>", str(error))
    return found[1] if found else ""
