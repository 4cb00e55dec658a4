"""A run held against a saved one: how they are compared, by what there is of the saved one."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mnist_batch
from mnist_batch.errors import InputError, OutputError
from mnist_batch.tuning import saved_runs
from mnist_batch.tuning.benchmark import NotSavedError
from mnist_batch.tuning.comparison import Comparison, Way
from mnist_batch.tuning.recommendation import BenchmarkResult

BENCHMARKS = Path(".mnist-batch", "benchmarks")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, digits_parquet: Path, model: Path) -> Path:
    """A working folder with a model, and its run saved as `before`."""
    folder = tmp_path_factory.mktemp("work")
    shutil.copyfile(model, folder / "model.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = benchmark(digits_parquet, save="before")
    assert result.saved == str(BENCHMARKS / "before.json")
    return folder


@pytest.fixture(autouse=True)
def work(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which the test works, while the model stays where it is."""
    shutil.copytree(folder / ".mnist-batch", tmp_path / ".mnist-batch")
    shutil.copyfile(folder / "model.h5", tmp_path / "model.h5")
    monkeypatch.chdir(tmp_path)
    edit(lambda run: run["setting"].update(model=str(tmp_path / "model.h5")))
    return tmp_path


def benchmark(inputs: object, model: str = "model.h5", **options: Any) -> BenchmarkResult:  # noqa: ANN401
    """Measure as fast as can be."""
    options = {"batch_sizes": [256], "seconds": 0, **options}
    return mnist_batch.benchmark(inputs, model=model, **options)  # type: ignore[arg-type] # of tests


def against(inputs: object, **options: Any) -> Comparison:  # noqa: ANN401
    """Return what the saved run says."""
    found = benchmark(inputs, against="before", **options).comparison
    assert found is not None
    return found


def edit(change: Callable[[Any], object]) -> None:
    """Change what was saved."""
    path = BENCHMARKS / "before.json"
    record = json.loads(path.read_bytes())
    change(record["compared"])
    path.write_text(json.dumps(record))


def test_what_is_saved_tells_what_it_was(work: Path) -> None:
    """15 rounds or more, beside the result; in a file for everybody whom the umask allows."""
    record = json.loads((work / BENCHMARKS / "before.json").read_bytes())
    assert record["result"]["saved"] == str(BENCHMARKS / "before.json")
    run = record["compared"]
    assert len(run["seconds"]) == len(run["calibration_s"]) >= 15
    assert run["setting"]["sha256"] == record["result"]["model"]["sha256"]
    assert run["setting"]["batch_size"] == 256


def test_another_setting_takes_turns(digits_parquet: Path) -> None:
    """As the saved model is where it was, and the code the same."""
    found = against(digits_parquet, batch_sizes=[512])
    assert found.way is Way.IN_TURNS
    assert "batch size 256 -> 512" in found.changed
    assert found.interval is not None
    assert found.interval.low <= found.interval.ratio <= found.interval.high


def test_what_chance_recommends_is_no_change(digits_parquet: Path) -> None:
    """The saved setting is compared where it could have been recommended again."""
    found = against(digits_parquet, batch_sizes=[128, 256, 512])
    assert (found.way, found.changed) == (Way.OVER_TIME, [])
    assert found.reason == "the model and the setting are the same"
    other = against(digits_parquet, model=None, batch_sizes=[128, 256, 512])
    assert (other.way, other.changed) == (Way.IN_TURNS, ["model"])


def test_another_model_takes_turns(digits_parquet: Path) -> None:
    """Its predictions are others, which is no error here."""
    found = against(digits_parquet, model=None)
    assert found.way is Way.IN_TURNS
    assert "model" in found.changed


def test_other_images_matter_only_over_time(digits_folder: Path) -> None:
    """In turns both models predict the images of now."""
    assert against(digits_folder, batch_sizes=[512]).way is Way.IN_TURNS
    edit(lambda run: run.update(code="0" * 64))
    found = against(digits_folder)
    assert (found.way, found.reason) == (Way.NOT_COMPARED, "saved with other images")


def test_other_code_is_compared_over_time(digits_parquet: Path) -> None:
    """At the saved setting, with the calibration of both times."""
    edit(lambda run: run.update(code="0" * 64))
    found = against(digits_parquet, batch_sizes=[512])
    assert (found.way, found.reason) == (Way.OVER_TIME, "the code of then is not here")
    assert found.machine is not None
    assert found.changed == ["code of mnist_batch"]


def test_a_thousand_times_as_slow_is_slower(digits_parquet: Path) -> None:
    """And the other way round, on any machine."""
    saved = json.loads((BENCHMARKS / "before.json").read_bytes())["compared"]["seconds"]
    for factor, verdict in ((1e-3, "slower"), (1e3, "faster")):
        edit(lambda run, by=factor: run.update(code="0", seconds=[by * one for one in saved]))  # type: ignore[misc] # of tests
        assert against(digits_parquet).verdict == verdict


@pytest.mark.parametrize("content", [None, b"another file", b""])
def test_a_model_that_is_gone_is_compared_over_time(
    digits_parquet: Path, work: Path, content: bytes | None
) -> None:
    """Or has another content by now: it is not loaded."""
    gone = work / "old.h5"
    edit(lambda run: run["setting"].update(model=str(gone), batch_size=128))
    if content is not None:
        gone.write_bytes(content)
    found = against(digits_parquet)
    assert found.way is Way.OVER_TIME
    assert found.reason == f"the saved model is no longer at {gone}"


def test_another_machine_is_not_compared(digits_parquet: Path) -> None:
    """Over time; models in turns are, which need nothing of then."""
    edit(lambda run: run.update(cpu="Z80"))
    assert against(digits_parquet, batch_sizes=[512]).way is Way.IN_TURNS
    edit(lambda run: run.update(code="0"))
    found = against(digits_parquet)
    assert found.way is Way.NOT_COMPARED
    assert "saved on another machine (Z80" in str(found.reason)


def test_a_saved_setting_that_cannot_run_is_compared_over_time(digits_parquet: Path) -> None:
    """Here a model of Keras as if ONNX Runtime had run it."""
    edit(lambda run: run["setting"].update(predictor="onnx"))
    found = against(digits_parquet)
    assert found.way is Way.OVER_TIME
    assert "the saved model cannot run: " in str(found.reason)


def test_names_are_seen_to_before_anything_is_measured() -> None:
    """An input that is not there is not even looked at."""
    with pytest.raises(OutputError, match="exists already"):
        benchmark("nowhere", save="before")
    with pytest.raises(InputError, match="saved here are before"):
        benchmark("nowhere", against="other")
    with pytest.raises(ValueError, match="expected a name"):
        benchmark("nowhere", save="../before")


def test_a_run_is_saved_and_held_against_another_at_once(digits_parquet: Path, work: Path) -> None:
    """The comparison is in the file."""
    result = benchmark(digits_parquet, batch_sizes=[512], save="after", against="before")
    record = json.loads((work / BENCHMARKS / "after.json").read_bytes())["result"]
    assert record["comparison"]["against"] == "before"
    assert record["comparison"]["way"] == "in turns"
    assert result.record() == {**record, "notes": result.notes}


def test_what_cannot_be_saved_is_not_lost(
    digits_parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error has what was measured; here another run took the name meanwhile."""

    def check(path: Path) -> None:
        if path.exists():
            raise OutputError(f"{path} exists already")
        path.write_text("of another run")

    monkeypatch.setattr(saved_runs, "check_new", check)
    with pytest.raises(NotSavedError, match="exists already") as error:
        benchmark(digits_parquet, save="taken")
    assert error.value.result.recommended.batch_size == 256
    assert error.value.result.saved is None
    assert (BENCHMARKS / "taken.json").read_text() == "of another run"
