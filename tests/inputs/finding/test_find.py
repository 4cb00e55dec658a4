"""The files that an INPUT names; more of it is in test_sources."""

import os
from pathlib import Path

import pytest

from mnist_batch.errors import InputError
from mnist_batch.inputs.finding.find import _find_file, find
from tests.support.s3_server import Bucket


def test_a_file_in_the_root_is_told_from_one_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two names that are equal, each gets the folder as typed in front, be it only a `/`."""
    monkeypatch.chdir(tmp_path)
    name = f"root-{os.getpid()}-{os.urandom(4).hex()}.png"
    found = [_find_file(Path(typed), typed).qualified() for typed in (name, f"/{name}")]
    assert [one.files.sources[0] for one in found] == [name, f"/{name}"]


def test_a_character_that_no_path_holds_is_refused() -> None:
    """A surrogate that stands for no byte: only a program can pass it."""
    with pytest.raises(InputError, match="no path holds such a character"):
        find("a\ud800.png")


def test_each_kind_of_input_is_found_by_its_own_name(tmp_path: Path, bucket: Bucket) -> None:
    """A file of this machine by its path, an object by its address, and both by their last part."""
    (tmp_path / "1.png").write_bytes(b"")
    address = bucket.put("some/1.png", b"")
    for text in (str(tmp_path / "1.png"), address):
        (found,) = find(text)
        assert [*found.files.paths] == [text]
        assert [*found.files.names] == [*found.files.sources] == ["1.png"]
        assert f"{found.typed}1.png" == text
        assert found.is_remote == (text == address)


@pytest.mark.parametrize("text", ["", "ftp://a.org/b.png", "gone.png", "s3://a b/c"])
def test_what_names_no_file_is_one_line(text: str) -> None:
    """The line begins with what was named."""
    with pytest.raises(InputError) as raised:
        find(text)
    message = str(raised.value)
    assert message.startswith(f"{text}: " if text else "an INPUT is empty")
    assert "\n" not in message
