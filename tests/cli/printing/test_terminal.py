"""What every command prints goes to the right place and cannot control the terminal."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.text import Text

from mnist_batch.cli.printing.terminal import (
    facts,
    named_lines,
    printable,
    say,
    say_notes,
    show,
    table,
    text,
)
from tests.support.command import COMMAND, printed, run


def test_a_result_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """No markup, no emoji and no line break is made of it, as a name in JSON may hold anything."""
    result = '{"source": ":smile: [bold]x[/]", "more": "' + 200 * "a" + '"}'
    show(result)
    assert capsys.readouterr() == (result + "\n", "")


@pytest.mark.parametrize("width", ["0", "1", "7", "1000", "wide"])
def test_a_pipe_gets_the_same_whatever_the_environment_calls_its_width(
    width: str, digits_folder: Path, model: Path, tmp_path: Path
) -> None:
    """All of the JSON, the same page without colours, and help of 80 columns."""
    harmful = {
        **dict.fromkeys(("COLUMNS", "LINES", "TERMINAL_WIDTH", "JUPYTER_COLUMNS"), width),
        **dict.fromkeys(("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TTY_COMPATIBLE"), "1"),
        **dict.fromkeys(("_MNIST_BATCH_COMPLETE", "_PYTHON_M_MNIST_BATCH_COMPLETE"), "source_bash"),
    }
    arguments = ["predict", digits_folder, "--model", model, "--no-report", "--overwrite"]
    arguments += ["--out", tmp_path / "a.csv", "--max-errors", "100%"]
    pages = []
    for environment in ({}, harmful):
        set_here = os.environ | environment
        assert len(json.loads(run(*arguments, "--json", env=set_here).stdout)["per_class"]) == 10
        page = run(*arguments, env=set_here).stdout.rpartition("\nspeed ")[0]
        pages.append((page, run("predict", "--help", env=set_here).stdout))
    assert pages[0] == pages[1]
    assert max(map(len, pages[0][1].splitlines())) == 80
    assert "\x1b" not in "".join(pages[0])


@pytest.mark.parametrize("width", [0, 1, 59, 60, 80, 200])
def test_a_terminal_of_any_width_shows_everything(
    width: int, digits_folder: Path, model: Path, tmp_path: Path
) -> None:
    """Numbers whole, each on one line as far as there is room for a table."""
    arguments = ["predict", digits_folder, "--model", model, "--no-report", "--out"]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    command = [*COMMAND, *map(str, arguments), str(tmp_path / "a.csv")]
    subprocess.run(
        command,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        check=True,
        env=os.environ | {"COLUMNS": "9"},
    )
    os.close(theirs)
    words = seen_on(ours).split()
    for word in ("accuracy", "precision", "support", "Confusion", "predictions", "speed"):
        assert any(word.encode() in seen for seen in words)


def test_notes_are_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, whatever is in them; none where the user wants it quiet."""
    say("error: a\nb")
    say_notes(["one", "two"], quiet=False)
    say_notes(["three"], quiet=True)
    assert capsys.readouterr() == ("", "error: a?b\nnote: one\nnote: two\n")


def test_a_table_aligns_its_columns() -> None:
    """Under their names, which may be left out."""
    rows: list[list[str | Text]] = [["read", text("1")], ["decode", "1,000"]]
    assert printed(table("lr", rows, header=("part", "images"))) == [
        "part     images",
        "read          1",
        "decode    1,000",
    ]
    assert printed(table("lr", rows, gap=1, width=7)) == ["read         1", "decode   1,000"]


def test_a_table_shows_all_of_a_number() -> None:
    """It goes on in the next line where the screen is too narrow; cut off it would be wrong."""
    lines = printed(table("rr", [("1" * 20, "2" * 20)], gap=1), width=20)
    assert "".join(lines).count("1") == "".join(lines).count("2") == 20


def test_values_stand_below_one_another() -> None:
    """In a table they are broken where the screen ends, in lines they are not."""
    values = {"rows": "7", "parameters": "x" * 70}
    start = f"rows{9 * ' '}7"
    assert printed(facts(values)) == [start, f"parameters   {67 * 'x'}", f"{13 * ' '}xxx"]
    assert printed(named_lines(values.items())) == [start, f"parameters   {70 * 'x'}"]


@pytest.mark.parametrize("character", ["\x1b", "\n", "\r", "\x07", "\x9b", "\u202e", "\udcff"])
def test_control_characters_are_replaced(character: str) -> None:
    """Escape sequences, line breaks, reversed writing, bytes that are no text."""
    assert printable(f"a{character}b") == "a?b"
    lines = printed(table("l", [[f"a{character}b"]]))
    assert any("a?b" in line for line in lines)
    assert not any(character in line for line in lines)


def test_letters_of_all_languages_are_printable() -> None:
    """Only what has no shape is replaced."""
    assert printable("Bild größer als 28 mal 28, 数字") == "Bild größer als 28 mal 28, 数字"


def seen_on(terminal: int) -> bytes:
    """Return all that was written on the other end of a terminal, which is closed; close this."""
    seen = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed: how Linux says that all is read
            break
        if not part:
            break
        seen += part
    os.close(terminal)
    return seen


def test_a_terminal_sees_a_progress_bar(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """With the number of images; none with `--quiet`."""
    for options, expected in (([], True), (["--quiet"], False)):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        arguments = [
            "predict",
            digits_folder,
            "--model",
            model,
            "--out",
            tmp_path / "out.csv",
        ]
        subprocess.run(
            [*COMMAND, *map(str, arguments), "--overwrite", *options],
            stderr=theirs,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm"},
            check=True,
        )
        os.close(theirs)
        assert (b"30/30 images" in seen_on(ours)) is expected


def test_no_warning_and_no_log_of_a_library_is_printed() -> None:
    """Whatever filters and levels it sets itself."""
    code = """
import logging, sys, warnings
sys.argv[1:] = ["--version"]
from mnist_batch.cli import main
try:
    main()
except SystemExit:
    warnings.simplefilter("always")
    warnings.warn("a remark")
    logging.basicConfig(level=0, force=True)
    logging.getLogger("library").critical("a remark")
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_no_line_of_a_table_ends_in_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    """They would be copied too, and break the lines of a narrow window."""
    show(table("llr", [("a", "bb", ""), ("ccc", "", ""), ("d", "e f", "1")], header=("x", "y", "")))
    assert capsys.readouterr().out == "x     y\na     bb\nccc\nd     e f   1\n"
