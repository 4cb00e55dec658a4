"""A second process draws all pictures, wherever the first one runs."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.errors import MachineError
from mnist_batch.evaluation.metrics import Metrics, PredictionCounts
from mnist_batch.reports import drawing_process, figures
from mnist_batch.schema import PREDICTIONS
from tests.support.open_files import MANY_OPEN_FILES


@pytest.fixture
def metrics() -> Metrics:
    """Twenty rows, each digit once right and once read as 0."""
    digits = np.tile(np.arange(10), 2).astype(np.int8)
    predictions = np.where(np.arange(20) < 10, digits, 0)
    columns = [["a.png"] * 20, range(20), digits, predictions, np.ones(20), [False] * 20]
    counts = PredictionCounts()
    counts.add(pa.record_batch([*columns, [None] * 20], schema=PREDICTIONS))
    return counts.metrics()


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """The second process, of this test alone."""
    with drawing_process._lock:
        second = drawing_process._running()
    yield second.process
    if drawing_process._second:
        drawing_process._stop(drawing_process._second)


@pytest.mark.usefixtures("process")
def test_the_second_process_draws_the_same_bytes(metrics: Metrics, tmp_path: Path) -> None:
    """A figure does not depend on which process draws it."""
    drawing_process.draw(figures.per_class_figure, metrics, tmp_path / "there.png")
    figures.save(figures.per_class_figure(metrics), tmp_path / "here.png")
    assert (tmp_path / "there.png").read_bytes() == (tmp_path / "here.png").read_bytes()


def test_where_it_was_killed_another_draws(
    metrics: Metrics, tmp_path: Path, process: "subprocess.Popen[bytes]"
) -> None:
    """No report is lost with it, as where memory was short for a while."""
    process.kill()
    process.wait()
    drawing_process.draw(figures.per_class_figure, metrics, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def kill_itself(_: object) -> None:
    """Stand for a figure that crashes what draws it."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.usefixtures("process")
def test_where_it_ends_each_time_the_figure_is_what_cannot_be_drawn(
    metrics: Metrics, tmp_path: Path
) -> None:
    """The first process lives, and the next figure is drawn."""
    with pytest.raises(MachineError, match=r"^a\.png: the process that draws .* ended, twice"):
        drawing_process.draw(kill_itself, metrics, tmp_path / "a.png")  # type: ignore[arg-type]
    drawing_process.draw(figures.per_class_figure, metrics, tmp_path / "b.png")
    assert (tmp_path / "b.png").stat().st_size


@pytest.mark.usefixtures("process")
def test_a_figure_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    """On one line."""
    with pytest.raises(MachineError, match=r"^a\.png: it could not be drawn: AttributeError: "):
        drawing_process.draw(figures.per_class_figure, "no metrics", tmp_path / "a.png")


def test_a_fork_has_a_process_of_its_own(
    metrics: Metrics, tmp_path: Path, process: "subprocess.Popen[bytes]"
) -> None:
    """Two that write into one pipe would mix their requests."""
    fork = os.fork()
    if not fork:
        status = 1
        try:
            drawing_process.draw(figures.per_class_figure, metrics, tmp_path / "a.png")
            second = drawing_process._second
            assert second
            assert second.process.pid != process.pid
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(fork, 0)[1] == 0
    assert (tmp_path / "a.png").stat().st_size


@pytest.mark.usefixtures("process")
def test_any_number_of_files_may_be_open(metrics: Metrics, tmp_path: Path) -> None:
    """The pipe of the replies then has a number over 1,023."""
    program = MANY_OPEN_FILES + (
        "import pickle, sys; from pathlib import Path; from mnist_batch.reports import "
        "drawing_process, figures\n"
        "metrics = pickle.load(sys.stdin.buffer)\n"
        "drawing_process.draw(figures.per_class_figure, metrics, Path(sys.argv[1]))"
    )
    path = tmp_path / "a.png"
    given = pickle.dumps(metrics)
    subprocess.run([sys.executable, "-c", program, path], input=given, check=True)
    assert path.stat().st_size


def test_its_failure_comes_up_here(metrics: Metrics, tmp_path: Path) -> None:
    """A disk that refuses is an `OSError` of the caller; the next figure is drawn again."""
    with pytest.raises(FileNotFoundError):
        drawing_process.draw(figures.per_class_figure, metrics, tmp_path / "none" / "a.png")
    drawing_process.draw(figures.per_class_figure, metrics, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size


def test_after_an_interrupt_no_late_reply_counts(
    metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes on, as in a notebook, gets the next figure whole, and nothing of the first."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    first, second = tmp_path / "first.png", tmp_path / "second.png"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("select.poll", interrupt)
        drawing_process.draw(figures.per_class_figure, metrics, first)
    first.unlink(missing_ok=True)
    drawing_process.draw(figures.per_class_figure, metrics, second)
    assert second.read_bytes().endswith(b"IEND\xaeB`\x82")
    assert not first.exists()


def test_it_ends_with_the_first(tmp_path: Path) -> None:
    """Nothing stays behind, and an end before the figures does not wait for matplotlib."""
    program = (
        "from mnist_batch.reports import drawing_process\n"
        "drawing_process.start_process(); print(drawing_process._second.process.pid)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    with pytest.raises(ProcessLookupError):
        os.kill(int(result.stdout), 0)


def test_it_ends_when_the_first_is_killed(tmp_path: Path) -> None:
    """Its standard input ends then, whatever became of the first process."""
    program = (
        "import os, signal; from mnist_batch.reports import drawing_process\n"
        "drawing_process.start_process(); print(drawing_process._second.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.returncode == -signal.SIGKILL
    assert _ends(int(result.stdout), within_s=30)


def _ends(pid: int, within_s: float) -> bool:
    """Tell whether a process ends in time; one that nobody waited for has ended too."""
    status = Path("/proc", str(pid), "stat")
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            if status.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_an_interrupt_is_for_the_first_process(
    metrics: Metrics, tmp_path: Path, process: "subprocess.Popen[bytes]"
) -> None:
    """Ctrl-C reaches both; the second draws on until the first ends."""
    drawing_process.draw(figures.per_class_figure, metrics, tmp_path / "a.png")
    process.send_signal(signal.SIGINT)
    drawing_process.draw(figures.per_class_figure, metrics, tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()
    assert process.poll() is None


def test_on_one_core_no_process_is_started_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would only take time from the first."""
    monkeypatch.setattr(drawing_process, "available_workers", lambda: 1)
    drawing_process.start_process()
    assert drawing_process._second is None


def test_where_no_process_can_be_started_the_figure_says_so(
    metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where Python was removed meanwhile; starting one ahead is silent."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    drawing_process.start_process()
    assert drawing_process._second is None
    with pytest.raises(
        MachineError, match=r"^the process that draws figures: it cannot be started"
    ):
        drawing_process.draw(figures.per_class_figure, metrics, tmp_path / "a.png")


def test_the_first_process_never_imports_matplotlib(tmp_path: Path, digits_folder: Path) -> None:
    """The process of the command or of a program that calls the library does without."""
    program = (
        "import sys; from mnist_batch.cli import app\n"
        "try: app()\nfinally: print('matplotlib.figure' in sys.modules)"
    )
    command = ["predict", str(digits_folder), "--out", str(tmp_path / "a.csv")]
    result = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "False"
    assert (tmp_path / "a.report" / "samples.png").stat().st_size


def test_where_the_first_process_runs_does_not_matter(metrics: Metrics, tmp_path: Path) -> None:
    """Settings of matplotlib's in the working folder, the home and variables; modules of a name."""
    trap, home = tmp_path / "trap", tmp_path / "home"
    home.mkdir()
    trap.mkdir()
    for folder in (trap, home, home / ".config" / "matplotlib"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "matplotlibrc").write_text("axes.facecolor: red\nfont.size: 30\n")
    for module in ("sitecustomize", "usercustomize", "matplotlib", "numpy", "typing", "json"):
        (trap / f"{module}.py").write_text("open('imported', 'w')\nraise SystemExit(7)\n")
    program = (
        "import pickle, sys; from pathlib import Path; from mnist_batch.reports import "
        "drawing_process, figures\n"
        "import os; os.chdir(sys.argv[1])\n"
        "os.environ |= {'PYTHONPATH': sys.argv[1], 'HOME': sys.argv[2], 'MATPLOTLIBRC': "
        "sys.argv[2], 'MPLCONFIGDIR': sys.argv[2], 'MPLBACKEND': 'module://none', "
        "'XDG_CONFIG_HOME': sys.argv[2], 'TMPDIR': sys.argv[2]}\n"
        "metrics = pickle.load(sys.stdin.buffer)\n"
        "drawing_process.draw(figures.per_class_figure, metrics, Path('a.png'))\n"
        "print('matplotlib' in sys.modules)"
    )
    before = {path for folder in (trap, home) for path in folder.rglob("*")}
    result = subprocess.run(
        [sys.executable, "-c", program, trap, home],
        input=pickle.dumps(metrics),
        capture_output=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == (b"False\n", b"")
    figures.save(figures.per_class_figure(metrics), tmp_path / "here.png")
    assert (trap / "a.png").read_bytes() == (tmp_path / "here.png").read_bytes()
    after = {path for folder in (trap, home) for path in folder.rglob("*")}
    assert after - before == {trap / "a.png"}  # and no cache of fonts
