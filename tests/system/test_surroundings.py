"""Where the command runs decides nothing: other programs' settings, files of a name, no home."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.machine import environment
from tests.support.confined import run_confined

COMMAND = [sys.executable, "-P", "-m", "mnist_batch"]
"""As installed: the working folder holds no modules."""

OF_PYTHONS_START = ("sitecustomize", "usercustomize", "typing", "json")
"""Modules that Python may import before the first line of ours."""

HARMFUL = {
    "ARROW_DEFAULT_MEMORY_POOL": "none",
    "ARROW_IO_THREADS": "many",
    "ARROW_USER_SIMD_LEVEL": "NONE",
    "COLUMNS": "0",
    "FORCE_COLOR": "1",
    "FREETYPE_PROPERTIES": "truetype:interpreter-version=35",
    "GITHUB_ACTIONS": "true",
    "GOTO_NUM_THREADS": "64",
    "HDF5_DRIVER": "none",
    "HDF5_PLUGIN_PATH": ".",
    "HDF5_USE_FILE_LOCKING": "no",
    "JPEGMEM": "1",
    "JSIMD_FORCENONE": "1",
    "KERAS_HOME": ".keras",
    "KERAS_MAX_EPOCHS": "none",
    "KERAS_NNX_ENABLED": "true",
    "KMP_AFFINITY": "verbose",
    "LINES": "1",
    "MATPLOTLIBRC": "matplotlibrc",
    "MIMALLOC_VERBOSE": "1",
    "MKL_NUM_THREADS": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MPLCONFIGDIR": ".",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3",
    "OMP_NUM_THREADS": "64",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "ONEDNN_VERBOSE": "2",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OPENBLAS_L2_SIZE": "64",
    "OPENBLAS_VERBOSE": "2",
    "OPENCV_IO_MAX_IMAGE_PIXELS": "1",
    "OPENCV_LOG_LEVEL": "DEBUG",
    "PILLOW_BLOCK_SIZE": "7",
    "PYTHONWARNINGS": "error",
    "TERMINAL_WIDTH": "wide",
    "TF_CPP_MIN_LOG_LEVEL": "0",
    "TF_DETERMINISTIC_OPS": "none",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "TTY_COMPATIBLE": "1",
    "TYPER_USE_RICH": "maybe",
    "XLA_FLAGS": "--no_such_flag",
    "_MNIST_BATCH_COMPLETE": "source_bash",
    "_PYTHON_M_MNIST_BATCH_COMPLETE": "source_bash",
}


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """A working folder of files that libraries take for theirs; each would change what happens."""
    folder = tmp_path / "traps"
    folder.mkdir()
    os.mkfifo(folder / "matplotlibrc")  # who reads it waits for ever
    settings = {"backend": "none", "floatx": "float16", "image_data_format": "channels_first"}
    for home in (folder / ".keras", folder):
        home.mkdir(exist_ok=True)
        (home / "keras.json").write_text(json.dumps(settings))
    for name in (*OF_PYTHONS_START, "numpy", "typer", "resource", "yaml", "keras"):
        (folder / f"{name}.py").write_text("open('ran', 'w')\nraise SystemExit(7)\n")
    for name in ("pyproject.toml", "setup.cfg", "tox.ini", ".env", ".coveragerc"):
        (folder / name).write_text("[nonsense\n")
    return folder


def outcome(folder: Path, out: Path, *arguments: object, **variables: str) -> dict[str, Any]:
    """Run `predict` in a folder, and return all that it wrote and said, but for times."""
    ended = subprocess.run(
        [*COMMAND, "predict", *map(str, arguments), "--json", "--out", str(out), "--overwrite"],
        cwd=folder,
        env=environment.settled(os.environ) | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode in (0, 3), ended.stderr
    record = json.loads(ended.stdout)
    for name in ("elapsed_s", "images_per_s", "created_utc"):
        del record["run"][name]
    found = {path.name: path.read_bytes() for path in out.with_suffix(".report").glob("*.png")}
    assert found
    rows = pq.read_table(out).to_pydict() if out.suffix == ".parquet" else out.read_bytes()
    record["notes"] = [note for note in record["notes"] if "compiled, once" not in note]
    return {"record": record, "figures": found, "rows": rows, "said": ended.stderr}


def test_numpy_gives_the_same_bytes(traps: Path, digits_parquet: Path, tmp_path: Path) -> None:
    """With the compiled code too, for which there are enough images."""
    many = tmp_path / "many.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(digits_parquet)] * 39), many)
    arguments = (many, "--probabilities", "--quiet")
    expected = outcome(tmp_path, tmp_path / "a.csv", *arguments)
    assert outcome(traps, tmp_path / "a.csv", *arguments, **HARMFUL) == expected
    assert not (traps / "ran").exists()


def test_keras_gives_the_same_bytes(traps: Path, digits_folder: Path, tmp_path: Path) -> None:
    """Its home has settings, and no other library prints or fails by a variable."""
    pytest.importorskip("tensorflow")
    arguments = (digits_folder, "--predictor", "keras", "--probabilities")
    (tmp_path / "home").mkdir()
    expected = outcome(tmp_path, tmp_path / "a.parquet", *arguments, HOME=str(tmp_path / "home"))
    found = outcome(traps, tmp_path / "a.parquet", *arguments, **HARMFUL, HOME=str(traps))
    assert found == expected
    assert not (traps / "ran").exists()
    assert not list((tmp_path / "home").iterdir())


@pytest.mark.parametrize(
    ("flags", "python_path"), [(["-m"], ""), (["-P", "-m"], f":{os.devnull}")], ids=["-m", "PATH"]
)
def test_libraries_are_not_looked_for_in_the_working_folder(
    flags: list[str], python_path: str, traps: Path, digits_folder: Path, tmp_path: Path
) -> None:
    """Where Python looks for them itself, by its `-m` or by an empty entry of `PYTHONPATH`."""
    for name in OF_PYTHONS_START:
        (traps / f"{name}.py").unlink()
    out = tmp_path / "a.csv"
    ended = subprocess.run(
        [sys.executable, *flags, "mnist_batch", "predict", digits_folder, "--out", out, "--quiet"],
        cwd=traps,
        env=os.environ | {"PYTHONPATH": python_path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert not (traps / "ran").exists()


@pytest.mark.parametrize("predictor", ["numpy", "keras"])
@pytest.mark.parametrize("user", [True, False])
def test_a_read_only_system_is_enough(
    predictor: str, user: bool, digits_folder: Path, tmp_path: Path
) -> None:
    """With one volume, as a user without a home and a name; nothing but the output is left."""
    volume = tmp_path / "volume"
    shutil.copytree(digits_folder, volume / "digits")
    out = volume / "a.csv"
    arguments = ("predict", volume / "digits", "--predictor", predictor, "--out", out)
    ended = run_confined(volume, *arguments, user=user, read_only=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(path.name for path in volume.iterdir()) == ["a.csv", "a.report", "digits"]
    names = {path.name for path in (volume / "a.report").iterdir()}
    assert {"metrics.json", "confusion_matrix.png", "samples.png"} <= names
