"""Inputs meant to do harm, through the command: a row each, and nothing else happens."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hostile_images import SMALL, hostile, saved

PNG = saved(SMALL, "PNG")


# What the system itself says of a process counts the memory of the one that started it.
COMMAND = """
import atexit, sys
from pathlib import Path
from mnist_batch.cli import main
atexit.register(lambda: Path("status").write_text(Path("/proc/self/status").read_text()))
sys.argv[0] = "mnist-batch"
main()
"""


def run(*arguments: str | Path, inside: Path) -> tuple[int, str, str, float]:
    """Run the command in a process of its own; return status, stdout, stderr and its peak in MB."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        capture_output=True, cwd=inside, env=environment, check=False,
    )  # fmt: skip
    out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
    assert "Traceback" not in err
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", (inside / "status").read_text())
    return done.returncode, out, err, int(peak) / 1024


def rows(path: Path) -> dict[str, dict[str, object]]:
    """Return the rows of a predictions file by their sources."""
    found = pq.read_table(path).to_pylist()
    by_source = {row["source"]: row for row in found}
    assert len(by_source) == len(found)
    return by_source


def test_hostile_images_are_rows_within_limits(tmp_path: Path, model: Path) -> None:
    """Bombs, giants and what is no image: each is its row, in order, in bounded memory.

    Two at a time take 600 MB each, beside the 200 MB of the command itself.
    """
    folder = tmp_path / "images"
    folder.mkdir()
    expected = {}
    for number, (name, content, error) in enumerate(hostile()):
        source = f"{number:02} {name}.png".replace("/", " ")
        (folder / source).write_bytes(content)
        expected[source] = error
    with (folder / "99 of 129 MB.png").open("wb") as file:
        file.write(PNG)
        file.truncate(129 * 2**20)
    expected["99 of 129 MB.png"] = "too large: "
    status, _, _, peak_mb = run(
        "predict", folder, "--out", "out.parquet", "--model", model, "--workers", "2",
        "--no-report", "--max-errors", "1000", inside=tmp_path,
    )  # fmt: skip
    assert status == 0
    found = rows(tmp_path / "out.parquet")
    assert list(found) == list(expected)
    for source, error in expected.items():
        text = found[source]["error"]
        assert text is None if not error else str(text).startswith(error), (source, text)
    assert peak_mb < 1400


def parquet(path: Path, columns: object, **options: object) -> Path:
    """Write a Parquet file."""
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), path, **options)
    return path


def test_parquet_bombs_are_rows_within_limits(tmp_path: Path, model: Path) -> None:
    """Files that inflate to gigabytes, in a dictionary, in a page, or only by what they say."""
    folder = tmp_path / "bombs"
    folder.mkdir()
    large = pa.array([b"\x89PNG" + bytes(2**20)])
    named = pa.DictionaryArray.from_arrays(pa.array(np.zeros(4000, np.int32)), large)
    parquet(folder / "dictionary.parquet", {"image": named}, compression="zstd")
    inflating = pa.chunked_array([large] * 600)
    options = {"use_dictionary": False, "compression": "zstd", "data_page_size": 2**30}
    parquet(folder / "page.parquet", {"image": inflating}, **options)
    lying = parquet(folder / "said.parquet", {"image": [PNG] * 5}, compression="none")
    say_larger(lying)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 200_000
    status, _, _, peak_mb = run(
        "predict", folder, "--out", "out.parquet", "--model", model, "--workers", "2",
        "--no-report", "--max-errors", "10000", inside=tmp_path,
    )  # fmt: skip
    assert status == 0
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    errors = {name: [row["error"] for row in found if row["source"] == f"{name}.parquet"]
              for name in ("dictionary", "page", "said")}  # fmt: skip
    assert [len(texts) for texts in errors.values()] == [4000, 600, 5]
    assert {text.split(":")[0] for text in errors["dictionary"]} == {"corrupt"}
    assert set(errors["page"]) == {
        "unreadable file: row group 0: a page of over 536870912 bytes at byte 4"
    }
    assert set(errors["said"]) == {
        "unreadable file: row group 0: a page of over 536870912 bytes at byte 4"
    }
    assert peak_mb < 900


def say_larger(path: Path) -> None:
    """Make the first page of an uncompressed file say that it takes 2 GB when decompressed."""
    content = path.read_bytes()
    stored = pq.read_metadata(path).row_group(0).column(0).total_compressed_size
    at = 4
    assert content[at : at + 3] in (b"\x15\x00\x15", b"\x15\x04\x15")  # PageHeader: type, then size
    size = at + 3
    end = size + 1
    while content[end - 1] > 127:
        end += 1
    largest = varint(2 * (2**31 - 1))
    grown = len(largest) - (end - size)
    old, new = (b"\x16" + varint(2 * number) for number in (stored, stored + grown))
    front, back = content[:size] + largest + content[end:-8], content[-8:]
    length = int.from_bytes(back[:4], "little")
    pages, footer = front[:-length], front[-length:]
    assert len(old) == len(new)
    assert footer.count(old) >= 1
    path.write_bytes(pages + footer.replace(old, new) + back)


def varint(number: int) -> bytes:
    """Return a number in sevens of bits, as Thrift's compact protocol has it."""
    parts = [number >> shift & 127 for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(part | 128 for part in parts[:-1]), parts[-1]])
