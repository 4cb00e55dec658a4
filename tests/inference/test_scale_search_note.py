"""The note on a scale that labelled images speak against; scikit-learn trains."""

import pickle
import warnings
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from mnist_batch.commands.predict import predict
from mnist_batch.inference.predictors import load_model
from mnist_batch.inference.scale_search import KEPT_IMAGES, KeptImages, scale_note
from mnist_batch.options import Scale
from mnist_batch.synthetic.generator import draw_digits, write_parquet
from tests.support.linear_model import write_linear_model

pytestmark = pytest.mark.usefixtures("models_read_here")

IMAGES, LABELS = draw_digits(1050)  # those of digits_parquet


def spread(rows: int) -> list[int]:
    """Return 1,000 places of rows by the fraction that each has times the golden ratio."""
    phi = (Decimal(5).sqrt() - 1) / 2
    return sorted(range(rows), key=lambda place: place * phi % 1)[:KEPT_IMAGES]


def write_trained(
    path: Path, low: float, high: float, record: object = None, loss: float = 50
) -> Path:
    """Write a network of one layer that was trained on pixels between two numbers.

    Where black is anything but `low`, it is surer of zeros by up to `loss`.
    """
    inputs = low + IMAGES.reshape(-1, 784) / 255 * (high - low)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge in so few steps, nor need it
        network = LogisticRegression(max_iter=30).fit(inputs[:600], LABELS[:600])
    kernel, bias = network.coef_.T.astype(np.float32), network.intercept_.astype(np.float32)
    if low:  # the corner is black
        kernel[0, 0] -= loss / low
        bias[0] += loss
    write_linear_model(path, (kernel, bias), record=record)
    return path


def notes_of(path: Path, data: Path, **settings: object) -> list[str]:
    """Return what a run says of its model's scale."""
    out = path.with_suffix(".parquet")
    summary = predict(data, out, model=path, report=False, overwrite=True, **settings)  # type: ignore[arg-type]
    return [note for note in summary.notes if note.startswith("model ") and "--scale" in note]


def test_a_scale_at_which_far_more_is_read_is_named(tmp_path: Path, digits_parquet: Path) -> None:
    """A network trained on -1 to 1 that gets 0 to 1; and nothing once it gets what it wants."""
    path = write_trained(tmp_path / "model.h5", -1, 1)
    [note] = notes_of(path, digits_parquet)
    kept = spread(1050)
    right = []
    for scale in ("0-1", "-1-1"):
        given = load_model(path, scale=scale).probabilities(IMAGES[kept])
        right.append((given.argmax(axis=1) == LABELS[kept]).mean())
    assert note == (
        f"model model.h5: {right[0]:.0%} of 1,000 labelled images right with pixels as 0-1, "
        f"{right[1]:.0%} as -1-1; try --scale -1-1"
    )
    assert right[1] > 0.9 > 2 * right[0]
    assert notes_of(path, digits_parquet, scale="-1-1") == []


def test_nothing_is_said_of_what_is_read_well(tmp_path: Path, digits_parquet: Path) -> None:
    """Whichever scale may be a little better."""
    assert notes_of(write_trained(tmp_path / "model.h5", 0, 1), digits_parquet) == []


def test_nothing_is_said_of_a_scale_that_is_a_little_better(tmp_path: Path) -> None:
    """A third of the labels being wrong, it can have no less than half of the errors."""
    predictor = load_model(write_trained(tmp_path / "model.h5", -1, 1, loss=5))
    digits = np.where(np.arange(1050) % 3 == 0, (LABELS + 1) % 10, LABELS).astype(np.int8)
    better = load_model(predictor.model.path, scale="-1-1").probabilities(IMAGES).argmax(axis=1)
    right, best = (
        (given == digits).mean()
        for given in (predictor.probabilities(IMAGES).argmax(axis=1), better)
    )
    assert 0.5 < right < best - 0.05
    kept = KeptImages()
    rows = {
        "label": pa.array(digits),
        "error": pa.nulls(1050, pa.string()),
    }
    kept.add(np.arange(1050), pa.record_batch(rows), IMAGES)
    assert scale_note(predictor, float(right), kept) is None


def test_nothing_is_said_where_no_scale_helps(model: Path, digits_parquet: Path) -> None:
    """The network reads other things."""
    assert notes_of(model, digits_parquet) == []


def test_nothing_is_said_of_unlabelled_or_few_images(tmp_path: Path, digits_parquet: Path) -> None:
    """There is nothing to tell it by."""
    path = write_trained(tmp_path / "model.h5", -1, 1)
    assert notes_of(path, digits_parquet, labels="none") == []
    write_parquet(tmp_path / "few.parquet", 49)
    assert notes_of(path, tmp_path / "few.parquet") == []
    write_parquet(tmp_path / "enough.parquet", 50)
    assert len(notes_of(path, tmp_path / "enough.parquet")) == 1


def test_a_scale_that_training_names_is_not_doubted(tmp_path: Path, digits_parquet: Path) -> None:
    """Hard images are then just hard; another scale that was asked for is doubted."""
    path = write_trained(tmp_path / "model.h5", -1, 1, record={"scale": "0-1"})
    assert notes_of(path, digits_parquet) == []
    [note] = notes_of(path, digits_parquet, scale="-0.5-0.5")
    assert note.endswith("try --scale -1-1")


def test_a_network_on_keras_is_not_built_again(tmp_path: Path, digits_parquet: Path) -> None:
    """The scales are tried on the one that there is."""
    path = write_trained(tmp_path / "model.h5", -1, 1)
    loaded = load_model(path, predictor="keras")
    other = loaded.at_scale(Scale.MINUS_ONE_TO_ONE)
    assert other._network is loaded._network
    assert other.at_scale(loaded.scale).scale == "0-1"
    expected = load_model(path, scale="-1-1").probabilities(IMAGES[:9])
    np.testing.assert_allclose(other.probabilities(IMAGES[:9]), expected, rtol=0, atol=1e-5)
    [note] = notes_of(path, digits_parquet, predictor="keras")
    assert note.endswith("as -1-1; try --scale -1-1")


def batch(labels: npt.NDArray[np.int8], *, unlabelled: int = 0, errors: int = 0) -> pa.RecordBatch:
    """Return predictions, the first of which have no label, and the last an error."""
    rows = len(labels)
    known = [None if row < unlabelled else int(label) for row, label in enumerate(labels)]
    told = ["truncated" if row >= rows - errors else None for row in range(rows)]
    return pa.record_batch(
        {"label": pa.array(known, pa.int8()), "error": pa.array(told, pa.string())}
    )


def numbered(rows: int) -> npt.NDArray[np.uint8]:
    """Return images that tell their number."""
    images, numbers = np.zeros((rows, 28, 28), np.uint8), np.arange(rows)
    images[:, 0, 0], images[:, 0, 1] = numbers % 256, numbers // 256
    return images


def numbers_kept(kept: KeptImages) -> list[int]:
    """Return the numbers of the images that are kept, in order."""
    images = kept.labelled().images[:, 0, :2].astype(int)
    numbers: list[int] = (images[:, 0] + 256 * images[:, 1]).tolist()
    return sorted(numbers)


@pytest.mark.parametrize("size", [1, 7, 900, 5000])
def test_what_is_kept_is_spread_and_does_not_depend_on_batches(size: int) -> None:
    """A fifth of 5,000 labelled rows: at most eight apart, and of each class as many."""
    kept = KeptImages()
    numbers, images = np.arange(5000), numbered(5000)
    digits = (numbers % 10).astype(np.int8)
    for start in range(0, 5000, size):
        part = slice(start, start + size)
        kept.add(numbers[part], batch(digits[part]), images[part])
    assert kept.count == KEPT_IMAGES
    found = numbers_kept(kept)
    assert found == sorted(spread(5000))
    assert max(np.diff(found)) == 8
    assert all(95 < count < 105 for count in np.bincount(np.array(found) % 10))


@settings(deadline=None, max_examples=20)
@given(cuts=st.sets(st.integers(1, 2999), max_size=5), labelled=st.integers(0, 3000))
def test_what_parts_keep_is_what_one_run_keeps(cuts: set[int], labelled: int) -> None:
    """In whichever order they are merged."""
    numbers, images = np.arange(3000), numbered(3000)
    rows = batch((numbers % 7).astype(np.int8), unlabelled=3000 - labelled)
    whole = KeptImages()
    whole.add(numbers, rows, images)
    merged = KeptImages()
    for start, stop in reversed([*pairwise([0, *sorted(cuts), 3000])]):
        kept = KeptImages()
        kept.add(numbers[start:stop], rows.slice(start, stop - start), images[start:stop])
        kept.pack((stop - start) / 3000)
        merged.merge(pickle.loads(pickle.dumps(kept)))
    assert merged.count == whole.count == min(labelled, KEPT_IMAGES)
    if labelled:
        assert numbers_kept(merged) == numbers_kept(whole)


def test_of_a_large_input_few_rows_of_a_part_are_kept() -> None:
    """One in ten thousand of a billion, so that little comes back from elsewhere."""
    kept = KeptImages()
    kept.add(np.arange(20_000), batch(np.zeros(20_000, np.int8)), numbered(20_000))
    kept.pack(20_000 / 10**9)
    assert kept.count == 2


def test_of_a_large_input_with_few_labels_all_of_them_may_be_kept() -> None:
    """Each part has some: they are no more than one run would keep."""
    kept = KeptImages()
    labels = np.zeros(20_000, np.int8)
    kept.add(np.arange(20_000), batch(labels, unlabelled=19_992), numbered(20_000))
    kept.pack(20_000 / 10**7)
    assert kept.count == 8


def test_rows_without_label_or_pixels_are_not_kept() -> None:
    """They tell nothing."""
    kept = KeptImages()
    rows = batch(np.arange(10, dtype=np.int8), unlabelled=3, errors=2)
    kept.add(np.arange(10), rows, numbered(10))
    labelled = kept.labelled()
    assert sorted(labelled.digits) == numbers_kept(kept) == [3, 4, 5, 6, 7]
    np.testing.assert_array_equal(labelled.digits, labelled.images[:, 0, 0])
