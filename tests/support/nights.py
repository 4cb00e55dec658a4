"""Nights as `mnist-batch nightly` records them, for what reads them."""

import json
from dataclasses import replace
from pathlib import Path

from mnist_batch.evaluation.input_profile import InputProfile
from mnist_batch.nights.night import ComparedWith, GateResult, Night
from mnist_batch.nights.night_folder import RECORD

PROFILE = InputProfile(
    rows=1000,
    predictions=(100,) * 10,
    prepared=3,
    confidence=(0,) * 19 + (1000,),
    ink=None,
    size=None,
    mean_confidence=0.98,
)

NIGHT = Night(
    name="2024-11-01",
    created_utc="2024-11-01T02:00:00.000+00:00",
    version="0.5.0",
    model={"name": "MNIST.h5", "sha256": "a" * 64},
    data="d" * 64,
    options={"inputs": ["digits"], "prepare": "auto"},
    rows=1000,
    scored=998,
    correct=970,
    errors=2,
    errors_by_reason={"truncated": 2},
    per_digit=((100, 97),) * 10,
    profile=PROFILE,
    elapsed_s=0.5,
    images_per_s=2000.0,
    against=ComparedWith(
        name="2024-10-31",
        verdict="no difference beyond chance",
        pairs=1000,
        newly_wrong=3,
        newly_right=4,
        difference=0.001,
        interval=(-0.005, 0.007),
        p_value=0.7,
    ),
    drift={"predictions": (0.01, 0.05)},
    gates=(GateResult("errors", passed=True, message="2 of 1,000 rows, of at most 10"),),
    changes=(),
    suspicions=(),
    status=0,
)
"""A night with labels, an error and a comparison, that passed."""

DOUBTFUL = ComparedWith(
    name="2024-10-31",
    verdict="too few rows to tell",
    pairs=90,
    newly_wrong=6,
    newly_right=0,
    difference=-6 / 90,
    interval=(-0.138, -0.018),
    p_value=0.016,
)
"""A comparison of a few rows, of which more are newly wrong than newly right."""


def night(day: int, **changes: object) -> Night:
    """Return `NIGHT` on a day of November 2024, with other values of some fields."""
    created = f"2024-11-{day:02}T02:00:00.000+00:00"
    # mypy knows no types of fields that are named by a dictionary.
    return replace(NIGHT, **{"name": created[:10], "created_utc": created, **changes})  # type: ignore[arg-type]


def write_night(runs: Path, made: Night, folder: str | None = None) -> Path:
    """Write the folder of a night, with nothing but its record; return it."""
    path = runs / (folder or made.name)
    path.mkdir(parents=True)
    (path / RECORD).write_text(json.dumps(made.record()))
    return path
