"""Other ways to predict the same files, taking turns with this one.

Each is a warm process of its own, see `benchmarks.ways`: after its imports and one round of
warm-up, from the images on disk to a written Parquet of predictions. What is slow is not timed on
ten times the images.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.data import FORMS, Digits
from benchmarks.recording import Measure, NotRun
from benchmarks.results import Row
from benchmarks.ways import WAYS
from benchmarks.workers import NotInstalledError, Worker
from mnist_batch.inference.workers import available_workers
from mnist_batch.models.model_file import DEFAULT_MODEL

OURS = "mnist-batch"
ON_A_FOLDER = "image_dataset_from_directory"
COMPARED = [
    *(("parquet-100", False, way) for way in WAYS if way != ON_A_FOLDER),
    *(("folder", False, way) for way in (OURS, ON_A_FOLDER)),
    *(("parquet-10000", True, way) for way in (OURS, "Daft")),
]


@pytest.fixture(scope="module")
def workers(folder: Path) -> Iterator[Callable[[str], Worker]]:
    """Starts the worker of a way when it is first asked for; all end with the module."""
    started: dict[str, Worker | NotInstalledError] = {}
    with ExitStack() as stack:

        def worker(way: str) -> Worker:
            if way not in started:
                log = folder / f"worker-{len(started)}.log"
                try:
                    started[way] = stack.enter_context(Worker(way, DEFAULT_MODEL, log))
                except NotInstalledError as error:
                    started[way] = error
            found = started[way]
            if isinstance(found, NotInstalledError):
                raise found
            return found

        yield worker


@pytest.mark.parametrize("way", WAYS)
def test_a_way_starts(
    measure: Measure,
    workers: Callable[[str], Worker],
    not_run: NotRun,
    digits: Digits,
    tmp_path: Path,
    way: str,
) -> None:
    """A process imports its packages and loads the model, and predicts ten images right."""
    source = digits.first(10, "folder" if way == ON_A_FOLDER else "parquet-100")
    row = Row(
        "Start of each way",
        way,
        None,
        timed="once, from the interpreter's start to packages imported and model loaded",
    )
    try:
        worker = measure(lambda: workers(way), row, rounds=1, warmup_rounds=0, peak=lambda: None)
    except NotInstalledError as error:
        not_run.skip(row, str(error))
    measure.note_versions(worker.versions)
    worker.predict(source.path, tmp_path / "out.parquet")
    source.check_counts(pq.read_table(tmp_path / "out.parquet"))


@pytest.mark.parametrize(("form", "large", "way"), COMPARED)
def test_a_way_agrees_with_the_reference(
    request: pytest.FixtureRequest,
    workers: Callable[[str], Worker],
    not_run: NotRun,
    digits: Digits,
    folder: Path,
    turn: int,
    form: str,
    large: bool,
    way: str,
) -> None:
    """The same files, the same model, the same digits."""
    source = digits.source(form, large=large)
    row = Row(
        f"Ways, {FORMS[form]}, {source.rows:,} images",
        way,
        source.rows,
        threads=available_workers() if way == OURS else None,
        ratio_of=OURS,
        timed="a warm process of each way, in turns: from the images on disk to a Parquet file of "
        "labels and predictions, without a report; checked: how often each label got each digit",
    )
    try:
        worker = workers(way)
    except NotInstalledError as error:
        not_run.skip(row, str(error))
    measure: Measure = request.getfixturevalue("measure")
    measure.note_versions(worker.versions)
    out = folder / f"{list(WAYS).index(way)}-predictions.parquet"
    measure.turn(
        turn,
        lambda: worker.predict(source.path, out),
        row,
        peak=worker.peak_memory_bytes,
        cpu=worker.cpu_s,
    )
    source.check_counts(pq.read_table(out))
