"""The manifest of a folder of parts: what is written is read, and nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.inputs.dataset.layout import part_name
from mnist_batch.inputs.dataset.manifest import Contents, DatasetManifest, DatasetPart

PARTS = [DatasetPart(part_name(number), 8, f"{number:064x}") for number in range(3)]
WHOLE = DatasetManifest("4dfb6138b0f9b8ec", 9, "1/3", PARTS, {"version": "0.5.0"})


@given(
    rows=st.lists(st.integers(0, 2**40), max_size=5),
    shard=st.none() | st.text(),
    holds=st.sampled_from(Contents),
    record=st.dictionaries(st.text(), st.integers() | st.text()),
)
def test_what_is_written_is_read(
    rows: list[int], shard: str | None, holds: Contents, record: dict[str, int | str]
) -> None:
    """Whatever the record holds; it is plain JSON."""
    parts = [
        DatasetPart(part_name(number), count, f"{count:064x}") for number, count in enumerate(rows)
    ]
    manifest = DatasetManifest("run", len(rows), shard, parts, record, holds)
    assert DatasetManifest.of(manifest.text().encode()) == manifest
    assert json.loads(manifest.text())["record"] == record


def test_a_part_is_a_line() -> None:
    """So that a person can read 100,000 of them."""
    assert '\n  {"name": "part-00001.parquet", "rows": 8, "sha256": "00' in WHOLE.text()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"run": 7},
        {"number_of_parts": "9"},
        {"number_of_parts": -3},
        {"shard": 1},
        {"record": []},
        {"holds": "letters"},
        {"holds": None},
        {"parts": None},
        {"parts": [{"name": "../a.parquet", "rows": 1, "sha256": "0" * 64}]},
        {"parts": [{"name": part_name(0), "rows": -1, "sha256": "0" * 64}]},
        {"parts": [{"name": part_name(0), "rows": 1, "sha256": "0"}]},
        {"parts": [{"name": 1, "rows": 1, "sha256": "0" * 64}]},
        {"parts": [{"rows": 1, "sha256": "0" * 64}]},
    ],
)
def test_what_is_no_manifest_is_refused_in_a_line(change: dict[str, object]) -> None:
    """No name leads out of the folder, and a later format is not guessed at."""
    text = json.dumps(json.loads(WHOLE.text()) | change)
    with pytest.raises(ValueError, match=r"^it"):
        DatasetManifest.of(text.encode())


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"format": 1}', "\x00"])
def test_what_is_no_json_is_damaged(text: str) -> None:
    """One line, whatever the bytes."""
    with pytest.raises(ValueError, match=r"^it is damaged$"):
        DatasetManifest.of(text.encode())
