"""The child that reads model files crashes, hangs and takes memory without harm to its parent."""

import os
import re
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import mnist_batch
from mnist_batch.errors import MachineError, ModelError
from mnist_batch.models import reading_process
from mnist_batch.models.formats import read_stored_network
from mnist_batch.models.reading_process import read_in_child
from tests.support.live_processes import children, is_running
from tests.support.model_files import CONFIG, FORMATS, hdf5_model, stored_in


def faulty(statement: str) -> str:
    """Return the child's program with a fault in place of the reading of HDF5."""
    fault = f"""
import mnist_batch.models.formats as formats
def fault(content):
    import os, signal, sys, time
    {statement}
formats._READERS[{hdf5_model()[:8]!r}] = fault
"""
    before, after = reading_process._PROGRAM.split(
        "from mnist_batch.models import reading_process\n"
    )
    return f"{before}{fault}from mnist_batch.models import reading_process\n{after}"


def refusal(statement: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return why a file is refused when reading it goes wrong in the child."""
    monkeypatch.setattr(reading_process, "_PROGRAM", faulty(statement))
    with pytest.raises(ModelError) as caught:
        read_in_child(hdf5_model())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("content", FORMATS)
def test_the_child_finds_what_reading_here_finds(content: Callable[[], bytes]) -> None:
    """All of it, arrays in their types and shapes."""
    there, here = stored_in(content()), read_stored_network(content())
    assert there.config == here.config == CONFIG
    assert vars(there) | {"weights": None} == vars(here) | {"weights": None}
    for theirs, ours in zip(there.weights, here.weights, strict=True):
        for one, other in zip(theirs, ours, strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


def test_what_is_no_array_of_two_dimensions_comes_as_it_is() -> None:
    """A single number, none at all, and half precision."""
    values = [np.float64(3), np.zeros((0, 5), np.int8), np.ones((2, 1, 3), np.float16)]

    def change(file: h5py.File) -> None:
        layer = file["model_weights/d"]
        for number, value in enumerate(values):
            layer[f"n{number}"] = value
        layer.attrs["weight_names"] = ["n0", "n1", "n2"]

    [arrays] = stored_in(hdf5_model(change=change)).weights
    for array, value in zip(arrays, values, strict=True):
        np.testing.assert_array_equal(array, value, strict=True)


def test_a_refusal_comes_as_it_was_made() -> None:
    """Without a word of the child."""
    with pytest.raises(ModelError, match=r"^its class 'Mine' is code that no model file holds"):
        read_in_child(hdf5_model({"class_name": "Mine", "config": {}}))


def test_a_crash_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says by which signal, and what to do."""
    message = refusal("os.kill(os.getpid(), signal.SIGSEGV)", monkeypatch)
    assert message == ("damaged model file: reading it crashed (signal 11); copy or save it anew")


def test_a_loop_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time of the processor that reading may take."""
    monkeypatch.setattr(reading_process, "CPU_S", 1)
    assert "reading it takes more than 1 s" in refusal("while True: pass", monkeypatch)


def looping_model() -> bytes:
    """Return a file in whose global heap the free space is of size 0: HDF5 1.14.6 never gets by.

    The collection has 16 bytes, then objects of 8 bytes for number and count, 8 for the size, and
    the content to a multiple of 8; number 0 is the free space (format specification, III.E).
    """
    content = bytearray(hdf5_model())
    start = content.index(b"GCOL") + 16
    while content[start] != 0:
        start += 16 + -(-int.from_bytes(content[start + 8 : start + 16], "little") // 8) * 8
    content[start + 8 : start + 16] = bytes(8)
    return bytes(content)


def swelling_model() -> bytes:
    """Return a file in whose local heap a free block is followed by itself.

    HDF5 1.14.6 takes memory for each. The heap has, from its ninth byte on, the size, the place of
    the first free block and that of all data; a block starts with the place of the next (III.D).
    """
    content = bytearray(hdf5_model())
    heap = content.index(b"HEAP")
    free, data = struct.unpack("<QQ", content[heap + 16 : heap + 32])
    content[data + free : data + free + 8] = struct.pack("<Q", free)
    return bytes(content)


@pytest.mark.parametrize("content", [looping_model, swelling_model])
def test_what_no_library_gets_by_is_refused(
    content: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that would hang or fill the memory of whoever reads them in his own process."""
    monkeypatch.setattr(reading_process, "CPU_S", 1)
    with pytest.raises(ModelError, match="damaged"):
        read_in_child(content())


def test_waiting_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that reading may take."""
    monkeypatch.setattr(reading_process, "WALL_S", 2)
    assert "reading it takes more than 2 s" in refusal("time.sleep(600)", monkeypatch)


def test_memory_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error within the child, whatever memory this machine has."""
    message = refusal("bytes(2 ** 33)", monkeypatch)
    assert message == "damaged or incomplete model file (MemoryError); copy or save it anew"


def test_a_crash_leaves_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory would lie in the working folder, the model in it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    statement = "import resource; raise OSError(str(resource.getrlimit(resource.RLIMIT_CORE)[0]))"
    try:
        assert "(0)" in refusal(statement, monkeypatch)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.parametrize("mode", ["r", "w"])
def test_the_child_opens_no_file(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that is there nor a new one, whatever code ran in it."""
    path = tmp_path / "canary"
    if mode == "r":
        path.touch()
    assert "Too many open files" in refusal(f"open({str(path)!r}, {mode!r})", monkeypatch)
    assert path.exists() == (mode == "r")


def test_what_the_child_writes_elsewhere_is_dropped(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Messages of its libraries reach no terminal."""
    assert "no result" in refusal("os.write(2, b'noise'); os._exit(1)", monkeypatch)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("statement", ["import nothing_of_that_name", "sys.exit(3)"])
def test_a_child_that_cannot_begin_says_nothing_about_the_model(
    statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where it cannot map its libraries, for lack of memory."""
    monkeypatch.setattr(reading_process, "_PROGRAM", f"import sys\n{statement}\n")
    with pytest.raises(MachineError, match="the process that reads a model could not start"):
        read_in_child(hdf5_model())


def test_a_child_that_is_killed_says_nothing_about_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The kernel kills a process where memory is short; a file cannot."""
    monkeypatch.setattr(reading_process, "_PROGRAM", faulty("os.kill(os.getpid(), signal.SIGKILL)"))
    with pytest.raises(MachineError, match="the process that reads a model was killed"):
        read_in_child(hdf5_model())


def test_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """That says nothing about the model."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(MachineError, match=r"a process to read a model: it cannot be started \("):
        read_in_child(hdf5_model())


def test_modules_of_the_working_folder_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model may lie beside anything; not even PYTHONPATH brings it in."""
    for name in ("h5py", "numpy", "json", "typing"):
        (tmp_path / f"{name}.py").write_text("open('canary', 'w')\nraise SystemExit(5)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert stored_in(hdf5_model()).config == CONFIG
    assert not (tmp_path / "canary").exists()


def test_the_child_is_isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment and from `site`; it looks for modules where this process does."""
    statement = "raise OSError(repr((sys.flags.isolated, sys.flags.no_site, sys.path[0])))"
    first = next(folder for folder in sys.path if folder and Path(folder) != Path.cwd())
    assert f"(1, 1, {first!r})" in refusal(statement, monkeypatch)


@pytest.mark.usefixtures("removed_working_folder")
def test_a_working_folder_that_is_gone_does_not_matter() -> None:
    """The model was found by another path."""
    assert stored_in(hdf5_model()).config == CONFIG


def test_the_same_package_reads_in_the_child(tmp_path: Path) -> None:
    """It is run from a checkout by PYTHONPATH too, from a folder that is not the checkout."""
    (tmp_path / "model.h5").write_bytes(hdf5_model())
    code = (
        "import sys; from mnist_batch import load_model; "
        "from mnist_batch.models import reading_process as r; "
        "r._PROGRAM += 'import os; os.write(2, mnist_batch.__file__.encode())'; "
        "r.subprocess.DEVNULL = None; load_model('model.h5')"
    )
    checkout = Path(mnist_batch.__file__).parent.parent
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert result.stderr == mnist_batch.__file__


def wait_for(happened: Callable[[], object]) -> None:
    """Wait until something has happened."""
    while not happened():
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a child ends when its time runs out")
def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Even where the parent is killed while the child works."""
    program, model = tmp_path / "program", tmp_path / "model.h5"
    program.write_text(faulty("time.sleep(600)"))
    model.write_bytes(hdf5_model())
    code = (
        "import sys; from pathlib import Path; "
        "from mnist_batch.models import reading_process as r; "
        "r._PROGRAM = Path(sys.argv[1]).read_text(); "
        "r.read_in_child(Path(sys.argv[2]).read_bytes())"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(program), str(model)])
    wait_for(lambda: children(parent.pid))
    (child,) = children(parent.pid)
    # Its limits are set last, before it reads.
    limits = Path(f"/proc/{child}/limits")
    wait_for(lambda: re.search(r"Max open files +0 ", limits.read_text()))
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_running(child))
