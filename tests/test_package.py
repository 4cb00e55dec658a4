"""The public face of the package."""

import subprocess
import sys

import pytest

import mnist_batch


def test_all_names_are_there_and_sorted() -> None:
    """`__all__` is what the modules give, and `dir` shows it."""
    for name in mnist_batch.__all__:
        assert getattr(mnist_batch, name) is not None
    assert mnist_batch.__all__ == sorted(mnist_batch.__all__)
    assert dir(mnist_batch) == mnist_batch.__all__


@pytest.mark.parametrize("name", sorted(set(mnist_batch.__all__) - {"__version__"}))
def test_each_public_name_says_what_it_is(name: str) -> None:
    """In a docstring of its own, which is not the one that a dataclass makes up of its fields."""
    documentation = getattr(mnist_batch, name).__doc__
    assert documentation
    assert not documentation.startswith(f"{name}(")


def test_importing_the_package_imports_nothing_else() -> None:
    """What it is made of comes when it is first used."""
    code = "import sys, mnist_batch; print({'numpy', 'pyarrow', 'keras'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    assert not hasattr(mnist_batch, "unknown")
