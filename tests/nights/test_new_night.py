"""A night in the making."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.nights.new_night import NewNight, check_name, hidden
from mnist_batch.outputs.output_lock import OutputLock

BEGAN = datetime(2024, 11, 27, 2, 3, 4, 567_000, UTC)


def _make(runs: Path, name: str | None = None) -> str:
    with NewNight(runs, name, BEGAN) as new:
        (new.folder / "run.json").write_text(new.name)
        new.commit()
        return new.name


def test_a_night_is_called_by_its_date_then_with_the_time_then_with_a_number(
    tmp_path: Path,
) -> None:
    """So that a second night of a day never takes the place of the first."""
    runs = tmp_path / "a" / "nights"
    names = [_make(runs) for _ in range(4)]
    moment = "2024-11-27T020304"
    assert names == ["2024-11-27", moment, f"{moment}-2", f"{moment}-3"]
    assert sorted(path.name for path in runs.iterdir()) == sorted(names)
    assert {(runs / name / "run.json").read_text() for name in names} == set(names)


def test_a_name_that_is_given_is_taken_once(tmp_path: Path) -> None:
    """Files and links that lead nowhere take it too."""
    assert _make(tmp_path, "before") == "before"
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("before", "file", "link"):
        with pytest.raises(OutputError, match=f"{name} exists already; give another name"):
            _make(tmp_path, name)


def test_nights_at_the_same_time_have_different_names(tmp_path: Path) -> None:
    """The one that begins later takes the time too; a name that is given is refused."""
    with NewNight(tmp_path, None, BEGAN) as one, NewNight(tmp_path, None, BEGAN) as other:
        assert [one.name, other.name] == ["2024-11-27", "2024-11-27T020304"]
        with (
            pytest.raises(OutputInUseError, match="2024-11-27: another run is writing it"),
            NewNight(tmp_path, "2024-11-27", BEGAN),
        ):
            pass
        assert one.folder.is_dir()
        other.commit()
        one.commit()
    assert sorted(path.name for path in tmp_path.iterdir()) == [one.name, other.name]


def test_nothing_is_left_of_a_night_that_is_not_committed(tmp_path: Path) -> None:
    """Be it by an error or by an interrupt."""
    for error in (OutputError("full"), KeyboardInterrupt()):
        with pytest.raises(type(error)), NewNight(tmp_path / "a" / "nights", None, BEGAN) as new:
            (new.folder / "predictions.report").mkdir()
            assert not new.place.exists()
            raise error
    assert list(tmp_path.iterdir()) == []


def test_hidden_folders_of_dead_runs_are_removed_and_those_of_live_ones_stay(
    tmp_path: Path,
) -> None:
    """A killed run holds no lock."""
    for name in ("dead", "alive"):
        (hidden(tmp_path, name) / "predictions.report").mkdir(parents=True)
    place = hidden(tmp_path, "dead").parent
    (place / ".dead.lock").touch()
    (place / ".ended.lock").touch()
    with OutputLock(hidden(tmp_path, "alive")):
        _make(tmp_path)
        assert sorted(path.name for path in place.iterdir()) == [".alive.lock", "alive"]
    _make(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2024-11-27", "2024-11-27T020304"]


def test_what_others_put_among_the_nights_is_left_alone(tmp_path: Path) -> None:
    """Whatever its name: files, folders, links that lead nowhere."""
    for folder in (".backup.night", ".tool.lock", ".night", ".empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".backup.night" / "file").touch()
    (tmp_path / ".other-tool.lock").touch()
    (tmp_path / ".link.night").symlink_to("nowhere")
    before = {path.name for path in tmp_path.rglob("*")}
    _make(tmp_path, "n")
    assert {path.name for path in tmp_path.rglob("*")} == before | {"n", "run.json"}


def test_what_cannot_be_removed_of_a_dead_run_costs_no_night(tmp_path: Path) -> None:
    """As where its lock cannot be opened: a folder, or a link that leads nowhere, is none."""
    for name in (".a.lock", "b"):
        hidden(tmp_path, name).mkdir(parents=True)
    hidden(tmp_path, ".c.lock").symlink_to("nowhere")
    assert _make(tmp_path, "n") == "n"


def test_all_that_is_in_a_night_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what is in its folders, and their names."""
    flushed: list[str] = []
    for flush in ("flush", "flush_names"):
        monkeypatch.setattr(
            f"mnist_batch.nights.new_night.{flush}", lambda path: flushed.append(path.name)
        )
    with NewNight(tmp_path, "n", BEGAN) as new:
        (new.folder / "comparison" / "deep").mkdir(parents=True)
        for path in ("run.json", "comparison/index.html", "comparison/deep/file"):
            (new.folder / path).touch()
        new.commit()
    names = ["comparison", "deep", "file", "index.html", "n", tmp_path.name, "run.json"]
    assert sorted(flushed) == sorted(names)


def test_messages_name_the_place_of_the_night(tmp_path: Path) -> None:
    """The hidden folder is no longer there when the user reads them."""
    with NewNight(tmp_path, "n", BEGAN) as new:
        assert new.told(f"{new.folder}/predictions.parquet") == f"{new.place}/predictions.parquet"
        with pytest.raises(OutputError) as caught, new.telling():
            raise OutputError(f"{new.folder}/predictions.parquet could not be written")
    assert str(caught.value) == f"{tmp_path}/n/predictions.parquet could not be written"


@pytest.mark.parametrize("name", ["2024-11-27", "before_the-new.model", "1+1", "Ärger", "a" * 80])
def test_names_are_of_letters_digits_and_few_signs(name: str) -> None:
    """Of any script."""
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "-n", "a/b", "a b", "a\n", "a'b", "<b>", "a" * 81, "_a"]
)
def test_other_names_are_refused(name: str) -> None:
    """They could not be told from options, paths and hidden folders."""
    with pytest.raises(ValueError, match="expected up to 80 letters"):
        check_name(name)


@pytest.mark.parametrize("name", ["index.html", "Index.HTML"])
def test_no_night_takes_the_place_of_the_page_of_all_nights(name: str) -> None:
    """Else it could not be made any more."""
    with pytest.raises(ValueError, match="is the page of all nights"):
        check_name(name)


@pytest.mark.parametrize("name", ["passed", "previous", "best"])
def test_no_night_is_called_as_a_word_of_against(name: str) -> None:
    """Else nobody could name it there."""
    with pytest.raises(ValueError, match="stands for one of the nights"):
        check_name(name)
