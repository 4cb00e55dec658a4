"""A second Python finds what the first one finds, and nothing else decides what it imports."""

import os
import site
import subprocess
import sys
from pathlib import Path

import pytest

import mnist_batch
from mnist_batch.machine import isolated_python


def printed(program: str, *arguments: str) -> str:
    """Return what a program prints in an isolated Python."""
    command = isolated_python.command(program, *arguments)
    variables = isolated_python.variables()
    return subprocess.run(
        command, env=variables, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_it_finds_the_same_package_and_libraries() -> None:
    """With its arguments where a program expects them."""
    program = "import numpy; print(mnist_batch.__file__, numpy.__file__, sys.argv[1:])"
    import numpy as np

    expected = f"{mnist_batch.__file__} {np.__file__} ['a\\nb', 'c']"
    assert printed(program, "a\nb", "c") == expected.replace("\n", "\\n")


def test_it_is_isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From modules in the working folder, PYTHONPATH, `sitecustomize` and others' variables."""
    for name in ("sitecustomize", "usercustomize", "numpy", "typing", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(7)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "json.py"))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    program = "import json, numpy, os; print(os.environ.get('OMP_NUM_THREADS'), sys.path[0])"
    first = next(path for path in sys.path if path and Path(path) != tmp_path)
    assert printed(program) == f"None {first}"


def test_a_folder_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a line break too."""
    folder = tmp_path / "a\nb"
    folder.mkdir()
    (folder / "only_there.py").touch()
    monkeypatch.syspath_prepend(str(folder))
    assert printed("import only_there; print(sys.argv[1:])", "c\nd") == r"['c\nd']"


def test_a_working_folder_of_installed_packages_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one looks at what is installed, it is found too."""
    folder = next(path for path in site.getsitepackages() if path in sys.path)
    monkeypatch.chdir(folder)
    assert printed(f"print(sys.path.count({folder!r}))") == str(sys.path.count(folder))


def test_it_does_not_change_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of the calling program are its own."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    before = dict(os.environ)
    printed("")
    assert os.environ == before
