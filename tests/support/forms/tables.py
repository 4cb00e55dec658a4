"""Tables of one column per pixel, in CSV and Parquet."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tests.support.forms.form import IMAGES, LABELS, Form

PIXELS = IMAGES.reshape(-1, 784)
KAGGLE = [f"pixel{place}" for place in range(784)]
OPENML = [f"pixel{place}" for place in range(1, 785)]
GRID = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]
X = [f"x{place}" for place in range(784)]


def csv_text(*columns: Sequence[Any] | NDArray[Any], header: Sequence[str] = ()) -> str:
    """Return columns side by side as CSV; those of pixels as (n, k)."""
    arrays = [np.array(column, str).reshape(len(column), -1) for column in columns]
    lines = [",".join(row) for row in np.hstack(arrays)]
    return "\n".join([*([",".join(header)] if header else []), *lines, ""])


def csv(
    *columns: Sequence[Any] | NDArray[Any], header: Sequence[str] = (), name: str = "digits.csv"
) -> Callable[[Path], Path]:
    """Return what writes columns as CSV, packed where the name says so."""

    def make(folder: Path) -> Path:
        content = csv_text(*columns, header=header).encode()
        (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return folder / name

    return make


def parquet(names: Sequence[str], **labels: Any) -> Callable[[Path], Path]:  # noqa: ANN401
    """Return what writes a column for each pixel as Parquet."""

    def make(folder: Path) -> Path:
        columns = dict(zip(names, PIXELS.T, strict=True))
        pq.write_table(pa.table({**columns, **labels}), folder / "digits.parquet")
        return folder / "digits.parquet"

    return make


FORMS = {
    "CSV, `label,pixel0` to `pixel783` (Kaggle)": Form(
        csv(LABELS, PIXELS, header=["label", *KAGGLE])
    ),
    "CSV, `pixel0` to `pixel783` (Kaggle's test.csv)": Form(
        csv(PIXELS, header=KAGGLE), labels=None
    ),
    "CSV, `pixel1` to `pixel784,class` (OpenML)": Form(
        csv(PIXELS, LABELS, header=[*OPENML, "class"])
    ),
    "CSV, `label,1x1` to `28x28`": Form(csv(LABELS, PIXELS, header=["label", *GRID])),
    "CSV, `x0` to `x783,y`": Form(csv(PIXELS, LABELS, header=[*X, "y"])),
    "CSV without a header, label first": Form(csv(LABELS, PIXELS)),
    "CSV without a header, label last": Form(csv(PIXELS, LABELS)),
    "CSV without a header or labels": Form(csv(PIXELS), labels=None),
    "CSV packed by gzip": Form(
        csv(LABELS, PIXELS, header=["label", *KAGGLE], name="digits.csv.gz")
    ),
    "CSV of fractions from 0 to 1": Form(csv(LABELS, PIXELS / 255, header=["label", *KAGGLE])),
    "CSV of numbers from -1 to 1": Form(
        csv(LABELS, PIXELS / 127.5 - 1, header=["label", *KAGGLE]), images=None, error="bad pixels"
    ),
    "CSV of other columns": Form(
        csv(LABELS, LABELS, header=["id", "text"]), refused="no table of pixels"
    ),
    "Parquet, `label` and `pixel0` to `pixel783`": Form(parquet(KAGGLE, label=LABELS)),
    "Parquet, `pixel1` to `pixel784` and `class` as text": Form(
        parquet(OPENML, **{"class": LABELS.astype(str).tolist()})
    ),
    "Parquet, `1x1` to `28x28`": Form(parquet(GRID), labels=None),
}
