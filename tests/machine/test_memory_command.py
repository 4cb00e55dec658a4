"""Large pictures on many workers: the whole command stays within what it may take."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.command import COMMAND
from tests.support.confined import confined, run_confined
from tests.support.peak_memory import on_linux, peak_bytes

PICTURES = 12
SIDE = 5000
COLOURED = 25_000_000 * 5
"""Bytes that a picture takes while it is decoded: 4 a pixel, and 1 in grey (Pillow)."""


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures of 25 megapixels in colour, which shrink to small PNG files."""
    folder = tmp_path_factory.mktemp("large") / "pictures"
    folder.mkdir()
    pixels = np.full((SIDE, SIDE, 3), 240, np.uint8)
    pixels[1000:4000, 2400:2700] = 20
    Image.fromarray(pixels).save(folder / "0.png", compress_level=1)
    for number in range(1, PICTURES):
        (folder / f"{number}.png").hardlink_to(folder / "0.png")
    return folder


def _peak(prefix: list[str], pictures: Path, out: Path, *options: object) -> int:
    """Predict the pictures, and return the peak of memory in bytes."""
    fixed = ["--no-report", "--quiet", "--batch-size", 1]
    return peak_bytes(
        [*COMMAND, "predict", pictures, "--out", out, *fixed, *options], prefix=prefix
    )


@on_linux
def test_workers_share_the_memory_that_is_given(pictures: Path, tmp_path: Path) -> None:
    """Twelve workers take what is given and not twelve times a picture; predictions are the same.

    The pictures alone would take 1.5 GB at once, beside 150 MB of the process.
    """
    one = _peak([], pictures, tmp_path / "one.csv", "--workers", 1)
    budget = _peak([], pictures, tmp_path / "few.csv", "--workers", 12, "--memory", "512M")
    assert one > COLOURED
    assert budget < 512 * 2**20
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "few.csv").read_bytes()


@on_linux
def test_a_container_s_memory_is_the_default(pictures: Path, tmp_path: Path) -> None:
    """In a group of 512 MiB twelve workers need no option, and are not killed."""
    with confined(tmp_path, memory=512 * 2**20) as prefix:
        peak = _peak(prefix, pictures, tmp_path / "out.csv", "--workers", 12)
    assert peak < 400 * 2**20


@pytest.mark.parametrize("own", [False, True])
def test_a_model_takes_what_its_file_has(tmp_path: Path, own: bool) -> None:
    """A limit of 1.2 GB of address space is no less than a small model needs, here or in a child.

    Before, 1 GiB was allocated to read any.
    """
    package = Path(__file__).parents[2]
    images = tmp_path / "images"
    images.mkdir()
    for number in range(3):
        Image.fromarray(np.eye(28, dtype=np.uint8) * 200).save(images / f"{number}.png")
    model = tmp_path / "own.h5"
    model.write_bytes((package / "mnist_batch/MNIST.h5").read_bytes())
    done = run_confined(
        tmp_path,
        "predict",
        images,
        "--out",
        tmp_path / "out.csv",
        "--no-report",
        *(("--model", model) if own else ()),
        address_space=1_200_000 * 1024,
        environment={"OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
