"""What `mnist-batch benchmark` prints: a table, a command, and what a saved run says."""

import pytest

from mnist_batch.cli.printing.benchmark import benchmark_page
from mnist_batch.options import Device, PredictorChoice
from mnist_batch.tuning.comparison import Comparison, Way
from mnist_batch.tuning.ratios import RatioInterval
from mnist_batch.tuning.recommendation import (
    BenchmarkResult,
    Measurement,
    NotRun,
    Stage,
    binding,
)
from tests.support.command import printed


def result(comparison: Comparison | None = None, saved: str | None = None) -> BenchmarkResult:
    """Return a result, made up."""
    keras, gpu = PredictorChoice.KERAS, Device.GPU
    measurements = [
        Measurement(Stage.READ, 16, 2048, 2_000_000, [1, 1, 1]),
        Measurement(Stage.DECODE, 16, 2048, 900_000, [1, 1, 1]),
        Measurement(Stage.NETWORK, 16, 16384, 1_000_000, [1, 1, 1], keras, gpu),
        Measurement(Stage.WHOLE, 16, 16384, 800_000, [1, 1, 1.2], keras, gpu),
    ]
    return BenchmarkResult(
        machine={"cores": 16, "cpu": None},
        model={"name": "cnn.keras"},
        inputs=["digits\x1b"],
        rows=60_000,
        rows_used=20_000,
        labelled=19_000,
        accuracy=0.9876,
        measurements=measurements,
        not_run=[NotRun("network on cpu in batches of 16384", "a batch would take about 9 s")],
        recommended=measurements[-1],
        binding=binding(measurements),
        command="mnist-batch predict digits --out p.parquet",
        notes=[],
        saved=saved,
        comparison=comparison,
    )


def test_a_benchmark_is_a_table_and_a_command() -> None:
    """What was not run has no number; the command stands alone on its line, to be copied."""
    lines = printed(benchmark_page(result()))
    assert lines == [
        "images       the first 20,000 of 60,000: digits?",
        "model        cnn.keras",
        "machine      unknown processor, cores: 16",
        "accuracy     0.9876 of 19,000 with a label",
        "",
        "part      runs on       batch   workers    images/s   spread",
        "read      cpu           2,048        16   2,000,000       0%",
        "decode    cpu           2,048        16     900,000       0%",
        "network   keras, gpu   16,384        16   1,000,000       0%",
        "whole     keras, gpu   16,384        16     800,000      10%",
        "not run: network on cpu in batches of 16384: a batch would take about 9 s",
        "",
        "decode binds: 900,000 images/s; read 2,000,000, network 1,000,000",
        "pack the images once: mnist-batch pack INPUT --out packed.parquet",
        "",
        "recommended, for 800,000 images/s once it has started:",
        "mnist-batch predict digits --out p.parquet",
    ]


def of(way: Way, interval: RatioInterval | None, **more: object) -> Comparison:
    """Return a comparison."""
    saved = "2026-11-27T19:50:00+00:00"
    return Comparison("before", saved, way, ["model"], interval, **more)  # type: ignore[arg-type] # of tests


TIMES = "times as fast as then"
COMPARISONS = {
    "turns": (
        of(Way.IN_TURNS, RatioInterval(0.8, 0.78, 0.83)),
        [
            f"verdict      slower: 0.80 {TIMES} (95 % interval 0.78 to 0.83)",
            "compared     the saved model and this one now, in turns",
        ],
    ),
    "time": (
        of(Way.OVER_TIME, RatioInterval(1, 0.97, 1.02), machine=0.95, reason="other\x1b code"),
        [
            f"verdict      cannot tell: 1.00 {TIMES} (95 % interval 0.97 to",
            "             1.02); the same within 4 %",
            "compared     with the rounds of then: other? code",
            f"machine      0.95 {TIMES}, by the calibration",
        ],
    ),
    "none": (
        of(Way.NOT_COMPARED, None, reason="saved with other images"),
        ["verdict      cannot tell", "compared     not at all: saved with other images"],
    ),
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_saved_run_says_how_it_was_compared(name: str) -> None:
    """After the command, in lines that fit the terminal."""
    comparison, expected = COMPARISONS[name]
    lines = printed(benchmark_page(result(comparison, saved="x.json")))
    start = lines.index("mnist-batch predict digits --out p.parquet") + 1
    assert lines[start:] == [
        "",
        "against      before, saved 2026-11-27 19:50 UTC",
        *expected,
        "changed      model",
        "",
        "saved as x.json",
    ]


def test_a_wide_terminal_has_the_verdict_on_one_line() -> None:
    """Of 120 columns."""
    comparison, _ = COMPARISONS["time"]
    verdict = f"cannot tell: 1.00 {TIMES} (95 % interval 0.97 to 1.02); the same within 4 %"
    assert f"verdict      {verdict}" in printed(benchmark_page(result(comparison)), width=120)
