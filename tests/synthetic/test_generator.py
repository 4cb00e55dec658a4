"""Drawn digits: their form, their repeatability, and the files they are written to."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.errors import OutputError
from mnist_batch.options import Style
from mnist_batch.synthetic.generator import (
    draw_digit,
    draw_digits,
    draw_picture,
    draw_pictures,
    write_folder,
    write_parquet,
)

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "digits"

IMAGES, LABELS = draw_digits(1000, seed=1)


def ink_box(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Return rows and columns of the ink's bounding box."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def centre_of_mass(image: NDArray[np.uint8]) -> tuple[float, float]:
    """Return row and column of the centre of mass, counted from 0."""
    row, column = np.indices(image.shape)
    mass = image.astype(np.int64)
    return float((row * mass).sum() / mass.sum()), float((column * mass).sum() / mass.sum())


def assert_mnist_form(image: NDArray[np.uint8]) -> None:
    """Fail unless the image is formed as Yann LeCun describes MNIST's."""
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert max(ink_box(image)) <= 20
    assert centre_of_mass(image) == pytest.approx((14, 14), abs=0.5 + 1e-9)


def unpacked(png: bytes) -> NDArray[np.uint8]:
    """Decode an 8-bit grey PNG with Pillow."""
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.asarray(image)


def test_thousand_digits_have_mnist_form() -> None:
    """Ink fits a box of 20x20 and its centre of mass is within half a pixel of (14, 14)."""
    for image in IMAGES:
        assert_mnist_form(image)


@settings(max_examples=200, deadline=None)
@given(digit=st.integers(0, 9), seed=st.integers(0, 2**64))
def test_any_seed_draws_mnist_form(digit: int, seed: int) -> None:
    """No state of the random generator draws an image that is not in MNIST's form."""
    assert_mnist_form(draw_digit(digit, np.random.default_rng(seed)))


def test_sevens_too_heavy_at_the_top_are_in_mnist_form_too() -> None:
    """Some of 2,000 sevens would leave the image if centred as first drawn; none is off centre."""
    for seed in range(2000):
        assert_mnist_form(draw_digit(7, np.random.default_rng(seed)))


def test_ink_is_white_on_black_with_soft_edges() -> None:
    """In every image the brightest pixel is 255, the corners are 0, and the edges are grey."""
    assert (IMAGES.max(axis=(1, 2)) == 255).all()
    assert not IMAGES[:, [0, 0, -1, -1], [0, -1, 0, -1]].any()
    assert ((IMAGES > 0) & (IMAGES < 255)).any(axis=(1, 2)).all()


def test_amount_of_ink_is_that_of_mnist() -> None:
    """The mean pixel is near 33.3, which is that of MNIST's 60,000 training images."""
    assert IMAGES.mean() == pytest.approx(33.3, abs=2.5)


def test_larger_side_of_the_box_is_20() -> None:
    """As in MNIST, where 9,997 of the 10,000 test images fill the box."""
    assert np.mean([max(ink_box(image)) == 20 for image in IMAGES]) > 0.98


def test_labels_count_through_the_digits() -> None:
    """Image i shows the digit i % 10, whatever the start."""
    images, labels = draw_digits(12, start=7)
    assert labels.dtype == np.int8
    assert labels.tolist() == [7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert images.shape == (12, 28, 28)


def test_no_images_are_drawn_for_count_0() -> None:
    """A count of 0 gives empty arrays of the documented shapes."""
    images, labels = draw_digits(0)
    assert images.shape == (0, 28, 28)
    assert labels.shape == (0,)


def test_same_seed_draws_the_same_images() -> None:
    """Two drawings from one seed are equal, and from another seed no image is."""
    again, _ = draw_digits(50, seed=1)
    other, _ = draw_digits(50, seed=2)
    np.testing.assert_array_equal(again, IMAGES[:50])
    assert (other != again).any(axis=(1, 2)).all()


@pytest.mark.parametrize(("start", "count"), [(0, 1), (0, 7), (13, 20), (999, 1)])
def test_slice_is_the_same_whatever_the_count(start: int, count: int) -> None:
    """Images `start` to `start + count` drawn alone equal those of the series drawn whole."""
    images, labels = draw_digits(count, seed=1, start=start)
    np.testing.assert_array_equal(images, IMAGES[start : start + count])
    np.testing.assert_array_equal(labels, LABELS[start : start + count])


def test_examples_are_drawn_as_ever() -> None:
    """The first hundred of seed 0, but for rounding; else `make examples` has to draw them anew."""
    images, labels = draw_digits(100)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        kept = unpacked((EXAMPLES / f"{label}" / f"{index:05d}.png").read_bytes())
        np.testing.assert_allclose(kept, image, atol=1)


def test_no_two_of_a_thousand_images_are_alike() -> None:
    """A thousand images are a thousand different images."""
    assert len({image.tobytes() for image in IMAGES}) == 1000


def test_import_needs_numpy_alone() -> None:
    """Importing the module loads neither pyarrow nor Pillow nor OpenCV."""
    code = "import sys, mnist_batch.synthetic.generator as _\n"
    code += "print({'pyarrow', 'PIL', 'cv2'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


@pytest.mark.parametrize("digit", [-1, 10])
def test_what_is_no_digit_is_refused(digit: int) -> None:
    """A digit outside 0 to 9 is an error that names it."""
    with pytest.raises(ValueError, match=f"digit must be 0 to 9, got {digit}"):
        draw_digit(digit, np.random.default_rng(0))


def test_picture_in_the_style_of_mnist_is_the_digit_as_png() -> None:
    """Pixel for pixel, and that is the style where none is said."""
    for index, picture in enumerate(draw_pictures(20, seed=1)):
        assert picture.suffix == ".png"
        np.testing.assert_array_equal(unpacked(picture.content), IMAGES[index])


@pytest.mark.parametrize("style", Style)
def test_slice_of_pictures_is_the_same_whatever_the_count(style: Style) -> None:
    """Picture i shows the digit i % 10 and depends on style, seed and i alone."""
    whole = list(draw_pictures(12, style=style, seed=1))
    assert list(draw_pictures(3, style=style, seed=1, start=9)) == whole[9:]
    assert whole[11] == draw_picture(1, style, np.random.default_rng((1, 11)))
    assert len({picture.content for picture in whole}) == 12


def test_styles_differ() -> None:
    """Four styles, four pictures."""
    drawn = {next(draw_pictures(1, style=style)).content for style in Style}
    assert len(drawn) == 4


@pytest.mark.parametrize("digit", [-1, 10])
@pytest.mark.parametrize("style", Style)
def test_what_is_no_digit_is_refused_in_every_style(digit: int, style: Style) -> None:
    """With the same error."""
    with pytest.raises(ValueError, match=f"digit must be 0 to 9, got {digit}"):
        draw_picture(digit, style, np.random.default_rng(0))


def test_folder_holds_each_image_under_its_digit(tmp_path: Path) -> None:
    """Image i is `<i % 10>/<i, five digits>.png`, pixel for pixel, and there is nothing else."""
    write_folder(tmp_path / "digits", 23, seed=1)
    files = sorted(tmp_path.glob("digits/*/*"), key=lambda file: file.name)
    names = [file.relative_to(tmp_path / "digits").as_posix() for file in files]
    assert names == [f"{i % 10}/{i:05d}.png" for i in range(23)]
    for file, image in zip(files, IMAGES, strict=False):
        np.testing.assert_array_equal(unpacked(file.read_bytes()), image)


def test_folder_holds_the_files_of_a_style(tmp_path: Path) -> None:
    """Byte for byte, each with the suffix of what it is."""
    write_folder(tmp_path / "digits", 12, style=Style.PAPER, seed=1)
    pictures = list(draw_pictures(12, style=Style.PAPER, seed=1))
    assert {picture.suffix for picture in pictures} == {".jpg", ".png"}
    names = {f"{i % 10}/{i:05d}{picture.suffix}" for i, picture in enumerate(pictures)}
    files = list(tmp_path.glob("digits/*/*"))
    assert {file.relative_to(tmp_path / "digits").as_posix() for file in files} == names
    for file in files:
        assert file.read_bytes() == pictures[int(file.stem)].content
        with Image.open(file) as image:
            assert image.format == {".jpg": "JPEG", ".png": "PNG"}[file.suffix]


def test_empty_folder_is_filled(tmp_path: Path) -> None:
    """A folder that exists and is empty is no obstacle."""
    write_folder(tmp_path, 1)
    assert (tmp_path / "0" / "00000.png").is_file()


def test_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """A folder that is not empty is left as it is, and the error is one line that names it."""
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty; name a new folder") as raised:
        write_folder(tmp_path, 3)
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("below", ["", "below"])
def test_file_in_place_of_the_folder_is_refused(tmp_path: Path, below: str) -> None:
    """A file where the folder or its parent should be is an `OutputError`."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="file"):
        write_folder(tmp_path / "file" / below, 3)


def test_parquet_is_laid_out_as_ylecun_mnist(tmp_path: Path) -> None:
    """Columns, types and the `datasets` features are those of the Hugging Face file of MNIST."""
    write_parquet(tmp_path / "digits.parquet", 3)
    schema = pq.read_schema(tmp_path / "digits.parquet")
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    assert schema.remove_metadata() == pa.schema([("image", image), ("label", pa.int64())])
    names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
    assert json.loads(schema.metadata[b"huggingface"]) == {
        "info": {
            "features": {
                "image": {"_type": "Image"},
                "label": {"names": names, "_type": "ClassLabel"},
            }
        }
    }


@pytest.mark.parametrize(
    ("count", "rows_per_group", "groups"),
    [(0, 100, []), (1, 100, [1]), (230, 100, [100, 100, 30]), (20, 10, [10, 10]), (3, 1, [1] * 3)],
)
def test_parquet_holds_the_series_in_row_groups(
    tmp_path: Path, count: int, rows_per_group: int, groups: list[int]
) -> None:
    """Rows are the images in order, in groups of `rows_per_group`, the last one shorter."""
    path = tmp_path / "digits.parquet"
    write_parquet(path, count, seed=1, rows_per_group=rows_per_group)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == groups
    rows = pq.read_table(path).to_pylist()
    assert [row["label"] for row in rows] == [i % 10 for i in range(count)]
    assert {row["image"]["path"] for row in rows} <= {None}
    for row, image in zip(rows, IMAGES, strict=False):
        np.testing.assert_array_equal(unpacked(row["image"]["bytes"]), image)


def test_parquet_holds_the_files_of_a_style(tmp_path: Path) -> None:
    """Byte for byte, across row groups."""
    path = tmp_path / "digits.parquet"
    write_parquet(path, 12, style=Style.SCREEN, seed=1, rows_per_group=5)
    rows = pq.read_table(path).to_pylist()
    pictures = list(draw_pictures(12, style=Style.SCREEN, seed=1))
    assert [row["image"]["bytes"] for row in rows] == [picture.content for picture in pictures]
    assert [row["label"] for row in rows] == [i % 10 for i in range(12)]


def test_existing_parquet_is_kept_unless_overwrite(tmp_path: Path) -> None:
    """A file in the way is an `OutputError` and stays; with `overwrite` it is replaced."""
    path = tmp_path / "digits.parquet"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_parquet(path, 3)
    assert path.read_text() == "mine"
    write_parquet(path, 3, overwrite=True)
    assert pq.read_metadata(path).num_rows == 3


def test_missing_parent_folders_of_a_parquet_are_made(tmp_path: Path) -> None:
    """As of any output."""
    write_parquet(tmp_path / "a" / "b" / "digits.parquet", 3)
    assert pq.read_metadata(tmp_path / "a" / "b" / "digits.parquet").num_rows == 3


def test_failure_half_way_leaves_the_old_parquet_and_nothing_beside_it(tmp_path: Path) -> None:
    """Where drawing fails, the old file is untouched and no temporary file is left."""
    path = tmp_path / "digits.parquet"
    path.write_text("mine")
    with pytest.raises(ValueError, match="non-negative"):
        write_parquet(path, 3, seed=-1, overwrite=True)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_folder_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the one that one stands in, and one behind a link."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    write_folder(tmp_path / "link", 10)
    assert len(list((tmp_path / "empty").glob("*/*.png"))) == 10
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_folder(Path(), 10)
    assert len(list((tmp_path / "here").glob("*/*.png"))) == 10
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "link", "here"}
