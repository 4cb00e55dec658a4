"""The public face of the package."""

import subprocess
import sys

import mnist_batch


def test_all_names_are_there_and_sorted() -> None:
    """`__all__` is what the modules give, and `dir` shows it."""
    for name in mnist_batch.__all__:
        assert getattr(mnist_batch, name) is not None
    assert mnist_batch.__all__ == sorted(mnist_batch.__all__)
    assert dir(mnist_batch) == mnist_batch.__all__


def test_importing_the_package_imports_nothing_else() -> None:
    """What it is made of comes when it is first used."""
    code = "import sys, mnist_batch; print({'numpy', 'pyarrow', 'keras'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    assert not hasattr(mnist_batch, "unknown")
