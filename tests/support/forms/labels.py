"""Labels, names of files and kinds of pictures, as people have them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.forms.form import FILES, FOLDER, IMAGES, LABELS, Form

CONTENTS = [path.read_bytes() for path in FILES]


def in_folder(folder: Path, name: str = "{path.name}") -> list[tuple[str, int]]:
    """Copy the sample digits by a form of name; return these and the labels."""
    pairs = []
    for path, label in zip(FILES, LABELS.tolist(), strict=True):
        own = name.format(path=path, label=label)
        (folder / own).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / own)
        pairs.append((own, label))
    return pairs


def named(name: str) -> Callable[[Path], Path]:
    """Return what copies the sample digits by a form of name."""

    def make(folder: Path) -> Path:
        in_folder(folder, name)
        return folder

    return make


def lines(folder: Path) -> Path:
    """Write the labels as JSON lines."""
    rows = [{"file_name": name, "label": label} for name, label in in_folder(folder)]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def of_windows(folder: Path) -> Path:
    """Write a file of labels whose paths Windows wrote."""
    pairs = in_folder(folder, "imgs/{path.name}")
    rows = [f".\\{name},{label}".replace("/", "\\") for name, label in pairs]
    (folder / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))
    return folder


def without_labels(folder: Path) -> Path:
    """Write a `metadata.csv` that tells who wrote the digits."""
    rows = [f"{name},anna" for name, _ in in_folder(folder, "{label}/{path.name}")]
    (folder / "metadata.csv").write_text("\n".join(["file_name,writer", *rows]))
    return folder


def parquet(path: Path, **columns: pa.Array) -> Path:
    """Write Parquet with a column of encoded images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": pa.array(CONTENTS), **columns}), path)
    return path


def partitioned(folder: Path) -> Path:
    """Write a file a label, in folders as Hive has them."""
    for label in range(10):
        (folder / f"label={label}").mkdir()
        own = [content for content, one in zip(CONTENTS, LABELS, strict=True) if one == label]
        pq.write_table(pa.table({"image": own}), folder / f"label={label}" / "part-0.parquet")
    return folder


def spark(folder: Path) -> Path:
    """Write a file without a suffix, and a mark beside it."""
    parquet(folder / "part-00000", label=pa.array(LABELS))
    (folder / "_SUCCESS").touch()
    return folder


def delta(folder: Path) -> Path:
    """Write a file and the log of a table."""
    parquet(folder / "a.parquet", label=pa.array(LABELS))
    parquet(folder / "_delta_log" / "0.checkpoint.parquet")
    return folder


def paths_alone(folder: Path) -> Path:
    """Write images that have a path and no bytes."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": None, "path": str(path.relative_to(FOLDER))} for path in FILES]
    path = folder / "a.parquet"
    pq.write_table(pa.table({"image": pa.array(rows, kind), "label": LABELS}), path)
    return path


def decimals(folder: Path) -> Path:
    """Write labels as decimals."""
    return parquet(folder / "a.parquet", label=pa.array(LABELS).cast(pa.decimal128(21, 1)))


def heic(folder: Path) -> Path:
    """Write how a telephone's photograph begins, under its own name and another."""
    for name in ("a.heic", "b.jpg"):
        (folder / name).write_bytes(b"\0\0\0\x18ftypheic" + bytes(4) + b"mif1heic" + bytes(500))
    return folder


def tensors(folder: Path) -> Path:
    """Write tensors of another shape."""
    column = pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((2, 32, 32), np.uint8))
    pq.write_table(pa.table({"image": column}), folder / "a.parquet")
    return folder / "a.parquet"


def structs(folder: Path) -> Path:
    """Write tensors that carry their shapes."""
    kind = pa.struct([("data", pa.list_(pa.uint8())), ("shape", pa.list_(pa.int64()))])
    rows = [{"data": image.ravel().tolist(), "shape": [28, 28]} for image in IMAGES[:2]]
    pq.write_table(pa.table({"image": pa.array(rows, kind)}), folder / "a.parquet")
    return folder / "a.parquet"


def ragged(folder: Path) -> Path:
    """Write images of 20 x 28 numbers."""
    pq.write_table(pa.table({"image": IMAGES[:2, :20].tolist()}), folder / "a.parquet")
    return folder / "a.parquet"


def paths_as_text(folder: Path) -> Path:
    """Write the paths of pictures that are not there, and labels."""
    table = pa.table({"file": ["a/0.png", "a/1.png"], "label": [0, 1]})
    pq.write_table(table, folder / "a.parquet")
    return folder / "a.parquet"


FORMS = {
    "a folder with `metadata.jsonl`": Form(lines),
    r"a folder with `metadata.csv`, paths as `.\imgs\a.png`": Form(of_windows),
    "a folder for each digit, with a `metadata.csv` without labels": Form(without_labels),
    "pictures called `a_7.png`": Form(
        named("{path.stem}_{label}.png"), reading={"label_pattern": r"_(\d)\.png"}
    ),
    "pictures in folders `digit_7`": Form(named("digit_{label}/{path.name}"), labels=None),
    "pictures in folders `label=7`": Form(named("label={label}/{path.name}")),
    "Parquet in folders `label=7` (Hive)": Form(partitioned),
    "Parquet without a suffix (`part-00000`)": Form(spark),
    "a folder of Delta Lake": Form(delta),
    "Parquet with paths alone (`struct<bytes, path>`, no bytes)": Form(
        paths_alone, images=None, labels=None, error="no bytes"
    ),
    "Parquet with paths alone, a column of text": Form(
        paths_as_text, refused="may hold their paths: pass image_root=DIR"
    ),
    "Parquet with paths alone, and `--image-root`": Form(
        paths_alone, reading={"image_root": FOLDER}
    ),
    "labels as decimals": Form(decimals),
    "HEIC, whatever it is called": Form(heic, images=None, labels=None, error="not an image"),
    "Parquet, tensors of another shape": Form(
        tensors, refused="holds tensors of shape 32x32; write"
    ),
    "Parquet, `struct<data, shape>`": Form(
        structs, refused="holds tensors that carry their shapes"
    ),
    "Parquet, lists of other than 784 numbers": Form(
        ragged, images=None, labels=None, error="bad pixels"
    ),
}
