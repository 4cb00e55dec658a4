"""What tests of the kernels share."""

from collections.abc import Iterator

import pytest

from mnist_batch._kernels import library
from tests.support.built_kernels import BUILT


@pytest.fixture(scope="module", params=BUILT, ids=lambda path: path.stem)
def each_library(request: pytest.FixtureRequest) -> Iterator[None]:
    """With each of the libraries in turn, as on processors that take it."""
    opened = library._opened(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "_loaded", lambda: (opened, ""))
        yield
