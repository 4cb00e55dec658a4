"""Inputs meant to do harm, through the command: a row each, and nothing else happens."""

import csv
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.outputs.reader import PredictionsFile
from mnist_batch.synthetic import generator
from mnist_batch.training.data import read_images
from tests.support.encrypted_parquet import encrypted
from tests.support.hostile_images import SMALL, hostile, saved
from tests.support.parquet_files import with_fixed

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
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
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
    """Files of gigabytes, in a dictionary, in a page, of nulls, or only by what they say."""
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
    with_fixed(folder / "fixed.parquet", "image.raw", 2**28, rows=5)
    assert sum(file.stat().st_size for file in folder.iterdir()) < 200_000
    status, _, _, peak_mb = run(
        "predict", folder, "--out", "out.parquet", "--model", model, "--workers", "2",
        "--no-report", "--max-errors", "10000", inside=tmp_path,
    )  # fmt: skip
    assert status == 0
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    errors = {name: [row["error"] for row in found if row["source"] == f"{name}.parquet"]
              for name in ("dictionary", "fixed", "page", "said")}  # fmt: skip
    assert [len(texts) for texts in errors.values()] == [4000, 5, 600, 5]
    assert {text.split(":")[0] for text in errors["dictionary"]} == {"corrupt"}
    assert set(errors["fixed"]) == {"unreadable file: values of 268435456 bytes by its schema"}
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


NAMES = [
    b"=cmd|'calc'!A0.png", b"+1.png", b"-1.png", b"@SUM(1).png", b"\t=1.png",
    b"new\nline.png", b"return\rline.png", b"\x1b[2J\x1b]0;title\x07.png", b"\x9b31m.png",
    "\u202egnp.exe.png".encode(), "\u2028line.png".encode(), b"\xff\xfe.png", b"\xc3\x28.png",
    b"<img src=x onerror=alert(1)>.png", b"$x^{2}$.png", b"$\\frac{.png", b"[bold red]x[.png",
    b"`touch canary`.png", b"$(touch canary).png", b";touch canary;.png", b"%s%n{0}{x!r}.png",
    b"a\\..\\..\\b.png", b"x..png", b"con.png", b"'quoted\".png", b"a,b;c\td.png",
    b"\xf0\x9f\x92\xa3.png", b"n" * 251 + b".png",
]  # fmt: skip
"""Names that a terminal, a spreadsheet, a shell or a page might take for something else."""


def hostile_folder(folder: Path) -> int:
    """Fill a folder with pictures of such names, and with what is no file; return its images."""
    for number, name in enumerate(NAMES):
        content = PNG if number % 2 else saved(SMALL.resize((50, 40)), "PNG")
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(content)
    (folder / "loop").symlink_to(folder)
    (folder / "outside").symlink_to("/")
    (folder / "zero.png").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # the path of a socket may be 108 bytes long
        try:
            server.bind("socket.png")
        finally:
            os.chdir(here)
    (folder / "self.png").symlink_to("self.png")
    (folder / "dangling.png").symlink_to("gone.png")
    (folder / "folder.png").mkdir()
    return len(NAMES) + 2


def controls(text: str) -> set[str]:
    """Return what is in a text that a terminal would obey."""
    return {character for character in text if not character.isprintable()} - {"\n"}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_names_are_obeyed_by_nobody(tmp_path: Path, model: Path, suffix: str) -> None:
    """Each is a row by its name, and no terminal, spreadsheet or shell takes it for another thing.

    Nothing is written but the output, its report and the pictures.
    """
    folder = tmp_path / "in"
    folder.mkdir()
    count = hostile_folder(folder)
    before = set(tmp_path.iterdir())
    status, out, err, _ = run(
        "predict", folder, "--out", f"out.{suffix}", "--model", model, "--save-prepared", "seen",
        inside=tmp_path,
    )  # fmt: skip
    assert status == 3
    assert "missing file" in out
    assert controls(out + err) == set()
    assert {path.name for path in set(tmp_path.iterdir()) - before} == {
        f"out.{suffix}", "out.report", "seen", "status",
    }  # fmt: skip
    assert not list(tmp_path.rglob("canary"))
    found = pa.Table.from_batches(PredictionsFile(tmp_path / f"out.{suffix}").batches())
    names = [os.fsdecode(name).encode("utf-8", "backslashreplace").decode() for name in NAMES]
    sources = found["source"].to_pylist()
    assert len(sources) == count
    assert sorted(sources) == sorted([*names, "self.png", "dangling.png"])
    errors = dict(zip(sources, found["error"].to_pylist(), strict=True))
    assert {errors[name] for name in names} <= {None, "no digit found"}
    assert errors["dangling.png"] == "missing file"
    assert errors["self.png"].startswith("unreadable file: ")
    pictures = [path for path in (tmp_path / "seen").rglob("*") if path.is_file()]
    assert all(path.name.isprintable() and path.suffix == ".png" for path in pictures)
    if suffix == "csv":
        with (tmp_path / "out.csv").open(newline="") as file:
            cells = [row[0] for row in csv.reader(file)]
        assert len(cells) == count + 1
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]


def test_inspecting_says_names_that_control_nothing(tmp_path: Path) -> None:
    """Nor does the JSON of a run, nor a message about one of them."""
    folder = tmp_path / "in"
    folder.mkdir()
    hostile_folder(folder)
    for path in list(folder.iterdir()):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(b"text")
    commands: list[list[str | Path]] = [
        ["inspect", folder],
        ["inspect", folder, "--json"],
        ["predict", folder / "\x1b[2Jgone\n.png", "--out", "a.csv"],
        ["predict", folder / "pipe.png", "--out", "\x1b]0;x\x07.csv"],
    ]
    for arguments in commands:
        _, out, err, _ = run(*arguments, inside=tmp_path)
        assert controls(out + err) == set()


def test_hostile_parquet_files_are_rows_each(tmp_path: Path, model: Path) -> None:
    """Encrypted, nested, of a thousand columns, cut off, of other types: a row for each of them."""
    folder = tmp_path / "in"
    folder.mkdir()
    good = {"image": [PNG] * 3, "label": [1, 2, 3]}
    whole = parquet(folder / "good.parquet", good).read_bytes()
    encrypted(folder / "pages.parquet", {"key": ["image"]}, plaintext_footer=True)
    encrypted(folder / "footer.parquet", {"key": ["image"]})
    nested: pa.DataType = pa.binary()
    for _ in range(200):
        nested = pa.list_(nested)
    parquet(folder / "nested.parquet", {"image": pa.nulls(2, nested)})
    named = {f"\x1b[31m{number}" * 30: [number] for number in range(2000)}
    parquet(folder / "columns.parquet", named)
    parquet(folder / "wide.parquet", {**named, "image": [PNG]})
    twice = pa.Table.from_arrays([pa.array([PNG])] * 2, ["image", "image"])
    parquet(folder / "twice.parquet", twice)
    parquet(folder / "types.parquet", {"image": [1.5], "label": ["x"]})
    for size in (0, 4, 12, len(whole) // 2, len(whole) - 1):
        (folder / f"cut {size}.parquet").write_bytes(whole[:size])
    (folder / "named.parquet").symlink_to("gone")
    os.mkfifo(folder / "pipe.parquet")
    (folder / "png.parquet").write_bytes(PNG)
    status, out, err, _ = run(
        "predict", folder, "--out", "out.parquet", "--model", model, inside=tmp_path
    )
    assert status == 3
    assert controls(out + err) == set()
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len({(row["source"], row["row"]) for row in found}) == len(found)
    errors = [(row["source"], row["error"]) for row in found]
    assert [error for source, error in errors if source == "good.parquet"] == [None] * 3
    assert [error for source, error in errors if source == "wide.parquet"] == [None]
    bad = {source: error for source, error in errors if error is not None}
    assert len(errors) == 4 + 10 + len(bad) - 1  # ten rows of encrypted pages are counted
    assert bad.keys() == {path.name for path in folder.iterdir()} - {
        "good.parquet", "wide.parquet", "pipe.parquet",
    }  # fmt: skip
    for source, error in bad.items():
        expected = "missing file" if source == "named.parquet" else "unreadable file: "
        assert error.startswith(expected)
        assert error.isprintable()
        assert len(error) < 2000


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Three hundred digits of which one hundred are damaged, packed ones, and no Parquet."""
    folder = tmp_path / "in"
    folder.mkdir()
    generator.write_parquet(folder / "a.parquet", 300)
    chunk = pq.read_metadata(folder / "a.parquet").row_group(1).column(0)
    with (folder / "a.parquet").open("r+b") as file:
        file.seek(chunk.dictionary_page_offset)
        file.write(b"\xff" * chunk.total_compressed_size)
    (folder / "b.parquet").write_bytes(b"text")
    generator.write_parquet(tmp_path / "digits.parquet", 20)
    mnist_batch.pack(tmp_path / "digits.parquet", folder / "c.parquet")
    return folder


def test_all_commands_count_the_same_rows(damaged: Path, tmp_path: Path, model: Path) -> None:
    """What cannot be read is counted by each of them, and left out by training alone."""
    lost = {"unreadable file": 101}
    predicted = mnist_batch.predict(damaged, tmp_path / "out.parquet", model=model)
    assert (predicted.metrics.rows, predicted.metrics.errors_by_reason) == (321, lost)
    assert predicted.metrics.labelled == 320
    inspected = mnist_batch.inspect_input(damaged)
    assert (inspected.rows, inspected.readable, inspected.parquet_files) == (321, 220, 3)
    assert {text: rows.count for text, rows in inspected.unreadable.items()} == lost
    packed = mnist_batch.pack(damaged, tmp_path / "packed.parquet")
    assert (packed.rows, packed.errors_by_reason) == (321, lost)
    trained = read_images([str(damaged)])
    assert (len(trained.labels), trained.unreadable) == (220, lost)


def test_what_was_packed_of_damaged_files_predicts_as_they_do(
    damaged: Path, tmp_path: Path, model: Path
) -> None:
    """Rows that were lost keep their names, labels and reasons."""
    mnist_batch.pack(damaged, tmp_path / "packed.parquet")
    names = ["source", "row", "label", "prediction", "error"]
    found, again = (
        pa.Table.from_batches(mnist_batch.stream(inputs, model=model)).select(names)
        for inputs in (damaged, tmp_path / "packed.parquet")
    )
    assert found.num_rows == 321
    assert again.equals(found)


def test_samples_of_damaged_files_are_found_again(
    damaged: Path, tmp_path: Path, model: Path
) -> None:
    """Evaluating with the images that were predicted draws the same samples."""
    summary = mnist_batch.predict(damaged, tmp_path / "out.parquet", model=model)
    (drawn,) = (path for path in map(Path, summary.report_files) if path.name == "samples.png")
    before = drawn.read_bytes()
    mnist_batch.evaluate(tmp_path / "out.parquet", images=damaged, overwrite=True)
    assert drawn.read_bytes() == before


@pytest.mark.parametrize("batch_size", [1, 7, 4096])
@pytest.mark.parametrize("workers", [1, 5])
def test_rows_of_damaged_files_do_not_depend_on_batches(
    damaged: Path, model: Path, batch_size: int, workers: int
) -> None:
    """Nor on the workers: the same rows have the same errors."""
    expected = pa.Table.from_batches(mnist_batch.stream(damaged, model=model))
    options = {"batch_size": batch_size, "workers": workers}
    found = pa.Table.from_batches(mnist_batch.stream(damaged, model=model, **options))  # type: ignore[arg-type] # of several types
    names = ["source", "row", "label", "prediction", "error"]
    assert found.select(names).equals(expected.select(names))
