"""Pictures in memory: arrays, PIL images and encoded bytes, and paths of image files among them."""

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image, ImageOps

from mnist_batch.errors import InputError
from mnist_batch.inputs.image_files import read_file
from mnist_batch.inputs.shards import SHARD_ROWS, Shard
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.mnist import PIXELS, SIDE
from mnist_batch.schema import ImageBatch, Images, Reason, error_text

Picture = npt.ArrayLike | Image.Image | bytes | str | Path
"""One picture: an array, a PIL image, the bytes of an image file, or the path of one."""

IN_MEMORY = "image"
"""The column `source` of a picture that is no file."""

_EXPECTED = (
    "expected (h, w) or (h, w, 3) for one image, (n, h, w), (n, 1, h, w), (n, h, w, 3), (n, 784) "
    "or (n, 64) for several"
)

_TOO_DARK = 32
"""The brightest value of images that are meant in another range than 0 to 255, as truth values of 0
and 1, or scikit-learn's digits of 0 to 16; on white paper some pixel has over 200."""

_MOST_OF_8X8 = 16
"""The brightest value of scikit-learn's digits, pictures of 8x8; `.npz` files of them are read so
too."""

_ROUNDING = 1e-3
"""How far floats from 0 to 1 may lie outside."""

_COLOURS = (3, 4)
"""Values of a pixel: red, green, blue, and alpha."""

_SINGLE = (str, Path, bytes, bytearray, memoryview, Image.Image)
"""Types of one picture, beside arrays."""

_SAVED_AS_THEY_ARE = frozenset(("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I"))
"""Modes of Pillow that PNG stores without a change."""


@dataclass(frozen=True, eq=False)
class PicturesInMemory(Shard):
    """Consecutive pictures; `row` is the place of each among all that were given."""

    sources: Sequence[str]  # the path of a file, else `IN_MEMORY`
    images: pa.Array | Images  # Arrow binary (n,), or pixels uint8 (n, 28, 28)
    error: pa.Array  # strings (n,), null where the picture could be had
    first: int = 0  # the row of the first

    @property
    def rows(self) -> int:
        """The number of pictures."""
        return len(self.error)

    @property
    def encoded(self) -> bool:
        """Whether they are no pixels."""
        return isinstance(self.images, pa.Array)

    @property
    def source(self) -> str:
        """The source of the first picture."""
        return self.sources[0]

    def read_from(self) -> Sequence[str | bytes]:
        """Return all that is known of the pictures."""
        held = self.images
        contents = held.to_pylist() if isinstance(held, pa.Array) else [held.tobytes()]
        return [*self.sources, str(self.first), *(content or b"" for content in contents)]

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the pictures in order."""
        for start in range(0, self.rows, batch_size):
            stop = min(start + batch_size, self.rows)
            yield ImageBatch(
                source=pa.array(self.sources[start:stop], pa.string()),
                row=pa.array(np.arange(start, stop) + self.first, pa.int64()),
                label=pa.nulls(stop - start, pa.int8()),
                images=self.images[start:stop],
                error=self.error[start:stop],
            )


def shards_in_memory(pictures: Picture | Iterable[Picture]) -> list[PicturesInMemory]:
    """Return one picture or several, as shards.

    Args:
        pictures: an array (h, w) or (h, w, 3 or 4) of one picture, (n, h, w), (n, 1, h, w),
            (n, h, w, 1, 3 or 4), (n, 784) or (n, 64) of several: whole numbers from 0 to 255,
            floats from 0 to 1, truth values, or in 8x8 scikit-learn's 0 to 16; a PIL image; the
            bytes of an image file; its path; or an iterable of any of these, each one picture.

    Raises:
        InputError: one is of another type, shape or range; there is none.
    """
    if isinstance(pictures, _SINGLE):
        return _of_list([pictures])
    array = np.asarray(pictures) if hasattr(pictures, "__array__") else None
    if array is None or array.dtype == object:  # of a column of pandas
        if not isinstance(pictures, Iterable) or isinstance(pictures, Mapping):
            raise InputError(f"images: {type(pictures).__name__}; {_EXPECTED_OF_A_LIST}")
        listed = [*pictures]
        if not listed:
            raise InputError("images: none were given; expected one or more")
        return _of_list(listed)
    pixels = _pixels("images", array)
    several = _several(pixels)
    if several is None:
        return _encoded([pixels])
    if not len(several):
        raise InputError(f"images: an array of shape {pixels.shape}, which holds none")
    if several.shape[1:] == (SIDE, SIDE):
        return _of_pixels(several)
    return _encoded([*several])


_EXPECTED_OF_A_LIST = "expected arrays, PIL images, bytes, paths or a list of them"


def _of_list(pictures: Sequence[Any]) -> list[PicturesInMemory]:
    """Return the shards of single pictures; those that are all 28x28 and grey stay pixels."""
    known = [
        _file(f"images[{place}]", one)
        if isinstance(one, _SINGLE)
        else _single(f"images[{place}]", one)
        for place, one in enumerate(pictures)
    ]
    images = [one for one in known if isinstance(one, np.ndarray) and one.shape == (SIDE, SIDE)]
    if len(images) == len(known):
        return _of_pixels(np.stack(images))
    return _encoded(known)


def _file(name: str, picture: Any) -> Any:  # noqa: ANN401 - of `_SINGLE`
    """Return what an image file holds, or names it; pixels of a PIL image of another range.

    Raises:
        InputError: it is a folder, or has numbers of another range.
    """
    if isinstance(picture, (str, Path)) and Path(picture).is_dir():
        raise InputError(f"{name}: {picture} is a folder; mnist_batch.predict reads folders")
    if isinstance(picture, (bytearray, memoryview)):
        return bytes(picture)
    if isinstance(picture, Image.Image) and picture.mode in ("F", "I"):
        with suppress(OSError):  # of its file, which is damaged: an error of the row
            pixels = np.asarray(picture)
            if picture.mode == "F" or pixels.max(initial=0) < 256:
                return _bytes(name, pixels)
    return picture


def _single(name: str, picture: object) -> npt.NDArray[np.uint8]:
    """Return an array of one picture, uint8 (h, w) or (h, w, 3 or 4)."""
    if not hasattr(picture, "__array__") and not isinstance(picture, list):
        raise InputError(f"{name}: {type(picture).__name__}; {_EXPECTED_OF_A_LIST}")
    pixels = _pixels(name, np.asarray(picture))
    several = _several(pixels)
    if several is None:
        return pixels
    if len(several) != 1:
        raise InputError(
            f"{name}: an array of shape {pixels.shape}, which is {len(several)} images; give it "
            "alone, or its images one by one"
        )
    first: npt.NDArray[np.uint8] = several[0]
    return first


def _several(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    """Return the array (n, h, w) or (n, h, w, 3 or 4) of several images; None where it is one."""
    shape = pixels.shape
    if len(shape) == 2:
        if _is_8x8(shape) and shape[1] == 64:
            return pixels.reshape(-1, 8, 8)
        is_rows = shape[1] == PIXELS and shape[0] != PIXELS
        return pixels.reshape(-1, SIDE, SIDE) if is_rows else None
    if len(shape) == 3:
        if shape[2] == 1:  # one image with a channel
            return pixels.reshape(1, *shape[:2])
        return None if shape[2] in _COLOURS else pixels
    if shape[3] == 1:
        return pixels[..., 0]
    return pixels if shape[3] in _COLOURS else pixels[:, 0]


def _pixels(name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the array as uint8; its shape is one of those that are read.

    Raises:
        InputError: it is not.
    """
    shape = array.shape
    has_channels = len(shape) == 4 and (shape[3] in (1, *_COLOURS) or shape[1] == 1)
    is_known = (len(shape) in (2, 3) or has_channels) and 0 not in shape[-2:]
    if len(shape) == 1 and shape[0] == PIXELS:
        array, is_known = array.reshape(1, PIXELS), True
    if not is_known:
        last = len(shape) == 4 and shape[1] in _COLOURS
        colours = ", colours last: pass images.transpose(0, 2, 3, 1)" if last else ""
        raise InputError(f"{name}: an array of shape {shape}; {_EXPECTED}{colours}")
    return _bytes(name, array)


def _bytes(name: str, array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Return the values of an array as 0 to 255.

    Raises:
        InputError: they are no numbers, or of another range than 0 to 255, or 0 to 1 as floats.
    """
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{name}: an array of {array.dtype}; expected numbers from 0 to 255")
    if not array.size:
        return array.astype(np.uint8)
    is_float = array.dtype.kind == "f"
    if is_float and (lacking := int(np.isnan(array).sum())):
        raise InputError(f"{name}: {lacking:,} of {array.size:,} values are NaN; leave them out")
    least, most = float(array.min()), float(array.max())
    is_share = is_float and least >= -_ROUNDING and most <= 1 + _ROUNDING
    if is_share:
        array = array.clip(0, 1) * 255
    elif _is_8x8(array.shape) and least >= 0 and 1 < most <= _MOST_OF_8X8:
        array = array * (255 / _MOST_OF_8X8)
    elif not 0 <= least <= most <= 255 or 0 < most <= _TOO_DARK:
        instead = f"pass images * (255 / {most:g})" if 2 <= most <= _TOO_DARK else ""
        if is_float and most < 2:
            instead = "pass images.clip(0, 1)"
        raise InputError(
            f"{name}: values from {least:g} to {most:g}; expected 0 to 255, or 0 to 1 as floats"
            f"{f': {instead}' if instead else ''}"
        )
    if array.dtype.kind == "f":
        array = np.rint(array)
    values: npt.NDArray[np.uint8] = array.astype(np.uint8)
    return values


def _is_8x8(shape: tuple[int, ...]) -> bool:
    """Tell whether an array holds pictures of 8x8, as (n, 8, 8) or (n, 64)."""
    return shape[-2:] == (8, 8) or (len(shape) == 2 and shape[1] == 64 != shape[0])


def _of_pixels(pixels: npt.NDArray[np.uint8]) -> list[PicturesInMemory]:
    """Return the shards of pixels uint8 (n, 28, 28)."""
    pixels = np.ascontiguousarray(pixels)
    return [
        PicturesInMemory(
            [IN_MEMORY] * len(part), part, pa.nulls(len(part), pa.string()), first=start
        )
        for start in range(0, len(pixels), SHARD_ROWS)
        for part in [pixels[start : start + SHARD_ROWS]]
    ]


def _encoded(pictures: Sequence[Any]) -> list[PicturesInMemory]:
    """Return the shards of pictures as image files hold them."""
    shards = []
    for start in range(0, len(pictures), SHARD_ROWS):
        part = pictures[start : start + SHARD_ROWS]
        contents, errors = zip(*map(_content, part), strict=True)
        sources = [os.fspath(one) if isinstance(one, (str, Path)) else IN_MEMORY for one in part]
        shards.append(
            PicturesInMemory(
                [source.encode("utf-8", "replace").decode() for source in sources],
                pa.array(contents, pa.large_binary()),
                pa.array(errors, pa.string()),
                first=start,
            )
        )
    return shards


def _content(picture: Any) -> tuple[bytes | None, str | None]:  # noqa: ANN401 - `Picture`
    """Return the bytes of an image file, or None and the error of the row."""
    if isinstance(picture, bytes):
        return picture, None if picture else error_text(Reason.NO_BYTES)
    if isinstance(picture, (str, Path)):
        return read_file(os.fspath(picture))
    try:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image = ImageOps.exif_transpose(image)
        if image.mode not in _SAVED_AS_THEY_ARE:
            image = image.convert("RGB")
        file = io.BytesIO()
        image.save(file, "PNG", compress_level=1)
    except (OSError, ValueError) as error:  # of a PIL image whose file is damaged
        raise_if_of_machine(error, IN_MEMORY)
        return None, error_text(Reason.CORRUPT, str(error))
    return file.getvalue(), None
