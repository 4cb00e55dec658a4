"""Google's and Azure's storage are as S3: the same functions, with the same results."""

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import MachineError
from mnist_batch.remote import objects, transfers

LARGE = bytes(range(256)) * 40_000
"""10.24 MB, which go in two parts."""


@pytest.fixture(params=["gs_folder", "az_folder"])
def folder(request: pytest.FixtureRequest) -> str:
    """The address of an empty folder in either store; each request fails once."""
    found: str = request.getfixturevalue(request.param)
    return found


def test_objects_are_put_listed_read_copied_and_deleted(folder: str, tmp_path: Path) -> None:
    """A large one comes and goes in parts; a name may have any characters."""
    names = ["a b+c%41é.txt", "deep/er/large"]
    small, large = (f"{folder}/{name}" for name in names)
    objects.put(small, b"digits")
    (tmp_path / "large").write_bytes(LARGE)
    transfers.upload(tmp_path / "large", large)
    assert [(one.address, one.size) for one in objects.listed(folder)] == [
        (small, 6),
        (large, len(LARGE)),
    ]
    assert objects.read_ranges(small, [(0, 2), (2, 6)]) == [b"di", b"gits"]
    transfers.download(large, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == LARGE
    objects.copy(small, f"{folder}/copy")
    objects.delete([f"{folder}/none", small, large])
    assert [one.address for one in objects.listed(folder)] == [f"{folder}/copy"]
    assert objects.read(f"{folder}/copy", objects.stat(f"{folder}/copy").etag) == b"digits"


def test_one_of_two_creates_an_object(folder: str) -> None:
    """What is there with another content stays, and says that it is there."""
    address = f"{folder}/manifest"
    objects.put(address, b"first", create=True)
    objects.put(address, b"first", create=True)
    with pytest.raises(FileExistsError):
        objects.put(address, b"second", create=True)
    assert objects.read(address) == b"first"


def test_what_is_not_there_is_missing(folder: str) -> None:
    """An object, and a bucket."""
    for address in (f"{folder}/none", folder.replace("/folder", "other/a")):
        with pytest.raises(FileNotFoundError) as raised:
            objects.read(address)
        assert raised.value.filename == address


def test_credentials_that_are_refused_are_in_no_message(
    az_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line says which variables to look at."""
    wrong = "d3JvbmcsIGFuZCBuZXZlciB0b2xk"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", wrong)
    with pytest.raises(MachineError, match="AZURE_STORAGE_ACCOUNT_KEY") as raised:
        objects.read(f"{az_folder.replace('digits', 'others')}/a")
    assert wrong not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_of_predictions_is_written_replaced_and_evaluated_there(
    folder: str, tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """By copies within the store and conditional requests; nothing but the folder is left."""
    here, there = tmp_path / "here.parquet", f"{folder}/out/"
    mnist_batch.predict(digits_folder, here, model=model, report=False)
    for overwrite in (False, True):
        mnist_batch.predict(digits_folder, there, model=model, report=False, overwrite=overwrite)
    names = [one.address.removeprefix(f"{folder}/") for one in objects.listed(folder)]
    assert names == ["out/_SUCCESS", "out/_manifest.json", "out/part-00000.parquet"]
    found = pq.read_table(io.BytesIO(objects.read(f"{folder}/{names[-1]}")))
    expected = pq.read_table(here).replace_schema_metadata()
    assert found.replace_schema_metadata().equals(expected)
    assert mnist_batch.evaluate(there, report=False).metrics.rows == 30
