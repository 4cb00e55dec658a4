"""The matrix counts, its colours mean shares, and each of its cells leads to its images."""

from dataclasses import replace

import numpy as np

from mnist_batch.evaluation.gallery import GalleryCell, GalleryImage
from mnist_batch.reports.evaluation.matrix import groups, matrix
from tests.support.example_metrics import METRICS

COUNTS = np.zeros((10, 10), np.int64)
COUNTS[4, 4], COUNTS[4, 9], COUNTS[7, 2], COUNTS[5, 3], COUNTS[3, 3] = 300, 100, 1, 25, 50
METRICS_OF_COUNTS = replace(METRICS, confusion_matrix=COUNTS)


def test_one_mistake_is_seen_beside_a_hundred() -> None:
    """Mistakes have a scale of their own; right ones go by their share of the digit."""
    cells = matrix(METRICS_OF_COUNTS, set())
    assert cells[4][9].colour == "wrong6"
    assert cells[7][2].colour == "wrong1"
    assert cells[5][3].colour == "wrong3"  # a quarter of the most, so half of the shades
    assert cells[3][3].colour == "right6"
    assert cells[4][4].colour == "right4"  # 0.75 of 6 is 4.5, and rounds to even
    assert cells[0][0].colour == "none"
    assert [cell.rows for cell in cells[4]] == [0, 0, 0, 0, 300, 0, 0, 0, 0, 100]


def test_a_cell_leads_to_images_that_are_there() -> None:
    """And says in words what it counts."""
    cells = matrix(METRICS_OF_COUNTS, {"wrong-4-9"})
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
    found = groups(cells)
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
