"""What variables of the environment decide in the command's process: what its user asked for.

Libraries read many more, which were set for other programs or left behind: a number of threads, an
instruction set, a folder of caches. These change last bits, print, fail, or run code. The command
removes them before it imports a library, by the prefixes of their names, so that a library's next
version brings no new ones.

What stays is Python's own, the system's (`HOME`, `TMPDIR`, the locale, proxies and certificates,
`LD_LIBRARY_PATH`), `CUDA_VISIBLE_DEVICES`, Hugging Face's `HF_...`, and `NO_COLOR`.
"""

import os
import resource
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_IGNORED = {
    "Absl's and TensorFlow's settings, messages, optimizers and instruction sets": (
        "ABSL_ AUTOGRAPH_ DNNL_ GRPC_ MLIR_ ONEDNN_ PJRT_ TENSORFLOW_ TF_ TPU_ XLA_"
    ),
    "Keras's home, backend settings and limits of epochs": "KERAS_",
    "other backends of Keras's": "JAX_ PYTORCH_ TORCH_",
    "precision and messages on a GPU": "CUBLAS CUDNN_ NVIDIA_TF32_OVERRIDE",
    "threads, instruction sets and block sizes of matrix products": (
        "BLIS_ GOMP_ GOTO_ KMP_ MKL_ OMP_ OPENBLAS_ VECLIB_"
    ),
    "NumPy's instruction sets and promotion": "NPY_ NUMPY_",
    "Arrow's instruction sets, threads and allocators": (
        "ARROW_ JE_ARROW_MALLOC_CONF MALLOC_CONF MIMALLOC_"
    ),
    "HDF5's drivers, plug-ins, locks and messages": "H5PY_ HDF5_",
    "limits and instruction sets of decoders": "JPEGMEM JSIMD_ PILLOW_",
    "OpenCV's instruction sets, limits, messages and plug-ins": "CV_ OPENCV",
    "libraries that a profiler lets TensorFlow and OpenCV load": "INTEL_LIBITTNOTIFY NVTX_",
    "Matplotlib's settings, backend and caches; FreeType's rendering": (
        "FREETYPE_ MATPLOTLIB MPL _MPL"
    ),
    "settings of downloads that are not Hugging Face's": "FSSPEC_ RUST_LOG TQDM_",
    "width and colours of what is printed": (
        "COLUMNS DATABRICKS_RUNTIME_VERSION FORCE_COLOR GITHUB_ACTIONS JUPYTER_ LINES PY_COLORS "
        "TERMINAL_WIDTH TTY_ TYPER_ UNICODE_VERSION _TYPER_"
    ),
}
"""What each prefix of names decides in a library, and the prefixes."""

_OBEYED = {"KERAS_BACKEND"}

_PREFIXES = tuple(prefix for prefixes in _IGNORED.values() for prefix in prefixes.split())


def settle() -> None:
    """Remove from this process's environment what is meant for others, before the first import.

    Warnings are not printed either, nor made errors as by `PYTHONWARNINGS`: what the user should
    know the command says itself.
    """
    for name in os.environ.keys() - settled(os.environ).keys():
        del os.environ[name]
    # Workers run each matrix product on one thread, and OpenBLAS would start its threads at its
    # import. Where it cannot, it raises SIGINT (0.3.30), which looks like Ctrl-C.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        # Arrow's own allocator takes up to a gigabyte of addresses at once, and leaves none to
        # others, which abort.
        os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    warnings.simplefilter("ignore")


def settled(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what is meant for others."""
    return {
        name: value
        for name, value in environment.items()
        if name in _OBEYED or not name.startswith(_PREFIXES)
    }


@contextmanager
def without(prefix: str, **instead: str) -> Iterator[None]:
    """Keep from a library its variables meanwhile, and let it read others `instead`.

    For a program that calls this package: its environment stays its own.
    """
    kept = {name: os.environ[name] for name in os.environ if name.startswith(prefix)}
    kept = {name: value for name, value in kept.items() if name not in _OBEYED}
    for name in kept:
        del os.environ[name]
    os.environ.update(instead)
    try:
        yield
    finally:
        for name in instead:
            del os.environ[name]
        os.environ.update(kept)


@contextmanager
def hidden(module: str) -> Iterator[None]:
    """Let `import` of a module fail meanwhile, with which a library would read settings."""
    had = {module: sys.modules[module]} if module in sys.modules else {}
    sys.modules[module] = None  # type: ignore[assignment] # importing it fails
    try:
        yield
    finally:
        del sys.modules[module]
        sys.modules.update(had)
