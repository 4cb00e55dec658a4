"""Addresses of object storage as text."""

from pathlib import Path

import pytest

from mnist_batch.errors import InputError
from mnist_batch.remote.addresses import is_remote, joined, name_of, parsed


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


def test_names_are_joined_to_folders() -> None:
    """A folder may end in a slash, and the name of what lies in it is its last part."""
    assert joined("s3://digits/a/", "b.png") == joined("s3://digits/a", "b.png")
    assert name_of("s3://digits/a/b.png") == "b.png"
    assert name_of("s3://digits/a/") == "a"
