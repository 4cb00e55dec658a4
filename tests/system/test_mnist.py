"""The promises about the real MNIST, on the files as they come from Hugging Face and as IDX."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mnist_batch

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def expected(mnist: Path, seed_model: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The original model's predictions on the test split's Parquet file."""
    out = tmp_path_factory.mktemp("expected") / "out.parquet"
    mnist_batch.predict(mnist / "test-00000-of-00001.parquet", out, model=seed_model, report=False)
    return pq.read_table(out)


def _predictions(source: Path, model: Path, tmp_path: Path) -> pa.Table:
    out = tmp_path / "out.parquet"
    mnist_batch.predict(source, out, model=model, report=False)
    return pq.read_table(out)


def test_the_original_model_scores_as_it_did(expected: pa.Table, mnist_test_labels: Pixels) -> None:
    """10,000 rows in order, 0.979 of them right."""
    assert expected["row"].to_pylist() == list(range(10_000))
    assert expected["label"].to_pylist() == mnist_test_labels.tolist()
    correct = (expected["prediction"].to_numpy() == mnist_test_labels).sum()
    assert correct == 9790


def test_a_folder_of_png_files_gives_the_same(
    expected: pa.Table,
    mnist_test_images: Pixels,
    mnist_test_labels: Pixels,
    seed_model: Path,
    tmp_path: Path,
) -> None:
    """Every prediction, found by the file's name."""
    _save_folder(tmp_path / "png", mnist_test_images, mnist_test_labels, ".png")
    table = _predictions(tmp_path / "png", seed_model, tmp_path)
    rows = [int(Path(source).stem) for source in table["source"].to_pylist()]
    assert sorted(rows) == list(range(10_000))
    same_order = expected.take(pa.array(rows))
    _assert_same(table, same_order, ["label", "prediction", "prepared", "error"])


def test_jpeg_files_are_read_nearly_as_well(
    expected: pa.Table,
    mnist_test_images: Pixels,
    mnist_test_labels: Pixels,
    seed_model: Path,
    tmp_path: Path,
) -> None:
    """Compression costs at most 0.005 of accuracy."""
    _save_folder(tmp_path / "jpeg", mnist_test_images, mnist_test_labels, ".jpg")
    table = _predictions(tmp_path / "jpeg", seed_model, tmp_path)
    accuracy = np.mean(table["prediction"].to_numpy() == table["label"].to_numpy())
    assert accuracy == pytest.approx(0.979, abs=0.005)


@pytest.mark.parametrize("layout", ["tensor", "binary(784)", "list of 784", "one row group"])
def test_other_layouts_of_parquet_give_the_same(
    expected: pa.Table,
    mnist: Path,
    mnist_test_images: Pixels,
    seed_model: Path,
    tmp_path: Path,
    layout: str,
) -> None:
    """Raw pixels from the IDX file, and the encoded images in another cut."""
    if layout == "tensor":
        images = pa.FixedShapeTensorArray.from_numpy_ndarray(mnist_test_images)
    elif layout == "binary(784)":
        images = pa.array([image.tobytes() for image in mnist_test_images], pa.binary(784))
    elif layout == "list of 784":
        flat = mnist_test_images.reshape(-1, 784).tolist()
        images = pa.array(flat, pa.list_(pa.uint8()))
    else:
        images = pq.read_table(mnist / "test-00000-of-00001.parquet")["image"]
    pq.write_table(pa.table({"image": images}), tmp_path / "digits.parquet")
    table = _predictions(tmp_path / "digits.parquet", seed_model, tmp_path)
    _assert_same(table, expected, ["row", "prediction", "prepared", "error"])


def test_the_default_model_scores_what_its_card_says(mnist: Path, tmp_path: Path) -> None:
    """On the test split, to the last image."""
    summary = mnist_batch.predict(
        mnist / "test-00000-of-00001.parquet", tmp_path / "out.parquet", report=False
    )
    card = (Path(mnist_batch.__file__).parent / "MODEL_CARD.md").read_text()
    assert f"{summary.metrics.correct:,} of 10,000" in card
    assert summary.metrics.accuracy is not None
    assert summary.metrics.accuracy >= 0.975


_PEAK = """
import re, sys
from pathlib import Path
import mnist_batch
mnist_batch.predict(sys.argv[1], sys.argv[2], report=False, workers=2)
# Not ru_maxrss, which begins at the size of the process that started this one.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux")
@pytest.mark.parametrize("row_group_size", [100, 10**6])
def test_memory_does_not_grow_with_the_input(
    mnist: Path, tmp_path: Path, row_group_size: int
) -> None:
    """Four times the rows take hardly more, in MB: to hold them all would take 50 more, encoded."""
    train = pq.read_table(mnist / "train-00000-of-00001.parquet")
    peaks = []
    for times in (1, 4):
        path = tmp_path / f"{times}.parquet"
        with pq.ParquetWriter(path, train.schema) as writer:
            whole = pa.concat_tables([train] * times)
            writer.write_table(whole, row_group_size=row_group_size)
        ended = subprocess.run(
            [sys.executable, "-c", _PEAK, path, tmp_path / f"{times}-out.parquet"],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(ended.stdout))
    assert max(peaks) < 500
    assert peaks[1] < peaks[0] + 45


def _assert_same(table: pa.Table, expected: pa.Table, columns: list[str]) -> None:
    """Equal in the columns; in the confidence to 5e-6, as `Predictor.probabilities` promises.

    Batches are cut otherwise, and a row's float32 sums of 784 products may be added in another
    order where the row lies elsewhere in the matrix. Measured on the kernels that OpenBLAS has for
    AVX2: up to 2.4e-6; with AVX-512 none.
    """
    assert table.select(columns).to_pydict() == expected.select(columns).to_pydict()
    np.testing.assert_allclose(table["confidence"], expected["confidence"], rtol=0, atol=5e-6)


def _save_folder(folder: Path, images: Pixels, labels: Pixels, suffix: str) -> None:
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(folder / str(label) / f"{index}{suffix}")
