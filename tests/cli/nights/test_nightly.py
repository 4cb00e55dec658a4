"""`mnist-batch nightly`: what it prints where, and its exit status."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mnist_batch.cli import command_line
from tests.support.command import run


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(command_line(), ["nightly", *map(str, arguments)])


def test_the_summary_is_printed_and_errors_on_stderr(tmp_path: Path, digits_folder: Path) -> None:
    """In 80 columns but for paths; the line of a gate that fails says which and why."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.png").write_bytes(b"not an image")
    ended = run(
        "nightly", digits_folder, broken, "--runs", tmp_path / "a" / "nights", "--name", "n"
    )
    assert ended.returncode == 3
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("Too many errors: accuracy ")
    assert "errors       failed      1 of 31 rows have no prediction, more than" in ended.stdout
    assert max(len(line) for line in lines if str(tmp_path) not in line) <= 80
    for name in ("summary.md", "junit.xml", "predictions.report/index.html"):
        assert f"{tmp_path}/a/nights/n/{name}" in ended.stdout
    told = ended.stderr.splitlines()
    assert not any("Too many errors" in line for line in told)  # as the page says
    assert told[-1].startswith("error: rows without a prediction: 1")


def test_quiet_prints_nothing_but_what_failed(tmp_path: Path, digits_folder: Path) -> None:
    """So cron sends no mail after a good night."""
    good = run("nightly", digits_folder, "--runs", tmp_path / "nights", "-q")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    worse = run(
        *("nightly", digits_folder, "--runs", tmp_path / "nights", "-q", "--labels", "none"),
        "--require-labels",
    )
    assert (worse.returncode, worse.stdout) == (4, "")
    first, second = worse.stderr.splitlines()
    assert first.startswith("error: Labels are missing: 30 of 30 rows predicted, none with a label")
    assert second == "error: labels: 0 of 30 rows have a label and a prediction"
    assert first.endswith(f"; all is in {next((tmp_path / 'nights').glob('*T*'))}")
    loud = run(
        *("nightly", digits_folder, "--runs", tmp_path / "nights", "--labels", "none"),
        "--require-labels",
    )
    assert loud.stdout.startswith("Labels are missing: ")
    errors = [line for line in loud.stderr.splitlines() if line.startswith("error: ")]
    assert errors == ["error: gates that failed: labels"]


def test_json_is_all_there_is_on_stdout(tmp_path: Path, digits_folder: Path) -> None:
    """The record of the night, the notes and the folder."""
    ended = run("nightly", digits_folder, "--runs", tmp_path, "--name", "n", "--json")
    record = json.loads(ended.stdout)
    assert (record["name"], record["folder"]) == ("n", str(tmp_path / "n"))
    assert record["gates"][0]["name"] == "errors"
    assert record["status"] == ended.returncode


@pytest.mark.parametrize(
    "arguments",
    [
        ("--name", "a/b"),
        ("--name", "passed"),
        ("--max-errors", "many"),
        ("--max-drop", "-1"),
        ("--patience", "0"),
        ("--keep-nights", "0"),
        ("--min-accuracy", "2"),
        ("--out", "x.csv"),
        ("--resume",),
    ],
)
def test_wrong_usage_is_status_2_and_makes_nothing(
    arguments: tuple[str, ...], tmp_path: Path, digits_folder: Path
) -> None:
    """Where the output of predict goes is no option: a night has its folder."""
    assert _run(digits_folder, "--runs", tmp_path / "nights", *arguments).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_base_that_is_none_is_status_1(tmp_path: Path, digits_folder: Path) -> None:
    """Before anything is predicted."""
    ended = run("nightly", digits_folder, "--runs", tmp_path / "nights", "--against", "absent")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: --against absent: is no earlier night of ")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_base_is_told_with_quiet_too(tmp_path: Path, digits_folder: Path) -> None:
    """Named it is status 1; else the gate is not asked, cron mails that, and the summary has it."""
    nights = tmp_path / "nights"
    run("nightly", digits_folder, "--runs", nights, "--name", "a", "-q")
    predictions = nights / "a" / "predictions.parquet"
    predictions.write_bytes(predictions.read_bytes()[:1000])
    named = run("nightly", digits_folder, "--runs", nights, "--against", "a", "-q")
    assert (named.returncode, len(named.stderr.splitlines())) == (1, 1)
    assert named.stderr.startswith(f"error: --against a: {predictions} cannot be read")
    ended = run("nightly", digits_folder, "--runs", nights, "--name", "b", "-q")
    assert (ended.returncode, ended.stdout) == (0, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"warning: not compared with a: {predictions} cannot be read")
    assert "not compared with a: " in (nights / "b" / "summary.md").read_text()
