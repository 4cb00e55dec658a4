"""The ways to predict that are compared, each in a process of its own.

`python -m benchmarks.ways WAY MODEL` imports what the way needs, says so in one line of JSON on
standard output, and then answers one line for each job that comes on standard input: from images
on disk to a written Parquet with the columns `label` and `prediction`. It runs in the environment
that has the way's packages, so nothing but NumPy and h5py is imported at the top.
"""

import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.plain_network import Images, read_network

Predict = Callable[[Path, Path], None]
"""Predicts the images of a source into an output, a Parquet file or a folder of such files."""

BATCH_ROWS = 2048


def mnist_batch_job(_: Path) -> Predict:
    """This project, by its library: `mnist_batch.predict` without the report."""
    from mnist_batch.commands.predict import predict

    def run(source: Path, out: Path) -> None:
        predict(source, out, report=False, overwrite=True)

    return run


def pandas_pillow(model: Path) -> Predict:
    """The script that this project grew out of: pandas, Pillow row by row, `model.predict`."""
    import pandas as pd

    network = _keras_model(model)

    def run(source: Path, out: Path) -> None:
        frame = pd.read_parquet(source)
        images = np.stack([_pillow_pixels(item["bytes"]) for item in frame["image"]])
        inputs = images.reshape(len(images), -1).astype(np.float32) / 255
        predictions = network.predict(inputs, verbose=0).argmax(axis=1)
        pd.DataFrame({"label": frame["label"], "prediction": predictions}).to_parquet(out)

    return run


def keras_directory(model: Path) -> Predict:
    """Keras' own reader of class folders, `image_dataset_from_directory`, and `model.predict`."""
    import keras
    import tensorflow as tf

    network = _keras_model(model)

    def run(source: Path, out: Path) -> None:
        dataset = keras.utils.image_dataset_from_directory(
            source,
            color_mode="grayscale",
            image_size=(28, 28),
            shuffle=False,
            batch_size=256,
            verbose=False,
        )
        labels = [int(Path(path).parent.name) for path in dataset.file_paths]
        flat = dataset.map(lambda images, _: tf.reshape(images, (-1, 784)) / 255)
        predictions = network.predict(flat.prefetch(tf.data.AUTOTUNE), verbose=0).argmax(axis=1)
        _write(out, labels, predictions)

    return run


def tf_data(model: Path) -> Predict:
    """A `tf.data` pipeline on all cores: `decode_png`, batches, `model.predict`."""
    import pyarrow.parquet as pq
    import tensorflow as tf

    network = _keras_model(model)

    def inputs(content: Any) -> Any:  # noqa: ANN401 - TensorFlow has no types
        pixels = tf.io.decode_png(content, channels=1)
        return tf.cast(tf.reshape(pixels, (784,)), tf.float32) / 255

    def run(source: Path, out: Path) -> None:
        table = pq.read_table(source)
        contents = table["image"].combine_chunks().field("bytes").to_numpy(zero_copy_only=False)
        dataset = (
            tf.data.Dataset.from_tensor_slices(contents)
            .map(inputs, num_parallel_calls=tf.data.AUTOTUNE)
            .batch(BATCH_ROWS)
            .prefetch(tf.data.AUTOTUNE)
        )
        predictions = network.predict(dataset, verbose=0).argmax(axis=1)
        _write(out, table["label"], predictions)

    return run


def daft_engine(model: Path) -> Predict:
    """Daft: its own PNG decoder, the plain network a batch, `write_parquet`; order not kept."""
    import daft
    from daft import DataType, col
    from daft.functions import decode_image

    network = read_network(model)

    @daft.func.batch(  # type: ignore[untyped-decorator]
        return_dtype=DataType.int8(), batch_size=8192
    )
    def digits(images: Any) -> npt.NDArray[np.int8]:  # noqa: ANN401 - Daft's Series
        return network.digits(images.to_arrow().storage.flatten().to_numpy().reshape(-1, 28, 28))

    def run(source: Path, out: Path) -> None:
        images = decode_image(col("image").get("bytes"), mode="L")
        daft.read_parquet(str(source)).select(
            "label", digits(images.cast(DataType.image("L", 28, 28))).alias("prediction")
        ).write_parquet(str(out), write_mode="overwrite")

    return run


def ray_data(model: Path) -> Predict:
    """Ray Data: `map_batches` of Pillow and the plain network, `write_parquet`."""
    import logging

    import ray

    ray.init(
        num_cpus=os.cpu_count(),
        include_dashboard=False,
        logging_level=logging.ERROR,
        log_to_driver=False,
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    network = read_network(model)

    def digits(batch: Any) -> Any:  # noqa: ANN401 - an Arrow table
        contents = batch["image"].combine_chunks().field("bytes").to_pylist()
        images = np.stack([_pillow_pixels(content) for content in contents])
        return batch.select(["label"]).append_column("prediction", [network.digits(images)])

    def run(source: Path, out: Path) -> None:
        # More blocks than cores, else one file is one task.
        blocks = 4 * (os.cpu_count() or 1)
        ray.data.read_parquet(str(source), override_num_blocks=blocks).map_batches(
            digits, batch_size=BATCH_ROWS, batch_format="pyarrow"
        ).write_parquet(str(out), mode=ray.data.SaveMode.OVERWRITE)

    return run


def huggingface_datasets(model: Path) -> Predict:
    """Hugging Face `datasets`: decoded NumPy batches through the plain network.

    The library copies a file into its cache when it sees it first; the warm-up does so here.
    """
    import datasets

    datasets.disable_progress_bars()
    network = read_network(model)

    def run(source: Path, out: Path) -> None:
        rows = datasets.load_dataset(
            "parquet", data_files=str(source), split="train", cache_dir=str(out.parent / "cache")
        )
        labels, predictions = [], []
        for batch in rows.with_format("numpy").iter(batch_size=BATCH_ROWS):
            labels.append(batch["label"])
            predictions.append(network.digits(batch["image"]))
        _write(out, np.concatenate(labels), np.concatenate(predictions))

    return run


WAYS: Mapping[str, tuple[Callable[[Path], Predict], tuple[str, ...]]] = {
    "mnist-batch": (mnist_batch_job, ("numpy", "pyarrow")),
    "pandas, Pillow, predict": (pandas_pillow, ("pandas", "pillow", "keras", "tensorflow")),
    "image_dataset_from_directory": (keras_directory, ("keras", "tensorflow")),
    "tf.data, predict": (tf_data, ("keras", "tensorflow")),
    "Daft": (daft_engine, ("daft", "pyarrow")),
    "Ray Data": (ray_data, ("ray", "pyarrow", "pillow")),
    "Hugging Face datasets": (huggingface_datasets, ("datasets", "pyarrow", "pillow")),
}
"""What prepares each way, given the model file, and the packages whose versions matter."""


def _keras_model(path: Path) -> Any:  # noqa: ANN401 - Keras has no types
    import keras

    return keras.models.load_model(path, compile=False)


def _pillow_pixels(content: bytes) -> Images:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)).convert("L"))


def _write(out: Path, labels: Iterable[Any], predictions: Any) -> None:  # noqa: ANN401 - array-like
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"label": labels, "prediction": predictions}), out)


def _removed(out: Path) -> None:
    """Remove a former output, so that what is read afterwards is of this job."""
    if out.is_dir():
        shutil.rmtree(out)
    out.unlink(missing_ok=True)


def main() -> None:
    """Serve jobs until standard input ends."""
    way, model = sys.argv[1:]
    # What libraries print goes to standard error; the answers have the real standard output.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    prepare, packages = WAYS[way]
    started = time.perf_counter()
    try:
        predict = prepare(Path(model))
    except ModuleNotFoundError as error:
        answers.write(json.dumps({"missing": str(error)}) + "\n")
        return
    start_s = time.perf_counter() - started
    versions = {package: version(package) for package in packages}
    answers.write(json.dumps({"start_s": start_s, "versions": versions}) + "\n")
    for line in sys.stdin:
        job = json.loads(line)
        out = Path(job["out"])
        _removed(out)
        began = time.perf_counter()
        predict(Path(job["source"]), out)
        answers.write(json.dumps({"elapsed_s": time.perf_counter() - began}) + "\n")


if __name__ == "__main__":
    main()
