"""Compiled code is made and loaded with nobody's settings, from nobody else's cache."""

import ast
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numba
import pytest
from numba.core.caching import _CacheLocator

from mnist_batch import _kernels
from mnist_batch._kernels import numba_settings, png

LOAD = (
    "from mnist_batch import _kernels; _kernels.load(); print(_kernels.ready(), _kernels.notes())"
)


class RunsACommand:
    """What a forged cache holds: unpickled, it makes a file in the working folder."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch ran",)


def forge_cache(folder: Path) -> None:
    """Write an index for each compiled function, as Numba finds it in its cache folder."""
    source = Path(png.__file__)
    find: Callable[[str], str] = _CacheLocator.get_suitable_cache_subpath
    within = folder / find(str(source))
    within.mkdir(parents=True)
    for function in ast.parse(source.read_text()).body:
        if isinstance(function, ast.FunctionDef):
            lines = {function.lineno, *(one.lineno for one in function.decorator_list)}
            for line in lines:
                python = f"py{sys.version_info[0]}{sys.version_info[1]}"
                index = within / f"png.{function.name}-{line}.{python}.nbi"
                index.write_bytes(pickle.dumps(numba.__version__) + pickle.dumps(RunsACommand()))


def loaded(folder: Path, program: str = LOAD, **variables: str) -> str:
    """Return what a program prints that is run in a folder."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.strip()


@pytest.fixture(scope="module", autouse=True)
def compiled_before() -> None:
    """What other tests load too, so that each process here only loads it."""
    _kernels.load()


def test_neither_files_nor_variables_decide(tmp_path: Path) -> None:
    """A forged cache is not even looked at; switched off or to be printed, it compiles in peace."""
    forge_cache(tmp_path / "cache")
    lines = ("cache_dir: cache", "disable_jit: 1", "dump_llvm: 1", "1: not a name")
    (tmp_path / ".numba_config.yaml").write_text("\n".join(lines))
    variables = {"NUMBA_CACHE_DIR": "cache", "NUMBA_DISABLE_JIT": "1", "NUMBA_DEBUG_CACHE": "1"}
    assert loaded(tmp_path).startswith("True")
    assert loaded(tmp_path, **variables).startswith("True")
    assert not (tmp_path / "ran").exists()


def test_the_forged_cache_would_have_run(tmp_path: Path) -> None:
    """Where Numba is told to look there: the trap of the test above is one."""
    forge_cache(tmp_path / "cache")
    program = "from mnist_batch._kernels import png; png.load()"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "NUMBA_CACHE_DIR": "cache"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode
    assert (tmp_path / "ran").exists()


def test_a_calling_program_keeps_its_settings(tmp_path: Path) -> None:
    """Variables, the file in its working folder, and what it has set in Numba itself."""
    (tmp_path / ".numba_config.yaml").write_text("debug_array_opt: 1\n")
    settings = (
        "print(os.environ['NUMBA_DISABLE_JIT'], config.DISABLE_JIT, config.DEBUG_ARRAY_OPT, "
        "config.CACHE_DIR, _kernels.ready(), 'yaml' in sys.modules)"
    )
    first = "import os, sys; from numba.core import config; config.CACHE_DIR = 'mine'\n"
    for program in (
        f"{first}{LOAD.replace('print', '#')}\n{settings}",
        f"{LOAD.replace('print', '#')}\n{first}config.reload_config(); {settings}",
    ):
        assert loaded(tmp_path, program, NUMBA_DISABLE_JIT="1").startswith("1 1 1 ")
        assert loaded(tmp_path, program, NUMBA_DISABLE_JIT="1").endswith(" True True")


def cache_folder() -> Path | None:
    """Return what is found now."""
    return numba_settings.cache_folder.__wrapped__()


def test_beside_the_package_comes_first() -> None:
    """Where it can be written."""
    beside = Path(png.__file__).parent / "__pycache__"
    place = beside if beside.exists() else beside.parent
    if not os.access(place, os.W_OK):
        pytest.skip("the package's folder cannot be written here")
    assert cache_folder() == beside


@pytest.fixture
def unwritable_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let somebody else be able to write beside the package, as good as nobody."""
    beside = tmp_path / "package" / "__pycache__"
    beside.mkdir(parents=True)
    beside.chmod(0o777)
    monkeypatch.setattr(numba_settings, "_BESIDE", beside)


@pytest.mark.usefixtures("unwritable_package")
def test_the_users_folder_comes_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In `XDG_CACHE_HOME`, or in the home; only absolute ones, and never in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected = tmp_path / "home" / ".cache" / "mnist-batch"
    assert cache_folder() == (expected if _all_safe(tmp_path) else None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder() == (tmp_path / "caches" / "mnist-batch" if _all_safe(tmp_path) else None)
    for home in ("", "~", "here"):
        monkeypatch.setenv("XDG_CACHE_HOME", home and f"{home}/caches")
        monkeypatch.setenv("HOME", home)
        assert cache_folder() is None
    monkeypatch.delenv("HOME")
    assert cache_folder() is None
    assert not {"~", "here", ".cache"} & {path.name for path in tmp_path.iterdir()}


def _all_safe(folder: Path) -> bool:
    return all(numba_settings._is_safe(one, above=True) for one in (folder, *folder.parents))


@pytest.mark.usefixtures("unwritable_package")
def test_a_folder_that_others_can_write_is_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is loaded from it is run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "mnist-batch").mkdir()
    for mode in (0o777, 0o1777):  # into a sticky one others put files of their own
        (tmp_path / "mnist-batch").chmod(mode)
        assert cache_folder() is None
    if os.geteuid() == 0:
        (tmp_path / "mnist-batch").chmod(0o700)
        os.chown(tmp_path / "mnist-batch", 65534, -1)
        assert cache_folder() is None
