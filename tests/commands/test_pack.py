"""Packing: the packed file is the input, decoded; its predictions are those of the input."""

import io
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import mnist_batch
from mnist_batch.commands import pack
from mnist_batch.errors import InputError, LabelError, OutputError, OutputInUseError
from mnist_batch.inference.workers import Progress
from mnist_batch.schema import ImageBatch
from mnist_batch.synthetic import generator

KEY = b"mnist_batch_packed"
RAMP: NDArray[np.uint8] = (np.arange(784) % 256).astype(np.uint8).reshape(28, 28)
DARK: NDArray[np.uint8] = 255 - generator.draw_digit(7, np.random.default_rng(0))
"""A digit that is not in MNIST form, as its ink is dark."""


def png(image: NDArray[np.uint8]) -> bytes:
    """Return an image as PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def predictions(inputs: Any, model: Path, **options: Any) -> pa.Table:  # noqa: ANN401
    """Return the predictions of INPUTs."""
    return pa.Table.from_batches(mnist_batch.stream(inputs, model=model, **options))


def assert_same_predictions(found: pa.Table, expected: pa.Table) -> None:
    """Fail unless all columns are equal; the confidence to what another cut of batches moves."""
    names = [name for name in expected.column_names if name != "confidence"]
    assert found.select(names).equals(expected.select(names))
    np.testing.assert_allclose(found["confidence"], expected["confidence"], rtol=0, atol=5e-6)


def write_broken_folder(folder: Path) -> None:
    """Write 30 good PNG files, other formats and sizes, and one file for each thing amiss."""
    generator.write_folder(folder, 30)
    for suffix in ("jpg", "bmp", "gif", "tif", "webp", "pgm"):
        Image.fromarray(DARK).save(folder / "7" / f"dark.{suffix}")
    Image.fromarray(DARK).resize((56, 40)).save(folder / "3" / "larger.png")
    (folder / "5" / "no digit found.png").write_bytes(png(np.full((28, 28), 255, np.uint8)))
    good = png(DARK)
    bomb = bytearray(good)
    bomb[16:24] = (50_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    broken = {
        "no bytes": b"",
        "not an image": b"these are words",
        "truncated": good[: len(good) // 2],
        "corrupt": good[:45] + bytes([good[45] ^ 0xFF]) + good[46:],
        "too large": bytes(bomb),
    }
    for name, content in broken.items():
        (folder / "5" / f"{name}.png").write_bytes(content)
    (folder / "missing file.png").symlink_to("gone.png")
    (folder / "unreadable file.png").symlink_to("unreadable file.png")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A folder of all that can go wrong with files, and a Parquet file of raw pixels, some bad."""
    folder = tmp_path_factory.mktemp("mixed")
    write_broken_folder(folder / "digits")
    lists = [DARK.ravel().tolist(), [1, 2, 3], None]
    table = pa.table({"image": lists, "label": [7, None, 0]})
    pq.write_table(table, folder / "lists.parquet")
    return [str(folder / "digits"), str(folder / "lists.parquet")]


# The same as the input


def test_every_kind_of_row_predicts_as_from_the_input(
    tmp_path: Path, mixed: list[str], model: Path
) -> None:
    """Good ones, dark ones, and one for each reason; sources, labels and errors too."""
    summary = mnist_batch.pack(mixed, tmp_path / "packed.parquet")
    expected = predictions(mixed, model)
    assert_same_predictions(predictions(tmp_path / "packed.parquet", model), expected)
    reasons = {
        "no bytes": 2,
        "missing file": 1,
        "unreadable file": 1,
        "not an image": 1,
        "truncated": 1,
        "corrupt": 1,
        "too large": 1,
        "bad pixels": 1,
        "no digit found": 1,
    }
    assert summary.errors_by_reason == reasons
    assert summary.errors == 10
    assert (summary.rows, summary.prepared) == (30 + 6 + 1 + 8 + 3, 6 + 1 + 1)
    assert summary.labelled == 30 + 6 + 1 + 6 + 2
    assert "images that were not in MNIST form, brought to it: 8" in summary.notes


def test_rows_that_are_not_prepared_predict_as_from_the_input(
    tmp_path: Path, mixed: list[str], model: Path
) -> None:
    """With `prepare` never, of both: pictures are resized, and a blank one is predicted."""
    summary = mnist_batch.pack(mixed, tmp_path / "packed.parquet", prepare="never")
    expected = predictions(mixed, model, prepare="never")
    found = predictions(tmp_path / "packed.parquet", model, prepare="never")
    assert_same_predictions(found, expected)
    assert (summary.errors, summary.prepared) == (9, 1)
    assert "no digit found" not in summary.errors_by_reason
    assert "images that were not 28x28, resized: 1" in summary.notes


def test_what_was_packed_unprepared_is_prepared_when_it_is_predicted(
    tmp_path: Path, mixed: list[str], model: Path
) -> None:
    """As the input is, but for the picture that was resized: its proportions are lost."""
    mnist_batch.pack(mixed, tmp_path / "packed.parquet", prepare="never")
    found = predictions(tmp_path / "packed.parquet", model).to_pylist()
    for row, expected in zip(found, predictions(mixed, model).to_pylist(), strict=True):
        assert (row["source"], row["prepared"]) == (expected["source"], expected["prepared"])
        assert row["error"] == expected["error"]
        if row["source"] != "3/larger.png":
            assert row["prediction"] == expected["prediction"]
    assert sum(row["prepared"] for row in found) == 8


def test_a_parquet_file_predicts_as_before(
    tmp_path: Path, digits_parquet: Path, model: Path
) -> None:
    """Each row keeps the source and the row that it had there."""
    mnist_batch.pack(digits_parquet, tmp_path / "packed.parquet")
    found = predictions(tmp_path / "packed.parquet", model)
    assert set(found["source"].to_pylist()) == {"digits.parquet"}
    assert found["row"].to_pylist() == list(range(1050))
    assert_same_predictions(found, predictions(digits_parquet, model))


def test_pixels_are_those_that_pillow_gives(tmp_path: Path, digits_folder: Path) -> None:
    """As a plain Parquet reader sees them, row by row from the top."""
    mnist_batch.pack(digits_folder, tmp_path / "packed.parquet")
    rows = pq.read_table(tmp_path / "packed.parquet").to_pylist()
    assert len(rows) == 30
    for row in rows:
        with Image.open(digits_folder / row["source"]) as image:
            assert row["image"] == image.tobytes()
        assert row["label"] == int(row["source"][0])
        assert (row["row"], row["prepared"], row["error"]) == (0, False, None)


def test_mnist_is_that_of_the_idx_files(
    tmp_path: Path,
    mnist: Path,
    mnist_test_images: NDArray[np.uint8],
    mnist_test_labels: NDArray[np.uint8],
) -> None:
    """All pixels and labels of the test split."""
    mnist_batch.pack(mnist / "test-00000-of-00001.parquet", tmp_path / "packed.parquet")
    table = pq.read_table(tmp_path / "packed.parquet")
    assert b"".join(table["image"].to_pylist()) == mnist_test_images.tobytes()
    assert table["label"].to_pylist() == mnist_test_labels.tolist()


def test_packing_a_packed_file_gives_it_again(tmp_path: Path, mixed: list[str]) -> None:
    """Row for row, errors and their reasons among them."""
    once, twice = tmp_path / "once.parquet", tmp_path / "twice.parquet"
    mnist_batch.pack(mixed, once)
    summary = mnist_batch.pack(once, twice)
    assert pq.read_table(twice).equals(pq.read_table(once))
    assert (summary.errors, summary.prepared) == (10, 8)


_Row = tuple[int, int | None, bool, str | None]
_ROWS = st.lists(
    st.tuples(
        st.integers(0, 255),
        st.none() | st.integers(0, 9),
        st.booleans(),
        st.none() | st.sampled_from(["corrupt: the header", "no bytes"]),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(rows=_ROWS, cuts=st.lists(st.integers(1, 7)), group_rows=st.integers(1, 9))
def test_every_row_is_packed_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[_Row], cuts: list[int], group_rows: int
) -> None:
    """However the batches are cut, whatever the row groups, good images between bad ones."""
    out = tmp_path_factory.mktemp("property") / "property.parquet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnist_batch.outputs.packed.packed_file.ROW_GROUP_ROWS", group_rows)
        opened = _Opened(rows, cuts)
        patch.setattr(pack, "open_inputs", lambda *_: opened)
        summary = mnist_batch.pack("unused", out, prepare="never", overwrite=True)
    assert pq.read_table(out).to_pylist() == [
        {
            "image": None if error else bytes([grey]) * 784,
            "label": label,
            "source": f"{place}.png",
            "row": 0,
            "prepared": prepared,
            "error": error,
        }
        for place, (grey, label, prepared, error) in enumerate(rows)
    ]
    metadata = pq.read_metadata(out)
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    whole, rest = divmod(len(rows), group_rows)
    assert groups == [group_rows] * whole + ([rest] if rest else [])
    assert summary.errors == sum(error is not None for *_, error in rows)
    assert opened.is_fetched


class _Opened:
    """Inputs of one shard of raw pixels, read in batches of other sizes than asked for."""

    size = 0
    files: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    labels = None
    classes = None
    notes: tuple[str, ...] = ()

    def label_note(self) -> None:
        """No note."""

    def fetching(self) -> "_Opened":
        """Nothing is far away, but what is has to be asked for ahead."""
        self.is_fetched = True
        return self

    def __init__(self, rows: list[_Row], cuts: list[int]) -> None:
        self.rows = len(rows)
        self.passed_over: Counter[str] = Counter()
        self.shards = [self]
        self.is_fetched = False
        self._rows = rows
        self._cuts = cuts

    def read(self, _: int) -> Iterator[ImageBatch]:
        """Yield the rows."""
        start = 0
        for size in [*self._cuts, len(self._rows)]:
            if rows := self._rows[start : start + size]:
                yield self._batch(start, rows)
            start += size

    @staticmethod
    def _batch(start: int, rows: list[_Row]) -> ImageBatch:
        greys, labels, prepared, errors = zip(*rows, strict=True)
        images = np.repeat(np.array(greys, np.uint8), 784).reshape(-1, 28, 28)
        return ImageBatch(
            source=pa.array([f"{start + i}.png" for i in range(len(rows))]),
            row=pa.array(np.zeros(len(rows), np.int64)),
            label=pa.array(labels, pa.int8()),
            images=images,
            error=pa.array(errors, pa.string()),
            prepared=np.array(prepared),
        )


@pytest.mark.parametrize("workers", [1, 3])
def test_the_file_does_not_depend_on_the_workers(
    tmp_path: Path, digits_parquet: Path, workers: int
) -> None:
    """The same rows in the same row groups."""
    for name, count in (("a", workers), ("b", 2)):
        mnist_batch.pack(digits_parquet, tmp_path / f"{name}.parquet", workers=count)
    a, b = (pq.read_table(tmp_path / f"{name}.parquet") for name in "ab")
    assert a.equals(b)


def test_workers_are_at_least_one(tmp_path: Path, digits_parquet: Path) -> None:
    """With none nothing would ever come."""
    with pytest.raises(ValueError, match="workers 0"):
        mnist_batch.pack(digits_parquet, tmp_path / "packed.parquet", workers=0)


def test_no_rows_are_a_packed_file_of_none(tmp_path: Path, model: Path) -> None:
    """It can be read again."""
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "none.parquet")
    summary = mnist_batch.pack(tmp_path / "none.parquet", tmp_path / "packed.parquet")
    assert summary.rows == 0
    assert list(mnist_batch.stream(tmp_path / "packed.parquet", model=model)) == []


# Labels


def test_labels_of_a_file_are_packed(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """In place of the folders' names; what it does not name has none, and that is said."""
    labels = tmp_path / "labels.csv"
    labels.write_text("file_name,label\n7/00007.png,1\n0/00010.png,2\n")
    summary = mnist_batch.pack(digits_folder, tmp_path / "packed.parquet", labels=labels)
    table = predictions(tmp_path / "packed.parquet", model)
    labelled = {
        row["source"]: row["label"] for row in table.to_pylist() if row["label"] is not None
    }
    assert labelled == {"7/00007.png": 1, "0/00010.png": 2}
    assert any("labels 2 of 30 images" in note for note in summary.notes)


def test_labels_none_packs_none(tmp_path: Path, digits_folder: Path) -> None:
    """And a packed file's own can be left out in the same way."""
    packed = tmp_path / "packed.parquet"
    assert mnist_batch.pack(digits_folder, packed).labelled == 30
    assert mnist_batch.pack(packed, tmp_path / "again.parquet", labels="none").labelled == 0


def test_another_label_column_is_packed_as_label(tmp_path: Path) -> None:
    """As are images of the column that was named."""
    table = pa.table({"a": [png(RAMP)], "b": [png(RAMP // 2)], "digit": [4]})
    pq.write_table(table, tmp_path / "in.parquet")
    out = tmp_path / "packed.parquet"
    mnist_batch.pack(
        tmp_path / "in.parquet", out, prepare="never", image_column="b", label_column="digit"
    )
    (row,) = pq.read_table(out).to_pylist()
    assert (row["image"], row["label"]) == ((RAMP // 2).tobytes(), 4)


# What else reads it


def test_evaluate_finds_the_samples_in_the_packed_file(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """Of predictions of the packed file, and of predictions of what was packed."""
    packed = tmp_path / "packed.parquet"
    mnist_batch.pack(digits_folder, packed)
    reports = []
    for name, inputs in (("a", digits_folder), ("b", packed)):
        mnist_batch.predict(inputs, tmp_path / f"{name}.parquet", model=model)
        reports.append(tmp_path / f"{name}.report")
        reports.append(tmp_path / f"{name} again")
        mnist_batch.evaluate(tmp_path / f"{name}.parquet", images=packed, report=reports[-1])
    assert len({(report / "samples.png").read_bytes() for report in reports}) == 1


# What is said


def test_the_file_says_how_it_was_packed(tmp_path: Path, mixed: list[str]) -> None:
    """Under a key of its own: format, version, inputs as given, counts, time."""
    mnist_batch.pack(mixed, tmp_path / "packed.parquet", labels="none")
    run = json.loads(pq.read_metadata(tmp_path / "packed.parquet").metadata[KEY])
    assert run["format"] == 1
    assert run["version"] == mnist_batch.__version__
    assert run["options"] == {
        "inputs": mixed,
        "prepare": "auto",
        "image_column": None,
        "label_column": None,
        "labels": "none",
    }
    assert (run["rows"], run["labelled"], run["prepared"]) == (48, 0, 8)
    assert sum(run["errors"].values()) == 10
    assert run["created_utc"].endswith("+00:00")


def test_the_summary_says_size_and_speed(tmp_path: Path, digits_folder: Path) -> None:
    """As JSON takes them."""
    out = tmp_path / "packed.parquet"
    summary = mnist_batch.pack(digits_folder, out)
    record = json.loads(json.dumps(summary.record()))
    assert record["packed_file"] == str(out)
    assert record["size_bytes"] == out.stat().st_size
    assert record["errors"] == {"total": 0, "by_reason": {}}
    assert record["images_per_s"] == pytest.approx(30 / summary.elapsed_s, abs=1)


def test_progress_counts_rows_and_errors(tmp_path: Path, mixed: list[str]) -> None:
    """After each batch, up to all rows."""
    seen: list[Progress] = []
    mnist_batch.pack(mixed, tmp_path / "packed.parquet", progress=seen.append)
    assert [(step.done, step.total, step.errors) for step in seen] == [(45, 48, 8), (48, 48, 10)]


# What is refused, and what a failure leaves


def test_outputs_that_cannot_be_are_refused(tmp_path: Path, digits_folder: Path) -> None:
    """By suffix, because it exists, because it lies where the input does, or is read."""
    present = tmp_path / "present.parquet"
    mnist_batch.pack(digits_folder, present)
    content = present.read_bytes()
    inputs: Any
    for inputs, out, overwrite, message in (
        (digits_folder, tmp_path / "packed.csv", False, "suffix .parquet"),
        (digits_folder, present, False, "exists already"),
        (digits_folder, digits_folder / "packed.parquet", False, "lies in the INPUT folder"),
        (digits_folder, present / "packed.parquet", False, "is not a folder"),
        (f"{tmp_path}/*.parquet", tmp_path / "x.parquet", False, "is matched by"),
        (present, present, True, "is read by this run"),
    ):
        with pytest.raises(OutputError, match=message):
            mnist_batch.pack(inputs, out, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["present.parquet"]
    assert present.read_bytes() == content
    mnist_batch.pack(digits_folder, present, overwrite=True)


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    """A label that is no digit, after row groups were written; what was there stays."""
    labels = np.arange(20_000) % 10
    labels[-1] = 10
    image = pa.array([bytes(784)] * 20_000, pa.binary(784))
    pq.write_table(pa.table({"image": image, "label": labels}), tmp_path / "in.parquet")
    with pytest.raises(LabelError, match="row 19999"):
        mnist_batch.pack(tmp_path / "in.parquet", tmp_path / "out.parquet", prepare="never")
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]
    (tmp_path / "out.parquet").write_text("old")
    with pytest.raises(LabelError):
        mnist_batch.pack(
            tmp_path / "in.parquet", tmp_path / "out.parquet", prepare="never", overwrite=True
        )
    assert (tmp_path / "out.parquet").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_disk_that_refuses_is_an_output_error(
    tmp_path: Path, digits_parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line that names the output; nothing is left beside it."""
    monkeypatch.setattr(
        "mnist_batch.outputs.parquet_writer.open_native", lambda *_: pa.OSFile("/dev/full", "wb")
    )
    with pytest.raises(OutputError, match=r"packed\.parquet could not be written: No space left"):
        mnist_batch.pack(digits_parquet, tmp_path / "packed.parquet")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden ones too


def test_no_more_than_a_row_group_waits_to_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory does not grow with the input: each is written before the next is read to its end."""
    written: list[int] = []
    write = pq.ParquetWriter.write_table

    def recorded(self: pq.ParquetWriter, table: pa.Table) -> None:
        written.append(len(table))
        write(self, table)

    image = pa.array([bytes(784)] * 50_000, pa.binary(784))
    pq.write_table(pa.table({"image": image}), tmp_path / "in.parquet", row_group_size=5000)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", recorded)
    waiting = []
    mnist_batch.pack(
        tmp_path / "in.parquet",
        tmp_path / "out.parquet",
        prepare="never",
        progress=lambda step: waiting.append(step.done - sum(written)),
    )
    assert max(waiting) < 8192
    assert written == [8192] * 6 + [848]


def test_inputs_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """As by predict, and no output is begun."""
    with pytest.raises(InputError, match="no such file or folder"):
        mnist_batch.pack(tmp_path / "absent", tmp_path / "packed.parquet")
    assert list(tmp_path.iterdir()) == []


def test_one_run_at_a_time_packs_into_a_file(tmp_path: Path, digits_folder: Path) -> None:
    """A second one is refused at once, and leaves nothing."""
    out = tmp_path / "packed.parquet"

    def pack_again(_: Progress) -> None:
        with pytest.raises(OutputInUseError, match="another run is writing it"):
            mnist_batch.pack(digits_folder, out, overwrite=True)

    mnist_batch.pack(digits_folder, out, progress=pack_again)
    assert [path.name for path in tmp_path.iterdir()] == ["packed.parquet"]
