"""The shards of a run, joined: equal to the run of one machine, or nothing is written."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.errors import InputError, OutputError, OutputInUseError, PredictionsError
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs import image_files, joined
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS
from mnist_batch.inputs.parquet import files, shard
from mnist_batch.outputs.output_lock import OutputLock
from mnist_batch.outputs.parts import parts
from tests.support.s3_server import Bucket


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six; a row group of Parquet is one."""
    for module in (image_files, shard):
        monkeypatch.setattr(module, "SHARD_ROWS", 8)
        monkeypatch.setattr(module, "PART_SHARDS", 1)
    for module in (files, joined):
        monkeypatch.setattr(module, "SHARD_ROWS", 8)
    monkeypatch.setattr(parts, "BLOCKS", 0)


def _predict_shard(
    source: Path, folder: Path, number: int, total: int = 3, *, resume: bool = False
) -> Path:
    """Predict a shard into a folder of its own, and return that."""
    out = folder / f"shard-{number}"
    shard = f"{number}/{total}"
    mnist_batch.predict(source, f"{out}/", shard=shard, report=False, resume=resume)
    return out


def _predict_shards(source: Path, folder: Path, total: int = 3) -> list[Path]:
    return [_predict_shard(source, folder, number, total) for number in range(1, total + 1)]


def _without_record(file: Path) -> bytes:
    """Return a Parquet file without its footer, in which the record of the run is."""
    content = file.read_bytes()
    return content[: -8 - int.from_bytes(content[-8:-4], "little")]


@pytest.mark.parametrize("total", [1, 2, 3, 4, 7])
def test_shards_together_are_the_file_of_one_machine(
    tmp_path: Path, digits_folder: Path, total: int
) -> None:
    """Bit for bit but for the record, in whatever order they are named; some may have no part."""
    mnist_batch.predict(digits_folder, tmp_path / "one.parquet")
    folders = _predict_shards(digits_folder, tmp_path, total)
    mnist_batch.merge(folders[::-1], tmp_path / "all.parquet", report=False)
    one, merged = (tmp_path / name for name in ("one.parquet", "all.parquet"))
    assert _without_record(merged) == _without_record(one)
    assert pq.read_table(merged).equals(pq.read_table(one))
    records = [
        json.loads(pq.read_metadata(file).metadata[b"mnist_batch"]) for file in (one, merged)
    ]
    for name in ("model", "predictor", "counts", "images", "data_fingerprint", "versions"):
        assert records[0][name] == records[1][name]
    assert records[1]["shards"] == total


def test_shards_together_are_the_folder_of_one_machine(tmp_path: Path, digits_folder: Path) -> None:
    """The same parts under the same names, and a manifest that says of no shard."""
    mnist_batch.predict(digits_folder, f"{tmp_path}/one/", report=False)
    folders = _predict_shards(digits_folder, tmp_path)
    mnist_batch.merge(folders, f"{tmp_path}/all/", report=False)
    one, merged = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "all")
    )
    manifests = [json.loads(files.pop(MANIFEST)) for files in (one, merged)]
    assert merged == one
    for manifest in manifests:
        del manifest["record"]
    assert manifests[0] == manifests[1]


def test_a_shard_that_is_written_to_later_changes_no_output(
    tmp_path: Path, digits_folder: Path
) -> None:
    """As `rsync --inplace` does; the mode of a shard's files stays theirs, too."""
    folders = _predict_shards(digits_folder, tmp_path)
    part = folders[0] / "part-00000.parquet"
    part.chmod(0o400)
    mnist_batch.merge(folders, f"{tmp_path}/all/", report=False)
    assert part.stat().st_mode & 0o777 == 0o400
    joined = (tmp_path / "all" / part.name).read_bytes()
    part.chmod(0o600)
    with part.open("r+b") as file:
        file.write(b"another")
    assert (tmp_path / "all" / part.name).read_bytes() == joined


def test_csv_is_joined_too(tmp_path: Path, digits_folder: Path) -> None:
    """As the run of one machine writes it."""
    mnist_batch.predict(digits_folder, tmp_path / "one.csv", report=False)
    folders = _predict_shards(digits_folder, tmp_path)
    mnist_batch.merge(folders, tmp_path / "all.csv", report=False)
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()


def test_a_lost_shard_is_predicted_again(tmp_path: Path, digits_folder: Path) -> None:
    """From what it had finished, or from the start; it is the same."""
    mnist_batch.predict(digits_folder, tmp_path / "one.parquet", report=False)
    folders = _predict_shards(digits_folder, tmp_path, 2)
    shutil.rmtree(folders[1])

    def stop(progress: Progress) -> None:
        if progress.done > 8:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        mnist_batch.predict(
            digits_folder,
            f"{folders[1]}/",
            shard="2/2",
            report=False,
            batch_size=2048,
            progress=stop,
        )
    with pytest.raises(PredictionsError, match='shard 2/2 is missing; predict with shard="2/2"'):
        mnist_batch.merge(folders[:1], tmp_path / "all.parquet", report=False)
    _predict_shard(digits_folder, tmp_path, 2, 2, resume=True)
    mnist_batch.merge(folders, tmp_path / "all.parquet", report=False)
    assert _without_record(tmp_path / "all.parquet") == _without_record(tmp_path / "one.parquet")


@pytest.mark.parametrize("end", [".parquet", "/"])
def test_the_report_is_that_of_one_machine(tmp_path: Path, digits_folder: Path, end: str) -> None:
    """Metrics, profile and samples; what the images tell is known without them."""
    whole = mnist_batch.predict(digits_folder, f"{tmp_path}/one{end}")
    folders = _predict_shards(digits_folder, tmp_path)
    merged = mnist_batch.merge(folders, f"{tmp_path}/all{end}", images=digits_folder)
    np.testing.assert_array_equal(merged.metrics.confusion_matrix, whole.metrics.confusion_matrix)
    assert merged.metrics.log_loss == whole.metrics.log_loss
    assert merged.profile == whole.profile
    samples = [tmp_path / f"{name}.report" / "samples.png" for name in ("one", "all")]
    assert samples[0].read_bytes() == samples[1].read_bytes()


def test_a_report_that_fails_costs_no_predictions(tmp_path: Path, digits_folder: Path) -> None:
    """A note says what is missing, and how it is made; programs read it in `report_missing`."""
    folders = _predict_shards(digits_folder, tmp_path)
    others = tmp_path / "others"
    for path in sorted(digits_folder.rglob("*.png")):
        copied = others / path.relative_to(digits_folder).parent / f"x-{path.name}"
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copied)
    summary = mnist_batch.merge(folders, tmp_path / "all.parquet", images=others)
    assert pq.read_metadata(tmp_path / "all.parquet").num_rows == 30
    assert summary.report_files == []
    assert summary.report_missing == ["metrics.json"]
    (note,) = [note for note in summary.notes if "no report was made" in note]
    assert "mnist-batch evaluate" in note


@pytest.mark.parametrize("images", ["digit-0", "nowhere"])
def test_images_of_another_number_are_refused(
    tmp_path: Path, digits_folder: Path, images: str
) -> None:
    """And those that are not there, before anything is written."""
    folders = _predict_shards(digits_folder, tmp_path)
    one = tmp_path / "digit-0" / "x.png"
    one.parent.mkdir()
    shutil.copy2(next(digits_folder.rglob("*.png")), one)
    there = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"images and the shards differ in rows: 1 and 30|nowhere"):
        mnist_batch.merge(folders, tmp_path / "all.parquet", images=tmp_path / images)
    assert sorted(tmp_path.iterdir()) == there


def test_images_of_split_pictures_are_taken(tmp_path: Path, digits_folder: Path) -> None:
    """Rows are digits there, and two of them are one picture."""
    digits = [np.asarray(Image.open(path)) for path in sorted(digits_folder.rglob("*.png"))[:2]]
    np.save(tmp_path / "in.npy", np.hstack(digits)[np.newaxis])
    out = f"{tmp_path}/shard/"
    mnist_batch.predict(tmp_path / "in.npy", out, shard="1/1", several="split", report=False)
    merged = mnist_batch.merge(out, tmp_path / "all.parquet", images=tmp_path / "in.npy")
    assert merged.metrics.rows == 2
    assert not merged.report_missing


def test_nothing_is_written_where_a_report_exists(tmp_path: Path, digits_folder: Path) -> None:
    """It is refused before the shards are joined."""
    folders = _predict_shards(digits_folder, tmp_path)
    mnist_batch.merge(folders, tmp_path / "all.parquet")
    (tmp_path / "all.parquet").unlink()
    with pytest.raises(OutputError, match="overwrite=True"):
        mnist_batch.merge(folders, tmp_path / "all.parquet")
    assert not (tmp_path / "all.parquet").exists()
    mnist_batch.merge(folders, tmp_path / "all.parquet", overwrite=True)


@pytest.mark.parametrize("out", ["shard-2/all.parquet", "shard-2/"])
def test_an_output_lies_in_no_shard(tmp_path: Path, digits_folder: Path, out: str) -> None:
    """Nor does it take the place of one."""
    folders = _predict_shards(digits_folder, tmp_path)
    with pytest.raises(OutputError, match="shard-2"):
        mnist_batch.merge(folders, f"{tmp_path}/{out}", overwrite=True, report=False)
    assert (folders[1] / SUCCESS).exists()


@pytest.mark.parametrize("out", ["all.parquet", "all.csv", "all/"])
def test_a_second_merge_is_refused_while_one_writes(
    tmp_path: Path, digits_folder: Path, out: str
) -> None:
    """It leaves nothing; once the first has ended, it is made."""
    folders = _predict_shards(digits_folder, tmp_path)
    with OutputLock(tmp_path / out):
        there = sorted(tmp_path.iterdir())
        with pytest.raises(OutputInUseError, match="another run is writing it"):
            mnist_batch.merge(folders, f"{tmp_path}/{out}")
        assert sorted(tmp_path.iterdir()) == there
    merged = mnist_batch.merge(folders, f"{tmp_path}/{out}", report=False)
    assert (merged.metrics.rows, merged.notes) == (30, [])


def test_a_damaged_part_leaves_nothing(tmp_path: Path, digits_folder: Path) -> None:
    """Neither a file nor a folder, nor what they were being written as."""
    folders = _predict_shards(digits_folder, tmp_path)
    damaged = folders[2] / "part-00003.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    there = sorted(tmp_path.iterdir())
    for out in ("all.parquet", "all/"):
        with pytest.raises(PredictionsError, match=r"part-00003\.parquet: is not the file"):
            mnist_batch.merge(folders, f"{tmp_path}/{out}")
        assert sorted(tmp_path.iterdir()) == there


def test_processors_that_round_otherwise_are_noted(tmp_path: Path, digits_folder: Path) -> None:
    """Their digits are the same; the last bits of confidences may not be."""
    folders = _predict_shards(digits_folder, tmp_path, 2)
    manifest = json.loads((folders[1] / MANIFEST).read_text())
    manifest["record"]["kernels"] = {"blas": "OpenBLAS Zen"}
    (folders[1] / MANIFEST).write_text(json.dumps(manifest))
    summary = mnist_batch.merge(folders, tmp_path / "all.parquet", report=False)
    assert any("round differently" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("folder", "out"), [("hf://datasets/a/b", "all.csv"), ("shard-1", "hf://datasets/a/b/all.csv")]
)
def test_addresses_of_the_hub_are_refused(folder: str, out: str) -> None:
    """With what to do; they are not taken for names of files."""
    with pytest.raises(OutputError, match=r"hf://datasets/a/b.*: shards and what is made of them"):
        mnist_batch.merge(folder, out)


def test_a_shard_without_rows_is_noted(tmp_path: Path, digits_folder: Path) -> None:
    """So that more machines are not started than there is work for."""
    out = f"{tmp_path}/shard-1/"
    summary = mnist_batch.predict(digits_folder, out, shard="1/5", report=False)
    assert [note for note in summary.notes if note.startswith("shard 1/5 has no rows: ")]
    summary = mnist_batch.predict(digits_folder, f"{tmp_path}/2/", shard="2/5", report=False)
    assert not [note for note in summary.notes if "has no rows" in note]


def test_a_shard_is_a_folder(tmp_path: Path, digits_folder: Path) -> None:
    """A file would not say which parts it holds."""
    with pytest.raises(OutputError, match="as a folder of parts"):
        mnist_batch.predict(digits_folder, tmp_path / "out.parquet", shard="1/3")


def test_rows_without_a_prediction_are_counted_by_reason(tmp_path: Path) -> None:
    """In whichever shard they are; where one has nothing else, the others tell of the images."""
    (tmp_path / "in").mkdir()
    for number in range(16):
        (tmp_path / "in" / f"{number}.png").write_bytes(b"no image")
    whole = mnist_batch.predict(tmp_path / "in", tmp_path / "one.parquet")
    folders = _predict_shards(tmp_path / "in", tmp_path, 2)
    merged = mnist_batch.merge(folders, tmp_path / "all.parquet", report=False)
    assert merged.metrics.errors_by_reason == whole.metrics.errors_by_reason
    assert merged.run is not None
    assert whole.run is not None
    assert merged.run["counts"] == whole.run["counts"]
    assert merged.run["images"] == whole.run["images"]


@pytest.mark.parametrize("record", [{}, {"counts": 7}, {"counts": {"rows": "a"}}])
def test_a_damaged_record_is_one_line(
    tmp_path: Path, digits_folder: Path, record: dict[str, object]
) -> None:
    """It is of a file, which may say anything."""
    folders = _predict_shards(digits_folder, tmp_path, 2)
    manifest = json.loads((folders[1] / MANIFEST).read_text())
    manifest["record"] = {**manifest["record"], **record} if record else {}
    (folders[1] / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(PredictionsError, match="has a damaged record of its run"):
        mnist_batch.merge(folders, tmp_path / "all.parquet", report=False)


@pytest.mark.parametrize("out", ["all.parquet", "all/"])
def test_an_input_without_rows_is_merged_as_it_is_predicted(tmp_path: Path, out: str) -> None:
    """Into predictions without rows."""
    empty = pa.table({"image": pa.array([], pa.binary())})
    pq.write_table(empty, tmp_path / "in.parquet")
    folders = _predict_shards(tmp_path / "in.parquet", tmp_path, 2)
    assert mnist_batch.merge(folders, f"{tmp_path}/{out}").metrics.rows == 0
    assert pq.read_table(tmp_path / out).num_rows == 0


@pytest.mark.parametrize(
    "options",
    [
        {"probabilities": True, "content_hash": True},
        {"keep_columns": ["kind", "when", "weight"]},
        {"several": "split"},
        {"class_names": "zero,one,two,three,four,five,six,seven,eight,nine"},
        {"labels": "none", "prepare": "never"},
    ],
    ids=str,
)
def test_further_columns_are_joined_as_they_are(
    tmp_path: Path, digits_parquet: Path, options: dict[str, Any]
) -> None:
    """Of any type, with their metadata: bit for bit in the file of one machine."""
    table = pq.read_table(digits_parquet).slice(0, 30)
    count = len(table)
    kind = pa.array([f"k{row % 3}" for row in range(count)]).dictionary_encode()
    when = pa.array(range(count), pa.timestamp("us", "UTC"))
    weight = pa.array([row / 2 if row % 3 else None for row in range(count)], pa.float16())
    columns = {"kind": kind, "when": when, "weight": weight}
    for name, column in columns.items():
        table = table.append_column(name, column)
    source = tmp_path / "in.parquet"
    pq.write_table(table, source, row_group_size=8)
    mnist_batch.predict(source, tmp_path / "one.parquet", report=False, **options)
    folders = []
    for number in (1, 2):
        folders.append(tmp_path / f"shard-{number}")
        shard = f"{number}/2"
        mnist_batch.predict(source, f"{folders[-1]}/", shard=shard, report=False, **options)
    assert [len([*folder.glob("part-*")]) for folder in folders] == [2, 2]
    mnist_batch.merge(folders, tmp_path / "all.parquet", report=False)
    assert _without_record(tmp_path / "all.parquet") == _without_record(tmp_path / "one.parquet")
    one, merged = (pq.read_schema(tmp_path / name) for name in ("one.parquet", "all.parquet"))
    assert merged.equals(one)
    for field in one:
        assert merged.field(field.name).equals(field, check_metadata=True)


def test_what_is_not_in_object_storage_is_told(bucket: Bucket, tmp_path: Path) -> None:
    """A bucket, and patterns, which only folders of this machine have."""
    for folder, said in (
        (f"{bucket.url}/shard-*", "has no patterns, name each folder"),
        (f"{bucket.url}-none/shard-1", "no such bucket; name another"),
        (f"{bucket.url}/shard-1", "does not exist; name a predictions file, or a folder"),
    ):
        with pytest.raises(PredictionsError, match=said):
            mnist_batch.merge(folder, tmp_path / "all.csv")
