"""Whatever goes wrong in reading a model is told in one line that can be printed."""

import pytest

from mnist_batch.errors import MachineError, ModelError
from mnist_batch.models import formats
from mnist_batch.models.formats import SIGNATURES, read_stored_network


@pytest.mark.parametrize("signature", SIGNATURES)
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("two\nlines"), "(two lines)"),
        (OSError("\x1b[2J\udcff"), "(?[2J?)"),
        (RuntimeError("a" * 1000), f"({'a' * 200})"),
    ],
)
def test_any_error_is_one_short_line(
    error: Exception, said: str, signature: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names in a file may be of any characters and length."""

    def reader(_: bytes) -> None:
        raise error

    monkeypatch.setitem(formats._READERS, signature, reader)
    with pytest.raises(ModelError) as caught:
        read_stored_network(signature)
    assert str(caught.value) == f"damaged or incomplete model file {said}; copy or save it anew"


def test_memory_that_runs_out_says_nothing_about_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read for lack of it may be sound."""

    def reader(_: bytes) -> None:
        raise MemoryError

    monkeypatch.setitem(formats._READERS, SIGNATURES[0], reader)
    with pytest.raises(MachineError, match="memory ran out"):
        read_stored_network(SIGNATURES[0])
