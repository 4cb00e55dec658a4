"""The suffixes by which formats of files are known."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def suffix_of(path: str) -> str:
    """Return the suffix of a file in lower case, by which its format is known; empty for none.

    That is the name from its last dot on, or of a packed file from the dot before, as `.csv.gz`. Of
    `train-images-idx3-ubyte` it is `.idx3-ubyte`, as if it were written with a dot. `Path` takes a
    tenth of a listing.
    """
    name = path[path.rfind("/", 0, len(path) - 1) + 1 :].lower()
    dot = name.rfind(".")
    if name.endswith(".gz") and dot > 0:
        return f"{suffix_of(name[:dot])}.gz"
    if "idx" in name and (found := _IDX.search(name)):
        return f".{found[1]}"
    return name[dot:].rstrip("/") if dot > 0 else ""


_IDX = re.compile(r"[-._](idx[1-4]-[a-z]+)$")
"""How names of MNIST's files end, and of those made after them."""
