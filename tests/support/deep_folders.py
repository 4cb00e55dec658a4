"""Folders so deep that nobody, not even root, can list them: their paths are too long."""

import os
from pathlib import Path


def deep_folder(root: str) -> str:
    """Make folders in one another until no path reaches the last ones; return the first of them."""
    here = os.open(".", os.O_RDONLY)
    names = [root, *["d" * 250] * 17]
    try:
        for name in names:
            Path(name).mkdir(exist_ok=True)
            os.chdir(name)
        Path("x.png").touch()
    finally:
        os.fchdir(here)
        os.close(here)
    while len("/".join(names)) > 4094:
        names.pop()
    return "/".join([*names[1:], ""])
