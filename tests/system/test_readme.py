"""What the README and the helps say is what happens: their commands run, their output is shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_batch.cli.app import app
from mnist_batch.synthetic import generator
from tests.support.hub_server import HubServer

PROJECT = Path(__file__).parent.parent.parent
README = (PROJECT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ ((?:.*\| )?mnist-batch .*)$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user whose Hugging Face is a small one on this machine."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HOME": str(tmp_path_factory.mktemp("hub-cache")),
    }


def _run(command: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a shell command as a reader of the README would, and return its output."""
    ended = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{command}\n{ended.stderr}"
    return ended.stdout


def test_every_command_of_the_readme_works(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    environment: dict[str, str],
) -> None:
    """In the order in which they stand there, in a checkout."""
    (tmp_path / "examples").symlink_to(PROJECT / "examples")
    (tmp_path / "mnist_batch").symlink_to(PROJECT / "mnist_batch")
    mnist = tmp_path_factory.mktemp("hub") / "mnist"
    mnist.mkdir()
    generator.write_parquet(mnist / "train-00000-of-00001.parquet", 200)
    generator.write_parquet(mnist / "test-00000-of-00001.parquet", 50, seed=1)
    assert len(COMMANDS) > 8
    with HubServer({"ylecun/mnist": mnist.parent}) as hub:
        for command in COMMANDS:
            _run(command, tmp_path, {**environment, "HF_ENDPOINT": hub.url})


def test_every_command_is_in_the_readme() -> None:
    """By name, in a line that can be copied."""
    names = [command.callback.__name__ for command in app.registered_commands if command.callback]
    assert names
    for name in names:
        assert any(re.search(rf"mnist-batch {name}\b", command) for command in COMMANDS)


def test_the_examples_of_the_helps_work(tmp_path: Path, environment: dict[str, str]) -> None:
    """On a folder of the name that they use."""
    generator.write_folder(tmp_path / "digits", 100)
    (tmp_path / "mnist").symlink_to("digits")
    epilogs = [str(command.epilog) for command in app.registered_commands]
    for epilog in sorted(
        epilogs, key=lambda text: "predict" not in text
    ):  # evaluate needs its file
        _run(epilog.removeprefix("Example: "), tmp_path, environment)


def test_the_output_in_the_readme_is_what_the_demo_prints(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """But for the speed, which differs from run to run."""
    (tmp_path / "examples").symlink_to(PROJECT / "examples")
    (tmp_path / "build" / "demo").mkdir(parents=True)
    makefile = (PROJECT / "Makefile").read_text()
    (command,) = re.findall(r"\$\(BIN\)/(mnist-batch predict examples/digits .*)", makefile)
    printed = _run(command, tmp_path, environment).strip()
    (shown,) = re.findall(r"^```text\n(accuracy .*?)\n```$", README, re.MULTILINE | re.DOTALL)
    assert _without_speed(shown) == _without_speed(printed)


def _without_speed(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.startswith("speed ")]
    assert len(lines) == len(text.splitlines()) - 1
    return lines


def test_the_python_of_the_readme_runs(tmp_path: Path, environment: dict[str, str]) -> None:
    """As it stands there."""
    (tmp_path / "examples").symlink_to(PROJECT / "examples")
    (code,) = re.findall(r"^```python\n(.*?)```$", README, re.MULTILINE | re.DOTALL)
    (tmp_path / "readme.py").write_text(code)
    printed = _run("python readme.py", tmp_path, environment)
    assert re.match(r"[01]\.\d+ \[", printed)


def test_the_examples_run(tmp_path: Path, environment: dict[str, str]) -> None:
    """Both scripts, on the sample digits."""
    examples = PROJECT / "examples"
    assert "confidence" in _run(f"python {examples}/hard_digits.py", tmp_path, environment)
    printed = _run(f"python {examples}/compare_models.py", tmp_path, environment)
    assert re.fullmatch(r"0-default: accuracy [01]\.\d{3} \(.*\)\n", printed)
