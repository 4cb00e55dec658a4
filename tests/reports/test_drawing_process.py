"""A second process draws all pictures, wherever the first one runs."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.errors import MachineError
from mnist_batch.evaluation.metrics import Metrics, PredictionCounts
from mnist_batch.reports import drawing_process, figures
from mnist_batch.reports.contact_sheet import Tile, samples_figure
from mnist_batch.reports.drawing_process import Drawings
from mnist_batch.schema import PREDICTIONS
from tests.support.live_processes import is_running
from tests.support.open_files import MANY_OPEN_FILES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
        drawer = drawing_process._running()
    yield drawer.process
    if drawing_process._drawer:
        drawing_process._stop(drawing_process._drawer)


def draw(make: "Callable[[Any], Figure]", content: object, path: Path) -> None:
    """Draw one figure."""
    with Drawings() as drawings:
        drawings.request(make, [content], path)
        drawings.wait(path)


@pytest.mark.usefixtures("process")
def test_the_second_process_draws_the_same_bytes(metrics: Metrics, tmp_path: Path) -> None:
    """A figure does not depend on which process draws it."""
    draw(figures.per_class_figure, metrics, tmp_path / "there.png")
    figures.save(figures.per_class_figure(metrics), tmp_path / "here.png")
    assert (tmp_path / "there.png").read_bytes() == (tmp_path / "here.png").read_bytes()


def test_where_it_was_killed_another_draws(
    metrics: Metrics, tmp_path: Path, process: "subprocess.Popen[bytes]"
) -> None:
    """No report is lost with it, as where memory was short for a while."""
    process.kill()
    process.wait()
    draw(figures.per_class_figure, metrics, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def kill_itself(_: object) -> "Figure":
    """Stand for a figure that crashes what draws it."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def take_long(time_s: float) -> "Figure":
    """Stand for a figure that is not drawn before somebody gives it up."""
    time.sleep(time_s)
    raise AssertionError


@pytest.mark.usefixtures("process")
def test_where_it_ends_each_time_the_figure_is_what_cannot_be_drawn(
    metrics: Metrics, tmp_path: Path
) -> None:
    """The first process lives, and the next figure is drawn."""
    with pytest.raises(MachineError, match=r"^a\.png: the process that draws .* ended, twice"):
        draw(kill_itself, metrics, tmp_path / "a.png")
    draw(figures.per_class_figure, metrics, tmp_path / "b.png")
    assert (tmp_path / "b.png").stat().st_size


@pytest.mark.usefixtures("process")
def test_a_figure_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    """On one line."""
    with pytest.raises(MachineError, match=r"^a\.png: it could not be drawn: AttributeError: "):
        draw(figures.per_class_figure, "no metrics", tmp_path / "a.png")


def test_a_fork_has_a_process_of_its_own(
    metrics: Metrics, tmp_path: Path, process: "subprocess.Popen[bytes]"
) -> None:
    """Two that write into one pipe would mix their requests."""
    fork = os.fork()
    if not fork:
        status = 1
        try:
            draw(figures.per_class_figure, metrics, tmp_path / "a.png")
            drawer = drawing_process._drawer
            assert drawer
            assert drawer.process.pid != process.pid
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
        "metrics, path = pickle.load(sys.stdin.buffer), Path(sys.argv[1])\n"
        "with drawing_process.Drawings() as drawings:\n"
        "    drawings.request(figures.per_class_figure, [metrics], path)\n"
        "    drawings.wait(path)"
    )
    path = tmp_path / "a.png"
    given = pickle.dumps(metrics)
    subprocess.run([sys.executable, "-c", program, path], input=given, check=True)
    assert path.stat().st_size


def test_its_failure_comes_up_here(metrics: Metrics, tmp_path: Path) -> None:
    """A disk that refuses is an `OSError` of the caller; the next figure is drawn again."""
    with pytest.raises(FileNotFoundError):
        draw(figures.per_class_figure, metrics, tmp_path / "none" / "a.png")
    draw(figures.per_class_figure, metrics, tmp_path / "a.png")
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
        draw(figures.per_class_figure, metrics, first)
    first.unlink(missing_ok=True)
    draw(figures.per_class_figure, metrics, second)
    assert second.read_bytes().endswith(b"IEND\xaeB`\x82")
    assert not first.exists()


def test_it_ends_with_the_first(tmp_path: Path) -> None:
    """Nothing stays behind, and an end before the figures does not wait for matplotlib."""
    program = (
        "from mnist_batch.reports import drawing_process\n"
        "drawing_process.start_process(); print(drawing_process._drawer.process.pid)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    with pytest.raises(ProcessLookupError):
        os.kill(int(result.stdout), 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells that it has ended")
def test_it_ends_when_the_first_is_killed(tmp_path: Path) -> None:
    """Its standard input ends then, whatever became of the first process."""
    program = (
        "import os, signal; from mnist_batch.reports import drawing_process\n"
        "drawing_process.start_process(); print(drawing_process._drawer.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert result.returncode == -signal.SIGKILL
    while is_running(int(result.stdout)):
        time.sleep(0.05)


@pytest.mark.usefixtures("process")
def test_figures_are_drawn_while_nobody_waits(metrics: Metrics, tmp_path: Path) -> None:
    """All of them, one after the other; they can be waited for in any order."""
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    with Drawings() as drawings:
        for path in paths:
            drawings.request(figures.per_class_figure, [metrics], path)
        drawings.wait(paths[2])
        assert len({path.read_bytes() for path in paths}) == 1
        drawings.wait(paths[0])
        drawings.wait(paths[1])


@pytest.mark.usefixtures("process")
def test_one_that_kills_the_process_costs_no_other(metrics: Metrics, tmp_path: Path) -> None:
    """Those before it and after it are drawn, by whichever process."""
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    with Drawings() as drawings:
        drawings.request(figures.per_class_figure, [metrics], paths[0])
        drawings.request(kill_itself, [metrics], paths[1])
        drawings.request(figures.per_class_figure, [metrics], paths[2])
        drawings.wait(paths[2])
        drawings.wait(paths[0])
        with pytest.raises(MachineError, match=r"^1\.png: .* ended, twice"):
            drawings.wait(paths[1])
    assert paths[2].read_bytes() == paths[0].read_bytes()


@pytest.mark.usefixtures("process")
def test_reports_of_several_threads_do_not_mix(metrics: Metrics, tmp_path: Path) -> None:
    """Each gets its own reply, whoever reads it."""

    def report(number: int) -> list[str]:
        good, bad = tmp_path / f"{number}.png", tmp_path / f"none{number}" / "a.png"
        with Drawings() as drawings:
            drawings.request(figures.per_class_figure, [metrics], good)
            drawings.request(figures.per_class_figure, [metrics], bad)
            drawings.wait(good)
            with pytest.raises(FileNotFoundError) as caught:
                drawings.wait(bad)
        return [caught.value.filename, str(good.stat().st_size)]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(report, range(8)))
    assert [name for name, _ in found] == [str(tmp_path / f"none{n}" / "a.png") for n in range(8)]
    assert len({size for _, size in found}) == 1


def test_what_is_given_up_is_not_drawn(
    metrics: Metrics, tmp_path: Path, process: "subprocess.Popen[bytes]"
) -> None:
    """A temporary file that was removed must not come back, and the figures after it are right."""
    with Drawings() as drawings:
        drawings.request(take_long, [600], tmp_path / "long.png")
        drawings.request(figures.per_class_figure, [metrics], tmp_path / "next.png")
    assert process.poll() is not None
    draw(figures.per_class_figure, metrics, tmp_path / "after.png")
    assert {path.name for path in tmp_path.iterdir()} == {"after.png"}


def test_one_that_was_stopped_is_replaced(
    metrics: Metrics,
    tmp_path: Path,
    process: "subprocess.Popen[bytes]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-Z may have stopped it; a request that does not fit into its pipe waits no longer."""
    draw(figures.per_class_figure, metrics, tmp_path / "first.png")
    process.send_signal(signal.SIGSTOP)
    monkeypatch.setattr(drawing_process, "_PATIENCE_S", 0.1)
    with Drawings() as drawings:
        for content, name in (("x" * 2**20, "large.png"), (metrics, "a.png")):
            drawings.request(figures.per_class_figure, [content], tmp_path / name)
        monkeypatch.setattr(drawing_process, "_PATIENCE_S", 60)
        drawings.wait(tmp_path / "a.png")
        with pytest.raises(MachineError, match="could not be drawn: AttributeError"):
            drawings.wait(tmp_path / "large.png")
    assert process.poll() == -signal.SIGKILL
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "first.png").read_bytes()


def test_an_interrupt_is_for_the_first_process(
    metrics: Metrics, tmp_path: Path, process: "subprocess.Popen[bytes]"
) -> None:
    """Ctrl-C reaches both; the second draws on until the first ends."""
    draw(figures.per_class_figure, metrics, tmp_path / "a.png")
    process.send_signal(signal.SIGINT)
    draw(figures.per_class_figure, metrics, tmp_path / "b.png")
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()
    assert process.poll() is None


def test_on_one_core_no_process_is_started_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would only take time from the first."""
    monkeypatch.setattr(drawing_process, "available_workers", lambda: 1)
    drawing_process.start_process()
    assert drawing_process._drawer is None


def test_where_no_process_can_be_started_the_figure_says_so(
    metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where Python was removed meanwhile; starting one ahead is silent."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no python"))
    drawing_process.start_process()
    assert drawing_process._drawer is None
    with pytest.raises(
        MachineError, match=r"^the process that draws figures: it cannot be started"
    ):
        draw(figures.per_class_figure, metrics, tmp_path / "a.png")


def test_the_first_process_never_imports_matplotlib(tmp_path: Path, digits_folder: Path) -> None:
    """The process of the command or of a program that calls the library does without."""
    program = (
        "import sys; from mnist_batch.cli import main\n"
        "try: main()\nfinally: print('matplotlib.figure' in sys.modules)"
    )
    command = ["predict", str(digits_folder), "--out", str(tmp_path / "a.csv")]
    result = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "False"
    assert (tmp_path / "a.report" / "samples.png").stat().st_size


def test_the_process_that_draws_imports_what_figures_need(metrics: Metrics) -> None:
    """Neither readers of inputs nor decoders, nor pandas, which pyarrow imports where it can."""
    image = np.zeros((28, 28), np.uint8)
    tiles = [Tile(image, "a.png", None, 1, 1, 0.9), Tile(image, "b.parquet", 0, None, 7, None)]
    program = (
        "import pickle, sys; from mnist_batch.reports import drawing_process\n"
        "drawing_process._import_matplotlib()\n"
        "for make, content in pickle.load(sys.stdin.buffer): make(*content)\n"
        "print(*sys.modules)"
    )
    figures_of = [
        (figures.confusion_matrix_figure, (metrics,)),
        (samples_figure, (tiles,)),
    ]
    result = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps(figures_of),
        capture_output=True,
        check=True,
    )
    imported = {*result.stdout.decode().split()}
    assert {"matplotlib.figure", "mnist_batch.reports.contact_sheet"} <= imported
    folders = {"inputs", "decoding", "outputs", "preprocessing", "models"}
    assert imported.isdisjoint({f"mnist_batch.{folder}" for folder in folders})
    assert imported.isdisjoint({"pandas", "pyarrow.compute", "mpl_toolkits.mplot3d.axes3d"})


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
        "metrics, path = pickle.load(sys.stdin.buffer), Path('a.png')\n"
        "with drawing_process.Drawings() as drawings:\n"
        "    drawings.request(figures.per_class_figure, [metrics], path)\n"
        "    drawings.wait(path)\n"
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
