"""`mnist-batch merge` and `predict --shard`: what they print, and their exit status."""

import json
from pathlib import Path

import pytest

from tests.support.command import run


@pytest.fixture
def shards(tmp_path: Path, digits_folder: Path) -> list[Path]:
    """Two shards of thirty digits, of which the second has all."""
    folders = [tmp_path / "shard-1", tmp_path / "shard-2"]
    for number, folder in enumerate(folders, 1):
        shard = ("--shard", f"{number}/2", "--no-report", "--quiet")
        ended = run("predict", digits_folder, "--out", f"{folder}/", *shard)
        assert (ended.returncode, ended.stderr) == (0, "")
    return folders


def test_shards_are_joined_and_evaluated(tmp_path: Path, shards: list[Path]) -> None:
    """Metrics, the predictions and their report; with `--json` the same for machines."""
    out = tmp_path / "all.parquet"
    ended = run("merge", *shards, "--out", out)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("accuracy ")
    assert f"predictions  {out}" in ended.stdout
    assert (tmp_path / "all.report" / "index.html").exists()
    again = run("merge", *shards, "--out", out, "--overwrite", "--json", "--quiet")
    assert (again.returncode, again.stderr) == (0, "")
    result = json.loads(again.stdout)
    assert result["rows"] == 30
    assert result["run"]["shards"] == 2


def test_the_result_of_a_shard_names_it(tmp_path: Path, digits_folder: Path) -> None:
    """What all shards make together names none."""
    where = ("--out", f"{tmp_path}/second/", "--no-report", "--json", "--quiet")
    shard = run("predict", digits_folder, *where, "--shard", "2/2")
    assert json.loads(shard.stdout)["shard"] == "2/2"
    whole = run("predict", digits_folder, *where, "--overwrite")
    assert json.loads(whole.stdout)["shard"] is None


def test_a_missing_shard_is_one_line(tmp_path: Path, shards: list[Path]) -> None:
    """It names the shard, and says what to do; nothing is written."""
    ended = run("merge", shards[1], "--out", tmp_path / "all.parquet")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "error: shard 1/2 is missing; predict with --shard 1/2, and name its folder too\n"
    )
    assert not (tmp_path / "all.parquet").exists()


def test_errors_and_accuracy_are_gates_as_of_predict(tmp_path: Path) -> None:
    """Statuses 3 and 4, the output written all the same."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.png").write_bytes(b"no image")
    shard = tmp_path / "bad"
    ended = run(
        *("predict", tmp_path / "in", "--out", f"{shard}/", "--shard", "1/1"),
        *("--no-report", "--max-errors", "1"),
    )
    assert ended.returncode == 0, ended.stderr
    ended = run("merge", shard, "--out", tmp_path / "bad.parquet", "--no-report")
    assert ended.returncode == 3
    assert "rows without a prediction: 1 of 1" in ended.stderr
    ended = run(
        *("merge", shard, "--out", tmp_path / "bad.csv", "--no-report"),
        *("--max-errors", "1", "--min-accuracy", "0.5"),
    )
    assert ended.returncode == 4
    assert (tmp_path / "bad.csv").exists()


@pytest.mark.parametrize("shard", ["4/3", "one", "0/2"])
def test_what_is_no_share_is_wrong_usage(tmp_path: Path, digits_folder: Path, shard: str) -> None:
    """Before anything starts; and a share is about what is written."""
    ended = run("predict", digits_folder, "--out", f"{tmp_path}/out/", "--shard", shard)
    assert ended.returncode == 2
    assert "expected a share such as 1/3" in " ".join(ended.stderr.split())
    ended = run("predict", digits_folder, "--shard", "1/3")
    assert ended.returncode == 2
    assert "give --out DIR/ too" in " ".join(ended.stderr.split())
