"""Tests of what `predict` says where a run looks wrong without a look at its labels."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import mnist_batch
from mnist_batch.synthetic.generator import draw_digits


def _suspicions(images: Path, folder: Path, **options: object) -> list[str]:
    out = folder / "out.parquet"
    summary = mnist_batch.predict(images, out, report=False, overwrite=True, **options)  # type: ignore[arg-type]
    return [note for note in summary.notes if "are read as" in note or "mean confidence" in note]


def _write(folder: Path, images: NDArray[np.uint8], labels: NDArray[np.int8] | None) -> Path:
    for number, image in enumerate(images):
        place = folder if labels is None else folder / str(labels[number])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:04}.png")
    return folder


def test_pixels_in_a_wrong_range_are_told(tmp_path: Path) -> None:
    """Images of 0 and 1 in the place of 0 to 255 are all read as one digit, labels or not."""
    images, labels = draw_digits(200)
    faint = (images > 127).astype(np.uint8)
    for name, known in (("plain", None), ("labelled", labels)):
        (note,) = _suspicions(_write(tmp_path / name, faint, known), tmp_path)
        assert note.startswith("100.0 % of ")
        assert re.search(" rows are read as [0-9];", note)


@pytest.mark.parametrize("labelled", [True, False])
def test_an_ordinary_run_has_no_such_note(tmp_path: Path, labelled: bool) -> None:
    """Drawn digits raise nothing."""
    images, labels = draw_digits(120)
    folder = _write(tmp_path / "digits", images, labels if labelled else None)
    assert _suspicions(folder, tmp_path) == []


def test_a_labelled_folder_of_sevens_has_no_such_note(tmp_path: Path) -> None:
    """The labels say that they are."""
    images, labels = draw_digits(1200)
    sevens = labels == 7
    assert sevens.sum() >= 100
    folder = _write(tmp_path / "sevens", images[sevens], labels[sevens])
    assert _suspicions(folder, tmp_path) == []


def test_a_stream_of_another_scale_is_told(tmp_path: Path) -> None:
    """Pixels that reach the network as 0 to 255 make it surer than it can be."""
    images, _ = draw_digits(120)
    folder = _write(tmp_path / "digits", images, None)
    (note,) = _suspicions(folder, tmp_path, scale="0-255")
    assert re.match(r"the mean confidence is (0\.9999|1\.0000)", note)
