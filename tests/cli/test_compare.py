"""`mnist-batch compare`: what it prints, and its exit status."""

import json
from pathlib import Path

import pytest

from tests.support.command import run
from tests.support.predictions_files import write_predictions


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """400 rows, of which 40 fours are read as nines now."""
    folder = tmp_path_factory.mktemp("files")
    labels = [4] * 200 + [7] * 200
    base = write_predictions(folder / "base.parquet", labels, labels)
    new = write_predictions(folder / "new.parquet", labels, [9] * 40 + labels[40:])
    return base, new


def test_a_worse_run_ends_with_status_5(worse: tuple[Path, Path]) -> None:
    """The result on standard output, why on standard error."""
    ended = run("compare", *worse)
    assert ended.returncode == 5
    assert ended.stdout.startswith("regressed: accuracy 0.9000, was 1.0000\n")
    assert ended.stderr == (
        "error: worse than the base beyond chance and --max-drop 0.1: in all, and on digit 4\n"
    )


def test_a_better_run_ends_with_status_0(worse: tuple[Path, Path]) -> None:
    """As does one that does not differ, and one whose drop is let pass."""
    base, new = worse
    assert run("compare", new, base).returncode == 0
    assert run("compare", base, base).returncode == 0
    ended = run("compare", base, new, "--max-drop", "20")
    assert ended.returncode == 0
    assert "note: accuracy dropped beyond chance, by 10.00 points" in ended.stderr


def test_json_is_one_line(worse: tuple[Path, Path], tmp_path: Path) -> None:
    """With all numbers and the names of the files."""
    ended = run("compare", *worse, "--json", "--out", tmp_path / "out", "--quiet")
    record = json.loads(ended.stdout)
    assert ended.stdout.count("\n") == 1
    assert (record["verdict"], record["overall"]["newly_wrong"]) == ("regressed", 40)
    assert record["files"][0] == str(tmp_path / "out" / "index.html")


def test_other_images_are_refused_in_one_line(worse: tuple[Path, Path], tmp_path: Path) -> None:
    """Status 1, and nothing is written."""
    other = write_predictions(tmp_path / "other.csv", [1], [1], sources=["another"])
    ended = run("compare", worse[0], other, "--out", tmp_path / "out")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"error: {other} and {worse[0]} have 0 images in common")
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_images_without_a_page_are_wrong_usage(worse: tuple[Path, Path]) -> None:
    """Status 2."""
    ended = run("compare", *worse, "--images", worse[0])
    assert ended.returncode == 2
    assert "page of --out" in ended.stderr
