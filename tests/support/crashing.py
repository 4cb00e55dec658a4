"""Worker processes whose decoder crashes over some images, as a flaw in a library would."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mnist_batch.engines import processes

_MARK = "crash over me"
_PROGRAM = processes._PROGRAM

SEGFAULT = "faulthandler._sigsegv()"
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
HANG = "os.kill(os.getpid(), signal.SIGSTOP)"
"""What the decoder does: it crashes by a flaw, is killed as where memory is short, or hangs."""


def once(flag: Path, deed: str) -> str:
    """Return a deed that is done unless a file is there, which it makes before."""
    return f"if not os.path.exists({str(flag)!r}): open({str(flag)!r}, 'w').close(); {deed}"


def mark(paths: Sequence[Path]) -> None:
    """Write PNG files anew so that a crashing decoder crashes; their pixels stay."""
    for path in paths:
        with Image.open(path) as image:
            image.load()
            text = PngInfo()
            text.add_text("Comment", _MARK)
            image.save(path, pnginfo=text)


def program(deed: str, before: str = "") -> str:
    """Return the program of worker processes whose decoder does a deed over a marked image.

    Args:
        deed: a statement of Python.
        before: another one, which each process runs as it starts.
    """
    return f"""
import faulthandler, os, signal
from mnist_batch.inference import pipeline

def crashing(batch, prepare=pipeline.prepare_batch, **named):
    for content, error in zip(batch.images.to_pylist(), batch.error.to_pylist()):
        if error is None and {_MARK.encode()!r} in content:
            {deed}
    return prepare(batch, **named)

pipeline.prepare_batch = crashing
{before}
{_PROGRAM}
"""
