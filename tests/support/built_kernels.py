"""The libraries of kernels that were built and that this processor can run."""

from pathlib import Path

from mnist_batch._kernels import library

BUILT = [
    path
    for path in sorted(Path(library.__file__).parent.glob("*.so"))
    if path.stem == "plain" or library.described() == "compiled code for AVX2"
]
"""Of them the package usually takes one."""
