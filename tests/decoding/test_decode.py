"""Encoded images to pixels: every format and colour type, and every way of being damaged."""

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.decoding import decode
from mnist_batch.decoding.decode import (
    DecodedBatch,
    decode_batch,
    decode_image,
    decode_to_show,
    resized,
)
from mnist_batch.options import Prepare
from mnist_batch.preprocessing.mnist_form import prepare_batch
from mnist_batch.schema import ImageBatch, Reason, reason
from mnist_batch.synthetic import generator
from tests.support.damaged_files import damaged_variants
from tests.support.png_files import SIGNATURE, chunk

# What Pillow remarks on damaged images is not the subject here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")

RAMP: NDArray[np.uint8] = (np.arange(784) % 256).astype(np.uint8).reshape(28, 28)
NOISE = np.random.default_rng(0).integers(0, 256, (28, 28, 4), dtype=np.uint8)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401
    """Return an image as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decoded(content: bytes) -> NDArray[np.uint8]:
    """Return the pixels of an image that can be read, in its own size."""
    result = decode_image(content)
    assert not isinstance(result, str), result
    assert result.dtype == np.uint8
    return result


def error_of(content: bytes) -> str:
    """Return why an image cannot be read."""
    result = decode_image(content)
    assert isinstance(result, str)
    return result


def in_28(content: bytes) -> tuple[NDArray[np.uint8], bool]:
    """Return an image that can be read as 28x28, and whether it is marked as changed."""
    result = decode_batch(batch_of([content]))
    assert result.error.to_pylist() == [None]
    return result.images[0], bool(result.prepared[0])


def batch_of(contents: list[bytes | None], errors: list[str | None] | None = None) -> ImageBatch:
    """Return a batch of encoded images."""
    n = len(contents)
    return ImageBatch(
        source=pa.array(["x"] * n, pa.string()),
        row=pa.array(range(n), pa.int64()),
        label=pa.nulls(n, pa.int8()),
        images=pa.array(contents, pa.binary()),
        error=pa.array(errors or [None] * n, pa.string()),
    )


def png(
    bits: int,
    colour: int,
    lines: list[bytes],
    *,
    before: bytes = b"",
    after: bytes = b"",
    size: tuple[int, int] = (28, 28),
) -> bytes:
    """Return a PNG written by hand, with chunks before and after its pixels."""
    header = struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + line for line in lines))
    return (
        SIGNATURE + chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + after
        + chunk(b"IEND", b"")
    )  # fmt: skip


def packed(samples: NDArray[np.int64], bits: int) -> list[bytes]:
    """Return lines of samples of 1, 2, 4, 8 or 16 bits, first pixel in the highest bits."""
    places = np.arange(bits)[::-1]
    in_bits = (samples.reshape(28, -1, 1) >> places) & 1
    return [np.packbits(line).tobytes() for line in in_bits.reshape(28, -1).astype(np.uint8)]


def luma(colours: NDArray[Any]) -> NDArray[np.float64]:
    """Return ITU-R 601-2 luma: 0.299 R + 0.587 G + 0.114 B."""
    grey: NDArray[np.float64] = colours[..., :3] @ np.array([0.299, 0.587, 0.114])
    return grey


def over_white(colours: NDArray[Any], alpha: NDArray[Any]) -> NDArray[np.float64]:
    """Return colours (..., 3) with alpha 0 to 255 laid over white."""
    share = alpha[..., None] / 255
    blended: NDArray[np.float64] = colours * share + 255 * (1 - share)
    return blended


def assert_close(found: NDArray[np.uint8], expected: NDArray[Any], within: float = 1) -> None:
    """Fail unless all pixels are within a rounding of what is expected."""
    assert np.abs(found - expected.astype(np.float64)).max() <= within


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "PPM"])
def test_lossless_grey_is_exact(kind: str) -> None:
    """8-bit grey comes back as it was, from every lossless format."""
    np.testing.assert_array_equal(decoded(saved(Image.fromarray(RAMP), kind)), RAMP)


def test_lossless_webp_is_exact() -> None:
    """WebP without loss gives each grey as it was."""
    np.testing.assert_array_equal(
        decoded(saved(Image.fromarray(RAMP), "WEBP", lossless=True)), RAMP
    )


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_grey_is_near(kind: str) -> None:
    """Formats with loss give nearly what was put in."""
    smooth = np.add.outer(np.arange(28) * 4, np.arange(28) * 4).astype(np.uint8)
    assert_close(decoded(saved(Image.fromarray(smooth), kind, quality=95)), smooth, within=6)


@pytest.mark.parametrize("options", [{"compression": name} for name in (
    "raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")], ids=str)  # fmt: skip
def test_tiff_compressions_are_exact(options: dict[str, str]) -> None:
    """TIFF's usual compressions give each grey as it was."""
    np.testing.assert_array_equal(decoded(saved(Image.fromarray(RAMP), "TIFF", **options)), RAMP)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_png_of_every_depth_spans_black_to_white(bits: int) -> None:
    """Grey of 1 to 16 bits is scaled so that the highest sample is 255."""
    top = 2**bits - 1
    samples = np.random.default_rng(bits).integers(0, top + 1, (28, 28))
    samples[0, :2] = (0, top)
    found = decoded(png(bits, 0, packed(samples, bits)))
    np.testing.assert_array_equal(found, np.rint(samples * (255 / top)))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_colour_png_is_luma_over_white(bits: int, colour: int, channels: int) -> None:
    """Colour is luma, alpha lies over white, 16 bits keep their upper eight."""
    eight = NOISE[..., :channels].astype(np.int64)
    eight[0, 0, -1], eight[0, 1, -1] = 0, 255
    samples = eight if bits == 8 else eight * 256 + 77
    found = decoded(png(bits, colour, packed(samples, bits)))
    colours = eight[..., :3] if channels >= 3 else np.repeat(eight[..., :1], 3, axis=2)
    if channels in (2, 4):
        expected = luma(over_white(colours, eight[..., -1]))
        assert found[0, 0] == 255
        assert_close(found, expected, within=1.5)  # blended and then weighed: rounded twice
    else:
        assert_close(found, luma(colours), within=0.51)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_png_is_the_luma_of_its_colours(bits: int) -> None:
    """A pixel is the luma of its palette entry, and white where that is transparent."""
    colours = np.random.default_rng(9).integers(0, 256, (2**bits, 3), dtype=np.uint8)
    samples = np.random.default_rng(bits).integers(0, 2**bits, (28, 28))
    palette = chunk(b"PLTE", colours.tobytes())
    found = decoded(png(bits, 3, packed(samples, bits), before=palette))
    assert_close(found, luma(colours)[samples], within=0.51)

    first_clear = palette + chunk(b"tRNS", b"\0")
    found = decoded(png(bits, 3, packed(samples, bits), before=first_clear))
    grey = luma(colours)
    grey[0] = 255
    assert_close(found, grey[samples])


@pytest.mark.parametrize("bits", [2, 8, 16])
def test_transparent_grey_is_white(bits: int) -> None:
    """Where PNG names a grey that is transparent, that grey is white and all others stay."""
    top = 2**bits - 1
    samples = np.random.default_rng(bits).integers(1, top + 1, (28, 28))
    samples[4:9] = 0
    found = decoded(png(bits, 0, packed(samples, bits), before=chunk(b"tRNS", b"\0\0")))
    expected = np.where(samples == 0, 255, np.rint(samples * (255 / top)))
    np.testing.assert_array_equal(found, expected)


def test_transparency_is_black_where_all_else_is_white() -> None:
    """On white nothing would be seen: a PNG of 1 bit, and white ink with an alpha channel."""
    samples = np.random.default_rng(1).integers(0, 2, (28, 28))
    clear = chunk(b"tRNS", b"\0\0")
    np.testing.assert_array_equal(
        decoded(png(1, 0, packed(samples, 1), before=clear)), samples * 255
    )
    for colour, channels in ((4, 2), (6, 4)):
        pixels = np.full((28, 28, channels), 255)
        pixels[..., -1] = RAMP
        np.testing.assert_array_equal(decoded(png(8, colour, packed(pixels, 8))), RAMP)


@pytest.mark.parametrize("lines", [1, 5, 27, 28])
def test_transparency_is_laid_over_white_piece_by_piece(
    monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    """However many lines a piece has, and where some pieces are opaque: the same picture."""
    alpha = NOISE[..., 3].copy()
    alpha[5:15] = 255
    alpha[10, 27] = 254
    content = saved(Image.fromarray(np.dstack([NOISE[..., :3], alpha]), "RGBA"), "PNG")
    monkeypatch.setattr(decode, "_STRIP_PIXELS", 28 * lines)
    assert_close(decoded(content), luma(over_white(NOISE[..., :3], alpha)))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_opaque_alpha_changes_nothing(mode: str) -> None:
    """An alpha channel of 255 throughout: the grey that Pillow makes of the picture without it."""
    image = Image.fromarray(NOISE[..., :3], "RGB").convert(mode)
    assert image.getchannel("A").getextrema() == (255, 255)
    np.testing.assert_array_equal(decoded(saved(image, "PNG")), np.array(image.convert("L")))


def test_white_without_any_transparency_stays_white() -> None:
    """An opaque white image is no drawing in white."""
    pixels = np.full((28, 28, 4), 255)
    assert decoded(png(8, 6, packed(pixels, 8))).min() == 255


def test_transparent_colour_is_white() -> None:
    """Where PNG names a colour that is transparent, that colour is white."""
    colours = NOISE[..., :3].astype(np.int64)
    colours[3, 3] = (1, 2, 3)
    found = decoded(
        png(8, 2, packed(colours, 8), before=chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3)))
    )
    expected = luma(colours)
    expected[3, 3] = 255
    assert_close(found, expected)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *[("PNG", mode) for mode in ("1", "L", "P", "RGB")],
        *[("JPEG", mode) for mode in ("1", "L", "RGB", "CMYK", "YCbCr")],
        *[("BMP", mode) for mode in ("1", "L", "P", "RGB")],
        *[("GIF", mode) for mode in ("1", "L", "P", "RGB")],
        *[("TIFF", mode) for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr", "RGBX")],
        *[("WEBP", mode) for mode in ("L", "P", "RGB")],
        *[("PPM", mode) for mode in ("1", "L", "RGB")],
    ],
)
def test_modes_without_alpha_are_as_pillow_converts_them(kind: str, mode: str) -> None:
    """What a format can hold without alpha is grey as Pillow's own convert('L') makes it."""
    content = saved(Image.fromarray(NOISE[..., :3]).convert(mode), kind)
    with Image.open(io.BytesIO(content)) as image:
        assert not image.has_transparency_data
        expected = np.asarray(image.convert("L"))
    np.testing.assert_array_equal(decoded(content), expected)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_alpha_lies_over_white(kind: str) -> None:
    """An RGBA image of any format is blended with white, then weighed."""
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    content = saved(Image.fromarray(NOISE, "RGBA"), kind, **options)
    expected = luma(over_white(NOISE[..., :3].astype(np.int64), NOISE[..., 3]))
    assert_close(decoded(content), expected, within=1.5)


def test_transparent_gif_is_white() -> None:
    """Where a GIF is transparent it is white."""
    image = Image.fromarray(RAMP).convert("P")
    found = decoded(saved(image, "GIF", transparency=0))
    np.testing.assert_array_equal(found, np.where(RAMP == 0, 255, RAMP))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_counts(kind: str) -> None:
    """Of several frames or pages the first is read."""
    first, second = Image.new("L", (28, 28), 200), Image.new("L", (28, 28), 30)
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(first, kind, save_all=True, append_images=[second], **options)
    assert_close(decoded(content), np.full((28, 28), 200))


def ascii_pgm(top: int, samples: NDArray[np.int64]) -> bytes:
    """Return a plain PGM (netpbm, pgm(5))."""
    return f"P2\n28 28\n{top}\n{' '.join(map(str, samples.ravel()))}\n".encode()


@pytest.mark.parametrize("top", [1, 15, 255, 1000, 65535])
@pytest.mark.parametrize("plain", [True, False])
def test_pgm_of_every_range_spans_black_to_white(top: int, plain: bool) -> None:
    """A PGM's greatest value is white, in text or in bytes."""
    samples = np.random.default_rng(top).integers(0, top + 1, (28, 28))
    samples[0, :2] = (0, top)
    raw = samples.astype(">u2" if top > 255 else "u1").tobytes()
    content = ascii_pgm(top, samples) if plain else f"P5\n28 28\n{top}\n".encode() + raw
    assert_close(decoded(content), samples * (255 / top), within=0.51)


@pytest.mark.parametrize(
    ("white", "kind"),
    [(255, np.int32), (65535, np.int32), (1, np.float32), (255, np.float32), (65535, np.float32)],
)
def test_deep_tiff_is_scaled_by_its_range(white: float, kind: type[Any]) -> None:
    """32-bit TIFF says no white: it is the smallest of 1, 255 and 65535 that holds all pixels."""
    values = (RAMP / 255 * white).astype(kind)
    content = saved(Image.fromarray(values), "TIFF")
    assert_close(decoded(content), values * (255 / white), within=0.51)


def test_16_bit_tiff_is_scaled_by_its_depth() -> None:
    """In 16 bits white is 65535, in either byte order."""
    values = RAMP.astype(np.uint16) * 257
    for image in (
        Image.fromarray(values),
        Image.frombytes("I;16B", (28, 28), values.astype(">u2").tobytes()),
    ):
        np.testing.assert_array_equal(decoded(saved(image, "TIFF")), RAMP)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.5, 1e12])
def test_pixels_off_every_scale_are_corrupt(value: float) -> None:
    """A floating TIFF with NaN, negative or enormous pixels cannot be read as grey."""
    values = np.zeros((28, 28), np.float32)
    values[3, 3] = value
    assert error_of(saved(Image.fromarray(values), "TIFF")) == "corrupt: pixels out of range"


# What brings a stored image upright (EXIF 2.3, tag Orientation), in terms of the stored rows.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    """All eight orientations are turned upright, in each format that carries EXIF."""
    stored = np.add.outer(np.arange(28) * 6, np.arange(28) * 3).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(stored), kind, exif=exif, quality=95)
    assert_close(decoded(content), UPRIGHT[orientation](stored), within=8)


@pytest.mark.parametrize("place", ["before", "after"])
def test_png_orientation_may_stand_after_the_pixels(place: str) -> None:
    """PNG's eXIf chunk counts on both sides of the pixels."""
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    lines = [line.tobytes() for line in RAMP]
    content = png(8, 0, lines, before=turned if place == "before" else b"",
                  after=turned if place == "after" else b"")  # fmt: skip
    np.testing.assert_array_equal(decoded(content), RAMP[::-1, ::-1])


@pytest.mark.parametrize("size", [(1, 1), (28, 29), (27, 28), (56, 56), (640, 480), (1, 5000)])
def test_other_sizes_are_resized_and_marked(size: tuple[int, int]) -> None:
    """An image that is not 28x28 becomes so, is marked, and one grey stays that grey."""
    image, prepared = in_28(saved(Image.new("L", size, 77), "PNG"))
    np.testing.assert_array_equal(image, np.full((28, 28), 77))
    assert prepared


def test_resizing_is_lanczos() -> None:
    """A small image is resized as Pillow does by Lanczos, a large one within two grey levels."""
    for side, within in ((50, 0), (28 * 40, 2)):
        grey = np.random.default_rng(side).integers(0, 256, (side, side), dtype=np.uint8)
        expected = Image.fromarray(grey).resize((28, 28), Image.Resampling.LANCZOS)
        found, _ = in_28(saved(Image.fromarray(grey), "BMP"))
        assert_close(found, np.asarray(expected), within=within)
        np.testing.assert_array_equal(found, resized(grey))


def test_rotated_by_exif_is_not_resized() -> None:
    """Turning a 28x28 image upright is no resizing."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image, prepared = in_28(saved(Image.fromarray(RAMP), "PNG", exif=exif))
    np.testing.assert_array_equal(image, np.rot90(RAMP, -1))
    assert not prepared


def test_a_picture_without_a_digit_has_a_reason() -> None:
    """What fits pictures may find none in one; an image of 28x28 it is not asked about."""
    small, large = saved(Image.fromarray(RAMP), "PNG"), saved(Image.new("L", (9, 12), 50), "PNG")
    asked: list[tuple[int, ...]] = []

    def fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        asked.append(picture.shape)
        return None

    result = decode_batch(batch_of([small, large]), fit)
    assert asked == [(12, 9)]
    assert result.error.to_pylist() == [None, "no digit found"]
    assert result.prepared.tolist() == [False, False]
    np.testing.assert_array_equal(result.images, np.stack([RAMP, 0 * RAMP]))


def test_a_picture_that_cannot_be_prepared_is_a_row() -> None:
    """Whatever is wrong with what prepares it; the pictures beside it are prepared."""

    def fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if picture.shape == (9, 9):
            raise ValueError("no such\nsize")
        return RAMP

    contents = [saved(Image.new("L", (side, side), 50), "PNG") for side in (8, 9, 10)]
    result = decode_batch(batch_of(list(contents)), fit)
    assert result.error.to_pylist() == [None, "corrupt: cannot be prepared: no such size", None]
    assert result.prepared.tolist() == [True, False, True]
    np.testing.assert_array_equal(result.images, [RAMP, np.zeros((28, 28)), RAMP])


def test_pictures_are_fitted_in_their_own_size_each_in_its_place() -> None:
    """Between others, and an error among them."""
    sizes = [(9, 12), (28, 28), (300, 20), (28, 29)]
    contents = [saved(Image.new("L", size, 10 + i), "PNG") for i, size in enumerate(sizes)]
    result = decode_batch(
        batch_of([*contents, b"text"]),
        lambda picture: np.full((28, 28), picture[0, 0] + len(picture), np.uint8),
    )
    assert result.images[:, 5, 5].tolist() == [10 + 12, 11, 12 + 20, 13 + 29, 0]
    assert result.prepared.tolist() == [True, False, True, True, False]
    assert result.error.to_pylist() == [None] * 4 + ["not an image"]


def smooth_photograph(width: int, height: int) -> Image.Image:
    """Return a picture without detail: light from the left, and from above."""
    light = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 120, width))
    return Image.fromarray(np.stack([light, light / 2, 255 - light], axis=2).astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "smaller"),
    [
        ((4096, 4200), (512, 525)),
        ((2100, 1200), (1050, 600)),
        ((1023, 3000), (1023, 3000)),
        ((1024, 1024), (512, 512)),
    ],
)
def test_a_large_jpeg_may_come_smaller(size: tuple[int, int], smaller: tuple[int, int]) -> None:
    """By 2, 4 or 8, both sides no shorter than 512; whole where all of it is asked for."""
    content = saved(smooth_photograph(*size), "JPEG", quality=95)
    whole, part = decode_image(content), decode_image(content, whole=False)
    assert not isinstance(whole, str)
    assert not isinstance(part, str)
    assert (whole.shape, part.shape) == (size[::-1], smaller[::-1])
    step = size[0] // smaller[0]
    assert_close(part, whole[step // 2 :: step, step // 2 :: step], within=3)


@pytest.mark.parametrize("size", [(1023, 1400), (4000, 300)])
def test_a_jpeg_decoded_whole_has_the_grey_of_its_colours(size: tuple[int, int]) -> None:
    """However many pixels it has; the luma that is stored differs where a colour is saturated."""
    pen = np.zeros((size[1], size[0], 3), np.uint8)
    pen[:] = (255, 0, 0)
    pen[40:200, 40:60] = (0, 0, 255)
    content = saved(Image.fromarray(pen), "JPEG", quality=60)
    with Image.open(io.BytesIO(content)) as image:
        in_colour = np.asarray(image.convert("L"))
    with Image.open(io.BytesIO(content)) as image:
        image.draft("L", image.size)
        assert (np.asarray(image) != in_colour).any()
    np.testing.assert_array_equal(decode_image(content, whole=False), in_colour)


def test_a_large_jpeg_is_fitted_small_but_resized_whole() -> None:
    """Only what is not resized, and only JPEG, is decoded in part of its size."""
    picture = smooth_photograph(1200, 1100)
    shapes: list[tuple[int, ...]] = []

    def fit(picture: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        shapes.append(picture.shape)
        return np.zeros((28, 28), np.uint8)

    contents = [saved(picture, "JPEG", quality=95), saved(picture, "PNG")]
    decode_batch(batch_of(list(contents)), fit)
    assert shapes == [(550, 600), (1100, 1200)]
    image, _ = in_28(contents[0])
    whole = Image.open(io.BytesIO(contents[0])).convert("L")
    expected = whole.resize((28, 28), Image.Resampling.LANCZOS, reducing_gap=3.0)
    np.testing.assert_array_equal(image, np.asarray(expected))


def test_a_jpeg_decoded_in_part_is_turned_upright() -> None:
    """EXIF's orientation counts there too."""
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = smooth_photograph(2400, 1200)
    content = saved(picture, "JPEG", exif=exif, quality=95)
    found = decode_image(content, whole=False)
    assert not isinstance(found, str)
    assert found.shape == (1200, 600)
    expected = np.rot90(np.asarray(picture.convert("L")), -1)
    assert_close(found, expected[::2, ::2], within=4)


def test_few_decoded_pictures_wait() -> None:
    """Memory does not grow with the batch: sixty pictures of a million pixels take that of six."""
    content = saved(Image.new("L", (1000, 1000), 90), "PNG")
    tracemalloc.start()
    try:
        decode_batch(batch_of([content] * 60), lambda _: np.zeros((28, 28), np.uint8))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000


def test_zero_bytes_are_no_image() -> None:
    """An empty file is a row with its reason."""
    assert error_of(b"") == "no bytes"


@pytest.mark.parametrize(
    "content",
    [b"x", b"hello, world", b"\0" * 5000, b"%PDF-1.7", b"PK\3\4", b"<svg/>", b"PAR1", b"\x89PN"],
)
def test_what_never_was_an_image_is_not_an_image(content: bytes) -> None:
    """Text, PDF, ZIP and SVG are no images, and said to be none."""
    assert error_of(content).split(":")[0] == "not an image"


@pytest.mark.parametrize("kind", ["ICO", "PCX", "TGA", "JPEG2000", "EPS", "SGI"])
def test_other_formats_are_not_opened(kind: str) -> None:
    """Of Pillow's many formats only the named ones are opened: the rest is attack surface."""
    content = saved(Image.fromarray(RAMP).convert("RGB"), kind)
    assert str(decode_image(content)).startswith("not an image: ")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_every_cut_of_an_image_is_one_row(kind: str) -> None:
    """An image cut off anywhere is an error of one line, or an image where enough is left."""
    whole = saved(Image.fromarray(NOISE[..., 0]), kind)
    for size in {*range(min(200, len(whole))), *range(200, len(whole), 37)}:
        result = decode_image(whole[:size])
        if isinstance(result, str):
            reason = result.split(":")[0]
            assert reason in ("no bytes", "not an image", "truncated", "corrupt")
            assert len(result.splitlines()) == 1
        else:
            assert result.shape == (28, 28)
    assert isinstance(decode_image(whole[: len(whole) // 3]), str)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "PPM", "BMP"])
def test_half_an_image_is_truncated(kind: str) -> None:
    """An image that ends in the midst of its pixels is truncated."""
    whole = saved(Image.fromarray(NOISE[..., 0]), kind)
    assert error_of(whole[: len(whole) // 2 + 20]).startswith("truncated: ")


def test_damaged_pixels_are_corrupt() -> None:
    """A PNG with a damaged stream of pixels is corrupt, and so is one with a damaged header."""
    whole = saved(Image.fromarray(NOISE[..., 0]), "PNG")
    start = whole.index(b"IDAT") + 4
    assert error_of(whole[:start] + b"\xff" * 30 + whole[start + 30 :]).startswith("corrupt: ")
    assert error_of(whole[:12] + b"XXXX" + whole[16:]) == "corrupt: the image's header is damaged"


FUZZED = {
    kind: saved(Image.fromarray(RAMP), kind)
    for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
}


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"]),
    st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=4),
    st.booleans(),
)
def test_damaged_bytes_never_raise(
    kind: str,
    changes: list[tuple[float, int]],
    early: bool,
) -> None:
    """Whatever bytes are overwritten, each image is one row: pixels, or an error of one line."""
    whole = bytearray(FUZZED[kind])
    for place, value in changes:
        whole[int(place * (min(60, len(whole)) if early else len(whole)))] = value
    result = decode_batch(batch_of([bytes(whole), FUZZED["PNG"]]))
    assert result.images.shape == (2, 28, 28)
    text = result.error[0].as_py()
    assert text is None or len(text.splitlines()) == 1
    assert result.error[1].as_py() is None
    np.testing.assert_array_equal(result.images[1], RAMP)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM",
       b"GIF89a", b"II*\0", b"RIFF", b"P5 ", b"P2 28 28 255 "]))  # fmt: skip
def test_any_bytes_are_one_row(content: bytes, start: bytes) -> None:
    """No bytes raise, whatever format they pretend to be."""
    result = decode_image(start + content)
    assert isinstance(result, str) or (result.ndim == 2 and result.dtype == np.uint8)


def files_of(kind: str) -> list[bytes]:
    """Return images of a format as files, of several kinds that it knows."""
    modes = {"PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "JPEG": ("L", "RGB", "CMYK"),
             "BMP": ("1", "L", "P", "RGB"), "GIF": ("1", "L", "P"), "WEBP": ("L", "RGB", "RGBA"),
             "TIFF": ("1", "L", "RGB", "RGBA", "I;16", "F"), "PPM": ("1", "L", "I;16")}  # fmt: skip
    options: dict[str, list[dict[str, Any]]] = {
        "TIFF": [{"compression": name} for name in ("raw", "tiff_lzw", "tiff_adobe_deflate")],
        "JPEG": [{"exif": exif_of(6)}, {"progressive": True}],
        "WEBP": [{}, {"lossless": True}],
    }
    colours = Image.fromarray(NOISE)
    return [
        saved(colours.convert("L").convert(mode) if mode in ("I;16", "F") else
              colours.convert(mode), kind, **option)
        for mode in modes[kind] for option in options.get(kind, [{}])
    ]  # fmt: skip


def exif_of(orientation: int) -> bytes:
    """Return EXIF that says how an image was taken."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


@pytest.mark.fuzz
@pytest.mark.usefixtures("both_codes")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_mutants_are_one_row_each(kind: str) -> None:
    """A picture of 28x28, or a known reason on one line; and the image beside it stays as it is."""
    good = saved(Image.fromarray(RAMP), "PNG")
    for content in damaged_variants(files_of(kind), 300 if kind in ("PNG", "JPEG") else 100):
        result = prepare_batch(batch_of([content, good]), Prepare.NEVER)
        error = result.error[0].as_py()
        assert error is None or reason(error) in set(Reason)
        assert error is None or (len(error.splitlines()) == 1 and error.isprintable())
        assert error is None or not result.images[0].any()
        assert result.error[1].as_py() is None
        np.testing.assert_array_equal(result.images[1], RAMP)


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_mutants_can_be_prepared(kind: str) -> None:
    """Whatever picture comes out, it is brought to MNIST form or holds no digit."""
    digits = [Image.fromarray(255 - digit) for digit in generator.draw_digits(5)[0]]
    files = [saved(digit.resize((60, 60)), kind) for digit in digits]
    for content in damaged_variants(files, 100):
        result = prepare_batch(batch_of([content]))
        error = result.error[0].as_py()
        assert error is None or (reason(error) in set(Reason) and "prepared" not in error)


@pytest.mark.parametrize("size", [(30_001, 1000), (1000, 30_001), (100_001, 100_000)])
@pytest.mark.parametrize("bits", [1, 8])
def test_too_large_is_said_before_pixels_are_decoded(size: tuple[int, int], bits: int) -> None:
    """A header of over 30 million pixels is enough: there need be no pixels behind it."""
    text = error_of(png(bits, 0, [b"\0"], size=size))
    assert text.startswith("too large: ")
    assert text.endswith(" pixels, more than 30000000")


@pytest.mark.parametrize("size", [(65_535, 1), (1, 65_535), (30_000, 1000)])
def test_largest_image_is_read(size: tuple[int, int]) -> None:
    """Thirty million pixels are read, and the longest line, across and down."""
    line = bytes((size[0] + 7) // 8)
    content = png(1, 0, [line] * size[1], size=size)
    assert decoded(content).shape == size[::-1]
    image, prepared = in_28(content)
    assert not image.any()
    assert prepared


def test_a_batch_keeps_rows_in_place() -> None:
    """Errors, known before or found now, leave their rows black and all others in place."""
    good, large = saved(Image.fromarray(RAMP), "PNG"), saved(Image.new("L", (9, 9), 50), "PNG")
    batch = batch_of(
        [good, None, b"text", large, good, b""],
        [None, "missing file", None, None, "unreadable file: x", None],
    )
    result = decode_batch(batch)
    assert result.error.type == pa.string()
    assert result.error.to_pylist() == [
        None, "missing file", "not an image", None, "unreadable file: x", "no bytes",
    ]  # fmt: skip
    assert result.prepared.tolist() == [False, False, False, True, False, False]
    np.testing.assert_array_equal(result.images[0], RAMP)
    assert result.images[3].min() == result.images[3].max() == 50
    assert not result.images[[1, 2, 4, 5]].any()


def test_raw_pixels_pass_untouched() -> None:
    """Pixels that are pixels already are the result, with their errors."""
    images = np.stack([RAMP, RAMP * 0])
    batch = ImageBatch(
        source=pa.array(["x", "x"]),
        row=pa.array([0, 1]),
        label=pa.nulls(2, pa.int8()),
        images=images,
        error=pa.array([None, "no bytes"]),
    )
    result = decode_batch(batch)
    assert result.images is images
    assert not result.prepared.any()
    assert result.error.to_pylist() == [None, "no bytes"]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=str)
def test_batches_of_any_cut_and_type_give_the_same_rows(kind: pa.DataType) -> None:
    """Batches of 1, 7 and all rows, slices of any binary type, give the same images."""
    contents = [saved(Image.new("L", (28 + i % 2, 28), i), "PNG") for i in range(20)]
    contents[5], contents[11] = b"", b"text"
    whole = batch_of(list(contents))
    column = pa.array(contents, kind)

    def parts(size: int) -> list[DecodedBatch]:
        return [
            decode_batch(
                ImageBatch(
                    source=whole.source.slice(at, size),
                    row=whole.row.slice(at, size),
                    label=whole.label.slice(at, size),
                    images=column.slice(at, size),
                    error=whole.error.slice(at, size),
                )
            )
            for at in range(0, 20, size)
        ]

    expected = decode_batch(whole)
    for size in (1, 7, 20):
        found = parts(size)
        np.testing.assert_array_equal(np.concatenate([p.images for p in found]), expected.images)
        np.testing.assert_array_equal(
            np.concatenate([p.prepared for p in found]), expected.prepared
        )
        assert pa.concat_arrays([p.error for p in found]).equals(expected.error)
    assert expected.images[:, 4, 4].tolist() == [0 if i in (5, 11) else i for i in range(20)]


def test_empty_batch_is_empty() -> None:
    """No rows give no images."""
    result = decode_batch(batch_of([]))
    assert result.images.shape == (0, 28, 28)
    assert len(result.error) == len(result.prepared) == 0


@pytest.mark.parametrize(
    ("mode", "shown"),
    [("1", "L"), ("L", "L"), ("LA", "RGB"), ("P", "RGB"), ("RGBA", "RGB"), ("CMYK", "RGB")],
)
def test_an_image_is_shown_in_grey_or_in_colour(mode: str, shown: str) -> None:
    """In two modes, whatever the file has."""
    content = saved(Image.new("L", (40, 30), 255).convert(mode), "TIFF")
    image = decode_to_show(content, 280)
    assert (image.mode, image.size) == (shown, (40, 30))
    assert set(np.asarray(image).ravel()) == {255}


@pytest.mark.parametrize(
    ("size", "decoded"),
    [((1280, 1120), (320, 280)), ((1280, 1119), (640, 560)), ((300, 9000), (300, 9000))],
)
def test_a_large_jpeg_is_shown_from_fewer_pixels(
    size: tuple[int, int], decoded: tuple[int, int]
) -> None:
    """An eighth, a quarter or half of each side, as long as both are long enough."""
    content = saved(Image.new("RGB", size, (200, 100, 50)), "JPEG")
    assert decode_to_show(content, 280).size == decoded
