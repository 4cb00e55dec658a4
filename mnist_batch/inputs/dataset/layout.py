"""What a folder of parts holds: `part-00000.parquet` and on, and two files about them.

Readers of data sets pass over names that begin with `_`, as Spark and Hadoop write them, too:
https://arrow.apache.org/docs/python/generated/pyarrow.dataset.dataset.html (ignore_prefixes).
"""

import os
import re
from collections.abc import Collection
from pathlib import Path

MANIFEST = "_manifest.json"
"""The parts with their checksums, and the record of the run: see `DatasetManifest`."""

SUCCESS = "_SUCCESS"
"""An empty file, the last one written: without it a folder is not whole."""


_PART = re.compile(r"part-([0-9]{5,})\.parquet")


def part_name(number: int, number_of_parts: int = 1) -> str:
    """Return what the file of a part is called; the number is that among all parts of the run.

    Names of one run sort as its parts do: they have as many digits as the last one, five at least.
    """
    width = max(5, len(str(number_of_parts - 1)))
    return f"part-{number:0{width}}.parquet"


def is_part_name(name: str) -> bool:
    """Tell whether a file is called as a part is."""
    return _PART.fullmatch(name) is not None


def not_whole(command: str = "predict") -> str:
    """Return what is said of a folder that a command has not finished, or that lost something."""
    return (
        f"is not whole: {MANIFEST} and {SUCCESS} have to be there; copy all of the folder, or "
        f"{command} again"
    )


def is_dataset(path: Path) -> bool:
    """Tell whether a folder is one of parts, whole or not, by its manifest.

    Spark leaves `_SUCCESS` too, where it writes predictions again.
    """
    return os.path.lexists(path / MANIFEST)


def has_parts_alone(names: Collection[str]) -> bool:
    """Tell whether the names in a folder are of parts without their manifest.

    A run that was killed when it published the parts leaves that, and so does a copy that broke
    off: nothing says then how many parts there are.
    """
    return MANIFEST not in names and any(map(is_part_name, names))
