"""Build the kernels, which are C; all else of the package stands in pyproject.toml.

They are optional: where there is no compiler, the package installs without them. They use nothing
of Python's, so that one wheel for each platform serves all its versions.
"""

import os
import shlex
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

KERNELS = Path("mnist_batch/_kernels")


class BuildLibraries(build_ext):
    """Builds shared libraries that `ctypes` loads, not modules of Python."""

    def get_ext_filename(self, fullname: str) -> str:
        """Return a library's file, without the version of Python in its name."""
        return f"{fullname.replace('.', '/')}.so"

    def build_extension(self, ext: Extension) -> None:
        """Compile a library; where that fails, leave none from before, unnoticed."""
        try:
            super().build_extension(ext)
        except Exception:
            Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
            raise

    def copy_extensions_to_source(self) -> None:
        """Copy the libraries beside their sources, in place of all from before."""
        for ext in self.extensions:
            Path(self.get_ext_filename(ext.name)).unlink(missing_ok=True)
        super().copy_extensions_to_source()


class Wheel(bdist_wheel):
    """A wheel for one platform and all versions of Python."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tags of Python, of its binary interface, and of the platform."""
        return "py3", "none", super().get_tag()[2]


def library(name: str, *flags: str) -> Extension:
    """Return a library of all kernels, compiled with some flags more."""
    return Extension(
        f"mnist_batch._kernels.{name}",
        sorted(map(str, KERNELS.glob("*.c"))),
        depends=sorted(map(str, KERNELS.glob("*.h"))),
        extra_compile_args=["-std=gnu11", "-O3", "-fvisibility=hidden", *flags],
        optional=True,
    )


if "CC" not in os.environ and find_spec("ziglang"):
    # `make setup` installs Zig's compiler where it finds no other. Left alone it compiles for the
    # processor at hand, and keeps what it makes in the user's home.
    os.environ["CC"] = f"{shlex.quote(sys.executable)} -m ziglang cc -mcpu=baseline"
    # Else with the options of Python's own build, which may name folders to search for libraries.
    os.environ["LDSHARED"] = f"{os.environ['CC']} -shared"
    for cache in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        os.environ.setdefault(cache, str(Path("build/zig").resolve()))
libraries = [library("plain")]
if sysconfig.get_platform().endswith("x86_64"):
    # `library.py` takes it where the processor has all of these.
    libraries.append(library("avx2", "-mavx2", "-mfma", "-mbmi", "-mbmi2"))

setup(ext_modules=libraries, cmdclass={"build_ext": BuildLibraries, "bdist_wheel": Wheel})
