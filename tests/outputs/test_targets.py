"""Where a file cannot be written, that is said in one line before any work."""

import errno
import os
from pathlib import Path

import pytest

from mnist_batch.errors import OutputError
from mnist_batch.outputs.targets import Parents, check_writable, flush_names, output_errors


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    """Before hours of work, not after."""
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(tmp_path / "out.csv", overwrite=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_the_nearest_folder_that_exists_must_be_writable(tmp_path: Path) -> None:
    """Those below it would be made."""
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match=f"{tmp_path} cannot be written"):
        check_writable(tmp_path / "a" / "b" / "out.csv", overwrite=False)


@pytest.mark.parametrize("made", ["file", "link"])
def test_what_is_no_folder_gets_no_folders(tmp_path: Path, made: str) -> None:
    """A file, or a link that leads nowhere; checking makes nothing."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    check_writable(tmp_path / "a" / "b" / "out.csv", overwrite=False)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=f"{tmp_path / made} is not a folder"):
        check_writable(tmp_path / made / "a" / "out.csv", overwrite=False)
    assert sorted(tmp_path.iterdir()) == before


def test_only_folders_that_were_made_are_removed_and_only_empty_ones(tmp_path: Path) -> None:
    """Two runs may make the same ones at once."""
    (tmp_path / "there").mkdir()
    one, other = (Parents(tmp_path / "there" / "a" / name) for name in ("b", "c"))
    one.make()
    other.make()
    one.remove_unused()
    assert [path.name for path in (tmp_path / "there" / "a").iterdir()] == ["c"]
    other.remove_unused()
    assert list((tmp_path / "there" / "a").iterdir()) == []
    Parents(tmp_path / "there").remove_unused()
    assert (tmp_path / "there").is_dir()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_device_or_a_pipe_is_refused(tmp_path: Path, overwrite: bool) -> None:
    """A file would take its place: `--out null.csv`, a link to /dev/null, would end the device."""
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to("pipe.csv")
    for name in ("pipe.csv", "link.csv"):
        with pytest.raises(OutputError, match=f"{name} is a device or a pipe; name a file"):
            check_writable(tmp_path / name, overwrite=overwrite)


@pytest.mark.parametrize("name", ["a\0b.csv", "a\ud800.csv"])
def test_a_name_that_no_path_holds_is_refused(tmp_path: Path, name: str) -> None:
    """A null character, or half of one of two."""
    with pytest.raises(OutputError, match="has a character that no path holds"):
        check_writable(tmp_path / name, overwrite=True)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EACCES])
def test_names_in_a_folder_that_cannot_be_flushed_are_left_to_its_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """As on file systems of FUSE; a disk that fails is still an error."""

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    flush_names(tmp_path)
    number = errno.EIO
    with pytest.raises(OSError, match="error"):
        flush_names(tmp_path)


def test_what_the_disk_says_becomes_one_line(tmp_path: Path) -> None:
    """The message names the target and the cause."""
    with (
        pytest.raises(OutputError, match=r"out\.csv.*No space left"),
        output_errors(tmp_path / "out.csv"),
    ):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("text", ["s3://digits/out.parquet", "gs://digits/model.h5", "az://a/b"])
def test_an_address_that_was_made_a_path_is_refused(text: str) -> None:
    """It would be a folder `s3:` of this machine."""
    with pytest.raises(OutputError, match="go to object storage; name a place on this machine"):
        check_writable(Path(text), overwrite=True)
