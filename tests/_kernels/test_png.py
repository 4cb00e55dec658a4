"""The compiled decoder gives the pixels that were put in, or leaves the file to Pillow."""

import io
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from mnist_batch._kernels.png import decode_pngs
from mnist_batch.decoding.decode import decode_image
from tests.support.damaged_files import damaged_variants
from tests.support.png_files import (
    GREY_28,
    SIGNATURE,
    STRATEGIES,
    chunk,
    compressed,
    damaged,
    file_of,
    filtered,
    with_longest_codes,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")

NOISE = np.random.default_rng(1).integers(0, 256, (28, 28), dtype=np.uint8)
# Light strokes on black with soft edges, as MNIST's.
DISC = np.clip(300 - 40 * np.hypot(*np.mgrid[-14:14, -14:14]), 0, 255).astype(np.uint8)
STRAIGHT = [0] * 28


def decode(contents: list[bytes]) -> list[NDArray[np.uint8] | None]:
    """Return the image of each file (28, 28), or None where it is left to Pillow."""
    data = np.frombuffer(b"".join(contents) or b"-", np.uint8)
    bounds = np.cumsum([0, *map(len, contents)]).astype(np.int32)
    bounds.flags.writeable = False
    images, flags = np.zeros((len(contents), 784), np.uint8), np.zeros(len(contents), np.bool_)
    decode_pngs(data, bounds, np.ones(len(contents), np.bool_), images, flags)
    return [
        image.reshape(28, 28) if flag else None for image, flag in zip(images, flags, strict=True)
    ]


def by_pillow(content: bytes) -> NDArray[np.uint8] | None:
    """Return Pillow's pixels of a file of 28x28, or None where it finds it damaged."""
    result = decode_image(content)
    if isinstance(result, str):
        return None
    assert result.shape == (28, 28)
    return result


def decoded(content: bytes) -> NDArray[np.uint8]:
    """Return the image of a file that must not be left to Pillow."""
    [image] = decode([content])
    assert image is not None
    return image


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("image", [NOISE, DISC], ids=["noise", "disc"])
def test_every_filter_is_undone(kind: int, image: NDArray[np.uint8]) -> None:
    """All lines of one filter type, the first line's neighbour above being black."""
    content = file_of(compressed(filtered(image, [kind] * 28)))
    np.testing.assert_array_equal(decoded(content), image)
    np.testing.assert_array_equal(by_pillow(content), image)


@settings(deadline=None, max_examples=300)
@given(
    seed=st.integers(0, 2**32 - 1),
    black=st.floats(0, 1),
    kinds=st.lists(st.integers(0, 4), min_size=28, max_size=28),
    level=st.integers(0, 9),
    strategy=st.sampled_from(sorted(STRATEGIES.values())),
    bits=st.integers(9, 15),
)
def test_any_image_filter_and_compression_come_back(
    seed: int, black: float, kinds: list[int], level: int, strategy: int, bits: int
) -> None:
    """Whatever zlib makes of whatever pixels: stored, fixed and dynamic blocks."""
    random = np.random.default_rng(seed)
    image = random.integers(0, 256, (28, 28), dtype=np.uint8)
    image[random.random((28, 28)) < black] = 0
    content = file_of(compressed(filtered(image, kinds), level, strategy, bits))
    np.testing.assert_array_equal(decoded(content), image)


def test_several_blocks_of_every_kind_follow_one_another() -> None:
    """A stream may change its kind of block, and end with an empty one."""
    lines = filtered(NOISE, [0, 1, 2, 3] * 7)
    compressor = zlib.compressobj(9)
    parts = [
        compressor.compress(lines[start : start + 100]) + compressor.flush(flush)
        for start, flush in zip(
            range(0, 900, 100),
            [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_BLOCK] * 3,
            strict=True,
        )
    ]
    content = file_of(b"".join(parts) + compressor.flush())
    np.testing.assert_array_equal(decoded(content), NOISE)


def test_codes_of_very_different_lengths_are_read() -> None:
    """Symbols whose counts grow like Fibonacci's numbers, that of the end, 1, among them."""
    counts = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144]
    values = np.repeat(np.arange(1, 12) * 19 % 256, counts).astype(np.uint8)
    image = np.random.default_rng(2).permutation(np.append(values, np.zeros(409, np.uint8)))
    lines = filtered(image.reshape(28, 28), STRAIGHT)
    content = file_of(compressed(lines, 9, zlib.Z_HUFFMAN_ONLY))
    np.testing.assert_array_equal(decoded(content).ravel(), image)


def test_codes_of_the_greatest_length_are_read() -> None:
    """Of literals, lengths and distances; the pixels are Pillow's."""
    random = np.random.default_rng(8)
    contents = [file_of(with_longest_codes(random)) for _ in range(50)]
    for content, image in zip(contents, decode(contents), strict=True):
        assert image is not None
        np.testing.assert_array_equal(image, by_pillow(content))


@pytest.mark.parametrize("grey", [0, 1, 255])
def test_one_run_is_an_image(grey: int) -> None:
    """A blank image is one literal and matches of distance 1, with a single distance code."""
    image = np.full((28, 28), grey, np.uint8)
    np.testing.assert_array_equal(decoded(file_of(compressed(filtered(image, STRAIGHT)))), image)


def test_mnist_comes_back(mnist: Path, mnist_test_images: NDArray[np.uint8]) -> None:
    """All 10,000 test images of MNIST are decoded, to the pixels of the original IDX file."""
    import pyarrow.parquet as pq

    column = pq.read_table(mnist / "test-00000-of-00001.parquet")["image"].combine_chunks()
    images = decode(column.field("bytes").to_pylist())
    assert not any(image is None for image in images)
    np.testing.assert_array_equal(np.array(images), mnist_test_images)


OTHER_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "1 bit": ("1", {}),
    "grey with alpha": ("LA", {}),
    "colour": ("RGB", {}),
    "colour with alpha": ("RGBA", {}),
    "palette": ("P", {}),
    "16 bits": ("I;16", {}),
    "resolution": ("L", {"dpi": (72, 72)}),
    "transparent grey": ("L", {"transparency": 0}),
    "JPEG": ("L", {"format": "JPEG"}),
    "BMP": ("L", {"format": "BMP"}),
}


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_other_kinds_are_left_to_pillow(name: str) -> None:
    """Another depth, colour type or format, or a chunk that may say how to show the pixels."""
    mode, options = OTHER_KINDS[name]
    file = io.BytesIO()
    image = Image.fromarray(DISC)
    image = Image.fromarray(DISC.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    image.save(file, **{"format": "PNG", **options})
    assert decode([file.getvalue()]) == [None]
    assert by_pillow(file.getvalue()) is not None


@pytest.mark.parametrize("size", [(27, 28), (28, 27), (29, 28), (1, 784), (56, 56)])
def test_other_sizes_are_left_to_pillow(size: tuple[int, int]) -> None:
    """An image that has to be resized is Pillow's."""
    file = io.BytesIO()
    Image.new("L", size, 7).save(file, "PNG")
    assert decode([file.getvalue()]) == [None]


def test_interlaced_images_and_split_data_are_left_to_pillow() -> None:
    """Both are valid, and rare."""
    stream = compressed(filtered(DISC, STRAIGHT))
    interlaced = GREY_28[:-1] + b"\1"
    halves = chunk(b"IDAT", stream[:50]) + chunk(b"IDAT", stream[50:])
    split = SIGNATURE + chunk(b"IHDR", GREY_28) + halves + chunk(b"IEND", b"")
    assert decode([file_of(stream, interlaced), split]) == [None, None]
    np.testing.assert_array_equal(by_pillow(split), DISC)


WHOLE = {
    "dynamic codes": file_of(compressed(filtered(DISC, [0, 1, 2, 3, 4, 0, 0] * 4), 9)),
    "fixed codes": file_of(compressed(filtered(DISC, STRAIGHT), 9, zlib.Z_FIXED)),
    "stored": file_of(compressed(filtered(DISC, STRAIGHT), 0)),
    "longest codes": file_of(with_longest_codes(np.random.default_rng(9))),
}


@pytest.mark.parametrize("name", WHOLE)
def test_damage_is_never_decoded_otherwise_than_pillow_does(name: str) -> None:
    """Each bit turned, each byte left out, each cut: Pillow's pixels, or left to Pillow."""
    contents = list(damaged(WHOLE[name]))
    images = decode(contents)
    for content, image in zip(contents, images, strict=True):
        if image is not None:
            np.testing.assert_array_equal(image, by_pillow(content))
    # Pillow does not look outside the pixels' data either, as at its CRC; some codes are unused.
    assert sum(image is not None for image in images) < 100


@pytest.mark.fuzz
def test_mutants_are_decoded_as_pillow_does_or_left_to_it() -> None:
    """Many beside one another, so that one which is read beyond its end shows in its neighbour."""
    contents = list(damaged_variants(list(WHOLE.values()), 1000))
    images = decode(contents)
    for content, image in zip(contents, images, strict=True):
        if image is not None:
            np.testing.assert_array_equal(image, by_pillow(content))
    whole = decode([part for content in contents[:100] for part in (content, WHOLE["stored"])])
    assert all(image is not None for image in whole[1::2])


@settings(deadline=None, max_examples=500)
@given(
    stream=st.binary(min_size=6, max_size=900)
    | st.tuples(
        st.sampled_from([compressed(filtered(DISC, STRAIGHT), level)[:60] for level in (0, 6)]),
        st.binary(max_size=300),
    ).map(b"".join)
)
def test_any_stream_is_read_as_zlib_does(stream: bytes) -> None:
    """What is decoded is what zlib makes of it, all of it and nothing behind it."""
    [image] = decode([file_of(stream)])
    if image is not None:
        np.testing.assert_array_equal(image, by_pillow(file_of(stream)))
        assert len(zlib.decompress(stream)) == 28 * 29


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_streams_with_the_wrong_size_are_left_to_pillow(data: st.DataObject) -> None:
    """A sound stream of too few or too many bytes is no image."""
    size = data.draw(st.integers(0, 2000).filter(lambda size: size != 28 * 29))
    level = data.draw(st.integers(0, 9))
    assert decode([file_of(compressed(bytes(size), level))]) == [None]


@pytest.mark.parametrize("kind", [5, 6, 255])
def test_unknown_filters_are_left_to_pillow(kind: int) -> None:
    """PNG knows the filter types 0 to 4."""
    lines = bytearray(filtered(DISC, STRAIGHT))
    lines[5 * 29] = kind
    assert decode([file_of(compressed(bytes(lines)))]) == [None]


def test_only_what_is_wanted_is_touched() -> None:
    """A row that has an error already keeps its black image."""
    content = WHOLE["fixed codes"]
    data = np.frombuffer(content * 3, np.uint8)
    bounds = np.frombuffer(np.arange(0, 4, dtype=np.int32) * len(content), np.int32)
    images, flags = np.zeros((3, 784), np.uint8), np.ones(3, np.bool_)
    decode_pngs(data, bounds, np.array([True, False, True]), images, flags)
    assert flags.tolist() == [True, False, True]
    np.testing.assert_array_equal(images.any(axis=1), [True, False, True])


def test_nothing_behind_a_file_is_read() -> None:
    """Damaged files, each right before memory that may not be read, crash nothing.

    One kind of damage lets a block be followed by another, which begins in the checksum.
    """
    program = """
import ctypes, mmap, os, zlib
import numpy as np
from mnist_batch._kernels.png import decode_pngs
from tests.support.damaged_files import damaged_variants
from tests.support.png_files import compressed, file_of
from tests._kernels.test_png import WHOLE
page = mmap.PAGESIZE
memory = mmap.mmap(-1, 2 * page)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(start + page), page, 0) == 0
image, flag, wanted = np.zeros((1, 784), np.uint8), np.zeros(1, np.bool_), np.ones(1, np.bool_)

def decode(content):
    memory[page - len(content) : page] = content
    data = np.frombuffer(memory, np.uint8, page)
    bounds = np.array([page - len(content), page], np.int32)
    data.flags.writeable = bounds.flags.writeable = False
    decode_pngs(data, bounds, wanted, image, flag)

random = np.random.default_rng(3)
for _ in range(3000):
    lines = random.integers(0, 4, random.integers(1, 813), dtype=np.uint8).tobytes()
    stream = bytearray(compressed(lines, 6, zlib.Z_FIXED))
    stream[2] &= 254  # not the last block
    stream[-4:] = random.bytes(4)
    decode(file_of(bytes(stream[: len(stream) - random.integers(0, 5)])))
for whole in WHOLE.values():
    for _ in range(10_000):
        damaged = np.frombuffer(whole, np.uint8).copy()
        places = random.integers(43, len(whole) - 16, random.integers(1, 5))
        damaged[places] = random.integers(0, 256, len(places))
        decode(damaged.tobytes())
print("whole", flush=True)
os._exit(0)
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout.strip(), result.returncode) == ("whole", 0), result.stderr
