"""The working folder is not where modules are looked for."""

import site
import sys
from pathlib import Path

import pytest

from mnist_batch.machine import module_folders


@pytest.mark.parametrize("entry", ["", ".", "{}", "{}/", "{}/../{name}"])
def test_the_working_folder_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    """Whatever it is called; all others stay, in order."""
    before = [folder for folder in sys.path if folder and Path(folder) != Path.cwd()]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry.format(tmp_path, name=tmp_path.name), *before])
    module_folders.leave_out_working_folder()
    assert sys.path == before


def test_a_working_folder_of_installed_packages_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one looks at what is installed, it is found too."""
    folder = next(path for path in site.getsitepackages() if path in sys.path)
    monkeypatch.chdir(folder)
    assert folder in module_folders.without_working_folder()


@pytest.mark.usefixtures("removed_working_folder")
def test_a_working_folder_that_is_gone_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another may come in its place."""
    monkeypatch.setattr(sys, "path", ["", "/other"])
    assert module_folders.without_working_folder() == ["/other"]
