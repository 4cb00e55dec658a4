"""The whole command on Google's and Azure's storage, as on S3."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mnist_batch.remote import objects, transfers
from tests.support.command import run


@pytest.mark.parametrize("store", ["gs_folder", "az_folder"])
def test_images_are_predicted_from_there_to_there(
    request: pytest.FixtureRequest, digits_folder: Path, model: Path, tmp_path: Path, store: str
) -> None:
    """The rows are those of a run on this machine."""
    folder: str = request.getfixturevalue(store)
    for file in digits_folder.rglob("*.png"):
        name = file.relative_to(digits_folder).as_posix()
        objects.put(f"{folder}/digits/{name}", file.read_bytes())
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    run("predict", digits_folder, "--model", model, "--out", here, "--no-report")
    inputs, out = f"{folder}/digits", f"{folder}/o.parquet"
    done = run("predict", inputs, "--model", model, "--out", out, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    transfers.download(out, there)
    assert pq.read_table(there).equals(pq.read_table(here))
    names = {one.address.removeprefix(folder) for one in objects.listed(folder)}
    assert "/o.report/index.html" in names
    assert not [name for name in names if "staging" in name]
