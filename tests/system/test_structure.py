"""The rules of where things live, which hold for every module: see CONTRIBUTING.md.

`make lint` runs these tests too. Which folder imports which, and the walls around libraries, are
the contracts of import-linter in pyproject.toml.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "mnist_batch"
MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in MODULES} - {PACKAGE})

MOST_AT_THE_ROOT = 6
MOST_IN_A_FOLDER = 12
MOST_LINES_OF_A_FUNCTION = 60
WITH_CODE = {"_kernels", "cli"}
OF_OPTIONS = {"cli", "commands", "tuning"}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _modules(folder: Path) -> list[str]:
    """Return the names of the modules of a folder, `__init__` left out: it holds no code there."""
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def _to_test(folder: Path) -> list[str]:
    """Return the names by which the tests of a folder call its modules."""
    if folder == PACKAGE:
        return [*(set(_modules(PACKAGE)) - {"__main__"}), "package", "main"]
    return _modules(folder)


def test_the_root_holds_what_every_folder_may_use() -> None:
    """Six modules at most, `__init__` and `__main__` among them."""
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_AT_THE_ROOT


@pytest.mark.parametrize("folder", FOLDERS, ids=_name)
def test_a_folder_can_be_taken_in_at_a_glance(folder: Path) -> None:
    """Twelve modules at most, `__init__` among them; with a thirteenth it has two subjects."""
    assert len(list(folder.glob("*.py"))) <= MOST_IN_A_FOLDER


@pytest.mark.parametrize("folder", [f for f in FOLDERS if f.name not in WITH_CODE], ids=_name)
def test_the_init_of_a_folder_only_says_what_the_folder_is(folder: Path) -> None:
    """So a name is imported from the one module that defines it.

    Those of two folders also hold what uses all modules of the folder: `cli` makes commands of
    them, `_kernels` says whether they are there.
    """
    (statement,) = ast.parse((folder / "__init__.py").read_text()).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)
    assert isinstance(statement.value.value, str)


def test_only_inputs_knows_the_kinds_of_shards() -> None:
    """Who handles a shard asks it, and a new format changes nothing outside inputs/."""
    outside = [path for path in MODULES if PACKAGE / "inputs" not in path.parents]
    kinds = r"isinstance\([^)]*Shard|case \w*Shard\("
    assert [_name(path) for path in outside if re.search(kinds, path.read_text())] == []


def _long_functions() -> Iterator[str]:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                is_table = path.parent.name in OF_OPTIONS and not node.name.startswith("_")
                first = node.body[0].lineno if is_table else node.lineno
                if node.end_lineno - first + 1 > MOST_LINES_OF_A_FUNCTION:
                    yield f"{_name(path)}: {node.name}"


def test_a_function_fits_on_a_screen() -> None:
    """Sixty lines at most, docstring and signature among them.

    The signature of a command, or of the library's function behind it, is a table of options.
    """
    assert list(_long_functions()) == []


def _tested(folder: Path) -> list[str]:
    """Return what the test modules of a folder are called after."""
    tests = ROOT / "tests" / folder.relative_to(PACKAGE)
    return [path.stem.removeprefix("test_") for path in tests.glob("test_*.py")]


def _is_of(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}_")


@pytest.mark.parametrize("folder", [PACKAGE, *FOLDERS], ids=_name)
def test_every_module_has_tests_of_its_name(folder: Path) -> None:
    """`test_<module>.py`, or `test_<module>_<aspect>.py`, in the folder of the same name."""
    tested = _tested(folder)
    modules = _to_test(folder)
    assert [one for one in modules if not any(_is_of(name, one) for name in tested)] == []


@pytest.mark.parametrize("folder", [PACKAGE, *FOLDERS], ids=_name)
def test_every_test_module_has_a_module_to_test(folder: Path) -> None:
    """A test module whose module was renamed is renamed with it."""
    modules = _to_test(folder)
    assert [name for name in _tested(folder) if not any(_is_of(name, m) for m in modules)] == []


def test_tests_lie_in_the_folders_of_the_package() -> None:
    """Beside them are support, which tests share, and system, which tries the whole command."""
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("*.py")}
    packages = {path.relative_to(PACKAGE) for path in FOLDERS}
    assert folders <= packages | {Path(), Path("support"), Path("support/forms"), Path("system")}
