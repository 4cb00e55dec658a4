"""Images to predictions: complete, in order, and the same however the work is cut."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from mnist_batch.inference import pipeline
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import Predictor, load_model
from mnist_batch.inference.workers import available_workers
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.synthetic import generator
from tests.support.linear_model import linear_probabilities


@pytest.fixture(scope="module")
def predictor(model: Path) -> Predictor:
    """The hand-made model of one layer, loaded."""
    return load_model(model)


def _predicted(
    path: Path, predictor: Predictor, *, batch_size: int = 2048, workers: int | None = None
) -> pa.Table:
    batches = predict_batches(
        open_inputs([path]), predictor, batch_size=batch_size, workers=workers
    )
    return pa.Table.from_batches([batch.predictions for batch in batches]).combine_chunks()


def test_predictions_are_the_networks(digits_parquet: Path, predictor: Predictor) -> None:
    """Each row's probabilities, prediction and confidence are those of its own image."""
    images, labels = generator.draw_digits(1050)
    expected = linear_probabilities(images)
    table = _predicted(digits_parquet, predictor)
    probabilities = np.array(table["probabilities"].to_pylist())
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    assert table["prediction"].to_pylist() == expected.argmax(axis=1).tolist()
    np.testing.assert_allclose(table["confidence"], expected.max(axis=1), atol=1e-5)
    assert table["label"].to_pylist() == labels.tolist()
    assert table["row"].to_pylist() == list(range(1050))
    assert set(table["source"].to_pylist()) == {"digits.parquet"}


@pytest.mark.parametrize("batch_size", [1, 7, 100, 4096])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_result_does_not_depend_on_how_the_work_is_cut(
    digits_parquet: Path, predictor: Predictor, batch_size: int, workers: int
) -> None:
    """Bit for bit, but for the last bits of fractions: some processors round by place."""
    cut = _predicted(digits_parquet, predictor, batch_size=batch_size, workers=workers)
    whole = _predicted(digits_parquet, predictor)
    fractions = ["confidence", "probabilities"]
    assert cut.drop_columns(fractions).equals(whole.drop_columns(fractions))
    np.testing.assert_allclose(cut["confidence"], whole["confidence"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        cut["probabilities"].to_pylist(), whole["probabilities"].to_pylist(), rtol=0, atol=1e-6
    )


def test_an_unreadable_image_is_a_row_without_prediction(
    tmp_path: Path, predictor: Predictor
) -> None:
    """Null in every column that the image would have filled; its neighbours keep theirs."""
    images, _ = generator.draw_digits(3)
    encoded = [None, b"not an image", b""]
    path = tmp_path / "digits.parquet"
    generator.write_parquet(path, 3)
    column = pq.read_table(path)["image"].combine_chunks().field("bytes").to_pylist()
    mixed = [column[0], *encoded, column[2]]
    pq.write_table(pa.table({"image": pa.array(mixed, pa.binary())}), tmp_path / "mixed.parquet")
    rows = _predicted(tmp_path / "mixed.parquet", predictor).to_pylist()
    expected = linear_probabilities(images).argmax(axis=1)
    assert [row["prediction"] for row in rows] == [expected[0], None, None, None, expected[2]]
    assert [row["error"] for row in rows] == [None, "no bytes", "not an image", "no bytes", None]
    assert [row["row"] for row in rows] == [0, 1, 2, 3, 4]
    for row in rows[1:4]:
        assert row["confidence"] is None
        assert row["probabilities"] is None


def test_the_images_are_what_the_network_saw(digits_folder: Path, predictor: Predictor) -> None:
    """Decoded, 28x28, in the order of the rows: files of a folder in natural order."""
    (batch,) = predict_batches(open_inputs([digits_folder]), predictor)
    images, labels = generator.draw_digits(30)
    by_folder = np.argsort(labels, kind="stable")
    np.testing.assert_array_equal(batch.images, images[by_folder])


@pytest.mark.parametrize("batch_size", [7, 2048])
def test_originals_come_with_their_rows_when_asked_for(
    digits_folder: Path, predictor: Predictor, batch_size: int
) -> None:
    """The bytes of the files; unasked they are not kept."""
    opened = open_inputs([digits_folder])
    for batch in predict_batches(opened, predictor, batch_size=batch_size, with_originals=True):
        assert batch.originals is not None
        assert isinstance(batch.originals.images, pa.Array)
        sources = batch.predictions["source"].to_pylist()
        files = [(digits_folder / source).read_bytes() for source in sources]
        assert batch.originals.images.to_pylist() == files
    assert next(predict_batches(opened, predictor)).originals is None


def test_there_is_a_worker_for_each_core_that_may_be_used() -> None:
    """At least one."""
    assert available_workers() >= 1


def _blas_threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_the_programs_own_matrix_products_keep_their_threads(
    digits_parquet: Path, predictor: Predictor
) -> None:
    """While two streams are begun, whichever ends first, and afterwards."""
    before = _blas_threads()
    opened = open_inputs([digits_parquet])
    first = predict_batches(opened, predictor, batch_size=100)
    second = predict_batches(opened, predictor, batch_size=100)
    next(first)
    next(second)
    list(first)
    list(second)
    assert _blas_threads() == before


def test_products_run_on_one_thread_whichever_worker_began() -> None:
    """A library that limits threads obeys the first thread that asks it, and no other."""
    inside: list[list[int]] = []

    def enter() -> None:
        with pipeline._one_blas_thread:
            inside.append(_blas_threads())

    before = _blas_threads()
    # The first one lives on while the second works, as workers do.
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        for pool in (first, second, first):
            pool.submit(enter).result()
            assert _blas_threads() == before
    with threadpool_limits(1):
        enter()
        assert set(_blas_threads()) == {1}
    assert _blas_threads() == before
    assert [set(threads) for threads in inside] == [{1}] * 4


def test_products_run_on_one_thread_after_a_worker_failed_to_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who fails to enter does not leave, and so must not count."""

    def short_of_memory() -> bool:
        raise MemoryError

    before = _blas_threads()
    with threadpool_limits(2):
        with monkeypatch.context() as patched, pytest.raises(MemoryError):
            patched.setattr(pipeline, "_has_several_blas_threads", short_of_memory)
            with pipeline._one_blas_thread:
                pass
        with pipeline._one_blas_thread:
            assert set(_blas_threads()) == {1}
    assert _blas_threads() == before


def test_a_network_that_overflows_gives_no_prediction(
    digits_parquet: Path, predictor: Predictor
) -> None:
    """Not a digit with the confidence NaN."""

    class Overflowing:
        input_shape = (784,)
        layers = predictor.layers
        block_rows = predictor.block_rows
        class_count = 10
        activation = "softmax"

        def outputs(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
            outputs = np.zeros((len(inputs), 10), np.float32)
            outputs[inputs[:, 400] > 0] = np.nan
            return outputs

    overflowing = replace(predictor, _network=Overflowing())
    images, _ = generator.draw_digits(1050)
    expected = images.reshape(-1, 784)[:, 400] > 0
    table = _predicted(digits_parquet, overflowing)
    assert 0 < expected.sum() < 1050
    assert table["prediction"].is_null().to_pylist() == expected.tolist()
    assert table["confidence"].is_null().to_pylist() == expected.tolist()
    reasons = ["no probabilities" if failed else None for failed in expected]
    assert table["error"].to_pylist() == reasons


@pytest.mark.parametrize(("batch_size", "workers"), [(0, 1), (1, 0), (1, -1)])
def test_numbers_below_one_are_refused(
    digits_parquet: Path, predictor: Predictor, batch_size: int, workers: int
) -> None:
    """They would wait for ever."""
    with pytest.raises(ValueError, match="expected at least 1"):
        _predicted(digits_parquet, predictor, batch_size=batch_size, workers=workers)
