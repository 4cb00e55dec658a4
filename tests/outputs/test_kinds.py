"""Where an output lies decides what writes it."""

from pathlib import Path

import pyarrow as pa
import pytest

from mnist_batch.errors import OutputError
from mnist_batch.outputs import kinds
from mnist_batch.outputs.parts.part_file import PartIdentity, read_part
from tests.support.s3_server import Bucket

SCHEMA = pa.schema([pa.field("row", pa.int64())])


def test_an_address_stays_text_and_a_path_becomes_one() -> None:
    """A path would fold its slashes; those at its end say only that it is a folder."""
    assert kinds.output_place("s3://digits/a/") == "s3://digits/a"
    assert kinds.output_place("a/b.csv/") == Path("a/b.csv")
    assert kinds.output_place(Path("s3://digits/a")) == Path("s3:/digits/a")


def test_places_have_names_suffixes_and_what_lies_in_them() -> None:
    """On this machine as on object storage."""
    for folder in (Path("/digits/a"), "s3://digits/a"):
        file = kinds.place_in(folder, "Out.CSV")
        assert type(file) is type(folder) or isinstance(file, Path)
        assert (kinds.name_at(file), kinds.suffix_of(file)) == ("Out.CSV", ".csv")
        assert kinds.absolute(file).endswith("/digits/a/Out.CSV")


def test_a_file_is_written_whatever_it_lies_on(bucket: Bucket, tmp_path: Path) -> None:
    """It is there after its commit, and then not replaced without a word."""
    for place in (tmp_path / "out.csv", f"{bucket.url}/out.csv"):
        assert not kinds.is_file(place)
        kinds.check_place(place, overwrite=False)
        with kinds.staged_file(place, overwrite=False) as file:
            file.path.write_bytes(b"1")
            file.commit()
        assert kinds.is_file(place)
        with pytest.raises(OutputError, match="exists already"):
            kinds.check_place(place, overwrite=False)
    assert bucket.objects() == {"out.csv": b"1"}
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_part_is_written_where_the_others_are(bucket: Bucket, tmp_path: Path) -> None:
    """From another process too, which knows the place alone; it is whole, or not there."""
    batch = pa.record_batch([pa.array([1, 2], pa.int64())], schema=SCHEMA)
    identity = PartIdentity("0123456789abcdef", 3, 2)
    stored = f"{bucket.url}/out.csv.staging"
    for place in (tmp_path, stored):
        with kinds.part_written(place, "out.csv", identity, SCHEMA) as writer:
            writer.write(batch)
        with (
            pytest.raises(ValueError, match="stop"),
            kinds.part_written(place, "out.csv", identity, SCHEMA) as failing,
        ):
            failing.write(batch.slice(1))
            raise ValueError("stop")
    (path,), (content,) = tmp_path.iterdir(), bucket.objects("out.csv.staging/").values()
    assert content == path.read_bytes()
    assert path.name == identity.file_name(writer.checksum)
    (kept,) = read_part(pa.py_buffer(content), identity, writer.checksum)
    assert kept.predictions.equals(batch)
    assert (kinds.rows_kept(f"{bucket.url}/out.csv"), kinds.rows_kept(tmp_path / "none")) == (2, 0)


def test_nothing_is_committed_where_no_run_said_so(bucket: Bucket, tmp_path: Path) -> None:
    """An output alone says nothing of who wrote it."""
    bucket.put("out.csv", b"")
    (tmp_path / "out.csv").touch()
    for place in (tmp_path / "out.csv", f"{bucket.url}/out.csv", f"{bucket.url}/none"):
        assert kinds.committed_outputs(place) == frozenset()
