"""Pictures of several digits are rows with an error, or are split into rows."""

import io
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image, ImageOps

from mnist_batch.options import Prepare, Several
from mnist_batch.preprocessing.mnist_form import prepare_batch, to_mnist_form
from mnist_batch.schema import Grey, Images
from mnist_batch.synthetic.generator import draw_digits
from tests.support.images import batch_of, encoded

SIDE = 56
"""Pixels of an enlarged digit's image."""


def sheet(digits: Images, columns: int, gap: int = 8) -> Grey:
    """Return digits on a white page in lines of some columns, each image enlarged to 56x56."""
    rows = -(-len(digits) // columns)
    step = SIDE + gap
    page = np.zeros((rows * step + 20, columns * step + 20), np.uint8)
    for place, digit in enumerate(digits):
        top, left = 10 + step * (place // columns), 10 + step * (place % columns)
        page[top : top + SIDE, left : left + SIDE] = digit.repeat(2, axis=0).repeat(2, axis=1)
    return 255 - page


def ink_box(digit: Images, left: int, top: int) -> list[int]:
    """Return the box of a digit whose image was pasted there."""
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    width, height = columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1
    return [left + 2 * columns[0], top + 2 * rows[0], 2 * width, 2 * height]


DIGITS, _ = draw_digits(36, seed=5)


@pytest.mark.parametrize(
    ("count", "columns", "said"),
    [(2, 2, "2 side by side"), (6, 6, "6 side by side"), (10, 5, "10 in 2 lines")],
)
def test_a_picture_of_several_digits_is_a_row_with_an_error(
    count: int, columns: int, said: str
) -> None:
    """The error tells how many there are; a program has no options, so it names none."""
    decoded = prepare_batch(batch_of([encoded(sheet(DIGITS[:count], columns))]))
    assert decoded.error.to_pylist() == [f"several digits: {said}"]
    assert not decoded.images.any()
    assert not decoded.prepared.any()


@pytest.mark.parametrize(("count", "columns"), [(2, 2), (8, 8), (10, 5), (36, 6)])
@pytest.mark.parametrize("gap", [0, 8, 40])
def test_each_digit_becomes_a_row_in_reading_order(count: int, columns: int, gap: int) -> None:
    """Its image is about the digit's own, its box is where the digit was pasted."""
    digits = DIGITS[:count]
    decoded = prepare_batch(batch_of([encoded(sheet(digits, columns, gap))]), several=Several.SPLIT)
    assert decoded.split is not None
    assert decoded.split.number.to_pylist() == list(range(count))
    assert decoded.split.parents.tolist() == [0] * count
    assert decoded.error.null_count == count
    step = SIDE + gap
    for place, (digit, image, box) in enumerate(
        zip(digits, decoded.images, decoded.split.box.to_pylist(), strict=True)
    ):
        assert np.corrcoef(digit.ravel(), image.ravel())[0, 1] > 0.75
        expected = ink_box(digit, 10 + step * (place % columns), 10 + step * (place // columns))
        assert np.abs(np.subtract(box, expected)).max() <= 4


def test_a_box_is_in_pixels_of_the_picture_in_its_own_size() -> None:
    """A large JPEG is decoded smaller; its boxes are not."""
    small = sheet(DIGITS[:3], 3)
    large = small.repeat(16, axis=0).repeat(16, axis=1)
    first, second = (
        prepare_batch(batch_of([content]), several=Several.SPLIT).split
        for content in (encoded(small), encoded(large, "JPEG"))
    )
    assert first is not None
    assert second is not None
    boxes = np.array(first.box.to_pylist()), np.array(second.box.to_pylist())
    assert np.abs(16 * boxes[0] - boxes[1]).max() <= 48


def test_a_box_is_that_of_the_picture_upright() -> None:
    """A picture that lies on its side and says so has the boxes of the upright one."""
    upright = Image.fromarray(sheet(DIGITS[:3], 3))
    exif, file = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = 6  # to be turned to the right by 90 degrees
    upright.transpose(Image.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
    boxes = [
        prepare_batch(batch_of([content]), several=Several.SPLIT).split
        for content in (encoded(np.asarray(upright)), file.getvalue())
    ]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[1].box.equals(boxes[0].box)


def test_one_digit_is_number_0_and_what_cannot_be_read_has_no_number() -> None:
    """Rows around a picture that is split keep their order, their images and their errors."""
    alone = sheet(DIGITS[7:8], 1)
    contents = [b"none", encoded(sheet(DIGITS[:3], 3)), encoded(alone), encoded(DIGITS[4])]
    decoded = prepare_batch(batch_of(contents), several=Several.SPLIT)
    assert decoded.split is not None
    assert decoded.split.parents.tolist() == [0, 1, 1, 1, 2, 3]
    assert decoded.split.number.to_pylist() == [None, 0, 1, 2, 0, 0]
    assert decoded.split.box.to_pylist()[0] is None
    assert decoded.split.alone.tolist() == [True, False, True, True]
    assert decoded.error[0].as_py().startswith("not an image")
    expected = to_mnist_form(alone).image
    assert expected is not None
    assert np.array_equal(decoded.images[4], expected)
    assert np.array_equal(decoded.images[5], DIGITS[4])
    assert decoded.split.box.to_pylist()[5] == [one // 2 for one in ink_box(DIGITS[4], 0, 0)]
    assert decoded.prepared.tolist() == [False, True, True, True, True, False]


@pytest.mark.parametrize("choice", [Prepare.AUTO, Prepare.ALWAYS])
def test_an_image_in_mnist_form_is_one_digit_however_it_looks(choice: Prepare) -> None:
    """Two bars of MNIST's size in the middle: they pass, or the larger is prepared."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[:, 5:24, 8:11] = image[:, 5:24, 18:21] = 255
    for several in Several:
        decoded = prepare_batch(batch_of(image), choice, several=several)
        assert decoded.error.null_count == 1
    larger = image[0].repeat(5, axis=0).repeat(5, axis=1)
    assert prepare_batch(batch_of([encoded(larger)])).error.null_count == 0


def test_a_moved_image_has_the_box_of_its_ink() -> None:
    """A digit of MNIST's size in a corner is only moved; its box is where it was."""
    rows, columns = (np.flatnonzero(DIGITS[0].any(axis=axis)) for axis in (1, 0))
    digit = DIGITS[0][rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 1 : 1 + digit.shape[0], 2 : 2 + digit.shape[1]] = digit
    split = prepare_batch(batch_of(image), several=Several.SPLIT).split
    assert split is not None
    assert split.box.to_pylist() == [[2, 1, digit.shape[1], digit.shape[0]]]


@pytest.mark.parametrize("spacing", [12, 17, 24])
def test_ruled_lines_across_digits_enclose_no_pictures(spacing: int) -> None:
    """What strokes and lines enclose has four corners, as a picture on a page has."""
    page = sheet(DIGITS[10:16], 6)
    page[4::spacing] = np.minimum(page[4::spacing], 190)
    decoded = prepare_batch(batch_of([encoded(page)]))
    assert decoded.error[0].as_py().startswith("several digits: 6 side by side")


@pytest.mark.skipif("MNIST_DATA" not in os.environ, reason="MNIST_DATA does not name real data")
def test_single_digits_of_mnist_are_not_several() -> None:
    """Of test digits on white pages, enlarged to 84 pixels; rates are in docs/formats.md."""
    table = pq.read_table(Path(os.environ["MNIST_DATA"]) / "test-00000-of-00001.parquet")
    contents = table["image"].combine_chunks().field("bytes").slice(0, 600).to_pylist()
    large = [
        ImageOps.expand(ImageOps.invert(Image.open(io.BytesIO(one))).resize((84, 84)), 9, 255)
        for one in contents
    ]
    decoded = prepare_batch(batch_of([encoded(np.asarray(one)) for one in large]))
    assert decoded.error.null_count == len(contents)
