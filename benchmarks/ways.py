"""The ways to predict that are compared, each in a process of its own.

Each is written as its own documentation recommends, which is named beside it; of several ways that
it names the fastest here. The first line of a docstring is what pictures say of the way.

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
    """This project: `mnist_batch.predict`, without the report."""
    from mnist_batch.commands.predict import predict

    def run(source: Path, out: Path) -> None:
        predict(source, out, report=False, overwrite=True)

    return run


def pandas_pillow(model: Path) -> Predict:
    """The original script: pandas, Pillow an image at a time, `model.predict`."""
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
    """Keras' own reader of class folders, and `model.predict`.

    https://keras.io/api/data_loading/image/
    """
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
    """TensorFlow's `decode_png` on all cores, batches scaled at once, `model.predict`.

    https://www.tensorflow.org/guide/data_performance: parallel maps, cheap functions after
    batching, prefetching.
    """
    import pyarrow.parquet as pq
    import tensorflow as tf

    network = _keras_model(model)

    def pixels(content: Any) -> Any:  # noqa: ANN401 - TensorFlow has no types
        return tf.reshape(tf.io.decode_png(content, channels=1), (784,))

    def inputs(batch: Any) -> Any:  # noqa: ANN401 - TensorFlow has no types
        return tf.cast(batch, tf.float32) / 255

    def run(source: Path, out: Path) -> None:
        table = pq.read_table(source)
        contents = table["image"].combine_chunks().field("bytes").to_numpy(zero_copy_only=False)
        dataset = (
            tf.data.Dataset.from_tensor_slices(contents)
            .map(pixels, num_parallel_calls=tf.data.AUTOTUNE)
            .batch(BATCH_ROWS)
            .map(inputs, num_parallel_calls=tf.data.AUTOTUNE)
            .prefetch(tf.data.AUTOTUNE)
        )
        predictions = network.predict(dataset, verbose=0).argmax(axis=1)
        _write(out, table["label"], predictions)

    return run


def daft_engine(model: Path) -> Predict:
    """Its own PNG decoder, a NumPy network by batches, `write_parquet`; order not kept.

    https://docs.daft.ai/en/stable/custom-code/func/: batch functions where NumPy works on columns.
    """
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
    """Tasks that decode by Pillow and run a NumPy network by batches, `write_parquet`.

    https://docs.ray.io/en/latest/data/transforming-data.html: a function where no start is to be
    saved. Its actors, for models that are slow to load, took 1.5 to 3 times as long here.
    """
    import logging

    import ray

    cores = os.cpu_count() or 1
    ray.init(
        num_cpus=cores,
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
        ray.data.read_parquet(str(source), override_num_blocks=4 * cores).map_batches(
            digits, batch_size=BATCH_ROWS, batch_format="pyarrow"
        ).write_parquet(str(out), mode=ray.data.SaveMode.OVERWRITE)

    return run


def huggingface_datasets(model: Path) -> Predict:
    """Decoded by Pillow and through a NumPy network in `map`, on all cores, `to_parquet`.

    https://huggingface.co/docs/datasets/process: batches, a process for each core. The library
    copies a file into its cache when it sees it first; the warm-up does so here.
    """
    import datasets

    datasets.disable_progress_bars()
    network = read_network(model)

    def digits(batch: Any) -> Any:  # noqa: ANN401 - arrays by column
        return {"prediction": network.digits(np.asarray(batch["image"]))}

    def run(source: Path, out: Path) -> None:
        rows = datasets.load_dataset(
            "parquet", data_files=str(source), split="train", cache_dir=str(out.parent / "cache")
        )
        rows.with_format("numpy").map(
            digits,
            batched=True,
            batch_size=BATCH_ROWS,
            num_proc=os.cpu_count(),
            remove_columns=["image"],
            load_from_cache_file=False,
        ).to_parquet(str(out))

    return run


def torch_loader(model: Path) -> Predict:
    """`DataLoader`: Pillow in a process for each core, the network of PyTorch by batches.

    https://docs.pytorch.org/docs/stable/data.html: worker processes, batches made in them. Pillow
    is what torchvision's data sets load images with, https://docs.pytorch.org/vision/stable/datasets.
    """
    import pyarrow.parquet as pq
    import torch

    modules: list[torch.nn.Module] = []
    for kernel, bias in read_network(model).layers:
        layer = torch.nn.Linear(*kernel.shape)
        layer.load_state_dict({"weight": torch.tensor(kernel.T), "bias": torch.tensor(bias)})
        modules += [layer, torch.nn.ReLU()]
    network = torch.nn.Sequential(*modules[:-1]).eval()

    class Digits:
        def __init__(self, source: Path) -> None:
            self.table = pq.read_table(source).combine_chunks()
            self.contents = self.table["image"].chunk(0).field("bytes")

        def __len__(self) -> int:
            return len(self.contents)

        def __getitems__(self, rows: list[int]) -> list[Images]:
            return [_pillow_pixels(self.contents[row].as_py()) for row in rows]

    def batched(images: list[Images]) -> torch.Tensor:
        return torch.from_numpy(np.stack(images))

    def run(source: Path, out: Path) -> None:
        digits = Digits(source)
        loader = torch.utils.data.DataLoader(
            digits, BATCH_ROWS, num_workers=os.cpu_count() or 1, collate_fn=batched
        )
        with torch.inference_mode():
            predictions = [network(batch.flatten(1) / 255).argmax(1) for batch in loader]
        _write(out, digits.table["label"], torch.cat(predictions).numpy())

    return run


WAYS: Mapping[str, tuple[Callable[[Path], Predict], tuple[str, ...]]] = {
    "mnist-batch": (mnist_batch_job, ("numpy", "pyarrow")),
    "pandas, Pillow, predict": (pandas_pillow, ("pandas", "pillow", "keras", "tensorflow")),
    "image_dataset_from_directory": (keras_directory, ("keras", "tensorflow")),
    "tf.data, predict": (tf_data, ("keras", "tensorflow")),
    "Daft": (daft_engine, ("daft", "pyarrow")),
    "Ray Data": (ray_data, ("ray", "pyarrow", "pillow")),
    "Hugging Face datasets": (huggingface_datasets, ("datasets", "pyarrow", "pillow")),
    "PyTorch DataLoader": (torch_loader, ("torch", "pyarrow", "pillow")),
}
"""What prepares each way, given the model file, and the packages whose versions matter."""


def described(way: str) -> str:
    """Return what a way is, in a few words; nothing of a way that is not one of these."""
    if way not in WAYS:
        return ""
    text = WAYS[way][0].__doc__
    assert text
    return text.partition("\n")[0].removesuffix(".").replace("`", "")


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
