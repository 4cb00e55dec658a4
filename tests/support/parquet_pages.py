"""Parquet files with pages of all kinds, and their footers."""

from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = 6
"""Leaves of each file: of its five columns, one is a struct of two."""

_TABLE = pa.table(
    {
        "image": [bytes([i % 251]) * (i % 90 + 300) for i in range(600)],
        "label": [i % 10 if i % 7 else None for i in range(600)],
        "struct": [{"bytes": b"x" * i, "path": str(i)} for i in range(600)],
        "list": [[i] * (i % 5) for i in range(600)],
        "same": ["abc"] * 600,
    }
)


def leaf_files(folder: Path) -> list[bytes]:
    """Return files of 6 row groups and of 1: each codec, version and size of pages once."""
    path = folder / "a.parquet"
    contents = []
    for codec, version, size in product(("none", "zstd"), ("1.0", "2.0"), (100, 600)):
        pq.write_table(
            _TABLE, path, compression=codec, data_page_version=version, row_group_size=size,
            data_page_size=500,
        )  # fmt: skip
        contents.append(path.read_bytes())
    return contents


def footer_of(content: bytes) -> bytes:
    """Return what the end of a file, which may be damaged, says is its footer."""
    length = min(int.from_bytes(content[-8:-4], "little"), len(content))
    return content[-8 - length : -8]
