"""Tests of `mnist-batch evaluate`."""

from pathlib import Path

from tests.support.command import run


def test_evaluate_prints_what_predict_printed(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The same table again."""
    out = tmp_path / "out.parquet"
    first = run("predict", digits_folder, "--model", model, "--out", out)
    again = run("evaluate", out, "--images", digits_folder, "--overwrite")
    assert again.returncode == 0
    assert again.stdout == first.stdout
