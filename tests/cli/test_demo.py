"""The samples that the package brings."""

from pathlib import Path

from tests.support.command import run

EXAMPLES = Path(__file__).parents[2] / "examples" / "digits"


def test_the_samples_are_those_of_the_repository(tmp_path: Path) -> None:
    """Byte for byte, so that what the README shows is what a user sees after `pip install`."""
    done = run("demo", cwd=tmp_path)
    assert done.stdout == (
        "100 digits in digits; to predict them: mnist-batch predict digits --out "
        "predictions.parquet\n"
    )
    written = {
        path.relative_to(tmp_path / "digits"): path.read_bytes()
        for path in (tmp_path / "digits").rglob("*.png")
    }
    assert len(written) == 100
    assert written == {
        path.relative_to(EXAMPLES): path.read_bytes() for path in EXAMPLES.rglob("*.png")
    }


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    """One line, and status 1."""
    (tmp_path / "mine.txt").write_text("mine")
    done = run("demo", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {tmp_path} is not empty; name a new folder\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
