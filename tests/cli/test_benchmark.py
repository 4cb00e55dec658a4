"""`mnist-batch benchmark`: a table, and a command to copy."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

import mnist_batch
from mnist_batch.cli.benchmark import benchmark
from mnist_batch.tuning.benchmark import NotSavedError
from mnist_batch.tuning.recommendation import BenchmarkResult
from tests.support.command import run


def test_the_benchmark_recommends(digits_folder: Path, model: Path) -> None:
    """A table and a command on standard output, notes elsewhere."""
    arguments = ("benchmark", digits_folder, "--model", model, "--batch-sizes", "64, 32")
    ended = run(*arguments, "--seconds", 0)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"images       all of 30: {digits_folder}\n")
    assert re.search(r"\nnetwork +numpy, cpu +32 +\d+ +[\d,]+ +\d+%\n", ended.stdout)
    assert re.search(r"\n(read|decode|network) binds: [\d,]+ images/s; ", ended.stdout)
    assert ended.stdout.splitlines()[-1].startswith(f"mnist-batch predict {digits_folder} --out ")


def test_a_benchmark_without_input_draws_digits(model: Path) -> None:
    """And says so, here as JSON."""
    arguments = ("benchmark", "--model", model, "--batch-sizes", "256", "--seconds", 0)
    result = json.loads(run(*arguments, "--json").stdout)
    assert (result["generated"], result["rows_used"]) == (True, 2000)
    assert result["recommended"]["command"].startswith("mnist-batch predict INPUT --out ")


def test_a_run_is_saved_and_judges_the_next(model: Path, tmp_path: Path) -> None:
    """In the working folder; none is replaced."""
    arguments = ("benchmark", "--model", model, "--batch-sizes", "256", "--seconds", 0)
    first = run(*arguments, "--save", "before", cwd=tmp_path)
    assert first.stdout.endswith("\nsaved as .mnist-batch/benchmarks/before.json\n"), first.stderr
    again = run(*arguments, "--save", "before", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (1, "")
    assert "before.json exists already; save under another name" in again.stderr
    page = run(*arguments, "--against", "before", cwd=tmp_path).stdout
    assert re.search(r"\nverdict +(faster|slower|cannot tell): \d\.\d\d times as fast", page)


@pytest.mark.parametrize("option", ["--save", "--against"])
def test_a_name_that_is_none_is_a_usage_error(option: str, tmp_path: Path) -> None:
    """Before anything is read or written."""
    ended = run("benchmark", option, "../up", cwd=tmp_path)
    assert ended.returncode == 2
    assert "expected a name of up to 100 letters" in " ".join(ended.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_not_saved_is_one_line(tmp_path: Path) -> None:
    """With what to do."""
    ended = run("benchmark", "--against", "before", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "does not exist; save a run first, with --save NAME" in ended.stderr


def test_a_run_that_cannot_be_saved_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the error, so that nothing that was measured is lost."""
    result = SimpleNamespace(notes=[], record=lambda: {"rows": 7})

    def fail(*_: object, **__: object) -> None:
        raise NotSavedError("before.json exists already", cast(BenchmarkResult, result))

    monkeypatch.setattr(mnist_batch, "benchmark", fail)
    with pytest.raises(NotSavedError):
        benchmark(reading=SimpleNamespace(), save="before", as_json=True)  # type: ignore[arg-type] # of tests
    assert capsys.readouterr().out == '{"rows": 7}\n'
