"""What those that choose among the nights see of their folder."""

from pathlib import Path

from mnist_batch.nights.night_folder import PREDICTIONS
from mnist_batch.nights.runs import Runs
from tests.support.nights import night, write_night


def test_a_night_may_have_lost_its_predictions(tmp_path: Path) -> None:
    """`--keep-nights` removes them."""
    runs, folder = Runs(tmp_path), write_night(tmp_path, night(1))
    assert not runs.has_predictions(night(1))
    (folder / PREDICTIONS).write_bytes(b"PAR1")
    assert runs.has_predictions(night(1))
    runs.remove_predictions(night(1).name)
    assert not runs.has_predictions(night(1))


def test_a_link_leads_to_the_predictions_of_a_night(tmp_path: Path) -> None:
    """So what `--against` names is known by whatever name."""
    runs, folder = Runs(tmp_path), write_night(tmp_path, night(1))
    (tmp_path / "link").symlink_to(folder / PREDICTIONS)
    assert not runs.is_of(night(1).name, str(tmp_path / "link"))
    (folder / PREDICTIONS).write_bytes(b"PAR1")
    assert runs.is_of(night(1).name, str(tmp_path / "link"))
