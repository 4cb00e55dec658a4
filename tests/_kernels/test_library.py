"""The compiled code is found, and a package without it says so and works."""

import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.random import _common
from numpy.typing import NDArray
from PIL import Image

import mnist_batch
from mnist_batch import _kernels
from mnist_batch._kernels import library
from mnist_batch.inference.predictors import load_model
from tests.support.built_kernels import BUILT
from tests.support.damaged_files import damaged_variants
from tests.support.png_files import compressed, file_of, filtered

DIGITS = Path(__file__).parents[2] / "examples/digits"
ROOT = Path(mnist_batch.__file__).parent


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package whose compiled code is not there."""
    left_out = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT, tmp_path / "copy" / "mnist_batch", ignore=left_out)
    return tmp_path / "copy"


def run(package: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command of a copy of the package."""
    program = [sys.executable, "-m", "mnist_batch", *map(str, arguments)]
    return subprocess.run(program, cwd=package, capture_output=True, text=True, check=False)


def test_the_compiled_code_is_there() -> None:
    """Set-up builds it, with a compiler of its own where there is none."""
    assert _kernels.ready()
    assert _kernels.notes() == []
    assert library.described() in {"compiled code", "compiled code for AVX2"}


def decoded_by(
    path: Path, files: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return what one library makes of files: images (n, 784), 0 where not decoded, and flags."""
    from mnist_batch._kernels.png import decode_pngs

    with monkeypatch.context() as patch:
        opened = library._opened(path)
        patch.setattr(library, "_loaded", lambda: (opened, ""))
        bounds = np.cumsum([0, *map(len, files)]).astype(np.int32)
        images, flags = np.zeros((len(files), 784), np.uint8), np.zeros(len(files), np.bool_)
        decode_pngs(np.frombuffer(b"".join(files), np.uint8), bounds, ~flags, images, flags)
    images[~flags] = 0
    return images, flags


def test_each_library_decodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the pixels that were put in, by each filter."""
    images = np.random.default_rng(3).integers(0, 256, (40, 28, 28), dtype=np.uint8)
    files = [file_of(compressed(filtered(image, [i % 5] * 28))) for i, image in enumerate(images)]
    for path in BUILT:
        found, flags = decoded_by(path, files, monkeypatch)
        assert flags.all()
        np.testing.assert_array_equal(found.reshape(images.shape), images)


def test_each_library_predicts_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample digits, by the default model: labels alike, probabilities within 5e-6 of NumPy."""
    images = []
    for path in sorted(DIGITS.rglob("*.png")):
        with Image.open(path) as image:
            images.append(np.asarray(image))
    found = []
    for loaded in ((None, "none"), *((library._opened(path), "") for path in BUILT)):
        monkeypatch.setattr(library, "_loaded", lambda loaded=loaded: loaded)
        found.append(load_model().probabilities(np.stack(images)))
    assert len(images) >= 30
    for probabilities in found:
        np.testing.assert_allclose(probabilities, found[0], rtol=0, atol=5e-6)
        np.testing.assert_array_equal(probabilities.argmax(axis=1), found[0].argmax(axis=1))


def test_all_libraries_decode_the_same_of_damaged_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is left to Pillow, or not, on every processor alike."""
    random = np.random.default_rng(4)
    images = random.integers(0, 256, (5, 28, 28), dtype=np.uint8)
    images[random.random(images.shape) < 0.7] = 0
    whole = [
        file_of(compressed(filtered(image, [i] * 28), level=i * 2))
        for i, image in enumerate(images)
    ]
    files = [*whole, *damaged_variants(whole, 3000)]
    answers = [decoded_by(path, files, monkeypatch) for path in BUILT]
    for found, flags in answers:
        np.testing.assert_array_equal(found, answers[0][0])
        np.testing.assert_array_equal(flags, answers[0][1])
        assert 5 <= flags.sum() < len(files)


def test_a_package_without_compiled_code_predicts_the_same(
    package: Path, tmp_path: Path, digits_folder: Path
) -> None:
    """Pillow decodes; a note says so, and `--version` too.

    NumPy adds up the products of the first layer in another order, which may change the last bits
    of a confidence.
    """
    out, expected = tmp_path / "out.parquet", tmp_path / "expected.parquet"
    ended = run(package, "predict", digits_folder, "--out", out, "--no-report")
    assert ended.returncode == 0
    run(ROOT.parent, "predict", digits_folder, "--out", expected, "--no-report")
    assert ended.stderr.count("no compiled decoder (it was installed without a C compiler)") == 1
    found, by_kernels = pq.read_table(out), pq.read_table(expected)
    assert found.drop_columns("confidence").equals(by_kernels.drop_columns("confidence"))
    np.testing.assert_allclose(found["confidence"], by_kernels["confidence"], rtol=0, atol=5e-6)
    version = run(package, "--version").stdout
    assert "\nPNG decoder: Pillow, about twenty times as slow (no compiled code: it was" in version


def notes_of(package: Path) -> str:
    """Return whether a copy of the package has compiled code, what decodes, and its notes."""
    program = (
        "from mnist_batch import _kernels; print(_kernels.ready(), _kernels.library.described(),"
        " _kernels.notes())"
    )
    return subprocess.run(
        [sys.executable, "-c", program], cwd=package, capture_output=True, text=True, check=True
    ).stdout


def test_a_damaged_library_is_none(package: Path) -> None:
    """It is said why it was not loaded."""
    (package / "mnist_batch/_kernels/plain.so").write_bytes(b"no library")
    expected = "False Pillow ['no compiled decoder (it cannot be loaded: "
    assert notes_of(package).startswith(expected)


def test_a_library_without_a_function_is_none(package: Path) -> None:
    """Any other one: an older one of this package may lack a function too."""
    shutil.copy(_common.__file__, package / "mnist_batch/_kernels/plain.so")
    expected = "False Pillow ['no compiled decoder (it is of another version of the package: build"
    assert notes_of(package).startswith(expected)


def test_a_library_of_another_version_is_never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its functions may take or give something else."""
    monkeypatch.setattr(library, "VERSION", library.VERSION + 1)
    found, why = library._loaded.__wrapped__()
    assert found is None
    assert why == "it is of another version of the package: build it again"


def test_without_the_library_for_avx2_the_plain_one_is_taken(package: Path) -> None:
    """It does the same, in a little more time."""
    shutil.copy(ROOT / "_kernels/plain.so", package / "mnist_batch/_kernels")
    (package / "mnist_batch/_kernels/avx2.so").write_bytes(b"no library")
    assert notes_of(package) == "True compiled code []\n"


def test_the_version_is_raised_with_what_functions_take_and_give() -> None:
    """Both numbers are one; whoever changes a declaration raises it, and keeps the new sum here."""
    [number] = re.findall(r"KERNELS_VERSION = (\d+)", (ROOT / "_kernels/kernels.h").read_text())
    declared = {
        " ".join(each.split())
        for path in (ROOT / "_kernels").glob("*.c")
        for each in re.findall(r"^EXPORTED ([^{]*\))", path.read_text(), re.MULTILINE)
    }
    assert {re.findall(r"(\w+)\(", each)[0] for each in declared} == {*library.FUNCTIONS}
    kept = int(number), zlib.crc32("".join(sorted(declared)).encode())
    assert kept == (library.VERSION, 404513354)
