"""`mnist-batch benchmark`: a table, and a command to copy."""

import json
import re
from pathlib import Path

from mnist_batch.cli.benchmark import benchmark_page
from mnist_batch.options import Device, PredictorChoice
from mnist_batch.tuning.recommendation import (
    BenchmarkResult,
    Measurement,
    NotRun,
    Stage,
    binding,
)
from tests.support.command import printed, run


def test_the_benchmark_recommends(digits_folder: Path, model: Path) -> None:
    """A table and a command on standard output, notes elsewhere."""
    arguments = ("benchmark", digits_folder, "--model", model, "--batch-sizes", "64, 32")
    ended = run(*arguments, "--seconds", 0)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"images       all of 30: {digits_folder}\n")
    assert re.search(r"\nnetwork +numpy, cpu +32 +\d+ +[\d,]+ +\d+%\n", ended.stdout)
    assert re.search(r"\n(read|decode|network) binds: [\d,]+ images/s; ", ended.stdout)
    assert ended.stdout.splitlines()[-1].startswith(f"mnist-batch predict {digits_folder} --out ")


def test_a_benchmark_without_input_draws_digits(model: Path) -> None:
    """And says so, here as JSON."""
    arguments = ("benchmark", "--model", model, "--batch-sizes", "256", "--seconds", 0)
    result = json.loads(run(*arguments, "--json").stdout)
    assert (result["generated"], result["rows_used"]) == (True, 2000)
    assert result["recommended"]["command"].startswith("mnist-batch predict INPUT --out ")


def test_a_benchmark_is_a_table_and_a_command() -> None:
    """What was not run has no number; the command stands alone on its line, to be copied."""
    keras, gpu = PredictorChoice.KERAS, Device.GPU
    measurements = [
        Measurement(Stage.READ, 16, 2048, 2_000_000, [1, 1, 1]),
        Measurement(Stage.DECODE, 16, 2048, 900_000, [1, 1, 1]),
        Measurement(Stage.NETWORK, 16, 16384, 1_000_000, [1, 1, 1], keras, gpu),
        Measurement(Stage.WHOLE, 16, 16384, 800_000, [1, 1, 1.2], keras, gpu),
    ]
    result = BenchmarkResult(
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
    )
    lines = printed(benchmark_page(result))
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
