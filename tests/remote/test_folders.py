"""Folders of object storage, looked through as local ones."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.remote import folders
from mnist_batch.remote.folders import RemoteFolder, list_remote
from mnist_batch.remote.objects import RemoteObject
from tests.support.s3_server import Bucket


def _entries(folder: RemoteFolder) -> set[tuple[str, bool]]:
    with folder.scan() as entries:
        return {(entry.name, entry.is_dir()) for entry in entries}


def test_a_folder_holds_its_own_entries(bucket: Bucket) -> None:
    """What lies in the folders below is seen there."""
    for key in ("top/a.png", "top/a/1.png", "top/a/b/2.png", "top/a0/3.png", "topmost/4.png"):
        bucket.put(key, b"x")
    top = list_remote(f"{bucket.url}/top/")
    assert _entries(top) == {("a.png", False), ("a", True), ("a0", True)}
    assert _entries(top / "a/") == _entries(top / "a") == {("1.png", False), ("b", True)}
    assert str(top / "a" / "b") == f"{bucket.url}/top/a/b"
    found = [*(top / "a").objects(["b/2.png"])]
    assert [(one.address, one.size) for one in found] == [(f"{bucket.url}/top/a/b/2.png", 1)]


def test_a_whole_bucket_is_a_folder(bucket: Bucket) -> None:
    """Its address has no key."""
    bucket.put("1.png", b"x")
    assert _entries(list_remote(bucket.url)) == {("1.png", False)}
    assert not list_remote(bucket.url).is_empty
    assert list_remote(f"{bucket.url}/neither").is_empty


_PARTS = st.text(st.sampled_from("a0-./é"), min_size=1, max_size=3).filter(
    lambda part: "/" not in part and part not in {".", ".."}
)
_PATHS = st.lists(st.lists(_PARTS, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8)


@given(names=_PATHS)
def test_any_keys_are_seen_as_the_file_system_shows_them(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """`os.scandir` finds the same entries of the same files."""
    root = tmp_path_factory.mktemp("names")
    written = list[str]()
    for name in names:
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError:  # the place is taken by a file, or a folder
            continue
        written.append(path.relative_to(root).as_posix())
    keys = sorted({*written})
    with pytest.MonkeyPatch.context() as patch:
        found = [RemoteObject(f"s3://bucket/{key}", 1, "") for key in reversed(keys)]
        patch.setattr(folders, "listed", lambda _: found)
        top = list_remote("s3://bucket")
    for folder, _, _ in os.walk(root):
        there = Path(folder).relative_to(root).as_posix()
        own = top if there == "." else top / there
        with os.scandir(folder) as entries:
            assert _entries(own) == {(entry.name, entry.is_dir()) for entry in entries}
