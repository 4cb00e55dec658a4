"""The note on a scale that labelled images speak against; scikit-learn trains."""

import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from mnist_batch.commands.predict import predict
from mnist_batch.inference.predictors import load_model
from mnist_batch.inference.trials.kept_images import KeptImages
from mnist_batch.inference.trials.notes import scale_note
from mnist_batch.options import Scale
from mnist_batch.synthetic.generator import draw_digits, write_parquet
from tests.support.golden_ratio import spread
from tests.support.linear_model import write_linear_model

pytestmark = pytest.mark.usefixtures("models_read_here")

IMAGES, LABELS = draw_digits(1050)  # those of digits_parquet


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
