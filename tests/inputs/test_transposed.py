"""Images that lie transposed are read upright, whatever holds them."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.decoding.decode import decode_batch
from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import Orientation, ReadOptions, Style
from mnist_batch.schema import Images
from mnist_batch.synthetic.generator import draw_digits, draw_picture

DIGITS, LABELS = draw_digits(40, seed=11)
LYING = ReadOptions(orientation=Orientation.TRANSPOSED)


def png(image: Images) -> bytes:
    """Return an image as PNG."""
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def write_folder(folder: Path) -> Path:
    """Write the digits with rows for columns, each into the folder of its label."""
    for number, (image, label) in enumerate(zip(DIGITS, LABELS.tolist(), strict=True)):
        path = folder / str(label) / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(image.T))
    return folder


def write_parquet(path: Path) -> Path:
    """Write them as PNG in Parquet."""
    contents = [png(image.T) for image in DIGITS]
    pq.write_table(pa.table({"image": contents, "label": LABELS.astype(np.int64)}), path)
    return path


def write_raw(path: Path) -> Path:
    """Write their pixels as lists in Parquet."""
    pixels = DIGITS.transpose(0, 2, 1).reshape(len(DIGITS), -1).tolist()
    table = {"image": pa.array(pixels, pa.list_(pa.uint8(), 784)), "label": LABELS.astype(np.int64)}
    pq.write_table(pa.table(table), path)
    return path


def write_packed(path: Path) -> Path:
    """Pack them as they lie."""
    mnist_batch.pack(write_folder(path.parent / "to pack"), path, prepare="never")
    return path


@pytest.mark.parametrize(
    "write",
    [write_folder, write_parquet, write_raw, write_packed],
    ids=lambda write: write.__name__,
)
def test_pixels_are_those_of_the_upright_digits(tmp_path: Path, write: object) -> None:
    """Files, PNG in Parquet, raw pixels, packed files."""
    assert callable(write)
    opened = open_inputs([write(tmp_path / "digits.parquet")], LYING)
    rows = [
        (label, image.tobytes())
        for shard in opened.shards
        for batch in shard.read(7)
        for label, image in zip(batch.label.to_pylist(), decode_batch(batch).images, strict=True)
    ]
    upright = [
        (label, image.tobytes()) for label, image in zip(LABELS.tolist(), DIGITS, strict=True)
    ]
    assert sorted(rows) == sorted(upright)


def test_pictures_of_other_sizes_are_transposed_before_they_are_prepared(tmp_path: Path) -> None:
    """The prediction of each is that of the upright picture."""
    for folder, method in (("up", None), ("lying", Image.Transpose.TRANSPOSE)):
        for number in range(20):
            content = draw_picture(number % 10, Style.SCREEN, np.random.default_rng(number)).content
            image = Image.open(io.BytesIO(content)).convert("RGB")
            path = tmp_path / folder / str(number % 10) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            (image.transpose(method) if method is not None else image).save(path)
    upright = pa.Table.from_batches(mnist_batch.stream(tmp_path / "up"))
    lying = pa.Table.from_batches(mnist_batch.stream(tmp_path / "lying", orientation="transposed"))
    assert lying.equals(upright)


def test_rows_that_are_taken_are_transposed_too(tmp_path: Path) -> None:
    """As the rows that a report shows, and those that `inspect --data` tries."""
    (shard,) = open_inputs([write_parquet(tmp_path / "digits.parquet")], LYING).shards
    taken = [decode_batch(batch).images for batch in shard.take(np.array([3, 17])).read(10)]
    assert np.array_equal(np.concatenate(taken), DIGITS[[3, 17]])
    assert shard.place(17) == ("digits.parquet", 17)


def test_a_packed_file_holds_upright_pixels(tmp_path: Path) -> None:
    """What was transposed when it was packed is read like any other packed file."""
    packed = tmp_path / "packed.parquet"
    mnist_batch.pack(write_folder(tmp_path / "in"), packed, orientation="transposed")
    assert mnist_batch.predict(packed, tmp_path / "out.parquet", report=False).metrics.correct == 40


def test_the_fingerprint_tells_the_orientation(tmp_path: Path) -> None:
    """What the predictions depend on is another thing."""
    path = write_parquet(tmp_path / "digits.parquet")
    lying, upright = (open_inputs([path], read).shards[0] for read in (LYING, None))
    assert lying.fingerprint() != upright.fingerprint()
    assert lying.rows == upright.rows


def test_evaluate_finds_the_images_as_they_were_read(tmp_path: Path) -> None:
    """The run says how; files of which some were read otherwise are refused."""
    folder, out = write_folder(tmp_path / "in"), tmp_path / "out.parquet"
    mnist_batch.predict(folder, out, report=False, orientation="transposed")
    found = mnist_batch.evaluate(out, images=folder, report=tmp_path / "report")
    assert found.metrics.correct == 40
    other = tmp_path / "other.parquet"
    mnist_batch.predict(folder, other, report=False)
    with pytest.raises(PredictionsError, match="others without; evaluate them apart"):
        mnist_batch.evaluate([out, other], images=folder, report=False)


def test_a_note_says_that_images_lie_transposed(tmp_path: Path) -> None:
    """Where labels tell it, whatever the model's file says; and not where they are upright."""
    path = write_parquet(tmp_path / "digits.parquet")
    fifty = pa.concat_tables([pq.read_table(path)] * 2)
    pq.write_table(fifty, path)
    found = mnist_batch.predict(path, tmp_path / "out.parquet", report=False)
    [note] = [note for note in found.notes if "orientation" in note]
    assert "of 80 labelled images right as they lie, 100% with rows and columns" in note
    out = tmp_path / "upright.parquet"
    found = mnist_batch.predict(path, out, report=False, orientation="transposed")
    assert found.metrics.correct == 80
    assert not [note for note in found.notes if "orientation" in note]


def test_pictures_in_memory_may_lie_transposed() -> None:
    """As those in files."""
    lying = DIGITS.transpose(0, 2, 1).copy()
    found = mnist_batch.predict_images(lying, orientation="transposed")
    assert found["prediction"].to_pylist() == LABELS.tolist()
    assert np.array_equal(mnist_batch.prepare_images(lying, orientation="transposed"), DIGITS)
