"""Worker processes where the machine has little: with fewer of them, or with one line."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from tests.support.command import run
from tests.support.confined import run_confined


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Six sound pictures of six megapixels."""
    folder = tmp_path / "in"
    folder.mkdir()
    image = Image.new("L", (2500, 2500), 255)
    ImageDraw.Draw(image).line([(1250, 500), (1250, 2000)], fill=0, width=200)
    for number in range(6):
        image.save(folder / f"{number}.{'png' if number % 2 else 'jpg'}")
    return folder


@pytest.mark.parametrize(
    "limits",
    [
        {"memory": 160 * 10**6},
        {"memory": 400 * 10**6},
        {"address_space": 600 * 10**6},
        {"processes": 4, "user": True},
    ],
    ids=str,
)
def test_whatever_the_machine_lacks_no_picture_is_accused(
    pictures: Path, tmp_path: Path, limits: dict[str, int]
) -> None:
    """A run gives the same rows, or ends with a line that names the machine; and can be resumed."""
    expected, out = tmp_path / "expected.csv", tmp_path / "out.csv"
    run("predict", pictures, "--out", expected, "--no-report", "-q")
    arguments = ["predict", pictures, "--out", out, "--no-report", "-q", "--workers", 3]
    ended = run_confined(tmp_path, *arguments, "--isolate", **limits)  # type: ignore[arg-type] # two kinds
    if ended.returncode != 0:
        assert ended.returncode == 1, ended
        [line] = ended.stderr.splitlines()
        assert line.startswith("error: ")
        assert any(word in line for word in ("memory", "thread", "cannot be loaded"))
        assert not out.exists()
        assert run(*arguments, "--resume").returncode == 0
    assert out.read_text() == expected.read_text()
