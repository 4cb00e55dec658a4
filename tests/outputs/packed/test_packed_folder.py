"""A folder of packed files: its parts together are the packed file, whole or not there."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as pa_dataset
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import InputError, LabelError, OutputError, OutputInUseError
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.outputs.packed import packed_folder
from mnist_batch.outputs.stored import stored_dataset
from mnist_batch.remote import objects, transfers
from tests.support.s3_server import Bucket

NAMES = [MANIFEST, SUCCESS, *(f"part-0000{number}.parquet" for number in range(4))]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(packed_folder, "PART_ROWS", 8)


class _Killed(BaseException):
    """The end of a process, which nothing that it runs may catch."""


def _before(patch: pytest.MonkeyPatch, last: str, killed: Callable[..., None]) -> None:
    """Let `killed` be called in place of the writing of one object."""
    for module, name, place in ((objects, "put", 0), (transfers, "upload", 1)):
        write = getattr(module, name)

        def guarded(
            *arguments: Any,  # noqa: ANN401 - those of the function
            write: Callable[..., None] = write,
            place: int = place,
            **options: Any,  # noqa: ANN401
        ) -> None:
            (killed if str(arguments[place]).endswith(last) else write)(*arguments, **options)

        patch.setattr(module, name, guarded)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_its_parts_together_are_the_packed_file(tmp_path: Path, digits_folder: Path) -> None:
    """In order; each is a packed file of eight rows at most."""
    mnist_batch.pack(digits_folder, tmp_path / "packed.parquet")
    summary = mnist_batch.pack(digits_folder, f"{tmp_path}/packed/")
    folder = tmp_path / "packed"
    assert summary.out == folder
    assert sorted(os.listdir(folder)) == sorted(NAMES)  # noqa: PTH208 - hidden ones too
    parts = sorted(folder.glob("part-*"))
    assert [pq.read_metadata(part).num_rows for part in parts] == [8, 8, 8, 6]
    assert summary.size_bytes == sum(part.stat().st_size for part in parts)
    one = pq.read_table(tmp_path / "packed.parquet")
    assert pa_dataset.dataset(folder).to_table().to_pydict() == one.to_pydict()


def test_the_manifest_says_what_belongs_to_it(tmp_path: Path, digits_folder: Path) -> None:
    """Rows and SHA-256 of each part, and how the folder was made."""
    mnist_batch.pack(digits_folder, f"{tmp_path}/packed/")
    manifest = json.loads((tmp_path / "packed" / MANIFEST).read_bytes())
    for part in manifest["parts"]:
        content = (tmp_path / "packed" / part["name"]).read_bytes()
        assert part["sha256"] == hashlib.sha256(content).hexdigest()
    assert [part["rows"] for part in manifest["parts"]] == [8, 8, 8, 6]
    assert (manifest["holds"], manifest["number_of_parts"]) == ("packed images", 4)
    record = manifest["record"]
    assert (record["format"], record["rows"], record["labelled"]) == (1, 30, 30)
    assert record["options"]["inputs"] == [str(digits_folder)]


@pytest.mark.parametrize("workers", [1, 3])
def test_parts_depend_on_their_rows_alone(
    tmp_path: Path, digits_folder: Path, digits_parquet: Path, workers: int
) -> None:
    """Neither on workers nor on the time; other images are another run."""
    runs = []
    for name, source in (("a", digits_folder), ("b", digits_folder), ("c", digits_parquet)):
        mnist_batch.pack(source, f"{tmp_path}/{name}/", workers=workers if name == "a" else 2)
        runs.append(json.loads((tmp_path / name / MANIFEST).read_bytes())["run"])
    one, two = (_contents(tmp_path / name) for name in "ab")
    del one[MANIFEST], two[MANIFEST]
    assert one == two
    assert runs[0] == runs[1] != runs[2]


def test_images_that_fill_their_parts_leave_no_empty_one(tmp_path: Path) -> None:
    """Rows are cut at parts, wherever batches end; of none there is one part without rows."""
    image = pa.array([bytes(784)] * 16, pa.binary(784))
    for rows, expected in ((16, [8, 8]), (8, [8]), (0, [0])):
        pq.write_table(pa.table({"image": image[:rows]}), tmp_path / "in.parquet")
        mnist_batch.pack(tmp_path / "in.parquet", f"{tmp_path}/{rows}/", prepare="never")
        parts = sorted((tmp_path / str(rows)).glob("part-*"))
        assert [pq.read_metadata(part).num_rows for part in parts] == expected


def test_a_failed_run_leaves_nothing(tmp_path: Path) -> None:
    """A label that is no digit, after parts were written; what was there stays."""
    labels = np.arange(20_000) % 10
    image = pa.array([bytes(784)] * 20_000, pa.binary(784))
    pq.write_table(pa.table({"image": image, "label": labels}), tmp_path / "good.parquet")
    labels[-1] = 10
    pq.write_table(pa.table({"image": image, "label": labels}), tmp_path / "bad.parquet")
    there = sorted(os.listdir(tmp_path))  # noqa: PTH208 - hidden ones too
    with pytest.raises(LabelError, match="row 19999"):
        mnist_batch.pack(tmp_path / "bad.parquet", f"{tmp_path}/out/", prepare="never")
    assert sorted(os.listdir(tmp_path)) == there  # noqa: PTH208
    mnist_batch.pack(tmp_path / "good.parquet", tmp_path / "out", prepare="never", format="dataset")
    content = _contents(tmp_path / "out")
    with pytest.raises(LabelError):
        mnist_batch.pack(
            tmp_path / "bad.parquet", f"{tmp_path}/out/", prepare="never", overwrite=True
        )
    assert _contents(tmp_path / "out") == content
    assert sorted(os.listdir(tmp_path)) == sorted([*there, "out"])  # noqa: PTH208


def test_only_an_earlier_folder_is_replaced(tmp_path: Path, digits_folder: Path) -> None:
    """On demand, and never one that holds anything else, nor the INPUT."""
    out = f"{tmp_path}/packed/"
    mnist_batch.pack(digits_folder, out)
    with pytest.raises(OutputError, match="is not empty"):
        mnist_batch.pack(digits_folder, out)
    mnist_batch.pack(digits_folder, out, overwrite=True)
    with pytest.raises(OutputError, match="lies in the INPUT folder"):
        mnist_batch.pack(out, out, overwrite=True)
    for write in (mnist_batch.pack, mnist_batch.predict):
        with pytest.raises(OutputError, match=r"part-00000\.parquet in it is read by this run"):
            write(f"{out}part-00000.parquet", out, overwrite=True)
    (tmp_path / "packed" / "notes.txt").touch()
    with pytest.raises(OutputError, match=r"holds notes\.txt, which no earlier run wrote"):
        mnist_batch.pack(digits_folder, out, overwrite=True)


def test_one_run_at_a_time_packs_into_a_folder(tmp_path: Path, digits_folder: Path) -> None:
    """A second one is refused at once, and leaves nothing."""

    def pack_again(_: Progress) -> None:
        with pytest.raises(OutputInUseError, match="another run is writing it"):
            mnist_batch.pack(digits_folder, f"{tmp_path}/packed/", overwrite=True)

    mnist_batch.pack(digits_folder, f"{tmp_path}/packed/", progress=pack_again)
    assert os.listdir(tmp_path) == ["packed"]  # noqa: PTH208 - hidden ones too


@pytest.mark.parametrize("last", ["part-00001.parquet", MANIFEST, SUCCESS])
def test_what_a_killed_run_has_published_is_no_input_and_is_replaced(
    bucket: Bucket, digits_folder: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    """Whichever object was to be written when it ended; then only the new folder is there."""
    out = f"{bucket.url}/packed/"

    def killed(address: str, *_: object, **__: object) -> None:
        raise _Killed(address)

    with monkeypatch.context() as patch, pytest.raises(_Killed):
        _before(patch, last, killed)
        mnist_batch.pack(digits_folder, out)
    with pytest.raises(InputError, match="is not whole"):
        open_inputs([out])
    with pytest.raises(OutputInUseError, match="was killed as it did"):
        mnist_batch.pack(digits_folder, out)
    mnist_batch.pack(digits_folder, out, overwrite=True)
    assert open_inputs([out]).rows == 30
    assert {*bucket.objects()} == {f"packed/{name}" for name in NAMES}


def test_of_two_runs_that_publish_one_ends_with_a_line(bucket: Bucket, digits_folder: Path) -> None:
    """Else parts of both would lie in one folder."""
    out = f"{bucket.url}/packed/"

    def begin_another(_: Progress) -> None:
        bucket.put("packed.staging/committed", b"another")

    with pytest.raises(OutputInUseError, match="another run is writing it"):
        mnist_batch.pack(digits_folder, out, progress=begin_another)
    assert [*bucket.objects()] == ["packed.staging/committed"]


def test_a_run_whose_mark_another_replaced_writes_nothing_more(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, digits_folder: Path
) -> None:
    """Else it would write over parts of the other, which began with --overwrite meanwhile."""
    out, uploaded = f"{bucket.url}/packed/", list[str]()

    def upload(path: Path, target: str) -> None:
        uploaded.append(target)
        bucket.put("packed.staging/committed", b"another")

    monkeypatch.setattr(stored_dataset, "in_threads", map)
    monkeypatch.setattr(transfers, "upload", upload)
    with pytest.raises(OutputInUseError, match="another run is writing it"):
        mnist_batch.pack(digits_folder, out)
    assert uploaded == [f"{out}part-00000.parquet"]
    assert [*bucket.objects()] == ["packed.staging/committed"]


def test_a_mark_that_is_replaced_at_last_stays_and_nothing_is_whole(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, digits_folder: Path
) -> None:
    """The manifest is there by then."""
    out = f"{bucket.url}/packed/"

    def put(address: str, content: bytes, *, create: bool = False, put: Any = objects.put) -> None:  # noqa: ANN401
        put(address, content, create=create)
        if address.endswith(MANIFEST):
            bucket.put("packed.staging/committed", b"another")

    monkeypatch.setattr(objects, "put", put)
    with pytest.raises(OutputInUseError, match="another run is writing it"):
        mnist_batch.pack(digits_folder, out)
    assert "packed.staging/committed" in bucket.objects()
    assert f"packed/{SUCCESS}" not in bucket.objects()


def test_it_may_lie_in_object_storage(bucket: Bucket, tmp_path: Path, digits_folder: Path) -> None:
    """With the same parts; what is there is replaced on demand, by fewer parts too."""
    out = f"{bucket.url}/packed/"
    summary = mnist_batch.pack(digits_folder, out)
    assert summary.out == out.rstrip("/")
    mnist_batch.pack(digits_folder, f"{tmp_path}/packed/")
    here = _contents(tmp_path / "packed")
    there = {key.removeprefix("packed/"): one for key, one in bucket.objects().items()}
    manifests = [json.loads(files.pop(MANIFEST)) for files in (here, there)]
    assert here == there
    assert manifests[0]["parts"] == manifests[1]["parts"]
    with pytest.raises(OutputError, match="is not empty"):
        mnist_batch.pack(digits_folder, out)
    mnist_batch.pack(digits_folder / "7", out, overwrite=True)
    assert {*bucket.objects()} == {
        f"packed/{name}" for name in (MANIFEST, SUCCESS, "part-00000.parquet")
    }
