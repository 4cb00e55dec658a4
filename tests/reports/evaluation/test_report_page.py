"""The page of a report says what the numbers say, in order, whatever the files are called."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.evaluation.evaluator import Evaluation, Evaluator
from mnist_batch.evaluation.slices import Slice
from mnist_batch.mnist import SIDE
from mnist_batch.reports.evaluation.report_page import report_page
from mnist_batch.reports.page import PAGE_BYTES
from mnist_batch.schema import PREDICTIONS, Classes
from tests.support.class_predictions import CHARACTERS, GARMENTS, class_evaluation
from tests.support.class_predictions import HOSTILE as HOSTILE_NAMES
from tests.support.parsed_page import ParsedPage, missing_targets

RUN: dict[str, Any] = {
    "version": "1.2.3",
    "model": {"name": "MNIST.h5", "sha256": "ab" * 32},
    "predictor": "numpy",
    "options": {"inputs": ["data/test.parquet", "more"], "prepare": "auto"},
    "elapsed_s": 1.5,
    "images_per_s": 12345,
    "created_utc": "2026-11-27T04:05:06+00:00",
    "versions": {"numpy": "2.4.6"},
}
Row = tuple[int | None, int | None]
LABELLED: list[Row] = [(4, 9)] * 3 + [(7, 7)] * 5 + [(2, 7), (1, 1), (3, None)]


def evaluation_of(
    rows: Sequence[Row], *, source: str = "a.png", with_images: bool = True
) -> Evaluation:
    """Return the evaluation of (label, prediction) pairs; the first ones are the surest."""
    n = len(rows)
    columns: dict[str, Sequence[Any]] = {
        "source": [source] * n,
        "row": range(n),
        "label": [label for label, _ in rows],
        "prediction": [prediction for _, prediction in rows],
        "confidence": [
            None if prediction is None else 0.99 - 0.5 * place / n
            for place, (_, prediction) in enumerate(rows)
        ],
        "prepared": [False] * n,
        "error": [
            None if prediction is not None else f"not an image: {source}" for _, prediction in rows
        ],
    }
    evaluator = Evaluator()
    evaluator.add(pa.RecordBatch.from_pydict(columns, schema=PREDICTIONS))
    evaluation = evaluator.evaluation()
    if not with_images:
        return evaluation
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
    cells = [
        replace(cell, images=[replace(one, image=image) for one in cell.images])
        for cell in evaluation.gallery
    ]
    return replace(evaluation, gallery=cells)


def parsed(rows: Sequence[Row], command: str | None = None) -> ParsedPage:
    """Return the page of some rows."""
    return ParsedPage(report_page(evaluation_of(rows), RUN, command=command))


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (LABELLED, "60.00 % of 10 digits are read correctly; 4 are not"),
        ([(4, 4)] * 3, "All 3 digits are read correctly"),
        ([(4, 4)], "The digit is read correctly"),
        ([(4, 5)], "The digit is not read correctly"),
        ([(4, 5)] * 2, "None of the 2 digits is read correctly"),
        ([(None, 5)] * 2, "2 digits are read; no labels tell how many correctly"),
        ([(None, None)] * 2, "None of 2 rows could be read"),
        ([(4, None), (None, 3)], "1 digit is read, and none of those with a label"),
        ([], "There are no rows"),
    ],
)
def test_the_verdict_says_how_many_are_right(rows: list[Row], sentence: str) -> None:
    """In one sentence, which is the title of the page too; all links of the page lead somewhere."""
    page = parsed(rows)
    assert page.text.startswith(sentence)  # the title
    assert page.text.count(sentence) == 2
    assert page.unclosed == []
    assert missing_targets(page) == set()
    assert len(page.ids) == len(set(page.ids))


def test_the_sections_come_in_order() -> None:
    """What is wrong before why, and how it was made last."""
    assert parsed(LABELLED).headings == [
        "Confusion matrix",
        "Mistakes",
        "Each digit",
        "Confidence",
        "Slices",
        "Rows without a prediction",
        "What the input looks like",
        "Right, and least sure",
        "How this was made",
    ]


def test_without_labels_what_was_read_comes_first() -> None:
    """And nothing is said of right and wrong."""
    page = parsed([(None, 3)] * 4 + [(None, 5)])
    assert page.headings == [
        "What the input looks like",
        "Least sure",
        "Rows without a prediction",
        "How this was made",
    ]
    assert {"unlabelled-3", "unlabelled-5"} <= set(page.ids)
    assert "Accuracy" not in page.text


def test_a_training_shows_its_curves() -> None:
    """Those of its epochs, and the test of the model."""
    history = {"loss": [0.5, 0.25], "val_loss": [0.6, float("nan")], "accuracy": [0.8, 0.9]}
    run = {**RUN, "data": {"name": "digits", "rows": 800}}
    page = ParsedPage(report_page(evaluation_of(LABELLED), run, history=history))
    assert page.headings[0] == "Training"
    assert "60.00 % of 10 test digits" in page.text
    untested = ParsedPage(report_page(evaluation_of([]), run, history=history))
    assert "Trained on 800 digits, and not tested" in untested.text
    assert "Without a prediction" in page.text
    assert "Without a prediction" not in untested.text


def test_each_cell_of_the_matrix_leads_to_its_images() -> None:
    """With its count, in the order of the digits."""
    page = parsed(LABELLED)
    cells = {link: text for link, text in page.links.items() if link[1:6] in ("wrong", "right")}
    assert cells == {"#wrong-4-9": "3", "#right-7-7": "5", "#wrong-2-7": "1", "#right-1-1": "1"}
    assert "row 0" in page.texts["wrong-4-9"]
    assert "row 2" in page.texts["wrong-4-9"]
    assert "row 8" in page.texts["wrong-2-7"]


def test_mistakes_say_what_they_are() -> None:
    """The most confident first: digits, confidence, source and row; images as PNG in the page."""
    page = parsed(LABELLED)
    mistakes = page.texts["wrong-4-9"]
    assert mistakes.index("4 read as 9") < mistakes.index("0.990") < mistakes.index("0.945")
    assert page.texts["mistakes"].count("a.png") == 1
    assert len(page.images) == 10
    assert all(image.startswith("data:image/png;base64,") for image in page.images)


def test_the_key_figures_are_those_of_the_run() -> None:
    """Accuracy with its interval as statsmodels has it, rows, errors, model, data, time, speed."""
    page = parsed(LABELLED, command="mnist-batch predict 'a b'")
    for text in (
        "60.00 %",
        "95 % interval 31.27 to 83.18 %",
        "9.09 % of the rows",
        "MNIST.h5",
        "abababababab",
        "test.parquet",
        "and 1 more",
        "27 Nov 2026",
        "04:05 UTC",
        "12,345 images/s",
        "mnist-batch 1.2.3, numpy 2.4.6",
        "ab" * 32,
        "mnist-batch predict 'a b'",
    ):
        assert text in page.text, text


HOSTILE = "</p><script>alert('\"')</script>\0\udcff\u202e\n&amp;"


def test_text_of_files_stays_text() -> None:
    """Names, reasons and the record of a file of any origin; the page can be written as UTF-8."""
    run = {
        "version": HOSTILE,
        "model": [HOSTILE],
        "options": {HOSTILE: HOSTILE, "inputs": [HOSTILE]},
        "created_utc": HOSTILE,
        "images_per_s": HOSTILE,
        "versions": HOSTILE,
        "elapsed_s": {"a": 1},
    }
    evaluation = evaluation_of(LABELLED, source=HOSTILE.replace("\udcff", ""))
    page = report_page(evaluation, run, command=HOSTILE)
    page.encode()
    found = ParsedPage(page)
    assert "script" not in found.tags
    assert found.unclosed == []
    assert "<script>alert('\"')</script>??" in found.text
    assert "\0" not in page


@pytest.mark.parametrize("run", [None, {}, {"options": None, "model": "x", "versions": 3}])
def test_a_file_that_says_nothing_of_its_run_has_a_page(run: dict[str, Any] | None) -> None:
    """As of CSV, or of another program."""
    page = ParsedPage(report_page(evaluation_of(LABELLED, with_images=False), run))
    assert "60.00 %" in page.text
    assert "--images" in page.text
    assert page.images == []
    assert missing_targets(page) == set()


@pytest.mark.parametrize("name", ["a" * 10_000, "<'\"&" * 2_500, "\U0001f600" * 10_000])
def test_a_page_is_small_whatever_the_run(name: str) -> None:
    """3,000 mistakes whose names are 10 kB each, and a command that names them all."""
    rows: list[Row] = [(place % 10, (place + 1 + place % 9) % 10) for place in range(3_000)]
    run = {**RUN, "options": {"inputs": [name] * 3_000, **{f"{i}{name}": name for i in range(99)}}}
    evaluation = evaluation_of([*rows, *[(None, None)] * 50], source=name)
    page = report_page(evaluation, run, command=f"{name} " * 3_000)
    assert len(page.encode()) < PAGE_BYTES
    found = ParsedPage(page)
    assert missing_targets(found) == set()
    shown = len(found.images)
    left_out = sum(
        int(words[place - 1].replace(",", ""))
        for words in [found.texts["mistakes"].split()]
        for place, word in enumerate(words)
        if word == "more,"
    )
    assert 300 < shown < 3_000
    assert shown + left_out == 3_000


def test_a_page_is_small_whatever_a_file_says() -> None:
    """Each quote is five bytes of HTML: in names, values of slices, options and versions."""
    rows: list[Row] = [(place % 10, (place + 1 + place % 9) % 10) for place in range(3_000)]
    quotes = '"' * 290
    pairs = {f"{number}{quotes}": quotes for number in range(60)}
    run = {**RUN, "options": pairs, "versions": pairs, "training": pairs}
    slices = [
        Slice(f"{kind}{quotes}", f"{value}{quotes}"[:200], 50, 50, 40, 0)
        for kind in range(30)
        for value in range(30)
    ]
    evaluation = evaluation_of([*rows, *[(None, None)] * 50], source=quotes)
    cells = [
        replace(cell, images=[replace(one, source=f"{one.row}{quotes}") for one in cell.images])
        for cell in evaluation.gallery
    ]
    page = report_page(
        replace(evaluation, slices=slices, gallery=cells), run, command=quotes * 3_000
    )
    assert 0.95 * PAGE_BYTES < len(page.encode()) < PAGE_BYTES
    assert len(ParsedPage(page).images) > 100


def test_a_page_shows_as_many_mistakes_as_fit() -> None:
    """All of the 4,500 that it has room for, where their file is named once."""
    rows: list[Row] = [(place % 10, (place + 1 + place % 9) % 10) for place in range(4_500)]
    evaluation = evaluation_of(rows)
    digit = np.zeros((SIDE, SIDE), np.uint8)  # as a digit: mostly white, in some 180 bytes
    digit[4:24, 8:20] = np.random.default_rng(0).integers(0, 2, (20, 12)) * 255
    cells = [
        replace(cell, images=[replace(one, image=digit) for one in cell.images])
        for cell in evaluation.gallery
    ]
    page = report_page(replace(evaluation, gallery=cells), RUN)
    assert len(page.encode()) < PAGE_BYTES
    assert len(ParsedPage(page).images) == 4_500


LONG = Classes(200, tuple(f"{'<b>&' * 49}{number:04}" for number in range(200)))
"""Names of 200 characters that are longer once they are escaped."""


@pytest.mark.parametrize(
    "classes",
    [GARMENTS, CHARACTERS, LONG, Classes(1000), Classes(len(HOSTILE_NAMES), HOSTILE_NAMES)],
)
def test_the_page_of_any_number_of_classes_is_below_its_limit(classes: Classes) -> None:
    """Whatever they are called; its links are whole, and nothing on it speaks of digits."""
    evaluation = class_evaluation(classes, 20_000)
    text = report_page(evaluation, RUN, command="mnist-batch")
    assert len(text.encode()) < PAGE_BYTES
    assert missing_targets(ParsedPage(text)) == set()
    told = text.partition("</style>")[2]
    for name in ("--digits", '"#digits"', 'id="digits"'):  # which nobody reads
        told = told.replace(name, "")
    assert "digit" not in told
    for markup in ("<script", "<b>&<b>", "<b>bold"):
        assert markup not in text
