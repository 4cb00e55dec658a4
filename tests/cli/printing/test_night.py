"""What is printed of a night."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import mnist_batch
from mnist_batch.cli.printing.night import night_page
from mnist_batch.nights.night import GateResult
from tests.support.command import printed
from tests.support.nights import NIGHT


def _page(folder: Path, **fields: object) -> list[str]:
    night = replace(NIGHT, **fields)  # type: ignore[arg-type]
    pages = {"summary": f"{folder}/summary.md"}
    result = SimpleNamespace(night=night, folder=folder, pages=pages)
    return printed(night_page(cast(mnist_batch.NightlyResult, result)))


def test_a_night_is_printed_from_its_verdict_to_its_files(tmp_path: Path) -> None:
    """In 80 columns, with what wraps indented."""
    gates = (
        GateResult("errors", passed=True, message="none"),
        GateResult("digit 4", passed=False, message="worse", missed_nights=1, fails=True),
        GateResult("digit 5", passed=True, message="better"),
        GateResult("drift", passed=False, message="odd", missed_nights=1),
    )
    change = f"the model is {'b' * 60}, in 2024-10-31 it was {'a' * 20}"
    assert _page(tmp_path, gates=gates, changes=(change,)) == [
        "Regressed: accuracy 97.19 % (95.97 to 98.05 %) of 998 rows, +0.10 points against",
        "  2024-10-31",
        "1,000 images compared with 2024-10-31: 3 newly wrong, 4 newly right; 95 %",
        "  interval -0.50 to +0.70 points, p = 0.7000",
        "",
        "What changed",
        f"the model is {'b' * 60}, in",
        f"  2024-10-31 it was {'a' * 20}",
        "",
        "Gates",
        "errors    passed   none",
        "digit 4   failed   worse",
        "digit 5   passed   none is worse beyond chance",
        "drift     missed   odd",
        "",
        "Rows without a prediction",
        "2  truncated",
        "",
        f"summary      {tmp_path}/summary.md",
    ]


def test_a_first_night_has_no_line_on_a_comparison(tmp_path: Path) -> None:
    """Nothing stands in its place."""
    lines = _page(tmp_path, against=None, errors_by_reason={})
    assert lines[:3] == [
        "Nothing to compare with: accuracy 97.19 % (95.97 to 98.05 %) of 998 rows",
        "",
        "Gates",
    ]
