"""Pictures in memory as shards: arrays of all shapes, PIL images, bytes and paths."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.errors import InputError
from mnist_batch.inputs.in_memory import shards_in_memory

Grey = npt.NDArray[np.uint8]

RNG = np.random.default_rng(0)
SOME: Grey = RNG.integers(0, 256, (5, 28, 28), np.uint8)
"""Five images of noise."""


def decoded(pictures: Any) -> Grey:  # noqa: ANN401 - of any kind
    """Return the pixels of pictures of 28x28, in order."""
    shards = shards_in_memory(pictures)
    batches = [batch for shard in shards for batch in shard.read(3)]
    assert [row for batch in batches for row in batch.row.to_pylist()] == [
        *range(sum(shard.rows for shard in shards))
    ]
    return np.concatenate([decode_batch(batch).images for batch in batches])


def _objects(images: Grey) -> npt.NDArray[np.object_]:
    """Return an array of arrays, as a column of pandas is."""
    column = np.empty(len(images), object)
    column[:] = [*images]
    return column


@pytest.mark.parametrize(
    "given_as",
    [
        lambda images: images,
        lambda images: images[..., None],
        lambda images: images[:, None],
        lambda images: images.reshape(-1, 784),
        lambda images: np.stack([images] * 3, -1),
        lambda images: images.astype(np.int64),
        lambda images: images.astype(np.float32),
        lambda images: images / 255,
        lambda images: images / 255 * np.float32(1.0000002),
        lambda images: [Image.fromarray((image / 255).astype(np.float32)) for image in images],
        lambda images: [Image.fromarray(image.astype(np.int32)) for image in images],
        lambda images: _objects(images),
        lambda images: [*images],
        lambda images: (image for image in images),
        lambda images: [image.tolist() for image in images],
        lambda images: [Image.fromarray(image) for image in images],
        lambda images: [Image.fromarray(image).convert("RGBA") for image in images],
        lambda images: [*images[:2], *map(Image.fromarray, images[2:])],
    ],
)
def test_the_same_images_come_of_each_form(given_as: Callable[[Grey], object]) -> None:
    """Arrays by shape and range, lists, generators, PIL images, and a mixture of them."""
    np.testing.assert_array_equal(decoded(given_as(SOME)), SOME)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))
@settings(max_examples=30, deadline=None)
def test_an_array_of_a_picture_is_its_png(height: int, width: int, channels: int) -> None:
    """A picture of any size is given to the decoder without loss."""
    shape = (height, width) if channels == 1 else (height, width, channels)
    picture = np.random.default_rng(height * 41 + width).integers(0, 256, shape, np.uint8)
    if shape == (28, 28):
        return
    [shard] = shards_in_memory(picture)
    [batch] = shard.read(10)
    stored = Image.open(io.BytesIO(batch.images[0].as_py()))
    np.testing.assert_array_equal(np.asarray(stored), picture)


def test_files_and_bytes_are_read_as_they_are(tmp_path: Path) -> None:
    """A path is the source of its row; what is in memory is `image`; a missing file is a row."""
    path = tmp_path / "a.png"
    Image.fromarray(SOME[0]).save(path)
    [shard] = shards_in_memory([path, str(path), path.read_bytes(), tmp_path / "gone.png", b""])
    [batch] = shard.read(10)
    assert batch.source.to_pylist() == [
        str(path),
        str(path),
        "image",
        f"{tmp_path}/gone.png",
        "image",
    ]
    assert isinstance(batch.images, pa.Array)
    assert batch.images.to_pylist() == [*[path.read_bytes()] * 3, None, b""]
    assert batch.error.to_pylist() == [None, None, None, "missing file", "no bytes"]


def test_a_picture_is_turned_as_its_camera_says() -> None:
    """EXIF's orientation 6 is a quarter turn clockwise, as Pillow's own transposition does it."""
    picture = Image.fromarray(SOME[0])
    picture.getexif()[0x0112] = 6
    np.testing.assert_array_equal(decoded([picture])[0], np.rot90(SOME[0], -1))


def test_pictures_of_8x8_are_those_of_scikit_learn() -> None:
    """As 64 values in a line or 8x8, of 0 to 16, with white for 16."""
    lines = RNG.integers(0, 17, (5, 64)).astype(np.float64)
    lines[0, 0] = 16
    for given_as in (lines, lines.reshape(-1, 8, 8), lines.astype(np.uint8)):
        [shard] = shards_in_memory(given_as)
        [batch] = shard.read(10)
        assert isinstance(batch.images, pa.Array)
        stored = [np.asarray(Image.open(io.BytesIO(one))) for one in batch.images.to_pylist()]
        np.testing.assert_array_equal(
            np.stack(stored).reshape(-1, 64), np.rint(lines * 255 / 16).astype(np.uint8)
        )


def test_truth_values_are_black_and_white() -> None:
    """True is white."""
    np.testing.assert_array_equal(decoded(SOME > 127), np.where(SOME > 127, 255, 0))


def test_many_images_are_cut_into_shards_that_workers_share() -> None:
    """The rows go on from shard to shard."""
    many = np.zeros((20_000, 28, 28), np.uint8)
    many[:, 0, 0] = np.arange(20_000) % 251
    shards = shards_in_memory(many)
    assert len(shards) == 3
    np.testing.assert_array_equal(decoded(many), many)


def test_rows_of_encoded_pictures_go_on_from_shard_to_shard() -> None:
    """Each has its place in the list, whichever shard it is in."""
    shards = shards_in_memory([b"\x89PNG"] * 9000)
    found = [row for shard in shards for batch in shard.read(5000) for row in batch.row.to_pylist()]
    assert (len(shards), found) == (2, [*range(9000)])


def test_other_contents_have_other_fingerprints() -> None:
    """Of pixels and of encoded pictures."""
    for one, other in ((SOME, 255 - SOME), (SOME[:, 1:], SOME[:, :-1])):
        prints = {shards_in_memory(images)[0].fingerprint() for images in (one, one.copy(), other)}
        assert len(prints) == 2


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (None, "images: NoneType; expected arrays, PIL images, bytes, paths or a list of them"),
        ([], "images: none were given"),
        ([SOME[0], 5], r"images\[1\]: int; expected arrays"),
        (np.zeros((2, 3, 4, 5)), r"an array of shape \(2, 3, 4, 5\); expected \(h, w\)"),
        (np.zeros(3), r"an array of shape \(3,\)"),
        (np.zeros((0, 28, 28)), "which holds none"),
        (np.full((28, 28), -1), "values from -1 to -1; expected 0 to 255"),
        (np.full((28, 28), 256), "values from 256 to 256"),
        (np.full((28, 28), np.nan), "784 of 784 values are NaN"),
        (np.full((28, 28), 1.02), r"values from 1.02 to 1.02; .* pass images.clip\(0, 1\)"),
        (SOME // 16, r"values from 0 to 15; .* pass images \* \(255 / 15\)"),
        (SOME // 128, "values from 0 to 1; expected 0 to 255, or 0 to 1 as floats"),
        (np.zeros((2, 3, 5, 5)), r"colours last: pass images.transpose\(0, 2, 3, 1\)"),
        ({"image": SOME}, "images: dict; expected arrays"),
        (Path(__file__).parent, "is a folder; mnist_batch.predict reads folders"),
        ([Image.fromarray(np.full((9, 9), 7, np.float32))], r"images\[0\]: values from 7 to 7"),
        (np.full((28, 28), 16.0), r"values from 16 to 16; .* pass images \* \(255 / 16\)"),
        (np.full((28, 28), "a"), "an array of <U1"),
        ([SOME, SOME], r"images\[0\]: an array of shape \(5, 28, 28\), which is 5 images"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_line(pictures: object, said: str) -> None:
    """The message names the argument, what it got, and what is expected."""
    with pytest.raises(InputError, match=said):
        shards_in_memory(pictures)  # type: ignore[arg-type]


def test_batches_are_arrow_binary_or_pixels() -> None:
    """Images of 28x28 in grey are not encoded first."""
    assert isinstance(next(shards_in_memory(SOME)[0].read(9)).images, np.ndarray)
    assert isinstance(next(shards_in_memory(SOME[:, 1:])[0].read(9)).images, pa.Array)
