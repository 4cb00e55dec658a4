"""Any picture of a digit to MNIST form, one by one and by the batch."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import mnist_batch
from mnist_batch import _kernels
from mnist_batch.errors import PredictionsError
from mnist_batch.options import Prepare
from mnist_batch.preprocessing.mnist_form import in_mnist_form, prepare_batch, to_mnist_form
from mnist_batch.synthetic.generator import draw_digits
from tests.support.images import Pixels, batch_of, encoded


def enlarged(image: Pixels, side: int) -> Pixels:
    """Return an image at another size, by Pillow."""
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def digits() -> Pixels:
    """Thirty digits in MNIST form."""
    return draw_digits(30, seed=11)[0]


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("compiled", [False, True])
def test_all_of_mnist_passes_bit_for_bit(
    mnist: Path, split: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one of 60,000 or of 10,000 images is changed or marked."""
    assert _kernels.ready()
    monkeypatch.setattr(_kernels, "ready", lambda: compiled)
    table = pq.read_table(mnist / f"{split}-00000-of-00001.parquet", columns=["image"])
    encoded = table["image"].combine_chunks().field("bytes").to_pylist()
    for start in range(0, len(encoded), 2000):
        files = encoded[start : start + 2000]
        prepared = prepare_batch(batch_of(files))
        assert not prepared.prepared.any()
        assert prepared.error.null_count == len(files)
        for file, found in zip(files, prepared.images, strict=True):
            with Image.open(io.BytesIO(file)) as image:
                assert image.tobytes() == found.tobytes()


def _flat(images: Pixels) -> Pixels:
    return images.reshape(len(images), -1)


def test_formed_images_pass_and_the_rest_is_brought_to_the_form(digits: Pixels) -> None:
    """In one batch: formed, negative, moved, and nothing at all."""
    moved = np.stack([np.roll(image, (2, -2), axis=(0, 1)) for image in digits])
    mixed = np.concatenate([digits, 255 - digits, moved, np.zeros_like(digits[:1])])
    result = prepare_batch(batch_of(mixed))
    count = len(digits)
    assert np.array_equal(result.images[: 2 * count], np.concatenate([digits, digits]))
    back = result.images[2 * count : -1]
    assert in_mnist_form(back).all()
    # Moved, not redrawn; where the rounded centre would put a corner outside, one or two are.
    same = np.sort(_flat(digits)) == np.sort(_flat(back))
    assert same.all(axis=1).sum() >= count - 2
    assert result.prepared.tolist() == [False] * count + [True] * 2 * count + [False]
    assert result.error.to_pylist()[-1] == "no digit found"
    assert result.error.null_count == 3 * count
    assert not result.images[-1].any()


_IMPORTS = """
import sys
import numpy as np, pyarrow as pa
from mnist_batch.preprocessing.mnist_form import prepare_batch
from mnist_batch.schema import ImageBatch
from mnist_batch.synthetic.generator import draw_digits
images = draw_digits(20)[0][::10]  # zeros, with room on all sides
images = np.concatenate([images, 255 - images, np.roll(images, (1, -2), axis=(1, 2))])
if len(sys.argv) > 1:
    images = np.concatenate([images, images[:1] // 2 + 100])
n = len(images)
names, rows, labels = pa.array([""] * n), pa.array(range(n)), pa.nulls(n, pa.int8())
prepared = prepare_batch(ImageBatch(names, rows, labels, images, pa.nulls(n, pa.string())))
print(prepared.error.null_count == n, "cv2" in sys.modules)
"""


@pytest.mark.parametrize("picture", [False, True])
def test_opencv_is_imported_for_pictures_alone(picture: bool) -> None:
    """Not for images in MNIST form, negatives and images off centre: it takes 0.1 s."""
    command = [sys.executable, "-c", _IMPORTS, *["picture"] * picture]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["True", str(picture)]


def test_never_leaves_images_as_they_are(digits: Pixels) -> None:
    """Pictures of another size are resized by Lanczos, as Pillow does it, and marked."""
    result = prepare_batch(batch_of(255 - digits), Prepare.NEVER)
    assert np.array_equal(result.images, 255 - digits)
    assert not result.prepared.any()
    large = enlarged(digits[0], 100)
    result = prepare_batch(batch_of([encoded(large)]), Prepare.NEVER)
    expected = Image.fromarray(large).resize((28, 28), Image.Resampling.LANCZOS, reducing_gap=3.0)
    assert np.array_equal(result.images[0], np.asarray(expected))
    assert result.prepared.tolist() == [True]


def test_always_spares_none(digits: Pixels) -> None:
    """All are marked, and what comes out is near to what was in the form already."""
    result = prepare_batch(batch_of(digits), Prepare.ALWAYS)
    assert result.prepared.all()
    assert in_mnist_form(result.images).all()
    difference = result.images.astype(float) - digits
    assert np.abs(difference).mean() < 12
    assert np.any(difference != 0)


@settings(deadline=None, max_examples=150)
@given(
    st.tuples(st.integers(1, 64), st.integers(1, 64)).flatmap(lambda shape: arrays(np.uint8, shape))
)
def test_any_picture_gives_mnist_form_or_nothing(picture: Pixels) -> None:
    """And what it gives, `auto` leaves as it is."""
    prepared = to_mnist_form(picture)
    if prepared.image is None:
        assert prepared.digits == 0
        return
    assert prepared.digits >= 1
    assert in_mnist_form(prepared.image[None])[0]
    again = prepare_batch(batch_of(prepared.image[None]))
    assert np.array_equal(again.images[0], prepared.image)
    assert not again.prepared[0]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(100, 260), st.integers(100, 260))
def test_lines_dashes_and_blocks_do_no_harm(seed: int, height: int, width: int) -> None:
    """What looks like ruling, hems, frames and tables: no exception, and MNIST form or nothing."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width), rng.integers(150, 256), np.uint8)
    for _ in range(int(rng.integers(1, 12))):
        top, left = int(rng.integers(height)), int(rng.integers(width))
        kind = rng.integers(4)
        ink = np.uint8(rng.integers(0, 140))
        thick = int(rng.integers(1, 9))
        if kind == 0:
            picture[top : top + thick] = ink
        elif kind == 1:
            picture[:, left : left + thick] = ink
        elif kind == 2:  # dashes, every other one a few rows below
            dash = np.arange(width) // int(rng.integers(2, 9)) % 2 == 0
            picture[top, dash] = ink
            picture[min(top + int(rng.integers(1, 6)), height - 1), ~dash] = ink
        else:
            picture[top : top + 9 * thick, left : left + 5 * thick] = ink
    for one in (picture, np.ascontiguousarray(picture.T)):
        image = to_mnist_form(one).image
        assert image is None or in_mnist_form(image[None])[0]


@pytest.mark.parametrize("side", [14, 20, 60, 300, 1500])
@pytest.mark.parametrize("dark", [False, True])
def test_any_size_and_either_polarity_is_read(digits: Pixels, side: int, dark: bool) -> None:
    """The same digit comes out: three in four pixels of ink are in the same place."""
    alike = []
    for image in digits[:10]:
        large = enlarged(image, side)
        prepared = to_mnist_form(255 - large if dark else large)
        assert prepared.image is not None
        assert prepared.dark_ink is dark
        both = np.minimum(prepared.image, image).sum(dtype=float)
        alike.append(both / np.maximum(prepared.image, image).sum(dtype=float))
    assert np.mean(alike) > (0.6 if side < 28 else 0.75)


def test_a_thin_1_stays_thin() -> None:
    """Proportions are kept: a bar of 200 by 12 does not fill the box's width."""
    picture = np.full((300, 300), 230, np.uint8)
    picture[50:250, 140:152] = 40
    image = to_mnist_form(picture).image
    assert image is not None
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert rows[-1] - rows[0] + 1 == 20
    assert columns[-1] - columns[0] + 1 <= 4


@pytest.mark.parametrize("pen", [2, 60])
def test_strokes_of_hair_and_of_a_brush_become_as_wide_as_mnists(pen: int) -> None:
    """A ring of 300 pixels, drawn two pixels and sixty wide; MNIST's strokes are 1.5 to 5."""
    y, x = np.mgrid[-200:200, -200:200]
    ring = np.abs(np.hypot(x, y) - 150) <= pen / 2
    image = to_mnist_form(np.where(ring, np.uint8(30), np.uint8(240))).image
    assert image is not None
    across = image[14].astype(float)[:14].sum() / 255  # ink from the left side to the middle
    assert 1.3 < across < 5


def test_the_larger_of_two_digits_is_read(digits: Pixels) -> None:
    """And two are counted."""
    picture = np.full((200, 400), 235, np.uint8)
    for place, side, image in ((30, 150, digits[3]), (280, 100, digits[8])):
        ink = enlarged(image, side) > 127
        picture[20 : 20 + side, place : place + side][ink] = 40
    prepared = to_mnist_form(picture)
    alone = np.full((200, 200), 235, np.uint8)
    alone[20:170, 30:180][enlarged(digits[3], 150) > 127] = 40
    expected = to_mnist_form(alone)
    assert prepared.digits == 2
    assert expected.digits == 1
    assert prepared.image is not None
    assert expected.image is not None
    assert np.abs(prepared.image.astype(float) - expected.image).mean() < 3


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((28, 28), np.uint8),
        np.full((300, 200), 255, np.uint8),
        np.full((1, 1), 7, np.uint8),
        np.tile(np.linspace(90, 240, 300).astype(np.uint8), (200, 1)),
        np.where(np.indices((200, 300)).sum(axis=0) < 250, 120, 230).astype(np.uint8),
        np.random.default_rng(0).normal(128, 15, (28, 28)).clip(0, 255).astype(np.uint8),
        np.random.default_rng(0).normal(200, 4, (400, 300)).clip(0, 255).astype(np.uint8),
    ],
    ids=["black", "white", "pixel", "slope", "shadow", "noise", "paper"],
)
def test_an_empty_picture_holds_no_digit(picture: Pixels) -> None:
    """Nothing is invented, and the row says so."""
    assert to_mnist_form(picture).image is None
    result = prepare_batch(batch_of([encoded(picture)]))
    assert result.error.to_pylist() == ["no digit found"]
    assert not result.prepared[0]


def test_white_ink_on_nothing_is_seen(digits: Pixels) -> None:
    """Over white it would be lost; as dark ink on nothing it is the same digit."""
    rgba = np.zeros((84, 84, 4), np.uint8)
    rgba[..., 3] = enlarged(digits[2], 84)
    dark = prepare_batch(batch_of([encoded(rgba)]))
    rgba[..., :3] = 255
    white = prepare_batch(batch_of([encoded(rgba)]))
    assert dark.error.null_count == white.error.null_count == 1
    assert np.abs(dark.images.astype(float) - white.images).mean() < 3


def test_a_large_jpeg_is_decoded_smaller_and_read_the_same(digits: Pixels) -> None:
    """One of 2,000 pixels as a JPEG and as a PNG."""
    large = 255 - enlarged(digits[4], 2000) // 2
    files = [encoded(large, kind) for kind in ("PNG", "JPEG")]
    png, jpeg = prepare_batch(batch_of(files)).images.astype(float)
    assert np.minimum(png, jpeg).sum() > 0.6 * np.maximum(png, jpeg).sum()


def write_folder(folder: Path, digits: Pixels) -> Path:
    """Save dark digits on light, 60 pixels wide, under their number."""
    folder.mkdir()
    for place, image in enumerate(digits[:10]):
        Image.fromarray(255 - enlarged(image, 60)).save(folder / f"{place}.png")
    return folder


def predicted(source: Path, **how: object) -> list[tuple[int, float, bool]]:
    """Return prediction, confidence and whether it was prepared."""
    rows = [row for batch in mnist_batch.stream(source, **how) for row in batch.to_pylist()]  # type: ignore[arg-type] # prepare
    return [(row["prediction"], row["confidence"], row["prepared"]) for row in rows]


def test_a_packed_file_predicts_as_its_input(digits: Pixels, tmp_path: Path) -> None:
    """What was prepared when it was packed is not prepared again, nor are the marks lost."""
    folder = write_folder(tmp_path / "digits", digits)
    mnist_batch.pack(folder, tmp_path / "packed.parquet")
    expected = predicted(folder)
    assert [row[0] for row in expected] == list(range(10))
    assert all(row[2] for row in expected)
    assert predicted(tmp_path / "packed.parquet") == expected


def test_a_file_that_was_packed_as_it_was_is_prepared_later(digits: Pixels, tmp_path: Path) -> None:
    """With `never` the pictures are only resized; `auto` then reads them from 28x28."""
    folder = write_folder(tmp_path / "digits", digits)
    packed = tmp_path / "packed.parquet"
    mnist_batch.pack(folder, packed, prepare="never")
    assert predicted(packed, prepare="never") == predicted(folder, prepare="never")
    later = predicted(packed)
    assert [row[0] for row in later] == list(range(10))
    assert all(row[2] for row in later)


def test_evaluation_draws_what_the_network_saw(digits: Pixels, tmp_path: Path) -> None:
    """From the predictions file it knows how images were prepared; a word it lacks is an error."""
    folder = write_folder(tmp_path / "digits", digits)
    for prepare in Prepare:
        out = tmp_path / f"{prepare}.parquet"
        first = mnist_batch.predict(folder, out, prepare=prepare)
        drawn = Path(f"{out.with_suffix('')}.report", "samples.png").read_bytes()
        mnist_batch.evaluate(out, images=folder, overwrite=True)
        again = Path(f"{out.with_suffix('')}.report", "samples.png").read_bytes()
        assert first.run is not None
        assert first.run["options"]["prepare"] == prepare
        before, after = (np.asarray(Image.open(io.BytesIO(x))) for x in (drawn, again))
        assert np.array_equal(before, after)
    metadata = pq.read_metadata(out).metadata
    changed = {b"mnist_batch": metadata[b"mnist_batch"].replace(b'"never"', b'"sometimes"')}
    pq.write_table(pq.read_table(out).replace_schema_metadata(changed), tmp_path / "odd.parquet")
    with pytest.raises(PredictionsError, match="prepare 'sometimes'; expected auto, always, never"):
        mnist_batch.evaluate(tmp_path / "odd.parquet", images=folder)


def test_sizes_are_those_of_the_pictures_as_they_are_stored() -> None:
    """Of a large JPEG too, which is decoded smaller; raw pixels have 28."""
    large = np.kron(255 - draw_digits(1)[0][0], np.ones((60, 40), np.uint8))
    jpeg, png = encoded(large, "JPEG"), encoded(large[:300, :90])
    result = prepare_batch(batch_of([jpeg, png, encoded(draw_digits(1)[0][0]), b"none"]))
    assert result.sizes.tolist()[:3] == [1680, 300, 28]
    assert prepare_batch(batch_of(draw_digits(3)[0])).sizes.tolist() == [28, 28, 28]


@pytest.mark.parametrize("choice", Prepare)
def test_thumbnails_show_what_was_read(choice: Prepare) -> None:
    """Where the image was changed, and only if they are asked for."""
    digit = draw_digits(1, seed=3)[0][0]
    large = np.kron(255 - digit, np.ones((8, 8), np.uint8))
    batch = batch_of([encoded(large), encoded(255 - digit), encoded(digit)])
    result = prepare_batch(batch, choice, with_thumbnails=True)
    originals = [result.original(place) for place in range(3)]
    assert originals[0] is not None
    assert originals[0].shape == (64, 64)
    if choice is Prepare.NEVER:
        assert originals[1] is None
    else:
        np.testing.assert_array_equal(originals[1], 255 - digit)
    plain = prepare_batch(batch, choice)
    assert [plain.original(place) for place in range(3)] == [None] * 3
    np.testing.assert_array_equal(plain.images, result.images)
    assert plain.prepared.tolist() == result.prepared.tolist()


def test_a_packed_file_has_no_originals(digits: Pixels) -> None:
    """Its images are all there is of what was read, also of those that were prepared."""
    prepared = np.arange(len(digits)) % 2 == 0
    batch = batch_of(digits, prepared=prepared, formed=True)
    result = prepare_batch(batch, with_thumbnails=True)
    assert [result.original(place) for place in range(len(digits))] == [None] * len(digits)
    assert set(result.sizes.tolist()) == {28}


def test_opencv_runs_on_as_many_threads_as_before() -> None:
    """It is limited to one only while a picture is prepared, whichever of several comes last."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        pictures = [np.full((600, 600), 255, np.uint8) for _ in range(8)]
        for picture in pictures:
            cv2.line(picture, (300, 100), (300, 500), 0, 30)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(to_mnist_form, pictures))
        assert all(prepared.image is not None for prepared in found)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)
