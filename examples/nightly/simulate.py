"""Simulate ten nights of `mnist-batch nightly` on drawn digits, and print where their page is.

Three scanners deliver digits, of which some are new each night. On one night a worse model reads
them by mistake, on one some images arrive broken, on one the labels are not there yet, and on the
eighth a better model takes over. In the end the labels of the unlabelled night come.

Run: python examples/nightly/simulate.py [FOLDER]
"""

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

import mnist_batch

SCANNERS = {"feeder": ("mnist", 2000), "flatbed": ("paper", 150), "tablet": ("screen", 150)}
"""The style of the digits that each delivers, see `mnist-batch generate`, and images a night."""
NEW = 0.02
"""Share of the images that are not those of the night before."""
NIGHTS = [f"2026-11-{day}" for day in range(17, 27)]
WORSE, BROKEN, UNLABELLED, BETTER = NIGHTS[3], NIGHTS[5], NIGHTS[6], NIGHTS[7]
STATUS = {
    0: "no gate missed",
    3: "more images without a prediction than --max-errors allows",
    4: "accuracy below --min-accuracy",
    5: "worse than the night it is held against, or suspicious",
}
"""What an exit status says, see docs/formats.md."""


def run(*arguments: object) -> int:
    """Run the command as a crontab would, print what it says first, and return its exit status."""
    words = [str(argument) for argument in arguments]
    print("$ mnist-batch", shlex.join(words), flush=True)
    command = [sys.executable, "-m", "mnist_batch", *words]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if ended.returncode not in STATUS:
        sys.exit(ended.returncode)
    print(ended.stdout.partition("\n\n")[0], flush=True)
    return ended.returncode


def draw(folder: Path) -> dict[str, pa.Table]:
    """Return the images of each scanner, for all nights, with their names and labels."""
    drawn = {}
    for scanner, (style, count) in SCANNERS.items():
        path = folder / f"{scanner}.parquet"
        total = count + round(NEW * count) * (len(NIGHTS) - 1)
        run("generate", "--style", style, "--count", total, "--out", path)
        table = pq.read_table(path)
        content = table["image"].combine_chunks().field("bytes")
        names = pa.array([f"{scanner}/{number:05}.png" for number in range(total)])
        image = pa.StructArray.from_arrays([content, names], ["bytes", "path"])
        drawn[scanner] = pa.table(
            {"image": image, "label": table["label"], "scanner": [scanner] * total}
        )
        path.unlink()
    return drawn


def images_of(night: str, drawn: dict[str, pa.Table]) -> pa.Table:
    """Return the images that are there in a night: the newest of each scanner."""
    number = NIGHTS.index(night)
    slices = []
    for scanner, (_, count) in SCANNERS.items():
        slices.append(drawn[scanner].slice(number * round(NEW * count), count))
    images = pa.concat_tables(slices)
    if night == BROKEN:
        rows = images["image"].to_pylist()
        for row in rows[100:900:40]:
            row["bytes"] = row["bytes"][: len(row["bytes"]) // 2]  # as a full disk leaves them
        images = images.set_column(0, "image", pa.array(rows, images.schema.field("image").type))
    return images


def write_model(path: Path, noise: float) -> None:
    """Write the default model with noise in its weights: the more, the worse it reads."""
    rng = np.random.default_rng(0)
    shutil.copy(Path(mnist_batch.__file__).with_name("MNIST.h5"), path)
    with h5py.File(path, "r+") as file:

        def disturb(_: str, entry: h5py.Group | h5py.Dataset) -> None:
            if isinstance(entry, h5py.Dataset) and entry.ndim == 2:
                weights = entry[...]
                entry[...] = weights + noise * weights.std() * rng.standard_normal(weights.shape)

        file.visititems(disturb)


def main(folder: Path) -> None:
    """Simulate the nights in a folder, which is removed first."""
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    inbox, runs = folder / "inbox", folder / "runs"
    inbox.mkdir(parents=True)
    write_model(folder / "reader-1.h5", noise=0.28)
    write_model(folder / "reader-1-small.h5", noise=0.33)
    drawn = draw(folder)
    for night in NIGHTS:
        model = "reader-1-small" if night == WORSE else "reader-1"
        images = images_of(night, drawn)
        pq.write_table(
            images.drop(["label"]) if night == UNLABELLED else images, inbox / f"{night}.parquet"
        )
        options: list[object] = [] if night >= BETTER else ["--model", folder / f"{model}.h5"]
        status = run(
            *("nightly", inbox / f"{night}.parquet", "--runs", runs, "--name", night, *options),
            *("--slice", "scanner", "--max-errors", "0.1%", "--min-accuracy", 0.9),
        )
        print(f"{night}: exit status {status}, {STATUS[status]}\n", flush=True)
    # The labels of the unlabelled night come late.
    labels = images_of(UNLABELLED, drawn)["label"]
    source = pa.array([f"{UNLABELLED}.parquet"] * len(labels))
    table = pa.table({"source": source, "row": np.arange(len(labels)), "label": labels})
    pa.csv.write_csv(table, folder / "labels.csv")
    predictions = runs / UNLABELLED / "predictions.parquet"
    run("evaluate", predictions, "--labels", folder / "labels.csv", "--overwrite")
    run("history", runs)
    print(f"\nTen nights in {time.monotonic() - began:.0f} s; open {runs / 'index.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/nightly-demo"))
