"""The folders of the nights."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

from mnist_batch.nights.night_folder import RECORD, read_nights
from tests.support.nights import night, write_night


def test_nights_come_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    """Whatever their names."""
    made = [night(1, name="z"), night(2, name="m"), night(3, name="a")]
    for one in reversed(made):
        write_night(tmp_path, one)
    assert read_nights(tmp_path) == (made, [])


def test_what_is_no_night_is_passed_over_with_a_note(tmp_path: Path) -> None:
    """Folders of others, and damaged records; files and hidden folders need no note."""
    write_night(tmp_path, night(1))
    (tmp_path / "index.html").write_text("a page")
    (tmp_path / ".2024-11-02.night").mkdir()
    (tmp_path / "foreign").mkdir()
    (write_night(tmp_path, night(3)) / RECORD).write_text('{"format": 1, ')
    (write_night(tmp_path, night(4)) / RECORD).write_text("[" * 100_000)
    (write_night(tmp_path, night(5)) / RECORD).write_bytes(b"\xff\xfe\x00")
    (write_night(tmp_path, night(6)) / RECORD).write_text('{"format": 1}')
    emptied = write_night(tmp_path, night(7)) / RECORD
    emptied.unlink()
    emptied.mkdir()
    piped = write_night(tmp_path, night(8)) / RECORD
    piped.unlink()
    os.mkfifo(piped)
    (write_night(tmp_path, night(9)) / RECORD).write_text(" " * 4_000_001)
    nights, notes = read_nights(tmp_path)
    assert [one.name for one in nights] == ["2024-11-01"]
    assert notes == [
        f"{tmp_path}/2024-11-03: its run.json cannot be read; passed over",
        f"{tmp_path}/2024-11-04: its run.json cannot be read; passed over",
        f"{tmp_path}/2024-11-05: its run.json cannot be read; passed over",
        f"{tmp_path}/2024-11-06: its run.json is damaged or foreign (name is missing); passed over",
        f"{tmp_path}/2024-11-07: its run.json cannot be read; passed over",
        f"{tmp_path}/2024-11-08: its run.json cannot be read; passed over",
        f"{tmp_path}/2024-11-09: its run.json cannot be read; passed over",
        f"{tmp_path}/foreign: has no run.json, so it is no night; passed over",
    ]


def test_a_night_that_begins_in_the_future_is_no_earlier_night(tmp_path: Path) -> None:
    """A clock that was wrong once would else make it the last night for years."""
    write_night(tmp_path, night(1))
    write_night(tmp_path, night(2, created_utc="2999-01-01T02:00:00.000+00:00"))
    (tmp_path / "1foreign").mkdir()
    nights, notes = read_nights(tmp_path)
    assert nights == [night(1)]
    assert notes == [
        f"{tmp_path}/2024-11-02: begins in the future, 2999-01-01 02:00, so a clock was wrong; "
        "passed over",
        f"{tmp_path}/1foreign: has no run.json, so it is no night; passed over",
    ]


def test_of_very_many_notes_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    """A folder may have thousands of folders that are somebody's."""
    for number in range(1000):
        (tmp_path / f"{number:04}").mkdir()
    notes = read_nights(tmp_path).notes
    assert len(notes) == 31
    assert notes[29].startswith(f"{tmp_path}/0029: ")
    assert notes[30] == "and 970 more folders were passed over"


def test_a_folder_that_was_renamed_is_the_night_of_its_new_name(tmp_path: Path) -> None:
    """Links lead to the folder, so its name counts, not what its record says."""
    write_night(tmp_path, night(1), folder="before the new model")
    nights, notes = read_nights(tmp_path)
    assert nights == [night(1, name="before the new model")]
    assert notes == []


def test_a_copy_of_a_night_is_passed_over_wherever_its_name_stands(tmp_path: Path) -> None:
    """One night is one point of the history."""
    write_night(tmp_path, night(1))
    for name in ("0 copy", "copy"):
        shutil.copytree(tmp_path / "2024-11-01", tmp_path / name)
    nights, notes = read_nights(tmp_path)
    assert [one.name for one in nights] == ["2024-11-01"]
    assert notes == [
        f"{tmp_path}/0 copy: is a copy of 2024-11-01; passed over",
        f"{tmp_path}/copy: is a copy of 2024-11-01; passed over",
    ]


def test_nights_of_another_machine_stand_beside_those_of_this_one(tmp_path: Path) -> None:
    """They may have had the same name there."""
    write_night(tmp_path, night(1))
    elsewhere = replace(night(1), created_utc="2024-11-01T03:00:00.000+00:00")
    write_night(tmp_path, elsewhere, folder="other machine")
    assert [one.name for one in read_nights(tmp_path).nights] == ["2024-11-01", "other machine"]
