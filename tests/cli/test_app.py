"""The command as a process: what it prints where, its exit status, its speed of starting."""

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
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnist_batch.cli.app import app
from mnist_batch.options import Style
from mnist_batch.synthetic import generator
from mnist_batch.synthetic.generator import draw_pictures

COMMAND = [sys.executable, "-m", "mnist_batch"]
DIGIT = generator.draw_digit(4, np.random.default_rng(0))


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command and return what it said."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )


def test_results_go_to_stdout_and_notes_to_stderr(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """Tables and where the files are on one, what to know on the other; no progress bar."""
    ended = run("predict", digits_folder, "--model", model, "--out", tmp_path / "out.csv")
    assert ended.returncode == 0
    assert ended.stdout.startswith("accuracy 0.")
    assert "Confusion matrix" in ended.stdout
    assert str(tmp_path / "out.csv") in ended.stdout
    assert ended.stderr == ""


def test_json_is_all_there_is_on_stdout(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """A machine reads the whole of it."""
    out = tmp_path / "out.parquet"
    ended = run("predict", digits_folder, "--model", model, "--out", out, "--json")
    result = json.loads(ended.stdout)
    assert result["rows"] == 30
    assert result["predictions_file"] == str(out)
    report = json.loads((tmp_path / "out.report" / "metrics.json").read_text())
    assert {name: result[name] for name in report} == report


def test_evaluate_prints_what_predict_printed(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The same table again."""
    out = tmp_path / "out.parquet"
    first = run("predict", digits_folder, "--model", model, "--out", out)
    again = run("evaluate", out, "--images", digits_folder, "--overwrite")
    assert again.returncode == 0
    assert again.stdout == first.stdout


def test_a_list_of_paths_is_read_from_standard_input(tmp_path: Path, model: Path) -> None:
    """In the order of the list; a path that leads nowhere is a row with the reason."""
    for name in ("a", "b"):
        Image.fromarray(DIGIT).save(tmp_path / f"{name}.png")
    ended = run(
        *("predict", "-", "--model", model, "--out", "out.parquet"),
        cwd=tmp_path,
        input="b.png\nabsent.png\na.png\n",
    )
    assert ended.returncode == 3
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["source"] for row in rows] == ["b.png", "absent.png", "a.png"]
    assert [row["error"] for row in rows] == [None, "missing file", None]


def test_rows_without_prediction_are_status_3(tmp_path: Path, model: Path) -> None:
    """Written all the same; `--max-errors` says how many are still status 0."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"not an image")
    arguments = ("predict", f"{tmp_path}/*.png", "--model", model, "--overwrite", "--out")
    out = tmp_path / "out.parquet"
    ended = run(*arguments, out)
    assert ended.returncode == 3
    assert ended.stderr == "error: rows without a prediction: 2, more than --max-errors 0\n"
    assert re.search(r"Rows without a prediction\n *2 +not an image", ended.stdout)
    assert len(pq.read_table(out)) == 2
    assert run(*arguments, out, "--max-errors", 1).returncode == 3
    both = run(*arguments, out, "--min-accuracy", 1)
    assert both.returncode == 3  # unread rows first: the accuracy is that of the others
    assert "--min-accuracy" in both.stderr
    assert run(*arguments, out, "--max-errors", 2).returncode == 0
    assert run(*arguments, out, "--max-errors", "100%").returncode == 0
    ended = run(*arguments, out, "--max-errors", "99.5%")
    assert ended.returncode == 3
    assert ended.stderr == "error: rows without a prediction: 2, more than --max-errors 99.5%\n"


def test_a_source_that_is_lost_is_named_and_in_no_share(
    tmp_path: Path, digits_parquet: Path, model: Path
) -> None:
    """One row of 1,051 is all that is left of it, and not a thousandth of the input."""
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(digits_parquet, folder / "a.parquet")
    (folder / "b.parquet").write_bytes(digits_parquet.read_bytes()[:-100])
    for command in (("predict", folder, "--model", model, "--no-report"), ("pack", folder)):
        arguments = (*command, "--out", tmp_path / "out.parquet", "--overwrite", "--max-errors")
        ended = run(*arguments, "1%")
        assert ended.returncode == 3
        assert "note: sources that cannot be read at all, one row each: b.parquet\n" in ended.stderr
        assert "error: sources that cannot be read at all: 1, of which" in ended.stderr
        assert run(*arguments, "1").returncode == 0


def test_failing_fast_is_status_1(tmp_path: Path, model: Path) -> None:
    """With the row; whatever number of errors is allowed, nothing is written."""
    (tmp_path / "a.png").write_bytes(b"not an image")
    out = tmp_path / "out.csv"
    ended = run("predict", tmp_path / "a.png", "--model", model, "--out", out, "--fail-fast")
    assert ended.returncode == 1
    assert ended.stderr == (
        "error: a.png, row 0: not an image; mend it or leave it out, or predict without "
        "--fail-fast\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_packing_says_what_it_did(tmp_path: Path, digits_folder: Path) -> None:
    """Rows, size and speed on standard output; with `--json` the same for machines."""
    out = tmp_path / "packed.parquet"
    ended = run("pack", digits_folder, "--out", out)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("30 of 30 rows with an image; 30 with a label\n")
    assert f"packed       {out}\nsize " in ended.stdout
    again = run("pack", out, "--out", tmp_path / "again.parquet", "--json")
    result = json.loads(again.stdout)
    assert (result["rows"], result["labelled"]) == (30, 30)
    assert result["packed_file"] == str(tmp_path / "again.parquet")


@pytest.mark.parametrize(("choice", "error"), [("never", None), ("always", "no digit found")])
def test_prepare_chooses_what_is_brought_to_mnist_form(
    tmp_path: Path, model: Path, choice: str, error: str | None
) -> None:
    """Of both commands: with never a blank sheet is resized, and is an image like any other."""
    Image.new("L", (40, 40), "white").save(tmp_path / "blank.png")
    for command in ([*("predict", "--model", model)], ["pack"]):
        out = tmp_path / f"{command[0]}.parquet"
        run(*command, tmp_path / "blank.png", "--prepare", choice, "--out", out)
        (row,) = pq.read_table(out).to_pylist()
        assert row["error"] == error
        assert row["prepared"] == (error is None)


def test_rows_without_an_image_are_status_3(tmp_path: Path) -> None:
    """Packed all the same, with their reasons; notes can be left out."""
    Image.fromarray(255 - DIGIT).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"not an image")
    Image.new("L", (40, 40)).save(tmp_path / "c.png")
    out = tmp_path / "packed.parquet"
    arguments = ("pack", f"{tmp_path}/*.png", "--out", out, "--overwrite")
    ended = run(*arguments)
    assert ended.returncode == 3
    assert ended.stderr == (
        "note: images that were not in MNIST form, brought to it: 1\n"
        "error: rows without an image: 2, more than --max-errors 0\n"
    )
    assert re.search(
        r"Rows without an image\n *1 +not an image *\n *1 +no digit found", ended.stdout
    )
    assert pq.read_table(out)["error"].to_pylist() == [None, "not an image", "no digit found"]
    allowed = run(*arguments, "--max-errors", 2, "--quiet")
    assert (allowed.returncode, allowed.stderr) == (0, "")


def test_a_model_is_inspected(digits_folder: Path, model: Path) -> None:
    """With labelled digits too; for a person and, as JSON, for a machine."""
    ended = run("inspect", model, "--data", digits_folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"model        {model}")
    assert "Pixel scales, tried on 30 labelled images" in ended.stdout
    result = json.loads(run("inspect", model, "--json").stdout)
    assert (result["model_file"], result["predictor"]) == (str(model), "numpy")


def test_a_model_is_known_by_its_suffix_in_capitals_too(tmp_path: Path, model: Path) -> None:
    """As files from Windows have it."""
    shutil.copy(model, tmp_path / "MODEL.H5")
    assert run("inspect", tmp_path / "MODEL.H5").stdout.startswith("model ")


def test_an_input_is_inspected(tmp_path: Path, digits_folder: Path) -> None:
    """What cannot be read in it is told, and is no failure; labels and columns as for predict."""
    (tmp_path / "bad.png").write_bytes(b"not an image")
    inputs = (digits_folder, tmp_path / "bad.png")
    ended = run("inspect", *inputs, "--labels", "none", "--workers", 1)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("rows         31, in 31 image files")
    assert re.search(r"\nlabelled +0 of 31 *\n", ended.stdout)
    assert re.search(r"\n   1   not an image   bad\.png *\n", ended.stdout)
    result = json.loads(run("inspect", *inputs, "--json").stdout)
    assert (result["rows"], result["readable"]) == (31, 30)


def test_the_benchmark_recommends(digits_folder: Path, model: Path) -> None:
    """A table and a command on standard output, notes elsewhere."""
    arguments = ("benchmark", digits_folder, "--model", model, "--batch-sizes", "64, 32")
    ended = run(*arguments, "--seconds", 0, "--quiet")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"images       all of 30: {digits_folder}\n")
    assert re.search(r"\nnetwork +numpy, cpu +32 +\d+ +[\d,]+ +\d+%\n", ended.stdout)
    assert re.search(r"\n(read|decode|network) binds: [\d,]+ images/s; ", ended.stdout)
    assert ended.stdout.splitlines()[-1].startswith(f"mnist-batch predict {digits_folder} --out ")


def test_a_benchmark_without_input_draws_digits(model: Path) -> None:
    """And says so, here as JSON."""
    arguments = ("benchmark", "--model", model, "--batch-sizes", "256", "--seconds", 0)
    result = json.loads(run(*arguments, "--json").stdout)
    assert (result["generated"], result["rows_used"]) == (True, 2000)
    assert result["recommended"]["command"].startswith("mnist-batch predict INPUT --out ")


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


def test_a_missed_gate_is_status_4(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """Written all the same, and said; without labels no gate can be met."""
    out = tmp_path / "out.parquet"
    arguments = ("predict", digits_folder, "--model", model, "--out", out, "--overwrite")
    assert run(*arguments, "--min-accuracy", 0).returncode == 0
    missed = run(*arguments, "--min-accuracy", 1)
    assert missed.returncode == 4
    assert re.fullmatch(r"error: accuracy 0\.\d+ is below --min-accuracy 1\.0\n", missed.stderr)
    assert run("evaluate", out, "--no-report", "--min-accuracy", 1).returncode == 4
    assert run(*arguments, "--labels", "none", "--min-accuracy", 0).returncode == 4


@pytest.mark.parametrize("style", ["mnist", "paper", "photo", "screen"])
def test_digits_of_every_style_can_be_predicted(tmp_path: Path, model: Path, style: str) -> None:
    """Into a folder here: one file for each digit, and each is a row with a prediction."""
    out = tmp_path / "digits"
    drawn = run("generate", "--style", style, "--count", 10, "--seed", 3, "--out", out)
    assert (drawn.returncode, drawn.stdout) == (0, f"10 digits in {out}\n")
    pictures = list(draw_pictures(10, style=Style(style), seed=3))
    for digit, picture in enumerate(pictures):
        assert (out / f"{digit}/{digit:05d}{picture.suffix}").read_bytes() == picture.content
    predictions = tmp_path / "out.parquet"
    ended = run("predict", out, "--model", model, "--out", predictions, "--no-report")
    assert ended.returncode == 0, ended.stderr
    rows = pq.read_table(predictions).to_pylist()
    assert [row["label"] for row in rows] == list(range(10))
    assert not any(row["prediction"] is None for row in rows)


def test_a_style_goes_into_parquet_too(tmp_path: Path) -> None:
    """The same files as bytes of a column."""
    out = tmp_path / "digits.parquet"
    assert run("generate", "--style", "screen", "--count", 3, "--out", out).returncode == 0
    rows = pq.read_table(out).to_pylist()
    pictures = draw_pictures(3, style=Style.SCREEN)
    assert [row["image"]["bytes"] for row in rows] == [picture.content for picture in pictures]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "absent", "--out", "o.csv"], r"absent: no such file or folder"),
        (["predict", "empty", "--out", "o.csv"], r"empty: no digits in this folder"),
        (["predict", "a.txt", "--out", "o.csv"], r"a\.txt: neither an image nor Parquet"),
        (["predict", "a.png", "--out", "o.xlsx"], r"o\.xlsx: no format has the suffix"),
        (["predict", "a.png", "--out", "present.csv"], r"present\.csv exists already"),
        (["predict", "a.png", "--out", "no/o.csv"], r"no is not a folder"),
        (["predict", "a.png", "--out", "o.csv", "--model", "no.h5"], r"no\.h5: model cannot be"),
        (["predict", "a.png", "--out", "o.csv", "--model", "a.txt"], r"a\.txt: not a Keras model"),
        (["predict", "a.png", "--out", "o.csv", "--labels", "no.csv"], r"no\.csv: not a readable"),
        (["predict", "bad.parquet", "--out", "o.csv"], r"bad\.parquet: not a readable Parquet"),
        (["predict", "a.png", "a.png", "--out", "o.csv"], r"named by two INPUTs"),
        (["predict", "-", "--out", "o.csv"], r"-: no path came on standard input"),
        (["evaluate", "absent.parquet"], r"absent\.parquet"),
        (["evaluate", "bad.parquet"], r"bad\.parquet"),
        (["evaluate", "a.txt"], r"a\.txt is no predictions file"),
        (["generate", "--out", "full"], r"full"),
        (["benchmark", "absent"], r"absent: no such file or folder"),
        (["benchmark", "a.png", "--model", "a.txt"], r"a\.txt: not a Keras model"),
        (["inspect", "absent"], r"absent: no such file or folder"),
        (["inspect", "bad.parquet"], r"bad\.parquet: not a readable Parquet"),
        (["inspect", "no.h5"], r"no\.h5: model cannot be read"),
        (["pack", "absent", "--out", "o.parquet"], r"absent: no such file or folder"),
        (["pack", "a.png", "--out", "o.csv"], r"o\.csv: a packed file is Parquet"),
        (["pack", "a.png", "--out", "present.parquet"], r"present\.parquet exists already"),
        (["pack", "bad.parquet", "--out", "o.parquet"], r"bad\.parquet: not a readable Parquet"),
        (["pack", "said.parquet", "--out", "o.parquet"], r"said\.parquet: .* column 'label' is m"),
        (["predict", "said.parquet", "--out", "o.csv"], r"said\.parquet: .* column 'label' is mi"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    """On standard error, no traceback, nothing begun."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "present.csv").write_text("old")
    (tmp_path / "present.parquet").write_text("old")
    with pq.ParquetWriter(tmp_path / "said.parquet", pa.schema({"image": pa.binary(784)})) as said:
        said.add_key_value_metadata({"mnist_batch_packed": '{"format": 1}'})
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    before = sorted(tmp_path.rglob("*"))
    ended = run(*arguments, cwd=tmp_path, input="")
    assert ended.returncode == 1, ended
    assert re.fullmatch(rf"error: .*{message}.*\n", ended.stderr), ended.stderr
    assert ended.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "present.csv").read_text() == "old"


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["predict", "a.png"],
        ["predict", "a.png", "--out", "o.csv", "--batch-size", "0"],
        ["predict", "a.png", "--out", "o.csv", "--scale", "0-2"],
        ["predict", "a.png", "--out", "o.csv", "--prepare", "sometimes"],
        ["predict", "a.png", "--out", "o.csv", "--report", "r", "--no-report"],
        ["benchmark", "--batch-sizes", "0"],
        ["benchmark", "--batch-sizes", "256,,512"],
        ["benchmark", "--batch-sizes", "many"],
        ["benchmark", "--seconds", "-1"],
        ["inspect"],
        ["inspect", "a.png", "m.h5"],
        ["inspect", "m.h5", "m.keras"],
        ["inspect", "a.png", "--data", "a.png"],
        ["inspect", "a.png", "--workers", "0"],
        ["pack", "a.png"],
        ["pack", "a.png", "--out", "o.parquet", "--workers", "0"],
        ["generate", "--out", "digits", "--style", "watercolour"],
        ["train", "--augment", "--epochs", "0"],
        ["unknown"],
    ],
)
def test_wrong_usage_is_status_2(tmp_path: Path, arguments: list[str]) -> None:
    """With what was expected on standard error."""
    ended = run(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert "Usage" in ended.stderr
    assert ended.stdout == ""


def test_a_scale_that_begins_with_a_minus_is_a_value(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """`--scale -1-1` is not taken for an option."""
    out = tmp_path / "out.parquet"
    ended = run("predict", digits_folder, "--model", model, "--scale", "-1-1", "--out", out)
    assert ended.returncode == 0, ended.stderr
    run_record = json.loads(pq.read_metadata(out).metadata[b"mnist_batch"])
    assert run_record["options"]["scale"] == "-1-1"


def test_names_cannot_control_the_terminal(tmp_path: Path) -> None:
    """An escape sequence in a file's name is shown, not sent."""
    ended = run("predict", f"{tmp_path}/\x1b[2Jevil\n.png", "--out", tmp_path / "out.csv")
    assert ended.returncode == 1
    assert "\x1b" not in ended.stderr
    assert ended.stderr.count("\n") == 1


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
    for i in range(300):
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
    assert "note: resumed: 8,192 of 8,493 rows were there already" in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "out.csv"]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + 8493


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


def test_training_prints_its_recipe_as_json(tmp_path: Path, digits_folder: Path) -> None:
    """What was said on the command line and what was not; nothing else is printed."""
    out = tmp_path / "digits.h5"
    arguments = ("--augment", "--epochs", 2, "--seed", 3, "--no-report", "--json")
    ended = run("train", "--data", digits_folder, "--out", out, *arguments)
    assert ended.stderr == ""
    result = json.loads(ended.stdout)
    recipe = result["training"]
    assert (recipe["epochs"], recipe["seed"], recipe["batch_size"]) == (2, 3, 256)
    assert recipe["augmentation"]["shift_pixels"] > 0
    assert result["epoch"] == recipe["epoch"]
    assert out.exists()


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


_MODULES = """
import sys
sys.argv = ["mnist-batch", *sys.argv[1:]]
from mnist_batch.cli.app import main
try:
    main()
except SystemExit as end:
    print(sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
    sys.exit(end.code)
"""


def _imported(*arguments: object) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", _MODULES, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stderr


def test_a_dense_model_imports_no_tensorflow(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """Nor Keras, nor what else takes long and is not needed: that is why it starts so soon."""
    imported = _imported("predict", digits_folder, "--model", model, "--out", tmp_path / "out.csv")
    assert "'numpy'" in imported
    for name in ("tensorflow", "keras", "huggingface_hub", "pandas", "scipy"):
        assert f"'{name}'" not in imported
    measured = _imported(
        *("benchmark", digits_folder, "--model", model),
        *("--batch-sizes", "256", "--seconds", "0", "--quiet"),
    )
    assert "'numba'" in measured
    assert "'keras'" not in measured
    without_report = _imported(
        *("predict", digits_folder, "--model", model, "--no-report"),
        *("--out", tmp_path / "other.csv"),
    )
    assert "'matplotlib'" not in without_report


def test_help_imports_nothing_that_takes_long() -> None:
    """Not even numpy."""
    imported = _imported("predict", "--help")
    for name in ("numpy", "pyarrow", "PIL", "matplotlib", "h5py"):
        assert f"'{name}'" not in imported


def test_every_command_has_help_with_an_example() -> None:
    """One that begins with the command itself."""
    names = [command.name or command.callback.__name__ for command in app.registered_commands]  # type: ignore[union-attr]
    assert names
    for name in names:
        ended = run(name, "--help", env={**os.environ, "COLUMNS": "120"})
        assert f"Example: mnist-batch {name} " in ended.stdout


def test_version_is_the_packages() -> None:
    """As installed."""
    from importlib.metadata import version

    assert run("--version").stdout == f"mnist-batch {version('mnist-batch')}\n"


def test_files_that_are_passed_over_are_said(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """On standard error, and not with `--quiet`."""
    folder = tmp_path / "digits"
    shutil.copytree(digits_folder, folder)
    for name in ("notes.txt", "list.txt", ".hidden.png"):
        (folder / name).write_text("not an image")
    (folder / "all").symlink_to(digits_folder)
    arguments = ["predict", folder, "--model", model, "--overwrite", "--out", tmp_path / "o.csv"]
    assert run(*arguments).stderr == (
        "note: files that are not images, passed over: 4 (.txt 2, hidden 1, link to a folder 1)\n"
    )
    assert run(*arguments, "--quiet").stderr == ""


def test_pictures_of_what_was_prepared_are_said(tmp_path: Path, model: Path) -> None:
    """How many and where, in a note and in the JSON; a folder that is in use is left alone."""
    Image.linear_gradient("L").save(tmp_path / "a.png")
    folder = tmp_path / "seen"
    arguments = ("predict", tmp_path / "a.png", "--model", model, "--save-prepared", folder)
    ended = run(*arguments, "--out", tmp_path / "a.csv", "--json", "--max-errors", 1)
    assert ended.returncode == 0
    assert (
        f"note: pictures of images prepared or without a digit, written to {folder}: 1\n"
        in ended.stderr
    )
    assert json.loads(ended.stdout)["prepared_folder"] == str(folder)
    assert [path.name for path in folder.iterdir()] == ["a.png.png"]
    again = run(*arguments, "--out", tmp_path / "b.csv")
    assert again.returncode == 1
    assert again.stderr.startswith(f"error: {folder} is not empty; ")
    assert not (tmp_path / "b.csv").exists()


def test_an_input_is_never_the_output(tmp_path: Path, digits_parquet: Path, model: Path) -> None:
    """Nor is the file of labels, nor what the INPUT's glob would match the next time."""
    (tmp_path / "in").mkdir()
    digits = tmp_path / "in" / "digits.parquet"
    shutil.copy(digits_parquet, digits)
    labels = tmp_path / "labels.csv"
    labels.write_text("source,row,label\ndigits.parquet,0,0\n")
    before = {path: path.read_bytes() for path in (digits, labels)}
    for source, out in (
        (digits, digits),
        (digits, tmp_path / "in" / ".." / "in" / "digits.parquet"),
        (f"{tmp_path}/in/*.parquet", tmp_path / "in" / "out.parquet"),
        (digits, labels),
    ):
        ended = run(
            *("predict", source, "--labels", labels, "--model", model),
            *("--out", out, "--overwrite", "--no-report"),
        )
        assert ended.returncode == 1, ended
        assert re.fullmatch("error: .*name (another file|a place outside)\n", ended.stderr)
    assert {path: path.read_bytes() for path in before} == before


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
