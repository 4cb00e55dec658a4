"""Damaged files let compiled code touch nothing but the arrays that it was given.

Checked by AddressSanitizer and UndefinedBehaviorSanitizer; `make fuzz-asan` runs many more files,
and the other tests of the kernels, on the same build.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sanitized import ROOT, NoSanitizerError, build


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What loads kernels that were built with the sanitizers."""
    folder = tmp_path_factory.mktemp("sanitized")
    try:
        found = build(folder)
    except NoSanitizerError as error:
        pytest.skip(str(error))
    return os.environ | found | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def run(environment: dict[str, str], program: str) -> subprocess.CompletedProcess[str]:
    """Run a program of Python, in a folder where no other package is."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=environment["PYTHONPATH"].split(os.pathsep)[0],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "reported"),
    [
        ("address(1), 1, address(0)", None),
        ("address(1), 2, address(0)", "AddressSanitizer: heap-buffer-overflow"),  # of two images
        ("address(1), 1, address(0) + 1", "misaligned address"),
    ],
    ids=["right", "beyond", "undefined"],
)
def test_the_sanitizers_see_what_is_wrong(
    environment: dict[str, str], arguments: str, reported: str | None
) -> None:
    """The kernels are called without the checks of their Python side."""
    program = f"""
import numpy as np
from mnist_batch._kernels import library
arrays = [np.zeros(2, np.uint32), np.zeros(784, np.uint8)]
address = lambda number: arrays[number].ctypes.data
call = library.get().sum_pixels
call.argtypes = [library.ctypes.c_size_t] * 3
call({arguments})
print("whole")
"""
    ended = run(environment, program)
    if reported is None:
        assert ended.stdout == "whole\n", ended.stderr
    else:
        assert (ended.returncode != 0, ended.stdout) == (True, "")
        assert reported in ended.stderr


def test_damaged_images_touch_nothing_else(environment: dict[str, str]) -> None:
    """Each alone in memory of just its size."""
    program = """
import zlib
import numpy as np
from mnist_batch._kernels.png import decode_pngs
from tests.support.damaged_files import damaged_variants
from tests.support.png_files import compressed, file_of, filtered
image = np.random.default_rng(5).integers(0, 256, (28, 28), np.uint8)
image[image < 200] = 0
whole = [
    file_of(compressed(filtered(image, [0, 1, 2, 3, 4, 4, 4] * 4), level, strategy))
    for level in (0, 1, 9) for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED)
]
for content in damaged_variants(whole, 3000):
    decode_pngs(
        np.frombuffer(content, np.uint8).copy(), np.array([0, len(content)], np.int32),
        np.ones(1, np.bool_), np.zeros((1, 784), np.uint8), np.zeros(1, np.bool_),
    )
print("whole")
"""
    ended = run(environment, program)
    assert ended.stdout == "whole\n", ended.stderr


def test_damaged_footers_and_pages_touch_nothing_else(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Footers, some without their end: each in memory of just its size, as bytes of Python are not.

    They have a 0 behind them.
    """
    program = f"""
from pathlib import Path
import numpy as np
from mnist_batch._kernels import library
from mnist_batch._kernels.parquet import check_pages
from tests.support.damaged_files import damaged_variants
from tests.support.parquet_pages import COLUMNS, footer_of, leaf_files
find_chunks = library.get().find_chunks
find_chunks.argtypes = [library.ctypes.c_size_t] * 7
whole = leaf_files(Path({str(tmp_path)!r}))
path = Path({str(tmp_path / "damaged")!r})
places = np.arange(COLUMNS)
for content in damaged_variants(whole, 500):
    path.write_bytes(content)
    for groups in (1, 6):
        for footer in (footer_of(content), footer_of(content)[:groups * 100]):
            alone = np.frombuffer(footer, np.uint8).copy()
            chunks = np.zeros((groups, COLUMNS, 6), np.int64)
            find_chunks(
                alone.ctypes.data, alone.size, places.ctypes.data, COLUMNS, chunks.ctypes.data,
                groups, COLUMNS,
            )
            with path.open("rb") as file:
                check_pages(
                    file.fileno(), chunks.reshape(-1, 6), 10**6,
                    np.zeros((groups * COLUMNS, 4), np.int64),
                )
print("whole")
"""
    ended = run(environment, program)
    assert ended.stdout == "whole\n", ended.stderr
