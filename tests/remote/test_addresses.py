"""Addresses of object storage as text."""

from pathlib import Path

import pytest

from mnist_batch.errors import InputError, OutputError
from mnist_batch.remote.addresses import (
    is_remote,
    joined,
    looks_like_address,
    name_of,
    parsed,
    path_here,
    refuse_unknown,
)


def test_an_address_has_a_bucket_and_a_key() -> None:
    """The slash at the end of a folder belongs to neither."""
    assert parsed("s3://digits/a/b c.png") == ("s3", "digits", "a/b c.png")
    assert parsed("gs://digits/a/") == ("gs", "digits", "a")
    assert parsed("az://digits") == ("az", "digits", "")
    assert str(parsed("az://digits/")) == "az://digits"


@pytest.mark.parametrize("place", ["digits", "/s3://a", "hf://datasets/a/b", Path("s3://a"), 3])
def test_other_places_are_no_address(place: object) -> None:
    """A path that begins so is a local one."""
    assert not is_remote(place)


@pytest.mark.parametrize("text", ["s3://", "s3:///key", "s3://a b/key", "s3://digits/a//b"])
def test_an_address_without_a_bucket_or_a_name_is_refused(text: str) -> None:
    """What is wrong is said in one line with the address in it."""
    with pytest.raises(InputError, match=text):
        parsed(text)


def test_credentials_in_an_address_are_not_repeated() -> None:
    """An address that holds a key and a secret is refused, and the message holds neither."""
    with pytest.raises(InputError, match=r"^s3://\.\.\.@digits: ") as raised:
        parsed("s3://KEY:SECRET@digits/a")
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize("name", ["a.parquet", "a/b.png"])
def test_a_version_of_an_object_is_refused(name: str) -> None:
    """As AWS's console and some tools write it; it would pass for a pattern of one character."""
    with pytest.raises(InputError, match=rf"^s3://digits/{name}: of an object its newest version"):
        parsed(f"s3://digits/{name}?versionId=3sL4kqtJlcpXroDTDmJ")
    assert parsed("s3://digits/a?.png").key == "a?.png"


def test_names_are_joined_to_folders() -> None:
    """A folder may end in a slash, and the name of what lies in it is its last part."""
    assert joined("s3://digits/a/", "b.png") == joined("s3://digits/a", "b.png")
    assert name_of("s3://digits/a/b.png") == "b.png"
    assert name_of("s3://digits/a/") == "a"


@pytest.mark.parametrize(
    "text", ["S3://digits/a", "gcs://digits/a", "abfs://c@a/x.csv", "HF://datasets/a/b", "hf://a"]
)
def test_what_looks_like_an_address_and_is_of_no_store_is_refused(text: str) -> None:
    """A path of that name would be made else; the known ones are named."""
    with pytest.raises(OutputError, match="expected s3://, gs://, az:// or a path") as raised:
        refuse_unknown(text)
    assert str(raised.value).startswith(f"{text}: ")
    assert looks_like_address(text)


@pytest.mark.parametrize("place", ["a", "./S3://a", "C:/a", "a b://c", Path("S3://a"), "s3://a"])
def test_paths_and_known_addresses_are_let_pass(place: str | Path) -> None:
    """A path that is written with its folder is none; more schemes may be known."""
    refuse_unknown(place)
    refuse_unknown("hf://a", "hf")


def test_what_is_written_here_alone_has_a_path() -> None:
    """The address is named whole."""
    assert path_here("a/b", "a model is") == Path("a/b")
    for address in ("s3://digits/a", "HF://a"):
        with pytest.raises(OutputError, match=f"^{address}: a model is written to this machine"):
            path_here(address, "a model is")
