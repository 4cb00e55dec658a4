"""A night: what `run.json` holds of one run of `mnist-batch nightly`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.evaluation.input_profile import InputProfile
from mnist_batch.evaluation.proportions import interval
from mnist_batch.nights.records import from_record
from mnist_batch.schema import shortened

FORMAT = 1
"""Of `run.json`: a later one that this release cannot read has a higher number."""


@dataclass(frozen=True)
class GateResult:
    """What a gate says of a night.

    Attributes:
        name: `accuracy`, `regression`, `errors`, `drift`, `labels`, `digit 0` to `digit 9`, or
            `class` and the name or number of another class.
        passed: True, False, or None where it was not asked, as accuracy without labels.
        message: why, in a sentence.
        missed_nights: nights in a row, this one included, on which it was missed; 0 if passed.
        fails: whether the night fails by it: missed for as many nights in a row as `--patience`.
    """

    name: str
    passed: bool | None
    message: str
    missed_nights: int = 0
    fails: bool = False


@dataclass(frozen=True)
class ComparedWith:
    """The comparison of a night with an earlier one, in short.

    Attributes:
        name: the night, or the file, that it is held against.
        verdict: of `evaluation.comparison.result.Verdict`.
        pairs: rows of both.
        newly_wrong, newly_right: pairs.
        difference: of accuracy, -1 to 1; None without labels.
        interval: 95 % confidence interval of it.
        p_value: two-sided mid-p of McNemar's test.
    """

    name: str
    verdict: str
    pairs: int
    newly_wrong: int
    newly_right: int
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None


@dataclass(frozen=True)
class Night:
    """One night.

    Attributes:
        name: its folder.
        created_utc: when it began, ISO 8601 with its offset, which is +00:00.
        version: of this package.
        model: name and SHA-256 of the model.
        data: names the images: a SHA-256 over their contents, whatever their order and labels.
        options: what the predictions depend on, see `PredictOptions.record`.
        rows, scored, correct, errors: counts, as of `Metrics`.
        errors_by_reason: rows without a prediction, per reason.
        per_digit: support and right rows of each class.
        profile: what the input looked like.
        elapsed_s, images_per_s: how fast it was.
        against: the comparison; None where there was nothing to compare with.
        drift: distance from the night it is held against, by feature, 0 to 1, and its band.
        gates: what each gate said.
        changes: what is not as in the night before, a sentence each: model, version, options, data.
        minor: those of the changes that are no news: a few images are new.
        suspicions: what looks wrong without labels, a sentence each.
        status: the exit status.
        min_accuracy, patience: what was asked of it, see `GateLimits`.
        scored_later: whether its labels came when it had ended, see `read_history`.
    """

    name: str
    created_utc: str
    version: str
    model: Mapping[str, str]
    data: str
    options: Mapping[str, Any]
    rows: int
    scored: int
    correct: int
    errors: int
    errors_by_reason: Mapping[str, int]
    per_digit: tuple[tuple[int, int], ...]
    profile: InputProfile
    elapsed_s: float
    images_per_s: float | None
    against: ComparedWith | None
    drift: Mapping[str, tuple[float, float]]
    gates: tuple[GateResult, ...]
    changes: tuple[str, ...]
    suspicions: tuple[str, ...]
    status: int
    min_accuracy: float | None = None
    patience: int = 1
    scored_later: bool = False
    minor: tuple[str, ...] = ()

    @property
    def accuracy(self) -> float | None:
        """Share of the scored rows that are correct, 0 to 1; None without scored rows."""
        return self.correct / self.scored if self.scored else None

    @property
    def passed(self) -> bool:
        """Whether no gate was missed, be it one that may be missed for some nights yet."""
        return not any(gate.passed is False for gate in self.gates)

    @property
    def is_base(self) -> bool:
        """Whether later nights may be held against it: it passed, and few rows hide no loss.

        Few rows that are more often newly wrong than newly right tell nothing; as a base they would
        be what is expected.
        """
        found = self.against
        is_doubtful = (
            found is not None
            and found.verdict == Verdict.TOO_FEW
            and found.newly_wrong > found.newly_right
        )
        return self.passed and not is_doubtful

    @property
    def sure_accuracy(self) -> float:
        """Lower bound of Wilson's 95 % interval of the accuracy, 0 to 1; 0 without scored rows.

        Three rows of three are no better a night than 9,900 of 10,000.
        """
        low, _ = interval(self.correct, self.scored) or (0.0, 0.0)
        return low

    @property
    def began(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.created_utc)

    def record(self) -> dict[str, Any]:
        """Return the content of `run.json`."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def of(cls, record: object) -> "Night":
        """Return the night that a `run.json` holds; names that are not known are passed over.

        Raises:
            ValueError: the record is of no night, or of a later release that changed the format.
        """
        if not isinstance(record, dict) or not isinstance(record.get("format"), int):
            raise ValueError("is no record of a night")
        if record["format"] > FORMAT:
            raise ValueError("is of a later release")
        try:
            night = from_record(cls, record)
            night._check()
        except ValueError as error:
            raise ValueError(f"is damaged or foreign ({shortened(str(error))})") from error
        return night

    def _check(self) -> None:
        """Raise `ValueError` where values are of their types, and yet of no night."""
        if self.began.utcoffset() is None:
            raise ValueError("created_utc: has no offset")
        if (
            not 0 <= self.correct <= self.scored
            or min(self.scored, self.errors) < 0
            or self.scored + self.errors > self.rows
        ):
            raise ValueError("correct, scored, errors: are no counts of the rows")
        if self.against:
            Verdict(self.against.verdict)
        if not all(0 <= number <= 1 for drift in self.drift.values() for number in drift):
            raise ValueError("drift: is not 0 to 1")
        self._check_profile()

    def _check_profile(self) -> None:
        profile = self.profile
        count = len(self.per_digit) or len(profile.predictions)
        if len(profile.predictions) != count or sum(profile.predictions) != profile.rows:
            raise ValueError("profile: predictions: are no counts of the rows")
        counts = (profile.predictions, profile.confidence, profile.ink, profile.size)
        if not 0 <= profile.prepared <= profile.rows <= self.rows or any(
            bins and (min(bins) < 0 or sum(bins) > profile.rows) for bins in counts
        ):
            raise ValueError("profile: has no counts of the rows")
        if not 0 <= (profile.mean_confidence or 0.0) <= 1:
            raise ValueError("profile: mean_confidence: is not 0 to 1")
