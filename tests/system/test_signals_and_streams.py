"""Signals, closed streams and odd names: the command ends as it should."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnist_batch.synthetic import generator
from tests.support.command import COMMAND, run

DIGIT = generator.draw_digit(4, np.random.default_rng(0))


def test_a_signal_ends_a_benchmark(model: Path) -> None:
    """While it starts as well as while it measures."""
    arguments = ("benchmark", "--model", model, "--batch-sizes", "256", "--seconds", 60)
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=30)
    assert (process.returncode, messages) == (130, "interrupted\n")


@pytest.mark.parametrize("command", ["predict", "pack"])
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_within_a_second_and_leaves_nothing(
    tmp_path: Path, command: str, sent: signal.Signals, status: int
) -> None:
    """In the middle of pictures that take long to decode; SIGTERM as Ctrl-C."""
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4000), np.uint8)
    Image.fromarray(noise).save(folder / "0.jpg", quality=80)
    for i in range(1, 60):
        shutil.copy(folder / "0.jpg", folder / f"{i}.jpg")
    process = subprocess.Popen(
        [*COMMAND, command, str(folder), "--out", "out.parquet"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job is born with SIGINT ignored, and so would this test's child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 30
    while not list(tmp_path.rglob(".out.parquet.*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)
    assert process.poll() is None, "it ended before it could be interrupted"
    process.send_signal(sent)
    started = time.monotonic()
    _, messages = process.communicate(timeout=30)
    assert process.returncode == status
    assert messages == "interrupted\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]
    assert time.monotonic() - started < 10  # a second on an idle machine; this one may be busy


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_after_a_signal_a_run_can_be_resumed(
    tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    """What was finished stays, and it is said how to go on."""
    folder = tmp_path / "images"
    folder.mkdir()
    (digit,) = generator.draw_digits(1)[0]
    Image.fromarray(digit).save(folder / "0.png")
    for i in range(1, 8192):
        (folder / f"{i}.png").hardlink_to(folder / "0.png")
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000), np.uint8)
    Image.fromarray(noise).save(folder / "a.jpg", quality=80)
    for i in range(120):  # seconds of work, during which the signal comes
        (folder / f"a{i}.jpg").hardlink_to(folder / "a.jpg")
    command = [*COMMAND, "predict", str(folder), "--out", "out.csv", "--no-report"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("part-*.arrow")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(sent)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == status
    kept = "note: 8,192 rows are finished and kept; --resume goes on from there"
    assert messages.splitlines() == [kept, "interrupted"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "out.csv.staging"]
    ended = subprocess.run(
        [*command, "--resume", "--max-errors", "100%"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "note: resumed: 8,192 of 8,313 rows were there already" in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "out.csv"]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 8313


DIGIT = generator.draw_digit(4, np.random.default_rng(0))


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
    """The output is there all the same."""
    arguments = ["predict", digits_folder, "--model", model, "--out", tmp_path / "out.parquet"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 0
    expected = "error: the result could not be printed: No space left on device\n"
    assert ended.stderr == expected
    assert len(pq.read_table(tmp_path / "out.parquet")) == 30


@pytest.mark.parametrize("closed", ["<&-", "2>&-"])
def test_a_closed_stream_is_no_traceback(
    tmp_path: Path, digits_folder: Path, model: Path, closed: str
) -> None:
    """As a scheduler may start a job."""
    inputs = "-" if closed == "<&-" else str(digits_folder)
    command = shlex.join([*COMMAND, "predict", inputs, "--model", str(model), "--out", "o.csv"])
    ended = subprocess.run(
        f"{command} {closed}", shell=True, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    if closed == "<&-":
        assert ended.returncode == 1
        assert ended.stderr == ("error: -: no path came on standard input; expected one a line\n")
    else:
        assert ended.returncode == 0
        assert ended.stdout.startswith("accuracy ")
