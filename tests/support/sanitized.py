"""Kernels built with AddressSanitizer and UndefinedBehaviorSanitizer, and tests run on them.

`make fuzz-asan` runs `python -m tests.support.sanitized FOLDER [what pytest takes]`. The folder
gets a copy of the package with such kernels. They end the process at the first byte that they read
or write outside of what they were given, and at the first overflow or shift that C leaves
undefined.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g"


class NoSanitizerError(Exception):
    """The compiler has none; the message says which compiler has."""


def build(folder: Path) -> dict[str, str]:
    """Build the kernels in a copy of the package, in a folder; return what Python needs to use it.

    Returns:
        Environment variables. Python itself was not built so: the sanitizer has to be loaded first.

    Raises:
        NoSanitizerError: it cannot be built here.
    """
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC")
    runtime, flags = _runtime(shlex.split(compiler))
    left_out = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "mnist_batch", folder / "mnist_batch", ignore=left_out)
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", folder, "--build-temp",
         folder / "objects"],
        cwd=ROOT, env=os.environ | {"CC": compiler, "CFLAGS": flags, "LDFLAGS": flags}, check=True,
        capture_output=True,
    )  # fmt: skip
    if not (folder / "mnist_batch/_kernels/plain.so").exists():
        raise NoSanitizerError(_MISSING.format(compiler))
    return {
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",  # Python leaves much behind when it ends
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # else bytes lie in blocks that Python takes as a whole
        "PYTHONPATH": str(folder),
    }


_MISSING = (
    "{} has no AddressSanitizer: install gcc, or clang with its compiler-rt, and name it as CC"
)


def _runtime(compiler: list[str]) -> tuple[str, str]:
    """Return the libraries of a compiler's sanitizer, and the flags with which it is used."""
    # Clang's names first, since clang finds gcc's library too.
    names = {
        f"libclang_rt.asan-{platform.machine()}.so": " -shared-libasan",
        "libclang_rt.asan.so": " -shared-libasan",
        "libasan.so": "",
    }
    for name, more in names.items():
        if path := _library_of(compiler, name):
            # Without the second it finds no exceptions of C++, which pyarrow raises.
            return f"{path} {_library_of(compiler, 'libstdc++.so.6')}".rstrip(), _FLAGS + more
    raise NoSanitizerError(_MISSING.format(shlex.join(compiler)))


def _library_of(compiler: list[str], name: str) -> str:
    """Return the path of one of a compiler's libraries; empty where it has none of that name."""
    command = [*compiler, f"-print-file-name={name}"]
    try:
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return printed if Path(printed).is_absolute() else ""


def main(folder: str, *arguments: str) -> int:
    """Build the kernels; run pytest on those for AVX2, where they can run, then the plain ones."""
    try:
        environment = os.environ | build(Path(folder))
    except NoSanitizerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    # pytest must not catch what the sanitizers say, as the process ends before it prints that.
    itself = "--ignore=tests/_kernels/test_library_sanitized.py"
    options = ["--capture=sys", itself, "-o", f"pythonpath={folder} .", *arguments]
    for expected in _expected(environment):
        if (taken := _asked(environment, "library.described()")) != expected:
            sys.stderr.write(f"Expected {expected}, and {taken} would be tried\n")
            return 1
        sys.stderr.write(f"Kernels: {expected}\n")
        program = [sys.executable, "-m", "pytest", *options]
        if subprocess.run(program, cwd=ROOT, env=environment, check=False).returncode:
            return 1
        Path(folder, "mnist_batch/_kernels/avx2.so").unlink(missing_ok=True)
    return 0


def _expected(environment: dict[str, str]) -> list[str]:
    """Return how the libraries are described that this processor can run, the fastest first."""
    has_avx2 = _asked(environment, "library.get().has_avx2()") == "1"
    return [*(["compiled code for AVX2"] if has_avx2 else []), "compiled code"]


def _asked(environment: dict[str, str], expression: str) -> str:
    """Return what an expression is in Python with these kernels."""
    program = f"from mnist_batch._kernels import library; print({expression})"
    return subprocess.run(
        [sys.executable, "-c", program], cwd=environment["PYTHONPATH"], env=environment, check=True,
        stdout=subprocess.PIPE, text=True,
    ).stdout.strip()  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
