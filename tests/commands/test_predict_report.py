"""The report is a guest of the predictions: no failure of it costs them."""

import json
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.command import COMMAND, run
from tests.support.confined import confined
from tests.support.report_files import REPORT_FILES

TABLES = {"metrics.json", "confusion_matrix.csv", "mistakes.csv", "per_class.csv", "slices.csv"}
PICTURES = REPORT_FILES - TABLES

_FAILING = {
    "raises anything": "report.Drawings.wait = lambda *_: bytearray(2**62)",
    "cannot be started": "drawing_process.isolated_python = SimpleNamespace("
    "command=lambda *_: ['/no such program'], variables=dict)",
    "ends at once": "drawing_process._PROGRAM = 'raise SystemExit'",
}
"""Statements after which drawing fails, by what it does then."""

_FAILS = "report.Drawings.wait = None"

_MAIN = """
from mnist_batch.__main__ import main
from mnist_batch.machine import environment
environment.settle()  # as the command does before NumPy is loaded, whose sums it decides
from mnist_batch.reports import drawing_process, report
from types import SimpleNamespace
{}
main()
"""


def run_failing(
    statement: str, *arguments: object, **options: object
) -> subprocess.CompletedProcess[str]:
    """Run the command after a statement, and return what it said."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", _MAIN.format(statement), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def names(folder: Path) -> set[str]:
    """Return the names of what lies in a folder."""
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("failure", _FAILING)
def test_whatever_drawing_does_the_predictions_are_there(
    tmp_path: Path, digits_folder: Path, model: Path, failure: str
) -> None:
    """Status 0 and the tables; a note, the page and the JSON say what is missing."""
    statement = _FAILING[failure]
    out = tmp_path / "out.parquet"
    arguments = ("predict", digits_folder, "--model", model, "--out", out)
    ended = run_failing(statement, *arguments)
    assert ended.returncode == 0, ended.stderr
    assert len(pq.read_table(out)) == 30
    assert names(tmp_path / "out.report") == TABLES | {"index.html"}
    assert names(tmp_path) == {"out.parquet", "out.report"}
    missing = "confusion_matrix.png, per_class.png, samples.png, mistakes.png"
    assert f"\nreport       {tmp_path / 'out.report'}, without {missing}\n" in ended.stdout
    (note,) = ended.stderr.splitlines()
    assert note.startswith(f"note: the report {tmp_path / 'out.report'} lacks {missing} (")
    ended = run_failing(statement, *arguments, "--overwrite", "--json", "--quiet")
    assert (ended.returncode, ended.stderr) == (0, "")
    result = json.loads(ended.stdout)
    assert result["report_missing"] == missing.split(", ")
    assert {Path(path).name for path in result["report_files"]} == TABLES | {"index.html"}
    assert any(missing in note for note in result["notes"])
    # Who asks for the report alone gets all of it or an error.
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    alone = run_failing(statement, "evaluate", out, "--overwrite")
    assert alone.returncode == 1
    assert alone.stderr.startswith(
        f"error: {tmp_path / 'out.report' / 'confusion_matrix.png'} could not be made: "
    )
    assert {path: path.read_bytes() for path in before} == before


def test_the_gates_still_count(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """The status is that of the predictions."""
    arguments = ("predict", digits_folder, "--model", model, "--out", tmp_path / "out.csv")
    assert run_failing(_FAILS, *arguments, "--min-accuracy", 1).returncode == 4


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("plain", "csv"),
        ('it\'s $HOME; "a" `b`', "parquet"),
        ("new\nline\x1b\udce9\u00fc", "csv"),
        ("-x", "parquet"),
    ],
)
def test_the_command_in_the_note_makes_the_report(
    tmp_path: Path, digits_folder: Path, model: Path, name: str, suffix: str
) -> None:
    """As it is copied, whatever the names: byte for byte that of an undisturbed run."""
    shutil.copytree(digits_folder, tmp_path / name)
    out, report = f"{name}.{suffix}", f"{name}.r"
    arguments = (
        *("predict", f"{name}/1", f"./{name}/2", "--model", model, "--out", out),
        *("--report", report, "--sample-seed", 3, "--prepare", "never"),
    )
    inputs = ["--", *arguments[1:3]]
    ended = run_failing(_FAILS, *arguments[:1], *arguments[3:], *inputs, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    line = next(line for line in ended.stderr.splitlines() if "to make it again: " in line)
    program, _, command = line.partition("to make it again: ")[2].partition(" ")
    assert program == "mnist-batch"
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash, for its $'...'")
    again = subprocess.run(
        [bash, "-c", f"{shlex.join(COMMAND)} {command}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    made = {path.name: path.read_bytes() for path in (tmp_path / report).iterdir()}
    assert made.keys() == REPORT_FILES
    run(*arguments[:1], *arguments[3:], "--overwrite", *inputs, cwd=tmp_path)
    del made["metrics.json"], made["index.html"]  # they tell the time, or for CSV nothing of it
    if suffix == "csv":  # nor do the titles of figures then
        made = {name: made[name] for name in {*TABLES, "samples.png"} & {*made}}
    assert {name: (tmp_path / report / name).read_bytes() for name in made} == made


def test_a_list_on_standard_input_is_not_asked_for_again(tmp_path: Path, model: Path) -> None:
    """The command makes the rest of the report."""
    ended = run_failing(
        _FAILS,
        *("predict", "-", "--model", model, "--out", tmp_path / "a.csv", "--max-errors", 1),
        input="none.png\n",
    )
    assert ended.returncode == 0
    expected = f"mnist-batch evaluate {tmp_path}/a.csv --report {tmp_path}/a.report --overwrite\n"
    assert ended.stderr.endswith(expected)


_LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv[1:] = sys.argv[2:]
from mnist_batch.cli import main
main()
"""


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_disk_with_room_for_the_predictions_is_enough(
    tmp_path: Path, digits_folder: Path, model: Path, suffix: str
) -> None:
    """The pictures of the report are what does not fit."""
    out = tmp_path / f"out.{suffix}"
    out.write_text("old")
    arguments = ["predict", digits_folder, "--model", model, "--out", out, "--overwrite"]
    ended = subprocess.run(
        [sys.executable, "-c", _LIMITED, "16000", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    missing = "index.html, confusion_matrix.png, per_class.png, samples.png, mistakes.png"
    assert f"lacks {missing} (File too large)" in ended.stderr
    assert out.read_bytes() != b"old"
    assert names(tmp_path) == {out.name, "out.report"}
    assert names(tmp_path / "out.report") == TABLES


_LOCKED_UP = """
import sys
from pathlib import Path
import mnist_batch
folder, mode = Path(sys.argv[1]), int(sys.argv[2], 8)
summary = mnist_batch.predict(
    folder / "digits",
    folder / "out.csv",
    model=folder / "linear.h5",
    overwrite=True,
    progress=lambda _: (folder / "out.report").chmod(mode),
)
print(*summary.report_missing, summary.notes[-1], sep="|")
"""


@pytest.mark.parametrize(("mode", "why"), [("500", "cannot be written"), ("000", "denied")])
def test_a_report_folder_that_is_locked_up_costs_no_prediction(
    tmp_path: Path, digits_folder: Path, model: Path, mode: str, why: str
) -> None:
    """As an ordinary user, after the run has begun."""
    shutil.copytree(digits_folder / "1", tmp_path / "digits")
    shutil.copy(model, tmp_path / "linear.h5")
    with confined(tmp_path, user=True) as prefix:
        ended = subprocess.run(
            [*prefix, sys.executable, "-c", _LOCKED_UP, tmp_path, mode],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    *missing, note = ended.stdout.split("|")
    assert set(missing) == {"metrics.json", "index.html", "predictions.png", "samples.png"}
    assert why in note
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4
    (tmp_path / "out.report").chmod(0o700)


_STOPPED = """
def wait(*_):
    import os, subprocess, time
    subprocess.run(["sh", "-c", f"kill -{} {{os.getpid()}}"])  # from without, as a user does
    time.sleep(10)
report.Drawings.wait = wait
"""


@pytest.mark.parametrize(
    ("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_run_that_is_stopped_while_it_draws_has_predicted(
    tmp_path: Path, digits_folder: Path, model: Path, sent: signal.Signals, status: int
) -> None:
    """No report passes for one then, not even an earlier one; `--resume` makes it."""
    out = tmp_path / "out.parquet"
    arguments = ["predict", digits_folder, "--model", model, "--out", out]
    assert run(*arguments, "--labels", "none").returncode == 0
    before = out.read_bytes()
    ended = run_failing(
        _STOPPED.format(int(sent)),
        *(*arguments, "--overwrite"),
    )
    assert ended.returncode == status, ended.stderr
    assert out.read_bytes() != before
    assert not (tmp_path / "out.report" / "metrics.json").exists()
    if sent != signal.SIGKILL:
        note = f"note: {out} is complete, its report may not be; --resume completes it"
        assert ended.stderr.splitlines() == [note, "interrupted"]
    ended = run(*arguments, "--resume")
    assert ended.returncode == 0, ended.stderr
    assert names(tmp_path / "out.report") == REPORT_FILES
    assert names(tmp_path) == {"out.parquet", "out.report"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_report_belongs_to_one_of_many_runs(
    tmp_path: Path, digits_folder: Path, model: Path, overwrite: bool
) -> None:
    """The others are refused and leave nothing, or come later and replace all of it."""
    processes = []
    for digit in range(5):
        command = ["predict", f"{digits_folder}/{digit}", f"{digits_folder}/{digit + 5}"]
        command += [f"{digits_folder}/9"] * (digit < 4)
        command += ["--model", str(model), "--out", str(tmp_path / f"{digit}.parquet")]
        command += ["--report", str(tmp_path / "report"), *(["--overwrite"] * overwrite)]
        processes.append(
            subprocess.Popen(
                [*COMMAND, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        )
    messages = [process.communicate()[1] for process in processes]
    done = [place for place, process in enumerate(processes) if process.returncode == 0]
    assert done
    assert overwrite or len(done) == 1
    for place, process in enumerate(processes):
        if place not in done:
            assert process.returncode == 1
            assert "another run is writing it" in messages[place] or "already" in messages[place]
    assert names(tmp_path) == {"report", *(f"{place}.parquet" for place in done)}
    assert names(tmp_path / "report") == REPORT_FILES
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    inputs = metrics["run"]["options"]["inputs"]
    table = (tmp_path / "report" / "confusion_matrix.csv").read_text().splitlines()[1:]
    assert [list(map(int, row.split(",")[1:])) for row in table] == metrics["confusion_matrix"]
    assert int(Path(inputs[0]).name) in done


@pytest.mark.parametrize("option", ["--report", "--save-prepared"])
def test_nothing_goes_where_unfinished_predictions_are(
    tmp_path: Path, digits_folder: Path, model: Path, option: str
) -> None:
    """It would be deleted with them: refused at once, and nothing is touched."""
    out = tmp_path / "out.csv"
    for name in ("out.csv.staging", "out.csv", "x/../out.csv.staging/deep"):
        ended = run(
            *("predict", digits_folder, "--model", model, "--out", out, option, tmp_path / name)
        )
        assert ended.returncode == 1
        assert ended.stderr.startswith("error: ")
        assert ended.stderr.endswith("name another place for one of them\n") or (
            "which is for the unfinished predictions alone; name another place" in ended.stderr
        )
    assert names(tmp_path) == set()


def test_a_run_that_is_refused_keeps_the_parts_of_an_interrupted_one(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The report is locked before the parts are looked at."""
    (tmp_path / "out.csv.staging").mkdir()
    (tmp_path / "out.csv.staging" / "manifest.json").write_text('{"format": 0, "parts": []}')
    from mnist_batch.outputs.output_lock import OutputLock

    with OutputLock(tmp_path / "report", inside=True):
        ended = run(
            *("predict", digits_folder, "--model", model, "--out", tmp_path / "out.csv"),
            *("--report", tmp_path / "report"),
        )
    assert ended.returncode == 1
    assert "report: another run is writing it" in ended.stderr
    assert names(tmp_path) == {"out.csv.staging"}
    assert names(tmp_path / "out.csv.staging") == {"manifest.json"}
