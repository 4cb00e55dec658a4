"""Documents tell the truth: their commands run, what they show is printed, their links lead on."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import typer
from typer.testing import CliRunner

import mnist_batch
from mnist_batch.cli import command_line
from mnist_batch.synthetic import generator
from tests.support.hub_server import HubServer
from tests.support.s3_server import Bucket, environment_of, s3_server

PROJECT = Path(__file__).parent.parent.parent
DOCUMENTS = {
    path.relative_to(PROJECT).as_posix(): path.read_text()
    for path in sorted(
        [
            *PROJECT.glob("*.md"),
            *PROJECT.glob("docs/**/*.md"),
            PROJECT / "benchmarks" / "RESULTS.md",
            PROJECT / "mnist_batch" / "MODEL_CARD.md",
        ]
    )
}
COMMANDS = typer.main.get_group(command_line()).commands
TARGETS = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
LINE = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """A command of a document, or a script in Python, and the output that it is shown with."""

    command: str
    shown: str


def _steps(text: str) -> list[Step]:
    """Return what a reader of a document runs, in order."""
    steps = []
    for language, content in FENCE.findall(text):
        if language == "console":
            for command, shown in LINE.findall(content):
                steps.append(Step(command.split("  #")[0].strip(), shown))
        elif language == "python":
            steps.append(Step(f"python -c {shlex.quote(content)}", ""))
    return steps


STEPS = {name: steps for name, text in DOCUMENTS.items() if (steps := _steps(text))}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a user whose Hugging Face and object storage are on this machine."""
    mnist = tmp_path_factory.mktemp("hub") / "mnist"
    mnist.mkdir()
    generator.write_parquet(mnist / "train-00000-of-00001.parquet", 200)
    generator.write_parquet(mnist / "test-00000-of-00001.parquet", 50, seed=1)
    with HubServer({"ylecun/mnist": mnist.parent}) as hub, s3_server() as endpoint:
        bucket = Bucket("handwriting", endpoint)
        bucket.create()
        bucket.put_folder(PROJECT / "examples" / "digits", "digits")
        yield {
            **{name: os.environ[name] for name in os.environ if not name.startswith("MAKE")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HF_HOME": str(tmp_path_factory.mktemp("hub-cache")),
            "HF_ENDPOINT": hub.url,
            **environment_of(endpoint),
        }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh folder with what the documents expect in a checkout."""
    for name in ("examples", "mnist_batch", "Makefile"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


def _run(command: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a shell command as a reader would, and return its output."""
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


def _pattern(shown: str) -> str:
    """Return the pattern of outputs that a document shows truly: `...` stands for any lines.

    The numbers in a line of speed differ from run to run.
    """
    lines = []
    for line in shown.strip("\n").splitlines():
        if line == "...":
            lines.append(r"(?:.*\n)*")
        elif line.startswith("speed "):
            pieces = re.split(r"[\d,.]*\d", line)
            lines.append(r"[\d,.]+".join(re.escape(piece) for piece in pieces) + r" *\n")
        else:
            lines.append(re.escape(line.rstrip()) + r" *\n")
    return "".join(lines)


@pytest.mark.parametrize("name", STEPS)
def test_what_a_document_runs_works_and_prints_what_is_shown(
    name: str, checkout: Path, environment: dict[str, str]
) -> None:
    """In the order of the document, in a fresh folder; of make, all but the demo only by name."""
    for command, shown in STEPS[name]:
        if command == "make" or command.startswith("git clone "):
            continue
        if command == "make demo":
            command = "make -o .venv/.ready demo"  # nothing is installed
        elif command.startswith("make "):
            assert command.split()[1] in TARGETS, command
            continue
        else:
            assert re.search(r"^python -c |(?:^|\| )mnist-batch ", command), command
        printed = _run(command, checkout, environment)
        assert not shown or re.fullmatch(_pattern(shown), printed), printed


def test_a_shown_output_is_compared_by_all_but_the_speed() -> None:
    """And by all but the lines for which `...` stands."""
    shown = "rows   5\n...\nspeed  1,053 images/s, 0.10 s in all\n"
    assert re.fullmatch(_pattern(shown), "rows   5  \na\nb\nspeed  7 images/s, 11.5 s in all\n")
    assert re.fullmatch(_pattern(shown), "rows   5\nspeed  2,100,053 images/s, 3 s in all\n")
    assert not re.fullmatch(_pattern(shown), "rows   6\nspeed  7 images/s, 11.5 s in all\n")
    assert not re.fullmatch(_pattern(shown), "rows   5\nspeed  7 images/s, 11.5 s in part\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_an_example_in_its_help_and_a_line_in_the_documents(command: str) -> None:
    """A line that can be copied, and is run by the test above."""
    assert re.match(rf"Example: mnist-batch {command} ", str(COMMANDS[command].epilog))
    lines = [step.command for steps in STEPS.values() for step in steps]
    assert any(re.search(rf"mnist-batch {command}\b", line) for line in lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_a_help_works(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On folders of the names that it uses, beside predictions."""
    for name in ("digits", "mnist"):
        (tmp_path / name).symlink_to(PROJECT / "examples" / "digits")
    monkeypatch.chdir(tmp_path)
    example = str(COMMANDS[command].epilog).removeprefix("Example: mnist-batch ")
    for name in re.findall(r"\S+\.parquet", example) if command in ("evaluate", "compare") else ():
        mnist_batch.predict("digits", name, report=False)
    for number in (1, 2) if command == "merge" else ():
        mnist_batch.predict("digits", f"shard-{number}/", shard=f"{number}/2", report=False)
    if command == "history":
        mnist_batch.nightly("digits", "nights")
    result = CliRunner().invoke(command_line(), shlex.split(example))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("hard_digits.py", r"unsure of \d+ digits; the least sure:\n(?s:.*)"),
        ("compare_models.py", r"0-default: accuracy [01]\.\d{3} \(.*\)\n"),
        ("handwriting.py drawn.png", ""),
    ],
)
def test_the_examples_run(
    script: str, printed: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    """On the sample digits, or on pictures that they draw."""
    assert re.fullmatch(printed, _run(f"python {PROJECT}/examples/{script}", tmp_path, environment))


def _anchors(text: str) -> set[str]:
    """Return the anchors of a document: its headings', and the names that API pages describe."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r"^::: (.*)$", text, re.MULTILINE))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_link_leads_to_something(name: str) -> None:
    """A file of the repository, its anchor, a picture; of other sites only the form counts."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", DOCUMENTS[name]))
    for link in re.findall(r"\]\(([^)]*)\)", text):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            assert re.fullmatch(r"https://[\w.-]+\.\w+(/[\w./#-]*)?", link), link
            continue
        target = (PROJECT / name).parent / parts.path if parts.path else PROJECT / name
        assert target.is_file(), link
        found = target.resolve().relative_to(PROJECT.resolve()).as_posix()
        assert not parts.fragment or parts.fragment in _anchors(DOCUMENTS[found]), link


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_path_and_target_that_a_document_names_exists(name: str) -> None:
    """In backticks: paths below the folders of code, tests and documents, and targets of make."""
    roots = r"`((?:mnist_batch|tests|benchmarks|docs|examples)/[\w./-]*)`"
    for path in re.findall(roots, FENCE.sub("", DOCUMENTS[name])):
        assert (PROJECT / path).exists(), path
    assert set(re.findall(r"`make ([a-z-]+)", FENCE.sub("", DOCUMENTS[name]))) <= set(TARGETS)


def test_the_architecture_shows_every_folder_and_the_layers_that_are_checked() -> None:
    """A line in its table each, and in the figure the order of import-linter's contract."""
    text = DOCUMENTS["docs/architecture.md"]
    folders = {path.parent.name for path in PROJECT.glob("mnist_batch/*/__init__.py")}
    assert set(re.findall(r"^\| `mnist_batch/(\w+)/` \|", text, re.MULTILINE)) == folders
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    shown = re.search(r"^cli  (?:.|\n)*?errors$", text, re.MULTILINE)
    assert shown
    lines = [line.split("    ")[0].split() for line in shown[0].splitlines()]
    assert lines == [layer.split(" | ") for layer in layers if layer != "__main__"]


def test_each_public_name_is_on_an_api_page() -> None:
    """The errors all together, as a module."""
    pages = "".join(text for name, text in DOCUMENTS.items() if name.startswith("docs/api/"))
    described = set(re.findall(r"^::: mnist_batch\.(\w+)$", pages, re.MULTILINE))
    errors = {name for name in mnist_batch.__all__ if name.endswith("Error")}
    assert described - {"errors"} == set(mnist_batch.__all__) - errors - {"__version__"}
    assert "errors" in described


def test_the_readme_is_short() -> None:
    """What does not fit is in docs/."""
    assert len(DOCUMENTS["README.md"].splitlines()) <= 150


def test_the_changelog_begins_with_this_version() -> None:
    """Or, while it is developed, with what is not released yet, under the version to come."""
    first = re.search(r"^## (.*)$", DOCUMENTS["CHANGELOG.md"], re.MULTILINE)
    assert first is not None
    to_come = mnist_batch.__version__.removesuffix(".dev0")
    if to_come != mnist_batch.__version__:
        assert first[1] == f"Unreleased: {to_come}"
    else:
        assert re.fullmatch(rf"{re.escape(to_come)} - \d{{4}}-\d\d-\d\d", first[1])
