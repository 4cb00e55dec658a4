"""The versions of the code that predictions depend on."""

import numpy as np
import PIL
import pyarrow as pa

from mnist_batch.inference.predictors import Predictor


def versions_of(predictor: Predictor) -> dict[str, str]:
    """Return the versions of the code that predictions depend on, beside this package's."""
    # Of the modules: to look for what is installed takes 10 ms.
    own = {"numpy": np.__version__, "pyarrow": pa.__version__, "pillow": PIL.__version__}
    return own | predictor.versions()
