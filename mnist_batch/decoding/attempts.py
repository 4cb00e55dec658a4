"""Try work on a picture again, alone, before its failure counts against the picture.

Short of memory, libraries in C call a sound picture damaged: libjpeg and libtiff have no other word
for it that Pillow would pass on. So whatever failed is tried again while no other thread works on a
large picture. What fails then too is the picture's, if the memory that it may take was free before
and after; or else the machine's.
"""

import io
from collections.abc import Callable
from typing import TypeVar

from PIL import Image

from mnist_batch.decoding.footprint import footprint
from mnist_batch.decoding.limits import FORMATS
from mnist_batch.errors import MachineError
from mnist_batch.machine.failures import (
    has_room,
    is_out_of_memory,
    out_of_memory,
    raise_if_of_machine,
    require_room,
)
from mnist_batch.machine.memory import alone
from mnist_batch.machine.memory_limits import available_memory
from mnist_batch.schema import Reason, error_text

_ResultT = TypeVar("_ResultT")


def again_alone(
    work: Callable[[], _ResultT], size: int, said: Callable[[Exception], str]
) -> _ResultT | str:
    """Do again, alone, the work on a picture that failed.

    The exception of the first time has to be gone: its frames hold on to memory.

    Args:
        work: what failed.
        size: bytes that it may take.
        said: returns the column `error` for what the work raises.

    Returns:
        What the work returns; or where it fails again, the column `error`.

    Raises:
        MachineError: memory is too short for the picture even alone, or the machine lacks
            something else.
    """
    size += _MORE
    with alone():
        had_room = has_room(size)
        try:
            return work()
        except MachineError:  # a library that cannot be loaded, for whatever reason
            raise
        except Exception as error:
            if not (had_room and has_room(size)):
                raise out_of_memory(error, "a picture, tried again alone") from error
            if is_out_of_memory(error):
                if not has_room(_MOST):
                    raise out_of_memory(error, "a picture, tried again alone") from error
                return error_text(Reason.TOO_LARGE, f"it takes more than {_MOST} bytes of memory")
            raise_if_of_machine(error)
            return said(error)


_MORE = 32 * 2**20
"""Bytes of address space that are to be free beside what the work may take."""


def room_for(content: bytes) -> int:
    """Return how many bytes of address space an encoded image may take, by its header.

    None where the header cannot be read; but WebP is decoded to be opened, so that this fails where
    memory is short too. None either where a PNG is too short for its pixels, however much there is.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            pixels = image.width * image.height
            if image.format == "PNG" and len(content) * 8 * _MOST_INFLATED < pixels:
                return 0
            # A page that is never touched is no part of the footprint.
            return 2 * footprint(image, content, pixels)
    except Exception:  # noqa: BLE001 - on damaged files Pillow raises nearly any type
        return _MOST if content.startswith(b"RIFF") and content[8:12] == b"WEBP" else 0


def require_most_memory() -> None:
    """Refuse to go on where a picture could not have the memory that it may take at most.

    Raises:
        MachineError: memory or address space is too short.
    """
    require_room(_MOST, "a picture")
    if (free := available_memory()) < _MOST:
        raise MachineError(
            f"a picture may take {_MOST // 2**20} MiB of memory, and {free // 2**20} MiB are free; "
            "nothing is wrong with the data; allow more (the container's limit), or pass fewer "
            "--workers"
        )


_MOST_INFLATED = 1032
"""Bytes that a byte of deflate can become (zlib.net/zlib_tech.html); a pixel has a bit at least."""


_MOST = 600 * 2**20
"""Bytes that a picture within the limits takes at most, see `limits`."""
