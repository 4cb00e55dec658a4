"""Predictions are published on the hub by one commit, or not at all.

huggingface_hub reads its environment when it is imported, so every fact is seen from a process of
its own.
"""

import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import OutputError
from tests.support.command import COMMAND, run
from tests.support.hub_server import WritableHub

URI = "hf://datasets/team/digits/runs/today.parquet"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WritableHub]:
    """A data set with a README, on a hub that the processes of a test find."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    (folder / "README.md").write_text("# Digits\n")
    with WritableHub("team/digits", folder) as hub:
        for name, value in {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "home"),
            "HF_TOKEN": hub.TOKEN,
            "HF_HUB_DISABLE_XET": "1",  # else the hub's own protocol for large files is spoken
            "NO_PROXY": "127.0.0.1",
            "TMPDIR": str(tmp_path / "temporary"),
        }.items():
            monkeypatch.setenv(name, value)
        (tmp_path / "temporary").mkdir()
        yield hub


def test_a_run_is_one_commit_with_its_report(
    hub: WritableHub, digits_folder: Path, tmp_path: Path
) -> None:
    """The bytes are those of a run on this machine; nothing of it stays there."""
    done = run("predict", digits_folder, "--out", URI)
    assert done.returncode == 0, done.stderr
    assert URI in done.stdout
    ((summary, names),) = hub.commits
    assert summary == f"Predict with mnist-batch {mnist_batch.__version__}"
    assert {"runs/today.parquet", "runs/today.report/index.html"} <= set(names)
    here = tmp_path / "today.parquet"
    run("predict", digits_folder, "--out", here, "--no-report")
    published = tmp_path / "dataset" / "runs" / "today.parquet"
    assert pq.read_table(published).equals(pq.read_table(here))
    assert str(tmp_path / "temporary") not in (
        published.with_name("today.report") / "index.html"
    ).read_text(encoding="utf-8")
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_folder_is_published_and_replaced(
    hub: WritableHub, digits_folder: Path, tmp_path: Path
) -> None:
    """Parts of a run that was larger are deleted by the same commit; other files stay."""
    folder = tmp_path / "dataset" / "runs"
    folder.mkdir()
    for name in ("part-00000.parquet", "part-00009.parquet", "_SUCCESS", "notes.txt"):
        (folder / name).write_text("old")
    uri = "hf://datasets/team/digits/runs/"
    refused = run("predict", digits_folder, "--out", uri, "--no-report")
    assert refused.returncode == 1
    assert "exists already: runs/_SUCCESS; name another place or pass --over" in refused.stderr
    assert hub.commits == []
    done = run("predict", digits_folder, "--out", uri, "--no-report", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == [
        "_SUCCESS",
        "_manifest.json",
        "notes.txt",
        "part-00000.parquet",
    ]
    assert pq.read_table(folder / "part-00000.parquet").num_rows == 30


def test_nobodys_commit_is_undone(hub: WritableHub, digits_folder: Path, tmp_path: Path) -> None:
    """Where somebody was faster, nothing is published; the run is kept, with the way to do so."""
    hub.before_commit = lambda: hub.commits.append(("somebody's", []))
    done = run("predict", digits_folder, "--out", URI, "--quiet")
    assert done.returncode == 1
    assert "somebody has changed the data set" in done.stderr
    found = re.search(r"hf upload team/digits (\S+) runs --type dataset", done.stderr)
    assert found
    kept = Path(found[1])
    assert pq.read_table(kept / "today.parquet").num_rows == 30
    assert (kept / "today.report" / "index.html").is_file()
    assert not (tmp_path / "dataset" / "runs").exists()
    shutil.rmtree(kept)


def test_an_interrupt_leaves_the_run_and_says_where(
    hub: WritableHub, digits_folder: Path, tmp_path: Path
) -> None:
    """With the line that publishes it, as a shell takes it, which deletes parts that were there."""
    folder = tmp_path / "dataset" / "my runs"
    folder.mkdir()
    for name in ("part-00000.parquet", "part-00009.parquet", "_SUCCESS", "notes.txt"):
        (folder / name).write_text("old")
    uri = "hf://datasets/team/digits/my runs/"
    process = subprocess.Popen(
        [*COMMAND, "predict", digits_folder, "--out", uri, "--no-report", "--overwrite", "--quiet"],
        stderr=subprocess.PIPE,
        text=True,
    )

    def interrupt() -> None:
        process.send_signal(signal.SIGINT)
        process.wait()

    hub.before_commit = interrupt
    _, told = process.communicate()
    assert process.returncode == 130
    assert told.endswith("interrupted\n")
    pattern = r"^note: .* may not be published; all of it is kept in (\S+): (.*)$"
    found = re.search(pattern, told, re.MULTILINE)
    assert found
    assert pq.read_table(Path(found[1], "my runs", "part-00000.parquet")).num_rows == 30
    words = shlex.split(found[2])
    assert words[:3] == ["hf", "upload", "team/digits"]
    assert words[-2:] == ["--delete", "my runs/part-[0-9]*.parquet"]
    shutil.rmtree(found[1])


@pytest.mark.parametrize(
    ("uri", "token", "problem"),
    [
        (URI, "hf_wrong", "set HF_TOKEN to one that may"),
        (URI.replace("team", "other"), WritableHub.TOKEN, "no such data set, or the token"),
        (URI.replace("/runs", "@v9/runs"), WritableHub.TOKEN, "has no revision 'v9'"),
    ],
)
def test_what_the_hub_would_refuse_is_refused_before_anything_is_predicted(
    hub: WritableHub,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    uri: str,
    token: str,
    problem: str,
) -> None:
    """One line, which never holds the token; the INPUT, which is not there, is not looked for."""
    monkeypatch.setenv("HF_TOKEN", token)
    done = run("predict", tmp_path / "none", "--out", uri)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {uri}: ")
    assert done.stderr.count("\n") == 1
    assert problem in done.stderr
    assert token not in done.stderr
    assert hub.commits == []


def test_a_hub_that_is_down_is_a_failure_of_the_machine(
    hub: WritableHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One line at once, as nothing listens there."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    done = run("predict", tmp_path / "none", "--out", URI)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {URI}: the hub cannot be reached (")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("uri", "resume", "problem"),
    [
        ("hf://datasets/team/digits", False, "names a data set and nothing in it"),
        ("hf://datasets/team", False, "expected hf://datasets/OWNER/NAME"),
        (URI, True, "the hub keeps none; predict into a file"),
    ],
)
def test_what_cannot_be_published_is_refused_without_asking(
    uri: str, resume: bool, problem: str
) -> None:
    """The line says what to name instead."""
    with pytest.raises(OutputError, match=problem):
        mnist_batch.predict("none", uri, resume=resume)
