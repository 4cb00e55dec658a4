"""Compiled code for what is done to each image: PNG, image files, the check for MNIST's form.

It is C, built by `setup.py` where there is a compiler. Without it Pillow decodes, and NumPy and
plain Python do the rest.
"""

from mnist_batch._kernels import library


def ready() -> bool:
    """Tell whether the compiled code is there."""
    return library.loaded() is not None


def notes() -> list[str]:
    """Return what the user should know of the compiled code, one sentence each."""
    if ready():
        return []
    return [
        f"no compiled decoder ({library.why_not()}): Pillow decodes all images, about twenty times "
        "as slowly; install a wheel, or where a C compiler is found"
    ]
