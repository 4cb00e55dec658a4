"""What libraries in C print themselves."""

import subprocess
import sys

_LINES = """
import io, sys
import numpy as np
from PIL import Image
from mnist_batch.decoding.decode import decode_image

file = io.BytesIO()
noise = np.random.default_rng(0).random((200, 200)) > 0.5
Image.fromarray(noise).save(file, "TIFF", compression="group3")
content = bytearray(file.getvalue())
content[200:2000:7] = bytes(len(range(200, 2000, 7)))
{action}
print("its own", file=sys.stderr)
"""


def _said(action: str) -> str:
    """Return what a program that is not the command has on standard error."""
    ended = subprocess.run(
        [sys.executable, "-c", _LINES.format(action=action)],
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stderr


def test_libtiff_prints_nothing_in_a_program() -> None:
    """A damaged picture leaves standard error to the program that calls this package."""
    assert _said("decode_image(bytes(content))") == "its own\n"


def test_libtiff_would_print() -> None:
    """Pillow alone has libtiff write a line for each damaged row."""
    said = _said("Image.open(io.BytesIO(content)).load()")
    assert len(said.splitlines()) > 10
    assert "Fax3Decode" in said or "group" in said.lower() or "Bad code word" in said


def test_libtiff_is_silent_in_any_thread() -> None:
    """The handler is that of the process."""
    action = (
        "import threading; t = threading.Thread(target=decode_image, args=(bytes(content),)); "
        "t.start(); t.join()"
    )
    assert _said(action) == "its own\n"
