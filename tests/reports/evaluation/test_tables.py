"""Tables and charts of the report's page show the numbers of the evaluation."""

from dataclasses import replace

import pytest
from markupsafe import escape

from mnist_batch.evaluation.evaluator import Evaluation, Evaluator
from mnist_batch.evaluation.input_profile import CONFIDENCE_BINS, INK_BINS, SIZE_BOUNDS
from mnist_batch.evaluation.slices import CONFIDENCE, PREPARED, Slice
from mnist_batch.reports.evaluation import tables
from tests.support.example_metrics import METRICS
from tests.support.prediction_batches import predictions_batch


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Forty rows: of each digit three right and one read as the next one, less surely."""
    rows = [(place % 10, (place + place // 30) % 10) for place in range(40)]
    evaluator = Evaluator()
    confidences = [0.95 if label == read else 0.55 for label, read in rows]
    evaluator.add(predictions_batch(rows, confidences=confidences))
    return evaluator.evaluation()


def test_digits_have_their_scores(evaluation: Evaluation) -> None:
    """Support, recall, its interval, how often it was predicted, precision and F1."""
    table = tables.content(evaluation, {})["digits_table"]
    assert [head for head, _ in table.columns] == [
        "digit",
        "rows",
        "accuracy",
        "95 % interval",
        "predicted",
        "precision",
        "F1",
    ]
    # Wilson's interval of 3 of 4, as statsmodels has it.
    assert table.rows[4] == [4, "4", "75.00 %", "30.06 to 95.44 %", "4", "75.00 %", "0.7500"]


def test_a_digit_without_samples_has_dashes() -> None:
    """And no dot in the chart."""
    content = tables.content(replace(Evaluator().evaluation(), metrics=METRICS), {})
    assert content["digits_table"].rows[6][2] == "\N{EN DASH}"
    assert str(content["digits_chart"]).count("<circle") == 9


def test_the_confidence_has_its_bins_and_thresholds(evaluation: Evaluation) -> None:
    """Bins without rows are left out; a line is said in words."""
    content = tables.content(evaluation, {})
    bins = {row[0]: row[1:4] for row in content["reliability_table"].rows}
    assert bins == {
        "0.533 to 0.600": ["10", "0.550", "0.00 %"],
        "0.933 to 1.000": ["30", "0.950", "100.00 %"],
    }
    coverage = {row[0]: row[1:5] for row in content["coverage_table"].rows}
    assert coverage["nothing"] == ["40", "100.00 %", "10", "75.00 %"]
    assert coverage["0.9"] == ["30", "75.00 %", "0", "100.00 %"]
    assert content["refusing"] == (
        "Refuse below 0.9: 75.00 % of the rows stay, 100.00 % of them right."
    )


def test_nothing_is_said_of_refusing_where_it_makes_nothing_more_accurate() -> None:
    """All are right as it is, or those that stay are wrong as often."""
    for rows in ([(1, 1, 0.95), (1, 1, 0.55)], [(1, 2, 0.95), (1, 1, 0.55)], [(1, 2, 0.95)]):
        evaluator = Evaluator()
        labels = [(label, read) for label, read, _ in rows]
        confidences = [confidence for _, _, confidence in rows]
        evaluator.add(predictions_batch(labels, confidences=confidences))
        assert tables.content(evaluator.evaluation(), {})["refusing"] == ""


def slices_of(*counts: tuple[str | None, int, int]) -> list[Slice]:
    """Return slices by value, scored rows and correct ones."""
    return [Slice("writer", value, scored, scored, right, 0) for value, scored, right in counts]


def test_the_worst_slice_comes_first_and_tiny_ones_last(evaluation: Evaluation) -> None:
    """Tiny ones are marked; what has no value or is empty is named."""
    slices = slices_of(("a", 100, 90), ("b", 100, 80), ("<c>", 2, 0), (None, 50, 50), ("", 40, 35))
    ((table, left_out),) = tables.content(replace(evaluation, slices=slices), {})["slices"]
    assert table.caption == "By writer"
    assert left_out == 0
    assert [str(row[0]) for row in table.rows] == [
        "<bdi>b</bdi>",
        "<i>empty</i>",
        "<bdi>a</bdi>",
        "<i>no value</i>",
        '<bdi>&lt;c&gt;</bdi> <span class="soft">(fewer than 30 rows)</span>',
    ]
    assert table.rows[0][1:] == ["80.00 %", "71.12 to 86.66 %", "100", "20", "0"]


def test_of_many_slices_the_worst_are_shown_and_the_others_counted(evaluation: Evaluation) -> None:
    """Of a kind."""
    many = slices_of(*((str(place), 100, place % 101) for place in range(2_000)))
    content = tables.content(replace(evaluation, slices=many), {})
    table, left_out = content["slices"][0]
    assert len(table.rows) == tables.SLICES
    assert left_out == 2_000 - tables.SLICES
    assert content["kinds_left_out"] == 0


def test_every_column_that_is_named_is_shown(evaluation: Evaluation) -> None:
    """After the kinds of every run, however many there are."""
    named = [Slice(f"c{n}", value, 50, 50, 40, 0) for n in range(30) for value in ("x", "y")]
    own = [
        Slice(kind, value, 50, 50, 40, 0) for kind in (PREPARED, CONFIDENCE) for value in ("a", "b")
    ]
    content = tables.content(replace(evaluation, slices=[*named, *own]), {})
    captions = [one.table.caption for one in content["slices"]]
    assert captions == [
        "By whether the image was prepared",
        "By confidence",
        *(f"By c{n}" for n in range(30)),
    ]
    assert content["kinds_left_out"] == 0


def test_kinds_of_slices_take_their_share_of_the_page(evaluation: Evaluation) -> None:
    """Those without room are counted: a quote takes five bytes."""
    quotes = '"' * 98
    values = [f"{n:02}{quotes}{quotes}" for n in range(20)]
    many = [Slice(f"{n:02}{quotes}", value, 50, 50, 40, 0) for n in range(99) for value in values]
    content = tables.content(replace(evaluation, slices=many), {})
    shown = len(content["slices"])
    assert 15 < shown < 30
    assert content["kinds_left_out"] == 99 - shown
    html = sum(
        len(str(escape(cell)))
        for one in content["slices"]
        for row in one.table.rows
        for cell in row
    )
    assert html < tables.SLICES_BYTES


def test_what_all_rows_have_in_common_is_no_slice() -> None:
    """It would say the accuracy again."""
    evaluator = Evaluator()
    evaluator.add(predictions_batch([(1, 1)] * 3))
    assert tables.content(evaluator.evaluation(), {})["slices"] == []


def test_reasons_have_examples() -> None:
    """The first rows, with what is wrong; the other reasons are counted."""
    evaluator = Evaluator()
    errors = [f"reason {place % 20}: because" for place in range(100)]
    evaluator.add(predictions_batch([(None, None)] * 100, errors=errors))
    content = tables.content(evaluator.evaluation(), {})
    first = content["reasons"][0]
    assert (first.reason, first.rows) == ("reason 0", 5)
    assert first.examples[0] == ("digits.parquet", 0, "reason 0: because")
    assert len(first.examples) == tables.EXAMPLES
    assert content["reasons_left_out"] == 20 - tables.REASONS


def test_the_input_is_drawn_as_far_as_it_is_known(evaluation: Evaluation) -> None:
    """Ink and size where the images were at hand."""
    headings = [chart.heading for chart in tables.content(evaluation, {})["input_charts"]]
    assert headings == ["Predicted digits", "Confidence"]
    profile = replace(evaluation.profile, ink=(1,) * INK_BINS, size=(2,) * (len(SIZE_BOUNDS) + 1))
    assert profile.confidence is not None
    assert len(profile.confidence) == CONFIDENCE_BINS
    charts = tables.content(replace(evaluation, profile=profile), {})["input_charts"]
    assert [chart.heading for chart in charts] == [*headings, "Ink", "Size"]
    assert str(charts[3].svg).count("<rect") == len(SIZE_BOUNDS) + 1


@pytest.mark.parametrize(
    ("prepared", "text"),
    [(0, "No image was prepared"), (10, "25.00 % of the images"), (40, "All images were prepared")],
)
def test_how_many_images_were_prepared_is_said(
    evaluation: Evaluation, prepared: int, text: str
) -> None:
    """None, all, or a share."""
    profile = replace(evaluation.profile, prepared=prepared)
    content = tables.content(replace(evaluation, profile=profile), {})
    assert content["prepared"].startswith(text)


def test_a_long_training_has_a_short_curve(evaluation: Evaluation) -> None:
    """Of very many epochs some are drawn."""
    history = {"loss": [1 / (1 + epoch) for epoch in range(100_000)], "val_accuracy": [0.5] * 3}
    loss, accuracy = tables.content(evaluation, history)["curves"]
    assert len(loss.svg) < 20_000
    assert loss.text == "100,000 epochs."
    assert "50 %" in accuracy.svg
