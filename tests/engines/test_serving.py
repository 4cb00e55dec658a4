"""What a worker process answers, whatever comes through its pipe."""

import pickle
from multiprocessing.connection import Pipe

import pytest

from mnist_batch.engines import serving
from mnist_batch.errors import InputError


def test_a_pipe_that_is_closed_ends_it_without_a_word() -> None:
    """As where the first process ends before it sends a job."""
    ours, theirs = Pipe()
    ours.close()
    assert list(serving._answers(theirs)) == []


def test_what_is_no_job_is_answered_by_an_exception() -> None:
    """The first process raises it."""
    ours, theirs = Pipe()
    ours.send_bytes(b"no job")
    (answer,) = serving._answers(theirs)
    assert isinstance(answer, pickle.UnpicklingError)


def _raised(error: Exception) -> BaseException:
    """Return what is sent of an exception, as it arrives."""
    try:
        raise error
    except type(error) as raised:
        sent: BaseException = pickle.loads(pickle.dumps(serving._to_send(raised)))
        return sent


def test_an_error_of_the_package_is_sent_as_it_is() -> None:
    """Its message is for the user."""
    sent = _raised(InputError("a.png: no image"))
    assert (type(sent), str(sent)) == (InputError, "a.png: no image")
    assert not hasattr(sent, "__notes__")


@pytest.mark.parametrize("error", [ZeroDivisionError(), type("Odd", (Exception,), {})()])
def test_any_other_says_where_it_was_raised(error: Exception) -> None:
    """One whose type is not known elsewhere is sent as another."""
    sent = _raised(error)
    assert isinstance(sent, (ZeroDivisionError, RuntimeError))
    assert "in _raised" in "".join([str(sent), *getattr(sent, "__notes__", ())])
