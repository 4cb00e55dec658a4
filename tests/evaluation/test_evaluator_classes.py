"""Any number of classes is counted as scikit-learn counts it, in flat memory."""

import numpy as np
import pytest
import sklearn.metrics

from mnist_batch.evaluation.evaluator import Evaluator
from mnist_batch.evaluation.gallery import MOST_OTHERS, MOST_WRONG, GalleryCell, GalleryChooser
from mnist_batch.evaluation.outcomes import Outcomes
from mnist_batch.schema import Classes
from tests.support.class_predictions import CHARACTERS, class_batch, class_evaluation


@pytest.mark.parametrize("classes", [Classes(2), Classes(26), CHARACTERS, Classes(200)])
def test_scores_are_those_of_scikit_learn(classes: Classes) -> None:
    """The confusion matrix, the scores of each class, and how often each was predicted."""
    batch = class_batch(classes, 3000)
    labels, predictions = (batch.column(name).to_numpy() for name in ("label", "prediction"))
    found = class_evaluation(classes, 3000)
    metrics, numbers = found.metrics, range(classes.count)
    expected = sklearn.metrics.confusion_matrix(labels, predictions, labels=numbers)
    np.testing.assert_array_equal(metrics.confusion_matrix, expected)
    precision, recall, f1, support = sklearn.metrics.precision_recall_fscore_support(
        labels, predictions, labels=numbers, zero_division=np.nan
    )
    scores = [(one.precision, one.recall, one.f1, one.support) for one in metrics.per_class]
    there = [tuple(np.nan if score is None else score for score in row) for row in scores]
    undefined = support == 0
    f1[undefined] = np.nan
    np.testing.assert_allclose(there, np.column_stack([precision, recall, f1, support]))
    counts = np.bincount(predictions, minlength=classes.count).tolist()
    assert list(metrics.predictions) == list(found.profile.predictions) == counts


def test_the_worst_classes_and_the_most_confused_come_first() -> None:
    """Of three classes, by hand: 0 is right twice of two, 1 once of two, 2 never of one."""
    counts = np.array([[2, 0, 0], [0, 1, 1], [1, 0, 0]])
    evaluator = Evaluator(classes=Classes(3))
    metrics = evaluator.evaluation().metrics
    metrics = type(metrics)(**{**vars(metrics), "confusion_matrix": counts, "rows": 5})
    assert [one.digit for one in metrics.worst_first()] == [2, 1, 0]
    assert metrics.most_confused(1) == [2]  # one is another, another is one
    assert metrics.most_confused(3) == [0, 1, 2]
    assert metrics.confused_pairs() == [(1, 2, 1), (2, 0, 1)]


def chosen(classes: Classes, rows: int, size: int) -> list[GalleryCell]:
    """Return the gallery of random rows that come in batches of a size, all with images."""
    chooser, batch = GalleryChooser(classes), class_batch(classes, rows, wrong=0.9)
    for start in range(0, rows, size):
        part = batch.slice(start, size)
        images = np.zeros((len(part), 28, 28), np.uint8)
        chooser.add(start, Outcomes.of(part, classes), images)
    return chooser.cells()


@pytest.mark.parametrize("classes", [CHARACTERS, Classes(200)])
def test_the_gallery_of_many_classes_is_bounded(classes: Classes) -> None:
    """With 62 classes each kind of mistake has an image; with 200 each class has its share."""
    cells = chosen(classes, 20_000, 1000)
    wrong = [cell for cell in cells if cell.label != cell.prediction]
    shown = sum(len(cell.images) for cell in wrong)
    assert 0.7 * MOST_WRONG < shown <= MOST_WRONG
    if classes is CHARACTERS:
        assert all(cell.images for cell in wrong)
    else:  # there are more kinds of mistakes than images
        assert len(wrong) > MOST_WRONG
        of_class = np.zeros(classes.count, np.int64)
        for cell in wrong:
            of_class[cell.label] += len(cell.images)
        assert of_class.min() >= of_class.max() - 1
    assert all(len(cell.images) <= MOST_OTHERS for cell in cells if cell.label == cell.prediction)


def test_the_gallery_of_many_classes_has_the_most_confident_mistakes() -> None:
    """Of each true class, wherever the batches are cut."""
    classes, rows = Classes(100), 20_000
    batch = class_batch(classes, rows, wrong=0.9).to_pydict()
    found = {
        image.index
        for cell in chosen(classes, rows, 777)
        if cell.label != cell.prediction
        for image in cell.images
    }
    by_class: dict[int, list[tuple[float, int]]] = {}
    for index, (label, read, confidence) in enumerate(
        zip(batch["label"], batch["prediction"], batch["confidence"], strict=True)
    ):
        if label != read:
            by_class.setdefault(label, []).append((-confidence, index))
    each = len(found) // classes.count
    expected = {index for of in by_class.values() for _, index in sorted(of)[:each]}
    assert expected <= found
