"""Let Numba take settings and caches from nobody while it compiles or loads this package's code."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from mnist_batch.machine import environment

_BESIDE = Path(__file__).parent / "__pycache__"


@contextmanager
def own_settings() -> Iterator[None]:
    """Keep Numba from its variables and from `.numba_config.yaml` in the working folder meanwhile.

    It reads both when it is imported and before each function that it compiles. A calling program
    that uses Numba itself gets its settings back.
    """
    used_before = "numba" in sys.modules
    with environment.without("NUMBA_"):
        config = _config()
        file, folder = config._config_fname, config.CACHE_DIR
        config._config_fname = os.devnull  # which Numba passes over, as it is not a regular file
        try:
            config.reload_config()
            kept_in = cache_folder()
            config.CACHE_DIR = "" if kept_in in (None, _BESIDE) else str(kept_in)
            yield
        finally:
            config._config_fname, config.CACHE_DIR = file, folder
    if used_before:
        config.reload_config()


def _config() -> Any:  # noqa: ANN401 - a module without types
    """Import Numba's configuration; without the working folder's file, which needs `yaml`."""
    if "numba" in sys.modules:
        return import_module("numba.core.config")
    with environment.hidden("yaml"), warnings.catch_warnings():  # that the file cannot be read
        warnings.simplefilter("ignore")
        config: Any = import_module("numba.core.config")
    with suppress(ImportError):  # what a calling program compiles later may read the file
        config.yaml, config._HAVE_YAML = import_module("yaml"), True
    return config


@cache
def cache_folder() -> Path | None:
    """Return where compiled code is kept: beside the modules, or in the user's cache folder.

    None where neither can be written, or where somebody else could write it: what is loaded from
    there is run.
    """
    package = _BESIDE.parent
    place = _BESIDE if _BESIDE.exists() else package
    if os.access(place, os.W_OK) and _is_safe(place, package.stat().st_uid):
        return _BESIDE
    caches = os.environ.get("XDG_CACHE_HOME") or Path(os.environ.get("HOME", ""), ".cache")
    folder = Path(caches, "mnist-batch")
    if not folder.is_absolute():
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve()
        safe = _is_safe(folder) and all(_is_safe(one, above=True) for one in folder.parents)
    except OSError:
        return None
    return folder if safe and os.access(folder, os.W_OK) else None


def _is_safe(folder: Path, *owners: int, above: bool = False) -> bool:
    """Tell whether nobody but root, this user and `owners` can put something into a folder.

    The user's own group is taken for the user alone. A folder `above` may be sticky (as /tmp):
    others can add to it, but replace nothing.
    """
    found = folder.stat()
    others_write = found.st_mode & 0o002 or (
        found.st_mode & 0o020 and found.st_gid not in {0, os.getegid()}
    )
    is_sticky = above and found.st_mode & 0o1000
    return found.st_uid in {0, os.geteuid(), *owners} and bool(is_sticky or not others_write)
