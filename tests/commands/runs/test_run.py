"""What a run records, and what it notes of its inputs."""

import ctypes
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch._kernels import library
from mnist_batch.commands.runs.run import Run
from mnist_batch.errors import OutputError
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs import image_files
from mnist_batch.options import PredictOptions, Share
from mnist_batch.outputs.parts import parts
from mnist_batch.outputs.parts.parts import Part


def test_the_file_says_how_it_was_made(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """Version, model with its SHA-256, predictor, options, counts, time."""
    import hashlib

    out = tmp_path / "out.parquet"
    mnist_batch.predict(digits_folder, out, model=model, report=False, batch_size=7)
    run = json.loads(pq.read_metadata(out).metadata[b"mnist_batch"])
    assert run["version"] == mnist_batch.__version__
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    assert run["model"] == {"name": "linear.h5", "sha256": sha256}
    assert run["predictor"] == "numpy"
    assert run["options"]["batch_size"] == 7
    assert run["options"]["scale"] == "0-1"
    assert run["counts"] == {"rows": 30, "labelled": 30, "prepared": 0, "errors": {}}
    assert run["created_utc"].endswith("+00:00")


def test_the_file_tells_its_input_from_another(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """By names, rows and sizes, without reading: the time of a file does not matter."""
    folder = tmp_path / "digits"
    shutil.copytree(digits_folder, folder)
    first, *_, last = sorted(folder.rglob("*.png"))
    changes: list[Callable[[], object]] = [
        lambda: None,
        lambda: os.utime(first, (1, 1)),
        lambda: last.write_bytes(last.read_bytes() + b"x"),
        first.unlink,
    ]
    found: list[str] = []
    for change in changes:
        change()
        out = tmp_path / f"{len(found)}.csv"
        run = mnist_batch.predict(folder, out, model=model, report=False).run
        assert run
        found.append(run["data_fingerprint"])
    assert found[0] == found[1]
    assert len(set(found)) == 3


def test_a_run_predicts_any_of_its_parts(
    digits_folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of two parts are those of the whole run, bit for bit."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)
    run = Run([digits_folder], model, PredictOptions())
    assert [part.rows for part in run.parts] == [8, 8, 8, 6]

    def table(parts: Sequence[Part]) -> pa.Table:
        return pa.Table.from_batches(batch.predictions for batch in run.predict(parts))

    whole = table(run.parts)
    assert table([run.parts[1], run.parts[3]]).equals(
        pa.concat_tables([whole.slice(8, 8), whole.slice(24, 6)]).combine_chunks()
    )


def test_the_shares_of_a_run_are_the_whole(
    digits_folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, of the same name and the same data; the rows that each counts are its own."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)
    whole = Run([digits_folder], model, PredictOptions(share=Share(1, 1)))
    shares = [Run([digits_folder], model, PredictOptions(share=Share(n, 3))) for n in (1, 2, 3)]
    assert [run.opened.rows for run in shares] == [8, 8, 14]
    assert [part.number for run in shares for part in run.parts] == [0, 1, 2, 3]
    assert {run.manifest().run() for run in shares} == {whole.manifest().run()}
    rows = [batch.predictions for run in shares for batch in run.predict(run.parts)]
    expected = [batch.predictions for batch in whole.predict(whole.parts)]
    assert pa.Table.from_batches(rows).equals(pa.Table.from_batches(expected))


def test_a_run_is_resumed_by_what_rounds_alike_alone(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each library of kernels, and NumPy, rounds the first layer in its own way."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)
    out, plain = tmp_path / "out.parquet", library._opened(library._PLAIN)

    def interrupt(progress: Progress) -> None:
        if progress.done > 8:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(library, "_loaded", lambda: (plain, ""))
        with pytest.raises(KeyboardInterrupt):
            mnist_batch.predict(digits_folder, out, report=False, progress=interrupt)
    others: list[tuple[tuple[ctypes.CDLL | None, str], str]] = [((None, "none"), "NumPy")]
    if "AVX2" in library.described():
        others.append((library._loaded(), "compiled code for AVX2, rounding 1"))
    for loaded, name in others:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(library, "_loaded", lambda loaded=loaded: loaded)
            changed = f"first-layer was compiled code, rounding 1, and is {name} now"
            with pytest.raises(OutputError, match=changed):
                mnist_batch.predict(digits_folder, out, report=False, resume=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(library, "_loaded", lambda: (plain, ""))
        run = mnist_batch.predict(digits_folder, out, report=False, resume=True).run
    assert run
    assert run["resumed_rows"] >= 8
    assert run["kernels"]["first_layer"] == "compiled code, rounding 1"


@pytest.mark.parametrize(
    ("errors", "is_kept"),
    [
        ([None, "corrupt image: x"], True),
        ([None, "unreadable file: gone"], False),
        (["crashed the decoder", "unreadable file: gone"], True),
        (["unreadable file: reading it ends the process", "unreadable file: gone"], True),
    ],
)
def test_a_part_with_rows_that_crash_is_not_read_again(
    errors: list[str | None], is_kept: bool
) -> None:
    """An unreadable file is tried again, but not where that would end this process."""
    batch = pa.record_batch({"error": pa.array(errors, pa.string())})
    staging = SimpleNamespace(
        found={3: None},
        read=lambda _: [
            SimpleNamespace(predictions=batch.slice(0, 1)),
            SimpleNamespace(predictions=batch.slice(1)),
        ],
    )
    run: Any = SimpleNamespace(parts=[SimpleNamespace(number=3)])
    kept = Run.kept(run, cast("Any", staging), with_pictures=False)
    assert kept == (frozenset([3]) if is_kept else frozenset())
