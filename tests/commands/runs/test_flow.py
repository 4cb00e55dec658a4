"""Parts that an engine predicts become the outputs that threads here would have made."""

import json
import shutil
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from mnist_batch.commands.predict import predict_with
from mnist_batch.commands.runs.summary import Summary
from mnist_batch.engines.part_job import Engine, PartDone, PartJob
from mnist_batch.errors import InputError, OutputError
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs import image_files
from mnist_batch.inputs.dataset.layout import MANIFEST
from mnist_batch.options import (
    Orientation,
    OutputFormat,
    OutputOptions,
    PredictOptions,
    ReadOptions,
    Several,
    Share,
)
from mnist_batch.outputs.parts import parts, staging
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.synthetic.generator import draw_digits
from tests.support.engines import InProcess


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)


def _predict(
    inputs: Path,
    out: Path,
    model: Path | None,
    engine: Engine | None,
    options: PredictOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Summary:
    options = options or PredictOptions()
    return predict_with([inputs], out, model, options, progress, engine=engine)


def _report(out: Path) -> dict[str, bytes]:
    folder = out.with_suffix(".report")
    pages = {path.name: path.read_bytes() for path in folder.iterdir()}
    pages.pop("index.html")  # tells times and names of files
    pages.pop("metrics.json")
    return pages


def _told(out: Path) -> object:
    """Return what `metrics.json` tells of the rows."""
    record = json.loads((out.with_suffix(".report") / "metrics.json").read_text())
    record.pop("run")
    return record


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 30 pictures of one to three digits on white paper, two of them damaged."""
    folder = tmp_path_factory.mktemp("pictures")
    digits, labels = draw_digits(90, seed=12)
    for place in range(30):
        count = place % 3 + 1
        paper = Image.new("L", (60 * count + 20, 90), 255)
        for number, digit in enumerate(digits[3 * place : 3 * place + count]):
            one = Image.fromarray(255 - digit).resize((56, 56), Image.Resampling.BICUBIC)
            paper.paste(one, (10 + 60 * number, 10))
        name = folder / str(labels[3 * place]) / f"{place}.png"
        name.parent.mkdir(exist_ok=True)
        paper.save(name)
        if place % 16 == 9:
            name.write_bytes(name.read_bytes()[:200])
    return folder


@pytest.mark.parametrize("several", Several)
def test_an_engine_makes_the_output_and_the_report_of_threads(
    tmp_path: Path, pictures: Path, several: Several
) -> None:
    """Whatever the order of its parts: of pictures that are split, too, into any number of rows."""
    options = PredictOptions(several=several, output=OutputOptions(sample_seed=4))
    by_threads, by_engine = tmp_path / "threads" / "a.parquet", tmp_path / "engine" / "a.parquet"
    one = _predict(pictures, by_threads, None, None, options)
    other = _predict(pictures, by_engine, None, InProcess([2, 0, 3, 1]), options)
    assert pq.read_table(by_engine).equals(pq.read_table(by_threads))
    assert _report(by_engine) == _report(by_threads)
    assert other.notes == one.notes
    assert _told(by_engine) == _told(by_threads)
    assert not (tmp_path / "engine" / "a.parquet.staging").exists()


def test_an_engine_makes_the_share_of_threads(tmp_path: Path, pictures: Path) -> None:
    """Also the second one, of which the report shows images by their places in it."""
    options = PredictOptions(
        several=Several.SPLIT, share=Share(2, 2), output=OutputOptions(format=OutputFormat.DATASET)
    )
    by_threads, by_engine = tmp_path / "threads", tmp_path / "engine"
    _predict(pictures, by_threads, None, None, options)
    _predict(pictures, by_engine, None, InProcess(), options)
    names = [sorted(path.name for path in out.glob("*.parquet")) for out in (by_threads, by_engine)]
    assert names[0] == names[1] == ["part-00002.parquet", "part-00003.parquet"]
    for name in names[0]:
        assert (by_engine / name).read_bytes() == (by_threads / name).read_bytes()
    assert _report(by_engine) == _report(by_threads)
    assert _told(by_engine) == _told(by_threads)


def test_an_engine_finds_out_that_images_lie_otherwise(
    tmp_path: Path, digits_parquet: Path
) -> None:
    """By the same labelled images, of which a run keeps some: a network that reads badly."""
    options = PredictOptions(ReadOptions(orientation=Orientation.TRANSPOSED))
    notes = [
        _predict(digits_parquet, tmp_path / f"{name}.csv", None, engine, options).notes
        for name, engine in (("threads", None), ("engine", InProcess()))
    ]
    assert notes[0] == notes[1]
    assert "of 1,000 labelled images right as they lie" in notes[0][0]


def test_a_killed_run_goes_on_from_the_parts_of_an_engine(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """Be it by threads or by an engine; the parts that are there are not predicted again."""
    whole = tmp_path / "whole.csv"
    _predict(digits_folder, whole, model, None)

    def interrupt(progress: Progress) -> None:
        if progress.done > 8:
            raise KeyboardInterrupt

    resume = PredictOptions(output=OutputOptions(resume=True))
    for name, engine in (("threads.csv", None), ("engine.csv", InProcess())):
        out = tmp_path / name
        with pytest.raises(KeyboardInterrupt):
            _predict(digits_folder, out, model, InProcess([0, 2, 1, 3]), progress=interrupt)
        summary = _predict(digits_folder, out, model, engine, resume)
        assert out.read_bytes() == whole.read_bytes()
        assert any("24 of 30 rows were there already" in note for note in summary.notes)
        if engine:
            assert engine.predicted == [3]


def test_an_engine_fails_fast_with_the_first_row_that_has_no_prediction(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """In the order of the input, not that of the parts."""
    inputs = tmp_path / "digits"
    shutil.copytree(digits_folder, inputs)
    images = sorted(inputs.rglob("*.png"))
    for place in (28, 17, 19):
        images[place].write_bytes(b"nothing")
    first = images[17].relative_to(inputs)
    with pytest.raises(InputError, match=f"{first}, row 0: not an image; mend it or leave it out"):
        _predict(inputs, tmp_path / "a.csv", model, InProcess(), PredictOptions(fail_fast=True))
    assert not (tmp_path / "a.csv").exists()


def test_a_part_that_is_not_there_is_refused(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """As of a machine that wrote elsewhere; so is a file that is called otherwise."""

    class Elsewhere(InProcess):
        """Writes its parts where nobody sees them."""

        def run(self, job: PartJob, parts: Iterable[Part]) -> Generator[PartDone, None, None]:
            for done in super().run(job, parts):
                (Path(job.staging) / done.name).unlink()
                yield done

    class Misnaming(InProcess):
        """Names other files."""

        def run(self, job: PartJob, parts: Iterable[Part]) -> Generator[PartDone, None, None]:
            for done in super().run(job, parts):
                yield replace(done, name="../a.arrow")

    missing = r"a.csv.staging/part-\w+-000000-8-\w+.arrow: is not there, though a worker wrote it"
    for engine, message in (
        (Elsewhere(), missing),
        (Misnaming(), "'../a.arrow' is not the name of part 0"),
    ):
        with pytest.raises(OutputError, match=message):
            _predict(digits_folder, tmp_path / "a.csv", model, engine)
    assert not (tmp_path / "a.csv").exists()


def test_an_engine_fills_a_folder_of_which_no_row_is_read_here(
    tmp_path: Path, digits_folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the parts, the checksums and the figures that threads give."""
    wanted = PredictOptions(output=OutputOptions(format=OutputFormat.DATASET))
    one = _predict(digits_folder, tmp_path / "threads", model, None, wanted)

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(staging, "read_part", refuse)
    other = _predict(digits_folder, tmp_path / "engine", model, InProcess([2, 0, 3, 1]), wanted)
    for path in (tmp_path / "threads").glob("part-*"):
        assert (tmp_path / "engine" / path.name).read_bytes() == path.read_bytes()
    by_threads, by_engine = (
        json.loads((tmp_path / name / MANIFEST).read_text()) for name in ("threads", "engine")
    )
    assert by_engine["parts"] == by_threads["parts"]
    assert by_engine["record"]["counts"] == by_threads["record"]["counts"]
    assert other.profile == one.profile
    assert _report(tmp_path / "engine") == _report(tmp_path / "threads")
