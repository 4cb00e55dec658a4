"""`mnist-batch generate`: digits of every style, as files and as Parquet."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mnist_batch.options import Style
from mnist_batch.synthetic.generator import draw_pictures
from tests.support.command import run


@pytest.mark.parametrize("style", ["mnist", "paper", "photo", "screen"])
def test_digits_of_every_style_can_be_predicted(tmp_path: Path, model: Path, style: str) -> None:
    """Into a folder here: one file for each digit, and each is a row with a prediction."""
    out = tmp_path / "digits"
    drawn = run("generate", "--style", style, "--count", 10, "--seed", 3, "--out", out)
    assert (drawn.returncode, drawn.stdout) == (0, f"10 digits in {out}\n")
    pictures = list(draw_pictures(10, style=Style(style), seed=3))
    for digit, picture in enumerate(pictures):
        assert (out / f"{digit}/{digit:05d}{picture.suffix}").read_bytes() == picture.content
    predictions = tmp_path / "out.parquet"
    ended = run("predict", out, "--model", model, "--out", predictions, "--no-report")
    assert ended.returncode == 0, ended.stderr
    rows = pq.read_table(predictions).to_pylist()
    assert [row["label"] for row in rows] == list(range(10))
    assert not any(row["prediction"] is None for row in rows)


def test_a_style_goes_into_parquet_too(tmp_path: Path) -> None:
    """The same files as bytes of a column."""
    out = tmp_path / "digits.parquet"
    assert run("generate", "--style", "screen", "--count", 3, "--out", out).returncode == 0
    rows = pq.read_table(out).to_pylist()
    pictures = draw_pictures(3, style=Style.SCREEN)
    assert [row["image"]["bytes"] for row in rows] == [picture.content for picture in pictures]
