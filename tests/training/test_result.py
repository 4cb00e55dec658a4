"""What a training has made is told on a line, and as JSON takes it."""

import json
from pathlib import Path

from mnist_batch.training.result import TrainingResult

RESULT = TrainingResult(
    out=Path("m.h5"),
    sha256="ab",
    rows=60_000,
    test_rows=0,
    unreadable={"truncated": 2},
    data_sha256="cd",
    history={"loss": [0.5]},
    epoch=1,
    recipe={"epochs": 1},
    metrics=None,
    report_files=[],
    elapsed_s=1.23456,
)


def test_a_result_is_shown_on_one_line() -> None:
    """With the file, the rows, and how it was tested."""
    assert repr(RESULT) == "<TrainingResult of m.h5: 60,000 rows, not tested>"
    assert RESULT.accuracy is None


def test_the_record_is_json_without_the_history() -> None:
    """Seconds to the millisecond."""
    record = json.loads(json.dumps(RESULT.record()))
    assert record == {
        "model_file": "m.h5",
        "sha256": "ab",
        "rows": 60_000,
        "test_rows": 0,
        "unreadable": {"truncated": 2},
        "data_sha256": "cd",
        "epoch": 1,
        "training": {"epochs": 1},
        "elapsed_s": 1.235,
        "test": None,
        "report_files": [],
        "report_missing": [],
        "notes": [],
    }
