"""What a night comes to, in a few words and in a sentence."""

from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.evaluation.proportions import wilson_interval
from mnist_batch.nights.night import Night

_BY_VERDICT = {
    Verdict.IMPROVED: "improved",
    Verdict.NO_DIFFERENCE: "no difference beyond chance",
    Verdict.REGRESSED: "regressed",
    Verdict.TOO_FEW: "too few rows to tell",
}


def state(night: Night) -> str:
    """Return what a night comes to, in up to five words.

    What fails comes first, then what is not known, then what the comparison says.
    """
    failing = {gate.name for gate in night.gates if gate.fails}
    if "errors" in failing:
        return "too many errors"
    if "labels" in failing:
        return "labels are missing"
    if "accuracy" in failing:
        return "accuracy too low"
    if failing - {"drift"}:
        return "regressed"
    if failing:
        return "suspicious"
    if not night.scored:
        return "no labels"
    found = night.against and _BY_VERDICT.get(Verdict(night.against.verdict))
    return found or "nothing to compare with"


def headline(night: Night) -> str:
    """Return what a night comes to in a sentence, with its accuracy and what it is held against."""
    return f"{state(night).capitalize()}: {accuracy(night)}{_difference(night)}"


def accuracy(night: Night) -> str:
    """Return the accuracy of a night with its interval, or how much was predicted without one."""
    if night.accuracy is None:
        return f"{night.rows - night.errors:,} of {night.rows:,} rows predicted, none with a label"
    low, high = wilson_interval(night.correct, night.scored)
    return f"accuracy {night.accuracy:.4f} ({low:.4f} to {high:.4f}) of {night.scored:,} rows"


def _difference(night: Night) -> str:
    against = night.against
    if against is None or against.difference is None:
        return ""
    return f", {100 * against.difference:+.2f} points against {against.name}"
