"""What belongs to a night beside its predictions."""

from pathlib import Path

import pytest

import mnist_batch
from mnist_batch.nights import night_files


def test_the_summary_is_appended_where_github_shows_it(
    digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After what earlier steps of the job wrote; where it cannot be, a note says so."""
    page = tmp_path / "summary"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    result = mnist_batch.nightly(digits_folder, tmp_path / "nights", name="n")
    summary = (Path(result.folder) / "summary.md").read_text()
    assert page.read_text() == f"before\n{summary}"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    notes = mnist_batch.nightly(digits_folder, tmp_path / "nights").notes
    assert any(note.startswith(f"the summary was not appended to {tmp_path}") for note in notes)


def test_a_comparison_that_cannot_be_written_costs_no_night(
    digits_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict is there all the same, and a note."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(night_files, "write_comparison", refuse)
    runs = tmp_path / "nights"
    mnist_batch.nightly(digits_folder, runs)
    result = mnist_batch.nightly(digits_folder, runs, name="full")
    assert result.night.against is not None
    assert not (runs / "full" / "comparison").exists()
    where = runs / "full" / "comparison"
    assert f"the comparison {where} was not written (No space left on device)" in result.notes
    assert "comparison/index.html" not in (runs / "full" / "summary.md").read_text()
