"""Outputs lie apart from one another, and from what is read."""

import re
from pathlib import Path

import pytest

from mnist_batch.errors import OutputError
from mnist_batch.outputs.places import (
    Claim,
    check_apart,
    check_folder_not_read,
    check_not_read,
    check_outside,
    claims_of_predictions,
    is_inside,
)


@pytest.mark.parametrize("pattern", ["in/**/*.png", "**/*.png", "in/**"])
def test_folder_of_pictures_is_not_where_a_glob_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """It is not there yet, but the next time the glob would match what is in it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match=re.escape(f"in/new: is matched by {pattern}")):
        check_outside([Path("out.csv")], [Path("/elsewhere"), Path("in/new")], [pattern])


@pytest.mark.parametrize("pattern", ["in/*.png", "in/**/*.parquet", "in/7/**/*.png"])
def test_folder_of_pictures_is_where_a_glob_does_not_search(pattern: str) -> None:
    """It goes not so deep, or elsewhere, or matches no pictures."""
    check_outside([Path("out.csv")], [Path("in/new")], [pattern])


def test_an_output_that_is_read_is_refused(tmp_path: Path) -> None:
    """By whatever path it is named; one that does not exist is read by nobody."""
    out = tmp_path / "a.parquet"
    check_not_read([out], [out])
    out.touch()
    (tmp_path / "sub").mkdir()
    check_not_read([out], [tmp_path / "sub" / "a.parquet", tmp_path / "b.parquet"])
    with pytest.raises(OutputError, match=r"a\.parquet: is read by this run; name another place"):
        check_not_read([out], ["other.png", "\0.parquet", tmp_path / "sub" / ".." / "a.parquet"])


def test_a_folder_of_parts_is_not_replaced_while_one_is_read(tmp_path: Path) -> None:
    """Here or in object storage; a folder beside it is, and one that is not there yet."""
    folder = tmp_path / "parts"
    check_folder_not_read(folder, [folder / "part-00001.parquet"])
    folder.mkdir()
    (tmp_path / "other").symlink_to(folder)
    check_folder_not_read(folder, [tmp_path / "part-00001.parquet", folder / "0.png"])
    check_folder_not_read("s3://b/parts/", ["s3://b/part-00001.parquet", "s3://c/parts/0.png"])
    for file in (folder / "part-00001.parquet", f"{tmp_path}/other/part-00002.parquet"):
        with pytest.raises(OutputError, match=r"is read by this run; name another folder"):
            check_folder_not_read(folder, [folder / "0.png", file])
    with pytest.raises(
        OutputError, match=r"^s3://b/parts/: s3://b/parts/part-00001\.parquet in it"
    ):
        check_folder_not_read("s3://b/parts/", ["s3://b/parts/part-00001.parquet"])


@pytest.mark.parametrize("kind", ["symlink", "hardlink", "dots"])
def test_no_link_hides_that_an_output_is_read(tmp_path: Path, kind: str) -> None:
    """Nor does another name: the file that is read would be gone."""
    out, name = tmp_path / "out.parquet", tmp_path / "in.parquet"
    out.touch()
    if kind == "symlink":
        name.symlink_to(out)
    elif kind == "hardlink":
        name.hardlink_to(out)
    else:
        name = tmp_path / ".." / tmp_path.name / "out.parquet"
    with pytest.raises(OutputError, match="is read by this run"):
        check_not_read([out], [name])


def test_a_picture_of_a_report_is_not_read(tmp_path: Path) -> None:
    """Of a million pictures only those with its name are looked at."""
    out = tmp_path / "samples.png"
    out.touch()
    check_not_read([out], [tmp_path / "none.png"])
    with pytest.raises(OutputError, match=r"samples\.png: is read by this run"):
        check_not_read([out], [tmp_path / "none.png", out])


def test_a_glob_that_matches_an_output_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Be it the predictions or a picture of the report."""
    monkeypatch.chdir(tmp_path)
    files = [Path("out.parquet"), Path("report/samples.png"), Path("report/metrics.json")]
    for pattern, place in (("*.parquet", 0), ("report/s*.png", 1), ("*/*.png", 1)):
        with pytest.raises(OutputError, match=re.escape(f"{files[place]}: is matched by")):
            check_outside(files, [], [pattern])
    check_outside(files, [], ["report/x*.png", "*.png", "*.csv"])


def claims(folder: Path, out: str, report: str | None, pictures: str | None) -> list[Claim]:
    """Return the claims of a run of `predict` on outputs in a folder."""
    claimed = claims_of_predictions(folder / out)
    if report:
        claimed.append(Claim(folder / report, "the report", is_shared=True))
        claimed.append(Claim(folder / report / "per_class.csv", "the report"))
    if pictures:
        claimed.append(Claim(folder / pictures, "the pictures"))
    return claimed


@pytest.mark.parametrize(
    ("out", "report", "pictures", "message"),
    [
        ("a.csv", "a.csv", None, "would hold both the predictions and the report"),
        ("a.csv", None, "a.csv", "would hold both the predictions and the pictures"),
        ("a.csv", "a.csv.staging", None, "both the unfinished predictions and the report"),
        ("a.csv", None, "a.csv.staging", "both the unfinished predictions and the pictures"),
        ("a.csv", "r", "r", "would hold both the report and the pictures"),
        ("a.csv", "a.csv.staging/r", None, "lies in .*, which is for the unfinished predictions"),
        ("a.csv", None, "a.csv.staging/p", "lies in .*, which is for the unfinished predictions"),
        ("a.csv", "p/r", "p", "lies in .*, which is for the pictures alone"),
        ("p/a.csv", None, "p", "lies in .*, which is for the pictures alone"),
        ("r/per_class.csv", "r", None, "would hold both the predictions and the report"),
        ("a.csv", "r", "r/per_class.csv", "would hold both the report and the pictures"),
        ("a.csv", "x/../a.csv", None, "would hold both the predictions and the report"),
        ("a.csv", "link/a.csv.staging", None, "both the unfinished predictions and the report"),
        ("a.csv", "loop/p/r", "p", "lies in .*, which is for the pictures alone"),
    ],
)
def test_outputs_of_which_one_would_replace_another_are_refused(
    tmp_path: Path, out: str, report: str | None, pictures: str | None, message: str
) -> None:
    """Whether they are there or not, and whatever links lead to them."""
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to(".")
    before = sorted(tmp_path.iterdir())
    for there in (False, True):
        if there:
            for folder in filter(None, (report, pictures)):
                (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            before = sorted(tmp_path.iterdir())
        with pytest.raises(OutputError, match=message):
            check_apart(claims(tmp_path, out, report, pictures))
        assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("out", "report", "pictures"),
    [
        ("a.csv", "a.report", "seen"),
        ("run/a.csv", "run", "run/seen"),
        ("a.csv", ".", None),
        ("a.csv", "a.csv.report", "a.csv.seen"),
    ],
)
def test_a_report_may_share_its_folder(
    tmp_path: Path, out: str, report: str, pictures: str | None
) -> None:
    """With the predictions and the pictures of the same run, say."""
    check_apart(claims(tmp_path, out, report, pictures))


def test_a_hard_link_to_another_output_is_that_output(tmp_path: Path) -> None:
    """Two names of one file."""
    (tmp_path / "r").mkdir()
    (tmp_path / "a.csv").touch()
    (tmp_path / "r" / "per_class.csv").hardlink_to(tmp_path / "a.csv")
    with pytest.raises(OutputError, match="would hold both the predictions and the report"):
        check_apart(claims(tmp_path, "a.csv", "r", None))


def test_what_is_inside_a_folder_is_told_by_where_it_leads(tmp_path: Path) -> None:
    """And not by how it is spelled."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a/b")
    assert is_inside(tmp_path / "link" / "new", tmp_path / "a")
    assert is_inside(tmp_path / "a", tmp_path / "a" / "b" / "..")
    assert not is_inside(tmp_path / "ab", tmp_path / "a")
    assert not is_inside(tmp_path / "link" / ".." / ".." / "new", tmp_path / "a")
