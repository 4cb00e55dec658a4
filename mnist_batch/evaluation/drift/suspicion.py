"""Suspicion: what looks wrong with a run without a look at its labels.

A model that is given pixels in a wrong range, or a folder of the wrong images, predicts without an
error. It is seen by what it predicts: one class nearly always, other classes, another confidence or
more refused images than in an earlier run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mnist_batch.evaluation.comparison.result import Comparison, Verdict
from mnist_batch.evaluation.comparison.verdict import SIGNIFICANCE
from mnist_batch.evaluation.drift.distance import Drift, drift_of, jensen_shannon
from mnist_batch.evaluation.input_profile import InputProfile
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.proportions import difference_p

LEAST_ROWS = 100
"""Rows below which a run alone says nothing: a folder may well hold twenty sevens."""

_NEARLY_ALWAYS = 0.9
"""Share of one digit. MNIST's most frequent one is 11 % of the images; read with the pixels in a
wrong range, networks gave one digit for 57 to 100 % of them."""

_UNEXPLAINED = 0.25
"""By how much the share of a digit among predictions exceeds that among labels."""

_HARDLY_SURE = 3
"""Mean confidence, as a multiple of what guessing has, which is 0.1 with ten digits; networks have
0.96 and more on images of these."""

_NAME = 40
"""Characters of the name of a class."""

_TOO_SURE = 0.9999
"""Mean confidence; networks have 0.990 to 0.999 on images that they were not trained on. Given
pixels of 0 to 255 in place of 0 to 1, two networks had 0.99996, with as many mistakes and more."""

_MORE_ERRORS = 0.01
"""By how much the share of rows without a prediction rises before it is spoken of."""

_MORE_LABELS, _LEAST_LABELS = 0.01, 10
"""Share and number of images whose label is not what it was, above which it is spoken of."""


@dataclass(frozen=True)
class Earlier:
    """The run that another is held against.

    Attributes:
        name: how it is called.
        profile: what its input looked like.
        errors: its rows without a prediction.
        scored, correct: its rows with a label and a prediction, and those that are right.
        drift: how far the other's input is from its, by feature, of `drift.input_drift`.
        comparison: of the other with it; None where they are over other images.
    """

    name: str
    profile: InputProfile
    errors: int
    scored: int
    correct: int
    drift: Mapping[str, Drift]
    comparison: Comparison | None = None


def suspicions(
    metrics: Metrics, profile: InputProfile, earlier: Earlier | None = None
) -> tuple[str, ...]:
    """Return what looks wrong with a run, a sentence each; empty where nothing does.

    What labels explain is not suspicious: a folder of sevens holds sevens. They explain nothing
    where the accuracy fell beyond chance. What an earlier run of at least `LEAST_ROWS` rows had
    too, is not suspicious either.
    """
    found = list(_drifted(metrics, profile, earlier) if earlier else [])
    if profile.rows >= LEAST_ROWS and not (earlier and earlier.profile.rows >= LEAST_ROWS):
        found += _alone(metrics, profile)
    return tuple(found)


def excused(metrics: Metrics, profile: InputProfile, earlier: Earlier) -> tuple[str, ...]:
    """Return what would be suspicious if the same images were not read as well as before."""
    confidence = _other_confidence(profile, earlier)
    if not confidence or _fall(metrics, earlier) or not _compares_well(metrics, earlier):
        return ()
    return (f"{confidence}, and the same images are read no worse",)


def other_labels(comparison: Comparison, name: str) -> Iterator[str]:
    """Yield that many images have another label than in an earlier run, which is called `name`.

    Whether the model reads them well is then a question of which labels are right.
    """
    changed, pairs = comparison.changed_labels, comparison.pairs
    if changed >= _LEAST_LABELS and changed > _MORE_LABELS * pairs:
        yield (
            f"{changed:,} of {pairs:,} images have another label than in {name}; check the labels"
        )


def _alone(metrics: Metrics, profile: InputProfile) -> list[str]:
    """Return what one run tells."""
    found = []
    number = max(range(len(profile.predictions)), key=profile.predictions.__getitem__)
    share = profile.predictions[number] / profile.rows
    if share >= _NEARLY_ALWAYS and not _labels_have(metrics, number, share):
        read = metrics.classes.short_names(_NAME)[number]
        found.append(
            f"{_percent(share)} of {profile.rows:,} rows are read as {read}; unless nearly all "
            "images show it, look at them: their pixels may not be 0 to 255, or --scale is wrong"
        )
    mean = profile.mean_confidence
    accuracy = _told_accuracy(metrics)
    guess = 1 / len(profile.predictions)
    if mean is not None and mean < _HARDLY_SURE * guess and (accuracy is None or accuracy < 0.5):
        found.append(
            f"the mean confidence is {_share(mean)}, and guessing has {_share(guess)}; check that "
            f"the model is one of {_images_of(metrics)}, and the range of the pixels (--scale)"
        )
    if mean is not None and mean > _TOO_SURE and _is_surer_than_right(mean, accuracy):
        found.append(
            f"the mean confidence is {mean:.5f}, more than networks have on new images; check the "
            "range of the pixels (--scale)"
        )
    return found


def _drifted(metrics: Metrics, profile: InputProfile, earlier: Earlier) -> list[str]:
    """Return what is far from the earlier run."""
    found, base, name = [], earlier.profile, earlier.name
    far = {feature: drift for feature, drift in earlier.drift.items() if drift.is_far}
    fall = _fall(metrics, earlier)
    if (drift := far.get("predictions")) and (fall or not _labels_explain(metrics, drift)):
        shares = [
            (count / profile.rows, before / base.rows)
            for count, before in zip(profile.predictions, base.predictions, strict=True)
        ]
        number = max(range(len(shares)), key=lambda one: abs(shares[one][0] - shares[one][1]))
        now, before = shares[number]
        read, classes = metrics.classes.short_names(_NAME)[number], metrics.classes
        found.append(
            f"the predicted {classes.noun_of_many} are far from those of {name}: {read} is "
            f"{_percent(now)} of "
            f"them, and was {_percent(before)} ({_distance(drift)}){fall}"
        )
    is_explained = _compares_well(metrics, earlier) or _labels_confirm(metrics, profile, earlier)
    if (confidence := _other_confidence(profile, earlier)) and (fall or not is_explained):
        found.append(f"{confidence}{fall}")
    if drift := far.get("prepared"):
        now, before = profile.prepared / profile.rows, base.prepared / base.rows
        found.append(
            f"{_percent(now)} of the images were brought to MNIST form, and {_percent(before)} "
            f"in {name} ({_distance(drift)})"
        )
    return [*found, *_more_errors(metrics, earlier)]


def _other_confidence(profile: InputProfile, earlier: Earlier) -> str:
    """Return that the confidence is far from that of the earlier run; empty where it is not."""
    drift = earlier.drift.get("confidence")
    if drift is None or not drift.is_far:
        return ""
    now, before = (
        "unknown" if mean is None else f"{mean:.5f}"
        for mean in (profile.mean_confidence, earlier.profile.mean_confidence)
    )
    return (
        f"the confidence is far from that of {earlier.name}: {now} on average, and was {before} "
        f"({_distance(drift)})"
    )


def _more_errors(metrics: Metrics, earlier: Earlier) -> list[str]:
    rows = earlier.profile.rows + earlier.errors
    if not (rows and metrics.rows):
        return []
    now, before = metrics.errors / metrics.rows, earlier.errors / rows
    drift = drift_of(
        (metrics.errors, metrics.rows - metrics.errors), (earlier.errors, earlier.profile.rows)
    )
    # Beyond chance, but not as far as other features: no error is expected of any image.
    if now - before < _MORE_ERRORS or drift.distance <= drift.band:
        return []
    return [
        f"{_percent(now)} of the rows have no prediction, and {_percent(before)} in {earlier.name}"
    ]


def _images_of(metrics: Metrics) -> str:
    return "digits" if metrics.classes.are_digits else "these images"


def _labels_have(metrics: Metrics, number: int, share: float) -> bool:
    """Tell whether labels of most rows say that a class is as frequent as it is predicted."""
    if _told_accuracy(metrics) is None:
        return False
    labelled = int(metrics.confusion_matrix[number].sum()) / metrics.scored
    return share - labelled <= _UNEXPLAINED


def _labels_explain(metrics: Metrics, drift: Drift) -> bool:
    """Tell whether the labels of most rows are nearer to the predictions than the earlier run."""
    if _told_accuracy(metrics) is None:
        return False
    matrix = metrics.confusion_matrix
    labels, predictions = matrix.sum(axis=1)[None], matrix.sum(axis=0)[None]
    return float(jensen_shannon(labels, predictions)[0]) < drift.distance / 2


def _labels_confirm(metrics: Metrics, profile: InputProfile, earlier: Earlier) -> bool:
    """Tell whether the accuracy is nearer to the mean confidence than the earlier run's is.

    So it is with a better model, which is surer and right more often. It is so with worse images
    too, so an earlier run without labels is taken to have been right as often as it was sure.
    """
    accuracy, mean = _told_accuracy(metrics), profile.mean_confidence
    before = earlier.profile.mean_confidence
    if accuracy is None or mean is None or before is None:
        return False
    if not earlier.scored and accuracy < before:
        return False
    return abs(mean - accuracy) < abs(mean - before) / 2


def _compares_well(metrics: Metrics, earlier: Earlier) -> bool:
    """Tell whether at least half of the rows were compared by their labels, and are no worse."""
    comparison = earlier.comparison
    return (
        comparison is not None
        and comparison.verdict in (Verdict.IMPROVED, Verdict.NO_DIFFERENCE)
        and 2 * comparison.overall.pairs >= metrics.rows
    )


def _fall(metrics: Metrics, earlier: Earlier) -> str:
    """Return by how much the accuracy is below the earlier run's; empty if that may be chance."""
    if not (metrics.scored and earlier.scored):
        return ""
    now, before = metrics.correct / metrics.scored, earlier.correct / earlier.scored
    p_value = difference_p(metrics.correct, metrics.scored, earlier.correct, earlier.scored)
    if now >= before or p_value >= SIGNIFICANCE:
        return ""
    return f", and the accuracy fell from {100 * before:.2f} to {100 * now:.2f} %"


def _told_accuracy(metrics: Metrics) -> float | None:
    """Return the accuracy where most of the rows with a prediction tell it."""
    return metrics.accuracy if 2 * metrics.scored >= sum(metrics.predictions) else None


def _is_surer_than_right(confidence: float, accuracy: float | None) -> bool:
    """Tell whether there are ten times as many mistakes as the confidence says, or nobody knows."""
    return accuracy is None or 1 - accuracy > 10 * (1 - confidence)


def _distance(drift: Drift) -> str:
    return f"distance {drift.distance:.2f}, by chance at most {drift.band:.2f}"


def _share(share: float) -> str:
    """Return a share with two digits that tell something: of 1,000 classes guessing has 0.001."""
    return f"{share:.2f}" if share >= 0.1 else f"{share:.2g}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
