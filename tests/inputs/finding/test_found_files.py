"""Files that INPUTs name, told apart."""

import pytest

from mnist_batch.errors import InputError
from mnist_batch.inputs.finding.found_files import Found, told_apart
from mnist_batch.inputs.shards import NamedFiles


def _found(typed: str, *names: str, of: str = "images") -> Found:
    return Found(of, NamedFiles(names, [f"{typed}/{name}" for name in names], names), typed)


def _sources(*found: Found) -> list[str]:
    return [source for one in told_apart(found) for source in one.files.sources]


def test_files_of_other_names_keep_them() -> None:
    """Their INPUTs are not put in front."""
    assert _sources(_found("in", "1.png"), _found("s3://bucket/in", "2.png")) == ["1.png", "2.png"]


def test_files_of_one_name_get_their_inputs_in_front() -> None:
    """All of them then, an address without the slash at its end."""
    found = _sources(_found("in", "1.png", "2.png"), _found("s3://bucket/in/", "1.png"))
    assert found == ["in/1.png", "in/2.png", "s3://bucket/in/1.png"]


def test_a_file_may_not_lie_in_one_that_holds_sources() -> None:
    """The rows of a Parquet file may have any name below its own."""
    packed = _found("in", "a.parquet", of="Parquet files")
    assert _sources(packed, _found("x", "a.parquet/1.png")) == ["in/a.parquet", "x/a.parquet/1.png"]


def test_a_file_that_is_named_twice_is_refused() -> None:
    """Its rows would be there twice."""
    with pytest.raises(InputError, match=r"^in/1\.png: named by two INPUTs; name each file once$"):
        told_apart([_found("in", "1.png"), _found("in", "1.png")])
