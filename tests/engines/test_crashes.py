"""Which rows are found after processes died, and what becomes of them."""

import pickle
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.commands.runs.run import Run
from mnist_batch.decoding import attempts
from mnist_batch.engines.crashes import DEATHS, Attempt, CrashedRows, make_attempt
from mnist_batch.engines.part_job import PartJob
from mnist_batch.errors import MachineError
from mnist_batch.inputs import image_files
from mnist_batch.inputs.shards import Piece, UnreadableSource
from mnist_batch.options import PredictOptions
from mnist_batch.outputs.parts import parts
from mnist_batch.outputs.parts.part_file import PartIdentity, read_part
from mnist_batch.outputs.parts.parts import Part


def _part(rows: int) -> Part:
    shard = UnreadableSource("a/1.png", "no bytes", "no bytes")
    return Part(0, [Piece(shard, "", 0, 1)] * rows)


def _processes(attempt: Attempt, crashing: Collection[int]) -> tuple[Attempt, int]:
    """Run attempts in processes that die over some rows; return the last one and their deaths."""
    deaths = 0
    while True:
        rows = range(attempt.part.rows) if attempt.probe is None else attempt.probe
        if {*rows}.intersection(crashing).difference(attempt.crashed):
            attempt, deaths = attempt.after_death(), deaths + 1
        elif attempt.probe is None:
            return attempt, deaths
        else:
            attempt = attempt.after_probe()


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), _some(n))))
def test_just_the_rows_that_crash_are_found(found: tuple[int, set[int]]) -> None:
    """However many they are and wherever; the whole part is predicted last."""
    rows, crashing = found
    attempt, deaths = _processes(Attempt(_part(rows)), crashing)
    assert attempt.crashed == tuple(sorted(crashing))
    levels = rows.bit_length()
    assert deaths <= (DEATHS + len(crashing) * (levels + DEATHS) if crashing else 0)


def _some(rows: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(0, rows - 1), max_size=5)


def test_a_process_that_dies_twice_for_another_reason_costs_a_part_nothing() -> None:
    """The third try is whole, and no row was searched."""
    attempt = Attempt(_part(9)).after_death().after_death()
    assert (attempt.probe, attempt.crashed, attempt.known) == (None, (), None)


def test_a_row_is_held_to_be_the_cause_only_after_as_many_deaths_alone() -> None:
    """Nothing else is to run beside it then."""
    attempt = Attempt(_part(2))
    for _ in range(DEATHS):
        assert not attempt.is_alone
        attempt = attempt.after_death()
    assert (attempt.probe, attempt.is_alone) == (range(1), True)
    for _ in range(DEATHS):
        assert attempt.crashed == ()
        attempt = attempt.after_death()
    assert (attempt.crashed, attempt.probe) == ((0,), range(1, 2))


def test_where_no_row_alone_does_it_the_machine_is_what_lacks_something() -> None:
    """Of a part whose processes end, and of whose rows none ends one."""
    attempt = Attempt(_part(2))
    for _ in range(DEATHS):
        attempt = attempt.after_death()
    attempt = attempt.after_probe().after_probe()
    for _ in range(DEATHS - 1):
        attempt = attempt.after_death()
    with pytest.raises(MachineError, match=r"2 rows from a/1\.png, row 0, on: .* no image alone"):
        attempt.after_death()


def test_a_part_of_which_each_image_crashes_stops_the_run() -> None:
    """A library is broken then, or somebody made the files; to find all would take hours."""
    with pytest.raises(MachineError, match="more than 64 images"):
        _processes(Attempt(_part(100)), range(100))


@pytest.fixture
def job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, digits_folder: Path
) -> tuple[PartJob, list[Part]]:
    """Thirty images, as three parts of two shards of four, and one of six images."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 4)
    monkeypatch.setattr(image_files, "PART_SHARDS", 2)
    monkeypatch.setattr(parts, "BLOCKS", 0)
    run = Run([digits_folder], None, PredictOptions(content_hash=True))
    job = run.part_job(tmp_path / "out.parquet", tmp_path, for_report=True)
    return job, run.parts


def _rows(job: PartJob, attempt: Attempt) -> list[dict[str, object]]:
    """Make an attempt, sent as to another process, and return the rows of its part's file."""
    done = make_attempt(*pickle.loads(pickle.dumps((job, attempt))))
    assert done is not None
    identity = PartIdentity(job.run, done.number, attempt.part.rows)
    checksum = int(done.name.removesuffix(".arrow").rpartition("-")[2], 16)
    content = pa.py_buffer((Path(job.staging) / done.name).read_bytes())
    kept = [*read_part(content, identity, checksum)]
    assert done.findings.evaluator.errors == len(attempt.crashed)
    return [row for one in kept for row in one.predictions.to_pylist()]


def test_crashed_rows_have_the_error_and_all_others_stay(job: tuple[PartJob, list[Part]]) -> None:
    """Bit for bit; what an image is called by its content stays too."""
    shared, (_, part, *_) = job
    before = _rows(shared, Attempt(part))
    after = _rows(shared, Attempt(part, crashed=(1, 5, 6)))
    for place, (one, other) in enumerate(zip(before, after, strict=True)):
        if place in (1, 5, 6):
            lost = {"prediction": None, "confidence": None, "prepared": False}
            assert other == one | lost | {"error": "crashed the decoder"}
        else:
            assert other == one


def test_a_probe_writes_nothing(job: tuple[PartJob, list[Part]], tmp_path: Path) -> None:
    """Be it of rows of several shards, or of one."""
    shared, (part, *_) = job
    for probe in (range(8), range(2, 7), range(3, 4)):
        assert make_attempt(shared, Attempt(part, probe=probe)) is None
    assert not list(tmp_path.iterdir())


def test_a_probe_reads_none_but_its_rows(
    job: tuple[PartJob, list[Part]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a file which crashes is found alone."""
    shared, (part, *_) = job
    asked = list[str]()
    monkeypatch.setattr(image_files, "_read_at_once", asked.extend)
    assert make_attempt(shared, Attempt(part, probe=range(2, 6))) is None
    paths = [path for shard in part.shards for path in shard.paths]  # type: ignore[attr-defined]
    assert asked == paths[2:6]


def test_a_single_row_is_not_tried_where_a_picture_could_not_have_its_memory(
    job: tuple[PartJob, list[Part]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process could die for want of memory, which is the machine's fault."""
    shared, (part, *_) = job
    monkeypatch.setattr(attempts, "available_memory", lambda: 100 * 2**20)
    assert make_attempt(shared, Attempt(part, probe=range(2))) is None
    with pytest.raises(MachineError, match="may take 600 MiB of memory, and 100 MiB are free"):
        make_attempt(shared, Attempt(part, probe=range(1)))


def test_pixels_of_crashed_rows_are_black(tmp_path: Path) -> None:
    """As of any row with an error, whose pixels nobody shows."""
    np.save(tmp_path / "digits.npy", np.full((3, 28, 28), 9, np.uint8))
    (shard,) = Run([tmp_path / "digits.npy"], None, PredictOptions()).opened.shards
    batches = [*CrashedRows(shard, np.array([1])).read(2)]
    assert [batch.error.to_pylist() for batch in batches] == [[None, "crashed the decoder"], [None]]
    assert [int(image.max()) for batch in batches for image in batch.images] == [9, 0, 9]
