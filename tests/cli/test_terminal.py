"""What every command prints goes to the right place and cannot control the terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

from mnist_batch.cli.terminal import (
    facts,
    named_lines,
    printable,
    progress_bar,
    say,
    say_notes,
    show,
    table,
    text,
)
from tests.support.command import COMMAND, printed


def test_a_result_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """No markup, no emoji and no line break is made of it, as a name in JSON may hold anything."""
    result = '{"source": ":smile: [bold]x[/]", "more": "' + 200 * "a" + '"}'
    show(result)
    assert capsys.readouterr() == (result + "\n", "")


def test_notes_are_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, whatever is in them; none where the user wants it quiet."""
    say("error: a\nb")
    say_notes(["one", "two"], quiet=False)
    say_notes(["three"], quiet=True)
    assert capsys.readouterr() == ("", "error: a?b\nnote: one\nnote: two\n")


def test_nothing_is_said_where_standard_error_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has None for it then."""
    monkeypatch.setattr(sys, "stderr", None)
    say("error: nobody reads it")
    with progress_bar(["bar"], lambda step, _: step, quiet=False) as move:
        assert move is None


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


def test_a_terminal_sees_a_progress_bar(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """With the number of images; none with `--quiet`."""
    for options, expected in (([], True), (["--quiet"], False)):
        ours, theirs = pty.openpty()
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
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
            check=True,
        )
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end is closed: how Linux says that all is read
                break
            if not part:
                break
            seen += part
        os.close(ours)
        assert (b"30/30 images" in seen) is expected
