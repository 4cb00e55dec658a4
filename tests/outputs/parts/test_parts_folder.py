"""Unfinished predictions: kept in parts, and continued with `resume`."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import InputError, MachineError, OutputError
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs import image_files
from mnist_batch.options import Style
from mnist_batch.outputs import file_lock, targets
from mnist_batch.outputs.parts import part_file, parts, parts_folder
from mnist_batch.outputs.parts.parts_folder import rows_kept, staging_folder
from mnist_batch.schema import Images
from mnist_batch.synthetic import generator


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)


class _StopError(Exception):
    pass


def _cut_short(source: Path, out: Path, rows: int, **options: Any) -> None:  # noqa: ANN401 - predict's
    """Predict until so many rows are through, and no further."""

    def stop(progress: Progress) -> None:
        if progress.done >= rows:
            raise _StopError

    with pytest.raises(_StopError):
        mnist_batch.predict(source, out, progress=stop, **{"report": False, **options})


def _names(out: Path) -> list[str]:
    return sorted(path.name for path in out.parent.iterdir())


def _kept(out: Path) -> list[str]:
    return sorted(path.name.split("-")[2] for path in staging_folder(out).glob("part-*"))


def test_an_interrupt_right_after_a_part_got_its_name_keeps_it(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run itself has not yet noted that the part is there."""
    out = tmp_path / "out.parquet"
    flush = targets.flush

    def interrupted(path: Path) -> None:
        flush(path)
        if path == staging_folder(out) and _kept(out):
            raise KeyboardInterrupt

    monkeypatch.setattr(part_file, "flush_names", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mnist_batch.predict(digits_folder, out, report=False)
    assert _kept(out) == ["000000"]
    assert rows_kept(out) == 8


def test_nothing_is_kept_where_no_part_is_finished(tmp_path: Path, digits_folder: Path) -> None:
    """A run that ends before leaves nothing."""
    out = tmp_path / "out.parquet"
    _cut_short(digits_folder, out, 7, batch_size=7)
    assert _names(out) == []


def test_a_resumed_run_goes_on(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is missing is read; the output is that of an undisturbed run of the same batches.

    Bit for bit, so the batches are the same: float32 sums depend on where a row lies in a product.
    """
    whole, out = tmp_path / "whole.parquet", tmp_path / "out" / "out.parquet"
    out.parent.mkdir()
    mnist_batch.predict(digits_folder, whole, batch_size=4, probabilities=True, sample_seed=3)
    _cut_short(digits_folder, out, 20, batch_size=4, probabilities=True)
    assert _kept(out) == ["000000", "000001"]
    assert rows_kept(out) == 16
    read: list[str] = []
    original = image_files._read_each

    def reading(paths: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        read.extend(paths)
        return original(paths)

    monkeypatch.setattr(image_files, "_read_each", reading)
    # Compiled code would read them otherwise. It goes on with the network, or none could go on.
    monkeypatch.setattr(image_files, "_kernels", SimpleNamespace(ready=lambda: False))
    summary = mnist_batch.predict(
        digits_folder, out, batch_size=4, probabilities=True, resume=True, report=False
    )
    assert len(read) == 14
    assert "resumed: 16 of 30 rows were there already" in summary.notes
    assert summary.run
    assert summary.run["resumed_rows"] == 16
    assert pq.read_table(out).equals(pq.read_table(whole))
    assert _names(out) == ["out.parquet"]


@pytest.mark.parametrize("first_report", [True, False])
def test_a_resumed_run_reports_all_images(
    tmp_path: Path, digits_folder: Path, *, first_report: bool
) -> None:
    """Those too that the interrupted run predicted, or none where that run did not look at them."""
    out, whole = tmp_path / "out.parquet", tmp_path / "whole.parquet"
    _cut_short(digits_folder, out, 26, batch_size=4, report=first_report)
    resumed = mnist_batch.predict(digits_folder, out, batch_size=4, resume=True)
    undisturbed = mnist_batch.predict(digits_folder, whole, batch_size=4)
    assert resumed.run and undisturbed.run
    assert resumed.run["resumed_rows"] > 0
    noted = any("neither ink nor size" in note for note in resumed.notes)
    if first_report:
        assert sum(resumed.run["images"]["ink"]) == 30
        assert resumed.run["images"] == undisturbed.run["images"]
        assert not noted
    else:
        assert resumed.run["images"] == {"ink": None, "size": None}
        assert noted


def test_on_keras_too_a_resumed_run_is_the_same(tmp_path: Path, digits_folder: Path) -> None:
    """Though it runs blocks across the bounds of batches, of shards too: here of seven rows."""
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    options = {"predictor": "keras", "batch_size": 7, "probabilities": True}
    blocks: list[int] = []

    def predict(target: Path, *, resume: bool = False) -> None:
        model = mnist_batch.load_model(predictor="keras", batch_size=7)
        original = model.probabilities

        def noted(images: Images) -> npt.NDArray[np.float32]:
            blocks.append(len(images))
            return original(images)

        object.__setattr__(model, "probabilities", noted)
        mnist_batch.predict(
            digits_folder,
            target,
            model=model,
            batch_size=7,
            probabilities=True,
            report=False,
            resume=resume,
        )

    predict(whole)
    assert blocks == [7, 1, 7, 1, 7, 1, 6]
    _cut_short(digits_folder, out, 20, **options)
    assert rows_kept(out) == 16
    blocks.clear()
    predict(out, resume=True)
    assert blocks == [7, 1, 6]
    assert pq.read_table(out).equals(pq.read_table(whole))


def test_the_samples_of_a_resumed_run_are_drawn(tmp_path: Path, digits_folder: Path) -> None:
    """Of images, too, that an earlier run has read."""
    out, whole = tmp_path / "out.parquet", tmp_path / "whole.parquet"
    mnist_batch.predict(digits_folder, whole, sample_seed=3)
    _cut_short(digits_folder, out, 20, batch_size=4, sample_seed=3)
    mnist_batch.predict(digits_folder, out, batch_size=4, sample_seed=3, resume=True)
    drawn = [path / "samples.png" for path in (tmp_path / "out.report", tmp_path / "whole.report")]
    assert drawn[0].read_bytes() == drawn[1].read_bytes()


def test_images_that_cannot_be_read_again_are_missing_pictures(
    tmp_path: Path, digits_folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an earlier run predicted them, and they are gone by now; a note says it."""

    def fail(*_: object) -> None:
        raise InputError("in: folder cannot be read")

    out = tmp_path / "out.parquet"
    _cut_short(digits_folder, out, 20, batch_size=4, model=model)
    monkeypatch.setattr("mnist_batch.commands.runs.outputs.find_images", fail)
    summary = mnist_batch.predict(digits_folder, out, model=model, batch_size=4, resume=True)
    assert summary.report_missing == ["samples.png", "mistakes.png"]
    assert any("(in: folder cannot be read)" in note for note in summary.notes)
    names = {path.name for path in (tmp_path / "out.report").iterdir()}
    assert {"index.html", "metrics.json", "mistakes.csv"} <= names
    assert not {"samples.png", "mistakes.png"} & names
    assert pq.read_metadata(out).num_rows == 30


def test_pictures_of_a_resumed_run_are_all_there(tmp_path: Path) -> None:
    """A part whose pictures are wanted is predicted again."""
    source = tmp_path / "paper"
    generator.write_folder(source, 30, style=Style.PAPER)
    out, pictures = tmp_path / "out" / "out.parquet", tmp_path / "out" / "pictures"
    out.parent.mkdir()
    _cut_short(source, out, 20, batch_size=4, save_prepared=pictures)
    assert len(_kept(out)) == 2
    summary = mnist_batch.predict(
        source, out, batch_size=4, save_prepared=pictures, resume=True, report=False
    )
    assert summary.prepared_pictures == len(list(pictures.rglob("*.png"))) == 30


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(b""),
    ],
)
def test_a_damaged_part_is_predicted_again(
    tmp_path: Path,
    digits_folder: Path,
    damage: Any,  # noqa: ANN401 - of a path
) -> None:
    """A bit turned, an end cut off, nothing left: never passed on."""
    out, whole = tmp_path / "out" / "out.parquet", tmp_path / "whole.parquet"
    out.parent.mkdir()
    mnist_batch.predict(digits_folder, whole, report=False)
    _cut_short(digits_folder, out, 26, batch_size=4)
    (part,) = staging_folder(out).glob("part-*-000001-*")
    damage(part)
    summary = mnist_batch.predict(digits_folder, out, batch_size=4, resume=True, report=False)
    assert f"{part}: damaged; its rows were predicted again" in summary.notes
    assert "resumed: 16 of 30 rows were there already" in summary.notes
    assert pq.read_table(out).equals(pq.read_table(whole))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prepare": "never"}, "prepare was auto, and is never now"),
        ({"batch_size": 5}, "batch-size was 4, and is 5 now"),
        ({"labels": "none"}, "labels was None, and is none now"),
        ({"probabilities": True}, "probabilities was False, and is True now"),
        ({"scale": "0-255"}, "scale was 0-1, and is 0-255 now"),
    ],
)
def test_other_options_are_refused(
    tmp_path: Path, digits_folder: Path, options: dict[str, Any], message: str
) -> None:
    """With what was, and what is; and what was kept stays."""
    out = tmp_path / "out.parquet"
    _cut_short(digits_folder, out, 20, batch_size=4)
    with pytest.raises(OutputError, match=message):
        mnist_batch.predict(digits_folder, out, resume=True, **{"batch_size": 4, **options})
    assert len(_kept(out)) == 2


def test_another_model_is_refused(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """By the bytes of its file, not by its name."""
    out = tmp_path / "out.parquet"
    _cut_short(digits_folder, out, 20, batch_size=4)
    with pytest.raises(OutputError, match=r"model was [0-9a-f]{64}, and is [0-9a-f]{64} now"):
        mnist_batch.predict(digits_folder, out, batch_size=4, model=model, resume=True)


def test_other_inputs_are_refused(tmp_path: Path, digits_folder: Path) -> None:
    """A file that was written again meanwhile, or one more."""
    source, out = tmp_path / "digits", tmp_path / "out.parquet"
    shutil.copytree(digits_folder, source)
    _cut_short(source, out, 20, batch_size=4)
    (source / "2" / "00002.png").touch()
    with pytest.raises(OutputError, match=r"times of files have changed, from 0/00000\.png on"):
        mnist_batch.predict(source, out, batch_size=4, resume=True)
    shutil.copy(source / "2" / "00002.png", source / "2" / "more.png")
    with pytest.raises(OutputError, match="the input had 30 rows, and has 31 now"):
        mnist_batch.predict(source, out, batch_size=4, resume=True)


def test_resuming_what_is_to_replace_an_output_takes_overwrite_too(
    tmp_path: Path, digits_folder: Path
) -> None:
    """It is said, and what was finished stays."""
    out = tmp_path / "out.parquet"
    mnist_batch.predict(digits_folder, out, report=False)
    _cut_short(digits_folder, out, 20, overwrite=True)
    with pytest.raises(
        OutputError, match="interrupted run is to replace it; pass overwrite=True too"
    ):
        mnist_batch.predict(digits_folder, out, report=False, resume=True)
    summary = mnist_batch.predict(digits_folder, out, report=False, resume=True, overwrite=True)
    assert "resumed: 16 of 30 rows were there already" in summary.notes


def test_another_folder_of_the_same_names_sizes_and_times_is_refused(tmp_path: Path) -> None:
    """As unpacked from an archive, or behind a link that leads elsewhere now."""
    out, link = tmp_path / "out.parquet", tmp_path / "today"
    for day in (0, 1):
        (tmp_path / str(day)).mkdir()
        for image in range(30):
            path = tmp_path / str(day) / f"{image}.pgm"
            path.write_bytes(b"P5 28 28 255\n" + bytes([100 * day + image]) * 784)
            os.utime(path, ns=(0, 0))
    link.symlink_to("0")
    _cut_short(link, out, 20)
    link.unlink()
    link.symlink_to("1")
    with pytest.raises(OutputError, match="names, sizes or times of files have changed"):
        mnist_batch.predict(link, out, report=False, resume=True)
    link.unlink()
    link.symlink_to("0")
    mnist_batch.predict(link, out, report=False, resume=True)


def test_workers_and_samples_may_be_others(tmp_path: Path, digits_folder: Path) -> None:
    """No prediction depends on them."""
    out = tmp_path / "out.parquet"
    _cut_short(digits_folder, out, 20, batch_size=4, workers=1)
    summary = mnist_batch.predict(
        digits_folder, out, batch_size=4, workers=3, sample_seed=9, resume=True, report=False
    )
    assert "resumed: 16 of 30 rows were there already" in summary.notes


def test_without_resume_all_is_predicted_anew(tmp_path: Path, digits_folder: Path) -> None:
    """And it is said what went."""
    out = tmp_path / "out.parquet"
    _cut_short(digits_folder, out, 20, batch_size=4)
    summary = mnist_batch.predict(digits_folder, out, batch_size=4, report=False)
    (note,) = (note for note in summary.notes if "interrupted" in note)
    assert note.startswith("16 rows that an interrupted run had finished were removed")
    assert summary.run
    assert summary.run["resumed_rows"] == 0
    assert _names(out) == ["out.parquet"]


def test_where_there_is_nothing_to_resume_it_is_said(tmp_path: Path, digits_folder: Path) -> None:
    """A job may always say --resume."""
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(digits_folder, out, resume=True, report=False)
    assert f"nothing to resume: no part of {out} was finished before" in summary.notes
    with pytest.raises(OutputError, match="exists already, so there is nothing to resume"):
        mnist_batch.predict(digits_folder, out, resume=True, report=False)


@pytest.mark.parametrize(
    "name",
    [
        "mine.txt",
        "notes.tmp",
        "lock",
        "manifest.json",
        "part-1-8-00000000.arrow",
        "part-000001-8-00000000.arrow",
        "deep/lock",
    ],
)
def test_another_folder_is_never_touched(tmp_path: Path, digits_folder: Path, name: str) -> None:
    """Whatever is called as the parts' folder is, and holds other files."""
    out = tmp_path / "out.parquet"
    file = staging_folder(out) / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(
        OutputError, match=r"which no run left there, or which is damaged; move it away"
    ):
        mnist_batch.predict(digits_folder, out)
    assert file.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


@pytest.mark.parametrize("link", [True, False])
def test_what_is_no_folder_is_refused(tmp_path: Path, digits_folder: Path, link: bool) -> None:
    """A link would let the parts go elsewhere."""
    out = tmp_path / "out.parquet"
    if link:
        (tmp_path / "elsewhere").mkdir()
        staging_folder(out).symlink_to(tmp_path / "elsewhere")
    else:
        staging_folder(out).write_text("mine")
    with pytest.raises(OutputError, match="is not a folder"):
        mnist_batch.predict(digits_folder, out)
    assert not link or list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("name", ["committed", "lock", "manifest.json", "committed.abcdefgh.tmp"])
def test_a_link_among_the_parts_is_refused(tmp_path: Path, digits_folder: Path, name: str) -> None:
    """Nothing is written through it to elsewhere."""
    out, victim = tmp_path / "out.parquet", tmp_path / "victim"
    victim.write_text("mine")
    _cut_short(digits_folder, out, 20, batch_size=4)
    (staging_folder(out) / name).unlink(missing_ok=True)
    (staging_folder(out) / name).symlink_to(victim)
    with pytest.raises(OutputError, match="which no run left there"):
        mnist_batch.predict(digits_folder, out, batch_size=4, resume=True)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe{", b"[" * 100_000])
def test_a_damaged_manifest_is_one_line(
    tmp_path: Path, digits_folder: Path, content: bytes | None
) -> None:
    """Or one that is gone: nobody knows what the parts are of."""
    out = tmp_path / "out.parquet"
    _cut_short(digits_folder, out, 20, batch_size=4)
    manifest = staging_folder(out) / "manifest.json"
    if content is None:
        manifest.unlink()
    else:
        manifest.write_bytes(content)
    for resume in (True, False):
        with pytest.raises(OutputError, match="or which is damaged; move it away"):
            mnist_batch.predict(digits_folder, out, batch_size=4, resume=resume)


def test_an_output_that_is_a_link_stays_one(tmp_path: Path, digits_folder: Path) -> None:
    """The file behind it is replaced, and its parts lie beside that."""
    (tmp_path / "real").mkdir()
    behind, out = tmp_path / "real" / "behind.parquet", tmp_path / "out.parquet"
    out.symlink_to(behind)
    _cut_short(digits_folder, out, 20, batch_size=4)
    assert _names(behind) == ["behind.parquet.staging"]
    mnist_batch.predict(digits_folder, out, batch_size=4, resume=True, report=False)
    assert out.is_symlink()
    assert len(pq.read_table(behind)) == 30
    mnist_batch.predict(digits_folder, out, overwrite=True, report=False, batch_size=3)
    assert out.is_symlink()
    assert _names(behind) == ["behind.parquet"]


@pytest.mark.parametrize("letter", ["a", "\u4e00"])
def test_a_name_may_be_as_long_as_the_system_lets_it_be(
    tmp_path: Path, digits_folder: Path, letter: str
) -> None:
    """That of the folder beside it is shortened."""
    stem = letter * ((255 - len(".parquet")) // len(letter.encode()))
    out = tmp_path / f"{stem}.parquet"
    _cut_short(digits_folder, out, 20, batch_size=4)
    summary = mnist_batch.predict(digits_folder, out, batch_size=4, resume=True, report=False)
    assert "resumed: 16 of 30 rows were there already" in summary.notes
    assert _names(out) == [out.name]


def test_a_second_run_is_refused_while_the_first_lives(tmp_path: Path, digits_folder: Path) -> None:
    """And the first goes on to its end."""
    out = tmp_path / "out.parquet"

    def run_again(progress: Progress) -> None:
        for resume in (False, True):
            with pytest.raises(OutputError, match="another run is writing it"):
                mnist_batch.predict(digits_folder, out, resume=resume, report=False)
        assert progress.total == 30

    mnist_batch.predict(digits_folder, out, report=False, progress=run_again)
    assert len(pq.read_table(out)) == 30
    assert _names(out) == ["out.parquet"]


def test_a_run_that_has_the_lock_anew_keeps_it(tmp_path: Path, digits_folder: Path) -> None:
    """Somebody removed the first one's file, and the second has not begun a manifest yet."""
    out = tmp_path / "out.parquet"
    file = staging_folder(out) / "lock"
    held: list[file_lock.HeldLock | None] = []

    def lock_anew(_: Progress) -> None:
        if not held:
            file.unlink()
            held.append(file_lock.lock(file))

    mnist_batch.predict(digits_folder, out, report=False, progress=lock_anew)
    assert held[0]
    assert file_lock.lock(file) is None
    held[0].close()


def test_where_the_machine_fails_at_the_end_the_output_is_free_again(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may have too many files open for a moment, and predict again later."""
    out = tmp_path / "out.parquet"

    def refuse(_: Path) -> Iterator[object]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def stop(_: Progress) -> None:
        monkeypatch.setattr(parts_folder, "_names_in", refuse)
        raise KeyboardInterrupt

    with pytest.raises(MachineError, match="too many files are open"):
        mnist_batch.predict(digits_folder, out, report=False, progress=stop)
    monkeypatch.undo()
    assert mnist_batch.predict(digits_folder, out, report=False).metrics.rows == 30


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some that are reached over a network: a run goes on without."""
    import fcntl

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(file_lock.NoLocksError):
        file_lock.lock(tmp_path / "lock")
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(digits_folder, out)
    assert any("its file system has no locks" in note for note in summary.notes)
    assert summary.metrics.rows == 30


def test_a_disk_without_room_for_a_lock_leaves_nothing(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have had room for the folder."""
    make_file = os.open

    def opened(path: Any, *arguments: Any, **options: Any) -> int:  # noqa: ANN401 - of open
        if Path(path).name == "lock":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return make_file(path, *arguments, **options)

    monkeypatch.setattr(os, "open", opened)
    with pytest.raises(OutputError, match="No space left on device"):
        mnist_batch.predict(digits_folder, tmp_path / "out.csv", report=False)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_sees_the_old_output_or_the_new(tmp_path: Path, digits_folder: Path) -> None:
    """While it is replaced ten times, a reader that looks all the time finds a whole file."""
    out = tmp_path / "out.parquet"
    mnist_batch.predict(digits_folder, out, report=False, sample_seed=0)
    seen: set[int] = set()
    ended = threading.Event()

    def read() -> Iterator[int]:
        while not ended.is_set():
            file = pq.ParquetFile(pa.BufferReader(out.read_bytes()))
            assert file.read().num_rows == 30
            yield int(file.metadata.metadata[b"mnist_batch"].split(b'"sample_seed": ')[1][0:1])

    reader = threading.Thread(target=lambda: seen.update(read()))
    reader.start()
    for seed in range(10):
        mnist_batch.predict(digits_folder, out, report=False, sample_seed=seed, overwrite=True)
    ended.set()
    reader.join()
    assert seen


def test_the_first_error_stops_a_run_that_is_to_fail_fast(
    tmp_path: Path, digits_folder: Path
) -> None:
    """With what and where; nothing is written, and what was finished is kept."""
    source, out = tmp_path / "digits", tmp_path / "out.parquet"
    shutil.copytree(digits_folder, source)
    (source / "9" / "a.png").write_bytes(b"")
    (source / "9" / "b.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"^9/a\.png, row 0: no bytes; .* without fail_fast=True$"):
        mnist_batch.predict(source, out, fail_fast=True)
    assert not out.exists()
    assert _kept(out) == ["000000", "000001", "000002"]
    assert mnist_batch.predict(source, out, resume=True, report=False).metrics.errors == 2


_LIMITED = """
import resource, signal, sys
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts
image_files.SHARD_ROWS = 8
image_files.PART_SHARDS = 1
parts.BLOCKS = 0
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv[1:] = sys.argv[2:]
from mnist_batch.cli import main
main()
"""


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("limit", [0, 1500])
def test_a_full_disk_leaves_the_old_output(
    tmp_path: Path, digits_folder: Path, suffix: str, limit: int
) -> None:
    """Wherever it is full: one line, status 1, and a run with room again succeeds.

    Room for the predictions is enough, see tests/commands/test_predict_report.py.
    """
    out = tmp_path / f"out.{suffix}"
    out.write_text("old")
    command = ["predict", str(digits_folder), "--out", str(out), "--overwrite", "--quiet"]
    ended = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(limit), *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout == ""
    error = [line for line in ended.stderr.splitlines() if not line.startswith("note: ")]
    assert len(error) == 1
    assert "could not be written: File too large; make room" in error[0]
    assert out.read_text() == "old"
    assert set(_names(out)) <= {out.name, f"{out.name}.staging"}
    again = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(2**40), *command, "--resume"], check=False
    )
    assert again.returncode == 0
    assert _names(out) == [out.name, "out.report"]


def test_folders_above_are_made_and_left_only_with_something_in_them(
    tmp_path: Path, digits_folder: Path
) -> None:
    """A refused run leaves none, an interrupted one those above its parts."""
    out = tmp_path / "a" / "b" / "out.parquet"
    with pytest.raises(InputError):
        mnist_batch.predict(tmp_path / "none", out)
    assert list(tmp_path.iterdir()) == []
    _cut_short(digits_folder, out, 7, batch_size=7)
    assert list(tmp_path.iterdir()) == []
    mnist_batch.predict(digits_folder, out, report=False)
    assert [path.name for path in out.parent.iterdir()] == ["out.parquet"]
