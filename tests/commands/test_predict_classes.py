"""Predictions of data that says itself what its labels mean, and of any number of classes."""

import json
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.errors import ColumnError, LabelError, ModelError, PredictionsError
from mnist_batch.schema import DIGITS, Classes
from mnist_batch.synthetic import generator
from tests.support.parquet_files import encoded
from tests.support.spotted import spotted_images, write_spotted_model

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
            "Bag", "Ankle boot")  # fmt: skip


def _write(
    path: Path, images: np.ndarray, labels: object, stated: Sequence[str] | None = None
) -> Path:
    """Write images as `datasets` does, with the names that it keeps of a ClassLabel."""
    pictures = [{"bytes": encoded(image), "path": None} for image in images]
    table = pa.table({"image": pictures, "label": labels})
    if stated is not None:
        feature = {"names": [*stated], "_type": "ClassLabel"}
        features = {"image": {"_type": "Image"}, "label": feature}
        about = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": about})
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize(
    "stated",
    [
        pytest.param(("1", "7", "9"), id="folders 1, 7 and 9"),
        pytest.param(tuple(sorted(WORDS)), id="words, sorted"),
        pytest.param(tuple("1234567890"), id="1 to 9 and 0"),
        pytest.param(tuple(f"digit_{digit}" for digit in range(9, -1, -1)), id="digit_9 to 0"),
        pytest.param(tuple(f"{i} - {word}" for i, word in enumerate(WORDS)), id="0 - zero"),
        pytest.param(tuple("0123456789"), id="0 to 9"),
    ],
)
def test_labels_are_the_digits_that_the_names_of_the_file_mean(
    tmp_path: Path, stated: tuple[str, ...]
) -> None:
    """Not places in the list of names, as the numbers in the file are."""
    means = {name: digit for digit in range(10) for name in _spellings(digit)}
    numbers = [means[name] for name in stated]
    images, digits = generator.draw_digits(60)
    kept = [place for place, digit in enumerate(digits.tolist()) if digit in numbers]
    labels = [numbers.index(digits[place]) for place in kept]
    file = _write(tmp_path / "digits.parquet", images[kept], labels, stated)
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(file, out, report=False)
    predicted = pq.read_table(out)
    assert predicted["label"].to_pylist() == digits[kept].tolist()
    assert predicted.schema.field("label").type == pa.int8()
    assert "label_name" not in predicted.column_names
    assert summary.metrics.accuracy is not None
    assert summary.metrics.accuracy > 0.9


def _spellings(digit: int) -> list[str]:
    word = WORDS[digit]
    return [str(digit), word, f"digit_{digit}", f"{digit} - {word}"]


def test_names_that_are_no_digits_are_refused_by_a_model_of_digits(tmp_path: Path) -> None:
    """Without a prediction: one line that says how to go on without labels, which then works."""
    file = _write(tmp_path / "wear.parquet", spotted_images(range(10)), range(10), GARMENTS)
    out = tmp_path / "out.parquet"
    with pytest.raises(LabelError, match="'T-shirt/top' is not a digit") as caught:
        mnist_batch.predict(file, out)
    assert 'labels="none"' in str(caught.value)
    assert not out.exists()
    summary = mnist_batch.predict(file, out, labels="none", report=False)
    assert summary.metrics.labelled == 0


@pytest.mark.parametrize("metadata", [b"{", b"[]", b'{"info": null}', b'{"info": {"features": 1}}'])
def test_metadata_of_others_is_no_matter(tmp_path: Path, metadata: bytes) -> None:
    """Labels are digits then, as in a file without."""
    images, digits = generator.draw_digits(3)
    file = _write(tmp_path / "digits.parquet", images, digits)
    table = pq.read_table(file).replace_schema_metadata({b"huggingface": metadata})
    pq.write_table(table, file)
    mnist_batch.predict(file, tmp_path / "out.parquet", report=False)
    assert pq.read_table(tmp_path / "out.parquet")["label"].to_pylist() == digits.tolist()


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("count", [2, 26, 47, 62, 200, 1000])
def test_any_number_of_classes(tmp_path: Path, count: int, suffix: str) -> None:
    """As many as the model has; evaluating the file again gives the same."""
    labels = range(min(count, 784))
    file = _write(tmp_path / "data.parquet", spotted_images(labels), pa.array(labels))
    model = write_spotted_model(tmp_path / "model.h5", count)
    out = tmp_path / f"out.{suffix}"
    summary = mnist_batch.predict(
        file, out, model=model, prepare="never", probabilities=True, report=False
    )
    assert summary.metrics.correct == len(labels)
    assert summary.metrics.confusion_matrix.shape == (count, count)
    again = mnist_batch.evaluate(out, report=False).metrics
    np.testing.assert_array_equal(again.confusion_matrix, summary.metrics.confusion_matrix)
    assert again.log_loss == summary.metrics.log_loss
    if suffix == "parquet":
        schema = pq.read_schema(out)
        assert schema.field("prediction").type == (pa.int8() if count <= 128 else pa.int16())
        assert schema.field("probabilities").type == pa.list_(pa.float32(), count)
    else:
        assert f"p{count - 1}" in pa_csv.read_csv(out).column_names


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("source", ["model", "data", "given", "file"])
def test_names_come_from_the_model_the_data_or_the_user(
    tmp_path: Path, source: str, suffix: str
) -> None:
    """They stand beside the numbers, and are there when the file is evaluated."""
    names = tuple(string.ascii_lowercase)
    labels = list(range(26))
    stated = names if source == "data" else None
    file = _write(tmp_path / "letters.parquet", spotted_images(labels), labels, stated)
    named = names if source == "model" else None
    model = write_spotted_model(tmp_path / "model.h5", 26, named)
    given = {"given": ",".join(names), "file": str(tmp_path / "names.txt")}.get(source)
    (tmp_path / "names.txt").write_text("\n".join(names))
    out = tmp_path / f"out.{suffix}"
    summary = mnist_batch.predict(
        file, out, model=model, prepare="never", class_names=given, report=False
    )
    table = pq.read_table(out) if suffix == "parquet" else pa_csv.read_csv(out)
    assert table["label_name"].to_pylist() == list(names)
    assert table["prediction_name"].to_pylist() == list(names)
    assert table["prediction"].to_pylist() == labels
    again = mnist_batch.evaluate(out, report=False).metrics
    assert again.classes == summary.metrics.classes == Classes(26, names)
    assert again.accuracy == 1.0


@pytest.mark.parametrize("form", ["text", "dictionary", "folders", "csv", "other order"])
def test_labels_may_be_names(tmp_path: Path, form: str) -> None:
    """In a column of text or a dictionary, of folders, of a file, and of data in another order."""
    labels = [place % 10 for place in range(20)]
    texts = [GARMENTS[label] for label in labels]
    images = spotted_images(labels)
    model = write_spotted_model(tmp_path / "model.h5", 10, GARMENTS)
    data, given = tmp_path / "data.parquet", None
    if form == "folders":
        data = tmp_path / "data"
        for number, (image, text) in enumerate(zip(images, texts, strict=True)):
            folder = data / text.replace("/", "_")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number}.png")
    elif form == "csv":
        _write(data, images, pa.nulls(20))
        given = tmp_path / "labels.csv"
        lines = [f"data.parquet,{row},{text}" for row, text in enumerate(texts)]
        given.write_text("\n".join(["source,row,label", *lines]))
    elif form == "other order":
        order = tuple(reversed(GARMENTS))
        _write(data, images, [order.index(text) for text in texts], order)
    else:
        column = pa.array(texts)
        _write(data, images, column.dictionary_encode() if form == "dictionary" else column)
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(
        data, out, model=model, prepare="never", labels=given, report=False
    )
    assert summary.metrics.labelled == 20
    assert summary.metrics.accuracy == 1.0
    table = pq.read_table(out)
    assert sorted(table["label_name"].to_pylist()) == sorted(texts)


def test_labels_of_no_class_end_the_run(tmp_path: Path) -> None:
    """The message names row and label, and what was expected."""
    model = write_spotted_model(tmp_path / "model.h5", 26)
    file = _write(tmp_path / "letters.parquet", spotted_images([1, 2]), [1, 26])
    with pytest.raises(LabelError, match=r"row 1, .* label 26 is not a class from 0 to 25"):
        mnist_batch.predict(file, tmp_path / "out.parquet", model=model)
    _write(file, spotted_images([1, 2]), ["cat", "dog"])
    with pytest.raises(LabelError, match="label 'cat' is not a class from 0 to 25"):
        mnist_batch.predict(file, tmp_path / "out.parquet", model=model)


def test_names_from_one_on_bring_numbers_from_one_on_to_their_classes(tmp_path: Path) -> None:
    """EMNIST numbers its letters 1 to 26, and a model of theirs has 26 classes."""
    model = write_spotted_model(tmp_path / "model.h5", 26)
    labels = range(1, 27)
    file = _write(tmp_path / "letters.parquet", spotted_images(range(26)), labels)
    names = ",".join(map(str, labels))
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(
        file, out, model=model, prepare="never", class_names=names, report=False
    )
    assert summary.metrics.accuracy == 1.0
    assert pq.read_table(out)["prediction_name"].to_pylist() == [str(one) for one in labels]


def test_classes_of_a_loaded_model(tmp_path: Path) -> None:
    """Ten named 0 to 9 are the digits; a file whose names are not as many is refused."""
    names = [str(digit) for digit in range(10)]
    path = tmp_path / "model.h5"
    assert mnist_batch.load_model().classes == DIGITS
    assert mnist_batch.load_model(write_spotted_model(path, 10, names)).classes == DIGITS
    assert mnist_batch.load_model(write_spotted_model(path, 62)).classes == Classes(62)
    named = mnist_batch.load_model(write_spotted_model(path, 3, "abc"))
    assert named.classes == Classes(3, ("a", "b", "c"))
    assert named.probabilities(spotted_images([2, 0])).argmax(axis=1).tolist() == [2, 0]
    with pytest.raises(ModelError, match="names 2 classes, and tells 3 apart"):
        mnist_batch.load_model(write_spotted_model(path, 3, "ab"))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "linear"])
def test_probabilities_sum_to_one_whatever_the_outputs(tmp_path: Path, activation: str) -> None:
    """Of softmax, of sigmoids and of logits, for 47 classes."""
    model = write_spotted_model(tmp_path / "model.h5", 47, activation=activation)
    probabilities = mnist_batch.load_model(model).probabilities(spotted_images(range(47)))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert probabilities.argmax(axis=1).tolist() == list(range(47))
    assert probabilities.max(axis=1).min() > 0.99


def test_streams_have_names(tmp_path: Path) -> None:
    """As files have."""
    model = write_spotted_model(tmp_path / "model.h5", 3, ["cat", "dog", "eel"])
    file = _write(tmp_path / "data.parquet", spotted_images([2, 1]), ["eel", "cat"])
    [batch] = mnist_batch.stream(file, model=model, prepare="never")
    assert batch["prediction_name"].to_pylist() == ["eel", "dog"]
    assert batch["label_name"].to_pylist() == ["eel", "cat"]


def test_labels_that_come_later_are_names_too(tmp_path: Path) -> None:
    """They take the place of label and name; files of other classes are evaluated apart."""
    model = write_spotted_model(tmp_path / "model.h5", 3, ["cat", "dog", "eel"])
    file = _write(tmp_path / "data.parquet", spotted_images([2, 1]), ["eel", "cat"])
    out, later = tmp_path / "out.parquet", tmp_path / "later.csv"
    mnist_batch.predict(file, out, model=model, prepare="never", report=False)
    later.write_text("source,row,label\ndata.parquet,0,EEL\ndata.parquet,1,dog\n")
    assert mnist_batch.evaluate(out, labels=later, report=False).metrics.accuracy == 1.0
    images, digits = generator.draw_digits(3)
    other = tmp_path / "digits.parquet"
    mnist_batch.predict(_write(tmp_path / "d.parquet", images, digits), other, report=False)
    with pytest.raises(PredictionsError, match=r"its 10 digits are not those of .* \(3\)"):
        mnist_batch.evaluate([out, other], report=False)


def test_files_are_evaluated_together_where_their_classes_have_another_order(
    tmp_path: Path,
) -> None:
    """They are the same by name: the counts are those of both files, by hand."""
    outs, names = [], [["cat", "dog", "eel"], ["eel", "cat", "dog"]]
    for number, order in enumerate(names):
        model = write_spotted_model(tmp_path / f"{number}.h5", 3, order)
        # Two are read as they are labelled, a cat as the class at the place of another.
        shown = [order.index("eel"), order.index("cat"), order.index("dog")]
        data = tmp_path / f"{number}.parquet"
        _write(data, spotted_images(shown), ["eel", "cat", "cat"])
        outs.append(tmp_path / f"out{number}.parquet")
        options: dict[str, Any] = {"prepare": "never", "probabilities": True}
        mnist_batch.predict(data, outs[-1], model=model, report=False, **options)
    metrics = mnist_batch.evaluate(outs, report=False).metrics
    assert metrics.classes == Classes(3, ("cat", "dog", "eel"))
    assert metrics.confusion_matrix.tolist() == [[2, 2, 0], [0, 0, 0], [0, 0, 2]]


def test_a_column_of_the_input_cannot_take_the_place_of_a_name(tmp_path: Path) -> None:
    """Only where classes have names is there such a column."""
    file = _write(tmp_path / "data.parquet", spotted_images([1]), [1])
    table = pq.read_table(file)
    pq.write_table(table.append_column("label_name", pa.array(["x"])), file)
    out = tmp_path / "out.parquet"
    model = write_spotted_model(tmp_path / "model.h5", 3, ["cat", "dog", "eel"])
    with pytest.raises(ColumnError, match="'label_name' cannot be kept"):
        mnist_batch.predict(file, out, model=model, keep_columns=["label_name"])
    mnist_batch.predict(file, out, keep_columns=["label_name"], report=False)
    assert pq.read_table(out)["label_name"].to_pylist() == ["x"]


def test_labels_of_another_count_are_told(tmp_path: Path) -> None:
    """Labels 1 to 3 of 5 classes that the model reads as 0 to 2: most are wrong, and it is said."""
    model = write_spotted_model(tmp_path / "model.h5", 5, list("abcde"))
    shown = [0, 1, 2] * 5
    file = _write(tmp_path / "data.parquet", spotted_images(shown), [one + 1 for one in shown])
    out = tmp_path / "out.parquet"
    notes = mnist_batch.predict(file, out, model=model, report=False).notes
    told = [note for note in notes if note.startswith("the labels are 1 to 3 of 5 classes")]
    assert len(told) == 1
    right = _write(tmp_path / "right.parquet", spotted_images([1, 2, 3]), [1, 2, 3])
    notes = mnist_batch.predict(right, out, model=model, report=False, overwrite=True).notes
    assert not any(note.startswith("the labels are 1 to") for note in notes)


def test_late_labels_that_are_names_of_unnamed_classes_say_what_to_do(tmp_path: Path) -> None:
    """The predictions need names."""
    model = write_spotted_model(tmp_path / "model.h5", 3)
    file = _write(tmp_path / "data.parquet", spotted_images([2, 1]), [2, 1])
    out, later = tmp_path / "out.parquet", tmp_path / "later.csv"
    mnist_batch.predict(file, out, model=model, prepare="never", report=False)
    later.write_text("source,row,label\ndata.parquet,0,eel\ndata.parquet,1,dog\n")
    with pytest.raises(LabelError, match="names of other classes, predict again with class_names"):
        mnist_batch.evaluate(out, labels=later, report=False)
