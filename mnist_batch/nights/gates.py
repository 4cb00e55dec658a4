"""Gates: what a night has to hold, and what each says of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mnist_batch.evaluation.comparison.result import Comparison, PairedScores, Verdict
from mnist_batch.evaluation.comparison.verdict import has_too_few
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.nights.night import GateResult, Night
from mnist_batch.nights.verdict import chance
from mnist_batch.options import ErrorBudget
from mnist_batch.reports.number_text import percent

ERRORS, LABELS, ACCURACY, REGRESSION, DRIFT = "errors", "labels", "accuracy", "regression", "drift"
_OF_A_CLASS = ("digit ", "class ")
"""Gates; how those of the classes begin: `digit 0` to `digit 9`, `class Coat` or `class 17`."""

_NAME = 40
"""Characters of the name of a class."""

_TOLD = 20
"""Classes that missed their gates and are told apart; of digits all are."""

_STATUS = {ERRORS: 3, LABELS: 4, ACCURACY: 4}
_WORSE = 5
"""Exit statuses of gates: those of `predict` where it has them."""


@dataclass(frozen=True)
class GateLimits:
    """What is asked of a night.

    Attributes:
        max_errors: rows without a prediction that are let pass.
        min_accuracy: 0 to 1; None to ask for none.
        require_labels: whether a night without labels is missed.
        patience: nights in a row on which a gate has to be missed to fail.
    """

    max_errors: ErrorBudget
    min_accuracy: float | None = None
    require_labels: bool = False
    patience: int = 1


@dataclass(frozen=True)
class Evidence:
    """What the gates look at.

    Attributes:
        metrics: of the night.
        uncounted: sources that cannot be read at all, one row each.
        base: the name of the night or file that it is held against.
        comparison: with it; None where there is none.
        why_not_compared: a sentence, where there is none.
        has_other_classes: whether that is because the base does not tell the same classes apart.
        suspicions: what looks wrong, a sentence each.
        excused: what would look wrong if the comparison said less, a sentence each.
    """

    metrics: Metrics
    uncounted: int
    base: str
    comparison: Comparison | None
    why_not_compared: str
    suspicions: Sequence[str]
    excused: Sequence[str] = ()
    has_other_classes: bool = False


def ask_gates(
    evidence: Evidence, limits: GateLimits, earlier: Sequence[Night]
) -> tuple[GateResult, ...]:
    """Return what each gate says of a night; `earlier` are the nights before, in their order."""
    gates = [
        _errors(evidence, limits.max_errors),
        *_labels(evidence.metrics, limits),
        _accuracy(evidence.metrics.accuracy, limits.min_accuracy),
        _regression(evidence),
        *_classes(evidence),
        _drift(evidence),
    ]
    return tuple(_with_patience(gate, limits.patience, earlier) for gate in gates)


def ask_late(night: Night, earlier: Sequence[Night]) -> tuple[GateResult, ...]:
    """Return the gates of a night that got its labels when it had ended.

    That of the accuracy is asked again, for what was asked that night; the others stay.
    """
    accuracy = _accuracy(night.accuracy, night.min_accuracy)
    late = _with_patience(accuracy, night.patience, earlier)
    return tuple(late if gate.name == ACCURACY else gate for gate in night.gates)


def status_of(gates: Sequence[GateResult]) -> int:
    """Return the exit status of a night: of those of the gates that fail the smallest, else 0."""
    return min((_STATUS.get(gate.name, _WORSE) for gate in gates if gate.fails), default=0)


def is_of_a_class(gate: GateResult) -> bool:
    """Tell whether a gate is that of a digit or of another class."""
    return gate.name.startswith(_OF_A_CLASS)


def folded(gates: Sequence[GateResult]) -> Iterator[GateResult]:
    """Yield gates for a reader: the classes of which there is nothing to tell are one."""
    told: set[tuple[bool | None, str]] = set()
    left = _TOLD
    for gate in gates:
        is_missed = gate.passed is False
        if not is_of_a_class(gate):
            yield gate
        elif is_missed and left:
            left -= 1
            yield gate
        elif (kind := (gate.passed, _message_of_all(gate))) not in told:
            told.add(kind)
            alike = [one for one in gates if is_of_a_class(one)]
            alike = [one for one in alike if (one.passed, _message_of_all(one)) == kind]
            yield replace(gate, name=_name_of(alike[_TOLD * is_missed :]), message=kind[1])


def _message_of_all(gate: GateResult) -> str:
    """Return what the gate of a class says together with those that come to the same."""
    if gate.passed is None:
        return Verdict.TOO_FEW if gate.message.startswith(Verdict.TOO_FEW) else gate.message
    return "none is worse beyond chance" if gate.passed else "worse beyond chance too"


def _name_of(gates: Sequence[GateResult]) -> str:
    """Return what gates of classes are called together: by numbers, else how many they are."""
    if len(gates) == 1:
        return gates[0].name
    noun, numbers = gates[0].name.split(" ")[0], [gate.name.partition(" ")[2] for gate in gates]
    nouns = "digits" if noun == "digit" else "classes"
    if all(number.isdecimal() for number in numbers):
        return f"{nouns} {_ranges(list(map(int, numbers)))}"
    return f"{len(gates):,} {nouns}"


def _ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers in short, as `0-3, 5, 7-9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _with_patience(gate: GateResult, patience: int, earlier: Sequence[Night]) -> GateResult:
    """Return a gate with the nights in a row on which it was missed, this one included."""
    if gate.passed is not False:
        return gate
    before = (one for night in reversed(earlier) for one in night.gates if one.name == gate.name)
    asked = next((one for one in before if one.passed is not None), None)
    missed = 1 + (asked.missed_nights if asked else 0)
    message = gate.message
    if patience > 1:
        message += f" (missed {missed} {'night' if missed == 1 else 'nights'} in a row"
        message += f", fails at {patience})" if missed < patience else ")"
    return replace(gate, message=message, missed_nights=missed, fails=missed >= patience)


def _errors(evidence: Evidence, budget: ErrorBudget) -> GateResult:
    metrics, uncounted = evidence.metrics, evidence.uncounted
    rows = f"{metrics.errors:,} of {metrics.rows:,} rows have no prediction"
    if budget.allows(metrics.errors, metrics.rows, uncounted):
        return GateResult(ERRORS, passed=True, message=f"{rows}, --max-errors {budget}")
    if budget.allows(metrics.errors, metrics.rows):
        rows = f"{uncounted:,} sources cannot be read at all, so nobody knows their share"
    return GateResult(ERRORS, passed=False, message=f"{rows}, more than --max-errors {budget}")


def _labels(metrics: Metrics, limits: GateLimits) -> Iterator[GateResult]:
    if limits.require_labels:
        message = f"{metrics.scored:,} of {metrics.rows:,} rows have a label and a prediction"
        yield GateResult(LABELS, passed=bool(metrics.scored), message=message)


def _accuracy(found: float | None, least: float | None) -> GateResult:
    if found is None:
        return GateResult(ACCURACY, passed=None, message="no row has a label and a prediction")
    accuracy = f"accuracy {percent(found)}"
    if least is None:
        return GateResult(ACCURACY, passed=None, message=f"{accuracy}; no --min-accuracy is asked")
    if found < least:
        message = f"{accuracy} is below the {100 * least:.6g} % of --min-accuracy"
        return GateResult(ACCURACY, passed=False, message=message)
    return GateResult(
        ACCURACY, passed=True, message=f"{accuracy}, --min-accuracy {100 * least:.6g} %"
    )


def _regression(evidence: Evidence) -> GateResult:
    comparison = evidence.comparison
    if comparison is None:
        # Missed, or the night would be what the next ones are held against.
        passed = False if evidence.has_other_classes else None
        return GateResult(REGRESSION, passed=passed, message=evidence.why_not_compared)
    if comparison.verdict is Verdict.UNLABELLED:
        message = f"no row that {evidence.base} has too has a label"
        return GateResult(REGRESSION, passed=None, message=message)
    message = f"{comparison.verdict}: {_change(comparison.overall)} {_whence(evidence)}"
    if comparison.verdict is Verdict.TOO_FEW:
        return GateResult(REGRESSION, passed=None, message=message)
    is_worse = comparison.verdict is Verdict.REGRESSED
    return GateResult(REGRESSION, passed=not is_worse, message=message)


def _classes(evidence: Evidence) -> Iterator[GateResult]:
    classes = evidence.metrics.classes
    for number, name in enumerate(classes.short_names(_NAME)):
        yield _class(evidence, f"{classes.noun} {name}", number)


def _class(evidence: Evidence, name: str, number: int) -> GateResult:
    comparison = evidence.comparison
    if comparison is None:
        return GateResult(name, passed=None, message=evidence.why_not_compared)
    scores = comparison.per_digit[number]
    if scores.difference is None:
        message = f"no row of it that {evidence.base} has too has a label"
        return GateResult(name, passed=None, message=message)
    message = f"{_change(scores)} {_whence(evidence)}"
    is_worse = number in comparison.regressed_digits
    if not is_worse and has_too_few(scores, comparison.per_digit):
        return GateResult(name, passed=None, message=f"{Verdict.TOO_FEW}: {message}")
    return GateResult(name, passed=not is_worse, message=message)


def _whence(evidence: Evidence) -> str:
    """Return what a difference is held against; without labels, whose labels told it."""
    base = evidence.base
    return f"against {base}" if evidence.metrics.scored else f"by the labels of {base}"


def _change(scores: PairedScores) -> str:
    """Return a difference of accuracy in words: in points, with what it is made of."""
    points = 100 * (scores.difference or 0.0)
    counts = f"{scores.newly_wrong:,} newly wrong, {scores.newly_right:,} newly right"
    return f"{points:+.2f} points ({counts}, {chance(scores.adjusted_p)})"


def _drift(evidence: Evidence) -> GateResult:
    if evidence.suspicions:
        return GateResult(DRIFT, passed=False, message="; ".join(evidence.suspicions))
    message = "; ".join(["nothing looks suspicious", *evidence.excused])
    return GateResult(DRIFT, passed=True, message=message)
