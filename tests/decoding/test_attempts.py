"""A picture that fails is tried again alone, before its failure counts against it."""

import io
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from PIL import Image

from mnist_batch.decoding.attempts import again_alone, room_for
from mnist_batch.errors import MachineError
from mnist_batch.machine.memory import reserve

PATIENCE_S = 60


def _fails(error: Exception) -> Callable[[], str]:
    def work() -> str:
        raise error

    return work


def test_what_works_alone_was_not_the_pictures() -> None:
    """The failure of the first time is forgotten."""
    assert again_alone(lambda: "read", 100, str) == "read"


def test_what_fails_alone_with_memory_to_spare_is_the_pictures() -> None:
    """Its reason is what the last attempt raised."""
    assert again_alone(_fails(OSError("broken data stream")), 100, str) == "broken data stream"


def test_a_picture_that_wants_more_than_any_may_take_is_too_large() -> None:
    """It would want it on each machine; so it is no failure of this one."""
    said = again_alone(lambda: str(bytearray(2**60)), 100, str)
    assert said.startswith("too large: it takes more than ")


def test_a_library_that_cannot_be_loaded_is_never_a_pictures() -> None:
    """An import fails the same however often it is tried."""
    with pytest.raises(MachineError, match=r"^a library cannot be loaded \(no libGL"):
        again_alone(_fails(ImportError("no libGL")), 100, str)


def test_what_is_told_of_the_machine_stays_so() -> None:
    """A library may want more memory to be loaded than the picture may take."""
    told = MachineError("OpenCV: memory ran out")
    told.__cause__ = MemoryError()
    with pytest.raises(MachineError, match=r"^OpenCV: memory ran out$"):
        again_alone(_fails(told), 100, str)


def test_it_waits_until_no_other_thread_works_on_a_large_picture() -> None:
    """What these hold is what may have been lacking."""
    holding, tried = threading.Event(), threading.Event()
    seen: list[bool] = []

    def hold() -> None:
        with reserve(1):
            holding.set()
            seen.append(tried.wait(0.2))

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(PATIENCE_S)
    again_alone(tried.set, 100, str)
    thread.join(PATIENCE_S)
    assert seen == [False]


_UNDER_A_LIMIT = """
import resource, sys
from mnist_batch.decoding.attempts import again_alone
from mnist_batch.errors import MachineError
size = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1])
limit = size * 1024 + 2**28
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
def work():
    raise OSError("broken data stream")
for size in (1_000, 2**29):
    try:
        print(again_alone(work, size, str))
    except MachineError as error:
        print("machine:", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads its own size as Linux tells it")
def test_what_fails_alone_without_memory_to_spare_is_the_machines() -> None:
    """Whatever was raised: a decoder in C says `broken data stream` for a lack of memory too.

    With 256 MB left, a picture that may take 512 MB has not enough.
    """
    ended = subprocess.run(
        [sys.executable, "-c", _UNDER_A_LIMIT], capture_output=True, text=True, check=True
    )
    small, large = ended.stdout.splitlines()
    assert small == "broken data stream"
    assert large.startswith("machine: a picture, tried again alone: memory ran out (broken data")


def test_a_header_tells_how_much_memory_a_picture_may_take() -> None:
    """None where it is damaged; as much as any may take in WebP, which is decoded to be opened."""
    content = io.BytesIO()
    Image.new("L", (3000, 4000)).save(content, "PNG")
    assert 12_000_000 < room_for(content.getvalue()[:2000]) < 200_000_000
    assert room_for(content.getvalue()[:60]) == 0  # so few bytes hold no 12 million pixels
    assert room_for(content.getvalue()[:20]) == 0
    assert room_for(b"RIFF\x10\0\0\0WEBPVP8L") == 600 * 2**20
    assert room_for(b"RIFF\x10\0\0\0AVI LIST") == 0
