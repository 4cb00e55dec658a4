"""The matrix counts, its colours mean shares, and each of its cells leads to its images."""

from dataclasses import replace

import numpy as np

from mnist_batch.evaluation.gallery import GalleryCell, GalleryImage
from mnist_batch.reports.evaluation.matrix import GROUPS, MOST, PAIRS, groups, matrix, pairs
from mnist_batch.schema import DIGITS, Classes
from tests.support.class_predictions import CHARACTERS, GARMENTS, HOSTILE, class_evaluation
from tests.support.example_metrics import METRICS

COUNTS = np.zeros((10, 10), np.int64)
COUNTS[4, 4], COUNTS[4, 9], COUNTS[7, 2], COUNTS[5, 3], COUNTS[3, 3] = 300, 100, 1, 25, 50
METRICS_OF_COUNTS = replace(METRICS, confusion_matrix=COUNTS)


def test_one_mistake_is_seen_beside_a_hundred() -> None:
    """Mistakes have a scale of their own; right ones go by their share of the digit."""
    cells = [line.cells for line in matrix(METRICS_OF_COUNTS, set())]
    assert cells[4][9].colour == "wrong6"
    assert cells[7][2].colour == "wrong1"
    assert cells[5][3].colour == "wrong3"  # a quarter of the most, so half of the shades
    assert cells[3][3].colour == "right6"
    assert cells[4][4].colour == "right4"  # 0.75 of 6 is 4.5, and rounds to even
    assert cells[0][0].colour == "none"
    assert [cell.rows for cell in cells[4]] == [0, 0, 0, 0, 300, 0, 0, 0, 0, 100]


def test_a_cell_leads_to_images_that_are_there() -> None:
    """And says in words what it counts."""
    cells = [line.cells for line in matrix(METRICS_OF_COUNTS, {"wrong-4-9"})]
    assert (cells[4][9].link, cells[4][9].name) == ("wrong-4-9", "4 read as 9: 100 rows")
    assert (cells[7][2].link, cells[7][2].name) == (None, "7 read as 2: 1 row")


def image(label: int | None, prediction: int, confidence: float | None) -> GalleryImage:
    """Return a row of the gallery without its images."""
    return GalleryImage(0, "a.png", 3, label, prediction, confidence, False, None, None)


def test_the_most_frequent_mistakes_come_first() -> None:
    """Right rows and those without a label after them, as they come."""
    cells = [
        GalleryCell(1, 1, 500, [image(1, 1, 0.5)]),
        GalleryCell(1, 7, 2, [image(1, 7, 0.99999), image(1, 7, None)]),
        GalleryCell(4, 9, 30, []),
        GalleryCell(None, 3, 9, [image(None, 3, 1.0)]),
    ]
    found = [group for kind in groups(cells, DIGITS).values() for group in kind.groups]
    assert [(group.id, group.heading, group.rows) for group in found] == [
        ("wrong-4-9", "4 read as 9", 30),
        ("wrong-1-7", "1 read as 7", 2),
        ("right-1-1", "1 read as 1", 500),
        ("unlabelled-3", "Read as 3", 9),
    ]
    texts = [(picture.read, picture.title) for group in found for picture in group.pictures]
    assert texts == [
        ("1 read as 7", "> 0.999"),
        ("1 read as 7", ""),
        ("1 read as 1", "0.500"),
        ("read as 3", "1.000"),
    ]


def test_of_many_classes_those_with_the_most_mistakes_are_in_the_matrix() -> None:
    """All of 62 are; of 200 as many as the page has room for."""
    assert len(matrix(class_evaluation(CHARACTERS, 500).metrics, set())) == 62
    metrics = class_evaluation(Classes(200), 5000).metrics
    shown = metrics.most_confused(MOST)
    lines = matrix(metrics, set())
    assert [line.name for line in lines] == list(map(str, shown))
    counts = metrics.confusion_matrix
    assert [[cell.rows for cell in line.cells] for line in lines] == [
        [counts[true, predicted] for predicted in shown] for true in shown
    ]


def test_pairs_are_listed_where_a_matrix_is_too_large() -> None:
    """The most frequent first, with their share; each leads to its images, if these are there."""
    assert pairs(METRICS_OF_COUNTS, set()) == []
    assert pairs(class_evaluation(GARMENTS, 500).metrics, set()) == []
    metrics = class_evaluation(CHARACTERS, 5000).metrics
    (true, predicted, rows), *_ = confused = metrics.confused_pairs(PAIRS)
    found = pairs(metrics, {f"wrong-{true}-{predicted}"})
    a, b = CHARACTERS.name(true), CHARACTERS.name(predicted)
    assert found[0] == [
        f"<bdi>{a}</bdi> read as <bdi>{b}</bdi>",
        f'<a href="#wrong-{true}-{predicted}" aria-label="{a} read as {b}: {rows}">{rows}</a>',
        f"{100 * rows / metrics.confusion_matrix[true].sum():.2f} %",
    ]
    assert [row[1] for row in found[1:]] == [str(rows) for *_, rows in confused[1:]]


def test_no_more_groups_are_shown_than_a_page_has_room_for() -> None:
    """The most frequent mistakes; of right ones those with the least sure images, in order."""
    evaluation = class_evaluation(Classes(200), 20_000)
    kinds = groups(evaluation.gallery, Classes(200))
    assert {name: len(kind.groups) for name, kind in kinds.items()} == {
        "wrong": GROUPS,
        "right": GROUPS,
        "unlabelled": 0,
    }
    pairs_there = sum(cell.label != cell.prediction for cell in evaluation.gallery)
    assert kinds["wrong"].left_out == pairs_there - GROUPS
    assert kinds["right"].left_out == 100
    most = [rows for *_, rows in evaluation.metrics.confused_pairs(GROUPS)]
    assert [group.rows for group in kinds["wrong"].groups] == most
    places = [int(group.id.rpartition("-")[2]) for group in kinds["right"].groups]
    assert places == sorted(places)


def test_names_are_text() -> None:
    """Names that come from anybody are escaped."""
    metrics = class_evaluation(Classes(len(HOSTILE), HOSTILE), 5000).metrics
    names = [row[0] for row in pairs(metrics, set())]
    assert any("&lt;script&gt;" in str(name) or "&lt;b&gt;" in str(name) for name in names)
    assert not any("<b>" in str(name) for name in names)
