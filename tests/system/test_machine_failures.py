"""What the machine lacks stops a run or slows it; it is never said of a picture."""

import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.support.command import COMMAND, run
from tests.support.confined import run_confined

SIDE = 2500


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Large sound pictures of several formats, and a damaged one."""
    folder = tmp_path_factory.mktemp("pictures") / "in"
    folder.mkdir()
    image = Image.new("L", (SIDE, SIDE), 255)
    ImageDraw.Draw(image).line([(1250, 500), (1250, 2000)], fill=0, width=200)
    for number, suffix in enumerate(["png", "jpg", "tif", "webp", "png", "jpg"]):
        image.save(folder / f"{number}.{suffix}", compression="tiff_lzw", progressive=True)
    whole = (folder / "1.jpg").read_bytes()
    (folder / "9.jpg").write_bytes(whole[:2000] + b"\xff" * 50)
    return folder


@pytest.fixture(scope="module")
def reference(pictures: Path) -> str:
    """The predictions of a run that nothing limits."""
    out = pictures.parent / "reference.csv"
    assert run("predict", pictures, "--out", out, "--no-report", "-q").returncode == 3
    assert out.read_text().count("damaged") + out.read_text().count("truncated") >= 1
    return out.read_text()


@pytest.mark.parametrize("megabytes", [500, 700, 800, 950, 1100, 1400])
def test_a_limit_of_memory_changes_no_row(
    megabytes: int, pictures: Path, reference: str, tmp_path: Path
) -> None:
    """A run gives the same rows, or ends with a line that names the machine; and can be resumed."""
    out = tmp_path / "out.csv"
    arguments = ["predict", pictures, "--out", out, "--no-report", "-q", "--workers", 4]
    ended = run_confined(tmp_path, *arguments, address_space=megabytes * 10**6)
    if ended.returncode == 3:
        assert out.read_text() == reference
        return
    assert ended.returncode == 1, ended
    [line] = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert "memory" in line or "cannot be loaded" in line or "thread" in line
    assert not out.exists()
    assert run(*arguments, "--resume").returncode == 3
    assert out.read_text() == reference


@pytest.mark.parametrize("megabytes", [200, 400, 450, 500, 540, 600])
def test_a_limit_of_memory_aborts_no_run_of_parquet(
    megabytes: int, digits_parquet: Path, tmp_path: Path
) -> None:
    """It is one line, or all rows by fewer workers: no library in C ends the process instead."""
    arguments = ["predict", digits_parquet, "--no-report", "-q", "--workers", 8]
    arguments += ["--batch-size", 100, "--out"]
    assert run(*arguments, tmp_path / "reference.csv").returncode == 0
    ended = run_confined(
        tmp_path, *arguments, tmp_path / "out.csv", address_space=megabytes * 10**6
    )
    if ended.returncode == 0:
        assert (tmp_path / "out.csv").read_text() == (tmp_path / "reference.csv").read_text()
        return
    assert ended.returncode == 1, ended
    [line] = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("descriptors", [6, 9, 12, 16, 24, 40])
def test_a_limit_of_open_files_changes_no_row(
    descriptors: int, pictures: Path, reference: str, tmp_path: Path
) -> None:
    """As with memory."""
    out = tmp_path / "out.csv"
    arguments = ["predict", pictures, "--out", out, "--no-report", "-q"]
    command = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *COMMAND]
    ended = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if ended.returncode == 3:
        assert out.read_text() == reference
        return
    assert ended.returncode == 1, ended
    [line] = ended.stderr.splitlines()
    assert "Too many open files" in line
    assert not out.exists()


def test_a_limit_of_threads_changes_no_row(pictures: Path, reference: str, tmp_path: Path) -> None:
    """With few threads, those that start do the work."""
    copy = tmp_path / "in"
    copy.mkdir()
    for path in pictures.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "out.csv"
    arguments = ["predict", copy, "--out", out, "--no-report", "-q", "--workers", 16]
    ended = run_confined(tmp_path, *arguments, user=True, processes=12)
    assert ended.returncode in (1, 3), ended
    if ended.returncode == 3:
        assert out.read_text() == reference
    else:
        [line] = ended.stderr.splitlines()
        assert "thread" in line or "memory" in line or "cannot be loaded" in line
