"""Worker processes predict what threads predict, and any of them may die."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnist_batch.commands.predict import predict
from mnist_batch.commands.runs.summary import Summary
from mnist_batch.engines import processes
from mnist_batch.errors import LabelError, MachineError, OutputError
from mnist_batch.inputs import image_files
from mnist_batch.inputs.parquet import files as parquet_files
from mnist_batch.outputs.parts import parts
from mnist_batch.reports.records import metrics_record
from mnist_batch.synthetic import generator
from tests.support import crashing, live_processes
from tests.support.command import COMMAND


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of two shards of four, and one of six images."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 4)
    monkeypatch.setattr(image_files, "PART_SHARDS", 2)
    monkeypatch.setattr(parts, "BLOCKS", 0)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Thirty digits in class folders."""
    generator.write_folder(tmp_path / "digits", 30)
    return tmp_path / "digits"


def _table(summary: Summary) -> pa.Table:
    return pq.read_table(summary.predictions).replace_schema_metadata()


def _in_threads(digits: Path) -> Summary:
    return predict(digits, digits.parent / "threads.parquet", probabilities=True)


def _isolated(digits: Path, workers: int = 2, **options: Any) -> Summary:  # noqa: ANN401
    out = digits.parent / "isolated.parquet"
    return predict(digits, out, isolate=True, workers=workers, probabilities=True, **options)


def _samples(*summaries: Summary) -> list[Path]:
    files = (Path(file) for one in summaries for file in one.report_files)
    return [path for path in files if path.name == "samples.png"]


@pytest.mark.parametrize("workers", [1, 3])
def test_processes_predict_what_threads_do(digits: Path, workers: int) -> None:
    """Bit for bit, with the same report; more processes than parts are not started."""
    threads, isolated = _in_threads(digits), _isolated(digits, workers)
    assert _table(isolated).equals(_table(threads))
    assert metrics_record(isolated.metrics, None) == metrics_record(threads.metrics, None)
    assert isolated.unreadable == threads.unreadable
    pictures = [path.read_bytes() for path in _samples(isolated, threads)]
    assert pictures[0] == pictures[1]
    assert isolated.notes == threads.notes


def test_processes_have_threads_where_there_are_fewer_parts_than_cores(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four parts and nine cores: two threads in each process, beside its first."""
    expected = _table(_in_threads(digits))
    told = digits.parent / "threads"
    crashing.mark(sorted(digits.rglob("*.png"))[0:8:4])  # one in each shard of the first part
    waiting = f"""
import threading

def tell():
    open({str(told)!r}, "w").write(str(threading.active_count()))

both = threading.Barrier(2, tell, timeout=60)
"""
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program("both.wait()", waiting))
    assert _table(_isolated(digits, workers=9, report=False)).equals(expected)
    assert told.read_text() == "3"


def test_an_image_that_crashes_the_decoder_is_a_row_with_an_error(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all others no bit changes; and a note says that processes ended."""
    expected = _table(_in_threads(digits)).to_pylist()
    crashing.mark([sorted(digits.rglob("*.png"))[3]])
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program(crashing.SEGFAULT))
    summary = _isolated(digits, report=False)
    lost = {"prediction": None, "confidence": None, "prepared": False, "probabilities": None}
    expected[3] |= lost | {"error": "crashed the decoder"}
    assert _table(summary).to_pylist() == expected
    assert summary.metrics.errors_by_reason == {"crashed the decoder": 1}
    (note,) = [note for note in summary.notes if "worker processes" in note]
    assert note.startswith("worker processes that ended in mid-work, by SIGSEGV: ")


def test_row_groups_that_crash_their_reader_are_rows_with_an_error(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No image of theirs is accused, and none beside them is lost."""
    monkeypatch.setattr(parquet_files, "SHARD_ROWS", 1)
    path = tmp_path / "digits.parquet"
    images = [one.read_bytes() for one in sorted(digits.rglob("*.png"))[:3]]
    pq.write_table(pa.table({"image": images}), path, row_group_size=1)
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program("pass", _CRASHING_READER))
    summary = predict(path, tmp_path / "out.parquet", isolate=True, workers=1, report=False)
    lost = "unreadable file: reading it ends the process"
    assert _table(summary).column("error").to_pylist() == [None, lost, None]
    assert _table(summary).column("row").to_pylist() == [0, 1, 2]


@pytest.mark.parametrize("last", ["isolate=True, workers=1", "resume=True"])
def test_what_crashes_its_reader_is_not_read_when_all_is_predicted(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Neither for advice nor for the report, when resumed too, be it on threads."""
    monkeypatch.setattr(parquet_files, "SHARD_ROWS", 1)
    images = [one.read_bytes() for one in sorted(digits.rglob("*.png"))[:3]]
    path, out = tmp_path / "digits.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"image": images, "label": [9] * 3}), path, row_group_size=1)
    program = crashing.program("pass", _CRASHING_READER)
    here = """
import faulthandler
import importlib
import mnist_batch
module = importlib.import_module("mnist_batch.commands.predict")
from mnist_batch.engines import processes
from mnist_batch.inputs.parquet import files
files.SHARD_ROWS = 1
processes._PROGRAM = {program!r}
{reader}
def stop(*_):
    raise KeyboardInterrupt
if {last!r} != {first!r}:
    notes_of, module.notes_of = module.notes_of, stop
    try:
        mnist_batch.predict({path!r}, {out!r}, {first})
    except KeyboardInterrupt:
        module.notes_of = notes_of
summary = mnist_batch.predict({path!r}, {out!r}, {last})
assert summary.metrics.accuracy == 0
assert summary.report_files
"""
    script = here.format(
        program=program,
        reader=_CRASHING_READER,
        path=str(path),
        out=str(out),
        first="isolate=True, workers=1",
        last=last,
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lost = "unreadable file: reading it ends the process"
    assert pq.read_table(out).column("error").to_pylist() == [None, lost, None]


_CRASHING_READER = f"""
from mnist_batch.inputs.parquet.row_groups import RowGroups
def read(self, groups, batch_size, read=RowGroups.read):
    if groups.start == 1:
        {crashing.SEGFAULT}
    return read(self, groups, batch_size)
RowGroups.read = read
"""


def test_a_process_that_is_killed_in_mid_part_costs_nothing(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its part is predicted by another."""
    expected = _table(_in_threads(digits))
    crashing.mark([min(digits.rglob("*.png"))])
    once = digits.parent / "once"
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program(crashing.once(once, crashing.KILL)))
    summary = _isolated(digits, report=False)
    assert _table(summary).equals(expected)
    assert "worker processes that ended in mid-work, by SIGKILL: 1" in summary.notes


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a process is stopped, a day passes at each look at the clock; else no time does.

    So just the processes that hang meet deadlines, however slow the machine is.
    """
    now = [0.0]

    def clock() -> float:
        now[0] += 86_400 * any(map(live_processes.is_stopped, _workers_of(os.getpid())))
        return now[0]

    monkeypatch.setattr(processes, "monotonic", clock)
    monkeypatch.setattr(processes, "_LOOK_S", 0.02)


_HANGING = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for what is stopped")


@_HANGING
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("place", ["in mid-part", "as it starts"])
def test_a_process_that_hangs_costs_nothing(
    digits: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """It is ended, and another predicts its part; nor does who sends it a job wait for ever."""
    expected = _table(_in_threads(digits))
    hang = crashing.once(digits.parent / "once", crashing.HANG)
    if place == "in mid-part":
        crashing.mark([min(digits.rglob("*.png"))])
        program = crashing.program(hang)
    else:
        monkeypatch.setattr(processes, "_LONGEST_S", 1)  # a job is more than the system keeps of it
        program = crashing.program("pass", hang)
    monkeypatch.setattr(processes, "_PROGRAM", program)
    summary = _isolated(digits, workers=1, report=False)
    assert _table(summary).equals(expected)
    said = [note for note in summary.notes if note.startswith("worker processes")]
    in_work = "worker processes that ended in mid-work, by timeout: 1"
    assert said == ([in_work] if place == "in mid-part" else [])


@_HANGING
@pytest.mark.usefixtures("impatient")
def test_an_image_that_hangs_the_decoder_is_a_row_with_an_error(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all others no bit changes."""
    expected = _table(_in_threads(digits)).to_pylist()
    crashing.mark([sorted(digits.rglob("*.png"))[3]])
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program(crashing.HANG))
    summary = _isolated(digits, workers=1, report=False)
    lost = {"prediction": None, "confidence": None, "prepared": False, "probabilities": None}
    expected[3] |= lost | {"error": "crashed the decoder"}
    assert _table(summary).to_pylist() == expected
    # Three times in its part, and three times alone.
    assert "worker processes that ended in mid-work, by timeout: 6" in summary.notes


def _workers_of(process: int) -> list[int]:
    """Return the worker processes that a process has started."""
    return live_processes.children(process, b"serving.serve")


def test_processes_that_are_killed_over_an_image_alone_accuse_it_only_with_memory_to_spare(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a picture cannot have what it may take, the machine is what lacks something."""
    crashing.mark([min(digits.rglob("*.png"))])
    short = "from mnist_batch.decoding import attempts; attempts.available_memory = lambda: 2**20"
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program(crashing.KILL, short))
    with pytest.raises(MachineError, match="may take 600 MiB of memory, and 1 MiB are free"):
        _isolated(digits, report=False)
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program(crashing.KILL))
    summary = _isolated(digits, report=False, resume=True)
    assert summary.metrics.errors_by_reason == {"crashed the decoder": 1}


def test_an_image_that_is_killed_leaves_as_many_processes_as_before(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine was not to blame for what the search has found."""
    crashing.mark([min(digits.rglob("*.png"))])
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program(crashing.KILL))
    engine = processes.Processes(3)
    monkeypatch.setattr(processes, "Processes", lambda *_: engine)
    assert _isolated(digits, report=False).metrics.errors == 1
    assert engine._most == 3


def test_a_process_begins_without_pandas(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyArrow imports it where it is installed, and that takes as long as all the rest."""
    told = digits.parent / "pandas"
    tell = f"open({str(told)!r}, 'w').write(str('pandas' in sys.modules))"
    program = processes._PROGRAM.replace("serving.serve", f"{tell}\nserving.serve")
    monkeypatch.setattr(processes, "_PROGRAM", program)
    assert _isolated(digits, workers=1, report=False).metrics.rows == 30
    assert told.read_text() == "False"


def test_a_process_that_cannot_begin_leaves_its_work_to_another(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where memory is short for a second one."""
    expected = _table(_in_threads(digits))
    flag = str(digits.parent / "first")
    first = f"""
try:
    open({flag!r}, "x").close()
except FileExistsError:
    sys.exit(5)
"""
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program("pass", first))
    assert _table(_isolated(digits, report=False)).equals(expected)


def test_processes_that_cannot_begin_stop_the_run(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one line; no image is accused."""
    monkeypatch.setattr(processes, "_PROGRAM", "sys.exit(5)")
    with pytest.raises(MachineError, match=r"before they could begin \(status 5\)"):
        _isolated(digits)
    assert not (digits.parent / "isolated.parquet").exists()


def test_a_process_that_hangs_on_its_way_out_is_killed(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pipe is closed, so no deadline counts for it."""
    monkeypatch.setattr(processes, "_END_S", 0.1)
    program = "import os, time; os.close(int(sys.argv[1])); time.sleep(600)"
    monkeypatch.setattr(processes, "_PROGRAM", program)
    with pytest.raises(MachineError, match=r"before they could begin \(SIGKILL\)"):
        _isolated(digits)


def test_processes_that_begin_too_late_name_the_time(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is not to blame."""
    monkeypatch.setattr(processes, "_PROGRAM", "import time; time.sleep(600)")
    with pytest.raises(MachineError, match=r"could not begin within 0\.2 s; pass a longer"):
        _isolated(digits, part_timeout=0.2)


def test_what_a_process_raises_is_raised_here(tmp_path: Path) -> None:
    """As threads raise it."""
    table = {"image": [bytes(784)] * 3, "label": [1, 2, 11]}
    pq.write_table(pa.table(table), tmp_path / "digits.parquet")
    said = set[str]()
    for isolate in (False, True):
        with pytest.raises(LabelError) as raised:
            predict(tmp_path / "digits.parquet", tmp_path / "out.parquet", isolate=isolate)
        said.add(str(raised.value))
    assert len(said) == 1


@pytest.mark.parametrize("error", ["ZeroDivisionError()", "type('Odd', (Exception,), {})()"])
def test_an_exception_of_any_type_says_where_it_was_raised(
    digits: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    """One whose type is not known here is raised as another."""
    crashing.mark([min(digits.rglob("*.png"))])
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program(f"raise {error}"))
    with pytest.raises((ZeroDivisionError, RuntimeError)) as raised:
        _isolated(digits)
    said = "".join([str(raised.value), *getattr(raised.value, "__notes__", ())])
    assert "in crashing" in said
    assert not _workers_of(os.getpid())


def test_pictures_of_save_prepared_need_the_process_itself(digits: Path) -> None:
    """Refused at once."""
    with pytest.raises(OutputError, match="leave out one"):
        _isolated(digits, save_prepared=digits.parent / "pictures")
    assert not (digits.parent / "isolated.parquet").exists()


@pytest.fixture
def running(tmp_path: Path, digits: Path) -> Iterator["subprocess.Popen[str]"]:
    """A run that has finished a part, in a session of its own; the noise after it takes long."""
    formed = np.stack([np.asarray(Image.open(path)) for path in digits.rglob("*.png")])
    noise = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), np.uint8)
    rows = np.concatenate([np.resize(formed, (40_000, 28, 28)), noise])
    images = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(784), len(rows), [None, pa.py_buffer(rows)]
    )
    table = pa.table({"image": images})
    pq.write_table(table, tmp_path / "digits.parquet", row_group_size=8192, compression="lz4")
    command = [*COMMAND, "predict", tmp_path / "digits.parquet", "--out", tmp_path / "out.parquet"]
    process = subprocess.Popen(
        [*map(str, command), "--isolate", "--no-report", "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    staging = tmp_path / "out.parquet.staging"
    while not list(staging.glob("part-*.arrow")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere they end after their part")
def test_no_process_outlives_the_run(running: "subprocess.Popen[str]") -> None:
    """Even where that is killed, which it cannot notice."""
    workers = _workers_of(running.pid)
    assert workers
    running.kill()
    running.wait()
    while any(map(live_processes.is_running, workers)):
        time.sleep(0.01)


def test_ctrl_c_ends_a_run_once_and_quietly(
    running: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """The terminal sends it to the processes too; what is finished is kept."""
    workers = _workers_of(running.pid)
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate()
    assert running.returncode == 130
    assert said.splitlines()[0].endswith("--resume goes on from there")
    assert said.splitlines()[1:] == ["interrupted"]
    assert not any(map(live_processes.is_running, workers))
    assert not list((tmp_path / "out.parquet.staging").glob("*.tmp"))
