"""The first functions that run in a worker put right where it looks for modules and files."""

import sys
from pathlib import Path

import pytest

from mnist_batch.engines.ray_cluster import sent


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let this process look and work elsewhere meanwhile, as if the package were not imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mnist_batch")
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_a_worker_finds_no_module_in_the_folders_of_the_driver(tmp_path: Path) -> None:
    """Ray has put them in front; what stands further behind was there before, and stays."""
    script, working = str(tmp_path / "script"), str(tmp_path)
    before = [*sys.path, working]
    sys.path[:] = [working, script, *before]
    sent.settle([script, working])
    assert sys.path == before
    sys.modules["mnist_batch"] = sys
    sys.path.insert(0, working)
    sent.settle([script, working])
    assert sys.path == [working, *before], "a worker that runs its second task is settled"


def test_a_worker_works_in_the_folder_of_the_driver(tmp_path: Path) -> None:
    """Relative paths mean the same; where the folder is not there, absolute ones do."""
    (tmp_path / "work").mkdir()
    sent.settle([str(tmp_path / "script"), str(tmp_path / "work")])
    assert Path.cwd() == tmp_path / "work"
    sent.settle([str(tmp_path / "script"), str(tmp_path / "missing")])
    assert Path.cwd() == tmp_path / "work"
