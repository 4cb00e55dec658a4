"""Each row has a picture's name of its own, below the folder, on every file system."""

import os.path
import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.outputs.prepared_folder import picture_name


@pytest.mark.parametrize(
    ("source", "row", "name"),
    [
        ("3/a.jpg", 0, "3/a.jpg.png"),
        ("3/a.png", 0, "3/a.png.png"),
        ("train.parquet", 0, "train.parquet/0.png"),
        ("data/TRAIN.PARQUET", 17, "data/TRAIN.PARQUET/17.png"),
        ("été 2.png", 0, "été 2.png.png"),
    ],
)
def test_a_name_is_the_source_with_the_suffix(source: str, row: int, name: str) -> None:
    """In the same folders; a row of a Parquet file by its number."""
    assert picture_name(source, row) == name


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("../../a.png", ".%2E/.%2E/a.png.png"),
        ("/etc/a", "%2F/etc/a.png"),
        ("./a//b/", "%2E/a/%2F/b/%2F.png"),
        ("", "%2F.png"),
        ("..", ".%2E.png"),
        (r"C:\digits\a.png", "C%3A%5Cdigits%5Ca.png.png"),
        (r"\\server\a", "%5C%5Cserver%5Ca.png"),
        ('a<b>c"d|e?f*g', "a%3Cb%3Ec%22d%7Ce%3Ff%2Ag.png"),
        ("a\0b\nc\x1b[2J", "a%00b%0Ac%1B[2J.png"),
        ("gnp.\u202ea", "gnp.%E2%80%AEa.png"),
        ("50%.png", "50%25.png.png"),
    ],
)
def test_what_leads_elsewhere_or_is_forbidden_is_written_out(source: str, name: str) -> None:
    """Each byte as `%` and two hexadecimal digits."""
    assert picture_name(source, 0) == name


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("nul", "%6Eul.png"),
        ("CON.png", "%43ON.png.png"),
        ("com1/lpt² .x/a", "%63om1/%6Cpt² .x/a.png"),
        ("console/null/com/a", "console/null/com/a.png"),
        ("a./b /c.", "a%2E/b%20/c%2E.png"),
    ],
)
def test_names_that_windows_reads_otherwise_are_written_out(source: str, name: str) -> None:
    """Its devices, and dots and spaces at an end, which it drops."""
    assert picture_name(source, 0) == name


def test_a_folder_is_never_called_like_a_picture() -> None:
    """`a.jpg` and a folder `a.jpg.png` may stand beside one another."""
    assert picture_name("a.jpg", 0) == "a.jpg.png"
    assert picture_name("a.jpg.png/b", 0) == "a.jpg%2Epng/b.png"
    assert picture_name("A.PNG/b", 0) == "A%2EPNG/b.png"


def test_a_file_is_never_called_like_a_row() -> None:
    """As an image without a suffix might be, or a later row of what is no Parquet file."""
    names = [
        picture_name(source, row)
        for source, row in [("a.parquet", 3), ("a.parquet/3", 0), ("a", 3), ("a/3", 0), ("a/-3", 0)]
    ]
    assert names == ["a.parquet/3.png", "a.parquet/%33.png", "a/3.png", "a/%33.png", "a/%2D3.png"]


def test_a_part_that_is_too_long_is_cut() -> None:
    """Its beginning stays; what was cut off still tells two apart."""
    names = [picture_name(f"{'é' * 300}{end}/b.png", 0) for end in "xy"]
    for name in names:
        folder, last = name.split("/")
        assert re.fullmatch("é{75}%~[0-9a-f]{32}", folder)
        assert last == "b.png.png"
    assert names[0] != names[1]


def test_a_name_of_too_many_parts_is_cut() -> None:
    """To one part, which begins with the file's own name."""
    names = [picture_name(f"{top}/" + "folder/" * 600 + "b.png", 0) for top in "xy"]
    for name in names:
        assert re.fullmatch(r"b\.png%~[0-9a-f]{32}\.png", name)
    assert names[0] != names[1]


ODD = st.text(st.sampled_from("/.\\%:~ -13aAnulNUL\0é\u202e\U0001f642"), max_size=12)
PIECES = st.sampled_from(["..", ".png", ".parquet", "%2E", "%~", "a" * 250, "nul", "/1", "a.png"])
SOURCES = st.lists(st.one_of(ODD, PIECES), max_size=8).map("".join)


@given(st.lists(st.tuples(SOURCES, st.sampled_from([-1, 0, 1, 31])), max_size=20, unique=True))
def test_no_two_rows_have_the_same_name(rows: list[tuple[str, int]]) -> None:
    """Whatever the sources are, and no picture is where another's folder has to be."""
    names = [picture_name(source, row) for source, row in rows]
    assert len(set(names)) == len(names)
    folders = {str(folder) for name in names for folder in PurePosixPath(name).parents}
    assert not folders & set(names)


@given(SOURCES, st.sampled_from([0, 1]))
def test_every_name_stays_below_the_folder_and_fits(source: str, row: int) -> None:
    """A relative path without detours, its parts no longer than file systems take."""
    name = picture_name(source, row)
    assert os.path.normpath(name) == name
    assert not {"", "/", ".."} & set(PurePosixPath(name).parts)
    assert name.endswith(".png")
    assert not re.search(r'[\x00-\x1f\\:*?"<>|]', name)
    assert len(name.encode()) < 600
    assert all(len(part.encode()) <= 240 for part in name.split("/"))
