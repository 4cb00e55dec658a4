"""`mnist-batch inspect`: everything it found, within 80 columns."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.cli.inspect import input_page, model_page
from mnist_batch.inference.trials.scale_trials import ScaleTrial, ScaleTrials
from mnist_batch.inspection.images import Place, Rows
from mnist_batch.inspection.inputs import InputInspection, Pairs, Size, Sizes
from mnist_batch.inspection.models import ModelInspection
from mnist_batch.models.layers import Layer
from mnist_batch.models.model_file import ScaleSource
from mnist_batch.options import PredictorChoice, Prepare, Scale
from mnist_batch.schema import Classes
from tests.support.class_predictions import CHARACTERS
from tests.support.command import printed, run
from tests.support.onnx_files import dense

ARRAYS = [np.zeros((784, 128), np.float32), np.zeros(128, np.float32)]


MODEL = ModelInspection(
    path=Path("models/cnn\x1b.keras"),
    sha256="0123456789abcdef" * 4,
    size_bytes=1_339_632,
    layers=[
        Layer("conv", "Conv2D", (None, None, 8), "relu", []),
        Layer("hidden", "Dense", (128,), "linear", ARRAYS),
        Layer("out", "Softmax", None, None, []),
    ],
    input_shape=(28, 28, 1),
    activation="softmax",
    predictor=PredictorChoice.KERAS,
    why="Conv2D is not a layer that NumPy runs",
    scale=Scale.ZERO_TO_ONE,
    scale_source=ScaleSource.RECORD,
    trials=None,
    training={},
    suspicious=[],
)


TRIALS = ScaleTrials(
    2000,
    [
        ScaleTrial(Scale.ZERO_TO_ONE, Prepare.AUTO, 0.98, 0.1234, as_good=True),
        ScaleTrial(Scale.BYTES, Prepare.AUTO, 0.97949, 0.2, as_good=True),
        ScaleTrial(Scale.MINUS_ONE_TO_ONE, Prepare.AUTO, 0.1, 12.5, as_good=False),
        ScaleTrial(Scale.MINUS_HALF_TO_HALF, Prepare.AUTO, 0.1, 12, as_good=False),
    ],
)


INPUT = InputInspection(
    rows=60_010,
    image_files=60_000,
    parquet_files=1,
    unreadable={"not an image": Rows(7, [Place(f"{i}.png", 0) for i in range(5)])},
    formats={"PNG": 60_000, "raw pixels": 3},
    colours={"grey": 60_003},
    sizes=Sizes(1, [Size(28, 28, 60_003)], Size(28, 28, 60_003), Size(28, 28, 60_003)),
    in_mnist_form=60_000,
    light_on_dark=60_001,
    dark_on_light=2,
    no_digit=Rows(),
    several_digits=Rows(),
    labels=[6000] * 10,
    unlabelled=10,
    repeats=Pairs(0, []),
    conflicts=Pairs(0, []),
    passed_over={},
    notes=[],
)


def test_a_model_is_told_line_by_line() -> None:
    """What nobody knows is a dash; nothing in a name moves the cursor."""
    assert printed(model_page(MODEL)) == [
        "model        models/cnn?.keras",
        "SHA-256      " + "0123456789abcdef" * 4,
        "size         1.3 MB",
        "input        28x28x1",
        "output       10 classes, softmax",
        "parameters   100,480",
        "runs on      keras: Conv2D is not a layer that NumPy runs",
        "pixels       0-1, as its training record says",
        "",
        "Layers",
        "name     type         output   activation   parameters",
        "conv     Conv2D    anyxanyx8   relu                  0",
        "hidden   Dense           128   linear          100,480",
        "out      Softmax           -                         0",
    ]


def test_a_model_that_nothing_runs_is_told_with_the_reason() -> None:
    """Its parameters are not known."""
    layers = [Layer("l", "Lambda", None, None, None)]
    lines = printed(
        model_page(
            replace(
                MODEL,
                layers=layers,
                predictor=None,
                input_shape=None,
                scale_source=None,
                why="Keras refuses it",
                size_bytes=45_678,
            )
        )
    )
    assert lines[2:8] == [
        "size         46 KB",
        "input        -",
        "output       softmax",
        "parameters   -",
        "runs on      nothing: Keras refuses it",
        "pixels       0-1 is taken, the file does not say it",
    ]
    assert lines[-1] == "l      Lambda        -                         -"


def test_the_best_scale_is_marked_with_what_to_do() -> None:
    """It may be the one that is taken anyway, another one, or none."""
    lines = printed(model_page(replace(MODEL, trials=TRIALS)))
    assert lines[-7:] == [
        "Pixel scales, tried on 2,000 labelled images",
        "   scale   accuracy   log loss",
        "     0-1     0.9800     0.1234      best",
        "   0-255     0.9795     0.2000   as good",
        "    -1-1     0.1000    12.5000",
        "-0.5-0.5     0.1000    12.0000",
        "predict takes the best without --scale",
    ]
    other = replace(MODEL, trials=TRIALS, scale=Scale.BYTES, scale_source=None)
    assert printed(model_page(other))[-1] == "pass to predict: --scale 0-1"
    worse = [replace(trial, accuracy=0.2, as_good=False) for trial in TRIALS.trials]
    unprepared = [replace(trial, prepare=Prepare.NEVER) for trial in TRIALS.trials]
    both = replace(other, trials=ScaleTrials(2000, [*worse, *unprepared]))
    assert printed(model_page(both))[-10:] == [
        "prepare      scale   accuracy   log loss",
        "   auto        0-1     0.2000     0.1234",
        "   auto      0-255     0.2000     0.2000",
        "   auto       -1-1     0.2000    12.5000",
        "   auto   -0.5-0.5     0.2000    12.0000",
        "  never        0-1     0.9800     0.1234      best",
        "  never      0-255     0.9795     0.2000   as good",
        "  never       -1-1     0.1000    12.5000",
        "  never   -0.5-0.5     0.1000    12.0000",
        "pass to predict: --prepare never --scale 0-1",
    ]
    poor = ScaleTrials(9, [replace(trial, accuracy=0.1) for trial in TRIALS.trials])
    lines = printed(model_page(replace(MODEL, trials=poor)))
    assert lines[-1].split() == ["-0.5-0.5", "0.1000", "12.0000"]
    assert not any("best" in line for line in lines)


def test_a_training_record_is_told_whatever_is_in_it() -> None:
    """Objects and lists on one line each."""
    training = {
        "scale": "0-1",
        "classes": ["0", "1"],
        "data": {"rows": 60000, "test": None, "shift": {"x": 0.5, "y": 1}},
        "accuracy": 0.9931666851043701,
    }
    lines = printed(model_page(replace(MODEL, training=training)))
    assert lines[-5:] == [
        "Training record",
        "scale        0-1",
        "classes      0 1",
        "data         rows 60000, test -, shift (x 0.5, y 1)",
        "accuracy     0.993167",
    ]


def test_what_is_suspicious_is_a_list() -> None:
    """Its sentences are broken between words."""
    lines = printed(model_page(replace(MODEL, suspicious=["short", "word " * 30])))
    assert lines[-4:] == [
        "Worth a look",
        "- short",
        "- " + " ".join(["word"] * 15),
        "  " + " ".join(["word"] * 15),
    ]


def test_an_input_is_told_line_by_line() -> None:
    """First of all the counts, then the labels, then what to look at."""
    assert printed(input_page(INPUT)) == [
        "rows         60,010, in 60,000 image files and 1 Parquet file",
        "readable     60,003",
        "formats      PNG 60,000, raw pixels 3",
        "colours      grey 60,003",
        "sizes        28x28 60,003",
        "MNIST form   60,000 of 60,003; predict brings others to it",
        "polarity     light on dark 60,001, dark on light 2",
        "labelled     60,000 of 60,010",
        "",
        "Labels",
        "   0    1    2    3    4    5    6    7    8    9",
        "6000 6000 6000 6000 6000 6000 6000 6000 6000 6000",
        "",
        "Worth a look",
        "rows   what           the first of them",
        "   7   not an image   0.png",
        "                      1.png",
        "                      2.png",
        "                      3.png",
        "                      4.png",
        "                      and 2 more",
    ]


def test_nothing_odd_is_said_of_what_is_in_order() -> None:
    """Nor of labels where there are none."""
    plain = replace(
        INPUT, rows=3, unlabelled=3, unreadable={}, in_mnist_form=3, labels=[0] * 10, image_files=0
    )
    lines = printed(input_page(plain))
    assert lines[0] == "rows         3, in 1 Parquet file"
    assert lines[5] == "MNIST form   3 of 3"
    assert lines[-1] == "labelled     0 of 3"


def test_rows_are_named_as_they_can_be_found() -> None:
    """In Parquet with their row; pairs with what links them."""
    first, other = Place("a.parquet", 0), Place("3/\x1bb.png", 0)
    odd = replace(
        INPUT,
        unreadable={},
        no_digit=Rows(1, [first]),
        several_digits=Rows(1, [other]),
        repeats=Pairs(3, [(other, first)]),
        conflicts=Pairs(1, [(first, Place("page.tif", 12))]),
        passed_over={".txt": 1200, "hidden": 1},
    )
    lines = printed(input_page(odd))
    assert "passed over  .txt 1,200, hidden 1" in lines
    assert lines[-6:] == [
        "rows   what                        the first of them",
        "   1   no digit found              a.parquet row 0",
        "   1   several digits              3/?b.png",
        "   3   image of an earlier row     3/?b.png as a.parquet row 0",
        "                                   and 2 more",
        "   1   image with several labels   a.parquet row 0 and page.tif row 12",
    ]


def test_many_sizes_are_told_by_the_commonest_and_the_ends() -> None:
    """Without images there is nothing to tell."""
    sizes = Sizes(9, [Size(20, 30, 4), Size(1280, 960, 2)], Size(1, 2, 1), Size(4000, 3000, 1))
    [line] = [
        line
        for line in printed(input_page(replace(INPUT, sizes=sizes)), 120)
        if line.startswith("sizes")
    ]
    assert line == (
        "sizes        20x30 4, 1280x960 2, and 7 other sizes; all from 1x2 to 4000x3000"
    )
    nothing = replace(
        INPUT,
        rows=0,
        unreadable={},
        formats={},
        colours={},
        sizes=Sizes(0, [], None, None),
        in_mnist_form=0,
        unlabelled=0,
        labels=[0] * 10,
    )
    lines = printed(input_page(nothing))
    assert lines[2:6] == [
        "formats      -",
        "colours      -",
        "sizes        -",
        "MNIST form   0 of 0",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_large_counts_and_long_names_fit(width: int) -> None:
    """Six digits for each label, and names that are broken where they have to be."""
    places = [Place("a-folder-of-some-length/" * 6 + "x.png", 0)]
    large = replace(
        INPUT,
        labels=[123_456] * 10,
        several_digits=Rows(123_456, places),
        repeats=Pairs(123_456, [(places[0], places[0])]),
    )
    lines = printed(input_page(large), width)
    assert max(map(len, lines)) <= width
    assert lines[lines.index("Labels") + 2].split() == ["123456"] * 10
    long = replace(MODEL, trials=TRIALS, suspicious=["word " * 50], why="because " * 30)
    lines = printed(model_page(long), width)
    assert max(map(len, lines)) <= width
    assert all(line.isascii() for line in lines)


def test_a_model_is_inspected(digits_folder: Path, model: Path) -> None:
    """With labelled digits too; for a person and, as JSON, for a machine."""
    ended = run("inspect", model, "--data", digits_folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(f"model        {model}")
    assert "Pixel scales, tried on 30 labelled images" in ended.stdout
    result = json.loads(run("inspect", model, "--json").stdout)
    assert (result["model_file"], result["predictor"]) == (str(model), "numpy")


def test_a_model_is_known_by_its_suffix_in_capitals_too(tmp_path: Path, model: Path) -> None:
    """As files from Windows have it."""
    shutil.copy(model, tmp_path / "MODEL.H5")
    assert run("inspect", tmp_path / "MODEL.H5").stdout.startswith("model ")


def test_an_input_is_inspected(tmp_path: Path, digits_folder: Path) -> None:
    """What cannot be read in it is told, and is no failure; labels and columns as for predict."""
    (tmp_path / "bad.png").write_bytes(b"not an image")
    inputs = (digits_folder, tmp_path / "bad.png")
    ended = run("inspect", *inputs, "--labels", "none", "--workers", 1)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("rows         31, in 31 image files")
    assert re.search(r"\nlabelled +0 of 31 *\n", ended.stdout)
    assert re.search(r"\n   1   not an image   bad\.png *\n", ended.stdout)
    result = json.loads(run("inspect", *inputs, "--json").stdout)
    assert (result["rows"], result["readable"]) == (31, 30)


@pytest.mark.parametrize("name", ["model.tflite", "model.pt", "model.pkl", "model.onnx"])
def test_a_model_of_another_kind_is_said_with_what_to_do(name: str, tmp_path: Path) -> None:
    """It is no INPUT, by its suffix."""
    (tmp_path / name).write_bytes(b"\x1c\x00\x00\x00TFL3")
    ended = run("inspect", tmp_path / name)
    assert ended.returncode == 1
    assert "python -m tf2onnx.convert --tflite" in ended.stderr


def test_an_onnx_file_is_inspected(tmp_path: Path) -> None:
    """Its operations are its layers."""
    (tmp_path / "model.onnx").write_bytes(dense())
    result = json.loads(run("inspect", tmp_path / "model.onnx", "--json").stdout)
    assert [layer["type"] for layer in result["layers"]] == ["Cast", "Reshape", "Gemm", "Softmax"]
    assert (result["predictor"], result["output_activation"]) == ("onnx", "softmax")
    assert result["parameters"] == 2 + 7840 + 10


@pytest.mark.parametrize("classes", [CHARACTERS, Classes(100)])
def test_labels_of_many_classes_stand_side_by_side(classes: Classes) -> None:
    """From top to bottom, within 80 columns; what is no digit is not searched for digits."""
    counts = [1000 + number for number in range(classes.count)]
    lines = printed(input_page(replace(INPUT, classes=classes, labels=counts)))
    assert max(map(len, lines)) <= 80
    start = lines.index("Labels") + 1
    end = lines.index("", start)
    words = [line.split() for line in lines[start:end]]
    pairs = {(row[place], row[place + 1]) for row in words for place in range(0, len(row), 2)}
    names = classes.short_names(30)
    assert pairs == {(names[number], f"{count}") for number, count in enumerate(counts)}
    assert [row[0] for row in words[:2]] == list(names[:2])
    assert not any("digit" in line or "brings others" in line for line in lines)


def test_of_a_thousand_labels_the_most_frequent_are_told() -> None:
    """As many as a screen holds."""
    counts = [1000 + number for number in range(1000)]
    lines = printed(input_page(replace(INPUT, classes=Classes(1000), labels=counts)))
    start = lines.index("Labels: the 15 most frequent of 1,000") + 1
    words = " ".join(lines[start : lines.index("", start)]).split()
    assert {*words} == {str(one) for number in range(985, 1000) for one in (number, 1000 + number)}


def test_a_model_says_its_classes() -> None:
    """How many there are, and what they are called."""
    lines = printed(model_page(replace(MODEL, classes=Classes(3, ("Coat", "Bag", "Shirt")))))
    assert "output       3 classes, softmax: Coat, Bag, Shirt" in lines
    assert max(map(len, printed(model_page(replace(MODEL, classes=CHARACTERS))))) <= 80
    assert "output       200 classes, softmax" in printed(
        model_page(replace(MODEL, classes=Classes(200)))
    )
