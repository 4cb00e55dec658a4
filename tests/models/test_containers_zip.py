"""Zip files from anywhere: names, numbers and sizes that no model has are refused."""

import io
import json
import struct
import zipfile

import pytest

from mnist_batch.errors import ModelError
from mnist_batch.models.formats import read_stored_network
from tests.support.model_files import CONFIG, keras_model


def refusal(content: bytes) -> str:
    """Return why a file is refused."""
    with pytest.raises(ModelError) as caught:
        read_stored_network(content)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["../canary", "a/../../canary", "/tmp/canary", "C:canary", "..\\canary", "\\\\host\\canary"],
)
def test_names_that_lead_out_are_refused(name: str) -> None:
    """No name in a model file does, of members that are not read either."""
    assert "lies outside of the archive" in refusal(keras_model(members={name: b"x"}))


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_name_twice_is_refused() -> None:
    """One program would read the first, another the second."""
    twice = keras_model(members={"config.json": json.dumps(CONFIG)})
    assert "holds 'config.json' twice" in refusal(twice)


def test_many_members_are_refused() -> None:
    """A model has four or five."""
    assert "holds 103 members" in refusal(keras_model(members={f"a{n}": b"" for n in range(100)}))


def test_what_unpacks_to_far_more_is_refused() -> None:
    """200 MB of zeros are 200 KB."""
    bomb = keras_model(compression=zipfile.ZIP_DEFLATED, members={"assets": bytes(200 * 2**20)})
    assert len(bomb) < 2**20
    assert "unpacks to 209," in refusal(bomb)


def test_a_false_size_is_refused() -> None:
    """A member gives no more than is declared, and then its checksum is wrong."""
    content = bytearray(keras_model(compression=zipfile.ZIP_DEFLATED))
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"config.json"))
    content[entry + 24 : entry + 28] = struct.pack("<I", 10)
    assert "damaged or incomplete model file" in refusal(bytes(content))


def test_an_encrypted_member_is_refused() -> None:
    """It could not be read, nor checked."""
    content = bytearray(keras_model())
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"config.json"))
    content[entry + 8] |= 1
    assert "its member 'config.json' is encrypted" in refusal(bytes(content))


def test_members_that_are_not_known_are_not_read() -> None:
    """Damage in one does not matter."""
    content = keras_model(members={"assets": b"these bytes are damaged"})
    damaged = content.replace(b"these bytes", b"THESE BYTES")
    with zipfile.ZipFile(io.BytesIO(damaged)) as archive, pytest.raises(zipfile.BadZipFile):
        archive.read("assets")
    assert read_stored_network(damaged).config == CONFIG


def test_a_configuration_that_is_too_long_is_refused() -> None:
    """No network of layers needs 4 MB of JSON."""
    assert "its configuration is too long" in refusal(keras_model({"a": "b" * 2**22}))


def test_deep_json_is_refused() -> None:
    """Reading it would need a stack of that depth."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("config.json", "[" * 200_000 + "]" * 200_000)
        archive.writestr("model.weights.h5", b"")
    assert "nested too deep" in refusal(content.getvalue())
