"""A packed folder is an INPUT as a packed file is, and only as a whole."""

import shutil
from pathlib import Path

import pytest

import mnist_batch
from mnist_batch.errors import InputError, PredictionsError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, part_name
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.outputs.packed import packed_folder
from tests.support.s3_server import Bucket


@pytest.fixture(scope="module")
def made(digits_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty packed digits, as `packed/` in four parts and as `packed.parquet`."""
    place = tmp_path_factory.mktemp("packed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_folder, "PART_ROWS", 8)
        for out in (f"{place}/packed/", place / "packed.parquet"):
            mnist_batch.pack(digits_folder, out)
    return place


@pytest.fixture
def packed(made: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be damaged."""
    return Path(shutil.copytree(made / "packed", tmp_path / "packed"))


def _rows(opened: OpenInputs) -> list[tuple[object, ...]]:
    """Return source, row, label, pixels and error of every row."""
    rows = list[tuple[object, ...]]()
    for shard in opened.shards:
        for batch in shard.read(7):
            shown = [bytes(image) for image in batch.images]
            columns = (batch.source, batch.row, batch.label, batch.error)
            source, row, label, error = (column.to_pylist() for column in columns)
            rows += zip(source, row, label, shown, error, strict=True)
    return rows


def test_it_has_the_rows_of_the_packed_file(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is named; nothing in it counts as passed over."""
    expected = _rows(open_inputs([made / "packed.parquet"]))
    monkeypatch.chdir(made / "packed")
    for text in (f"{made}/packed", f"{made}/packed/", "."):
        opened = open_inputs([text])
        assert _rows(opened) == expected
        assert (opened.rows, not opened.passed_over) == (30, True)


def test_beside_other_inputs_it_is_the_folder_of_its_sources(
    made: Path, digits_folder: Path
) -> None:
    """As a packed file is; two of one name have their INPUTs in front."""
    sources = [row[0] for row in _rows(open_inputs([made / "packed.parquet"]))]
    both = _rows(open_inputs([made / "packed", digits_folder]))
    assert [row[0] for row in both] == [*(f"packed/{source}" for source in sources), *sources]
    twice = _rows(open_inputs([f"{made}/packed", f"{made}/../{made.name}/packed/"]))
    assert [twice[0][0], twice[-1][0]] == [
        f"{made}/packed/{sources[0]}",
        f"{made}/../{made.name}/packed/{sources[-1]}",
    ]
    with pytest.raises(InputError, match="named by two INPUTs"):
        open_inputs([made / "packed", made / "packed"])


def test_a_file_in_a_folder_of_its_name_is_told_apart(
    made: Path, digits_folder: Path, tmp_path: Path
) -> None:
    """No two rows have one source: where `packed` holds sources, no file may lie in another."""
    shutil.copytree(digits_folder, tmp_path / "packed")
    sources = [row[0] for row in _rows(open_inputs([made / "packed", tmp_path]))]
    assert len({*sources}) == 60


def test_every_command_takes_it(made: Path, digits_folder: Path, tmp_path: Path) -> None:
    """Predictions, samples, what it holds, packing again, labels of a file: as of the images."""
    outs = [tmp_path / "images.csv", tmp_path / "packed.csv"]
    for source, out in zip((digits_folder, made / "packed"), outs, strict=True):
        mnist_batch.predict(source, out)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    report = mnist_batch.evaluate(outs[1], images=f"{made}/packed/", overwrite=True)
    assert (report.metrics.rows, len(report.report_missing)) == (30, 0)
    assert (tmp_path / "packed.report" / "samples.png").exists()
    assert mnist_batch.inspect_input(f"{made}/packed/").rows == 30
    mnist_batch.pack(made / "packed", tmp_path / "again.parquet")
    assert _rows(open_inputs([tmp_path / "again.parquet"])) == _rows(open_inputs([made / "packed"]))


@pytest.mark.parametrize("lost", [MANIFEST, SUCCESS])
def test_a_folder_that_is_not_whole_is_refused(packed: Path, lost: str) -> None:
    """Nobody knows then how many images there were; its parts may be named as files."""
    (packed / lost).unlink()
    with pytest.raises(InputError, match=r"packed: is not whole: .* or pack again"):
        open_inputs([packed])
    assert open_inputs([f"{packed}/*.parquet"]).rows == 30


def test_other_parts_than_the_manifest_names_are_refused(packed: Path) -> None:
    """One that is missing, that is not named, that has other rows, or that cannot be opened."""
    last = packed / part_name(3)
    content = last.read_bytes()
    last.write_bytes(b"no Parquet")
    with pytest.raises(InputError, match=r"part-00003\.parquet: not a readable Parquet file"):
        open_inputs([packed])
    shutil.copyfile(packed / part_name(0), last)
    with pytest.raises(InputError, match=r"part-00003\.parquet: has 8 rows, .* says 6; copy all"):
        open_inputs([packed])
    last.unlink()
    with pytest.raises(InputError, match=r"part-00003\.parquet: is missing, and _manifest"):
        open_inputs([packed])
    last.write_bytes(content)
    (packed / part_name(4)).write_bytes(content)
    with pytest.raises(InputError, match=r"part-00004\.parquet: is a part that _manifest"):
        open_inputs([packed])


def test_a_damaged_manifest_is_told(packed: Path, digits_folder: Path, tmp_path: Path) -> None:
    """Beside parts; in a folder of images it is a file like any other."""
    (packed / MANIFEST).write_text("{}")
    with pytest.raises(InputError, match="cannot be read: it is damaged"):
        open_inputs([packed])
    images = shutil.copytree(digits_folder, tmp_path / "images")
    (images / MANIFEST).write_text("{}")
    assert open_inputs([images]).rows == 30


def test_predictions_are_no_images_and_packed_images_no_predictions(
    made: Path, digits_folder: Path, tmp_path: Path
) -> None:
    """Each is one line that says what it is, be it a file or a folder."""
    for out in ("predicted.parquet", "predicted.csv", "predicted/"):
        mnist_batch.predict(digits_folder, f"{tmp_path}/{out}", report=False)
        with pytest.raises(InputError, match="these are predictions: name the images"):
            mnist_batch.pack(f"{tmp_path}/{out}", tmp_path / "packed.parquet")
    with pytest.raises(PredictionsError, match="holds packed images; expected predictions"):
        mnist_batch.evaluate(made / "packed")
    with pytest.raises(PredictionsError, match="holds packed images; expected predictions"):
        mnist_batch.merge(made / "packed", tmp_path / "all.parquet")


def test_in_object_storage_it_is_the_same(made: Path, bucket: Bucket) -> None:
    """Whole, or refused: while it is published, its parts are there without their manifest."""
    address = bucket.put_folder(made / "packed", "deep/packed")
    expected = _rows(open_inputs([made / "packed"]))
    for text in (address, f"{address}/"):
        assert _rows(open_inputs([text])) == expected
    for lost in (SUCCESS, MANIFEST):
        bucket.client.delete_object(Bucket=bucket.name, Key=f"deep/packed/{lost}")
        with pytest.raises(InputError, match="is not whole"):
            open_inputs([address])
    bucket.put_folder(made / "packed", "deep/packed")
    bucket.client.delete_object(Bucket=bucket.name, Key="deep/packed/part-00002.parquet")
    with pytest.raises(InputError, match=r"part-00002\.parquet: is missing"):
        open_inputs([address])
