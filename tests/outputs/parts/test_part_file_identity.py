"""A part is taken for what it is: of which run, and which of its parts."""

import errno
import fcntl
import os
import shutil
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import OutputError
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs import image_files
from mnist_batch.outputs.parts import parts
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.outputs.parts.parts_folder import PartsFolder, staging_folder


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without locks, as some over a network."""

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


class _StopError(Exception):
    pass


def _cut_short(source: Path, out: Path, rows: int = 26, **options: Any) -> list[Path]:  # noqa: ANN401 - predict's
    """Predict until so many rows are through; return the parts that are there then."""

    def stop(progress: Progress) -> None:
        if progress.done >= rows:
            raise _StopError

    with pytest.raises(_StopError):
        mnist_batch.predict(source, out, report=False, batch_size=4, progress=stop, **options)
    return sorted(staging_folder(out).glob("part-*"))


def _resume(source: Path, out: Path) -> list[str]:
    """Resume, check the output against an undisturbed run's, and return the notes."""
    whole = out.with_name("whole.parquet")
    mnist_batch.predict(source, whole, batch_size=4, report=False, overwrite=True)
    summary = mnist_batch.predict(source, out, batch_size=4, report=False, resume=True)
    assert pq.read_table(out).equals(pq.read_table(whole))
    return list(summary.notes)


def _renumbered(part: Path, number: int) -> Path:
    """Return the name that a part would have under another number."""
    head, run, _, *rest = part.name.split("-")
    return part.with_name("-".join([head, run, f"{number:06}", *rest]))


def test_a_part_copied_to_another_number_is_predicted_again(
    tmp_path: Path, digits_folder: Path
) -> None:
    """Where no part is, and of as many rows."""
    out = tmp_path / "out.parquet"
    first, *_ = _cut_short(digits_folder, out, 10)
    shutil.copy(first, _renumbered(first, 2))
    notes = _resume(digits_folder, out)
    assert (
        f"{_renumbered(first, 2)}: of another run, or another part; its rows were predicted "
        in (notes[0] + " ")
    )
    assert "resumed: 8 of 30 rows were there already" in notes


def test_swapped_parts_are_predicted_again(tmp_path: Path, digits_folder: Path) -> None:
    """Each is whole, and of this run."""
    out = tmp_path / "out.parquet"
    first, second, _ = _cut_short(digits_folder, out)
    apart = first.rename(tmp_path / "apart")
    second.rename(_renumbered(second, 0))
    apart.rename(_renumbered(first, 1))
    assert "resumed: 8 of 30 rows were there already" in _resume(digits_folder, out)


@pytest.mark.parametrize("named_as_ours", [False, True])
def test_a_part_that_another_run_left_late_is_predicted_again(
    tmp_path: Path, digits_folder: Path, *, named_as_ours: bool
) -> None:
    """Also where it got a name of this run: its identity is within the checksum."""
    out, other = tmp_path / "out.parquet", tmp_path / "other.parquet"
    late = _cut_short(digits_folder, other, prepare="never")[1]
    ours = _cut_short(digits_folder, out)
    name = late.name.replace(late.name[5:21], ours[0].name[5:21]) if named_as_ours else late.name
    ours[1].unlink()
    late.rename(staging_folder(out) / name)
    notes = _resume(digits_folder, out)
    assert "resumed: 16 of 30 rows were there already" in notes
    assert any("of another run" in note and name in note for note in notes)


@pytest.mark.parametrize("is_copied", [True, False])
def test_a_part_of_a_folder_under_another_number_is_predicted_again(
    tmp_path: Path, digits_folder: Path, is_copied: bool
) -> None:
    """Its bytes do not tell which part it is; its checksum does."""
    mnist_batch.predict(digits_folder, f"{tmp_path}/whole/", report=False)
    first, second, _ = _cut_short(digits_folder, tmp_path / "all", format="dataset")
    second.unlink()
    (shutil.copy2 if is_copied else Path.rename)(
        first, first.with_name(first.name.replace("-000000-", "-000001-"))
    )
    summary = mnist_batch.predict(
        digits_folder, f"{tmp_path}/all/", report=False, batch_size=4, resume=True
    )
    assert any("damaged; its rows were predicted again" in note for note in summary.notes)
    parts_of = [
        {path.name: path.read_bytes() for path in (tmp_path / name).glob("part-*")}
        for name in ("whole", "all")
    ]
    assert parts_of[0] == parts_of[1]


def test_a_part_of_fewer_rows_is_predicted_again(tmp_path: Path, digits_folder: Path) -> None:
    """A file with the identity of a part, and rows missing."""
    out = tmp_path / "out.parquet"
    part = _cut_short(digits_folder, out)[2]
    batch = pa.ipc.open_file(part.read_bytes()).get_batch(0)
    shorter = pa.BufferOutputStream()
    with pa.ipc.new_file(shorter, batch.schema) as writer:
        writer.write_batch(batch.slice(1))
    content = shorter.getvalue().to_pybytes()
    part.unlink()
    (part.with_name(f"{part.name[:-14]}{zlib.crc32(content):08x}.arrow")).write_bytes(content)
    assert "resumed: 16 of 30 rows were there already" in _resume(digits_folder, out)


def test_a_part_that_cannot_be_read_is_predicted_again(tmp_path: Path, digits_folder: Path) -> None:
    """Empty, and for another user also closed; a folder in its place is nobody's of ours."""
    out = tmp_path / "out.parquet"
    part = _cut_short(digits_folder, out)[1]
    part.unlink()
    part.mkdir()
    with pytest.raises(OutputError, match="which no run left there"):
        mnist_batch.predict(digits_folder, out, batch_size=4, report=False, resume=True)
    part.rmdir()
    part.write_bytes(b"")
    part.chmod(0)
    notes = _resume(digits_folder, out)
    assert any(note.startswith(f"{part}: ") for note in notes)


def test_a_part_replaced_after_it_was_found_ends_the_run(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole and of this run, but another part: nothing is written, and resuming helps."""
    out = tmp_path / "out.parquet"
    first, second, _ = _cut_short(digits_folder, out)
    content = second.read_bytes()
    read = PartsFolder.read

    def late(self: PartsFolder, part: Part) -> Any:  # noqa: ANN401 - a generator
        if part.number == 2:
            second.write_bytes(first.read_bytes())
        return read(self, part)

    monkeypatch.setattr(PartsFolder, "read", late)
    with pytest.raises(OutputError, match="was replaced while a run used it; resume=True predicts"):
        mnist_batch.predict(digits_folder, out, batch_size=4, report=False, resume=True)
    assert not out.exists()
    monkeypatch.undo()
    assert second.read_bytes() != content
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_files, "SHARD_ROWS", 8)
        patch.setattr(image_files, "PART_SHARDS", 1)
        patch.setattr(parts, "BLOCKS", 0)
        assert "resumed: 16 of 30 rows were there already" in _resume(digits_folder, out)


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("resume", [True, False])
def test_of_two_runs_without_locks_the_later_one_writes(
    tmp_path: Path, digits_folder: Path, *, resume: bool
) -> None:
    """The earlier one ends in one line, and takes nothing from the later one."""
    out, later = tmp_path / "out.parquet", []

    def begin(progress: Progress) -> None:
        if progress.done == 20:
            later.extend(_cut_short(digits_folder, out, 18, resume=resume))

    with pytest.raises(OutputError, match="another run"):
        mnist_batch.predict(digits_folder, out, report=False, batch_size=4, progress=begin)
    assert not out.exists()
    assert {part.name for part in later} <= {p.name for p in staging_folder(out).iterdir()}
    assert any("resumed:" in note for note in _resume(digits_folder, out))


@pytest.mark.parametrize("at", [3, 20, 30])
def test_a_folder_that_is_removed_in_mid_run_ends_the_run(
    tmp_path: Path, digits_folder: Path, at: int
) -> None:
    """In one line; the old output stays."""
    out = tmp_path / "out.parquet"
    out.write_bytes(b"old")

    def remove(progress: Progress) -> None:
        if progress.done >= at and staging_folder(out).exists():
            shutil.rmtree(staging_folder(out))

    with pytest.raises(OutputError, match=r"out\.parquet\.staging: was removed, or taken by"):
        mnist_batch.predict(
            digits_folder, out, report=False, batch_size=1, progress=remove, overwrite=True
        )
    assert out.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_parts_of_an_earlier_format_are_refused(tmp_path: Path, digits_folder: Path) -> None:
    """Their names had no run; without `--resume` they are removed."""
    out = tmp_path / "out.parquet"
    (part, *_) = _cut_short(digits_folder, out, 10)
    part.rename(part.with_name(f"part-{part.name[22:]}"))
    manifest = staging_folder(out) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format": 3', '"format": 1'))
    with pytest.raises(OutputError, match="its format was 1, and is 3 now"):
        mnist_batch.predict(digits_folder, out, batch_size=4, resume=True)
    summary = mnist_batch.predict(digits_folder, out, batch_size=4, report=False)
    assert any("8 rows that an interrupted run had finished" in note for note in summary.notes)
