"""The standard streams: what libraries in C write, and what cannot be written, changes nothing."""

import itertools
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.open_files import MANY_OPEN_FILES

_BEGIN = "import os, sys\nfrom mnist_batch.machine import streams\nstreams.separate()\n"
"""How each program below begins."""


def _run(
    program: str, redirections: str = "", **options: object
) -> subprocess.CompletedProcess[str]:
    """Run a program by a shell that redirects its streams."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-c", _BEGIN + program],
        **{"capture_output": True, "text": True, "check": False} | options,
    )


@pytest.mark.parametrize(
    "closed", [some for count in (0, 1, 2, 3) for some in itertools.combinations((0, 1, 2), count)]
)
def test_no_file_gets_the_number_of_a_standard_stream(
    tmp_path: Path, closed: Sequence[int]
) -> None:
    """Whichever were closed; and what a library writes to such a number goes nowhere."""
    program = """
with open("file", "wb") as file:
    assert file.fileno() > 2
    for number in (1, 2):
        os.write(number, b"written by a library")
    assert os.read(0, 1) == b""
    print("result")
    print("message", file=sys.stderr)
    file.write(b"content")
assert streams.flush() is None
"""
    redirections = " ".join(f"{number}<&-" for number in closed)
    ended = _run(program, redirections, cwd=tmp_path, stdin=subprocess.DEVNULL)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ("" if 1 in closed else "result\n")
    assert ended.stderr == ("" if 2 in closed else "message\n")
    assert (tmp_path / "file").read_text() == "content"


def test_a_child_does_not_inherit_the_streams() -> None:
    """One that outlives the command would keep a pipe open that somebody reads to its end."""
    program = """
import subprocess
command = f"echo child; echo child >&{sys.stdout.fileno()}"
assert subprocess.run(["sh", "-c", command], close_fds=False).returncode
"""
    ended = _run(program)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr


@pytest.mark.parametrize("broken", ["/dev/full", "read only", "pipe that nobody reads"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_cannot_be_written_raises_nothing(tmp_path: Path, stream: str, broken: str) -> None:
    """Only a lost result is told at the end, unless who reads it went away."""
    if broken == "pipe that nobody reads":
        reading, written_to = os.pipe()
        os.close(reading)
        expected = ""
    elif broken == "read only":
        written_to = os.open("/dev/null", os.O_RDONLY)
        expected = "Bad file descriptor"
    else:
        written_to = os.open("/dev/full", os.O_WRONLY)
        expected = "No space left on device"
    program = f"""
for _ in range(3):
    print("words" * 10_000, file=sys.{stream}, flush=True)
print("buffered", file=sys.{stream})
failure = streams.flush()
open("failure", "w").write(failure.strerror if failure else "")
os._exit(7)
"""
    try:
        ended = _run(program, "", capture_output=False, cwd=tmp_path, **{stream: written_to})
    finally:
        os.close(written_to)
    assert ended.returncode == 7
    assert (tmp_path / "failure").read_text() == (expected if stream == "stdout" else "")


@pytest.mark.parametrize("before", ["", MANY_OPEN_FILES], ids=["few", "many"])
def test_a_pipe_that_does_not_block_gets_all(before: str) -> None:
    """Another process may have set it so; its reader is slower than this one."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    program = before + _BEGIN + "print('x' * 1_000_000, flush=True)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=writing) as process:
        os.close(writing)
        time.sleep(0.5)  # meanwhile it fills the pipe, of 64 KiB
        with os.fdopen(reading, "rb") as file:
            assert len(file.read()) == 1_000_001
    assert process.returncode == 0


def test_an_input_that_does_not_block_is_read_to_its_end() -> None:
    """Else what comes later would be left out without a word."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    program = "print(sum(1 for line in sys.stdin.buffer))"
    with subprocess.Popen(
        [sys.executable, "-c", _BEGIN + program], stdin=reading, stdout=subprocess.PIPE
    ) as process:
        os.close(reading)
        with os.fdopen(writing, "wb", buffering=0) as file:
            for line in (b"a\n", b"b\n"):
                time.sleep(0.3)
                file.write(line)
        assert process.stdout
        assert process.stdout.read() == b"2\n"


def test_a_crash_of_a_library_is_said() -> None:
    """By the signal and by where in the program it was."""
    ended = _run("os.abort()")
    assert ended.returncode == -signal.SIGABRT
    assert ended.stderr.startswith("Fatal Python error: Aborted\n")


def test_the_terminal_is_found_where_it_is() -> None:
    """Its width is asked of the streams' own descriptors."""
    ours, theirs = pty.openpty()
    program = """
import rich.console
console = rich.console.Console(stderr=True)
print(console.is_terminal, console.width)
"""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    subprocess.run(["stty", "cols", "123"], stdin=theirs, check=True)
    ended = _run(
        program,
        capture_output=False,
        stdout=subprocess.PIPE,
        stderr=theirs,
        stdin=subprocess.DEVNULL,
        env=environment | {"TERM": "xterm"},
    )
    os.close(theirs)
    os.close(ours)
    assert ended.stdout == "True 123\n"


def test_the_encoding_is_pythons_choice() -> None:
    """A character that it lacks is shown by its number."""
    for encoding, expected in (("ascii", b"\\u03c9\n"), ("utf-8", b"\xcf\x89\n")):
        ended = _run(
            "print('\\N{GREEK SMALL LETTER OMEGA}')",
            text=False,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        assert ended.stdout == expected  # type: ignore[comparison-overlap]
