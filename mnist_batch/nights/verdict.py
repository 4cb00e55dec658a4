"""What a night comes to, in a few words and in a sentence."""

from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.evaluation.proportions import wilson_interval
from mnist_batch.nights.night import GateResult, Night
from mnist_batch.reports.number_text import counted, p_value, percent

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
    if "regression" in failing and night.against is None:
        return "other classes"
    if failing - {"drift"}:
        return "regressed"
    if failing:
        return "suspicious"
    if not night.scored:
        return "no labels"
    if night.scored_later:
        return "scored later"
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
    bounds = f"{percent(low).removesuffix(' %')} to {percent(high)}"
    return f"accuracy {percent(night.accuracy)} ({bounds}) of {night.scored:,} rows"


def outcome(gate: GateResult) -> str:
    """Return what a gate says, in a word or two."""
    if gate.passed is None:
        return "not asked"
    if gate.passed:
        return "passed"
    return "failed" if gate.fails else "missed"


def against(night: Night) -> str:
    """Return in a sentence what the comparison counted; empty where there was none."""
    found = night.against
    if found is None:
        return ""
    counts = f"{counted(found.pairs, 'image')} compared with {found.name}"
    if _borrows_labels(night):
        counts += ", by its labels"
    if found.interval is None or found.p_value is None:
        return counts
    low, high = (f"{100 * bound:+.2f}" for bound in found.interval)
    return (
        f"{counts}: {found.newly_wrong:,} newly wrong, {found.newly_right:,} newly right; "
        f"95 % interval {low} to {high} points, {chance(found.p_value)}"
    )


def chance(probability: float | None) -> str:
    """Return a p value as it is told."""
    told = p_value(probability)
    return f"p {told}" if told.startswith("<") else f"p = {told}"


def drift(night: Night) -> str:
    """Return in a sentence how far the input is from that of the night it is held against."""
    features = (
        f"{name} {distance:.3f} ({band:.3f})" for name, (distance, band) in night.drift.items()
    )
    told = ", ".join(features)
    return f"distance of the input, and what chance gives: {told}" if told else ""


def _borrows_labels(night: Night) -> bool:
    """Tell whether the comparison had the labels of the earlier night, for there were none."""
    has_scores = night.against is not None and night.against.difference is not None
    return has_scores and (not night.scored or night.scored_later)


def _difference(night: Night) -> str:
    found = night.against
    if found is None or found.difference is None:
        return ""
    change = f"{100 * found.difference:+.2f} points"
    told = f", {change} against {found.name}"
    if _borrows_labels(night):
        told = f"; by the labels of {found.name}, {change}"
    if found.pairs < night.rows:
        told += f" (compared are {found.pairs:,} of {night.rows:,} rows)"
    return told
