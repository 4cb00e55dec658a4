"""Runs that are killed at any moment: the output is old or whole, and `--resume` completes it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

import mnist_batch
from mnist_batch.reports.report import FILES
from tests.support.killed_runs import OLD
from tests.support.report_files import REPORT_FILES

PREPARED = ("0/00000.png", "7/00007.png")
REPORTED = REPORT_FILES - {"mistakes.png"}  # no image is misread
PROGRAM = Path(__file__).parent.parent / "support" / "killed_runs.py"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, digits_folder: Path) -> Path:
    """Thirty digits and one file that is none, in four parts of eight rows at most.

    Two are not in MNIST form, and get a picture.
    """
    folder = tmp_path_factory.mktemp("images") / "digits"
    folder.mkdir()
    (folder / "9").mkdir()
    (folder / "9" / "none.png").write_bytes(b"no image")
    for path in digits_folder.rglob("*.png"):
        (folder / path.parent.name).mkdir(exist_ok=True)
        (folder / path.parent.name / path.name).write_bytes(path.read_bytes())
    for name in PREPARED:
        with Image.open(folder / name) as image:
            negative = ImageOps.invert(image)
        negative.save(folder / name)
    return folder


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, images: Path) -> pa.Table:
    """The predictions of the same images in one part."""
    out = tmp_path_factory.mktemp("reference") / "out.parquet"
    mnist_batch.predict(images, out, report=False)
    return pq.read_table(out)


def _table(suffix: str, content: bytes) -> pa.Table:
    read = pq.read_table if suffix == "parquet" else pa_csv.read_csv
    return read(io.BytesIO(content))


def _killed_runs(
    tmp_path: Path, images: Path, suffix: str, kills: int | str, *, overwrite: bool
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Return the predictions of an undisturbed run, and how each of the killed runs ended."""
    order = {
        "images": str(images),
        "out": str(tmp_path / "out" / f"out.{suffix}"),
        "overwrite": overwrite,
        "kills": kills,
    }
    ended = subprocess.run(
        [sys.executable, PROGRAM, json.dumps(order)],
        # In a fork OpenBLAS starts its threads anew, and may forget how many it is to use.
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    undisturbed, *runs = (json.loads(line) for line in ended.stdout.splitlines())
    return _table(suffix, bytes.fromhex(undisturbed["output"])), runs


def _check(runs: list[dict[str, Any]], suffix: str, whole: pa.Table, *, overwrite: bool) -> None:
    """Hold that each output was old or whole after the kill, and whole after the resumed run.

    Whole is what an undisturbed run of the same parts gives, bit for bit. In parts of another size
    a row lies elsewhere in a product of matrices, which may move its last bits.
    """
    old = OLD.hex() if overwrite else None
    names = {f"out.{suffix}", "out.report", *(f"out.report/{name}" for name in REPORTED)}
    names |= {"seen", *(f"seen/{name}.png" for name in PREPARED), "seen/0", "seen/7"}
    rest = {f"out.{suffix}.staging", f"out.{suffix}.staging/lock"}
    rest |= {"out.report/.mnist-batch.lock", ".seen.lock"}
    for run in runs:
        if run["before"] != old:
            assert _table(suffix, bytes.fromhex(run["before"])).equals(whole), run["step"]
        assert _table(suffix, bytes.fromhex(run["after"])).equals(whole), run["step"]
        assert run["status"] == 0 or (run["through"] and not overwrite), run["step"]
        # A run that finds an output and is told of nothing to resume leaves all as it is.
        left = names | (rest if run["status"] else set())
        assert names <= set(run["left"]) <= left, run["step"]
        # A report that passes for one is the old one or the new one, with all its files.
        found = {name for name in run["report"] if not name.startswith(".")}
        is_old = run["report"].get("metrics.json", False)
        assert found in (set(), {*FILES} if is_old else REPORTED), run["step"]
        assert all(run["report"][name] == is_old for name in found), run["step"]


def _assert_same_digits(table: pa.Table, expected: pa.Table) -> None:
    for column in ("source", "row", "prediction"):
        assert table[column].to_pylist() == expected[column].to_pylist()


@pytest.mark.parametrize(("suffix", "overwrite"), [("parquet", False), ("csv", True)])
def test_a_kill_before_any_step_loses_nothing(
    tmp_path: Path, images: Path, expected: pa.Table, suffix: str, overwrite: bool
) -> None:
    """Each file that is made, renamed or removed is such a step."""
    whole, runs = _killed_runs(tmp_path, images, suffix, "steps", overwrite=overwrite)
    _assert_same_digits(whole, expected)
    steps = [run["step"] for run in runs]
    for part in (
        "-000003-",
        "manifest.json",
        "committed",
        f"out.{suffix}",
        "metrics.json",
        "seen",
    ):
        assert any(part in step for step in steps)
    assert all(run["killed"] for run in runs)
    assert {0, 8, 16, 24, 31} <= {run["kept"] for run in runs}
    _check(runs, suffix, whole, overwrite=overwrite)


@pytest.mark.parametrize(("suffix", "overwrite"), [("parquet", True), ("csv", False)])
def test_a_kill_at_any_moment_loses_nothing(
    tmp_path: Path, images: Path, expected: pa.Table, suffix: str, overwrite: bool
) -> None:
    """At fifty random ones each."""
    whole, runs = _killed_runs(tmp_path, images, suffix, 50, overwrite=overwrite)
    _assert_same_digits(whole, expected)
    assert len(runs) == 50
    assert any(run["killed"] for run in runs)
    _check(runs, suffix, whole, overwrite=overwrite)
