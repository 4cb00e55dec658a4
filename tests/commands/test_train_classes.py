"""Training on other classes than digits: what the model file says of them, and what follows it."""

import json
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.errors import InputError, LabelError
from mnist_batch.schema import Classes
from mnist_batch.training.data import read_images
from tests.support.parquet_files import encoded
from tests.support.spotted import spotted_images


def _write_folders(root: Path, names: str, each: int) -> Path:
    """Write images in a folder per name."""
    for label, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(spotted_images([label])[0]).save(root / name / f"{number}.png")
    return root


def _write(path: Path, labels: object) -> Path:
    images = spotted_images(range(len(labels)))  # type: ignore[arg-type] # a list or an array
    pictures = [{"bytes": encoded(image), "path": None} for image in images]
    pq.write_table(pa.table({"image": pictures, "label": labels}), path)
    return path


def test_a_model_of_letters_is_trained_predicts_and_knows_their_names(tmp_path: Path) -> None:
    """From folders a to e: a plain white pixel is no digit, and no image is prepared as one."""
    _write_folders(tmp_path / "data" / "train", "abcde", 20)
    _write_folders(tmp_path / "data" / "test", "abcde", 2)
    model = tmp_path / "letters.h5"
    result = mnist_batch.train(
        tmp_path / "data", model, epochs=30, batch_size=10, validation_split=0, report=False
    )
    assert result.accuracy == 1.0
    assert result.metrics is not None
    assert result.metrics.classes == Classes(5, tuple("abcde"))
    assert any(
        "5 classes were learned, not the digits: a, b, c, ..." in one for one in result.notes
    )
    with h5py.File(model) as file:
        record = json.loads(file.attrs["mnist_batch"])
    assert record["class_names"] == list("abcde")
    assert record["prepare"] == "never"
    loaded = mnist_batch.load_model(model)
    assert loaded.classes == Classes(5, tuple("abcde"))
    np.testing.assert_array_equal(
        loaded.probabilities(spotted_images(range(5))).argmax(axis=1), range(5)
    )
    test, out = tmp_path / "data" / "test", tmp_path / "out.parquet"
    summary = mnist_batch.predict(test, out, model=model, report=False)
    assert summary.metrics.accuracy == 1.0
    assert pq.read_table(out)["prediction_name"].to_pylist() == sorted([*"abcde"] * 2)
    trials = mnist_batch.inspect_model(model, data=test).trials
    assert trials is not None
    assert trials.rows == 10


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (list(range(47)), Classes(47)),
        (list(range(1, 27)), Classes(27)),
        (list(range(200)), Classes(200)),
        ([*"cab"], Classes(3, ("a", "b", "c"))),
        ([*"0123456789ABCDEF"], Classes(16, tuple("0123456789ABCDEF"))),
    ],
)
def test_data_tells_its_classes(tmp_path: Path, labels: list[int], classes: Classes) -> None:
    """Numbers stay, and names are sorted; images stay as they are."""
    read = read_images([str(_write(tmp_path / "data.parquet", labels))])
    assert read.classes == classes
    found = [classes.name(number) for number in read.labels.tolist()]
    assert found == [str(label) for label in labels]
    np.testing.assert_array_equal(read.images, spotted_images(range(len(labels))))


def test_given_names_make_classes_of_ten_numbers(tmp_path: Path) -> None:
    """Which would be digits without: nothing in the file says that they are garments."""
    names = "top,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,boot"
    file = _write(tmp_path / "data.parquet", list(range(10)))
    read = read_images([str(file)], mnist_batch.options.ReadOptions(class_names=names))
    assert read.classes == Classes(10, tuple(names.split(",")))
    assert read.labels.tolist() == list(range(10))


def test_a_wrong_label_among_digits_makes_no_class(tmp_path: Path) -> None:
    """It is an error as ever."""
    for wrong in (12, 10):
        file = _write(tmp_path / "data.parquet", [*range(10), wrong])
        with pytest.raises(LabelError, match=f"label {wrong} is not a digit"):
            read_images([str(file)])
    file = _write(tmp_path / "data.parquet", [*"0123456789", "x"])
    with pytest.raises(LabelError, match="label 'x' is not a digit"):
        read_images([str(file)])


@pytest.mark.parametrize(
    ("labels", "said"),
    [(["a\nb", "c"], "has a character that does not print"), (["cat"] * 3, "'cat' is not a digit")],
)
def test_names_that_no_model_can_keep_are_refused(
    tmp_path: Path, labels: list[str], said: str
) -> None:
    """Before anything is trained; one class alone is none."""
    file = _write(tmp_path / "data.parquet", labels)
    with pytest.raises(LabelError, match=said):
        read_images([str(file)])


def test_labels_that_begin_at_1_and_classes_without_an_image_are_told(tmp_path: Path) -> None:
    """EMNIST numbers its letters so: 1 to 26 with 26 names is refused with what to do."""
    data = _write(tmp_path / "letters.parquet", [1, 2, 3] * 10)
    with pytest.raises(LabelError, match=r"label 3 is not .* one more name, first in class_names"):
        mnist_batch.train(data, tmp_path / "m.h5", class_names="A,B,C", report=False)
    result = mnist_batch.train(
        data, tmp_path / "m.h5", class_names="none,A,B,C", report=False, epochs=1, batch_size=10
    )
    assert "classes without an image to train on: 1 (none)" in result.notes


def test_pictures_without_a_digit_are_told_what_other_classes_need(tmp_path: Path) -> None:
    """A plain set of other images with labels 0 to 9 looks like digits."""
    data = tmp_path / "plain.parquet"
    blank = np.full((28, 28), 128, np.uint8)
    pictures = [{"bytes": encoded(blank), "path": None}] * 20
    pq.write_table(pa.table({"image": pictures, "label": [*range(10)] * 2}), data)
    with pytest.raises(InputError, match=r'20 x no digit found; .* prepare="never", or .* class_n'):
        mnist_batch.train(data, tmp_path / "m.h5", report=False)
    told = "no digit was found in 20 of 20 rows: if the images show something else, pass"
    packed = mnist_batch.pack(data, tmp_path / "packed.parquet")
    assert any(note.startswith(told) for note in packed.notes)
    predicted = mnist_batch.predict(data, tmp_path / "out.parquet", report=False)
    assert any(note.startswith(told) for note in predicted.notes)
    plain = mnist_batch.pack(data, tmp_path / "as_is.parquet", prepare="never")
    assert not any(note.startswith(told) for note in plain.notes)
