"""Decode encoded images to pixels; an image that cannot be decoded gets a reason instead.

Images like MNIST's own are decoded a batch at a time by `_kernels.png`. Pillow decodes all others,
and gives the reasons.
"""

import io
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import ExifTags, Image, UnidentifiedImageError

from mnist_batch import _kernels
from mnist_batch.decoding.attempts import again_alone, room_for
from mnist_batch.decoding.footprint import footprint
from mnist_batch.decoding.kinds import is_damaged, told
from mnist_batch.decoding.limits import FORMATS, MAX_PIXELS, excess_of_file, excess_of_image
from mnist_batch.machine import memory
from mnist_batch.machine.failures import loading
from mnist_batch.machine.silence import silence_libtiff
from mnist_batch.mnist import PIXELS, SIDE
from mnist_batch.schema import Box, Grey, ImageBatch, Images, Reason, error_text

_PLUGINS = ("Bmp", "Gif", "Jpeg", "Png", "Ppm", "Tiff", "WebP")
"""Modules of Pillow that read `FORMATS`, without their common suffix."""

# Threads that decode small images by Pillow take the interpreter lock from each other, and two are
# slower together than one alone: 14,700 images/s with two, 30,100/s with one, 28x28 PNG. From about
# this size on, Pillow works mostly without that lock, and threads add up.
_SMALL_IMAGE_BYTES = 4096
_one_at_a_time = threading.Lock()

_PIXELS_AT_ONCE = 4 * 2**20
"""Decoded pixels that wait to be brought to 28x28; one picture may exceed them."""

_SMALL_PICTURE = 2**20
"""Pixels of a picture up to which it is decoded at once. For a larger one memory is reserved."""

_STRIP_PIXELS = 2**18
"""Pixels of a strip of a large picture that is copied."""

_MOST_COPIED = 8 * 2**20
"""Encoded bytes of a batch up to which all are copied at once, which is faster."""

_ENOUGH = 512
"""A JPEG is decoded at an eighth, a quarter or half of its size if both sides stay above this: a
digit needs no more pixels. It is then decoded in grey alone, which differs where colours are out of
range; one that is decoded whole has the grey of its colours."""


@dataclass(frozen=True)
class Split:
    """Which digit of which picture each row is, where pictures are split into their digits."""

    parents: npt.NDArray[np.int64]  # (m,), places of the pictures in the batch, ascending
    number: pa.Array  # the column `digit`
    box: pa.Array  # the column `box`
    alone: npt.NDArray[np.bool_]  # (n,), by picture: whether it is one row


class FoundDigit(NamedTuple):
    """A digit of a picture, brought to 28x28."""

    image: Images  # uint8 (28, 28)
    box: Box  # around it, in pixels of the picture
    thumbnail: Grey | None = None  # of it alone, beside others in the picture


@dataclass(frozen=True)
class DecodedBatch:
    """The images of an `ImageBatch`, decoded."""

    images: Images  # uint8 (n, 28, 28), 0 black to 255 white; 0 where there is an error
    prepared: npt.NDArray[np.bool_]  # (n,), brought to that size, or to MNIST form
    error: pa.Array  # strings (n,): null, or why the image could not be read
    sizes: npt.NDArray[np.int32]  # (n,), pixels of the longer side of what was read
    # If they were asked for: pictures that were read in another size, reduced, by their place in
    # the batch; and the images before those of 28x28 were changed.
    thumbnails: Mapping[int, Grey]
    unchanged: Images | None = None
    # Where each digit becomes a row: those that were found, by the place of their picture.
    digits: Mapping[int, Sequence[FoundDigit]] = field(default_factory=dict)
    split: Split | None = None  # if pictures have been split into rows

    def original(self, place: int) -> Grey | None:
        """Return what an image was made of, reduced; None where it is the image, or unknown."""
        if place in self.thumbnails:
            return self.thumbnails[place]
        if self.unchanged is None or np.array_equal(self.unchanged[place], self.images[place]):
            return None
        unchanged: Grey = self.unchanged[place].copy()
        return unchanged


Fit = Callable[[Grey], Images | Sequence[FoundDigit] | str | None]
"""Brings a picture of any size to 28x28, or each of its digits; else the text for the column
`error`, or None where there is no digit in it."""

Reduce = Callable[[Grey], Grey | None]
"""Makes a thumbnail of a picture, if it can."""


@dataclass(frozen=True)
class _Picture:
    """A decoded picture."""

    grey: Grey
    side: int  # pixels of its longer side, as it is stored


def resized(picture: Grey) -> Images:
    """Return a picture resized to 28x28 by Lanczos resampling; its proportions may change."""
    # In two steps: in one, a long and narrow picture takes many times as long.
    lanczos = Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), lanczos, reducing_gap=3.0))


def decode_batch(
    batch: ImageBatch, fit: Fit = resized, reduce: Reduce | None = None
) -> DecodedBatch:
    """Decode a batch; raw pixels stay as they are, other sizes are brought to 28x28 by `fit`.

    Of these `reduce` makes thumbnails. Rows and columns are changed over before, where the batch
    says so. No image raises, but for `MachineError`.
    """
    sizes = np.full(len(batch), SIDE, np.int32)
    if not isinstance(batch.images, pa.Array):
        prepared = np.zeros(len(batch), np.bool_) if batch.prepared is None else batch.prepared
        pixels = batch.images.transpose(0, 2, 1).copy() if batch.transposed else batch.images
        return DecodedBatch(pixels, prepared, batch.error, sizes, {})
    encoded = batch.images
    if pa.types.is_binary_view(encoded.type):  # few of Arrow's functions take it
        encoded = encoded.cast(pa.large_binary())
    images = np.empty((len(batch), PIXELS), np.uint8)
    prepared = np.zeros(len(batch), np.bool_)
    remaining = batch.error.is_null().to_numpy(zero_copy_only=False)
    images[~remaining] = 0
    if _kernels.ready():
        of_kernel = _decode_pngs(encoded, remaining, images)
        remaining &= ~of_kernel
        if batch.transposed:
            square = images.reshape(-1, SIDE, SIDE)
            square[of_kernel] = square[of_kernel].transpose(0, 2, 1)
    decoded = DecodedBatch(images.reshape(-1, SIDE, SIDE), prepared, batch.error, sizes, {})
    places = np.flatnonzero(remaining)
    contents = (
        encoded.take(pa.array(places)).to_pylist()
        if encoded.nbytes <= _MOST_COPIED
        else _Contents(encoded, places)
    )

    def fit_others(picture: Grey) -> Images | Sequence[FoundDigit] | str | None:
        return picture if picture.shape == (SIDE, SIDE) else fit(picture)

    decode = partial(_decoded, whole=fit is resized, transposed=batch.transposed)
    return _filled(decoded, places, _fitted_each(contents, decode, fit_others, reduce))


def _decode_pngs(
    encoded: pa.Array, wanted: npt.NDArray[np.bool_], images: npt.NDArray[np.uint8]
) -> npt.NDArray[np.bool_]:
    """Decode the images that are like MNIST's into `images`; return bool (n,), which they are."""
    from mnist_batch._kernels.png import decode_pngs

    decoded = np.zeros(len(encoded), np.bool_)
    _, bounds, data = encoded.buffers()
    if data is None:
        return decoded
    wide = pa.types.is_large_binary(encoded.type)
    kind = np.dtype(np.int64 if wide else np.int32)
    offsets = np.frombuffer(bounds, kind, len(encoded) + 1, kind.itemsize * encoded.offset)
    contents = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    if len(contents) >= 2**31:
        return decoded
    places = (offsets - offsets[0]).astype(np.int32)
    decode_pngs(contents, places, wanted, images, decoded)
    return decoded


def fit_each(
    batch: DecodedBatch, places: npt.NDArray[np.int64], pictures: Iterable[Grey], fit: Fit
) -> DecodedBatch:
    """Return a batch with a picture of 28x28 changed at each place; its arrays are changed.

    Args:
        batch: whose `images` and `prepared` can be written.
        places: indices of images.
        pictures: one for each place.
        fit: an image counts as prepared unless this returns the picture itself.
    """
    sides = batch.sizes[places].tolist()
    known = (_Picture(grey, side) for grey, side in zip(pictures, sides, strict=True))
    return _filled(batch, places, (_fitted(picture, fit, None) for picture in known))


@dataclass(frozen=True)
class _Fitted:
    """A picture brought to 28x28."""

    image: Images | str  # or the text for its column `error`
    prepared: bool = False  # whether it was brought to that form
    side: int = SIDE  # as of `_Picture`
    thumbnail: Grey | None = None
    digits: Sequence[FoundDigit] = ()  # all of the picture; `image` is the first


def _filled(
    batch: DecodedBatch, places: npt.NDArray[np.int64], images: Iterable[_Fitted]
) -> DecodedBatch:
    """Return a batch with an image at each place; its arrays are changed."""
    texts, thumbnails, digits = None, dict(batch.thumbnails), dict(batch.digits)
    for place, fitted in zip(places.tolist(), images, strict=True):
        image = fitted.image
        if isinstance(image, str):
            texts = texts or batch.error.to_pylist()
            texts[place] = image
            batch.images[place] = 0  # `_decode_pngs` may have got some way
        else:
            batch.images[place] = image
        batch.prepared[place] = fitted.prepared
        batch.sizes[place] = fitted.side
        if fitted.thumbnail is not None:
            thumbnails[place] = fitted.thumbnail
        if fitted.digits:
            digits[place] = fitted.digits
    batch = replace(batch, thumbnails=thumbnails, digits=digits)
    return batch if texts is None else replace(batch, error=pa.array(texts, pa.string()))


def _fitted(picture: _Picture | str, fit: Fit, reduce: Reduce | None) -> _Fitted:
    """Return a picture brought to 28x28, or why it is none."""
    if isinstance(picture, str):
        return _Fitted(picture)
    found = _fit_or_error(fit, picture.grey)
    if isinstance(found, str):
        return _Fitted(found, side=picture.side)
    digits: Sequence[FoundDigit] = ()
    if isinstance(found, np.ndarray):
        image = found
    else:
        digits = [_in_its_pixels(digit, picture, reduce, alone=len(found) == 1) for digit in found]
        image = digits[0].image
    prepared = image is not picture.grey
    thumbnail = reduce(picture.grey) if reduce and prepared else None
    return _Fitted(image, prepared, picture.side, thumbnail, digits)


def _in_its_pixels(
    digit: FoundDigit, picture: _Picture, reduce: Reduce | None, *, alone: bool
) -> FoundDigit:
    """Return a digit with its box in pixels of the picture's own size, upright.

    That is after its EXIF orientation and `--orientation`. A large JPEG is decoded smaller.
    Beside others in its picture the digit has a thumbnail of its own.
    """
    scale = picture.side / max(picture.grey.shape)
    left, top, width, height = digit.box
    right, bottom = left + width, top + height
    part = picture.grey[top:bottom, left:right]
    thumbnail = None if alone or reduce is None else reduce(np.ascontiguousarray(part))
    if scale != 1:
        left, top, right, bottom = (round(edge * scale) for edge in (left, top, right, bottom))
    return FoundDigit(digit.image, (left, top, right - left, bottom - top), thumbnail)


def _fit_or_error(fit: Fit, picture: Grey) -> Images | Sequence[FoundDigit] | str:
    """Return a picture brought to 28x28, or else the text for the column `error`."""

    def work() -> Images | Sequence[FoundDigit] | str:
        found = fit(picture)
        return error_text(Reason.NO_DIGIT) if found is None else found

    try:
        return work()
    except Exception:  # noqa: BLE001 - whatever it raises, it does not end the run here
        pass
    return again_alone(work, _PREPARING * picture.size, _unprepared)


_PREPARING = 16
"""Bytes a pixel that preparing a picture takes, at most."""


def _unprepared(error: Exception) -> str:
    return error_text(Reason.CORRUPT, f"cannot be prepared: {str(error) or type(error)}")


@dataclass(frozen=True)
class _Contents:
    """Encoded images, large ones, each copied out of Arrow's memory only when it is decoded."""

    encoded: pa.Array
    places: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, at: int) -> bytes:
        return bytes(self.encoded[self.places[at]].as_py())


def _fitted_each(
    contents: list[bytes] | _Contents, decode: "_Decode", fit: Fit, reduce: Reduce | None
) -> Iterator[_Fitted]:
    """Yield images decoded and brought to 28x28: small ones a few in advance, large ones alone."""
    small = isinstance(contents, list) and (
        sum(map(len, contents)) <= _SMALL_IMAGE_BYTES * len(contents)
    )
    at = 0
    while at < len(contents):
        pictures: list[_Picture | str] = []
        pixels, large = 0, None
        # Only for the decoding: what follows runs mostly without the interpreter lock.
        with _one_at_a_time if small else nullcontext():
            while at < len(contents) and pixels < _PIXELS_AT_ONCE and not large:
                picture = decode(contents[at], large=False)
                at += 1
                if isinstance(picture, _Large):
                    large = picture
                else:
                    pictures.append(picture)
                    pixels += 0 if isinstance(picture, str) else picture.grey.size
        yield from (_fitted(picture, fit, reduce) for picture in pictures)
        if large:
            del pictures
            with memory.reserve(large.footprint):
                picture = decode(contents[at - 1], large=True)
                assert not isinstance(picture, _Large)
                fitted = _fitted(picture, fit, reduce)
                del picture
            yield fitted


def decode_image(content: bytes, *, whole: bool = True) -> Grey | str:
    """Decode one image to grey.

    Grey is ITU-R 601-2 luma, as Pillow's `convert("L")`. Transparent images are blended over white,
    or over black if they would be all white. The EXIF orientation is applied. An animation gives
    its first frame.

    Args:
        content: the image as in a file of one of `FORMATS`.
        whole: decode it in its own size. Else a large JPEG may be decoded smaller, see `_ENOUGH`,
            and its grey is then the luma that is stored in it.

    Returns:
        uint8 (h, w), 0 black to 255 white; or else the text for the column `error`.

    Raises:
        MachineError: the machine lacks memory for it, or a library.
    """
    picture = _decoded(content, whole=whole, large=True)
    assert not isinstance(picture, _Large)
    return picture if isinstance(picture, str) else picture.grey


@dataclass(frozen=True)
class _Large:
    """In place of a picture that is not decoded before there is room for it."""

    footprint: int  # bytes


class _Decode(Protocol):
    """`_decoded` with all but two of its arguments."""

    def __call__(self, content: bytes, *, large: bool) -> _Picture | str | _Large: ...


def _decoded(
    content: bytes, *, whole: bool, large: bool, transposed: bool = False
) -> _Picture | str | _Large:
    """Decode an image as `decode_image` says; one of many pixels only if `large`.

    `transposed` changes its rows and columns over.
    """
    try:
        return _opened(content, whole=whole, large=large, transposed=transposed)
    except Exception:  # noqa: BLE001 - on damaged files Pillow raises nearly any type
        pass
    again = partial(_opened, content, whole=whole, large=True, transposed=transposed)
    return again_alone(again, room_for(content), partial(_damaged, content))


def _opened(
    content: bytes, *, whole: bool, large: bool, transposed: bool
) -> _Picture | str | _Large:
    """Do what `_decoded` does, but raise what Pillow raises."""
    if excess := excess_of_file(content):
        return excess
    if content.startswith((b"II", b"MM")):
        silence_libtiff()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            pixels, side = image.width * image.height, max(image.size)
            if not whole and min(image.size) >= 2 * _ENOUGH:
                image.draft("L", (_ENOUGH, _ENOUGH))
            if excess := excess_of_image(image):
                return excess
            if not large and pixels > _SMALL_PICTURE:
                return _Large(footprint(image, content, pixels))
            grey = _grey(image)
    except UnidentifiedImageError:
        _load_formats()
        raise
    del image  # and its memory, if `grey` is a copy
    upright = _array(grey)
    return _Picture(np.ascontiguousarray(upright.T) if transposed else upright, side)


def _load_formats() -> None:
    """Import what reads `FORMATS`, where Pillow could not.

    It passes over a format whose import fails, as where memory is short or too many files are open.
    Images of that format are then none that it knows.

    Raises:
        MachineError: it still cannot be imported.
    """
    with loading("Pillow"):
        for name in _PLUGINS:
            import_module(f"PIL.{name}ImagePlugin")
        from PIL import WebPImagePlugin

        if not WebPImagePlugin.SUPPORTED:
            raise ImportError("it was loaded without libwebp")


def decode_to_show(content: bytes, side: int) -> Image.Image:
    """Decode an image for a person to see: as `decode_image` does, but in its own colours.

    It has mode L where it is grey, else RGB. A large JPEG is decoded smaller, with no side below
    `side` pixels. The content has to be one that `decode_image` can decode.
    """
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        image.draft(None, (side, side))
        image.load()
        in_grey = image.mode in ("1", "L") or _is_deep(image)
        return _plain(image, "L" if in_grey and not image.has_transparency_data else "RGB")


def _array(grey: Image.Image) -> Grey:
    """Return an image of mode L as an array."""
    size = grey.height, grey.width
    if grey.width * grey.height <= _SMALL_PICTURE:
        # A third of the time of `np.asarray`.
        return np.frombuffer(grey.tobytes(), np.uint8).reshape(size)
    array = np.empty(size, np.uint8)  # in strips: at once it would take two more bytes a pixel
    for left, top, right, bottom in _strips(grey):
        strip = grey.crop((left, top, right, bottom)).tobytes()
        array[top:bottom] = np.frombuffer(strip, np.uint8).reshape(-1, right)
    return array


def _strips(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Yield the boxes of strips of an image, from the top."""
    lines = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, lines):
        yield 0, top, image.width, min(top + lines, image.height)


def _grey(image: Image.Image) -> Image.Image:
    """Decode and return an image in mode L, upright."""
    image.load()  # also what follows the pixels, which may be the orientation
    if image.mode == "L" and image.format == "PNG" and not image.info:
        return image  # as most digits are: nothing to rotate, nothing to blend
    return _plain(image, "L")


def _plain(image: Image.Image, mode: str) -> Image.Image:
    """Return a loaded image upright, opaque and in 8 bits, in mode L or RGB."""
    if _is_deep(image):
        plain = _to_8_bit(image)
    elif image.has_transparency_data:
        plain = _over("white", image, mode)
        low, high = plain.convert("L").getextrema()
        if low == high:
            plain = _over("black", image, mode)
    else:
        plain = image.convert(mode)
    # Last: to rotate takes a copy, which is smaller now.
    orientation = image.getexif().get(ExifTags.Base.Orientation)
    return plain.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else plain


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that brings an image upright, by its EXIF orientation (Exif 3.0, 4.6.5.1)."""


def _is_deep(image: Image.Image) -> bool:
    return image.mode.startswith(("I", "F"))


def _over(ground: str, image: Image.Image, mode: str) -> Image.Image:
    """Blend a transparent image over a ground of one colour.

    It works strip by strip: at once it would take 16 bytes a pixel.
    """
    plain = Image.new(mode, image.size)
    for box in _strips(image):
        piece = image.crop(box).convert("RGBA")
        if piece.getchannel("A").getextrema() != _OPAQUE:  # most screenshots are all opaque
            whole = Image.new("RGBA", piece.size, ground)
            whole.alpha_composite(piece)
            piece = whole
        plain.paste(piece.convert(mode), box)
    return plain


_OPAQUE = (255, 255)
"""The smallest and the largest alpha of what hides all of the ground below it."""


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Return a deep grey image in mode L; white is its smallest candidate that no pixel exceeds."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        whites = [65535]  # Pillow scales a PGM of any depth over 8 bits to this range
    else:
        whites = [1, 255, 65535] if image.mode == "F" else [255, 65535, 2**32 - 1]
    values = np.array(image, np.float32)
    values[values == image.info.get("transparency")] = 65535  # only a 16-bit PNG has it
    if not np.all((values >= 0) & (values <= whites[-1])):  # false for NaN
        raise ValueError("pixels out of range")
    white = next(white for white in whites if values.max() <= white)
    values *= 255 / white
    return Image.fromarray(np.rint(values, out=values).astype(np.uint8), "L")


def _unidentified(content: bytes) -> str:
    if not content:
        return error_text(Reason.NO_BYTES)
    if is_damaged(content):
        return error_text(Reason.CORRUPT, "the image's header is damaged")
    return error_text(Reason.NOT_AN_IMAGE, told(content))


def _damaged(content: bytes, error: Exception) -> str:
    """Return why Pillow cannot decode an image."""
    if isinstance(error, Image.DecompressionBombError):
        return error_text(Reason.TOO_LARGE, f"far more pixels, more than {MAX_PIXELS}")
    if isinstance(error, UnidentifiedImageError):
        return _unidentified(content)
    truncated = isinstance(error, EOFError) or "truncated" in str(error).lower()
    if isinstance(error, zlib.error) or not truncated:
        return error_text(Reason.CORRUPT, str(error) or type(error).__name__)
    return error_text(Reason.TRUNCATED, str(error))
