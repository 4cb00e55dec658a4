"""The versions of the code that predictions depend on."""

from importlib.metadata import version

from mnist_batch.engines.versions import versions_of
from mnist_batch.inference.predictors import load_model


def test_they_are_those_of_the_packages_that_are_installed() -> None:
    """By their names at the index."""
    found = versions_of(load_model())
    assert {"numpy", "pyarrow", "pillow"} <= {*found}
    assert found == {name: version(name) for name in found}
