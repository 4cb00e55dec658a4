"""Which rows are found after processes died, and what becomes of them."""

import pickle
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.commands.runs.run import Run
from mnist_batch.decoding import attempts
from mnist_batch.decoding.decode import DecodedBatch
from mnist_batch.engines.crashes import DEATHS, Attempt, make_attempt
from mnist_batch.engines.part_job import PartJob
from mnist_batch.errors import MachineError
from mnist_batch.inference import pipeline
from mnist_batch.inputs import image_files
from mnist_batch.inputs.shards import Piece, TakenRows, UnreadableSource
from mnist_batch.options import PredictOptions
from mnist_batch.outputs.parts import parts
from mnist_batch.outputs.parts.part_file import PartIdentity, read_part
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.preprocessing.mnist_form import prepare_batch
from mnist_batch.schema import ImageBatch


def _part(*rows: int) -> Part:
    """Return a part of shards of so many rows, which are never read."""
    source = UnreadableSource("a/1.png", "no bytes", "no bytes")
    return Part(0, [Piece(TakenRows(source, np.arange(count)), "", 0, 1) for count in rows])


def _processes(
    attempt: Attempt,
    crashing: Collection[int],
    unreadable: Collection[int] = (),
    hanging: Collection[int] = (),
) -> tuple[Attempt, int]:
    """Run attempts in processes that die over some rows, hang over some, or die as they read some.

    Returns:
        The last attempt, and how many died.
    """
    numbers = [n for n, shard in enumerate(attempt.part.shards) for _ in range(shard.rows)]
    deaths = 0
    while True:
        rows = range(attempt.part.rows) if attempt.probe is None else attempt.probe
        read = [row for row in rows if numbers[row] not in attempt.unreadable]
        dies = any(numbers[row] in unreadable for row in read)
        decoded = {*read}.difference(attempt.crashed)
        if attempt.reads or not attempt.decodes:
            decoded = set()
        if dies or decoded.intersection(crashing):
            attempt, deaths = attempt.after_death(), deaths + 1
        elif decoded.intersection(hanging):
            attempt, deaths = attempt.after_timeout(9.0), deaths + 1
        elif attempt.probe is None:
            return attempt, deaths
        else:
            attempt = attempt.after_probe()


@given(st.data())
def test_just_the_rows_and_the_shards_that_crash_are_found(data: st.DataObject) -> None:
    """However many they are and wherever; the whole part is predicted last."""
    sizes = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=6))
    unreadable = data.draw(st.sets(st.integers(0, len(sizes) - 1), max_size=2))
    crashing, hanging = (
        data.draw(st.sets(st.integers(0, sum(sizes) - 1), max_size=5)) for _ in range(2)
    )
    attempt, deaths = _processes(Attempt(_part(*sizes)), crashing, unreadable, hanging)
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    found = crashing | hanging
    assert attempt.unreadable == tuple(sorted(unreadable))
    assert attempt.crashed == tuple(row for row in sorted(found) if numbers[row] not in unreadable)
    causes, levels = len(found) + len(unreadable), 2  # of up to 240 rows, 16 pieces of 15
    assert deaths <= (DEATHS + causes * (levels + 2 * DEATHS) if causes else 0)


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
    assert attempt.decodes
    assert (attempt.probe, attempt.is_alone) == (range(1), True)
    for _ in range(DEATHS):
        assert not attempt.reads
        attempt = attempt.after_death()
    assert (attempt.reads, attempt.probe, attempt.crashed) == (True, range(1), ())
    attempt = attempt.after_probe()
    assert (attempt.reads, attempt.probe, attempt.crashed) == (False, range(1, 2), (0,))


def test_where_no_row_alone_does_it_the_machine_is_what_lacks_something() -> None:
    """Of a part whose processes end, and of whose rows none ends one."""
    attempt = Attempt(_part(2))
    for _ in range(DEATHS):
        attempt = attempt.after_death()
    attempt = attempt.after_probe().after_probe()
    for _ in range(DEATHS - 1):
        attempt = attempt.after_death()
    with pytest.raises(MachineError, match=r"2 rows from those of a/1\.png on: .* no image"):
        attempt.after_death()


def _timed_out(attempt: Attempt, times: int = DEATHS) -> Attempt:
    for _ in range(times):
        attempt = attempt.after_timeout(9.0)
    return attempt


def test_rows_that_take_too_long_are_searched_only_where_it_is_their_decoding() -> None:
    """All the rest is tried first; where that takes too long too, the machine hangs."""
    attempt = _timed_out(Attempt(_part(2)))
    assert (attempt.probe, attempt.decodes) == (range(2), False)
    assert attempt.after_probe().probe == range(1)
    assert attempt.after_death().probe == range(1)  # it is not slow, and dies over something
    with pytest.raises(MachineError) as raised:
        attempt.after_timeout(9.0)
    assert str(raised.value) == (
        "2 rows from those of a/1.png on: not done within 9 s, 3 times, and no image alone takes "
        "so long; the machine, or what it reads from, hangs or is slow; mend that, or pass a "
        "longer part_timeout"
    )


def test_a_reader_that_hangs_is_the_failure_of_the_machine() -> None:
    """As a disk of the network does: no row is accused."""
    attempt = _timed_out(_timed_out(Attempt(_part(2))).after_probe())
    assert (attempt.reads, attempt.probe) == (True, range(1))
    attempt = _timed_out(attempt, DEATHS - 1)
    with pytest.raises(MachineError, match="what it reads from, hangs"):
        attempt.after_timeout(9.0)


def test_a_part_that_is_slow_as_a_whole_accuses_no_row() -> None:
    """Each of its rows is done in time."""
    attempt = _timed_out(Attempt(_part(2))).after_probe().after_probe().after_probe()
    assert (attempt.probe, attempt.crashed) == (None, ())
    attempt = _timed_out(attempt, DEATHS - 1)
    with pytest.raises(MachineError, match="pass a longer part_timeout"):
        attempt.after_timeout(9.0)


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
    assert done.findings.evaluator.errors == len(attempt.crashed) + 4 * len(attempt.unreadable)
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


def test_a_part_can_be_tried_without_its_decoding(
    job: tuple[PartJob, list[Part]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row comes to it with an error; all else is done, and nothing is written."""
    shared, (part, *_) = job
    errors = list[str | None]()

    def prepare(batch: ImageBatch, **named: Any) -> DecodedBatch:  # noqa: ANN401
        errors.extend(batch.error.to_pylist())
        return prepare_batch(batch, **named)

    monkeypatch.setattr(pipeline, "prepare_batch", prepare)
    assert make_attempt(shared, Attempt(part, probe=range(8), decodes=False)) is None
    assert errors == ["crashed the decoder"] * 8


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


def test_a_shard_that_cannot_be_read_is_rows_with_an_error(
    job: tuple[PartJob, list[Part]],
) -> None:
    """Those of the other shard stay; and reading alone predicts nothing."""
    shared, (_, part, *_) = job
    before = _rows(shared, Attempt(part))
    after = _rows(shared, Attempt(part, unreadable=(1,)))
    assert after[:4] == before[:4]
    error = "unreadable file: reading it ends the process"
    names = ("source", "row", "prediction", "error", "content")
    assert [[row[name] for name in names] for row in after[4:]] == [
        [row["source"], row["row"], None, error, None] for row in before[4:]
    ]
    assert make_attempt(shared, Attempt(part, probe=range(5, 6), reads=True)) is None
