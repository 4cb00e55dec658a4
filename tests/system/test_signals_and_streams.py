"""Signals, closed streams and odd names: the command ends as it should."""

import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnist_batch.inputs.image_files import PART_SHARDS
from mnist_batch.inputs.shards import SHARD_ROWS
from mnist_batch.synthetic import generator
from tests.support.command import COMMAND, run
from tests.support.confined import run_confined
from tests.support.live_processes import listens

DIGIT = generator.draw_digit(4, np.random.default_rng(0))
PART_FILES = SHARD_ROWS * PART_SHARDS
"""Small image files of a part of the output."""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 1,000 photographs: more than a minute of work for two cores."""
    folder = tmp_path_factory.mktemp("photographs")
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000), np.uint8)
    Image.fromarray(noise).save(folder / "0.jpg", quality=80)
    for i in range(1, 1000):
        (folder / f"{i}.jpg").hardlink_to(folder / "0.jpg")
    return folder


def _wait_for(process: "subprocess.Popen[str]", happened: Callable[[], object]) -> None:
    """Wait until something has happened in a process that goes on."""
    while not happened():
        assert process.poll() is None, "it has ended before"
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells that it listens")
def test_a_signal_ends_a_benchmark(model: Path) -> None:
    """While it starts as well as while it measures."""
    arguments = ("benchmark", "--model", model, "--batch-sizes", "256", "--seconds", 60)
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(process, lambda: listens(process.pid))
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=300)
    assert (process.returncode, messages) == (130, "interrupted\n")


@pytest.mark.parametrize("command", ["predict", "pack"])
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_a_run_and_leaves_nothing(
    tmp_path: Path, photographs: Path, command: str, sent: signal.Signals, status: int
) -> None:
    """In the middle of pictures that take long to decode; SIGTERM as Ctrl-C."""
    process = subprocess.Popen(
        [*COMMAND, command, str(photographs), "--out", "out.parquet"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(process, lambda: list(tmp_path.rglob(".out.parquet.*")))
    time.sleep(0.2)  # by now it decodes
    process.send_signal(sent)
    _, messages = process.communicate(timeout=300)
    assert process.returncode == status
    assert messages == "interrupted\n"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_after_a_signal_a_run_can_be_resumed(
    tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    """What was finished stays, and it is said how to go on."""
    folder = tmp_path / "images"
    folder.mkdir()
    (digit,) = generator.draw_digits(1)[0]
    Image.fromarray(digit).save(folder / "0.png")
    for i in range(1, PART_FILES):
        (folder / f"{i}.png").hardlink_to(folder / "0.png")
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000), np.uint8)
    Image.fromarray(noise).save(folder / "a.jpg", quality=80)
    for i in range(40):  # seconds of work for one thread, during which the signal comes
        (folder / f"a{i}.jpg").hardlink_to(folder / "a.jpg")
    command = [*COMMAND, "predict", str(folder), "--out", "out.csv", "--no-report"]
    process = subprocess.Popen(
        [*command, "--workers", "1"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(process, lambda: list(tmp_path.rglob("part-*.arrow")))
    process.send_signal(sent)
    _, messages = process.communicate(timeout=300)
    assert process.returncode == status
    kept = f"note: {PART_FILES:,} rows are finished and kept; --resume goes on from there"
    assert messages.splitlines() == [kept, "interrupted"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "out.csv.staging"]
    ended = subprocess.run(
        [*command, "--resume", "--max-errors", "100%"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    files = PART_FILES + 41
    assert f"note: resumed: {PART_FILES:,} of {files:,} rows were there already" in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "out.csv"]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + files


def test_a_reader_that_goes_away_changes_nothing(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The output is whole and the status is that of the work, as in `mnist-batch ... | head`."""
    for options in ([], ["--json"]):
        out = tmp_path / f"out{len(options)}.parquet"
        arguments = ["predict", digits_folder, "--model", model, "--min-accuracy", 1, "--out", out]
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        messages = process.stderr.read()
        assert process.wait() == 4
        assert re.fullmatch(r"error: accuracy .*\n", messages)
        assert len(pq.read_table(out)) == 30


def test_names_beyond_the_terminals_encoding_are_shown_by_number(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """An ASCII terminal is no reason to fail."""
    out = tmp_path / "\N{GREEK SMALL LETTER OMEGA}.csv"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = run("predict", digits_folder, "--model", model, "--out", out, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert "\\u03c9.csv" in ended.stdout


def test_paths_need_not_be_utf_8(tmp_path: Path, digits_parquet: Path, model: Path) -> None:
    """INPUT, labels and outputs: a path is bytes."""
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102 - of bytes
    name = os.fsdecode(folder)
    shutil.copy(digits_parquet, f"{name}/digits.parquet")
    Path(f"{name}/labels.csv").write_text("source,row,label\ndigits.parquet,0,7\n")
    for suffix in ("parquet", "csv"):
        out = f"{name}/out.{suffix}"
        ended = run(
            *("predict", f"{name}/digits.parquet", "--labels", f"{name}/labels.csv"),
            *("--model", model, "--out", out, "--overwrite"),
        )
        assert ended.returncode == 0, ended.stderr
        assert run("evaluate", out, "--overwrite").returncode == 0


def test_a_result_that_cannot_be_printed_is_said(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """Half a file of JSON would pass for success else; the output is there all the same."""
    arguments = ["predict", digits_folder, "--model", model, "--out", tmp_path / "out.parquet"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    expected = "error: the result could not be printed: No space left on device\n"
    assert ended.stderr == expected
    assert len(pq.read_table(tmp_path / "out.parquet")) == 30


@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_libraries_print_goes_nowhere(tmp_path: Path, model: Path, closed: str) -> None:
    """As libtiff, on descriptor 2: not to the terminal, nor to an output with that number."""
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(DIGIT).save(folder / "0.png")
    Image.fromarray(DIGIT).save(folder / "1.tif", compression="tiff_lzw")
    content = (folder / "1.tif").read_bytes()
    damaged = content[:8] + bytes(byte ^ 0x55 for byte in content[8:60]) + content[60:]
    (folder / "1.tif").write_bytes(damaged)
    options = ["--out", "out.csv", "--no-report", "--quiet", "--json", "--max-errors", "1"]
    command = shlex.join([*COMMAND, "predict", "images", "--model", str(model), *options])
    ended = subprocess.run(
        f"{command} {closed}", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    if ">&-" not in closed.split():
        assert json.loads(ended.stdout)["errors"]["by_reason"] == {"corrupt": 1}
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ['"source"', '"0.png"', '"1.tif"']


@pytest.mark.parametrize("broken", ["/dev/full", "pipe that nobody reads"])
def test_messages_that_cannot_be_written_change_no_status(
    tmp_path: Path, digits_folder: Path, model: Path, broken: str
) -> None:
    """It is that of the work, or of what is wrong in the call."""
    if broken == "/dev/full":
        written_to = os.open(broken, os.O_WRONLY)
    else:
        reading, written_to = os.pipe()
        os.close(reading)
    arguments = ["predict", digits_folder, "--model", model, "--min-accuracy", "1"]
    for options, status in ((["--out", tmp_path / "out.csv"], 4), (["--no-such-option"], 2)):
        command = [*COMMAND, *map(str, [*arguments, *options])]
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=written_to, text=True, check=False
        )
        assert ended.returncode == status
        assert ended.stdout.startswith("accuracy ") is (status == 4)
    os.close(written_to)


@pytest.mark.parametrize(
    ("redirected", "message"),
    [
        ("<&-", "no path came on standard input; expected one a line"),
        (
            "0>/dev/null",
            "standard input cannot be read: Bad file descriptor; expected paths, one a line",
        ),
    ],
)
def test_an_input_that_cannot_be_read_is_said(
    tmp_path: Path, redirected: str, message: str
) -> None:
    """As a scheduler may start a job: with standard input closed, or only to be written."""
    command = shlex.join([*COMMAND, "predict", "-", "--out", "o.csv"])
    ended = subprocess.run(
        f"{command} {redirected}",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, f"error: -: {message}\n")


def test_a_signal_that_a_library_raises_is_not_taken_for_ctrl_c(
    tmp_path: Path, digits_folder: Path
) -> None:
    """OpenBLAS raises SIGINT where it cannot start its threads."""
    shutil.copytree(digits_folder, tmp_path / "in")
    arguments = ("predict", tmp_path / "in", "--out", tmp_path / "out.csv")
    ended = run_confined(tmp_path, *arguments, user=True, processes=1)
    assert ended.returncode in (0, 1)
    assert "interrupted" not in ended.stderr


@pytest.mark.parametrize("moment_s", [0.1, 0.2, 0.3, 0.45, 0.6, 0.8])
def test_several_signals_end_a_run_as_quietly_as_one(
    tmp_path: Path, digits_folder: Path, model: Path, moment_s: float
) -> None:
    """Whatever it is at: one of them counts, and the others cut nothing short that it removes."""
    arguments = ["predict", digits_folder, "--model", model, "--out", tmp_path / "out.csv"]
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(moment_s)
    has_begun = listens(process.pid) or sys.platform != "linux"
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGINT, signal.SIGHUP):
        process.send_signal(sent)
        time.sleep(0.01)
    _, messages = process.communicate(timeout=300)
    left = sorted(path.name for path in tmp_path.iterdir())
    if process.returncode == 0:  # it was done before
        assert (messages, left) == ("", ["out.csv", "out.report"])
        return
    if not has_begun:  # then Python may have ended as it does
        assert left == []
        return
    # Of signals that wait until a library in C returns, Python raises the lowest number first.
    assert process.returncode in (129, 130, 143)
    *notes, last = messages.splitlines()
    assert last == "interrupted"
    if "out.csv" in left:  # in the last moments; then it is said how to complete it
        is_complete = (tmp_path / "out.report" / "index.html").exists()
        assert len(notes) == 1 or (is_complete and left == ["out.csv", "out.report"])
    elif not notes:
        assert left == []


def test_a_terminal_that_goes_away_ends_a_run(
    tmp_path: Path, photographs: Path, model: Path
) -> None:
    """As Ctrl-C, by SIGHUP; the progress bar and the messages on it find nobody."""
    arguments = ["predict", photographs, "--model", model, "--out", tmp_path / "out.csv"]
    process, terminal = pty.fork()
    if process == 0:
        os.execv(COMMAND[0], [*COMMAND, *map(str, arguments)])
    while not list(tmp_path.rglob(".out.csv.*")):
        assert os.waitpid(process, os.WNOHANG) == (0, 0), "it has ended before"
        time.sleep(0.01)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert [*tmp_path.iterdir()] == []
