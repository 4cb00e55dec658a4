"""`mnist-batch predict`: what it prints where, and its exit status."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnist_batch.synthetic import generator
from tests.support.command import run

DIGIT = generator.draw_digit(4, np.random.default_rng(0))


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


def test_a_slash_at_the_end_of_the_output_is_a_folder(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """As `--format dataset` is without it, and `--format file` is not with it."""
    common = ("predict", digits_folder, "--model", model, "--no-report", "--out")
    for arguments in ((f"{tmp_path}/one/",), (tmp_path / "two", "--format", "dataset")):
        ended = run(*common, *arguments)
        assert (ended.returncode, ended.stderr) == (0, "")
    one, two = ((tmp_path / name / "part-00000.parquet") for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    ended = run(*common, f"{tmp_path}/three/", "--format", "file")
    assert ended.returncode == 1
    assert "a folder of Parquet files, and --format file one file; leave one" in ended.stderr


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
    reading = ("--labels", "none", "--model", model)
    arguments = ("predict", f"{tmp_path}/*.png", *reading, "--overwrite", "--out")
    out = tmp_path / "out.parquet"
    ended = run(*arguments, out)
    assert ended.returncode == 3
    named = f"(a.png: not an image; b.png: not an image); everything is in {out}\n"
    begin = "error: rows without a prediction: 2 of 2, more than --max-errors"
    assert ended.stderr == f"{begin} 0 {named}"
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
    assert ended.stderr == f"{begin} 99.5% {named}"


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


def test_a_scale_that_begins_with_a_minus_is_a_value(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """`--scale -1-1` is not taken for an option."""
    out = tmp_path / "out.parquet"
    ended = run("predict", digits_folder, "--model", model, "--scale", "-1-1", "--out", out)
    assert ended.returncode == 0, ended.stderr
    run_record = json.loads(pq.read_metadata(out).metadata[b"mnist_batch"])
    assert run_record["options"]["scale"] == "-1-1"


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
        "note: files that are not read, passed over: 4 (.txt 2, hidden 1, link to a folder 1)\n"
    )
    ended = run(*arguments, "--quiet")
    assert (ended.stdout, ended.stderr) == ("", "")
    ended = run(*arguments, "-q", "--json")
    assert (json.loads(ended.stdout)["rows"], ended.stderr) == (30, "")


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
        assert re.fullmatch("error: .*name (another place|a place outside)\n", ended.stderr)
    assert {path: path.read_bytes() for path in before} == before


def test_without_an_output_there_is_a_quick_look(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The same numbers as in a file; nothing is written."""
    (tmp_path / "b.png").write_bytes(b"not an image")
    pictures = sorted((digits_folder / "1").iterdir())
    arguments = ["predict", *pictures, tmp_path / "b.png", "--model", model]
    ended = run(*arguments, "--json", cwd=tmp_path)
    assert ended.returncode == 3
    assert ended.stderr == f"error: 1 of {len(pictures) + 1} pictures have no prediction\n"
    assert {path.name for path in tmp_path.iterdir()} == {"b.png"}
    out = tmp_path / "out.parquet"
    run(*arguments, "--out", out, "--no-report", "--probabilities")
    rows = pq.read_table(out).to_pylist()
    looked_at = json.loads(ended.stdout)
    assert len(looked_at) == len(rows)
    for look, row in zip(looked_at, rows, strict=True):
        probabilities = row.pop("probabilities")
        runner_up = look.pop("runner_up")
        assert look == row
        if row["prediction"] is None:
            assert (runner_up, probabilities) == (None, None)
        else:
            assert runner_up["probability"] == sorted(probabilities)[-2]
            assert probabilities[runner_up["digit"]] == runner_up["probability"]
    ended = run(*arguments, "--max-errors", 1)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1].endswith(f"  {tmp_path}/b.png: not an image")
    assert run(*arguments, "--max-errors", 1, "-q").stdout == ""


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--report", "r"], "'--report': is about what is written; give --out FILE too"),
        (["--resume"], "'--resume': is about what is written"),
        (["--min-accuracy", "0.9"], "'--min-accuracy': is about what is written"),
        ([], "30 images: a quick look takes up to 20 images; give --out FILE for more"),
    ],
)
def test_a_quick_look_takes_few_images_and_no_option_of_an_output(
    digits_folder: Path, model: Path, more: list[str], message: str
) -> None:
    """What cannot be is wrong usage."""
    ended = run("predict", digits_folder, "--model", model, *more)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in " ".join(ended.stderr.replace("│", " ").split())


def test_a_quick_look_names_the_wrong_model_first(tmp_path: Path, digits_folder: Path) -> None:
    """Before it counts the images."""
    ended = run("predict", digits_folder, "--model", tmp_path / "none.h5")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"error: {tmp_path}/none.h5: ")


def test_a_quick_look_says_that_a_file_labels_nothing(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """And of a picture that cannot be read how many there are; with -q also why."""
    picture = min((digits_folder / "1").iterdir())
    labels = tmp_path / "labels.csv"
    labels.write_text("file_name,label\nother.png,1\n")
    arguments = ["predict", picture, "--model", model, "--labels", labels]
    note = f"note: {labels} labels none of the pictures; it has to name them as {picture.name!r}\n"
    assert run(*arguments).stderr == note
    assert run(*arguments, "-q").stderr == ""
    labels.write_text(f"file_name,label\n{picture.name},1\n")
    assert run(*arguments).stderr == ""
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"none")
    said = "error: 1 of 1 picture has no prediction"
    assert run("predict", bad, "--model", model).stderr == f"{said}\n"
    assert run("predict", bad, "--model", model, "-q").stderr == f"{said} ({bad}: not an image)\n"
