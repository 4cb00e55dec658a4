"""`mnist-batch pack`: what it prints, and its exit status."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from mnist_batch.cli.pack import pack_page
from mnist_batch.commands.pack import PackSummary
from mnist_batch.synthetic import generator
from tests.support.command import printed, run

DIGIT = generator.draw_digit(4, np.random.default_rng(0))


def test_packing_says_what_it_did(tmp_path: Path, digits_folder: Path) -> None:
    """Rows, size and speed on standard output; with `--json` the same for machines."""
    out = tmp_path / "packed.parquet"
    ended = run("pack", digits_folder, "--out", out)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("30 of 30 rows with an image; 30 with a label\n")
    assert f"packed       {out}\nsize " in ended.stdout
    again = run("pack", out, "--out", tmp_path / "again.parquet", "--json")
    result = json.loads(again.stdout)
    assert (result["rows"], result["labelled"]) == (30, 30)
    assert result["packed_file"] == str(tmp_path / "again.parquet")


def test_rows_without_an_image_are_status_3(tmp_path: Path) -> None:
    """Packed all the same, with their reasons; notes can be left out."""
    Image.fromarray(255 - DIGIT).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"not an image")
    Image.new("L", (40, 40)).save(tmp_path / "c.png")
    out = tmp_path / "packed.parquet"
    arguments = ("pack", f"{tmp_path}/*.png", "--out", out, "--overwrite", "--labels", "none")
    ended = run(*arguments)
    assert ended.returncode == 3
    assert ended.stderr == (
        "note: images that were not in MNIST form, brought to it: 1\n"
        "error: rows without an image: 2 of 3, more than --max-errors 0 "
        f"(b.png: not an image; c.png: no digit found); everything is in {out}\n"
    )
    assert re.search(
        r"Rows without an image\n *1 +not an image *\n *1 +no digit found", ended.stdout
    )
    assert pq.read_table(out)["error"].to_pylist() == [None, "not an image", "no digit found"]
    allowed = run(*arguments, "--max-errors", 2, "--quiet")
    assert (allowed.returncode, allowed.stdout, allowed.stderr) == (0, "", "")


def test_packing_says_rows_errors_size_and_speed() -> None:
    """And where the file is."""
    summary = PackSummary(
        out=Path("packed\x1b.parquet"),
        rows=600_000,
        labelled=0,
        prepared=0,
        errors_by_reason={"not an image": 1200, "truncated": 3},
        size_bytes=99_566_140,
        elapsed_s=2.5,
        notes=[],
    )
    lines = printed(pack_page(summary))
    assert lines == [
        "598,797 of 600,000 rows with an image; none with a label",
        "",
        "Rows without an image",
        "1,200  not an image",
        "    3  truncated",
        "",
        "packed       packed?.parquet",
        "size         99.6 MB",
        "speed        240,000 images/s, 2.50 s from the first read to the last write",
    ]


def test_a_slash_at_the_end_of_the_output_is_a_folder(tmp_path: Path, digits_folder: Path) -> None:
    """`--format dataset` says so too; the summary names the folder."""
    for out in (("--out", f"{tmp_path}/a/"), ("--out", f"{tmp_path}/b", "--format", "dataset")):
        ended = run("pack", digits_folder, *out)
        assert (ended.returncode, ended.stderr) == (0, "")
    assert f"packed       {tmp_path / 'b'}\n" in ended.stdout
    names = [path.name for path in sorted((tmp_path / "a").iterdir())]
    assert names == ["_SUCCESS", "_manifest.json", "part-00000.parquet"]
    refused = run("pack", digits_folder, "--out", f"{tmp_path}/c/", "--format", "file")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "leave one of the two out" in refused.stderr
