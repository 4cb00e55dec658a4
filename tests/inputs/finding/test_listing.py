"""What is found in folders and by globs, in which order; links, pipes and any name."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.errors import InputError
from mnist_batch.inputs.finding import listing as folder_listing
from mnist_batch.inputs.finding.listing import FolderListing
from mnist_batch.inputs.finding.natural_order import natural_key
from mnist_batch.inputs.formats import file_kinds
from mnist_batch.inputs.image_files import ImageFileShard
from tests.support.small_files import touch


def list_folder(folder: Path) -> FolderListing:
    """List a folder for all formats."""
    return folder_listing.list_folder(folder, file_kinds())


def list_glob(pattern: str) -> tuple[Path, FolderListing]:
    """List a glob for all formats."""
    root, listing = folder_listing.list_glob(pattern, file_kinds())
    assert isinstance(root, Path)
    return root, listing


def images_of(listing: FolderListing) -> list[str]:
    """Return the names of images."""
    return listing.files.get("images", [])


def parquet_of(listing: FolderListing) -> list[str]:
    """Return the names of Parquet files."""
    return listing.files.get("Parquet files", [])


def row_of(path: Path | str, source: str = "a") -> tuple[str, bytes | None, str | None]:
    """Return source, bytes and error of reading one file."""
    (batch,) = ImageFileShard([str(path)], [source], pa.nulls(1, pa.int8())).read(1)
    return batch.source[0].as_py(), batch.images[0].as_py(), batch.error[0].as_py()


def error_of(path: Path | str) -> str | None:
    """Return the error of reading one file."""
    return row_of(path)[2]


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a1", "a2", "b1", "a1/x1", "a10", "a2/", "a1/c/"]), unique=True))
def test_files_and_folders_come_in_one_order(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """Files before, between and behind folders, of one suffix or of several, are all listed."""
    folder = tmp_path_factory.mktemp("mixed")
    files = {f"{name}{end}" for name in names if name[-1] != "/" for end in (".png", ".JPG")}
    files |= {f"{name}a1.png" for name in names if name[-1] == "/"}
    touch(folder, *files)
    key = lambda name: [natural_key(part) for part in name.split("/")]  # noqa: E731
    assert images_of(list_folder(folder)) == sorted(files, key=key)


def test_folder_is_searched_in_natural_order(tmp_path: Path) -> None:
    """Files and folders of a folder come in one natural order, each folder's files in its place."""
    touch(tmp_path, "10.png", "2.png", "3/10.png", "3/9.png", "3/1/1.png", "1.png", "a/b/c.JPG")
    listing = list_folder(tmp_path)
    assert images_of(listing) == [
        "1.png", "2.png", "3/1/1.png", "3/9.png", "3/10.png", "10.png", "a/b/c.JPG",
    ]  # fmt: skip
    assert (parquet_of(listing), listing.passed_over.total()) == ([], 0)


def test_suffixes_tell_the_kind(tmp_path: Path) -> None:
    """Suffixes count in any case; other files, hidden ones and hidden folders are passed over."""
    images = [
        "a.png", "b.PNG", "c.jpg", "d.Jpeg", "e.bmp", "f.gif", "g.tif", "h.TIFF", "i.webp", "j.pgm",
        "l.heic", "m.jfif", "n.PDF",
    ]  # fmt: skip
    others = ["a.txt", "png", ".png", ".hidden.png", "k.png.bak", "l.mov", "m", ".git/n.png"]
    touch(tmp_path, *images, *others, "x.parquet", "y.PARQUET")
    listing = list_folder(tmp_path)
    assert images_of(listing) == images
    assert parquet_of(listing) == ["x.parquet", "y.PARQUET"]
    assert listing.passed_over.total() == len(others)
    assert listing.passed_over == {
        ".txt": 1, "no suffix": 2, "hidden": 3, ".bak": 1, ".mov": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_x.parquet", True), ("_delta_log/0.parquet", True), ("a/_temporary/0/b.parquet", True),
        ("a_b/c.parquet", False), ("a/b_.parquet", False), ("_year=2026/a.parquet", False),
        ("_y=1/_z/a.parquet", True), ("", False),
    ],
)  # fmt: skip
def test_names_of_marks_begin_with_an_underscore(name: str, expected: bool) -> None:
    """A folder of a partition, `name=value`, is none of them."""
    assert folder_listing.is_underscored(name) is expected


def test_logs_of_tables_are_found(tmp_path: Path) -> None:
    """Those of Delta Lake, Hudi and Iceberg, wherever they lie."""
    names = ["a/_delta_log/0.json", "b/.hoodie/x", "c/metadata/v1.metadata.json", "d/metadata.json"]
    touch(tmp_path, "x.parquet", *names)
    found = [str(Path(log).relative_to(tmp_path)) for log in list_folder(tmp_path).logs]
    assert sorted(found) == ["a/_delta_log", "b/.hoodie", "c/metadata/v1.metadata.json"]


def test_folder_named_like_a_file_is_a_folder(tmp_path: Path) -> None:
    """A folder x.parquet or x.png, as Spark writes them, is searched like any other."""
    touch(tmp_path, "x.parquet/part-0.parquet", "x.parquet/_SUCCESS", "y.png/z.png")
    listing = list_folder(tmp_path)
    assert parquet_of(listing) == ["x.parquet/part-0.parquet"]
    assert images_of(listing) == ["y.png/z.png"]
    assert listing.passed_over.total() == 1


def test_empty_folders_hold_nothing(tmp_path: Path) -> None:
    """Empty folders, however nested, are no files."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    listing = list_folder(tmp_path)
    assert (images_of(listing), parquet_of(listing), listing.passed_over.total()) == ([], [], 0)


def test_links_to_files_are_files(tmp_path: Path) -> None:
    """A link to a file counts by its own name, and reading it gives the file's bytes."""
    touch(tmp_path, "data", "in/real.png")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "data")
    assert images_of(list_folder(tmp_path / "in")) == ["link.png", "real.png"]
    assert error_of(tmp_path / "in" / "link.png") is None


def test_links_to_folders_are_passed_over(tmp_path: Path) -> None:
    """No link to a folder is followed: not to another, not to its own, not one named x.png."""
    touch(tmp_path, "other/b.png", "in/a.png")
    (tmp_path / "in" / "other").symlink_to(tmp_path / "other")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "link.png").symlink_to(tmp_path / "other")
    listing = list_folder(tmp_path / "in")
    assert images_of(listing) == ["a.png"]
    assert listing.passed_over.total() == 3


def test_links_that_lead_nowhere_are_rows(tmp_path: Path) -> None:
    """A dangling link and a link to itself are images that cannot be read, each with its reason."""
    (tmp_path / "a.png").symlink_to(tmp_path / "gone")
    (tmp_path / "b.png").symlink_to(tmp_path / "b.png")
    (tmp_path / "c.txt").symlink_to(tmp_path / "gone")
    listing = list_folder(tmp_path)
    assert images_of(listing) == ["a.png", "b.png"]
    assert listing.passed_over.total() == 1
    assert error_of(tmp_path / "a.png") == "missing file"
    assert error_of(tmp_path / "b.png") == "unreadable file: Too many levels of symbolic links"


def test_pipes_and_sockets_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no regular file is no input, by whatever name, even through a link."""
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    os.mkfifo("pipe.png")
    Path("link.png").symlink_to("pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.png")
        touch(tmp_path, "a.png")
        listing = list_folder(tmp_path)
        assert images_of(listing) == ["a.png"]
        assert listing.passed_over == {"not a regular file": 3}
        assert error_of("socket.png") == "unreadable file: No such device or address"
    assert error_of("pipe.png") == "unreadable file: not a regular file"
    assert error_of("/dev/zero") == "unreadable file: not a regular file"
    assert error_of(tmp_path) == "unreadable file: Is a directory"


@pytest.mark.parametrize(
    ("raw", "source"),
    [
        (b"new\nline.png", "new\nline.png"),
        (b"esc\x1b[31m.png", "esc\x1b[31m.png"),
        (b"caf\xe9.png", "caf\\udce9.png"),  # Latin-1
        (b"caf\\udce9.png", "caf\\\\udce9.png"),  # the text of the same
        (b"a\\b\\ude.png", "a\\b\\ude.png"),  # ordinary backslashes
        ("ß三.png".encode(), "ß三.png"),
        (b" =1+1 .png", " =1+1 .png"),
        (b"*[1]?.png", "*[1]?.png"),
    ],
)
def test_any_name_is_read_and_named(tmp_path: Path, raw: bytes, source: str) -> None:
    """Line breaks, control characters and bytes that are not UTF-8 are found, read and told."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + raw)).write_bytes(b"x")
    (name,) = images_of(list_folder(tmp_path))
    assert os.fsencode(name) == raw
    assert row_of(f"{tmp_path}/{name}", name) == (source, b"x", None)


@pytest.fixture
def deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A file 1,500 folders down; gone afterwards, as shutil.rmtree recurses up to Python 3.12."""
    monkeypatch.chdir(tmp_path)
    for _ in range(1500):
        os.mkdir("d")  # noqa: PTH102 - short relative paths: a long one is walked at each call
        os.chdir("d")
    touch(Path(), "7.png")
    os.chdir(tmp_path)
    yield "d/" * 1500 + "7.png"
    os.chdir("d/" * 1500)
    Path("7.png").unlink()
    for _ in range(1500):
        os.chdir("..")
        os.rmdir("d")  # noqa: PTH106 - as above


def test_depth_does_not_matter(deep: str) -> None:
    """A file 1,500 folders down is found by its folder and by a glob: nothing recurses."""
    assert images_of(list_folder(Path("d"))) == [deep.removeprefix("d/")]
    assert images_of(list_glob("d/**/*.png")[1]) == [deep.removeprefix("d/")]
    assert error_of(deep) is None


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    """A folder that is not there, or is a file, is an error of one line that names it."""
    touch(tmp_path, "a.png")
    for name in ("gone", "a.png"):
        with pytest.raises(InputError, match="folder cannot be read") as caught:
            list_folder(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file and folder")
def test_closed_folder_and_closed_file_are_rows(tmp_path: Path) -> None:
    """A folder that may not be read is never left out; alone, it is an error of the whole."""
    touch(tmp_path, "a/1.png", "b.png")
    (tmp_path / "b.png").chmod(0)
    assert error_of(tmp_path / "b.png") == "unreadable file: Permission denied"
    (tmp_path / "a").chmod(0)
    assert images_of(list_folder(tmp_path)) == ["a/", "b.png"]
    assert images_of(list_glob(f"{tmp_path}/**/*.png")[1]) == ["a/", "b.png"]
    (tmp_path / "b.png").unlink()
    with pytest.raises(InputError, match=r"/a: folder cannot be read: Permission denied"):
        list_folder(tmp_path)
    (tmp_path / "a").chmod(0o700)


# Globs


@pytest.mark.parametrize(
    ("pattern", "images"),
    [
        ("*.png", ["1.png", "2.png", "10.png"]),
        ("?.png", ["1.png", "2.png"]),
        ("[0-1]*.png", ["1.png", "10.png"]),
        ("[!1].png", ["2.png"]),
        ("*/*.png", ["a/1.png", "b/1.png"]),
        ("*/1.png", ["a/1.png", "b/1.png"]),
        ("**/*.png", ["1.png", "2.png", "10.png", "a/1.png", "a/c/1.png", "b/1.png"]),
        ("**", ["1.png", "2.png", "10.png", "a/1.png", "a/c/1.png", "b/1.png"]),
        ("**/**/1.png", ["1.png", "a/1.png", "a/c/1.png", "b/1.png"]),
        ("*/**/1.png", ["a/1.png", "a/c/1.png", "b/1.png"]),
        ("**/c/*.png", ["a/c/1.png"]),
        ("**/c/**/*.png", ["a/c/1.png"]),
        ("**/?/c/*", ["a/c/1.png"]),
        (".*/*.png", [".h/1.png"]),
        (".h/*.[p]ng", ["1.png"]),
        ("*/[x].png", []),
    ],
)
def test_globs_match_as_in_a_shell(tmp_path: Path, pattern: str, images: list[str]) -> None:
    """Matches come once each, in natural order, without hidden files, for any pattern."""
    touch(
        tmp_path, "1.png", "2.png", "10.png", "a/1.png", "a/c/1.png", "b/1.png", ".h/1.png",
        "a/.x.png",
    )  # fmt: skip
    assert images_of(list_glob(f"{tmp_path}/{pattern}")[1]) == images


def test_names_start_at_the_last_folder_without_a_wildcard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder before the first wildcard is returned; names are relative to it."""
    touch(tmp_path, "x/y/1.png")
    assert list_glob(f"{tmp_path}/x/*/*.png")[0] == tmp_path / "x"
    monkeypatch.chdir(tmp_path)
    assert list_glob("*/y/*.png")[0] == Path()
    assert images_of(list_glob("./x/*/1.png")[1]) == ["y/1.png"]


def test_globs_follow_no_link_to_a_folder(tmp_path: Path) -> None:
    """A link to the folder that it lies in gives no file twice."""
    touch(tmp_path, "a.parquet", "s/b.parquet")
    (tmp_path / "latest").symlink_to(tmp_path)
    (tmp_path / "s" / "up").symlink_to(tmp_path)
    assert parquet_of(list_glob(f"{tmp_path}/**/*.parquet")[1]) == ["a.parquet", "s/b.parquet"]
    assert parquet_of(list_glob(f"{tmp_path}/*/*.parquet")[1]) == ["s/b.parquet"]


def test_globs_count_what_they_pass_over(tmp_path: Path) -> None:
    """Matched files that are no digits are counted, folders and files not matched are not."""
    touch(tmp_path, "1.png", "1.txt", "2.txt", "d/3.txt")
    os.mkfifo(tmp_path / "1.gif")
    listing = list_glob(f"{tmp_path}/[1d]*")[1]
    assert (images_of(listing), listing.passed_over.total()) == (["1.png"], 2)


@pytest.mark.parametrize("pattern", ["gone/*.png", "a.png/*.png"])
def test_glob_below_no_folder_is_an_error(tmp_path: Path, pattern: str) -> None:
    """A pattern that starts in a folder that is none is an error that names it."""
    touch(tmp_path, "a.png")
    with pytest.raises(InputError, match=r"(gone|a\.png): folder cannot be read"):
        list_glob(f"{tmp_path}/{pattern}")
