"""What examples/nightly/ offers to copy is right: each file is read by its rules, each line runs.

The lines run as cron, systemd and GitHub would run them, on drawn digits in other folders.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.nightly import simulate
from mnist_batch.synthetic import generator

PROJECT = Path(__file__).parent.parent.parent
EXAMPLES = PROJECT / "examples" / "nightly"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
CRON_FIELD = r"(?:\*|\d+(?:-\d+)?)(?:/\d+)?(?:,\d+(?:-\d+)?)*"


@pytest.fixture
def srv(tmp_path: Path) -> Path:
    """A folder in the place of /srv/digits: digits in its inbox, and no night yet."""
    generator.write_folder(tmp_path / "inbox", 30)
    (tmp_path / "runs").mkdir()
    return tmp_path


def _run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in a folder, with the command on the PATH."""
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": PATH, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _nights(runs: Path) -> list[str]:
    return [path.parent.name for path in runs.glob("*/run.json")]


def _cron_lines() -> Iterator[tuple[str, str]]:
    """Yield the schedule and the command of each line of the crontab, see crontab(5)."""
    for line in (EXAMPLES / "crontab").read_text().splitlines():
        if not line or line.startswith("#") or re.match(r"\w+=", line):
            continue
        *schedule, command = line.split(maxsplit=5)
        yield " ".join(schedule), command


def test_the_crontab_says_when_and_what() -> None:
    """Five fields and a command, where an unescaped percent sign would end it."""
    ((schedule, command),) = _cron_lines()
    assert re.fullmatch(rf"{CRON_FIELD}(?: {CRON_FIELD}){{4}}", schedule)
    assert not re.search(r"(?<!\\)%", command)


def test_the_line_of_the_crontab_makes_a_night_and_no_mail(srv: Path) -> None:
    """Cron mails what is printed: nothing, as nothing is wrong."""
    ((_, command),) = _cron_lines()
    ended = _run(command.replace("/srv/digits", str(srv)).replace(r"\%", "%"), srv)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert len(_nights(srv / "runs")) == 1


def test_the_line_of_the_crontab_mails_what_is_wrong(srv: Path) -> None:
    """An image that cannot be read is more than 0.1 % of 31."""
    (srv / "inbox" / "3" / "broken.png").write_bytes(b"no image")
    ((_, command),) = _cron_lines()
    ended = _run(command.replace("/srv/digits", str(srv)).replace(r"\%", "%"), srv)
    assert ended.returncode == 3
    assert "1 of 31" in ended.stderr
    assert "broken.png" in ended.stderr
    assert len(_nights(srv / "runs")) == 1


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """`systemd-analyze verify` has nothing to say of the service and its timer."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze on the PATH, which checks units")
    installed = str(Path(sys.executable).with_name("mnist-batch"))
    for unit in EXAMPLES.glob("mnist-batch-nightly.*"):
        text = unit.read_text().replace("/opt/mnist-batch/bin/mnist-batch", installed)
        (tmp_path / unit.name).write_text(text)
    units = [str(path) for path in sorted(tmp_path.iterdir())]
    assert [Path(unit).suffix for unit in units] == [".service", ".timer"]
    ended = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_the_line_of_the_service_makes_a_night(srv: Path) -> None:
    """Its summary goes to the journal."""
    (line,) = re.findall(
        r"^ExecStart=(.*)$", (EXAMPLES / "mnist-batch-nightly.service").read_text(), re.MULTILINE
    )
    command = line.replace("/opt/mnist-batch/bin/", "").replace("%%", "%")
    ended = _run(command.replace("/srv/digits", str(srv)), srv)
    assert ended.returncode == 0, ended.stderr
    assert len(_nights(srv / "runs")) == 1
    assert "30" in ended.stdout


def test_ten_nights_are_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As the script says: one night is worse, on one images are broken; each has its page."""
    few = {"feeder": ("mnist", 1000), "flatbed": ("paper", 10), "tablet": ("screen", 10)}
    monkeypatch.setattr(simulate, "SCANNERS", few)
    simulate.main(tmp_path / "demo")
    printed = capfd.readouterr().out
    statuses = re.findall(r"^(2026-11-\d\d): exit status (\d)", printed, re.MULTILINE)
    assert dict(statuses) == {
        night: {simulate.WORSE: "5", simulate.BROKEN: "3"}.get(night, "0")
        for night in simulate.NIGHTS
    }
    index = tmp_path / "demo" / "runs" / "index.html"
    assert f"open {index}" in printed
    assert all(f"{night}/predictions.report/" in index.read_text() for night in simulate.NIGHTS)


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    """The workflow for GitHub Actions, as YAML reads it."""
    read: dict[Any, Any] = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    return read


def test_the_workflow_runs_each_night_and_may_only_read(workflow: dict[Any, Any]) -> None:
    """The key `on` is True in YAML 1.1, which GitHub's reader and this one treat differently."""
    ((schedule,),) = (entry.values() for entry in workflow[True]["schedule"])
    assert re.fullmatch(rf"{CRON_FIELD}(?: {CRON_FIELD}){{4}}", schedule)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]


def test_the_actions_are_pinned(workflow: dict[Any, Any]) -> None:
    """To a commit, since a tag can be moved; the version stands beside it."""
    text = (EXAMPLES / "github-actions.yml").read_text()
    used = [step["uses"] for step in workflow["jobs"]["nightly"]["steps"] if "uses" in step]
    pinned = re.findall(r"uses: (actions/[\w/-]+@[0-9a-f]{40}) # v\d+\.\d+\.\d+$", text, re.M)
    assert used == pinned
    assert len(used) == 5


def test_the_workflow_keeps_the_nights_and_uploads_them(workflow: dict[Any, Any]) -> None:
    """What is restored, saved and uploaded is what the command writes, also if a gate is missed."""
    steps = workflow["jobs"]["nightly"]["steps"]
    by_action = {step["uses"].split("@")[0]: step for step in steps if "uses" in step}
    restore, save = by_action["actions/cache/restore"], by_action["actions/cache/save"]
    upload = by_action["actions/upload-artifact"]
    assert {step["with"]["path"] for step in (restore, save, upload)} == {"runs"}
    assert restore["with"]["key"] == save["with"]["key"]
    assert save["with"]["key"].startswith(restore["with"]["restore-keys"])
    assert save["if"] == upload["if"] == "${{ !cancelled() }}"


def test_the_steps_of_the_workflow_run(workflow: dict[Any, Any], tmp_path: Path) -> None:
    """In a checkout that is set up: two nights, with the summary where GitHub shows it."""
    for name in ("examples", "mnist_batch", "Makefile"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    lines = [step["run"] for step in workflow["jobs"]["nightly"]["steps"] if "run" in step]
    assert lines[0] == "make setup"
    for number in (1, 2):
        (command,) = lines[1:]
        summary = tmp_path / f"summary-{number}.md"
        ended = _run(f"{command} --name night-{number}", tmp_path, GITHUB_STEP_SUMMARY=str(summary))
        assert ended.returncode == 0, ended.stderr
        assert "100" in summary.read_text()
    assert sorted(_nights(tmp_path / "runs")) == ["night-1", "night-2"]
    assert (tmp_path / "runs" / "index.html").exists()
    assert shlex.split(lines[1])[0] == ".venv/bin/mnist-batch"
