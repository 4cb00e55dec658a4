"""Saved benchmarks: files of their own, never replaced, and checked when they are read."""

import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_batch.errors import InputError, OutputError
from mnist_batch.tuning import saved_runs
from mnist_batch.tuning.comparison import Comparison, Way, changes, over_time
from mnist_batch.tuning.saved_runs import MOST_ROUNDS
from tests.support.saved_runs import saved_run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of a saved run."""
    path = tmp_path / "benchmarks" / "before.json"
    saved_runs.write(path, saved_run(), {"rows": 7})
    return path


def test_a_run_is_read_as_it_was_saved(path: Path) -> None:
    """Beside the record of the result."""
    assert saved_runs.read(path) == saved_run()
    assert json.loads(path.read_bytes())["result"] == {"rows": 7}
    assert [one.name for one in path.parent.iterdir()] == ["before.json"]


def test_as_many_rounds_as_are_measured_can_be_read(tmp_path: Path) -> None:
    """With all digits that a time can have."""
    times = tuple(1 / (3000 + k) for k in range(MOST_ROUNDS))
    run = replace(saved_run(), seconds=times, calibration_s=times)
    saved_runs.write(tmp_path / "long.json", run, {})
    assert saved_runs.read(tmp_path / "long.json") == run


def test_an_earlier_run_is_never_replaced(path: Path) -> None:
    """Not even by itself, and not where a link of its name leads nowhere."""
    content = path.read_bytes()
    link = path.with_name("link.json")
    link.symlink_to("nowhere")
    for one in (path, link):
        with pytest.raises(OutputError, match=r"\.json exists already; save under another name"):
            saved_runs.check_new(one)
        with pytest.raises(OutputError, match="exists already"):
            saved_runs.write(one, saved_run(), {})
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["before", "v2.1", "2026-11-27", "a_b", "x" * 100, "con.json"])
def test_a_name_is_a_file_in_the_working_folder(name: str) -> None:
    """Of that name."""
    assert saved_runs.path_of(name) == Path(".mnist-batch/benchmarks", f"{name}.json")


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../up", "a/b", "/tmp/a", "a\\b", ".hidden", "-q", "a b", "a\n", "a\0"),
        *("x" * 101, "é", "a\u202eb", "~", "$HOME", "a\x1b[2J", "a:b", "\udc80", "٣"),
    ],
)
def test_what_may_be_a_path_is_no_name(name: str) -> None:
    """The message shows it on one line, and no more of it than fits."""
    with pytest.raises(ValueError, match="expected a name of up to 100 letters") as error:
        saved_runs.path_of(name)
    assert len(str(error.value)) < 400
    assert str(error.value).isprintable()


def test_a_name_that_is_missing_is_told_with_those_there_are(path: Path) -> None:
    """Or with how to save one; what cannot be read is not among them."""
    path.with_name("damaged.json").write_text("{")
    with pytest.raises(InputError, match=r"other.json does not exist; saved here are before$"):
        saved_runs.read(path.with_name("other.json"))
    with pytest.raises(InputError, match="save a run first, with save=NAME"):
        saved_runs.read(path.parent.parent / "no" / "other.json")


def change(record: Any, keys: list[str], value: object) -> None:  # noqa: ANN401 - JSON
    """Set a value deep within a record."""
    *above, last = keys
    for key in above:
        record = record[key]
    record[last] = value


@pytest.mark.parametrize(
    ("keys", "value", "why"),
    [
        ("format", 2, "is of format '2', not 1"),
        ("compared", [], "has list for an object"),
        ("compared seconds", [1.0] * 14, "lacks the seconds of 15 to 10,000 rounds"),
        ("compared seconds", [1.0] * 10_001, "lacks the seconds of 15 to 10,000 rounds"),
        ("compared seconds", [1.0] * 14 + [0.0], "a round of a time that none takes"),
        ("compared seconds", [1.0] * 14 + [-1.0], "a round of a time that none takes"),
        ("compared seconds", [1.0] * 14 + [1e300], "a round of a time that none takes"),
        ("compared seconds", [1.0] * 14 + [float("nan")], "a round of a time that none takes"),
        ("compared seconds", [1.0] * 14 + [True], "a round of a time that none takes"),
        ("compared seconds", [1.0] * 15, "has 15 rounds and 16 calibrations"),
        ("compared cores", True, "'True' for a number from 1"),
        ("compared cores", 0, "'0' for a number from 1"),
        ("compared cpu", "x" * 201, "for a text of up to 200 characters"),
        ("compared versions", {"numpy": 2}, "'2' for a text"),
        ("compared seconds", 1.0, "lacks the seconds of 15 to 10,000 rounds"),
        ("compared setting scale", "x" * 10_000, "x; save the run again"),
        ("compared setting device", "tpu", "'tpu' is not a valid Device"),
        ("compared setting batch_size", 10**9, "for a number from 1 to 1000000"),
        ("compared setting", {}, "lacks 'model'"),
    ],
)
def test_a_changed_file_is_refused(path: Path, keys: str, value: object, why: str) -> None:
    """On one line that says what is wrong."""
    record = json.loads(path.read_bytes())
    change(record, keys.split(), value)
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=re.escape(why)) as error:
        saved_runs.read(path)
    assert str(error.value).startswith(f"{path}: no saved benchmark of this version: ")
    assert str(error.value).endswith("save the run again under another name")
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"null", b" " * 2**21])
def test_what_is_no_record_is_refused(path: Path, content: bytes) -> None:
    """However deep or large it is."""
    path.write_bytes(content)
    with pytest.raises(InputError, match="no saved benchmark of this version"):
        saved_runs.read(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe would never end."""
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(InputError, match="is no file"):
            saved_runs.read(tmp_path / f"{name}.json")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc")
def test_a_file_without_a_size_is_refused(tmp_path: Path) -> None:
    """It may have no end."""
    (tmp_path / "proc.json").symlink_to("/proc/self/status")
    with pytest.raises(InputError, match="has 0 bytes"):
        saved_runs.read(tmp_path / "proc.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
PLACES = [
    [*(["compared", "setting"] if name in saved_run().setting.__dict__ else ["compared"]), name]
    for name in [*saved_run().__dict__, *saved_run().setting.__dict__]
]


@given(st.sampled_from(PLACES), JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_place_is_read_or_refused(
    path: Path, keys: list[str], value: object
) -> None:
    """Never an error of another kind."""
    record = json.loads(json.dumps({"format": 1, "compared": _as_dict()}))
    change(record, keys, value)
    path.write_text(json.dumps(record))
    try:
        run = saved_runs.read(path)
    except InputError:
        return
    assert len(run.seconds) == len(run.calibration_s) >= 15
    json.dumps(Comparison("a", run.saved_utc, Way.OVER_TIME, changes(run, saved_run())).record())


ROUNDS = st.lists(st.floats(1e-9, 1e6), min_size=15, max_size=15)


@given(ROUNDS, ROUNDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_times_that_are_read_can_be_compared(
    path: Path, seconds: list[float], calibration_s: list[float]
) -> None:
    """However wild: the interval is of numbers."""
    record = json.loads(json.dumps({"format": 1, "compared": _as_dict()}))
    record["compared"].update(seconds=seconds, calibration_s=calibration_s)
    path.write_text(json.dumps(record))
    for pair in ((saved_runs.read(path), saved_run()), (saved_run(), saved_runs.read(path))):
        interval, machine = over_time(*pair)
        assert 0 <= interval.low <= interval.ratio <= interval.high < math.inf
        assert 0 < machine < math.inf


def test_a_run_that_cannot_be_written_is_told_first(tmp_path: Path) -> None:
    """Where a file is in the place of a folder above, before anything is measured."""
    (tmp_path / ".mnist-batch").write_bytes(b"")
    with pytest.raises(OutputError, match="is not a folder; name another place"):
        saved_runs.check_new(tmp_path / ".mnist-batch" / "benchmarks" / "a.json")


def _as_dict() -> dict[str, Any]:
    return {**vars(saved_run()), "setting": vars(saved_run().setting)}
