"""What is given to others: the wheel, the image of a container, and the workflow that publishes."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement

from mnist_batch import _kernels
from tests.support.core_environment import PROJECT, ROOT, CoreEnvironment, installed_with

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def ignored(path: Path) -> bool:
    """Tell whether .dockerignore leaves a file out: the last line that fits decides."""
    left_out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!").removeprefix("**/")
            names = path.parts if "**/" in line else path.parts[:1]
            if any(fnmatch(name, pattern) for name in names):
                left_out = not line.startswith("!")
    return left_out


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of this checkout that an image is built from."""
    folder = tmp_path_factory.mktemp("context") / "source"
    for path in [*ROOT.glob("*"), *ROOT.glob("mnist_batch/**/*")]:
        if path.is_file() and not ignored(path.relative_to(ROOT)):
            place = folder / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
    return folder


@pytest.fixture(scope="module")
def wheel(context: Path) -> Path:
    """The wheel that is built from these files alone."""
    if not _kernels.ready():
        pytest.skip("the kernels are not compiled here")
    return _built(context, context.parent / "wheels")


def _built(source: Path, folder: Path, **environment: str) -> Path:
    """Build a wheel from a source into an empty folder, and return it."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*build, "--no-build-isolation", "--wheel-dir", str(folder), str(source)],
        check=True,
        env={**os.environ, **environment},
    )
    [path] = folder.iterdir()
    return path


def test_the_wheel_works_in_a_new_environment(wheel: Path, tmp_path: Path) -> None:
    """With the compiled kernels, the default model, and all that a report is made of."""
    core = CoreEnvironment(tmp_path / "environment", wheel)
    assert "compiled code" in core.command("--version", folder=tmp_path).stdout
    assert core.command("demo", "digits", folder=tmp_path).returncode == 0
    out = ("--out", "predictions.parquet", "--json")
    done = core.command("predict", "digits", *out, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accuracy"] == 1
    assert (tmp_path / "predictions.report" / "index.html").is_file()


def test_one_wheel_serves_all_versions_of_python(wheel: Path) -> None:
    """Of one platform; `make wheels` makes those for others."""
    assert re.fullmatch(r"mnist_batch-[\w.]+-py3-none-linux_\w+\.whl", wheel.name)


def test_the_wheel_has_no_sources_of_the_kernels(wheel: Path) -> None:
    """But all that the package reads: what is not code of C."""
    installed = {name for name in ZipFile(wheel).namelist() if not name.endswith((".so", "/"))}
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("mnist_batch/**/*")
        if path.is_file() and path.suffix not in {".c", ".h", ".so", ".pyc"}
    }
    assert {name for name in installed if name.startswith("mnist_batch/")} == expected


def test_without_a_compiler_a_wheel_is_built_all_the_same(context: Path, tmp_path: Path) -> None:
    """As by `pip install .`; Pillow decodes then, and a note says so, see `test_library`."""
    shutil.copytree(context, tmp_path / "source", ignore=shutil.ignore_patterns("build"))
    wheel = _built(tmp_path / "source", tmp_path / "wheels", CC="false")
    names = ZipFile(wheel).namelist()
    assert "mnist_batch/MNIST.h5" in names
    assert not [name for name in names if name.endswith(".so")]


def test_kernels_that_do_not_compile_leave_none_from_before(context: Path, tmp_path: Path) -> None:
    """Neither beside the sources nor in `build/`, from where a wheel would take them."""
    source = tmp_path / "source"
    shutil.copytree(context, source, ignore=shutil.ignore_patterns("build", "*.so"))
    kernels = source / "mnist_batch/_kernels"
    for path in {*kernels.glob("*.c")} - {kernels / "processor.c"}:  # one compiles fast
        path.unlink()
    build = [sys.executable, "setup.py", "build_ext", "--inplace"]
    first = subprocess.run(build, cwd=source, capture_output=True, text=True, check=True)
    if not (kernels / "plain.so").exists():
        pytest.skip(f"there is no compiler: {first.stderr}")
    with (kernels / "processor.c").open("a") as code:
        code.write("this is not C\n")
    second = subprocess.run(build, cwd=source, capture_output=True, text=True, check=True)
    assert "this is not C" in second.stderr
    assert [*source.rglob("*.so")] == []


def _steps(word: str) -> Iterator[str]:
    """Yield what follows a word in the Dockerfile, with lines that go on joined."""
    for line in re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines():
        if line.startswith(f"{word} "):
            yield line.removeprefix(f"{word} ")


def test_the_image_gets_the_versions_of_the_lock(tmp_path: Path) -> None:
    """Each requirement of the core, and theirs, without a hash: a wheel built there has none."""
    [select] = [step for step in _steps("RUN") if "requirements.lock" in step]
    command = shlex.split(select)[: shlex.split(select).index(">")]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pinned = [Requirement(line) for line in said.splitlines()]
    assert all(str(one.specifier).startswith("==") for one in pinned)
    names = {one.name for one in pinned}
    for one in installed_with(PROJECT["dependencies"]):
        assert re.sub("[-_.]+", "-", one.metadata["Name"]).lower() in names


def test_the_image_has_no_compiler_and_no_root() -> None:
    """What compiles stays in the first stage; a number names the user, for no account is needed."""
    first, last = re.split(r"^FROM .*$", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert "gcc" in first
    assert not re.search(r"^(RUN|ADD)", last, re.MULTILINE)
    assert re.findall(r"^COPY (.*)$", last, re.MULTILINE) == [
        "--from=build /opt/mnist-batch /opt/mnist-batch"
    ]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", last, re.MULTILINE)
    base, final = (step.removesuffix(" AS build") for step in _steps("FROM"))
    assert base == final  # the environment names that Python


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    """The workflow of a release."""
    read: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    return read


def test_only_the_job_that_publishes_gets_a_token(workflow: dict[Any, Any]) -> None:
    """A short-lived one, which PyPI gives for this workflow; it runs no code of the checkout."""
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    assert [name for name, job in jobs.items() if "permissions" in job] == ["publish"]
    publish = jobs["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"]["name"] == "pypi"
    assert not [step for step in publish["steps"] if "run" in step or "checkout" in step["uses"]]
    assert "secrets" not in (ROOT / ".github/workflows/release.yml").read_text()


def test_what_is_published_was_tried(workflow: dict[Any, Any]) -> None:
    """On both platforms and each version of Python that the package names."""
    jobs = workflow["jobs"]
    assert set(jobs["publish"]["needs"]) == {"build", "try"}
    named = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if "Python :: 3." in one]
    assert jobs["try"]["strategy"]["matrix"]["python"] == named
    targets = [
        step["run"] for name in ("build", "try") for step in jobs[name]["steps"] if "run" in step
    ]
    makefile = (ROOT / "Makefile").read_text()
    for target in [one.removeprefix("make ") for one in targets if one.startswith("make ")]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    assert "make wheels" in targets
    assert "make try-wheel" in targets


def test_the_actions_are_pinned(workflow: dict[Any, Any]) -> None:
    """To a commit, since a tag can be moved; the version stands beside it."""
    text = (ROOT / ".github/workflows/release.yml").read_text()
    used = [
        step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step
    ]
    pinned = re.findall(r"uses: ([\w/-]+@[0-9a-f]{40}) # v\d+\.\d+\.\d+$", text, re.MULTILINE)
    assert used == pinned
