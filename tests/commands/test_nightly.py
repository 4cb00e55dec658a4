"""`nightly`, the function: a night's folder, what it is held against, and what it says."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import mnist_batch
from mnist_batch.engines import processes
from mnist_batch.errors import InputError, OutputError, PredictionsError
from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_folder import read_nights
from mnist_batch.synthetic import generator
from tests.support import crashing
from tests.support.full_disk import limited_file_size
from tests.support.linear_model import write_linear_model


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 generated digits as PNG files in class folders."""
    folder = tmp_path_factory.mktemp("digits") / "digits"
    generator.write_folder(folder, 200)
    return folder


@pytest.fixture(scope="module")
def blind_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that reads every image as 5."""
    path = tmp_path_factory.mktemp("model") / "blind.h5"
    kernel, bias = np.zeros((784, 10), np.float32), np.zeros(10, np.float32)
    bias[5] = 9
    write_linear_model(path, (kernel, bias))
    return path


def _nightly(digits: Path, runs: Path, **options: object) -> mnist_batch.NightlyResult:
    """Make a night, on a thread: to begin a process takes longer than all else here."""
    return mnist_batch.nightly(digits, runs, workers=1, **{"isolate": False, **options})  # type: ignore[arg-type]


def _gates(result: mnist_batch.NightlyResult) -> dict[str, bool | None]:
    return {gate.name: gate.passed for gate in result.night.gates}


@pytest.fixture(scope="module")
def two(digits: Path, blind_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good night and one of a model that reads nothing."""
    runs = tmp_path_factory.mktemp("two") / "nights"
    _nightly(digits, runs, name="good")
    _nightly(digits, runs, name="blind", model=blind_model)
    return runs


@pytest.fixture
def runs(two: Path, tmp_path: Path) -> Path:
    """A copy of the two nights."""
    return Path(shutil.copytree(two, tmp_path / "nights"))


def test_a_night_is_a_folder_with_all_that_belongs_to_it(two: Path) -> None:
    """And nothing of it is left outside."""
    assert sorted(path.name for path in two.iterdir() if path.is_dir()) == ["blind", "good"]
    files = {"junit.xml", "predictions.parquet", "predictions.report", "run.json", "summary.md"}
    assert {path.name for path in (two / "good").iterdir()} == files
    assert {path.name for path in (two / "blind").iterdir()} == {*files, "comparison"}
    assert (two / "blind" / "comparison" / "index.html").is_file()
    assert ET.parse(two / "good" / "junit.xml").getroot().tag == "testsuites"


def _around(page: Path) -> tuple[str, dict[str, Path]]:
    """Return what a page says that it belongs to, and where the links there lead."""
    (nav,) = re.findall(
        r'<nav class="around".*?</nav>', page.read_text(encoding="utf-8"), re.DOTALL
    )
    (name,) = re.findall("<b>(.*?)</b>", nav)
    links = re.findall(r'<a href="(.*?)">(.*?)</a>', nav)
    return name, {said: (page.parent / address).resolve() for address, said in links}


def test_the_pages_of_a_night_lead_to_each_other_and_back_to_all_nights(runs: Path) -> None:
    """Each names its night. A first night has no comparison, so nothing leads there."""
    good, blind, index = runs / "good", runs / "blind", runs / "index.html"
    report = Path("predictions.report") / "index.html"
    assert _around(good / report) == (
        "Night good",
        {"All nights": index, "Summary": good / "summary.md"},
    )
    comparison = blind / "comparison" / "index.html"
    others = {"All nights": index, "Summary": blind / "summary.md"}
    assert _around(blind / report) == ("Night blind", {**others, "Comparison": comparison})
    assert _around(comparison) == ("Night blind", {**others, "Report": blind / report})
    mnist_batch.evaluate(blind / "predictions.parquet", overwrite=True)
    assert _around(blind / report) == ("Night blind", {**others, "Comparison": comparison})
    mnist_batch.evaluate(blind / "predictions.parquet", report=runs.parent / "elsewhere")
    assert "Night" not in (runs.parent / "elsewhere" / "index.html").read_text(encoding="utf-8")


def test_no_file_of_a_night_names_the_hidden_folder(two: Path) -> None:
    """Nobody finds it there any more."""
    for path in two.rglob("*"):
        assert path.is_dir() or b".mnist-batch/" not in path.read_bytes(), path


def test_a_night_that_is_worse_is_said_to_be_so(two: Path) -> None:
    """What was 200 right is 20: the counts are those of the two models, by hand."""
    good, blind = read_nights(two).nights
    assert (good.accuracy, blind.accuracy) == (1.0, 0.1)
    assert good.against is None
    assert good.status == 0
    assert blind.against is not None
    assert (blind.against.name, blind.against.verdict) == ("good", Verdict.REGRESSED)
    assert (blind.against.newly_wrong, blind.against.newly_right) == (180, 0)
    assert blind.status == 5
    missed = {gate.name for gate in blind.gates if gate.fails}
    assert missed == {"regression", "drift", *(f"digit {one}" for one in range(10) if one != 5)}
    assert any("are read as 5" in one or "predicted digits" in one for one in blind.suspicions)
    assert blind.changes == tuple(one for one in blind.changes if "in good it was" in one)
    assert blind.changes[0].startswith("the model is blind.h5")
    assert good.data == blind.data


def test_the_night_after_a_bad_one_is_held_against_the_good_one(digits: Path, runs: Path) -> None:
    """So nothing is fixed in it; `previous` says what was."""
    after = _nightly(digits, runs, name="after")
    assert after.night.against is not None
    assert (after.night.against.name, after.night.status) == ("good", 0)
    assert after.night.against.p_value == 1.0
    assert {"in blind it was" in one for one in after.night.changes} == {True}
    since = _nightly(digits, runs, against="blind").night
    assert since.against is not None
    assert (since.against.newly_right, since.against.verdict) == (180, Verdict.IMPROVED)


def test_a_night_can_be_held_against_a_file(digits: Path, runs: Path, tmp_path: Path) -> None:
    """As of a release; what changed since is said as of a night."""
    file = runs / "blind" / "predictions.parquet"
    shutil.copy(file, tmp_path / "release.parquet")
    night = _nightly(digits, runs, against=tmp_path / "release.parquet").night
    assert night.against is not None
    assert night.against.name == str(tmp_path / "release.parquet")
    assert night.against.newly_right == 180


def test_what_was_not_compared_is_said_wherever_the_night_is_told(
    digits: Path, runs: Path, tmp_path: Path
) -> None:
    """In the terminal, in the summary and on the page: an image is gone, and a label is changed."""
    shutil.copytree(digits, tmp_path / "digits")
    images = sorted((tmp_path / "digits").rglob("*.png"))
    images[0].unlink()
    images[1].rename(tmp_path / "digits" / "9" / images[1].name)
    result = _nightly(tmp_path / "digits", runs)
    page = (Path(result.folder) / "comparison" / "index.html").read_text()
    summary = (Path(result.folder) / "summary.md").read_text()
    for note in (
        "images that both have, and that are compared: 199; rows in the base alone: 1, in the new "
        "run alone: 0",
        "rows whose label changed: 1; the labels of the new run count",
    ):
        assert any(one.startswith(f"against good: {note}") for one in result.notes)
        assert f"against good: {note}" in summary
        assert note in page


def test_other_images_are_not_compared_and_it_is_said(tmp_path: Path, runs: Path) -> None:
    """The newest night that passed is shown, with the drift from it."""
    generator.write_folder(tmp_path / "others", 120, seed=9)
    result = _nightly(tmp_path / "others", runs)
    assert result.night.against is None
    assert result.night.drift
    assert _gates(result)["regression"] is None
    summary = (Path(result.folder) / "summary.md").read_text()
    assert "Not compared: no night that has passed its gates is over the same images." in summary
    assert "120 of 120 images are new since good" in result.night.changes


def test_a_night_without_labels_is_not_worse(digits: Path, runs: Path) -> None:
    """Unless labels are required."""
    result = _nightly(digits, runs, labels="none", min_accuracy=0.99)
    assert (result.night.scored, result.night.accuracy, result.night.status) == (0, None, 0)
    assert _gates(result)["accuracy"] is None
    required = _nightly(digits, runs, labels="none", require_labels=True)
    assert required.night.status == 4


def test_with_patience_the_night_fails_when_it_is_missed_again(
    digits: Path, runs: Path, blind_model: Path
) -> None:
    """The night that was missed and did not fail is not what the next is held against."""
    shutil.rmtree(runs / "blind")
    found = [_nightly(digits, runs, model=blind_model, patience=2).night for _ in range(3)]
    assert [night.status for night in found] == [0, 5, 5]
    assert [night.against and night.against.name for night in found] == ["good"] * 3


def test_errors_come_before_accuracy_and_accuracy_before_regression(
    digits: Path, runs: Path, blind_model: Path, tmp_path: Path
) -> None:
    """Exit status 3, 4 and 5: the smallest of those that hold."""
    broken = Path(shutil.copytree(digits, tmp_path / "broken"))
    (broken / "0" / "broken.png").write_bytes(b"not an image")
    night = _nightly(broken, runs, model=blind_model, min_accuracy=0.9).night
    assert night.status == 3
    assert night.errors_by_reason == {"not an image": 1}
    allowed = _nightly(broken, runs, model=blind_model, min_accuracy=0.9, max_errors="1").night
    assert allowed.status == 4
    assert "broken.png, row 0" in (runs / allowed.name / "summary.md").read_text()


def test_old_nights_lose_their_predictions_and_nothing_else(digits: Path, runs: Path) -> None:
    """But not the night that the next one is held against, nor the last."""
    for name in ("third", "fourth"):
        _nightly(digits, runs, name=name, keep_nights=1)
    left = [path.parent.name for path in sorted(runs.glob("*/predictions.parquet"))]
    assert left == ["fourth"]
    assert {path.parent.name for path in runs.glob("*/run.json")} == {
        *("good", "blind", "third", "fourth")
    }
    assert (runs / "good" / "predictions.report" / "metrics.json").is_file()


def test_a_full_disk_gets_room_before_the_night(digits: Path, runs: Path) -> None:
    """Where the night does not fit, old predictions are gone all the same."""
    kept = Path(shutil.copytree(runs / "good", runs / "0"))
    record = json.loads((kept / "run.json").read_text())
    record |= {"name": "0", "created_utc": "2024-11-01T02:00:00.000+00:00"}
    (kept / "run.json").write_text(json.dumps(record))
    with limited_file_size(1000), pytest.raises(OutputError):
        _nightly(digits, runs, keep_nights=1)
    left = [path.parent.name for path in sorted(runs.glob("*/predictions.parquet"))]
    assert left == ["blind", "good"]


def test_a_night_in_the_future_holds_nothing_up(
    digits: Path, runs: Path, blind_model: Path
) -> None:
    """The nights in a row are counted without it, and the page is about the last night."""
    record = json.loads((runs / "blind" / "run.json").read_text())
    record["created_utc"] = "2999-01-01T02:00:00.000+00:00"
    (runs / "blind" / "run.json").write_text(json.dumps(record))
    made = [_nightly(digits, runs, model=blind_model, patience=9) for _ in range(2)]
    assert [
        {gate.missed_nights for gate in one.night.gates if gate.passed is False} for one in made
    ] == [{1}, {2}]
    assert any("blind: begins in the future, 2999" in note for note in made[0].notes)
    page = (runs / "index.html").read_text()
    assert f"<title>{made[1].night.name}" in page
    assert "blind: begins in the future" in page


@pytest.mark.parametrize("name", ["a/b", "passed", "index.html", ""])
def test_a_name_that_is_none_is_refused_before_anything_is_written(
    digits: Path, tmp_path: Path, name: str
) -> None:
    """A path, a word of `--against`, nothing."""
    with pytest.raises(ValueError, match=r"expected up to 80|stands for one|is the page"):
        _nightly(digits, tmp_path / "nights", name=name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "option",
    [
        {"max_drop": -1},
        {"max_drop": 101},
        {"min_accuracy": 1.1},
        {"patience": 0},
        {"keep_nights": 0},
    ],
)
def test_what_is_out_of_range_is_refused_before_anything_is_written(
    digits: Path, tmp_path: Path, option: dict[str, object]
) -> None:
    """With the name of the argument."""
    with pytest.raises(ValueError, match=f"{next(iter(option))} is .*; expected"):
        _nightly(digits, tmp_path / "nights", **option)
    assert list(tmp_path.iterdir()) == []


def test_inputs_and_nights_may_not_lie_in_one_another(digits: Path, tmp_path: Path) -> None:
    """The next night would read the pictures of this one."""
    folder = Path(shutil.copytree(digits, tmp_path / "nights" / "digits"))
    for inputs in (folder, folder / "0", tmp_path / "nights", f"{folder}/*/*.png"):
        with pytest.raises(OutputError, match=r"lies in .*|is matched by"):
            mnist_batch.nightly(inputs, tmp_path / "nights")
    with pytest.raises(OutputError, match="lies in the INPUT folder"):
        mnist_batch.nightly(digits, digits / "nights")
    assert [path.name for path in (tmp_path / "nights").iterdir()] == ["digits"]


def test_what_is_wrong_is_told_with_the_place_of_the_night(digits: Path, tmp_path: Path) -> None:
    """And leaves no night; a missing INPUT, a base that is none, a full disk."""
    runs = tmp_path / "nights"
    with pytest.raises(InputError):
        mnist_batch.nightly(tmp_path / "absent", runs)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PredictionsError, match="against absent"):
        _nightly(digits, runs, against="absent")
    with limited_file_size(1000), pytest.raises(OutputError) as caught:
        _nightly(digits, runs, name="full")
    assert str(caught.value).startswith(f"{runs}/full")
    assert list(tmp_path.iterdir()) == []


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    content = path.read_bytes()
    path.write_bytes(content[:100])
    yield
    path.write_bytes(content)


def test_damaged_and_foreign_nights_are_passed_over(digits: Path, runs: Path) -> None:
    """With a note; and predictions that are damaged are compared with nothing."""
    with _damaged(runs / "blind" / "run.json"), _damaged(runs / "good" / "predictions.parquet"):
        result = _nightly(digits, runs)
        assert result.night.against is None
        assert f"{runs}/blind: its run.json cannot be read; passed over" in result.notes
    assert _nightly(digits, runs).night.against is not None


def test_the_result_is_what_the_folder_says(runs: Path, digits: Path) -> None:
    """As JSON, with the notes and the place."""
    result = _nightly(digits, runs, name="n", slices=[])
    record = json.loads((runs / "n" / "run.json").read_text())
    assert Night.of(record) == result.night
    assert result.record() == {
        **result.night.record(),
        "notes": list(result.notes),
        "folder": str(runs / "n"),
    }
    assert result.summary.predictions == runs / "n" / "predictions.parquet"
    assert all(Path(file).is_file() for file in result.summary.report_files)


def test_a_page_of_all_nights_that_cannot_be_made_costs_no_night(
    digits: Path, tmp_path: Path
) -> None:
    """A note names the command that makes it."""
    (tmp_path / "index.html").mkdir()
    result = _nightly(digits, tmp_path, name="n")
    assert [night.name for night in read_nights(tmp_path).nights] == ["n"]
    (note,) = (note for note in result.notes if "index.html was not made again" in note)
    assert note.endswith(f"to make it: mnist-batch history {tmp_path}")


@pytest.mark.parametrize("limit", [500, 4000, 10_000, 20_000, 50_000, 10**9])
def test_on_a_full_disk_a_night_is_whole_or_absent(
    digits: Path, two: Path, tmp_path: Path, limit: int
) -> None:
    """And the page of all nights is the old or the new one, whatever does not fit."""
    runs = Path(shutil.copytree(two, tmp_path / "nights"))
    before = sorted(path.name for path in runs.iterdir())
    try:
        with limited_file_size(limit):
            _nightly(digits, runs, name="n")
    except OutputError as error:
        assert str(error).startswith(f"{runs}/n/")
        assert sorted(path.name for path in runs.iterdir()) == before
    else:
        assert sorted(path.name for path in runs.iterdir()) == sorted([*before, "n"])
        files = {path.name for path in (runs / "n").iterdir()} - {"comparison"}
        assert files == {path.name for path in (runs / "good").iterdir()}
    assert read_nights(runs).notes == []
    assert (runs / "index.html").read_text().rstrip().endswith("</html>")


def test_an_image_that_crashes_the_decoder_costs_no_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worker processes predict by default; what one of them died over is a row with an error."""
    generator.write_folder(tmp_path / "digits", 8)
    crashing.mark([min((tmp_path / "digits").rglob("*.png"))])
    monkeypatch.setattr(processes, "_PROGRAM", crashing.program(crashing.SEGFAULT))
    result = mnist_batch.nightly(tmp_path / "digits", tmp_path / "nights", workers=1)
    assert result.night.status == 3
    assert result.summary.metrics.errors_by_reason == {"crashed the decoder": 1}
    assert any("ended in mid-work, by SIGSEGV" in note for note in result.notes)
