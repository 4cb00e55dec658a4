"""Variables that are meant for other programs do not reach the libraries."""

import os
import subprocess
import sys

import pytest

from mnist_batch.machine import environment


@pytest.mark.parametrize(
    "name",
    [
        "COLUMNS",
        "HDF5_PLUGIN_PATH",
        "KERAS_HOME",
        "KERAS_MAX_EPOCHS",
        "MATPLOTLIBRC",
        "MPLBACKEND",
        "NPY_DISABLE_CPU_FEATURES",
        "OMP_NUM_THREADS",
        "OPENBLAS_CORETYPE",
        "OPENCV_IO_MAX_IMAGE_PIXELS",
        "PILLOW_BLOCK_SIZE",
        "TF_ENABLE_ONEDNN_OPTS",
        "XLA_FLAGS",
    ],
)
def test_what_is_meant_for_others_is_left_out(name: str) -> None:
    """Whatever its value."""
    assert environment.settled({name: "1", "A": "b"}) == {"A": "b"}


def test_what_a_user_sets_for_the_command_stays() -> None:
    """The variables of Python, of the system and of Hugging Face, and those of the documents."""
    names = (
        "CUDA_VISIBLE_DEVICES HF_HOME HF_TOKEN HF_ENDPOINT HF_HUB_OFFLINE HOME HTTPS_PROXY "
        "KERAS_BACKEND LANG LD_LIBRARY_PATH NO_COLOR PATH PYTHONPATH SSL_CERT_FILE TERM TMPDIR "
        "XDG_CACHE_HOME"
    )
    kept = dict.fromkeys(names.split(), "1")
    assert environment.settled(kept) == kept


def test_settling_reaches_what_is_imported_later() -> None:
    """C libraries too, which ask the system and not Python; warnings are no errors."""
    code = (
        "from mnist_batch.machine import environment\n"
        "environment.settle()\n"
        "import ctypes, os, sys, warnings\n"
        "getenv = ctypes.CDLL(None).getenv\n"
        "getenv.restype = ctypes.c_char_p\n"
        "warnings.warn('a remark')\n"
        "print(os.environ.get('OMP_NUM_THREADS'), getenv(b'OMP_NUM_THREADS'))\n"
        "print([name for name in ('numpy', 'typer', 'mnist_batch.cli') if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("None None\n[]\n", "")
