"""Which nights lose their predictions."""

from dataclasses import replace
from pathlib import Path

from mnist_batch.nights.baseline.contents import read_contents
from mnist_batch.nights.night import GateResult, Night
from mnist_batch.nights.night_folder import PREDICTIONS, RECORD
from mnist_batch.nights.retention import remove_old_predictions
from mnist_batch.nights.runs import Runs
from tests.support.nights import NIGHT, night, write_night
from tests.support.predictions_files import write_predictions

MISSED = (GateResult("regression", passed=False, message="worse", missed_nights=1),)


def _nights(runs: Path, *made: tuple[str, bool, int], first: int = 1) -> list[Night]:
    """Make nights: a letter for each image, whether it passed, and how many are right."""
    nights = []
    for day, (images, passed, correct) in enumerate(made, start=first):
        folder = write_night(runs, night(day))
        some: list[int | None] = [1] * len(images)
        path = write_predictions(
            folder / PREDICTIONS, some, some, further={"content": list(images)}
        )
        gates = () if passed else MISSED
        data = read_contents(path).digest
        nights.append(night(day, data=data, gates=gates, correct=correct))
    return nights


def _kept(runs: Path, nights: list[Night]) -> list[int]:
    return [night.began.day for night in nights if Runs(runs).has_predictions(night)]


def test_the_last_nights_keep_their_predictions(tmp_path: Path) -> None:
    """The others keep all else."""
    nights = _nights(tmp_path, *[("abcd", True, 900 + day) for day in range(5)])
    removed = remove_old_predictions(Runs(tmp_path), nights, 2, "passed")
    assert removed == ["2024-11-01", "2024-11-02", "2024-11-03"]
    assert _kept(tmp_path, nights) == [4, 5]
    assert all((tmp_path / one.name / RECORD).is_file() for one in nights)
    assert remove_old_predictions(Runs(tmp_path), nights, 2, "passed") == []


def test_what_a_next_night_may_be_held_against_is_kept(tmp_path: Path) -> None:
    """The last that passed, the most accurate one, and the one that is named."""
    nights = _nights(
        tmp_path,
        ("abcd", True, 900),
        ("abcd", False, 980),
        ("abcd", True, 910),
        ("abcd", True, 920),
        ("abcd", False, 500),
        ("abcd", False, 500),
    )
    remove_old_predictions(Runs(tmp_path), nights, 1, "2024-11-01")
    assert _kept(tmp_path, nights) == [1, 2, 4, 6]


def test_of_images_that_change_a_little_each_night_one_night_is_enough(tmp_path: Path) -> None:
    """The sets are all different; what counts is the likeness to the last one."""
    nights = _nights(
        tmp_path, ("abcd", True, 990), ("bcde", True, 900), ("cdef", True, 900), ("defg", False, 1)
    )
    remove_old_predictions(Runs(tmp_path), nights, 1, "passed")
    assert _kept(tmp_path, nights) == [3, 4]


def test_a_set_that_comes_again_keeps_its_base(tmp_path: Path) -> None:
    """As where two sets take turns."""
    nights = _nights(
        tmp_path, ("abcd", True, 990), ("wxyz", True, 900), ("abcd", True, 900), ("wxyz", True, 900)
    )
    remove_old_predictions(Runs(tmp_path), nights, 1, "passed")
    assert _kept(tmp_path, nights) == [1, 3, 4]


def test_images_that_grow_keep_their_base_beside_others_that_came_once(tmp_path: Path) -> None:
    """No two sets are equal; that one was compared with another says that it is of its kind."""
    nights = _nights(tmp_path, *[(images, True, 900) for images in ("abcd", "abcde", "abcdef")])
    for before in (0, 1):
        against = replace(NIGHT.against, name=nights[before].name)  # type: ignore[type-var]
        nights[before + 1] = replace(nights[before + 1], against=against)
    for day, images in ((4, "wxyz"), (5, "qrst")):
        (once,) = _nights(tmp_path, (images, True, 990), first=day)
        nights.append(once)
        remove_old_predictions(Runs(tmp_path), nights, 1, "passed")
        assert _kept(tmp_path, nights) == [3, day]


def test_the_file_that_is_named_is_kept_whatever_its_name(tmp_path: Path) -> None:
    """By a path, or by a link."""
    nights = _nights(tmp_path, *[("abcd", True, 900)] * 4)
    (tmp_path / "link.parquet").symlink_to(tmp_path / nights[0].name / PREDICTIONS)
    remove_old_predictions(Runs(tmp_path), nights, 1, str(tmp_path / "link.parquet"))
    assert _kept(tmp_path, nights) == [1, 4]


def test_where_the_last_night_is_damaged_nothing_is_removed(tmp_path: Path) -> None:
    """Nobody knows what the next one needs."""
    nights = _nights(tmp_path, *[("abcd", True, 900)] * 3)
    (tmp_path / nights[-1].name / PREDICTIONS).write_bytes(b"PAR1")
    assert remove_old_predictions(Runs(tmp_path), nights, 1, "passed") == []
    assert remove_old_predictions(Runs(tmp_path), [], 1, "passed") == []


def test_a_night_before_a_damaged_one_is_kept(tmp_path: Path) -> None:
    """The damaged one is held against nothing, so the next night needs the one before it."""
    nights = _nights(
        tmp_path, ("abcd", True, 990), ("abcd", True, 990), ("abcd", False, 1), ("abcd", False, 1)
    )
    (tmp_path / nights[1].name / PREDICTIONS).write_bytes(b"PAR1")
    remove_old_predictions(Runs(tmp_path), nights, 1, "passed")
    assert 1 in _kept(tmp_path, nights)
