"""`make benchmark-gpu`: its rows, its time, and all of it on a machine that has no GPU."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import devices
from benchmarks.gpu import keras_rows, models, onnx_rows
from benchmarks.gpu.rows import (
    BANDWIDTH,
    FLOPS,
    PEAK,
    Deadline,
    Row,
    measure,
    shares,
    slowest_of,
    table,
    too_long,
)

PROJECT = Path(__file__).parents[2]
ROW = Row("Keras", "gpu", "dense", "network", 256)


def said(capsys: pytest.CaptureFixture[str]) -> list[Row]:
    """Return the rows that were printed."""
    return [Row(**json.loads(line)) for line in capsys.readouterr().out.splitlines()]


def soon(seconds: float) -> Deadline:
    """Return a deadline so many seconds from now."""
    return Deadline(time.time() + seconds)


def test_works_take_turns_after_a_warm_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Each row gets the images of a round by the median of three rounds or more."""
    calls: list[str] = []

    def work(part: str) -> None:
        calls.append(part)
        time.sleep(0.05)

    works = {part: partial(work, part) for part in "ab"}
    rows = [Row("Keras", "cpu", "cnn", part, 16) for part in "ab"]
    found = measure(rows, works, 100, soon(60))
    assert said(capsys) == found
    assert calls[:6] == ["a", "b"] * 3
    assert len(calls) >= 8
    for row in found:
        assert row.per_s is not None
        assert 0 < row.per_s <= 100 / 0.05
        assert row.reason is None


@pytest.mark.parametrize("seconds", [-1, 2])
def test_nothing_is_begun_that_would_not_end_in_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """What took 0.7 s to warm up takes 2.8 s more to measure."""
    now, calls = [0.0], list[float]()
    clock = SimpleNamespace(time=lambda: now[0], perf_counter=lambda: now[0])
    monkeypatch.setattr("benchmarks.gpu.rows.time", clock)

    def work() -> None:
        calls.append(seconds)
        now[0] += 0.7

    [row] = measure([ROW], {"network": work}, 1, Deadline(seconds))
    assert len(calls) == (seconds > 0)
    assert (row.per_s, row.reason) == (None, "no time left")
    assert said(capsys) == [row]


def of(device: str, model: str, part: str, per_s: float, size: int = 256) -> Row:
    """Return a row with a number."""
    return Row("Keras", device, model, part, size, per_s, 0.01)


def test_shares_are_of_what_the_device_can_do() -> None:
    """1 TB/s are 318,877,551 images of 3,136 bytes, 1 TFLOP/s 754,248 of 1,325,824 operations."""
    assert FLOPS["cnn"] == 194_688 + 1_115_136 + 16_000
    assert FLOPS["dense"] == 200_704 + 16_384 + 1280
    rows = [
        of("gpu", "", BANDWIDTH, 1e12),
        of("gpu", "", PEAK, 1e12),
        of("cpu", "", PEAK, 1e10),
        of("gpu", "dense", "network", 1e12 / 3136 / 2),
        of("gpu", "cnn", "network", 1e12 / 1_325_824 / 4),
        of("cpu", "cnn", "network", 1e10 / 1_325_824),
        of("cpu", "dense", "network", 1e6),
        of("gpu", "dense", "copy", 1e6),
        Row("Keras", "gpu", "cnn", "network", 1, reason="no time left"),
    ]
    found = [share for _, share in shares(rows)]
    assert found == ["", "", "", "50.00%", "25.00%", "100.00%", "", "", ""]


def test_the_table_has_a_line_a_row() -> None:
    """A reason takes the place of the number."""
    rows = [of("gpu", "", BANDWIDTH, 2e12, 0), Row("Keras", "gpu", "cnn", "all", reason="none")]
    assert table(rows).splitlines()[2:] == [
        "| Keras | gpu |  | memory bandwidth |  | 2,000.0 GB | 1% |  |",
        "| Keras | gpu | cnn | all |  | not run: none |  |  |",
    ]


def test_only_large_batches_tell_how_larger_ones_do() -> None:
    """Those of one image take what a call takes."""
    rows = [of("cpu", "cnn", "network", 10, 1), of("cpu", "cnn", "network", 1000)]
    assert slowest_of(rows) == 1e-3
    assert slowest_of(rows[:1]) == 0
    assert too_long(4) is None
    assert too_long(16) == "a round would take about 16 s"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, images and what the models give for these."""
    folder = tmp_path_factory.mktemp("gpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MNIST_DATA", raising=False)
        models.write(folder, 100)
    return folder


def parts(rows: Sequence[Row], device: str, model: str) -> set[str]:
    """Return the parts that have a number."""
    return {row.part for row in rows if (row.device, row.model) == (device, model) and row.per_s}


def _no_gpu(kind: str) -> list[str]:
    """Fail as JAX does where there is none."""
    raise RuntimeError(f"Unknown backend: '{kind}' requested, but no platforms are present")


@pytest.mark.parametrize(
    ("name", "library", "expected"),
    [
        # Keras 3.15 has no `distribution.list_devices` on PyTorch.
        ("torch", SimpleNamespace(), ["cpu", "gpu"]),
        ("jax", SimpleNamespace(list_devices=_no_gpu), ["cpu"]),
        ("jax", SimpleNamespace(list_devices=lambda kind: [f"{kind}:0"]), ["cpu", "gpu"]),
        ("tensorflow", SimpleNamespace(list_devices=lambda _: []), ["cpu"]),
    ],
)
def test_each_backend_is_asked_for_its_gpu_in_its_own_way(
    monkeypatch: pytest.MonkeyPatch, name: str, library: SimpleNamespace, expected: list[str]
) -> None:
    """There is a CPU always."""
    torch = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True))
    monkeypatch.setitem(sys.modules, "torch", torch)
    keras = SimpleNamespace(backend=SimpleNamespace(backend=lambda: name), distribution=library)
    monkeypatch.setattr(devices, "_keras", lambda: keras)
    assert devices.devices() == expected


def test_keras_measures_all_parts_on_a_gpu(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """TensorFlow runs on the CPU what asks for a GPU that is absent: here only the code counts."""
    if devices.backend() != "tensorflow":
        pytest.skip("only TensorFlow runs elsewhere what asks for a device that is absent")
    monkeypatch.setattr(keras_rows, "devices", lambda: ["cpu", "gpu"])
    for sizes in (keras_rows._FLOATS, keras_rows._SIDE):
        monkeypatch.setitem(sizes, "gpu", 64)
        monkeypatch.setitem(sizes, "cpu", 64)
    keras_rows.main(folder, soon(300), [256])
    rows = said(capsys)
    assert [row.reason for row in rows if row.reason] == []
    for model in ("dense", "cnn"):
        assert parts(rows, "gpu", model) == set(keras_rows.PARTS)
        assert parts(rows, "cpu", model) == {"network", "copy + network"}
    assert parts(rows, "gpu", "") == parts(rows, "cpu", "") == {BANDWIDTH, PEAK}


def test_what_does_not_fit_is_not_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Smaller batches keep their numbers."""
    network = devices.DeviceNetwork.network

    def greedy(self: devices.DeviceNetwork, tensor: Any) -> Any:  # noqa: ANN401 - of Keras
        if len(tensor) == 512:
            raise MemoryError("out of memory")
        return network(self, tensor)

    monkeypatch.setattr(devices.DeviceNetwork, "network", greedy)
    row = Row("Keras", "cpu", "dense", "all")
    keras_rows.sweep(folder, soon(60), [256, 512, 1024], row)
    found = [(one.batch_size, one.reason) for one in said(capsys)]
    assert found == [(256, None)] * 2 + [(512, "MemoryError: out of memory")] * 2


def test_a_wrong_network_has_no_speed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor has one of ONNX Runtime."""
    pytest.importorskip("onnxruntime")
    with np.load(folder / "images.npz") as known:
        wrong = {name: known[name] for name in known.files}
    other = folder / "other"
    other.mkdir()
    np.savez(other / "images.npz", **{**wrong, "dense": np.roll(wrong["dense"], 1, axis=1)})
    for name in ("dense.keras", "dense.onnx", "cnn.onnx"):
        (other / name).symlink_to(folder / name)
    keras_rows.sweep(other, soon(60), [256], Row("Keras", "cpu", "dense", "all"))
    onnx_rows.main(other, soon(60), [256])
    rows = said(capsys)
    assert [row.reason for row in rows if row.model == "dense" and row.device == "cpu"] == (
        ["its outputs are wrong"] * 2
    )
    assert parts(rows, "cpu", "cnn") == {"network"}


def test_all_of_it_runs_within_its_time(tmp_path: Path) -> None:
    """Each library has rows, or the reason why not; what is left out says so."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path), "--seconds", "25"]
    more = ["--rows", "100", "--batch-sizes", "256"]
    ended = subprocess.run(
        [*command, *more], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    record = json.loads((tmp_path / "benchmark-gpu.json").read_bytes())
    assert ended.stdout.startswith(f"{record['card']}, {record['cores']} cores, ")
    assert (tmp_path / "benchmark-gpu.md").read_text().strip() == ended.stdout.strip()
    assert record["seconds"] <= 25
    assert record["rows"]
    for row in record["rows"]:
        assert (row["per_s"] is None) == (row["reason"] is not None)


def test_without_models_it_says_why(tmp_path: Path) -> None:
    """With status 1, and no table."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--out", str(tmp_path), "--rows", "100"]
    ended = subprocess.run(
        command,
        cwd=PROJECT,
        env={**os.environ, "MNIST_DATA": str(tmp_path / "absent")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith("the models to measure cannot be made: it ended with status 1: ")
    assert list(tmp_path.iterdir()) == []
